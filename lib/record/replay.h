/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads recordings: JSON Lines of samples, plain or gzip, from a file or from
 * standard input. Never gives up on a broken line: it is reported with its
 * number through the callback and skipped. Memory is bounded by the longest
 * accepted line and the samples of one moment.
 */
#ifndef PF_LIB_RECORD_REPLAY_H
#define PF_LIB_RECORD_REPLAY_H

#include <stdint.h>

#include "lib/record/header.h"
#include "lib/record/sample.h"

struct pf_error;
struct pf_replay;

#define PF_REPLAY_LINE_MAX   (1 << 20) /* longer lines are reported and skipped */
#define PF_REPLAY_MOMENT_MAX (1 << 20) /* samples of one moment; the rest is reported and skipped */

/* line = 1-based number; what = one sentence, safe to print. */
typedef void (*pf_replay_complain_fn)(void *ctx, uint64_t line, const char *what);

struct pf_replay_stats {
	uint64_t lines;
	uint64_t samples;
	uint64_t bad_lines;   /* reported and skipped */
	uint64_t other;	      /* records of another type, skipped as they should be */
	uint64_t clock_steps; /* moments at which time ran backwards: reported, taken as a step */
};

/* path "-" = standard input. NULL on failure with *err filled. */
struct pf_replay *pf_replay__open(const char *path, pf_replay_complain_fn complain, void *ctx,
				  struct pf_error *err);

/*
 * Next moment: the consecutive samples with one ts. interval->samples and
 * their strings stay valid until the next call. mono_s follows ts, but where
 * ts runs backwards it goes on by the sample's interval_s. Returns 1, 0 at the
 * end, -errno with *err filled when the input cannot be read any further (a
 * truncated gzip file: after everything before the break was returned).
 */
int pf_replay__next(struct pf_replay *r, struct pf_interval *interval, struct pf_error *err);

/* The header record last read, or NULL when the recording had none so far. */
const struct pf_header *pf_replay__header(const struct pf_replay *r);
const struct pf_replay_stats *pf_replay__stats(const struct pf_replay *r);
void pf_replay__close(struct pf_replay *r);

#endif
