/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From samples to chains of calls with their bytes: takes what the kernel tells,
 * has stacks unwound, and adds up. Prints only notes.
 */
#ifndef PF_TOOLS_PFSTACK_COLLECT_H
#define PF_TOOLS_PFSTACK_COLLECT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/observe/capture.h"
#include "lib/stack/symbolizer.h"
#include "lib/stack/traces.h"
#include "tools/pfstack/mappings.h"
#include "tools/pfstack/opts.h"
#include "tools/pfstack/pending.h"
#include "tools/pfstack/procs.h"

#define PFSTACK_HEAP_RING_BYTES (4u << 20)
#define PFSTACK_RING_BYTES	(8u << 20) /* samples that wait: about 400 of 20 KiB each */

struct pf_cgroups;
struct pf_error;
struct pfstack_growth;
struct pfstack_heap;

/* What marks of a trace's sum are for; in growth mode they are that one's own. */
enum pfstack_mark {
	MARK_PERIOD,  /* bytes of this period, not scaled yet */
	MARK_SHOWN,   /* bytes at the last summary ... */
	MARK_SAMPLES, /* ... and samples */
	MARK_KEPT = PF_TRACE_KEPT,
};

struct pfstack_counts {
	uint64_t samples;   /* of wanted processes */
	uint64_t unsettled; /* whose class and size never came */
	uint64_t crowded;   /* given up: too many on their way */
};

struct pfstack_collect {
	const struct pfstack_opts *opts;
	struct pf_capture *capture; /* NULL where there is a heap */
	struct pf_symbolizer *symbolizer;
	struct pf_traces *traces;
	struct pf_cgroups *cgroups;
	struct pfstack_mappings mappings;
	struct pfstack_procs procs;
	struct pfstack_pendings pendings;
	struct pfstack_growth *growth;			/* NULL in other modes */
	struct pfstack_heap *heap;			/* so it is */
	struct pfstack_pending *again[PF_UNWIND_BATCH]; /* to be unwound with new maps */
	size_t n_again;
	struct pfstack_counts counts;
};

/* Everything is loaded and attached. 0 or -errno with *err filled; close in any case. */
int pfstack_collect_open(struct pfstack_collect *c, const struct pfstack_opts *opts,
			 struct pf_error *err);
void pfstack_collect_close(struct pfstack_collect *c);

/* What tells of samples, and a descriptor that is readable when many wait. */
const char *pfstack_collect_backend(const struct pfstack_collect *c);
int pfstack_collect_fd(const struct pfstack_collect *c);

/* The capabilities (lib/base/caps.h) that the calls below take. */
uint64_t pfstack_collect_caps(const struct pfstack_collect *c);

/* Take what waits, and unwind it. 0 or -errno with *err filled. */
int pfstack_collect_drain(struct pfstack_collect *c, struct pf_error *err);

/*
 * Everything that has happened so far is in the sums: settled as far as it is
 * over, scaled to the faults that were counted. At the end of a run nothing is
 * waited for any more. 0 or -errno with *err filled.
 */
int pfstack_collect_period(struct pfstack_collect *c, struct pf_error *err);
int pfstack_collect_end(struct pfstack_collect *c, struct pf_error *err);

/* All processes named by --pid have ended. */
bool pfstack_collect_all_gone(const struct pfstack_collect *c);

#endif
