/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trend model: is the floor of a history rising, steadily, to ground where
 * it never was, and for long enough to be no warm-up?
 *
 * Windows from 12 base buckets (2 minutes) to 16 of 2,048 (4 days) are judged as their
 * buckets close, each by the same gates (gates.h), and short ones must agree
 * twice in a row. So are the troughs of a sawtooth, and the last minute alone,
 * which is never worth more than a watch. The surest window speaks for the
 * process.
 *
 * Pace: whoever shortens the grace below 600 s asks for quicker and less sure
 * answers. pace = grace / 600 s, from 0.1 to 1, scales the base bucket (10 s)
 * and every length that is asked for.
 */
#ifndef PF_LIB_LEAK_TREND_H
#define PF_LIB_LEAK_TREND_H

#include <stdint.h>

#include "lib/leak/finding.h"
#include "lib/leak/gates.h"
#include "lib/leak/history.h"
#include "lib/leak/window.h"

#define PF_TREND_BUCKET_S 10.0 /* base bucket at pace 1 */
#define PF_TREND_PACE_MIN 0.1

/* One process's judging. */
struct pf_trend {
	uint8_t confidence[PF_WINDOW_NONE]; /* by window, as of its last judging */
	uint8_t streak[PF_WINDOW_NONE];	    /* successive judgings that passed all gates */
	uint32_t troughs;		    /* judged so far */
	uint32_t since; /* windows that begin before this base bucket are old news */
	struct pf_finding best;
};

double pf_trend_pace(double grace_s);
void pf_trend_init(struct pf_trend *t);

/* Judge what the last `closed` base buckets made complete. */
void pf_trend_update(struct pf_trend *t, const struct pf_history *h, uint32_t closed,
		     const struct pf_gate_terms *terms);

/* The longest window that is worth so much: its length in seconds, 0 = none is. */
double pf_trend_seen(const struct pf_trend *t, const struct pf_history *h, int confidence);

/* From now on only windows that begin here count. */
void pf_trend_forget(struct pf_trend *t, const struct pf_history *h);

#endif
