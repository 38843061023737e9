/* SPDX-License-Identifier: BSD-2-Clause */
/* Which windows are judged when, and which speaks for the process; see the header. */
#include "lib/leak/trend.h"

#include <math.h>
#include <string.h>

#include "lib/leak/gates.h"
#include "lib/leak/window.h"

/* How many points make a window: fewer where each stands for minutes. */
#define POINTS_MIN	12
#define POINTS_MIN_SLOW 8
#define SLOW_BUCKET_S	250
#define POINTS_NEWEST	6
#define TROUGHS_MIN	9 /* eight whole teeth */
/* Windows of this length need not agree twice. */
#define ONCE_S 2000

double pf_trend_pace(double grace_s)
{
	return fmin(1, fmax(PF_TREND_PACE_MIN, grace_s / 600));
}

void pf_trend_init(struct pf_trend *t)
{
	memset(t, 0, sizeof(*t));
	t->best.window = PF_WINDOW_NONE;
}

/* Short windows must agree twice in a row; the newest is there to be quick. */
static bool is_repeated(const struct pf_trend *t, const struct pf_finding *f)
{
	return f->window == PF_WINDOW_NEWEST || f->length_s >= ONCE_S * f->pace ||
	       t->streak[f->window] > 1;
}

static void finish(const struct pf_trend *t, struct pf_finding *f)
{
	if (pf_finding_grows(f))
		pf_finding_gate(f, PF_SIGNAL_REPEATED, is_repeated(t, f));
	pf_finding_sum_up(f);
	/* a minute that is not even worth a watch says nothing */
	if (f->window == PF_WINDOW_NEWEST && !pf_finding_grows(f))
		f->confidence = 0;
}

static void judge_window(struct pf_trend *t, const struct pf_window *w, const struct pf_history *h,
			 const struct pf_gate_terms *terms)
{
	uint8_t *streak = &t->streak[w->from];
	struct pf_finding f;

	pf_gates_judge(&f, w, h, terms);
	if (!pf_finding_grows(&f))
		*streak = 0;
	else if (*streak < UINT8_MAX)
		++*streak;
	finish(t, &f);
	t->confidence[w->from] = f.confidence;
}

static unsigned int points_needed(const struct pf_history *h, unsigned int k)
{
	return h->bucket_s * (1u << k) >= SLOW_BUCKET_S ? POINTS_MIN_SLOW : POINTS_MIN;
}

/* Make window `from`; false where there is not enough of it since the last alert. */
static bool make_window(struct pf_window *w, const struct pf_trend *t, const struct pf_history *h,
			unsigned int from)
{
	if (from == PF_WINDOW_TROUGHS) {
		pf_window_troughs(w, h, (double)t->since * h->bucket_s);
		return w->n >= TROUGHS_MIN;
	}
	if (from == PF_WINDOW_NEWEST) {
		if (pf_history_kept(h, 0) < POINTS_NEWEST - 1)
			return false;
		pf_window_newest(w, h, POINTS_NEWEST);
	} else {
		if (pf_history_kept(h, from) < points_needed(h, from))
			return false;
		pf_window_octave(w, h, from, pf_history_kept(h, from));
	}
	return w->first >= t->since;
}

/* Did window `from` get a new point with the last `closed` buckets? */
static bool is_due(const struct pf_trend *t, const struct pf_history *h, unsigned int from,
		   uint32_t closed)
{
	if (from == PF_WINDOW_NEWEST)
		return true;
	if (from == PF_WINDOW_TROUGHS)
		return t->troughs != h->turns.n;
	return h->closed >> from != (h->closed - closed) >> from;
}

static void clear(struct pf_trend *t, unsigned int from)
{
	t->confidence[from] = 0;
	t->streak[from] = 0;
}

/* A sawtooth that ended makes no new troughs: what the old ones said ends with half their time. */
static void age_troughs(struct pf_trend *t, const struct pf_history *h)
{
	const struct pf_turns *turns = &h->turns;
	double since_s =
		h->last_s - h->start_s - turns->ring[(turns->n - 1) % PF_HISTORY_TROUGHS].t_s;
	struct pf_window w;

	if (!t->confidence[PF_WINDOW_TROUGHS])
		return;
	if (!make_window(&w, t, h, PF_WINDOW_TROUGHS) || since_s > w.length_s / 2)
		clear(t, PF_WINDOW_TROUGHS);
}

/* Take window `from` for *w if it is surer than what is there. */
static void prefer(struct pf_window *w, const struct pf_trend *t, const struct pf_history *h,
		   unsigned int from)
{
	struct pf_window other;

	if (w->from != PF_WINDOW_NONE && t->confidence[from] <= t->confidence[w->from])
		return;
	if (make_window(&other, t, h, from))
		*w = other;
}

/* The window to show: the surest, and among octaves that agree the longest. */
static void surest(struct pf_window *w, const struct pf_trend *t, const struct pf_history *h)
{
	w->from = PF_WINDOW_NONE;
	for (unsigned int k = PF_HISTORY_OCTAVES; k-- > 0;)
		prefer(w, t, h, k);
	if (t->confidence[PF_WINDOW_TROUGHS])
		prefer(w, t, h, PF_WINDOW_TROUGHS);
	if (t->confidence[PF_WINDOW_NEWEST])
		prefer(w, t, h, PF_WINDOW_NEWEST);
}

void pf_trend_update(struct pf_trend *t, const struct pf_history *h, uint32_t closed,
		     const struct pf_gate_terms *terms)
{
	struct pf_window w;

	if (!closed)
		return;
	for (unsigned int from = 0; from < PF_WINDOW_NONE; from++) {
		if (!is_due(t, h, from, closed))
			continue;
		if (make_window(&w, t, h, from))
			judge_window(t, &w, h, terms);
		else
			clear(t, from);
	}
	t->troughs = h->turns.n;
	age_troughs(t, h);
	surest(&w, t, h);
	if (w.from != PF_WINDOW_NONE) {
		pf_gates_judge(&t->best, &w, h, terms);
		finish(t, &t->best);
		t->confidence[w.from] = t->best.confidence;
	} else {
		t->best.window = PF_WINDOW_NONE;
	}
}

double pf_trend_seen(const struct pf_trend *t, const struct pf_history *h, int confidence)
{
	double longest = 0;
	struct pf_window w;

	for (unsigned int from = 0; from < PF_WINDOW_NEWEST; from++) {
		if (t->confidence[from] >= confidence && make_window(&w, t, h, from))
			longest = fmax(longest, w.length_s);
	}
	return longest;
}

void pf_trend_forget(struct pf_trend *t, const struct pf_history *h)
{
	pf_trend_init(t);
	t->since = h->closed;
	t->troughs = h->turns.n;
}
