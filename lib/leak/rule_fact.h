/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a rule may ask of a process: names, units and, kept per process, the
 * running means behind them. Bounded: one struct, whatever is fed.
 *
 * Means are exponentially weighted with time constant w (the monitoring
 * window) and correct for their short past: after t seconds a mean is that of
 * those t seconds, not a value that creeps up from 0. (The usual recursion,
 * m += (x - m) (1 - e^(-dt/w)), divided by the weight that has come together.)
 *
 * fault_rate         mean over w of faults per second
 * fault_rate_trend   its slope: (mean over w - mean over 4 w) / 3 w, as a mean
 *                    over w lags a straight line by w. Known after 2 w.
 * rss_growth_rate    mean over w of RSS now - RSS before, per second
 * baseline, stddev   mean and standard deviation of rss_growth_rate over 10 w;
 *                    from w after the start on, known after 5 w of that.
 *                    Growth above baseline + 2 stddev counts as that much, so
 *                    that what is unusual does not become usual while it lasts.
 *                    stddev is never below 0.5 MB per minute: growth below 1 MB
 *                    per minute is normal for the founding document.
 * rss_growth_percent RSS in percent of what it was when first seen
 * anonymous_ratio    anonymous share of the classified faults, both means over w
 */
#ifndef PF_LIB_LEAK_RULE_FACT_H
#define PF_LIB_LEAK_RULE_FACT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/leak/rule_unit.h"

struct pf_sample;
struct pf_verdict;

enum pf_fact_id {
	PF_FACT_FAULT_RATE,
	PF_FACT_FAULT_RATE_TREND,
	PF_FACT_MAJOR_FAULT_RATE,
	PF_FACT_RSS_GROWTH_RATE,
	PF_FACT_RSS_GROWTH_MB_PER_MIN,
	PF_FACT_RSS_GROWTH_PERCENT,
	PF_FACT_BASELINE,
	PF_FACT_STDDEV,
	PF_FACT_ANONYMOUS_RATIO,
	PF_FACT_VSZ_RSS_RATIO,
	PF_FACT_RSS_MB,
	PF_FACT_VSZ_MB,
	PF_FACT_SWAP_MB,
	PF_FACT_ANON_MB,
	PF_FACT_FILE_MB,
	PF_FACT_SHMEM_MB,
	PF_FACT_CONFIDENCE,
	PF_FACT_GROWTH_RATE,
	PF_FACT_TIME_LEFT_S,
	PF_FACT_SEVERITY,
	PF_FACT_AGE,
	PF_FACTS,
};

/* What there must be for a fact to be known. */
enum pf_fact_need {
	PF_NEED_CLASSES = 1, /* fault events by class */
};

struct pf_fact {
	const char *name;
	const char *alias; /* another name; NULL = none */
	struct pf_unit unit;
	unsigned int needs;
	const char *help;
};

extern const struct pf_fact pf_facts[PF_FACTS];

/* A mean and the weight behind it, at most 1. */
struct pf_mean {
	double sum;
	double weight;
};

/* Add a value that held for dt_s to a mean with that time constant. */
void pf_mean_add(struct pf_mean *m, double value, double dt_s, double constant_s);

/* One process's running means. All zero = nothing seen. */
struct pf_fact_state {
	double last_s; /* time and RSS of the last sample */
	double last_rss;
	double first_rss;
	double seen_s;	   /* time covered by the means */
	double baseline_s; /* ... and by the baseline */
	struct pf_mean faults, faults_slow, major, growth, anon, classified;
	struct pf_mean baseline, square; /* of the growth, and of its square */
	bool any;
};

/*
 * Take a sample and give the facts as of now in base units, NaN = unknown. v is the model's verdict
 * on it.
 */
void pf_facts_take(struct pf_fact_state *state, const struct pf_sample *s,
		   const struct pf_verdict *v, double window_s, double fact[PF_FACTS]);

/* Write it, or read it into what is all zero. */
struct pf_pack;
void pf_facts_pack(struct pf_pack *k, struct pf_fact_state *state);

#endif
