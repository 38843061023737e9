/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * allocs: what one process's allocator has handed out in a window of time and
 * not got back. Samples by bytes, at a rate that follows the process's; each
 * stands for 1/p of its kind, p being the chance with which it was drawn, so
 * that sums are right in the mean. What is kept longer than half of the window
 * is what may be leaking.
 */
#ifndef PF_TOOLS_PFSTACK_HEAP_H
#define PF_TOOLS_PFSTACK_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/observe/allocs.h"
#include "lib/stack/traces.h"
#include "tools/pfstack/functions.h"
#include "tools/pfstack/pending.h"

struct pf_error;
struct pfstack_heap;

struct pfstack_heap_options {
	int64_t pid;
	uint64_t least_bytes;
	uint64_t most_bytes;
	uint32_t hz;	/* samples a second, about */
	uint32_t every; /* mean gap in bytes instead; 0 = by hz */
	bool chain;
	size_t ring_bytes;
};

/* What is outstanding, and what of it is older than half the window; with their standard errors. */
struct pfstack_heap_sums {
	double window_s;
	double bytes, error_bytes;
	double kept_bytes, kept_error_bytes;
	uint64_t samples; /* that these are made of */
};

struct pfstack_heap_stats {
	struct pf_allocs_counts counts; /* in the window */
	uint64_t inner;	  /* samples of calls that an allocator made of itself: not counted */
	uint64_t unnoted; /* samples without memory to note them in */
	bool ended;	  /* the process has, or runs another program: */
	bool replaced;
	double ended_s; /* so long after the beginning */
};

/* Loads the programs, which look for the process: ops.news is told NAMED. NULL with *err filled. */
struct pfstack_heap *pfstack_heap_new(const struct pfstack_heap_options *options,
				      const struct pf_capture_ops *ops, struct pf_error *err);
void pfstack_heap_free(struct pfstack_heap *h); /* NULL-safe */

/* Puts probes at the functions, and sees for a moment how much is asked for: then the window begins. */
int pfstack_heap_start(struct pfstack_heap *h, struct pfstack_mappings *m,
		       const struct pfstack_proc *proc, struct pf_error *err);

struct pf_allocs *pfstack_heap_source(struct pfstack_heap *h);

/* A sample with its stack. */
void pfstack_heap_add(struct pfstack_heap *h, const struct pfstack_pending *one,
		      struct pf_trace_sum *sum);
/* Is it of a call that the allocator made of itself? Then the call around it was drawn, or was not. */
bool pfstack_heap_is_inner(struct pfstack_heap *h, const struct pfstack_pending *one);

/* Now and then: the gap follows the process. */
void pfstack_heap_follow(struct pfstack_heap *h);

/* The process has ended, or runs another program. */
void pfstack_heap_over(struct pfstack_heap *h, bool replaced, double ts);

/* As of now: sets bytes, samples and mark[MARK_KEPT] of all traces. 0 or -errno. */
int pfstack_heap_take(struct pfstack_heap *h, struct pf_traces *traces);

/* After a take: have the stacks that keep most been the same, in the same order, for a while? */
bool pfstack_heap_settled(struct pfstack_heap *h, struct pf_traces *traces);

void pfstack_heap_sums(const struct pfstack_heap *h, struct pfstack_heap_sums *out);
void pfstack_heap_stats(const struct pfstack_heap *h, struct pfstack_heap_stats *out);
const struct pfstack_functions *pfstack_heap_functions(const struct pfstack_heap *h);
uint32_t pfstack_heap_gap(const struct pfstack_heap *h);

#endif
