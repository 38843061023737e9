/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stays, and gets more: remembers the pages that sampled faults brought
 * in (each page is sampled at all its faults or at none, so who brought it in
 * last is known), and asks at the end of each interval which of them are still there. A
 * chain of calls grows when more of its memory is there than an interval
 * before. Says who touched a page first, not who keeps it.
 */
#ifndef PF_TOOLS_PFSTACK_GROWTH_H
#define PF_TOOLS_PFSTACK_GROWTH_H

#include <stdint.h>

#include "lib/stack/traces.h"
#include "tools/pfstack/procs.h"

#define PFSTACK_GROWTH_PAGES_MAX (1u << 18) /* remembered; of others nothing is known */

/* What an output of this mode has to say. */
#define PFSTACK_GROWTH_LIMITS                                                                      \
	"growth names who touched memory first: in a heap that recycles what was freed, that "     \
	"need not be who leaks"

struct pfstack_growth;

struct pfstack_growth_stats {
	uint64_t remembered; /* pages, now */
	uint64_t forgotten;  /* pages for which there was no room */
	uint64_t unread;     /* processes whose page tables could not be read */
	uint32_t intervals;
};

struct pfstack_growth *pfstack_growth_new(void); /* NULL without memory */
void pfstack_growth_free(struct pfstack_growth *g);

/* A process that is looked at from now on, or runs another program: its page tables are opened. */
void pfstack_growth_meet(struct pfstack_growth *g, struct pfstack_proc *proc);
/* Its pages are forgotten. */
void pfstack_growth_forget(struct pfstack_growth *g, const struct pfstack_proc *proc);

/* A sampled fault has brought so much memory in. */
void pfstack_growth_add(struct pfstack_growth *g, struct pfstack_proc *proc,
			const struct pf_trace_sum *sum, uint64_t address, int64_t bytes);

/*
 * An interval is over: sets the bytes of all traces to what they have more than
 * at the end of the first interval, or to 0 where they did not get more in this
 * one and the one before, by more than chance brings about. 0 or -ENOMEM.
 */
int pfstack_growth_interval(struct pfstack_growth *g, struct pfstack_procs *procs,
			    struct pf_traces *traces);

/*
 * What a trace has more or less than at the end of the first interval, whether
 * it grows or not: of all traces of a process it adds up to what its memory has
 * changed by, as far as that was by faults.
 */
int64_t pfstack_growth_change(const struct pf_trace_sum *sum);

void pfstack_growth_stats(const struct pfstack_growth *g, struct pfstack_growth_stats *out);

#endif
