/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a rule sees of a process (each mean by its formula), and the life of its
 * alert: pending, firing, resolved; exit, exec, size, rules that change.
 */
#include "tests/unit/test_leak.h"

#include "lib/base/cleanup.h"
#include "lib/leak/rule.h"

static const struct pf_rule_names no_names;

/* What the hook was told, in order. */
struct told {
	struct {
		char rule[32];
		enum pf_alert_state state, previous;
		enum pf_alert_end end;
		enum pf_alert_level level;
		char why[320];
		double t_s;
	} event[32];
	size_t n;
	struct sim *sim;
};

static void hear(void *ctx, const struct pf_verdict *v)
{
	struct told *t = ctx;

	assert_true(t->n < PF_ARRAY_SIZE(t->event));
	assert_non_null(v->rule);
	assert_true(v->transition);
	snprintf(t->event[t->n].rule, sizeof(t->event[0].rule), "%s", v->rule);
	pf_verdict_reason(t->event[t->n].why, sizeof(t->event[0].why), v);
	t->event[t->n].state = v->state;
	t->event[t->n].previous = v->previous;
	t->event[t->n].end = v->end;
	t->event[t->n].level = v->level;
	t->event[t->n++].t_s = t->sim->s.mono_s - t->sim->begin_s;
}

static void expect(const struct told *t, size_t i, const char *rule, enum pf_alert_state state,
		   enum pf_alert_end end)
{
	assert_true(i < t->n);
	assert_string_equal(t->event[i].rule, rule);
	assert_int_equal(t->event[i].state, state);
	assert_int_equal(t->event[i].end, end);
}

static struct pf_rules *rules_of(double window_s, const struct pf_rule_config *config, size_t n)
{
	struct pf_rules *rules = pf_rules__new(window_s, &no_names);
	struct pf_rule_error err = { 0 };

	assert_non_null(rules);
	for (size_t i = 0; i < n; i++) {
		if (pf_rules__add(rules, &config[i], &err))
			fail_msg("%s: %s", config[i].name, err.text);
	}
	return rules;
}

static void begin(struct sim *m, struct told *t, struct pf_rules *rules)
{
	const struct pf_leak_hooks hooks = { .rule = hear, .ctx = t };

	memset(t, 0, sizeof(*t));
	t->sim = m;
	sim_open(m, NULL, &hooks, 10, 3600);
	pf_leak__set_rules(m->leak, rules);
}

static void end(struct sim *m, struct pf_rules *rules)
{
	sim_close(m);
	pf_rules__free(rules);
}

/* ---- life ------------------------------------------------------------------- */

static const struct pf_rule_config big = { .name = "big",
					   .condition = "rss_mb > 100",
					   .level = PF_LEVEL_CRITICAL,
					   .duration_s = 60,
					   .message = "too \033big" };

static void test_life(void **state)
{
	struct pf_rules *rules = rules_of(60, &big, 1);
	struct sim m;
	struct told t;

	(void)state;
	begin(&m, &t, rules);
	sim_feed(&m, 80);
	assert_int_equal(t.n, 0);
	sim_feed(&m, 120); /* 10 s: pending */
	sim_feed(&m, 80);  /* and over again */
	assert_int_equal(t.n, 2);
	expect(&t, 0, "big", PF_ALERT_PENDING, PF_END_NONE);
	expect(&t, 1, "big", PF_ALERT_RESOLVED, PF_END_RECOVERED);
	assert_int_equal(pf_leak__stats(m.leak)->pending, 0);
	for (int i = 0; i < 10; i++)
		sim_feed(&m, 120); /* from 30 s on */
	assert_int_equal(t.n, 4);
	expect(&t, 3, "big", PF_ALERT_FIRING, PF_END_NONE);
	assert_int_equal((int)t.event[3].t_s, 90);
	assert_int_equal(t.event[3].level, PF_LEVEL_CRITICAL);
	assert_string_equal(t.event[3].why, "too \\x1bbig: rss_mb 130");
	assert_int_equal(pf_leak__stats(m.leak)->firing, 1);
	assert_int_equal(m.v->state, PF_ALERT_NONE); /* the model has nothing to say of it */
	assert_null(m.v->rule);
	for (int i = 0; i < 10; i++)
		sim_feed(&m, 80);
	assert_int_equal(t.n, 5);
	expect(&t, 4, "big", PF_ALERT_RESOLVED, PF_END_RECOVERED);
	assert_string_equal(t.event[4].why, "the condition does not hold any more: rss_mb 90");
	assert_int_equal(pf_leak__stats(m.leak)->firing, 0);
	assert_int_equal(pf_rules__stats(rules, 0)->fired, 1);
	assert_int_equal(pf_rules__stats(rules, 0)->unknown, 0);
	assert_int_equal(pf_rules__stats(rules, 0)->asked, 23);
	end(&m, rules);
}

static void test_exit_and_exec(void **state)
{
	const struct pf_rule_config at_once = { .name = "at once", .condition = "rss_mb > 100" };
	struct pf_rules *rules = rules_of(60, &at_once, 1);
	struct sim m;
	struct told t;

	(void)state;
	begin(&m, &t, rules);
	m.s.exec_id = 1;
	sim_feed(&m, 200);
	assert_int_equal(t.n, 1);
	expect(&t, 0, "at once", PF_ALERT_FIRING, PF_END_NONE);
	m.s.exec_id = 2;
	sim_feed(&m, 20);
	assert_int_equal(t.n, 2);
	expect(&t, 1, "at once", PF_ALERT_RESOLVED, PF_END_EXEC);
	assert_string_equal(t.event[1].why, "the process became another program");
	sim_feed(&m, 200);
	m.s.exited = true;
	sim_feed(&m, 200);
	assert_int_equal(t.n, 4);
	expect(&t, 3, "at once", PF_ALERT_RESOLVED, PF_END_EXITED);
	assert_string_equal(t.event[3].why, "the process exited");
	assert_int_equal(pf_leak__stats(m.leak)->firing, 0);
	end(&m, rules);
}

/* Below the minimum size nothing holds, whatever is asked. */
static void test_small(void **state)
{
	const struct pf_rule_config always = { .name = "always", .condition = "true" };
	struct pf_rules *rules = rules_of(60, &always, 1);
	struct sim m;
	struct told t;

	(void)state;
	begin(&m, &t, rules);
	m.s.rss_file_bytes = 0;
	sim_feed(&m, 9);
	assert_int_equal(t.n, 0);
	sim_feed(&m, 11);
	sim_feed(&m, 9);
	sim_feed(&m, 6); /* as long as it has half of it */
	assert_int_equal(t.n, 1);
	sim_feed(&m, 4);
	assert_int_equal(t.n, 2);
	expect(&t, 0, "always", PF_ALERT_FIRING, PF_END_NONE);
	expect(&t, 1, "always", PF_ALERT_RESOLVED, PF_END_RECOVERED);
	end(&m, rules);
}

static void test_unknown(void **state)
{
	const struct pf_rule_config anon = { .name = "anon", .condition = "anonymous_ratio > 80" };
	struct pf_rules *rules = rules_of(60, &anon, 1);
	struct sim m;
	struct told t;

	(void)state;
	begin(&m, &t, rules);
	assert_int_equal(pf_rules__needs(rules, 0), PF_NEED_CLASSES);
	for (int i = 0; i < 10; i++)
		sim_feed(&m, 100);
	assert_int_equal(t.n, 0);
	assert_int_equal(pf_rules__stats(rules, 0)->unknown, 10);
	/* 90 % anonymous from now on */
	m.s.anon = 90;
	m.s.file = 10;
	m.s.shmem = m.s.swapin = m.s.cow = m.s.other = 0;
	sim_feed(&m, 100);
	assert_int_equal(t.n, 1);
	expect(&t, 0, "anon", PF_ALERT_FIRING, PF_END_NONE);
	assert_non_null(strstr(t.event[0].why, "anonymous_ratio 90"));
	end(&m, rules);
}

/* ---- rules that change ------------------------------------------------------ */

static void count(void *ctx, const struct pf_verdict *v)
{
	assert_non_null(v->rule);
	assert_false(v->transition);
	++*(unsigned int *)ctx;
}

static void test_change(void **state)
{
	static const struct pf_rule_config before[] = {
		{ .name = "stays", .condition = "rss_mb > 100 AND duration > 25" },
		{ .name = "goes", .condition = "rss_mb > 50" },
		{ .name = "is another", .condition = "rss_mb > 60" },
	};
	static const struct pf_rule_config after[] = {
		{ .name = "is another", .condition = "rss_mb > 1000" },
		{ .name = "is new", .condition = "rss_mb > 70" },
		{ .name = "stays", .condition = "rss_mb > 100 AND duration > 25" },
	};
	struct pf_rules *first = rules_of(60, before, 3), *second = rules_of(60, after, 3);
	unsigned int open = 0;
	struct sim m;
	struct told t;

	(void)state;
	begin(&m, &t, first);
	sim_feed(&m, 200);
	sim_feed(&m, 200);
	assert_int_equal(t.n, 2); /* goes, is another */
	pf_leak__set_rules(m.leak, second);
	pf_rules__free(first);
	assert_int_equal(t.n, 4);
	expect(&t, 2, "goes", PF_ALERT_RESOLVED, PF_END_RULE_GONE);
	expect(&t, 3, "is another", PF_ALERT_RESOLVED, PF_END_RULE_CHANGED);
	assert_string_equal(t.event[2].why, "the rule is not in the configuration any more");
	assert_string_equal(t.event[3].why, "the rule has another condition now and begins anew");
	sim_feed(&m, 200);
	assert_int_equal(t.n, 5);
	expect(&t, 4, "is new", PF_ALERT_FIRING, PF_END_NONE);
	sim_feed(&m, 200); /* 30 s after its condition began to hold, before the change */
	assert_int_equal(t.n, 6);
	expect(&t, 5, "stays", PF_ALERT_FIRING, PF_END_NONE);
	pf_leak__each_rule(m.leak, count, &open);
	assert_int_equal(open, 2);
	pf_leak__set_rules(m.leak, NULL);
	assert_int_equal(t.n, 8);
	assert_int_equal(pf_leak__stats(m.leak)->firing, 0);
	sim_feed(&m, 200);
	end(&m, second);
}

/* ---- facts ------------------------------------------------------------------ */

#define W 60.0

/* Feeds one process and keeps the facts as of the last sample. */
struct watched {
	struct pf_fact_state st;
	struct pf_sample s;
	struct pf_verdict v;
	double fact[PF_FACTS];
};

static void watch(struct watched *w)
{
	memset(w, 0, sizeof(*w));
	pf_sample_init(&w->s);
	w->s.interval_s = 10;
	w->s.mono_s = 1000;
	w->s.rss_bytes = 100 * MB;
}

static void see(struct watched *w, double grow_mb_per_min, double faults_per_s)
{
	w->s.mono_s += w->s.interval_s;
	w->s.rss_bytes += (int64_t)(grow_mb_per_min * MB * w->s.interval_s / 60);
	w->s.faults = (int64_t)(faults_per_s * w->s.interval_s);
	pf_facts_take(&w->st, &w->s, &w->v, W, w->fact);
}

#define assert_near(a, b, tolerance)                                                               \
	do {                                                                                       \
		if (!(fabs((a) - (b)) <= (tolerance)))                                             \
			fail_msg("%s is %g, not %g", #a, (double)(a), (double)(b));                \
	} while (0)

/* Without change every mean is exact from the first sample on, whatever its weight. */
static void test_means_steady(void **state)
{
	struct watched w;

	(void)state;
	watch(&w);
	for (int i = 0; i < 100; i++) {
		see(&w, 6, 250);
		assert_near(w.fact[PF_FACT_FAULT_RATE], 250, 1e-6);
		if (i)
			assert_near(w.fact[PF_FACT_RSS_GROWTH_RATE], 6.0 * MB / 60, 1);
	}
	assert_near(w.fact[PF_FACT_RSS_GROWTH_MB_PER_MIN], 6.0 * MB / 60, 1);
	assert_near(w.fact[PF_FACT_FAULT_RATE_TREND], 0, 1e-9);
	assert_near(w.fact[PF_FACT_BASELINE], 6.0 * MB / 60, 1);
	assert_near(w.fact[PF_FACT_STDDEV], 0.5 * MB / 60, 1e-6); /* the least there is */
	assert_near(w.fact[PF_FACT_RSS_GROWTH_PERCENT], 1 + 99.0 / 101, 0.01);
}

static void test_known_from(void **state)
{
	struct watched w;

	(void)state;
	watch(&w);
	see(&w, 0, 10);
	assert_true(isnan(w.fact[PF_FACT_RSS_GROWTH_RATE]));
	for (double t = 10; t < 2 * W; t += 10) {
		assert_true(isnan(w.fact[PF_FACT_FAULT_RATE_TREND]));
		see(&w, 0, 10);
	}
	see(&w, 0, 10);
	assert_false(isnan(w.fact[PF_FACT_FAULT_RATE_TREND]));
	for (int i = 0; i < 60 && isnan(w.fact[PF_FACT_BASELINE]); i++)
		see(&w, 0, 10);
	assert_near(w.s.mono_s - 1010, 6 * W, 10); /* a window apart, then five of its own */
}

/* A straight line: the mean lags by w, and the slope is what it is. */
static void test_trend(void **state)
{
	struct watched w;

	(void)state;
	watch(&w);
	for (int i = 0; i < 400; i++)
		see(&w, 0, 2 * i * 10);
	assert_near(w.fact[PF_FACT_FAULT_RATE_TREND], 2, 0.02);
	assert_near(w.fact[PF_FACT_FAULT_RATE], 2 * (4000 - W), 20);
	for (int i = 0; i < 100; i++)
		see(&w, 0, 8000 - 2 * i * 10);
	assert_true(w.fact[PF_FACT_FAULT_RATE_TREND] < 0);
}

/* What is unusual does not become usual for as long as the founding rule asks it to last. */
static void test_baseline(void **state)
{
	struct watched w;

	(void)state;
	watch(&w);
	for (int i = 0; i < 120; i++)
		see(&w, i % 2 ? 0.4 : -0.4, 10);
	assert_near(w.fact[PF_FACT_BASELINE], 0, 0.1 * MB / 60);
	for (int i = 0; i < 60; i++) {
		see(&w, 20, 10);
		if (i > 2)
			assert_true(w.fact[PF_FACT_RSS_GROWTH_RATE] >
				    w.fact[PF_FACT_BASELINE] + 2 * w.fact[PF_FACT_STDDEV]);
	}
}

static void test_ratios(void **state)
{
	struct watched w;

	(void)state;
	watch(&w);
	w.s.vsz_bytes = 250 * MB;
	w.s.anon = 30;
	w.s.file = 10;
	w.s.cow = 10;
	w.s.shmem = w.s.swapin = w.s.other = 0;
	see(&w, 0, 10);
	assert_near(w.fact[PF_FACT_VSZ_RSS_RATIO], 2.5, 1e-9);
	assert_near(w.fact[PF_FACT_ANONYMOUS_RATIO], 0.6, 1e-9);
	w.s.rss_bytes = 0;
	see(&w, 0, 10);
	assert_true(isnan(w.fact[PF_FACT_VSZ_RSS_RATIO]));
	watch(&w);
	w.s.anon = 30; /* one class of many */
	see(&w, 0, 10);
	assert_true(isnan(w.fact[PF_FACT_ANONYMOUS_RATIO]));
	assert_true(isnan(w.fact[PF_FACT_VSZ_RSS_RATIO]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),	   cmocka_unit_test(test_exit_and_exec),
		cmocka_unit_test(test_small),	   cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_change),	   cmocka_unit_test(test_means_steady),
		cmocka_unit_test(test_known_from), cmocka_unit_test(test_trend),
		cmocka_unit_test(test_baseline),   cmocka_unit_test(test_ratios),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
