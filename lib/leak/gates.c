/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The gates; see the header. Each stands for one kind of healthy program that
 * grows: noise, a jump, a cache that fills, a start, a sawtooth, a busy hour.
 */
#include "lib/leak/gates.h"

#include <math.h>
#include <string.h>

#define MB ((double)(1 << 20))

/* growth */
#define GROWTH_BYTES  (6 * MB)
#define GROWTH_SHARE  0.01
#define GROWTH_SIGMAS 4
#define GROWTH_ERRORS 2
/* spread */
#define SPREAD_MIN  0.45
#define SPREAD_PART 0.2
/* drift */
#define DRIFT_ERRORS 3
/* steady: slows down clearly, or less but beyond doubt */
#define STEP_CAP	 3
#define RATIO_SLOW	 0.5
#define RATIO_SLOWER	 0.8
#define T_SLOWER	 2.2
#define RATIO_NOT_LINEAR 0.96
#define T_NOT_LINEAR	 3.5
#define RATIO_STRAIGHT	 0.93
#define STRAIGHT_S	 640
#define COARSER		 3 /* longer windows that are asked, too, ... */
#define COARSER_POINTS	 8 /* ... where they have so many */
/* settled */
#define RATIO_BEGUN 2
#define SETTLED_S   1250
/* new ground */
#define GROUND_BYTES  MB
#define GROUND_BEFORE 0.4 /* of the growth, above all that lies before the window */
#define GROUND_WITHIN 0.6 /* of what a straight line gains over the last quarter */
#define HIGHER	      1.2
#define LONGER	      2
#define TEETH_SHARE   0.3
#define TEETH_TROUGHS 4
#define BEAT_PART     0.5 /* of the distance of points: shorter teeth do not beat with them */
#define BEAT_GROWTH   0.3 /* of the floor's growth, in the same time */
#define FLOOR_PART    0.5 /* of the window's points a sawtooth's floor must pass ... */
#define FLOOR_WITHIN  0.3 /* ... by this much of the growth ... */
#define FLOOR_BEFORE  0.5 /* ... and all floors before the window by this much */
/* length: any growth, a good part of the size, a big part of it */
#define LENGTH_S      1250
#define LENGTH_GOOD_S 640
#define GOOD_SHARE    0.10
#define LENGTH_BIG_S  300
#define BIG_SHARE     0.15
#define BIG_BYTES     (64 * MB)

static void judge_growth(struct pf_finding *f, const struct pf_gate_terms *terms)
{
	double least = fmax(GROWTH_BYTES, GROWTH_SHARE * f->base);

	least = fmax(least, GROWTH_SIGMAS * f->noise);
	least = fmax(least, GROWTH_ERRORS * (double)terms->error_bytes);
	f->growth_needed = (float)least;
	pf_finding_gate(f, PF_SIGNAL_GROWTH, f->growth >= f->growth_needed);
}

static void judge_spread(struct pf_finding *f, const struct pf_window *w)
{
	f->spread = (float)pf_window_spread(w, f->growth, SPREAD_PART);
	f->spread_needed = (float)SPREAD_MIN;
	pf_finding_gate(f, PF_SIGNAL_SPREAD, f->spread >= f->spread_needed);
}

/* The ratio of halves that this t still allows. */
static double ratio_needed(double t)
{
	if (t > T_NOT_LINEAR)
		return RATIO_NOT_LINEAR;
	return t > T_SLOWER ? RATIO_SLOWER : RATIO_SLOW;
}

static bool slows_down(struct pf_finding *f, const struct pf_halves *halves)
{
	f->steady = (float)halves->ratio;
	f->steady_needed = (float)ratio_needed(halves->t);
	return f->steady < f->steady_needed;
}

/* Does a longer window that ends with this one slow down? */
static bool slows_down_before(struct pf_finding *f, const struct pf_history *h, unsigned int k)
{
	for (unsigned int last = k + COARSER; ++k <= last && k < PF_HISTORY_OCTAVES;) {
		struct pf_window w;
		struct pf_halves halves;

		if (pf_history_kept(h, k) < COARSER_POINTS)
			break;
		pf_window_octave(&w, h, k, pf_history_kept(h, k));
		halves = pf_window_halves(&w, STEP_CAP);
		if (slows_down(f, &halves))
			return true;
	}
	return false;
}

static void judge_steady(struct pf_finding *f, const struct pf_window *w,
			 const struct pf_history *h, double pace)
{
	struct pf_halves halves = pf_window_halves(w, STEP_CAP);
	bool slow = slows_down(f, &halves);
	bool straight;

	f->ratio = (float)halves.ratio;
	/* a cache that filled before does not excuse a straight line after it */
	straight = halves.ratio >= RATIO_STRAIGHT && w->length_s >= STRAIGHT_S * pace;
	if (!slow && !straight && w->from < PF_HISTORY_OCTAVES) {
		struct pf_finding coarser = *f;

		slow = slows_down_before(&coarser, h, w->from);
		if (slow) {
			f->steady = coarser.steady;
			f->steady_needed = coarser.steady_needed;
		}
	}
	pf_finding_gate(f, PF_SIGNAL_STEADY, !slow);
	f->settled_needed = RATIO_BEGUN;
	pf_finding_gate(f, PF_SIGNAL_SETTLED,
			f->ratio <= RATIO_BEGUN || w->length_s >= SETTLED_S * pace);
}

/* Highest top of the window's points but the last quarter. */
static double peak_within(const struct pf_window *w)
{
	double peak = 0;

	for (unsigned int i = 0; i < pf_window_steps(w); i++)
		peak = fmax(peak, w->top[i]);
	return peak;
}

/* How far the present rise is beyond earlier ones: 1 = as high and as long as is asked. */
static double outgrows(const struct pf_turns *t)
{
	double high = (double)t->extreme.value - t->from.value;
	double high_s = (double)t->extreme.t_s - t->from.t_s;

	if (t->falling)
		return 0;
	return fmin(t->high > 0 ? high / (HIGHER * t->high) : 10,
		    t->high_s > 0 ? high_s / (LONGER * t->high_s) : 10);
}

/* What memory moves up and down within a point besides the rise: tops are so much above floors. */
static double ripple(const struct pf_finding *f, const struct pf_window *w)
{
	return fmax(0, pf_window_teeth(w) - f->growth / pf_window_steps(w));
}

static void judge_ground(struct pf_finding *f, const struct pf_window *w,
			 const struct pf_history *h)
{
	unsigned int octave = w->from < PF_HISTORY_OCTAVES ? w->from : 0;
	double last = w->floor[w->n - 1] + ripple(f, w);
	double part = (double)pf_window_quarter(w) / pf_window_steps(w);
	double before = last - pf_history_peak_before(h, octave, w->first);
	double within = last - peak_within(w);
	double before_needed = fmax(GROUND_BYTES, GROUND_BEFORE * f->growth);
	double within_needed = fmax(GROUND_BYTES, GROUND_WITHIN * part * f->growth);
	bool beyond = before >= before_needed;

	f->ground = (float)(beyond ? within : before);
	f->ground_needed = (float)(beyond ? within_needed : before_needed);
	f->outgrows = (float)outgrows(&h->turns);
	pf_finding_gate(f, PF_SIGNAL_NEW_GROUND, f->ground >= f->ground_needed);
	pf_finding_gate(f, PF_SIGNAL_OUTGROWS, f->outgrows >= 1);
}

/* Highest floor of the window's first half. */
static double floor_within(const struct pf_window *w)
{
	double highest = 0;

	for (unsigned int i = 0; i < w->n * FLOOR_PART; i++)
		highest = fmax(highest, w->floor[i]);
	return highest;
}

/*
 * Teeth about as long as the points are apart beat with them: the minima of the points drift although
 * the troughs do not. Points that hold two teeth each are safe from that.
 */
static bool beats(const struct pf_finding *f, const struct pf_window *w, const struct pf_history *h)
{
	struct pf_window troughs;
	double base;

	if (w->from == PF_WINDOW_TROUGHS)
		return false;
	pf_window_troughs(&troughs, h, w->first * (double)h->bucket_s);
	if (troughs.n < TEETH_TROUGHS || troughs.step_s < BEAT_PART * w->step_s)
		return false;
	return pf_window_growth(&troughs, &base) <
	       BEAT_GROWTH * f->growth * troughs.length_s / w->length_s;
}

/* Teeth inside the buckets: then their minima are a true floor, and it alone must rise. */
static void judge_floor(struct pf_finding *f, const struct pf_window *w, const struct pf_history *h)
{
	double before =
		w->from == PF_WINDOW_TROUGHS ? h->turns.ceiling : h->octave[w->from].ceiling;
	double last = (double)f->base + f->growth;
	double above = last - before, within = last - floor_within(w);
	double above_needed = fmax(GROUND_BYTES, FLOOR_BEFORE * f->growth);
	double within_needed = fmax(GROUND_BYTES, FLOOR_WITHIN * f->growth);
	bool beyond = above >= above_needed;

	f->ground = (float)(beyond ? within : above);
	f->ground_needed = (float)(beyond ? within_needed : above_needed);
	if (beats(f, w, h))
		f->ground = 0;
	pf_finding_gate(f, PF_SIGNAL_NEW_GROUND, f->ground >= f->ground_needed);
}

static void judge_teeth_or_ground(struct pf_finding *f, const struct pf_window *w,
				  const struct pf_history *h)
{
	f->teeth_share = w->from == PF_WINDOW_TROUGHS ? 1 : (float)(pf_window_teeth(w) / f->growth);
	f->teeth_needed = (float)TEETH_SHARE;
	f->teeth = f->teeth_share >= f->teeth_needed && h->turns.n >= TEETH_TROUGHS &&
		   w->from != PF_WINDOW_NEWEST;
	if (f->teeth)
		judge_floor(f, w, h);
	else
		judge_ground(f, w, h);
}

/*
 * What only wanders comes as far as this seldom. Growth that has just begun has no even steps, and
 * of the last minute's there are too few.
 */
static void judge_drift(struct pf_finding *f, const struct pf_window *w)
{
	f->drift = NAN;
	if (f->ratio > RATIO_BEGUN || w->from == PF_WINDOW_NEWEST)
		return;
	f->drift = (float)pf_window_drift(w);
	f->drift_needed = DRIFT_ERRORS;
	pf_finding_gate(f, PF_SIGNAL_DRIFT, f->drift >= f->drift_needed);
}

static void judge_length(struct pf_finding *f, double pace)
{
	double share = f->growth / fmax(f->base, 1);
	double least = LENGTH_S;

	if (share >= GOOD_SHARE)
		least = LENGTH_GOOD_S;
	if (share >= BIG_SHARE && f->growth >= BIG_BYTES)
		least = LENGTH_BIG_S;
	f->length_needed_s = (float)(least * pace);
	pf_finding_gate(f, PF_SIGNAL_LENGTH,
			f->window != PF_WINDOW_NEWEST && f->length_s >= f->length_needed_s);
}

void pf_gates_judge(struct pf_finding *f, const struct pf_window *w, const struct pf_history *h,
		    const struct pf_gate_terms *terms)
{
	double base;

	memset(f, 0, sizeof(*f));
	f->window = (uint8_t)w->from;
	f->points = (uint8_t)w->n;
	f->length_s = (float)w->length_s;
	f->span_s = (float)(pf_window_steps(w) * w->step_s);
	f->growth = (float)pf_window_growth(w, &base);
	f->base = (float)base;
	f->pace = (float)terms->pace;
	f->growth_needed = (float)PF_GROWTH_SEEN;
	f->noise = (float)pf_window_noise(w, base, f->growth);
	pf_finding_gate(f, PF_SIGNAL_GROWTH, f->growth >= PF_GROWTH_SEEN);
	if (f->failed)
		return;
	judge_growth(f, terms);
	judge_spread(f, w);
	judge_steady(f, w, h, terms->pace);
	judge_teeth_or_ground(f, w, h);
	judge_drift(f, w);
	judge_length(f, terms->pace);
}
