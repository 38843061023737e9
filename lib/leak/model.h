/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The models beside the trend, as the founding document has them. Each is a
 * list of things asked, with the points they give; the points add up to the
 * confidence, 100 at most, and more than the threshold is an alert.
 *
 * classic	fault rate > critical 30, > warning 15; RSS grown by > 200 % 25,
 *		> 50 % 12; anonymous share of 1,000 faults or more > 80 % 20,
 *		> 60 % 10; VSZ/RSS > 3 25, > 2 12
 * classifier	variance of the relative growth < 0.1 30; nothing given back 40;
 *		fault rate and RSS correlate > 0.8 30
 * signals	fault rate rose by > 10 % 25; VSZ > 2 RSS (VSZ/RSS - 1) 10, at most
 *		30; anonymous share > 75 % 20; growth quickens 1 for each percent
 *		of RSS, at most 25
 * anomaly	growth of RSS above its own mean + 2 sigma for 5 minutes: warning,
 *		75; above 10 MB a minute for the window: critical, 95
 * levels	VSZ grows more than twice as fast as RSS: warning, 75; VSZ > 3 RSS
 *		and drawing away: critical, 95; fault rate > warning for 2 minutes:
 *		warning, 75; > critical for one: critical, 95
 *
 * Rates and growth are means over the monitoring window (rule_fact.h), shapes
 * are those of the last points. What is not known gives no points.
 */
#ifndef PF_LIB_LEAK_MODEL_H
#define PF_LIB_LEAK_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/leak/rule_fact.h"
#include "lib/leak/signal.h"
#include "lib/record/alert.h"

enum pf_model {
	PF_MODEL_TREND, /* trend.h; nothing here is for it but its name */
	PF_MODEL_CLASSIC,
	PF_MODEL_CLASSIFIER,
	PF_MODEL_SIGNALS,
	PF_MODEL_ANOMALY,
	PF_MODEL_LEVELS,
	PF_N_MODELS,
};

/* "trend", "classic", ... in that order; NULL-terminated. */
extern const char *const pf_model_names[];

/* Thresholds that the configuration has. */
struct pf_model_terms {
	enum pf_model model;
	double fault_rate_warning; /* faults per second */
	double fault_rate_critical;
	double rss_growth_percent;
	double window_s;
};

#define PF_MODEL_POINTS 24
#define PF_MODEL_HOLDS	4

/* One process. All zero = nothing seen. */
struct pf_model_state {
	struct pf_fact_state facts;
	double fact[PF_FACTS];
	double last_s; /* of the last sample */
	double point_s;
	double last_vsz;
	struct pf_mean vsz_growth;
	double anon, classified;	/* fault events so far */
	double since_s[PF_MODEL_HOLDS]; /* when what must last began; 0 = it does not hold */
	struct {
		float rss;
		float fault_rate;
	} point[PF_MODEL_POINTS];
	uint32_t n_points; /* so far; the last PF_MODEL_POINTS are kept */
	uint8_t model;	   /* whose since_s are */
};

void pf_model_take(struct pf_model_state *st, const struct pf_sample *s,
		   const struct pf_model_terms *terms);

struct pf_model_verdict {
	int confidence;
	bool has_level; /* the model tells one */
	enum pf_alert_level level;
};

/* Judge as of the last sample; room for PF_SIGNALS_MAX. Returns how many signals there are. */
size_t pf_model_judge(const struct pf_model_state *st, const struct pf_model_terms *terms,
		      struct pf_signal *signals, struct pf_model_verdict *v);

/* Does the model go by classes of faults, so that they must be counted? */
bool pf_model_traces(enum pf_model model);

#endif
