/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a tool's moments come from: the kernel at every tick, or a recording
 * as fast as it can be read. Selects what the user asked for, records it when
 * that was asked for, and ends when count, duration, signal, the named
 * processes or the recording do.
 */
#ifndef PF_LIB_CLI_SOURCE_H
#define PF_LIB_CLI_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/observe/observe.h"
#include "lib/record/header.h"
#include "lib/record/sample.h"

struct pf_common;
struct pf_error;
struct pf_source;

struct pf_source_need {
	bool exe;	      /* samples carry the executable's name */
	bool survives_hangup; /* SIGHUP does not end it, it gives PF_SOURCE_HANGUP */
	uint64_t caps;	      /* capabilities (lib/base/caps.h) that the tool itself uses later */
	size_t ring_bytes;    /* room for records of exits; 0 = the usual */
	bool tracing;	      /* fault events, if they can be had; else the kernel's totals do */
};

enum pf_source_event {
	PF_SOURCE_MOMENT,
	PF_SOURCE_HANGUP, /* *moment is untouched */
	PF_SOURCE_END,
	PF_SOURCE_FAILED, /* *err is filled */
};

struct pf_moment {
	double ts;
	double mono_s;
	double interval_s;
	const struct pf_sample *const *samples; /* the selected ones; valid until the next call */
	size_t n;
	struct pf_losses losses;
};

/*
 * Attached, baseline taken, all capabilities given up that are not needed any
 * more: open what takes them before. *c must outlive it. NULL with *err filled.
 */
struct pf_source *pf_source__open(const struct pf_common *c, const struct pf_source_need *need,
				  struct pf_error *err);

enum pf_source_event pf_source__next(struct pf_source *s, struct pf_moment *moment,
				     struct pf_error *err);

/* The header record of this run; in replay host, kernel and backend are the recording's. */
const struct pf_header *pf_source__header(struct pf_source *s);

/* NULL in replay. */
const struct pf_observe *pf_source__observe(const struct pf_source *s);

/* Moments so far and the time from the start to the last one. */
uint64_t pf_source__moments(const struct pf_source *s);
double pf_source__elapsed_s(const struct pf_source *s);
/* Lines of the recording that were skipped. */
uint64_t pf_source__skipped(const struct pf_source *s);

/* Write what is buffered of the recording; 0 or -errno with *err filled. */
int pf_source__finish(struct pf_source *s, struct pf_error *err);
void pf_source__close(struct pf_source *s); /* NULL-safe */

#endif
