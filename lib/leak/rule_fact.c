/* SPDX-License-Identifier: BSD-2-Clause */
/* What a rule may ask of a process, and how it is reckoned. */
#include "lib/leak/rule_fact.h"

#include <math.h>

#include "lib/base/pack.h"
#include "lib/leak/verdict.h"
#include "lib/record/sample.h"

#define MB	   1048576.0
#define MINUTE_S   60.0
#define SLOW	   4.0	/* windows: the trend's longer mean */
#define LONG	   10.0 /* windows: the baseline's */
#define TREND_FROM 2.0	/* windows until the trend is known */
#define BASE_FROM  5.0	/* windows until the baseline is */

#define STDDEV_MIN (0.5 * MB / MINUTE_S)
#define SIGMAS	   2

/* clang-format off: a table reads better as one */
#define RATE(unit_scale)                                                                           \
	{                                                                                          \
		.bytes = 1, .seconds = -1, .scale = unit_scale                                     \
	}
#define FAULTS                                                                                     \
	{                                                                                          \
		.faults = 1, .seconds = -1, .scale = 1                                             \
	}
#define SIZE                                                                                       \
	{                                                                                          \
		.bytes = 1, .scale = MB                                                            \
	}
#define TIME                                                                                       \
	{                                                                                          \
		.seconds = 1, .scale = 1                                                           \
	}
#define PERCENT                                                                                    \
	{                                                                                          \
		.scale = 0.01                                                                      \
	}
#define RATIO                                                                                      \
	{                                                                                          \
		.scale = 1                                                                         \
	}

const struct pf_fact pf_facts[PF_FACTS] = {
	[PF_FACT_FAULT_RATE] = { "fault_rate", NULL, FAULTS, 0, "page faults per second" },
	[PF_FACT_FAULT_RATE_TREND] = { "fault_rate_trend",
				       NULL,
				       { .faults = 1, .seconds = -2, .scale = 1 },
				       0,
				       "change of the fault rate per second" },
	[PF_FACT_MAJOR_FAULT_RATE] = { "major_fault_rate", NULL, FAULTS, 0,
				       "major faults per second" },
	[PF_FACT_RSS_GROWTH_RATE] = { "rss_growth_rate", NULL, RATE(1), 0,
				      "growth of RSS in bytes per second" },
	[PF_FACT_RSS_GROWTH_MB_PER_MIN] = { "rss_growth_mb_per_min", NULL, RATE(MB / MINUTE_S), 0,
					    "the same in megabytes per minute" },
	[PF_FACT_RSS_GROWTH_PERCENT] = { "rss_growth_percent", NULL, PERCENT, 0,
					 "RSS in percent of what it was when first seen" },
	[PF_FACT_BASELINE] = { "baseline", NULL, RATE(1), 0,
			       "usual growth of RSS in bytes per second" },
	[PF_FACT_STDDEV] = { "stddev", NULL, RATE(1), 0, "standard deviation of that, same unit" },
	[PF_FACT_ANONYMOUS_RATIO] = { "anonymous_ratio", NULL, PERCENT, PF_NEED_CLASSES,
				      "anonymous share of the fault events in percent" },
	[PF_FACT_VSZ_RSS_RATIO] = { "vsz_rss_ratio", NULL, RATIO, 0, "VSZ / RSS" },
	[PF_FACT_RSS_MB] = { "rss_mb", NULL, SIZE, 0, "resident memory in megabytes" },
	[PF_FACT_VSZ_MB] = { "vsz_mb", NULL, SIZE, 0, "virtual size" },
	[PF_FACT_SWAP_MB] = { "swap_mb", NULL, SIZE, 0, "what is swapped out" },
	[PF_FACT_ANON_MB] = { "anon_mb", NULL, SIZE, 0, "anonymous part of RSS" },
	[PF_FACT_FILE_MB] = { "file_mb", NULL, SIZE, 0, "part of RSS that is in files" },
	[PF_FACT_SHMEM_MB] = { "shmem_mb", NULL, SIZE, 0, "shared memory in RSS" },
	[PF_FACT_CONFIDENCE] = { "confidence", NULL, PERCENT, 0, "the model's, 0 to 100" },
	[PF_FACT_GROWTH_RATE] = { "growth_rate", NULL, RATE(1), 0,
				  "growth of the floor that the model found, bytes per second" },
	[PF_FACT_TIME_LEFT_S] = { "time_left_s", "time_left", TIME, 0,
				  "seconds until the tightest limit is reached; known while it grows like a leak" },
	[PF_FACT_SEVERITY] = { "severity", NULL, RATIO, 0, "1 to 10" },
	[PF_FACT_AGE] = { "age", "age_s", TIME, 0, "seconds since the process started" },
};
/* clang-format on */

/* ---- means ------------------------------------------------------------------ */

void pf_mean_add(struct pf_mean *m, double value, double dt_s, double constant_s)
{
	double part = 1 - exp(-dt_s / constant_s);

	m->sum += (value - m->sum) * part;
	m->weight += (1 - m->weight) * part;
}

static double mean_of(const struct pf_mean *m)
{
	return m->weight > 0 ? m->sum / m->weight : NAN;
}

static double count_of(int64_t value)
{
	return value == PF_UNKNOWN || value < 0 ? NAN : (double)value;
}

static double rate_of(int64_t count, double dt_s)
{
	return count_of(count) / dt_s;
}

static void add_known(struct pf_mean *m, double value, double dt_s, double constant_s)
{
	if (isfinite(value))
		pf_mean_add(m, value, dt_s, constant_s);
}

/* ---- baseline --------------------------------------------------------------- */

static double stddev_of(const struct pf_fact_state *st)
{
	double mean = mean_of(&st->baseline);

	return fmax(STDDEV_MIN, sqrt(fmax(0, mean_of(&st->square) - mean * mean)));
}

static void take_baseline(struct pf_fact_state *st, double growth, double dt_s, double window_s)
{
	double value = growth;

	if (st->baseline.weight > 0)
		value = fmin(growth, mean_of(&st->baseline) + SIGMAS * stddev_of(st));
	pf_mean_add(&st->baseline, value, dt_s, LONG * window_s);
	pf_mean_add(&st->square, value * value, dt_s, LONG * window_s);
	st->baseline_s += dt_s;
}

/* ---- classes of faults ------------------------------------------------------- */

/* Classes a backend cannot tell are not 0, so the sum is not known either. */
static double classified(const struct pf_sample *s)
{
	return count_of(s->anon) + count_of(s->file) + count_of(s->shmem) + count_of(s->swapin) +
	       count_of(s->cow) + count_of(s->other);
}

/* ---- all of it --------------------------------------------------------------- */

static void take_growth(struct pf_fact_state *st, double rss, double dt_s, double window_s)
{
	add_known(&st->growth, (rss - st->last_rss) / dt_s, dt_s, window_s);
	if (st->seen_s >= window_s && st->growth.weight > 0)
		take_baseline(st, mean_of(&st->growth), dt_s, window_s);
}

static void take_interval(struct pf_fact_state *st, const struct pf_sample *s, double dt_s,
			  double window_s)
{
	double faults = rate_of(s->faults, dt_s);

	add_known(&st->faults, faults, dt_s, window_s);
	add_known(&st->faults_slow, faults, dt_s, SLOW * window_s);
	add_known(&st->major, rate_of(s->major, dt_s), dt_s, window_s);
	add_known(&st->anon, rate_of(s->anon, dt_s), dt_s, window_s);
	add_known(&st->classified, classified(s) / dt_s, dt_s, window_s);
}

static void take(struct pf_fact_state *st, const struct pf_sample *s, double window_s)
{
	double rss = count_of(s->rss_bytes);
	/* Counts are those of the sample's own interval, memory changed since the last sample. */
	double since_s = s->mono_s - st->last_s;

	if (s->interval_s > 0)
		take_interval(st, s, s->interval_s, window_s);
	if (st->any && since_s > 0) {
		take_growth(st, rss, since_s, window_s);
		st->seen_s += since_s;
	}
	if (!(st->first_rss > 0) && rss > 0)
		st->first_rss = rss;
	st->last_s = s->mono_s;
	st->last_rss = rss;
	st->any = true;
}

static double ratio(double a, double b)
{
	return b > 0 ? a / b : NAN;
}

static void give_means(const struct pf_fact_state *st, double window_s, double *fact)
{
	double growth = mean_of(&st->growth);
	bool has_base = st->baseline_s >= BASE_FROM * window_s;

	fact[PF_FACT_FAULT_RATE] = mean_of(&st->faults);
	fact[PF_FACT_FAULT_RATE_TREND] =
		st->seen_s < TREND_FROM * window_s
			? NAN
			: (mean_of(&st->faults) - mean_of(&st->faults_slow)) /
				  ((SLOW - 1) * window_s);
	fact[PF_FACT_MAJOR_FAULT_RATE] = mean_of(&st->major);
	fact[PF_FACT_RSS_GROWTH_RATE] = growth;
	fact[PF_FACT_RSS_GROWTH_MB_PER_MIN] = growth;
	fact[PF_FACT_RSS_GROWTH_PERCENT] = ratio(st->last_rss, st->first_rss);
	fact[PF_FACT_BASELINE] = has_base ? mean_of(&st->baseline) : NAN;
	fact[PF_FACT_STDDEV] = has_base ? stddev_of(st) : NAN;
	fact[PF_FACT_ANONYMOUS_RATIO] = ratio(mean_of(&st->anon), mean_of(&st->classified));
}

static void give_present(const struct pf_sample *s, const struct pf_verdict *v, double *fact)
{
	double rss = count_of(s->rss_bytes), vsz = count_of(s->vsz_bytes);

	fact[PF_FACT_VSZ_RSS_RATIO] = ratio(vsz, rss);
	fact[PF_FACT_RSS_MB] = rss;
	fact[PF_FACT_VSZ_MB] = vsz;
	fact[PF_FACT_SWAP_MB] = count_of(s->swap_bytes);
	fact[PF_FACT_ANON_MB] = count_of(s->rss_anon_bytes);
	fact[PF_FACT_FILE_MB] = count_of(s->rss_file_bytes);
	fact[PF_FACT_SHMEM_MB] = count_of(s->rss_shmem_bytes);
	fact[PF_FACT_CONFIDENCE] = v->confidence * 0.01;
	fact[PF_FACT_GROWTH_RATE] = v->growth_bytes_per_s;
	fact[PF_FACT_TIME_LEFT_S] = v->time_left_s;
	fact[PF_FACT_SEVERITY] = v->severity;
	fact[PF_FACT_AGE] = v->age_s;
}

void pf_facts_take(struct pf_fact_state *state, const struct pf_sample *s,
		   const struct pf_verdict *v, double window_s, double fact[PF_FACTS])
{
	take(state, s, window_s);
	give_means(state, window_s, fact);
	give_present(s, v, fact);
}

/* ---- outliving the run ------------------------------------------------------- */

_Static_assert(sizeof(struct pf_fact_state) == 176, "pf_facts_pack() and PF_STATE_VERSION");

void pf_facts_pack(struct pf_pack *k, struct pf_fact_state *f)
{
	struct pf_mean *const means[] = { &f->faults, &f->faults_slow, &f->major,    &f->growth,
					  &f->anon,   &f->classified,  &f->baseline, &f->square };

	pf_pack_time(k, &f->last_s);
	pf_pack_f64(k, &f->last_rss);
	pf_pack_f64(k, &f->first_rss);
	pf_pack_f64(k, &f->seen_s);
	pf_pack_f64(k, &f->baseline_s);
	for (size_t i = 0; i < sizeof(means) / sizeof(means[0]); i++) {
		pf_pack_f64(k, &means[i]->sum);
		pf_pack_f64(k, &means[i]->weight);
	}
	f->any = pf_pack_bool(k, f->any);
}
