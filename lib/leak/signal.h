/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why: one line per thing asked of a process, what it measured, and the points
 * it gave to the confidence or took from it.
 */
#ifndef PF_LIB_LEAK_SIGNAL_H
#define PF_LIB_LEAK_SIGNAL_H

#include <stdbool.h>
#include <stddef.h>

enum pf_signal_id {
	PF_SIGNAL_GROWTH,     /* bytes the floor rose over the window */
	PF_SIGNAL_SPREAD,     /* share of the steps that carry it */
	PF_SIGNAL_DRIFT,      /* mean step in standard errors: more than a random walk gets */
	PF_SIGNAL_STEADY,     /* growth of the second half / of the first */
	PF_SIGNAL_SETTLED,    /* same ratio: growth fills the window */
	PF_SIGNAL_NEW_GROUND, /* bytes above every earlier peak, or floor of a sawtooth */
	PF_SIGNAL_OUTGROWS,   /* this rise against earlier rises */
	PF_SIGNAL_TEETH,      /* instead of outgrows: height of teeth / growth of their floor */
	PF_SIGNAL_LENGTH,     /* seconds of the window */
	PF_SIGNAL_REPEATED,   /* passed twice in a row */
	PF_SIGNAL_SIZE,	      /* RSS + swap in bytes */
	PF_SIGNAL_GRACE,      /* seconds since the process started */
	PF_SIGNAL_TIME_LEFT, /* seconds until memory runs out, where that comes before grace ends */
	PF_SIGNAL_CEILING,   /* bytes: below the limit it declares, where it will stop */
	PF_SIGNAL_BUDGET,   /* bytes used of a limit that was set for it, while less than half is */
	PF_SIGNAL_KIN,	    /* bytes: below where others of its kind came to rest */
	PF_SIGNAL_PATIENCE, /* seconds of growth, asked of what is slow and lasts for days */
	/* what the models beside the trend ask (model.h); measured NaN = unknown */
	PF_SIGNAL_FAULT_RATE,	   /* faults per second */
	PF_SIGNAL_RSS_GROWTH,	   /* of RSS since first sight, as a share */
	PF_SIGNAL_ANONYMOUS,	   /* share of the faults */
	PF_SIGNAL_VSZ_RATIO,	   /* VSZ / RSS */
	PF_SIGNAL_SMOOTH,	   /* variance of the relative growth; less is needed */
	PF_SIGNAL_RELEASES,	   /* times that memory was given back; none is needed */
	PF_SIGNAL_CORRELATION,	   /* of fault rate and RSS */
	PF_SIGNAL_FAULT_TREND,	   /* the fault rate's rise, as a share */
	PF_SIGNAL_ACCELERATION,	   /* growth of the second half beyond the first's, share of RSS */
	PF_SIGNAL_BASELINE,	   /* growth of RSS in bytes per second */
	PF_SIGNAL_FAST_GROWTH,	   /* same */
	PF_SIGNAL_VSZ_GROWTH,	   /* growth of VSZ / growth of RSS */
	PF_SIGNAL_FAULTS_CRITICAL, /* faults per second */
	PF_N_SIGNALS,
};

#define PF_SIGNALS_MAX 14

struct pf_signal {
	enum pf_signal_id id;
	const char *name; /* fit for a JSON key: "growth", "new_ground" */
	bool passed;
	int points;
	double measured; /* in the unit above */
	double needed; /* at least this; settled, time_left, smooth, releases: at most; of the models beside the trend: more, or less */
};

const char *pf_signal_name(enum pf_signal_id id);

/* One line for people: "+10 growth: the floor rose by 61M, 6.0M are needed". Returns dst. */
char *pf_signal_text(char *dst, size_t size, const struct pf_signal *signal);

#endif
