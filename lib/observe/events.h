/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fault events of one process, from readings to increases. Same rules as
 * for its totals: a pass may miss a thread that moves but sees no event twice,
 * so the highest sum so far is the best one.
 */
#ifndef PF_LIB_OBSERVE_EVENTS_H
#define PF_LIB_OBSERVE_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/pf_abi.h"

enum { PF_EV_READ = PF_EVENTS, PF_EVENT_SUMS }; /* what is neither write nor exec */

struct pf_event_totals {
	uint64_t dead[PF_EVENTS];   /* what dead threads left with the leader, in this pass ... */
	uint64_t sum[PF_EVENTS];    /* ... and with it what the living have */
	uint64_t handed[PF_EVENTS]; /* told by hand-over and exit records */
	uint64_t handed_next[PF_EVENTS]; /* ... that came during the pass */
	uint64_t total[PF_EVENT_SUMS];	 /* highest so far */
	uint64_t reported[PF_EVENT_SUMS];
};

/* What stands behind a head or a record; NULL = nothing. `dead` only where a thread has died. */
const struct pf_events *pf_events_own(const struct pf_task_head *head);
const struct pf_events *pf_events_dead(const struct pf_task_head *head);

/* Is the size of the record what its flags say? */
bool pf_events_fit(const struct pf_task_head *head);

/* The process's first record of a pass, and each of its threads. */
void pf_events_begin(struct pf_event_totals *t, const struct pf_task_head *head);
void pf_events_restart(struct pf_event_totals *t); /* the next one is its only thread */
void pf_events_add(struct pf_event_totals *t, const struct pf_task_head *head);

/* A hand-over or exit record came, in the middle of a pass or not. */
void pf_events_hand(struct pf_event_totals *t, const struct pf_task_head *head, bool in_pass);

/* The process has ended: what was handed over is all there is. */
void pf_events_final(struct pf_event_totals *t);

/* The pass is over; seen = it read the whole process. */
void pf_events_end(struct pf_event_totals *t, bool seen);

/* Nothing of what there is so far is to be reported. */
void pf_events_forget(struct pf_event_totals *t);

/* Is there something that was not reported? */
bool pf_events_news(const struct pf_event_totals *t);

/* What came since the last call. */
void pf_events_take(struct pf_event_totals *t, int64_t increase[PF_EVENT_SUMS]);

#endif
