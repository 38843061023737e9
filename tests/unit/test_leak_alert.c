/* SPDX-License-Identifier: BSD-2-Clause */
/* Life of watches and alerts: grace, size, time left, recovery, severity; what is said of them. */
#include "tests/unit/test_leak.h"

#include "lib/base/cleanup.h"

#define OLD_S 100000

static double leak_10m(struct sim *m, double t)
{
	(void)m;
	return 100 + t / 6;
}

static double leak_60m(struct sim *m, double t)
{
	(void)m;
	return 100 + t;
}

static double flat(struct sim *m, double t)
{
	(void)t;
	return (double)m->s.rss_anon_bytes / MB;
}

static double small_leak(struct sim *m, double t)
{
	(void)m;
	return 10 + 29.5 * t / 2000;
}

static void test_grace_holds_an_alert_back(void **state)
{
	struct sim m;

	(void)state;
	sim_open(&m, NULL, NULL, 10, 0);
	sim_run(&m, 900, leak_60m);
	assert_int_equal(m.watches, 1);
	assert_int_equal(m.fires, 1);
	assert_true(m.watch_s <= 140); /* 60 s to settle, then a minute of growth */
	assert_true(m.fire_s == 600);
	sim_close(&m);
}

static void test_long_grace(void **state)
{
	struct pf_leak_config config = pf_leak_default_config;
	struct sim m;

	(void)state;
	config.grace_s = 3600;
	sim_open(&m, &config, NULL, 10, 0);
	sim_run(&m, 4000, leak_10m);
	assert_true(m.watch_s <= 200);
	assert_true(m.fire_s == 3600);
	sim_close(&m);
}

/* The demo: who asks for 20 s of grace gets a watch and an alert within a minute. */
static void test_short_grace_is_quick(void **state)
{
	static const double rates[] = { 5, 10 };
	struct pf_leak_config config = pf_leak_default_config;

	(void)state;
	config.grace_s = 20;
	for (size_t i = 0; i < PF_ARRAY_SIZE(rates); i++) {
		struct sim m;

		sim_open(&m, &config, NULL, 1, 2);
		for (int t = 0; t < 90; t++)
			sim_feed(&m, 20 + rates[i] * t);
		assert_true(m.watch_s >= 20 && m.watch_s <= 40);
		assert_true(m.fire_s <= 75);
		assert_int_equal(m.fires, 1);
		sim_close(&m);
	}
}

/* ... and healthy neighbours get none: a churner, a sawtooth, a cache that fills. */
static void test_short_grace_spares_the_healthy(void **state)
{
	struct pf_leak_config config = pf_leak_default_config;

	(void)state;
	config.grace_s = 20;
	for (int kind = 0; kind < 3; kind++) {
		struct sim m;

		sim_open(&m, &config, NULL, 1, 2);
		for (int t = 0; t < 180; t++) {
			double churn = 200 + 4 * sim_noise(&m);
			double teeth = 80 + 10 * (t % 8);
			double cache = 50 + 250 * (1 - exp(-t / 15.0));

			sim_feed(&m, kind == 0 ? churn : kind == 1 ? teeth : cache);
		}
		assert_int_equal(m.fires, 0);
		sim_close(&m);
	}
}

struct ask {
	unsigned int asked;
	int64_t headroom_bytes;
};

static void ask_limit(void *ctx, const struct pf_sample *s, struct pf_limit *limit)
{
	struct ask *a = ctx;

	assert_int_equal(s->pid, 42);
	assert_true(limit->limit_bytes == PF_UNKNOWN && limit->headroom_bytes == PF_UNKNOWN);
	a->asked++;
	if (a->headroom_bytes == PF_UNKNOWN)
		return;
	limit->limit_bytes = 1ll << 30;
	limit->headroom_bytes = a->headroom_bytes;
	strcpy(limit->source, "test");
}

static bool has_signal(const struct pf_verdict *v, enum pf_signal_id id)
{
	for (size_t i = 0; i < v->n_signals; i++) {
		if (v->signals[i].id == id)
			return true;
	}
	return false;
}

static void test_no_grace_when_memory_runs_out_first(void **state)
{
	struct ask ask = { 0, 100 * MB };
	const struct pf_leak_hooks hooks = { .limit = ask_limit, .ctx = &ask };
	struct sim m;

	(void)state;
	sim_open(&m, NULL, &hooks, 10, 0);
	while (!m.fires && sim_now(&m) < 600)
		sim_feed(&m, leak_60m(&m, sim_now(&m)));
	assert_int_equal(m.fires, 1);
	assert_true(m.fire_s < 300);
	assert_true(has_signal(m.v, PF_SIGNAL_TIME_LEFT));
	assert_true(fabs(m.v->time_left_s - 100) < 5);
	assert_string_equal(m.v->limit.source, "test");
	assert_int_equal(m.v->severity, 10);
	assert_int_equal(m.v->level, PF_LEVEL_CRITICAL);
	sim_close(&m);
}

static void test_plenty_of_memory_leaves_grace(void **state)
{
	struct ask ask = { 0, 1ll << 40 };
	const struct pf_leak_hooks hooks = { .limit = ask_limit, .ctx = &ask };
	struct sim m;

	(void)state;
	sim_open(&m, NULL, &hooks, 10, 0);
	sim_run(&m, 590, leak_60m);
	assert_int_equal(m.fires, 0);
	assert_true(has_signal(m.v, PF_SIGNAL_GRACE));
	assert_true(m.v->confidence == 69);
	sim_close(&m);
}

static void test_limit_is_asked_for_suspects_only(void **state)
{
	struct ask ask = { 0, PF_UNKNOWN };
	const struct pf_leak_hooks hooks = { .limit = ask_limit, .ctx = &ask };
	struct sim m;

	(void)state;
	sim_open(&m, NULL, &hooks, 10, OLD_S);
	m.s.rss_anon_bytes = 100ll * MB;
	sim_run(&m, 3000, flat);
	assert_int_equal(ask.asked, 0);
	sim_run(&m, 1500, leak_10m);
	assert_true(ask.asked > 50);
	assert_true(isnan(m.v->time_left_s));
	assert_string_equal(m.v->limit.source, "");
	sim_close(&m);
}

static void test_minimum_size(void **state)
{
	struct pf_leak_config config = pf_leak_default_config;
	struct sim m;

	(void)state;
	config.min_bytes = 40 * MB;
	sim_open(&m, &config, NULL, 10, OLD_S);
	m.s.rss_file_bytes = 0;
	sim_run(&m, 2000, small_leak); /* up to 39.5 MB */
	assert_int_equal(m.watches + m.fires, 0);
	assert_true(has_signal(m.v, PF_SIGNAL_SIZE));
	assert_true(m.v->confidence < 50);
	while (!m.fires && sim_now(&m) < 2100) /* and on */
		sim_feed(&m, small_leak(&m, sim_now(&m)));
	assert_int_equal(m.fires, 1);
	sim_close(&m);

	config.min_bytes = 1 << 30;
	sim_open(&m, &config, NULL, 10, OLD_S);
	sim_run(&m, 1500, leak_10m);
	assert_int_equal(m.watches + m.fires, 0);
	sim_close(&m);
}

static void test_recovery_and_a_second_alert(void **state)
{
	struct sim m;
	double stop;

	(void)state;
	sim_open(&m, NULL, NULL, 10, OLD_S);
	sim_run(&m, 1000, leak_10m);
	assert_int_equal(m.fires, 1);
	stop = sim_now(&m);
	sim_run(&m, 7000, flat);
	assert_int_equal(m.resolves, 1);
	assert_int_equal(m.end, PF_END_RECOVERED);
	assert_true(m.resolve_s - stop < 1300);
	assert_int_equal(m.v->state, PF_ALERT_RESOLVED);
	assert_false(m.v->transition); /* told once */
	assert_int_equal(m.fires, 1);
	/* it begins again */
	for (int i = 1; i < 250; i++)
		sim_feed(&m, (double)m.s.rss_anon_bytes / MB + 3);
	assert_int_equal(m.fires, 2);
	assert_int_equal(pf_leak__stats(m.leak)->alerts, 2);
	assert_int_equal(pf_leak__stats(m.leak)->firing, 1);
	sim_close(&m);
}

static void test_watch_that_came_to_nothing(void **state)
{
	struct sim m;

	(void)state;
	sim_open(&m, NULL, NULL, 10, OLD_S);
	sim_run(&m, 100, leak_60m);
	assert_int_equal(m.v->state, PF_ALERT_WATCH);
	assert_int_equal(pf_leak__stats(m.leak)->watch, 1);
	sim_run(&m, 300, flat);
	assert_int_equal(m.resolves, 1);
	assert_int_equal(m.fires, 0);
	assert_int_equal(m.end, PF_END_RECOVERED);
	assert_int_equal(pf_leak__stats(m.leak)->watch, 0);
	sim_close(&m);
}

static void test_transitions_are_told_once(void **state)
{
	enum pf_alert_state last = PF_ALERT_NONE;
	unsigned int told = 0;
	struct sim m;

	(void)state;
	sim_open(&m, NULL, NULL, 10, 0);
	while (sim_now(&m) < 2000) {
		const struct pf_verdict *v = sim_feed(&m, leak_60m(&m, sim_now(&m)));

		assert_int_equal(v->previous, last);
		assert_int_equal(v->transition, v->state != last);
		told += v->transition;
		last = v->state;
	}
	assert_int_equal(told, 2);
	assert_int_equal(last, PF_ALERT_FIRING);
	sim_close(&m);
}

static void test_escalation_delay(void **state)
{
	struct pf_leak_config config = pf_leak_default_config;
	double pending_s = NAN;
	struct sim m;

	(void)state;
	config.escalation_s = 300;
	sim_open(&m, &config, NULL, 10, OLD_S);
	while (!m.fires && sim_now(&m) < 3000) {
		const struct pf_verdict *v = sim_feed(&m, leak_60m(&m, sim_now(&m)));

		if (v->transition && v->state == PF_ALERT_PENDING) {
			assert_true(isnan(pending_s));
			assert_int_equal(pf_leak__stats(m.leak)->pending, 1);
			assert_true(v->confidence >= 70);
			pending_s = m.s.mono_s - m.begin_s;
		}
	}
	assert_int_equal(m.fires, 1);
	assert_true(m.fire_s - pending_s == 300);
	assert_int_equal(pf_leak__stats(m.leak)->pending, 0);
	sim_close(&m);
}

/* Pending and over: back to a watch, then to nothing; no alert was ever told. */
static void test_what_is_pending_can_lapse(void **state)
{
	struct pf_leak_config config = pf_leak_default_config;
	struct sim m;

	(void)state;
	config.escalation_s = 7200;
	sim_open(&m, &config, NULL, 10, OLD_S);
	sim_run(&m, 1000, leak_60m);
	assert_int_equal(m.v->state, PF_ALERT_PENDING);
	sim_run(&m, 6000, flat);
	assert_int_equal(m.fires, 0);
	assert_int_equal(m.v->state, PF_ALERT_RESOLVED);
	assert_int_equal(pf_leak__stats(m.leak)->pending + pf_leak__stats(m.leak)->watch, 0);
	sim_close(&m);
}

/* A time line: a letter per ten seconds, what the condition says and the state it leads to. */
struct line {
	struct pf_rule_terms terms;
	const char *holds; /* y n ? */
	const char *state; /* - none, p pending, f firing, r resolved */
};

static void check_line(const struct line *line)
{
	struct pf_rule_alert a = { 0 };

	for (size_t i = 0; line->holds[i]; i++) {
		enum pf_alert_state before = a.state;
		enum pf_holds holds = line->holds[i] == 'y'   ? PF_HOLDS_YES
				      : line->holds[i] == 'n' ? PF_HOLDS_NO
							      : PF_HOLDS_UNKNOWN;
		bool changed = pf_rule_alert_step(&a, &line->terms, 10.0 * (double)i, holds);

		assert_int_equal("-wpfr"[a.state], line -> state[i]);
		assert_int_equal(changed, a.state != before);
		if (changed && a.state == PF_ALERT_RESOLVED)
			assert_int_equal(a.end, PF_END_RECOVERED);
	}
}

static void test_time_lines_of_rules(void **state)
{
	static const struct line lines[] = {
		{ { 0, 0 }, "nnyyn", "--ffr" },		 /* at once, both ways */
		{ { 30, 0 }, "yyyyn", "pppfr" },	 /* held for its duration */
		{ { 30, 0 }, "yynyyyy", "pp-pppf" },	 /* a break begins it anew */
		{ { 30, 0 }, "yy?yyyy", "pp-pppf" },	 /* so does not knowing */
		{ { 0, 30 }, "yynnynnnn", "fffffffrr" }, /* over when it is for long enough */
		{ { 0, 20 }, "y?????nnn", "fffffffrr" }, /* not knowing ends nothing */
		{ { 0, 20 }, "ynnyynn", "ffrfffr" },	 /* resolved, and another */
		{ { 10, 0 }, "????", "----" },
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(lines); i++)
		check_line(&lines[i]);
}

static void test_a_rules_process_ends(void **state)
{
	struct pf_rule_alert none = { 0 }, pending = { .state = PF_ALERT_PENDING },
			     firing = { .state = PF_ALERT_FIRING };

	(void)state;
	assert_false(pf_rule_alert_finish(&none, PF_END_EXITED));
	assert_true(pf_rule_alert_finish(&pending, PF_END_EXITED));
	assert_int_equal(pending.state, PF_ALERT_NONE);
	assert_true(pf_rule_alert_finish(&firing, PF_END_EXEC));
	assert_int_equal(firing.state, PF_ALERT_RESOLVED);
	assert_int_equal(firing.end, PF_END_EXEC);
	assert_false(pf_rule_alert_finish(&firing, PF_END_EXITED));
}

static void note_gone(void *ctx, const struct pf_verdict *v)
{
	assert_int_equal(v->state, PF_ALERT_RESOLVED);
	assert_int_equal(v->end, PF_END_GONE);
	++*(unsigned int *)ctx;
}

/* Where nobody tells of exits: not in a moment or two, but well before it is forgotten. */
static void test_an_alert_whose_process_is_not_seen_any_more(void **state)
{
	unsigned int gone = 0;
	const struct pf_leak_hooks hooks = { .gone = note_gone, .ctx = &gone };
	struct sim m;

	(void)state;
	sim_open(&m, NULL, &hooks, 10, OLD_S);
	sim_run(&m, 1000, leak_60m);
	assert_int_equal(m.fires, 1);
	pf_leak__moment_end(m.leak, m.s.mono_s + 10);
	sim_feed(&m, 1000); /* it was only missed */
	for (int i = 1; i <= 2; i++)
		pf_leak__moment_end(m.leak, m.s.mono_s + 10 * i);
	assert_int_equal(gone, 0);
	for (int i = 3; i <= 12; i++)
		pf_leak__moment_end(m.leak, m.s.mono_s + 10 * i);
	assert_int_equal(gone, 1);
	assert_int_equal(pf_leak__stats(m.leak)->firing, 0);
	sim_close(&m);
}

static void test_severity(void **state)
{
	static const struct {
		int64_t mb;
		double left_s;
		int severity;
		const char *label;
		enum pf_alert_level level;
	} cases[] = {
		{ 0, NAN, 1, "Minimal", PF_LEVEL_WARNING },
		{ 128, NAN, 1, "Minimal", PF_LEVEL_WARNING },
		{ 129, NAN, 2, "Low", PF_LEVEL_WARNING },
		{ 512, NAN, 2, "Low", PF_LEVEL_WARNING },
		{ 513, NAN, 4, "Medium", PF_LEVEL_WARNING },
		{ 1024, NAN, 4, "Medium", PF_LEVEL_WARNING },
		{ 1025, NAN, 6, "Medium-High", PF_LEVEL_CRITICAL },
		{ 4097, NAN, 8, "High", PF_LEVEL_CRITICAL },
		{ 8193, NAN, 10, "Critical", PF_LEVEL_CRITICAL },
		{ 20, 1e9, 1, "Minimal", PF_LEVEL_WARNING },
		{ 20, 20 * 3600, 4, "Medium", PF_LEVEL_WARNING },
		{ 20, 5 * 3600, 6, "Medium-High", PF_LEVEL_CRITICAL },
		{ 20, 3599, 8, "High", PF_LEVEL_CRITICAL },
		{ 20, 0, 10, "Critical", PF_LEVEL_CRITICAL },
		{ 5000, 20 * 3600, 8, "High", PF_LEVEL_CRITICAL },
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		int severity = pf_severity(cases[i].mb * MB, cases[i].left_s);

		assert_int_equal(severity, cases[i].severity);
		assert_string_equal(pf_severity_label(severity), cases[i].label);
		assert_int_equal(pf_severity_level(severity), cases[i].level);
	}
	assert_string_equal(pf_severity_label(-5), "Minimal");
	assert_string_equal(pf_severity_label(99), "Critical");
}

static void test_time_left(void **state)
{
	(void)state;
	assert_true(pf_time_left(10, 1000) == 100);
	assert_true(pf_time_left(10, 0) == 0);
	assert_true(pf_time_left(10, -5) == 0);
	assert_true(isnan(pf_time_left(10, PF_UNKNOWN)));
	assert_true(isnan(pf_time_left(0, 1000)));
	assert_true(isnan(pf_time_left(-1, 1000)));
	assert_true(isnan(pf_time_left(NAN, 1000)));
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(pf_alert_state_name(PF_ALERT_NONE), "none");
	assert_string_equal(pf_alert_state_name(PF_ALERT_WATCH), "watch");
	assert_string_equal(pf_alert_state_name(PF_ALERT_FIRING), "firing");
	assert_string_equal(pf_alert_state_name(PF_ALERT_RESOLVED), "resolved");
	assert_string_equal(pf_alert_end_name(PF_END_NONE), "");
	assert_string_equal(pf_alert_end_name(PF_END_RECOVERED), "recovered");
	assert_string_equal(pf_alert_end_name(PF_END_EXITED), "exited");
	assert_string_equal(pf_alert_end_name(PF_END_EXEC), "exec");
	assert_string_equal(pf_alert_end_name(PF_END_GONE), "gone");
	assert_string_equal(pf_alert_state_name(PF_ALERT_PENDING), "pending");
	for (int i = 0; i < PF_ALERT_STATES; i++)
		assert_int_equal(pf_alert_state_of(pf_alert_state_name(i)), i);
	for (int i = 0; i < PF_LEVELS; i++)
		assert_int_equal(pf_alert_level_of(pf_alert_level_name(i)), i);
	assert_int_equal(pf_alert_state_of("fire"), -1);
	assert_int_equal(pf_alert_level_of(""), -1);
	assert_string_equal(pf_alert_level_name(PF_LEVEL_WARNING), "warning");
	assert_string_equal(pf_alert_level_name(PF_LEVEL_CRITICAL), "critical");
}

static void test_reasons(void **state)
{
	struct ask ask = { 0, 1ll << 30 };
	const struct pf_leak_hooks hooks = { .limit = ask_limit, .ctx = &ask };
	char text[400];
	struct sim m;

	(void)state;
	sim_open(&m, NULL, &hooks, 10, OLD_S);
	sim_feed(&m, 100);
	assert_string_equal(pf_verdict_reason(text, sizeof(text), m.v),
			    "too little was seen to tell");
	sim_run(&m, 100, leak_60m);
	assert_string_equal(
		pf_verdict_reason(text, sizeof(text), m.v),
		"the floor of its memory rose by 50.0M in 1m00s (60.0M a minute, give "
		"or take 0), not for long enough to be sure; at this rate it lasts 17m04s "
		"more");
	sim_run(&m, 1000, leak_60m);
	assert_int_equal(m.v->state, PF_ALERT_FIRING);
	pf_verdict_reason(text, sizeof(text), m.v);
	assert_non_null(strstr(text, "(60.0M a minute, give or take 0)"));
	assert_null(strstr(text, "sure"));
	m.s.exited = true;
	sim_feed(&m, 100);
	assert_string_equal(pf_verdict_reason(text, sizeof(text), m.v), "the process exited");
	assert_string_equal(pf_verdict_reason(text, 8, m.v), "the pro"); /* cut, not overrun */
	sim_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grace_holds_an_alert_back),
		cmocka_unit_test(test_long_grace),
		cmocka_unit_test(test_short_grace_is_quick),
		cmocka_unit_test(test_short_grace_spares_the_healthy),
		cmocka_unit_test(test_no_grace_when_memory_runs_out_first),
		cmocka_unit_test(test_plenty_of_memory_leaves_grace),
		cmocka_unit_test(test_limit_is_asked_for_suspects_only),
		cmocka_unit_test(test_minimum_size),
		cmocka_unit_test(test_recovery_and_a_second_alert),
		cmocka_unit_test(test_watch_that_came_to_nothing),
		cmocka_unit_test(test_transitions_are_told_once),
		cmocka_unit_test(test_escalation_delay),
		cmocka_unit_test(test_what_is_pending_can_lapse),
		cmocka_unit_test(test_time_lines_of_rules),
		cmocka_unit_test(test_a_rules_process_ends),
		cmocka_unit_test(test_an_alert_whose_process_is_not_seen_any_more),
		cmocka_unit_test(test_severity),
		cmocka_unit_test(test_time_left),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
