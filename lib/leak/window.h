/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A window on a history: up to 16 points at even distances, and robust figures
 * about them. Decides nothing.
 */
#ifndef PF_LIB_LEAK_WINDOW_H
#define PF_LIB_LEAK_WINDOW_H

#include <stdint.h>

#include "lib/leak/history.h"

#define PF_WINDOW_POINTS PF_HISTORY_POINTS

/* Where a window comes from: an octave's number, or one of these. */
enum {
	PF_WINDOW_TROUGHS = PF_HISTORY_OCTAVES, /* the lowest points between rises */
	PF_WINDOW_NEWEST,			/* the last few base buckets, the open one too */
	PF_WINDOW_NONE,
};

struct pf_window {
	float floor[PF_WINDOW_POINTS]; /* lowest bytes at each point, oldest first */
	float top[PF_WINDOW_POINTS];   /* highest */
	unsigned int n;
	unsigned int from; /* octave or PF_WINDOW_* */
	uint32_t first;	   /* base bucket at which it begins; the troughs' window: 0 */
	double step_s;	   /* mean distance of two points */
	double length_s;
};

/* The last n buckets of octave k; n <= pf_history_kept(h, k). */
void pf_window_octave(struct pf_window *w, const struct pf_history *h, unsigned int k,
		      unsigned int n);

/* The last troughs that lie after since_s (on the history's own time). */
void pf_window_troughs(struct pf_window *w, const struct pf_history *h, double since_s);

/* The last n - 1 closed base buckets and the open one; n - 1 <= pf_history_kept(h, 0). */
void pf_window_newest(struct pf_window *w, const struct pf_history *h, unsigned int n);

/* Points at each end of which the median is taken: a quarter, at least one. */
static inline unsigned int pf_window_quarter(const struct pf_window *w)
{
	return w->n < 8 ? 1 : w->n / 4;
}

/* Steps between the middles of the first and the last quarter. */
static inline unsigned int pf_window_steps(const struct pf_window *w)
{
	return w->n - pf_window_quarter(w);
}

/* Rise of the floor from the first quarter's median, put in *base, to the last one's. n >= 2. */
double pf_window_growth(const struct pf_window *w, double *base);

/* Spread of the floor about the line of that growth: 1.4826 times the median absolute deviation. */
double pf_window_noise(const struct pf_window *w, double base, double growth);

/* Share of the floor's steps that rise by at least `part` of the mean step of that growth. */
double pf_window_spread(const struct pf_window *w, double growth, double part);

/*
 * The mean step of the floor in standard errors of it, the correlation of one step with the next
 * taken in: noise about a line corrects itself, what wanders does not. 100 at most. n >= 3.
 */
double pf_window_drift(const struct pf_window *w);

/* Median over the points of top - floor: the height of the teeth inside the buckets. */
double pf_window_teeth(const struct pf_window *w);

/* The second half of the floor's steps against the first. */
struct pf_halves {
	double ratio; /* of the mean steps, 0 to 10; 10 where only the second half rises */
	double t;     /* Welch's t of first - second: positive where it slows down */
};

/* Steps are capped at `cap` times their median, so that a single jump weighs little. n >= 5. */
struct pf_halves pf_window_halves(const struct pf_window *w, double cap);

#endif
