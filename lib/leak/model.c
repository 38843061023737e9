/* SPDX-License-Identifier: BSD-2-Clause */
/* What each model asks and gives for it; see the header. Opens no alert. */
#include "lib/leak/model.h"

#include <math.h>
#include <string.h>

#include "lib/leak/verdict.h"
#include "lib/record/sample.h"

#define MB	 ((double)(1 << 20))
#define MINUTE_S 60.0

#define POINTS_MAX 100
#define POINT_S	   10.0 /* least distance of two points */
#define POINTS_MIN 8	/* fewer have no shape */

/* classic */
#define GROWTH_SOME    0.5 /* RSS since first sight */
#define FAULTS_ENOUGH  1000
#define ANON_HIGH      0.80
#define ANON_SOME      0.60
#define VSZ_RATIO_HIGH 3.0
#define VSZ_RATIO_SOME 2.0
/* classifier */
#define VARIANCE_SMOOTH	 0.1
#define RELEASE_SHARE	 0.05 /* of what RSS was at most */
#define CORRELATION_HIGH 0.8
#define RELATIVE_NOTHING 1e-12 /* variance that is rounding */
/* signals */
#define FAULTS_ROSE	0.1
#define VSZ_RATIO_GIVES 10.0
#define ANON_DOMINATES	0.75
#define QUICKER_GIVES	100.0
/* anomaly */
#define SIGMAS	       2.0
#define NORMAL_GROWTH  (MB / MINUTE_S)
#define FAST_GROWTH    (10 * MB / MINUTE_S)
#define ANOMALY_HOLD_S 300.0
/* levels */
#define VSZ_FASTER	2.0
#define WARNING_HOLD_S	120.0
#define CRITICAL_HOLD_S 60.0

const char *const pf_model_names[] = {
	[PF_MODEL_TREND] = "trend",
	[PF_MODEL_CLASSIC] = "classic",
	[PF_MODEL_CLASSIFIER] = "classifier",
	[PF_MODEL_SIGNALS] = "signals",
	[PF_MODEL_ANOMALY] = "anomaly",
	[PF_MODEL_LEVELS] = "levels",
	[PF_N_MODELS] = NULL,
};

/* What was measured, what is asked, and what it gives where that is so. */
struct answer {
	double measured; /* NaN = unknown */
	double needed;
	double points;
};

struct asked {
	enum pf_model model;
	enum pf_signal_id id;
	struct answer (*ask)(const struct pf_model_state *st, const struct pf_model_terms *t);
	double hold_s; /* it must hold for so long; windows of the terms where negative */
	int level;     /* enum pf_alert_level + 1; 0 = tells none */
};

/* ---- what is asked ----------------------------------------------------------- */

/* The first step that is passed; none: the last one, without points. */
static struct answer graded(double measured, double high, double high_points, double some,
			    double some_points)
{
	if (measured > high)
		return (struct answer){ measured, high, high_points };
	return (struct answer){ measured, some, measured > some ? some_points : 0 };
}

static struct answer above(double measured, double needed, double points)
{
	return (struct answer){ measured, needed, measured > needed ? points : 0 };
}

static struct answer ask_fault_rate(const struct pf_model_state *st, const struct pf_model_terms *t)
{
	return graded(st->fact[PF_FACT_FAULT_RATE], t->fault_rate_critical, 30,
		      t->fault_rate_warning, 15);
}

static struct answer ask_growth(const struct pf_model_state *st, const struct pf_model_terms *t)
{
	return graded(st->fact[PF_FACT_RSS_GROWTH_PERCENT] - 1, t->rss_growth_percent / 100, 25,
		      fmin(GROWTH_SOME, t->rss_growth_percent / 100), 12);
}

static double anonymous(const struct pf_model_state *st)
{
	return st->classified >= FAULTS_ENOUGH ? st->anon / st->classified : NAN;
}

static struct answer ask_anonymous(const struct pf_model_state *st, const struct pf_model_terms *t)
{
	(void)t;
	return graded(anonymous(st), ANON_HIGH, 20, ANON_SOME, 10);
}

static struct answer ask_vsz(const struct pf_model_state *st, const struct pf_model_terms *t)
{
	(void)t;
	return graded(st->fact[PF_FACT_VSZ_RSS_RATIO], VSZ_RATIO_HIGH, 25, VSZ_RATIO_SOME, 12);
}

/* ---- shapes of the last points ----------------------------------------------- */

static unsigned int kept(const struct pf_model_state *st)
{
	return st->n_points < PF_MODEL_POINTS ? st->n_points : PF_MODEL_POINTS;
}

static unsigned int slot(const struct pf_model_state *st, unsigned int i)
{
	return (st->n_points - kept(st) + i) % PF_MODEL_POINTS;
}

static double rss_at(const struct pf_model_state *st, unsigned int i)
{
	return st->point[slot(st, i)].rss;
}

static double faults_at(const struct pf_model_state *st, unsigned int i)
{
	return st->point[slot(st, i)].fault_rate;
}

static double growth_variance(const struct pf_model_state *st)
{
	unsigned int n = kept(st);
	double sum = 0, squares = 0;

	if (n < POINTS_MIN)
		return NAN;
	for (unsigned int i = 1; i < n; i++) {
		double growth = (rss_at(st, i) - rss_at(st, i - 1)) / fmax(rss_at(st, i - 1), 1);

		sum += growth;
		squares += growth * growth;
	}
	n--;
	return fmax(0, squares / n - sum / n * (sum / n));
}

static struct answer ask_smooth(const struct pf_model_state *st, const struct pf_model_terms *t)
{
	double variance = growth_variance(st);

	(void)t;
	return (struct answer){ variance, VARIANCE_SMOOTH, variance < VARIANCE_SMOOTH ? 30 : 0 };
}

/* How often a good part of the memory was given back. */
static double releases(const struct pf_model_state *st)
{
	double peak = 0;
	unsigned int n = 0;

	if (kept(st) < POINTS_MIN)
		return NAN;
	for (unsigned int i = 0; i < kept(st); i++) {
		peak = fmax(peak, rss_at(st, i));
		if (rss_at(st, i) < (1 - RELEASE_SHARE) * peak) {
			n++;
			peak = rss_at(st, i);
		}
	}
	return n;
}

static struct answer ask_release(const struct pf_model_state *st, const struct pf_model_terms *t)
{
	double n = releases(st);

	(void)t;
	return (struct answer){ n, 0, n <= 0 ? 40 : 0 };
}

static double correlation(const struct pf_model_state *st)
{
	unsigned int n = kept(st);
	double x = 0, y = 0, xx = 0, yy = 0, xy = 0;

	if (n < POINTS_MIN)
		return NAN;
	for (unsigned int i = 0; i < n; i++) {
		x += faults_at(st, i) / n;
		y += rss_at(st, i) / n;
	}
	for (unsigned int i = 0; i < n; i++) {
		double dx = faults_at(st, i) - x, dy = rss_at(st, i) - y;

		xx += dx * dx;
		yy += dy * dy;
		xy += dx * dy;
	}
	if (xx <= n * x * x * RELATIVE_NOTHING || yy <= n * y * y * RELATIVE_NOTHING)
		return 0;
	return xy / sqrt(xx * yy);
}

static struct answer ask_correlation(const struct pf_model_state *st,
				     const struct pf_model_terms *t)
{
	(void)t;
	return above(correlation(st), CORRELATION_HIGH, 30);
}

/* The second half's mean fault rate over the first's, less one. */
static double faults_rose(const struct pf_model_state *st)
{
	unsigned int n = kept(st), half = n / 2;
	double first = 0, second = 0;

	if (n < POINTS_MIN)
		return NAN;
	for (unsigned int i = 0; i < half; i++) {
		first += faults_at(st, i);
		second += faults_at(st, n - half + i);
	}
	return first > 0 ? second / first - 1 : 0;
}

static struct answer ask_fault_trend(const struct pf_model_state *st,
				     const struct pf_model_terms *t)
{
	(void)t;
	return above(faults_rose(st), FAULTS_ROSE, 25);
}

static struct answer ask_fragments(const struct pf_model_state *st, const struct pf_model_terms *t)
{
	double ratio = st->fact[PF_FACT_VSZ_RSS_RATIO];

	(void)t;
	return above(ratio, VSZ_RATIO_SOME, fmin(30, (ratio - 1) * VSZ_RATIO_GIVES));
}

static struct answer ask_dominance(const struct pf_model_state *st, const struct pf_model_terms *t)
{
	(void)t;
	return above(anonymous(st), ANON_DOMINATES, 20);
}

/* How much more the second half grew than the first, as a part of RSS. */
static double quickened(const struct pf_model_state *st)
{
	unsigned int n = kept(st);
	double first, second;

	if (n < POINTS_MIN)
		return NAN;
	first = rss_at(st, (n - 1) / 2) - rss_at(st, 0);
	second = rss_at(st, n - 1) - rss_at(st, n - 1 - (n - 1) / 2);
	return (second - first) / fmax(rss_at(st, 0), 1);
}

static struct answer ask_acceleration(const struct pf_model_state *st,
				      const struct pf_model_terms *t)
{
	double part = quickened(st);

	(void)t;
	return above(part, 0, fmin(25, part * QUICKER_GIVES));
}

/* ---- what must last ------------------------------------------------------------ */

static struct answer ask_baseline(const struct pf_model_state *st, const struct pf_model_terms *t)
{
	double usual = st->fact[PF_FACT_BASELINE] + SIGMAS * st->fact[PF_FACT_STDDEV];

	(void)t;
	return above(st->fact[PF_FACT_RSS_GROWTH_RATE],
		     isnan(usual) ? usual : fmax(usual, NORMAL_GROWTH), 75);
}

static struct answer ask_fast_growth(const struct pf_model_state *st,
				     const struct pf_model_terms *t)
{
	(void)t;
	return above(st->fact[PF_FACT_RSS_GROWTH_RATE], FAST_GROWTH, 95);
}

static double vsz_growth(const struct pf_model_state *st)
{
	return st->vsz_growth.weight > 0 ? st->vsz_growth.sum / st->vsz_growth.weight : NAN;
}

static struct answer ask_vsz_growth(const struct pf_model_state *st, const struct pf_model_terms *t)
{
	double rss = fmax(st->fact[PF_FACT_RSS_GROWTH_RATE], NORMAL_GROWTH);

	(void)t;
	return above(vsz_growth(st) / rss, VSZ_FASTER, 75);
}

static struct answer ask_divergence(const struct pf_model_state *st, const struct pf_model_terms *t)
{
	double apart = vsz_growth(st) - st->fact[PF_FACT_RSS_GROWTH_RATE];

	(void)t;
	return above(st->fact[PF_FACT_VSZ_RSS_RATIO], VSZ_RATIO_HIGH,
		     apart > NORMAL_GROWTH ? 95 : 0);
}

static struct answer ask_faults_warning(const struct pf_model_state *st,
					const struct pf_model_terms *t)
{
	return above(st->fact[PF_FACT_FAULT_RATE], t->fault_rate_warning, 75);
}

static struct answer ask_faults_critical(const struct pf_model_state *st,
					 const struct pf_model_terms *t)
{
	return above(st->fact[PF_FACT_FAULT_RATE], t->fault_rate_critical, 95);
}

/* ---- the table ------------------------------------------------------------------- */

#define WINDOW	 (-1.0)
#define WARNING	 (PF_LEVEL_WARNING + 1)
#define CRITICAL (PF_LEVEL_CRITICAL + 1)

static const struct asked all[] = {
	{ PF_MODEL_CLASSIC, PF_SIGNAL_FAULT_RATE, ask_fault_rate, 0, 0 },
	{ PF_MODEL_CLASSIC, PF_SIGNAL_RSS_GROWTH, ask_growth, 0, 0 },
	{ PF_MODEL_CLASSIC, PF_SIGNAL_ANONYMOUS, ask_anonymous, 0, 0 },
	{ PF_MODEL_CLASSIC, PF_SIGNAL_VSZ_RATIO, ask_vsz, 0, 0 },
	{ PF_MODEL_CLASSIFIER, PF_SIGNAL_SMOOTH, ask_smooth, 0, 0 },
	{ PF_MODEL_CLASSIFIER, PF_SIGNAL_RELEASES, ask_release, 0, 0 },
	{ PF_MODEL_CLASSIFIER, PF_SIGNAL_CORRELATION, ask_correlation, 0, 0 },
	{ PF_MODEL_SIGNALS, PF_SIGNAL_FAULT_TREND, ask_fault_trend, 0, 0 },
	{ PF_MODEL_SIGNALS, PF_SIGNAL_VSZ_RATIO, ask_fragments, 0, 0 },
	{ PF_MODEL_SIGNALS, PF_SIGNAL_ANONYMOUS, ask_dominance, 0, 0 },
	{ PF_MODEL_SIGNALS, PF_SIGNAL_ACCELERATION, ask_acceleration, 0, 0 },
	{ PF_MODEL_ANOMALY, PF_SIGNAL_BASELINE, ask_baseline, ANOMALY_HOLD_S, WARNING },
	{ PF_MODEL_ANOMALY, PF_SIGNAL_FAST_GROWTH, ask_fast_growth, WINDOW, CRITICAL },
	{ PF_MODEL_LEVELS, PF_SIGNAL_VSZ_GROWTH, ask_vsz_growth, WINDOW, WARNING },
	{ PF_MODEL_LEVELS, PF_SIGNAL_VSZ_RATIO, ask_divergence, WINDOW, CRITICAL },
	{ PF_MODEL_LEVELS, PF_SIGNAL_FAULT_RATE, ask_faults_warning, WARNING_HOLD_S, WARNING },
	{ PF_MODEL_LEVELS, PF_SIGNAL_FAULTS_CRITICAL, ask_faults_critical, CRITICAL_HOLD_S,
	  CRITICAL },
};

bool pf_model_traces(enum pf_model model)
{
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i].model == model && all[i].id == PF_SIGNAL_ANONYMOUS)
			return true;
	}
	return false;
}

/* The model's first row; its others follow. */
static const struct asked *rows_of(enum pf_model model, size_t *n)
{
	const struct asked *first = NULL;

	*n = 0;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i].model != model)
			continue;
		if (!first)
			first = &all[i];
		++*n;
	}
	return first;
}

/* ---- taking samples ------------------------------------------------------------------ */

static double count_of(int64_t value)
{
	return value == PF_UNKNOWN || value < 0 ? 0 : (double)value;
}

static void take_classes(struct pf_model_state *st, const struct pf_sample *s)
{
	if (s->anon == PF_UNKNOWN)
		return;
	st->anon += count_of(s->anon);
	st->classified += count_of(s->anon) + count_of(s->file) + count_of(s->shmem) +
			  count_of(s->swapin) + count_of(s->cow) + count_of(s->other);
}

static void take_vsz(struct pf_model_state *st, const struct pf_sample *s, double dt_s,
		     double window_s)
{
	if (s->vsz_bytes == PF_UNKNOWN)
		return;
	if (st->last_vsz > 0 && dt_s > 0)
		pf_mean_add(&st->vsz_growth, ((double)s->vsz_bytes - st->last_vsz) / dt_s, dt_s,
			    window_s);
	st->last_vsz = (double)s->vsz_bytes;
}

static void take_point(struct pf_model_state *st, const struct pf_sample *s)
{
	unsigned int i = st->n_points % PF_MODEL_POINTS;

	if (s->rss_bytes == PF_UNKNOWN || !(s->interval_s > 0))
		return;
	if (st->n_points && s->mono_s - st->point_s < POINT_S - s->interval_s / 2)
		return;
	st->point[i].rss = (float)s->rss_bytes;
	st->point[i].fault_rate = (float)(count_of(s->faults) / s->interval_s);
	st->point_s = s->mono_s;
	st->n_points++;
}

static void take_holds(struct pf_model_state *st, const struct pf_model_terms *terms, double now_s,
		       double dt_s)
{
	size_t n;
	const struct asked *row = rows_of(terms->model, &n);

	if (st->model != terms->model)
		memset(st->since_s, 0, sizeof(st->since_s));
	st->model = (uint8_t)terms->model;
	for (size_t i = 0; i < n && i < PF_MODEL_HOLDS; i++) {
		if (!row[i].hold_s)
			continue; /* counts at once */
		if (!(row[i].ask(st, terms).points > 0))
			st->since_s[i] = 0;
		else if (st->since_s[i] <= 0)
			st->since_s[i] = now_s - dt_s; /* it held in all of the interval */
	}
}

void pf_model_take(struct pf_model_state *st, const struct pf_sample *s,
		   const struct pf_model_terms *terms)
{
	static const struct pf_verdict nothing;
	double dt_s = st->last_s > 0 ? s->mono_s - st->last_s : 0;

	pf_facts_take(&st->facts, s, &nothing, terms->window_s, st->fact);
	take_classes(st, s);
	take_vsz(st, s, dt_s, terms->window_s);
	take_point(st, s);
	st->last_s = s->mono_s;
	take_holds(st, terms, s->mono_s, dt_s);
}

/* ---- the verdict ------------------------------------------------------------------------ */

static bool has_held(const struct pf_model_state *st, const struct pf_model_terms *terms,
		     const struct asked *row, size_t i)
{
	double hold_s = row->hold_s < 0 ? terms->window_s : row->hold_s;

	return hold_s <= 0 || (st->since_s[i] > 0 && st->last_s - st->since_s[i] >= hold_s);
}

size_t pf_model_judge(const struct pf_model_state *st, const struct pf_model_terms *terms,
		      struct pf_signal *signals, struct pf_model_verdict *v)
{
	size_t n;
	const struct asked *row = rows_of(terms->model, &n);

	*v = (struct pf_model_verdict){ 0 };
	for (size_t i = 0; i < n; i++) {
		struct answer a = row[i].ask(st, terms);
		bool passed = a.points > 0 && has_held(st, terms, &row[i], i);
		int points = passed ? (int)a.points : 0;

		if (points > POINTS_MAX - v->confidence)
			points = POINTS_MAX - v->confidence;
		v->confidence += points;
		signals[i] = (struct pf_signal){ row[i].id,  pf_signal_name(row[i].id),
						 passed,     points,
						 a.measured, a.needed };
		v->has_level |= row[i].level;
		if (passed && row[i].level && row[i].level - 1 > (int)v->level)
			v->level = row[i].level - 1;
	}
	return n;
}
