/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shapes of memory over time through the whole library: which of them alert,
 * how soon, and what they are called.
 */
#include "tests/unit/test_leak.h"

#include "lib/base/cleanup.h"

#define OLD_S 100000 /* a process that has long been there */
#define NEW_S 1

static double leak_10m(struct sim *m, double t)
{
	(void)m;
	return 100 + t / 6; /* 10 MB a minute */
}

static double leak_1m_of_200(struct sim *m, double t)
{
	(void)m;
	return 200 + t / 60;
}

static double leak_1m_noisy(struct sim *m, double t)
{
	return 150 + t / 60 + sim_noise(m);
}

static double flat(struct sim *m, double t)
{
	(void)m;
	(void)t;
	return 300;
}

static double flat_noisy(struct sim *m, double t)
{
	(void)t;
	return 300 + 8 * sim_noise(m);
}

static double plateau(struct sim *m, double t)
{
	(void)m;
	return 100 + 400 * (1 - exp(-t / 300));
}

static double jump(struct sim *m, double t)
{
	(void)m;
	return t < 1500 ? 100 : 500;
}

/* Teeth of 100 MB that grow for three minutes. */
static double sawtooth(struct sim *m, double t)
{
	return 200 + 100 * fmod(t, 180) / 180 + sim_noise(m);
}

static double sawtooth_leak(struct sim *m, double t)
{
	return sawtooth(m, t) + 8 * t / 60;
}

/* Teeth longer than the buckets of short windows. */
static double long_sawtooth_leak(struct sim *m, double t)
{
	return 200 + 150 * fmod(t, 250) / 250 + 12 * t / 60 + sim_noise(m);
}

/* Nearly twice as long as the points of 160 s: their minima drift against it. */
static double sawtooth_that_beats(struct sim *m, double t)
{
	(void)m;
	return 150 + 40 * fmod(t, 304) / 304;
}

/* Grows for two minutes, once. */
static double one_batch(struct sim *m, double t)
{
	(void)m;
	if (t < 1000)
		return 100;
	return t < 1120 ? 100 + (t - 1000) : t < 1400 ? 220 : 100;
}

static double faster_and_faster(struct sim *m, double t)
{
	(void)m;
	return 100 + 30 * (t / 600) * (t / 600);
}

static double busy_hours(struct sim *m, double t)
{
	(void)m;
	return 400 + 60 * sin(t / 100);
}

static void test_leak_fires(void **state)
{
	struct sim m;

	(void)state;
	sim_open(&m, NULL, NULL, 10, OLD_S);
	sim_run(&m, 1500, leak_10m);
	assert_int_equal(m.watches, 1);
	assert_int_equal(m.fires, 1);
	assert_int_equal(m.resolves, 0);
	assert_true(m.watch_s <= 60);
	assert_true(m.fire_s <= 700);
	assert_int_equal(m.v->class, PF_CLASS_LINEAR);
	/* the rate is the one that was put in, within its own error and a page */
	assert_true(fabs(m.v->growth_bytes_per_s - MB / 6.0) < 3 * m.v->growth_error + 5000);
	assert_true(m.v->growth_bytes > 64 * MB);
	assert_true(m.v->window_s >= 640);
	sim_close(&m);
}

static void test_slow_noisy_leak_fires(void **state)
{
	struct sim m;

	(void)state;
	sim_open(&m, NULL, NULL, 10, OLD_S);
	sim_run(&m, 3 * 3600, leak_1m_noisy);
	assert_int_equal(m.fires, 1);
	assert_int_equal(m.resolves, 0);
	assert_true(m.fire_s <= 3000);
	assert_true(m.v->confidence > 85);
	assert_true(m.v->growth_error > 0);
	assert_true(fabs(m.v->growth_bytes_per_s - MB / 60.0) < 4 * m.v->growth_error);
	sim_close(&m);
}

/* The numbers are those of pfleak(8). */
static void test_the_worked_example(void **state)
{
	struct sim m;

	(void)state;
	sim_open(&m, NULL, NULL, 10, OLD_S);
	sim_run(&m, 130, leak_1m_of_200);
	assert_int_equal(m.v->confidence, 0);
	sim_run(&m, 200, leak_1m_of_200);
	assert_int_equal(m.v->confidence, 38);
	sim_run(&m, 200, leak_1m_of_200);
	assert_int_equal(m.v->confidence, 54);
	assert_int_equal(m.v->state, PF_ALERT_WATCH);
	sim_run(&m, 760, leak_1m_of_200);
	assert_int_equal(m.v->confidence, 83);
	assert_int_equal(m.v->state, PF_ALERT_FIRING);
	assert_int_equal(m.v->growth_bytes, 16 * MB);
	assert_true(m.fire_s <= 1280);
	sim_close(&m);
}

/* A megabyte an hour, with as much noise as a small cache makes. */
static double leak_1m_an_hour(struct sim *m, double t)
{
	return 200 + t / 3600 + 0.3 * sim_noise(m);
}

static void test_a_megabyte_an_hour_within_twelve_hours(void **state)
{
	static const double ticks[] = { 10, 60, 300 };

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(ticks); i++) {
		struct sim m;

		sim_open(&m, NULL, NULL, ticks[i], OLD_S);
		sim_run(&m, 14 * 3600, leak_1m_an_hour);
		assert_int_equal(m.fires, 1);
		assert_int_equal(m.resolves, 0);
		assert_true(m.fire_s <= 12 * 3600);
		sim_close(&m);
	}
}

struct declared {
	struct pf_ceiling ceiling;
	int64_t headroom_bytes;
	unsigned int asked;
	struct pf_budget budget;
};

static void declare(void *ctx, const struct pf_sample *s, struct pf_ceiling *ceiling)
{
	struct declared *d = ctx;

	(void)s;
	d->asked++;
	*ceiling = d->ceiling;
}

static void leave(void *ctx, const struct pf_sample *s, struct pf_limit *limit)
{
	struct declared *d = ctx;

	(void)s;
	limit->headroom_bytes = d->headroom_bytes;
	limit->budget = d->budget;
}

/* Feed `shape` for half an hour to a process that declares a limit. */
static void run_declared(struct sim *m, struct declared *d, double (*shape)(struct sim *, double))
{
	const struct pf_leak_hooks hooks = { .limit = leave, .ceiling = declare, .ctx = d };

	sim_open(m, NULL, &hooks, 10, OLD_S);
	sim_run(m, 1800, shape);
}

static void test_a_declared_limit_makes_a_watch_of_an_alert(void **state)
{
	/* 100 MB and 10 more a minute: 400 MB in the end */
	struct declared cache = {
		{ 400ll * MB, false, "maxmemory" }, PF_UNKNOWN, 0, { 0, 0, NULL }
	};
	struct declared heap = { { 500ll * MB, true, "-Xmx" }, 1ll << 40, 0, { 0, 0, NULL } };
	char text[256];
	struct sim m;

	(void)state;
	run_declared(&m, &cache, leak_10m);
	assert_int_equal(m.fires, 0);
	assert_int_equal(m.watches, 1);
	assert_int_equal(cache.asked, 1);
	assert_int_equal(m.v->confidence, 69);
	assert_non_null(strstr(pf_verdict_reason(text, sizeof(text), m.v),
			       "declares a limit that it has not reached (maxmemory: 400M)"));
	sim_close(&m);
	run_declared(&m, &heap, leak_10m);
	assert_int_equal(m.fires, 0);
	sim_close(&m);
}

static void test_a_declared_limit_is_no_excuse(void **state)
{
	struct declared passed = {
		{ 200ll * MB, false, "maxmemory" }, PF_UNKNOWN, 0, { 0, 0, NULL }
	};
	struct declared nearly = { { 350ll * MB, true, "-Xmx" }, PF_UNKNOWN, 0, { 0, 0, NULL } };
	struct declared too_much = {
		{ 4096ll * MB, false, "maxmemory" }, 512ll * MB, 0, { 0, 0, NULL }
	};
	struct declared collected = {
		{ 4096ll * MB, true, "-Xmx" }, PF_UNKNOWN, 0, { 0, 0, NULL }
	};
	struct declared *no_excuse[] = { &passed, &nearly, &too_much };
	struct sim m;

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(no_excuse); i++) {
		run_declared(&m, no_excuse[i], leak_10m);
		assert_int_equal(m.fires, 1);
		sim_close(&m);
	}
	run_declared(&m, &collected, sawtooth_leak);
	sim_run(&m, 5400, sawtooth_leak);
	assert_int_equal(m.fires, 1);
	sim_close(&m);
}

/* 200 MB and one more a minute; a limit of its cgroup, of which it has used so much. */
static void run_budget(struct sim *m, int64_t limit_mb, int64_t used_mb, int64_t headroom_mb)
{
	static struct declared d;

	d = (struct declared){ .ceiling = { PF_UNKNOWN, false, NULL },
			       .headroom_bytes = headroom_mb * MB,
			       .budget = { limit_mb * MB, (limit_mb - used_mb) * MB,
					   "memory.max" } };
	run_declared(m, &d, leak_1m_of_200);
}

static void test_half_of_a_limit_set_for_it_is_no_alert_for_a_day(void **state)
{
	/* as good as nothing: patience has no say below three days */
	static const struct {
		int64_t limit_mb, used_mb, headroom_mb;
		int fires;
	} cases[] = {
		{ 4000, 300, 3700, 0 },
		{ 4000, 2001, 1999, 1 }, /* more than half is used */
		{ 1600, 300, 1300, 1 },	 /* it lasts for 22 hours */
		{ 4000, 300, 1300, 1 },	 /* the machine does */
	};
	char text[256];
	struct sim m;

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		run_budget(&m, cases[i].limit_mb, cases[i].used_mb, cases[i].headroom_mb);
		assert_int_equal(m.fires, cases[i].fires);
		assert_int_equal(m.watches, 1);
		if (!cases[i].fires)
			assert_non_null(strstr(pf_verdict_reason(text, sizeof(text), m.v),
					       "less than half of a limit set for it is used "
					       "(memory.max: 3.9G)"));
		sim_close(&m);
	}
}

/* Of 400 MB of shared memory a megabyte more is touched each ten seconds. */
static void run_shared(struct sim *m, double vsz_mb)
{
	for (int i = 0; i < 300; i++) {
		m->s.rss_shmem_bytes += MB;
		m->s.vsz_bytes += (int64_t)(vsz_mb * MB);
		sim_feed(m, 50);
	}
}

static void test_touching_shared_memory_is_no_leak(void **state)
{
	struct sim m;

	(void)state;
	sim_open(&m, NULL, NULL, 10, OLD_S);
	run_shared(&m, 0);
	assert_int_equal(m.fires, 0);
	assert_int_equal(m.watches, 0);
	run_shared(&m, 1); /* but making more of it is */
	assert_int_equal(m.fires, 1);
	sim_close(&m);
}

/* Up or down by chance, each minute anew; a hundred processes of 300 MB, three hours each. */
static unsigned int wanderers_that_fire(double drift_mb)
{
	unsigned int fires = 0;

	for (int i = 0; i < 100; i++) {
		struct sim m;
		double at = 300;

		sim_open(&m, NULL, NULL, 60, OLD_S);
		m.noise += 7919u * (unsigned int)i;
		for (int j = 0; j < 180; j++) {
			at += 3 * sim_noise(&m) + drift_mb;
			sim_feed(&m, at);
		}
		fires += m.fires > 0;
		sim_close(&m);
	}
	return fires;
}

/* A walk that goes up by chance looks like a leak for a while. 41 do where drift is not asked. */
static void test_what_wanders_drifts_less_often(void **state)
{
	(void)state;
	assert_true(wanderers_that_fire(0) <= 37);
	assert_int_equal(wanderers_that_fire(1), 100);
}

static void test_leak_at_coarse_ticks(void **state)
{
	static const double ticks[] = { 1, 3, 7, 60, 300 };

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(ticks); i++) {
		struct sim m;

		sim_open(&m, NULL, NULL, ticks[i], OLD_S);
		sim_run(&m, 9000, leak_10m);
		assert_int_equal(m.fires, 1);
		assert_int_equal(m.resolves, 0);
		assert_true(m.fire_s <= fmax(800, 14 * ticks[i]));
		sim_close(&m);
	}
}

static void test_healthy_shapes_never_fire(void **state)
{
	static const struct {
		double (*shape)(struct sim *, double);
		double age_s;
		enum pf_class class;
		bool may_watch;
	} cases[] = {
		{ flat, OLD_S, PF_CLASS_FLAT, false },
		{ flat, NEW_S, PF_CLASS_FLAT, false },
		{ flat_noisy, OLD_S, PF_CLASS_FLAT, false },
		{ plateau, NEW_S, PF_CLASS_PLATEAU, true },
		{ jump, OLD_S, PF_CLASS_STEP, false },
		{ sawtooth, OLD_S, PF_CLASS_SAWTOOTH, true },
		{ sawtooth_that_beats, OLD_S, PF_CLASS_SAWTOOTH, true },
		{ one_batch, OLD_S, PF_CLASS_FLAT, true },
		{ busy_hours, OLD_S, PF_CLASS_SAWTOOTH, true },
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		struct sim m;

		sim_open(&m, NULL, NULL, 10, cases[i].age_s);
		sim_run(&m, 4 * 3600, cases[i].shape);
		assert_int_equal(m.fires, 0);
		assert_true(m.was[cases[i].class]);
		if (!cases[i].may_watch) {
			assert_int_equal(m.watches, 0);
			assert_true(m.most < 50);
		}
		sim_close(&m);
	}
}

static void test_leak_under_teeth_fires(void **state)
{
	double (*const shapes[])(struct sim *, double) = { sawtooth_leak, long_sawtooth_leak };

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(shapes); i++) {
		struct sim m;
		bool teeth = false;

		sim_open(&m, NULL, NULL, 10, OLD_S);
		while (!m.fires && sim_now(&m) < 4 * 3600)
			sim_feed(&m, shapes[i](&m, sim_now(&m)));
		assert_int_equal(m.fires, 1);
		for (size_t j = 0; j < m.v->n_signals; j++)
			teeth |= m.v->signals[j].id == PF_SIGNAL_TEETH;
		assert_true(teeth);
		sim_close(&m);
	}
}

static void test_accelerating(void **state)
{
	struct sim m;

	(void)state;
	sim_open(&m, NULL, NULL, 10, OLD_S);
	sim_run(&m, 2400, faster_and_faster);
	assert_int_equal(m.fires, 1);
	assert_true(m.was[PF_CLASS_ACCELERATING]);
	sim_close(&m);
}

/* What swaps out goes on counting; what is mapped from files never does. */
static void test_swap_counts_and_files_do_not(void **state)
{
	struct sim m;

	(void)state;
	sim_open(&m, NULL, NULL, 10, OLD_S);
	for (int i = 0; i < 150; i++) {
		m.s.swap_bytes = (int64_t)i * 2 * MB;
		sim_feed(&m, 100);
	}
	assert_int_equal(m.fires, 1);
	sim_close(&m);

	sim_open(&m, NULL, NULL, 10, OLD_S);
	for (int i = 0; i < 600; i++) {
		m.s.rss_file_bytes = (int64_t)i * 2 * MB;
		sim_feed(&m, 100);
	}
	assert_int_equal(m.watches + m.fires, 0);
	assert_int_equal(m.v->class, PF_CLASS_FILE_CACHE);
	sim_close(&m);
}

static void test_shmem_counts(void **state)
{
	struct sim m;

	(void)state;
	sim_open(&m, NULL, NULL, 10, OLD_S);
	for (int i = 0; i < 150; i++) {
		m.s.rss_shmem_bytes = (int64_t)i * 2 * MB;
		m.s.vsz_bytes += 2 * MB;
		sim_feed(&m, 100);
	}
	assert_int_equal(m.fires, 1);
	assert_int_equal(m.v->class, PF_CLASS_SHMEM);
	sim_close(&m);
}

static void test_churn_is_no_leak(void **state)
{
	struct sim m;

	(void)state;
	sim_open(&m, NULL, NULL, 10, OLD_S);
	for (int i = 0; i < 400; i++) {
		m.s.faults = 500000;
		sim_feed(&m, 200 + sim_noise(&m) / 2);
	}
	assert_int_equal(m.most, 0);
	assert_int_equal(m.v->class, PF_CLASS_CHURN);
	assert_int_equal(m.v->faults_total, 400 * 500000);
	assert_true(m.v->fault_rate == 50000);
	sim_close(&m);
}

static void test_too_early_to_tell(void **state)
{
	struct sim m;

	(void)state;
	sim_open(&m, NULL, NULL, 10, NEW_S);
	sim_run(&m, 100, leak_10m);
	assert_int_equal(m.v->class, PF_CLASS_STARTUP);
	assert_int_equal(m.v->n_signals, 0);
	assert_int_equal(m.v->confidence, 0);
	assert_true(isnan(m.v->growth_bytes_per_s));
	sim_close(&m);

	sim_open(&m, NULL, NULL, 10, OLD_S);
	sim_run(&m, 40, flat);
	assert_int_equal(m.v->class, PF_CLASS_INCONCLUSIVE);
	sim_close(&m);
}

/* A figure that may be off by more than it grew proves nothing. */
static void test_inexact_figures(void **state)
{
	struct sim m;

	(void)state;
	sim_open(&m, NULL, NULL, 10, OLD_S);
	m.s.rss_error_bytes = 512ll * MB;
	sim_run(&m, 1200, leak_10m);
	assert_int_equal(m.watches + m.fires, 0);
	sim_close(&m);
}

/* Not seen for an hour, then twice the size: a jump, whatever lay between. */
static void test_gap_is_a_jump(void **state)
{
	struct sim m;

	(void)state;
	sim_open(&m, NULL, NULL, 10, OLD_S);
	sim_run(&m, 600, flat);
	m.s.mono_s += 3600;
	m.s.ts += 3600;
	for (int i = 0; i < 600; i++)
		sim_feed(&m, 600);
	assert_int_equal(m.watches + m.fires, 0);
	sim_close(&m);
}

static void test_points_add_up(void **state)
{
	double (*const shapes[])(struct sim *, double) = { leak_10m,  sawtooth,	  plateau,
							   jump,      busy_hours, sawtooth_leak,
							   flat_noisy };

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(shapes); i++) {
		struct sim m;

		sim_open(&m, NULL, NULL, 10, 300);
		while (sim_now(&m) < 5000) {
			const struct pf_verdict *v = sim_feed(&m, shapes[i](&m, sim_now(&m)));
			int sum = 0;

			for (size_t j = 0; j < v->n_signals; j++) {
				char text[300];

				sum += v->signals[j].points;
				assert_string_equal(v->signals[j].name,
						    pf_signal_name(v->signals[j].id));
				pf_signal_text(text, sizeof(text), &v->signals[j]);
				assert_non_null(strstr(text, v->signals[j].name));
				assert_true(strlen(text) < sizeof(text) - 1);
			}
			assert_int_equal(sum, v->confidence);
			assert_in_range(v->confidence, 0, 100);
			assert_true(v->n_signals <= PF_SIGNALS_MAX);
		}
		sim_close(&m);
	}
}

static void test_every_class_has_a_name(void **state)
{
	(void)state;
	assert_string_equal(pf_class_name(PF_CLASS_STARTUP), "startup");
	assert_string_equal(pf_class_name(PF_CLASS_FILE_CACHE), "file-cache");
	assert_string_equal(pf_class_name(PF_CLASS_INCONCLUSIVE), "inconclusive");
	assert_string_equal(pf_class_name((enum pf_class)99), "");
	for (int a = 0; a <= PF_CLASS_INCONCLUSIVE; a++) {
		for (int b = 0; b < a; b++)
			assert_string_not_equal(pf_class_name((enum pf_class)a),
						pf_class_name((enum pf_class)b));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leak_fires),
		cmocka_unit_test(test_slow_noisy_leak_fires),
		cmocka_unit_test(test_a_megabyte_an_hour_within_twelve_hours),
		cmocka_unit_test(test_the_worked_example),
		cmocka_unit_test(test_a_declared_limit_makes_a_watch_of_an_alert),
		cmocka_unit_test(test_a_declared_limit_is_no_excuse),
		cmocka_unit_test(test_what_wanders_drifts_less_often),
		cmocka_unit_test(test_half_of_a_limit_set_for_it_is_no_alert_for_a_day),
		cmocka_unit_test(test_touching_shared_memory_is_no_leak),
		cmocka_unit_test(test_leak_at_coarse_ticks),
		cmocka_unit_test(test_healthy_shapes_never_fire),
		cmocka_unit_test(test_leak_under_teeth_fires),
		cmocka_unit_test(test_accelerating),
		cmocka_unit_test(test_swap_counts_and_files_do_not),
		cmocka_unit_test(test_shmem_counts),
		cmocka_unit_test(test_churn_is_no_leak),
		cmocka_unit_test(test_too_early_to_tell),
		cmocka_unit_test(test_inexact_figures),
		cmocka_unit_test(test_gap_is_a_jump),
		cmocka_unit_test(test_points_add_up),
		cmocka_unit_test(test_every_class_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
