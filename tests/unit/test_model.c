/* SPDX-License-Identifier: BSD-2-Clause */
/* The models beside the trend: each number they go by, from both sides. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/config/settings.h"
#include "lib/leak/alert.h"
#include "lib/leak/leak.h"
#include "lib/leak/model.h"
#include "lib/record/sample.h"
#include "tests/unit/test_leak.h"

/* A process that is fed the same behaviour tick after tick. */
struct life {
	struct pf_model_terms terms;
	struct pf_model_state state;
	struct pf_sample s;
	struct pf_signal signal[PF_SIGNALS_MAX];
	struct pf_model_verdict v;
	size_t n;
};

static void life_open(struct life *l, enum pf_model model)
{
	memset(l, 0, sizeof(*l));
	l->terms = pf_leak_default_config.model;
	l->terms.model = model;
	pf_sample_init(&l->s);
	l->s.mono_s = 1000;
	l->s.interval_s = 10;
	l->s.rss_bytes = 100 * MB;
	l->s.vsz_bytes = 120 * MB;
	l->s.faults = 0;
	l->s.anon = l->s.file = 0;
}

/* One tick: fault rate, and what RSS and VSZ gain in MB. */
static void life_tick(struct life *l, double faults_per_s, double rss_mb, double vsz_mb)
{
	l->s.mono_s += l->s.interval_s;
	l->s.faults = (int64_t)(faults_per_s * l->s.interval_s);
	l->s.rss_bytes += (int64_t)(rss_mb * MB);
	l->s.vsz_bytes += (int64_t)(vsz_mb * MB);
	pf_model_take(&l->state, &l->s, &l->terms);
	l->n = pf_model_judge(&l->state, &l->terms, l->signal, &l->v);
}

static void life_run(struct life *l, unsigned int ticks, double faults_per_s, double rss_mb,
		     double vsz_mb)
{
	while (ticks--)
		life_tick(l, faults_per_s, rss_mb, vsz_mb);
}

static int points(const struct life *l, enum pf_signal_id id)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->signal[i].id == id)
			return l->signal[i].points;
	}
	fail_msg("no signal %d", id);
	return -1;
}

static void test_names_are_those_of_the_configuration(void **state)
{
	(void)state;
	for (size_t i = 0; i <= PF_N_MODELS; i++) {
		if (!pf_model_names[i])
			assert_null(pf_settings_models[i]);
		else
			assert_string_equal(pf_model_names[i], pf_settings_models[i]);
	}
}

static void test_classic_fault_rate(void **state)
{
	static const struct {
		double rate;
		int points;
	} cases[] = { { 0, 0 }, { 500, 0 }, { 501, 15 }, { 1000, 15 }, { 1001, 30 } };

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		struct life l;

		life_open(&l, PF_MODEL_CLASSIC);
		life_run(&l, 40, cases[i].rate, 0, 0);
		assert_int_equal(points(&l, PF_SIGNAL_FAULT_RATE), cases[i].points);
	}
}

static void test_thresholds_are_the_configurations(void **state)
{
	struct life l;

	(void)state;
	life_open(&l, PF_MODEL_CLASSIC);
	l.terms.fault_rate_warning = 20;
	l.terms.fault_rate_critical = 30;
	l.terms.rss_growth_percent = 10;
	life_run(&l, 40, 31, 0, 0);
	life_tick(&l, 31, 11, 0);
	assert_int_equal(points(&l, PF_SIGNAL_FAULT_RATE), 30);
	assert_int_equal(points(&l, PF_SIGNAL_RSS_GROWTH), 25);
}

static void test_classic_growth(void **state)
{
	static const struct {
		double mb;
		int points;
	} cases[] = { { 50, 0 }, { 51, 12 }, { 200, 12 }, { 201, 25 } };

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		struct life l;

		life_open(&l, PF_MODEL_CLASSIC);
		life_tick(&l, 0, 0, 0);
		life_tick(&l, 0, cases[i].mb, 0);
		assert_int_equal(points(&l, PF_SIGNAL_RSS_GROWTH), cases[i].points);
	}
}

static void test_classic_anonymous(void **state)
{
	static const struct {
		int64_t anon, file;
		int points;
	} cases[] = { { 999, 0, 0 },	{ 600, 400, 0 },  { 601, 399, 10 },
		      { 800, 200, 10 }, { 801, 199, 20 }, { PF_UNKNOWN, 2000, 0 } };

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		struct life l;

		life_open(&l, PF_MODEL_CLASSIC);
		l.s.anon = cases[i].anon;
		l.s.file = cases[i].file;
		life_tick(&l, 100, 0, 0);
		assert_int_equal(points(&l, PF_SIGNAL_ANONYMOUS), cases[i].points);
	}
}

static void test_vsz_ratio(void **state)
{
	static const struct {
		double mb;
		int classic, signals;
	} cases[] = { { 200, 0, 0 },   { 210, 12, 11 }, { 300, 12, 20 },
		      { 301, 25, 20 }, { 360, 25, 26 }, { 900, 25, 30 } };

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		struct life l;

		for (enum pf_model m = PF_MODEL_CLASSIC; m <= PF_MODEL_SIGNALS; m++) {
			if (m == PF_MODEL_CLASSIFIER)
				continue;
			life_open(&l, m);
			l.s.vsz_bytes = (int64_t)(cases[i].mb * MB);
			life_tick(&l, 0, 0, 0);
			assert_int_equal(points(&l, PF_SIGNAL_VSZ_RATIO),
					 m == PF_MODEL_CLASSIC ? cases[i].classic
							       : cases[i].signals);
		}
	}
}

static void test_classifier(void **state)
{
	struct life l;

	(void)state;
	life_open(&l, PF_MODEL_CLASSIFIER);
	life_run(&l, 7, 10, 0, 0); /* too few to have a shape */
	assert_int_equal(l.v.confidence, 0);
	life_run(&l, 10, 10, 0, 0); /* flat: no correlation, but the other two */
	assert_int_equal(points(&l, PF_SIGNAL_SMOOTH), 30);
	assert_int_equal(points(&l, PF_SIGNAL_RELEASES), 40);
	assert_int_equal(points(&l, PF_SIGNAL_CORRELATION), 0);
	for (int i = 0; i < 30; i++) /* the rate rises as RSS does */
		life_tick(&l, 10 + i, 1, 0);
	assert_int_equal(points(&l, PF_SIGNAL_CORRELATION), 30);
	assert_int_equal(l.v.confidence, 100);
	life_tick(&l, 40, -4, 0); /* less than 5 % */
	assert_int_equal(points(&l, PF_SIGNAL_RELEASES), 40);
	life_tick(&l, 40, -5, 0);
	assert_int_equal(points(&l, PF_SIGNAL_RELEASES), 0);
	life_run(&l, PF_MODEL_POINTS, 40, 0, 0);
	assert_int_equal(points(&l, PF_SIGNAL_RELEASES), 40); /* forgotten */
}

static void test_classifier_rough_growth(void **state)
{
	struct life l;

	(void)state;
	life_open(&l, PF_MODEL_CLASSIFIER);
	for (int i = 0; i < 20; i++) /* up by half and back: variance 0.17 */
		life_tick(&l, 10, i & 1 ? -50 : 50, 0);
	assert_int_equal(points(&l, PF_SIGNAL_SMOOTH), 0);
}

static void test_signals(void **state)
{
	struct life l;

	(void)state;
	life_open(&l, PF_MODEL_SIGNALS);
	l.s.anon = 750;
	l.s.file = 250;
	life_run(&l, 12, 100, 1, 0);
	assert_int_equal(points(&l, PF_SIGNAL_FAULT_TREND), 0);
	assert_int_equal(points(&l, PF_SIGNAL_ANONYMOUS), 0);
	assert_int_equal(points(&l, PF_SIGNAL_ACCELERATION), 0);
	l.s.anon = 800;
	l.s.file = 200;
	life_run(&l, 12, 112, 2, 0); /* 12 MB beyond 11, of 101 */
	assert_int_equal(points(&l, PF_SIGNAL_FAULT_TREND), 25);
	assert_int_equal(points(&l, PF_SIGNAL_ANONYMOUS), 20);
	assert_in_range(points(&l, PF_SIGNAL_ACCELERATION), 9, 11);
	life_run(&l, 12, 109, 12, 0);
	assert_int_equal(points(&l, PF_SIGNAL_FAULT_TREND), 0);
	assert_int_equal(points(&l, PF_SIGNAL_ACCELERATION), 25);
}

static void test_anomaly(void **state)
{
	struct life l;

	(void)state;
	life_open(&l, PF_MODEL_ANOMALY);
	life_run(&l, 60, 0, 0, 0);
	life_run(&l, 60, 0, 0.9 / 6, 0); /* less than 1 MB a minute is normal */
	assert_int_equal(l.v.confidence, 0);
	life_open(&l, PF_MODEL_ANOMALY);
	life_run(&l, 60, 0, 0, 0);
	life_run(&l, 29, 0, 1, 0); /* 6 MB a minute, not yet for 5 minutes */
	assert_int_equal(l.v.confidence, 0);
	life_run(&l, 5, 0, 1, 0);
	assert_int_equal(points(&l, PF_SIGNAL_BASELINE), 75);
	assert_int_equal(l.v.level, PF_LEVEL_WARNING);
	life_run(&l, 30, 0, 2, 0);
	assert_int_equal(l.v.confidence, 100);
	assert_int_equal(l.v.level, PF_LEVEL_CRITICAL);
}

static void test_anomaly_fast_growth(void **state)
{
	struct life l;

	(void)state;
	life_open(&l, PF_MODEL_ANOMALY);
	life_run(&l, 30, 0, 9.9 / 6, 0);
	assert_int_equal(points(&l, PF_SIGNAL_FAST_GROWTH), 0);
	life_open(&l, PF_MODEL_ANOMALY);
	life_run(&l, 6, 0, 10.1 / 6, 0);
	assert_int_equal(points(&l, PF_SIGNAL_FAST_GROWTH), 0); /* not for a window yet */
	life_run(&l, 1, 0, 10.1 / 6, 0);
	assert_int_equal(points(&l, PF_SIGNAL_FAST_GROWTH), 95);
	assert_int_equal(l.v.level, PF_LEVEL_CRITICAL);
}

static void test_levels_of_faults(void **state)
{
	struct life l;

	(void)state;
	life_open(&l, PF_MODEL_LEVELS);
	life_run(&l, 60, 500, 0, 0);
	assert_int_equal(l.v.confidence, 0);
	life_open(&l, PF_MODEL_LEVELS);
	life_run(&l, 12, 501, 0, 0);
	assert_int_equal(l.v.confidence, 0); /* 110 s after the first look */
	life_run(&l, 1, 501, 0, 0);
	assert_int_equal(points(&l, PF_SIGNAL_FAULT_RATE), 75);
	assert_int_equal(l.v.level, PF_LEVEL_WARNING);
	life_open(&l, PF_MODEL_LEVELS);
	life_run(&l, 6, 1001, 0, 0);
	assert_int_equal(l.v.confidence, 0);
	life_run(&l, 1, 1001, 0, 0);
	assert_int_equal(points(&l, PF_SIGNAL_FAULTS_CRITICAL), 95);
	assert_int_equal(l.v.level, PF_LEVEL_CRITICAL);
	life_tick(&l, 0, 0, 0); /* the mean falls below */
	assert_int_equal(points(&l, PF_SIGNAL_FAULTS_CRITICAL), 0);
}

static void test_levels_of_vsz(void **state)
{
	struct life l;

	(void)state;
	life_open(&l, PF_MODEL_LEVELS);
	life_run(&l, 20, 0, 1, 1.9);
	assert_int_equal(points(&l, PF_SIGNAL_VSZ_GROWTH), 0);
	life_open(&l, PF_MODEL_LEVELS);
	life_run(&l, 20, 0, 1, 2.2);
	assert_int_equal(points(&l, PF_SIGNAL_VSZ_GROWTH), 75);
	assert_int_equal(points(&l, PF_SIGNAL_VSZ_RATIO), 0);
	life_open(&l, PF_MODEL_LEVELS);
	l.s.vsz_bytes = 400 * MB;
	life_run(&l, 20, 0, 0, 0); /* far apart, but no farther */
	assert_int_equal(l.v.confidence, 0);
	life_run(&l, 20, 0, 0, 0.25); /* 1.5 MB a minute */
	assert_int_equal(points(&l, PF_SIGNAL_VSZ_RATIO), 95);
	assert_int_equal(l.v.level, PF_LEVEL_CRITICAL);
}

static void test_only_some_trace(void **state)
{
	(void)state;
	assert_true(pf_model_traces(PF_MODEL_CLASSIC));
	assert_true(pf_model_traces(PF_MODEL_SIGNALS));
	assert_false(pf_model_traces(PF_MODEL_TREND));
	assert_false(pf_model_traces(PF_MODEL_ANOMALY));
}

/* ---- through the whole library ----------------------------------------------- */

static double fast(struct sim *m, double t)
{
	(void)m;
	return 100 + t / 3; /* 20 MB a minute */
}

static double still(struct sim *m, double t)
{
	(void)t;
	return (double)(m->s.rss_anon_bytes / MB);
}

static void leave_little(void *ctx, const struct pf_sample *s, struct pf_limit *limit)
{
	(void)ctx;
	(void)s;
	limit->headroom_bytes = 60 * MB;
}

/* Young, and it would not become old: an alert, though these want more than the threshold. */
static void test_memory_that_runs_out_within_grace(void **state)
{
	const struct pf_leak_hooks hooks = { .limit = leave_little };
	struct pf_leak_config config = pf_leak_default_config;
	struct sim m;

	(void)state;
	config.model.model = PF_MODEL_LEVELS;
	sim_open(&m, &config, &hooks, 10, 1);
	sim_run(&m, 590, fast);
	assert_int_equal(m.fires, 1);
	sim_close(&m);
}

static void test_alert_of_a_model(void **state)
{
	struct pf_leak_config config = pf_leak_default_config;
	struct sim m;

	(void)state;
	config.model.model = PF_MODEL_ANOMALY;
	sim_open(&m, &config, NULL, 10, 1);
	sim_run(&m, 590, fast);
	assert_int_equal(m.fires, 0); /* grace is the same for all */
	assert_int_equal(m.watches, 1);
	sim_run(&m, 100, fast);
	assert_int_equal(m.fires, 1);
	assert_int_equal(m.v->level, PF_LEVEL_CRITICAL);
	assert_string_equal(m.v->model, "anomaly");
	sim_run(&m, PF_ALERT_CLEAR_S + 600, still);
	assert_int_equal(m.resolves, 1);
	assert_int_equal(m.end, PF_END_RECOVERED);
	sim_close(&m);
}

static void test_more_than_the_threshold_is_asked(void **state)
{
	static const struct pf_alert_terms terms = { 50, 70, 0 };
	struct pf_alert a = { .state = PF_ALERT_NONE };

	(void)state;
	assert_true(pf_alert_step_level(&a, &terms, 100, 70));
	assert_int_equal(a.state, PF_ALERT_WATCH);
	assert_true(pf_alert_step_level(&a, &terms, 110, 71));
	assert_int_equal(a.state, PF_ALERT_FIRING);
	assert_false(pf_alert_step_level(&a, &terms, 110 + PF_ALERT_CLEAR_S - 1, 0));
	assert_true(pf_alert_step_level(&a, &terms, 110 + PF_ALERT_CLEAR_S, 0));
	assert_int_equal(a.state, PF_ALERT_RESOLVED);
}

static void test_reason_names_what_gave_points(void **state)
{
	struct pf_verdict v = { .state = PF_ALERT_FIRING, .model = "classic", .n_signals = 3 };
	char text[256];

	(void)state;
	v.signals[0] = (struct pf_signal){ .name = "fault_rate", .points = 30, .passed = true };
	v.signals[1] = (struct pf_signal){ .name = "rss_growth", .points = 0 };
	v.signals[2] = (struct pf_signal){ .name = "vsz_ratio", .points = 25, .passed = true };
	assert_string_equal(pf_verdict_reason(text, sizeof(text), &v),
			    "fault_rate +30, vsz_ratio +25");
	/* no room is no harm */
	pf_verdict_reason(text, 8, &v);
	assert_string_equal(text, "fault_r");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_are_those_of_the_configuration),
		cmocka_unit_test(test_classic_fault_rate),
		cmocka_unit_test(test_thresholds_are_the_configurations),
		cmocka_unit_test(test_classic_growth),
		cmocka_unit_test(test_classic_anonymous),
		cmocka_unit_test(test_vsz_ratio),
		cmocka_unit_test(test_classifier),
		cmocka_unit_test(test_classifier_rough_growth),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_anomaly),
		cmocka_unit_test(test_anomaly_fast_growth),
		cmocka_unit_test(test_levels_of_faults),
		cmocka_unit_test(test_levels_of_vsz),
		cmocka_unit_test(test_only_some_trace),
		cmocka_unit_test(test_alert_of_a_model),
		cmocka_unit_test(test_memory_that_runs_out_within_grace),
		cmocka_unit_test(test_more_than_the_threshold_is_asked),
		cmocka_unit_test(test_reason_names_what_gave_points),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
