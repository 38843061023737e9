/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a window on a history showed, and what that is worth:
 *
 *	all gates passed	70 + 10 min(1, ratio of halves) + 10 min(1, 2 growth / base)
 *				   + 10 min(1, length / 5120 s)
 *	only "length" missing	50 + up to 9
 *	else			60 - 12 for each failed gate (10 for "length"), never below 0
 *
 * Growth of less than 2 MB is worth 0.
 */
#ifndef PF_LIB_LEAK_FINDING_H
#define PF_LIB_LEAK_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/leak/signal.h"

#define PF_GROWTH_SEEN ((double)(2 << 20)) /* bytes; below nothing is asked any further */

/* Bytes and seconds. Below PF_GROWTH_SEEN nothing but growth and noise is measured. */
struct pf_finding {
	uint8_t window; /* octave, or PF_WINDOW_*; PF_WINDOW_NONE = nothing judged yet */
	uint8_t points;
	uint8_t confidence;
	uint16_t failed; /* bit per enum pf_signal_id */
	bool teeth;	 /* a sawtooth: measured by its floor alone */
	float pace;
	float length_s;
	float span_s; /* between the middles of first and last quarter */
	float base;   /* the first quarter's floor */
	float growth;
	float growth_needed;
	float noise; /* of the floor about its line, one sigma */
	float spread;
	float spread_needed;
	float ratio; /* second half / first half of this window */
	float drift; /* of its steps, in standard errors; NaN = not asked */
	float drift_needed;
	float steady; /* that of the window, this or a coarser one, that decided ... */
	float steady_needed;
	float settled_needed;
	float ground; /* last floor above the highest earlier one that matters */
	float ground_needed;
	float outgrows;	   /* this rise against earlier ones; 1 is needed */
	float teeth_share; /* height of teeth / growth */
	float teeth_needed;
	float length_needed_s;
};

/* Note the outcome of a gate. */
static inline void pf_finding_gate(struct pf_finding *f, enum pf_signal_id id, bool passed)
{
	if (!passed)
		f->failed |= 1u << id;
}

static inline bool pf_finding_failed(const struct pf_finding *f, enum pf_signal_id id)
{
	return f->failed & 1u << id;
}

/* Was there a window, and did it pass all gates but that of length, as a watch must? */
bool pf_finding_grows(const struct pf_finding *f);

/* Set the confidence from the outcomes. */
void pf_finding_sum_up(struct pf_finding *f);

/*
 * As signals whose points add up to the confidence; room for PF_SIGNALS_MAX.
 * Returns how many; 0 = nothing judged yet.
 */
size_t pf_finding_signals(const struct pf_finding *f, struct pf_signal *signals);

/* Bytes per second of the floor and their standard error; NaN = nothing judged yet. */
double pf_finding_rate(const struct pf_finding *f);
double pf_finding_rate_error(const struct pf_finding *f);

#endif
