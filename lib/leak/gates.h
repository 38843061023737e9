/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is asked of one window before its growth is called a leak: enough of
 * it, spread over the window, not slowing down, not just begun, to new ground,
 * for long enough. Constants were measured on a labelled corpus; they may move
 * by a third without much harm.
 *
 * growth	the floor's rise, between the medians of its first and last
 *		quarter, is >= 6 MB, 1 % of the base, 4 sigma of its noise, twice
 *		the error of the figures
 * spread	45 % of its steps carry 0.2 of the mean step: not a jump or two
 * drift	its mean step is >= 3 standard errors, where the rise is even
 *		(settled): noise about a line goes on, what adds up by chance seldom
 * steady	the second half rises >= 0.5 of the first; 0.8 or 0.96 where
 *		Welch's t (2.2, 3.5) leaves no doubt; so for the next three
 *		longer windows, unless this one is a straight line of >= 640 s
 * settled	the second half rises <= 2 times the first, or >= 1250 s
 * new_ground	the last floor lies above the top of the first three quarters by
 *		0.6 of what a line gains in the last one, and above all that was
 *		before by 0.4 of the growth; "floor" here with the ripple of the
 *		points added, as a slow rise never parts floors from tops
 * outgrows	the present rise is 1.2 times as high and twice as long as the
 *		rises before it
 * teeth	0.3 as high as the growth inside the buckets, four or more: then the
 *		minima are a true floor; it need not pass its own peaks, only the
 *		floors of the first half by 0.3 and those before by 0.5 of the
 *		growth, and no rise need outgrow another; where teeth are longer
 *		than half the distance of points, their troughs must rise as well,
 *		by 0.3 of the growth
 * length	>= 1250 s; 640 s with 10 % of growth; 300 s with 15 % and 64 MB
 *
 * Lengths scale with the pace (trend.h).
 */
#ifndef PF_LIB_LEAK_GATES_H
#define PF_LIB_LEAK_GATES_H

#include <stdint.h>

#include "lib/leak/finding.h"
#include "lib/leak/history.h"
#include "lib/leak/window.h"

struct pf_gate_terms {
	double pace;	     /* 0.1 to 1 */
	int64_t error_bytes; /* by which the figures may be off */
};

/*
 * Measure a window of h and note which gates it failed. "repeated" and the
 * confidence are left to the caller.
 */
void pf_gates_judge(struct pf_finding *f, const struct pf_window *w, const struct pf_history *h,
		    const struct pf_gate_terms *terms);

#endif
