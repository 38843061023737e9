/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is told of alerts, and when: time lines, and that no sequence of events
 * whatever gets more told than the limit, or an end of what never began.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/base/pack.h"
#include "lib/base/strbuf.h"
#include "lib/leak/tell.h"
#include "lib/leak/verdict.h"

#define FIRING_AND_RESOLVED (1u << PF_ALERT_FIRING | 1u << PF_ALERT_RESOLVED)

struct world {
	struct pf_tell *t;
	double now_s;
	char told[4096]; /* a word per telling */
	struct pf_telling last;
	struct pf_verdict v;
	enum pf_alert_level level; /* of all processes, by now */
	char comm[16];
	char exe[32];
	char why[32];
};

static void tell(void *ctx, const struct pf_telling *telling)
{
	struct world *w = ctx;
	const struct pf_verdict *v = telling->v;
	size_t len = strlen(w->told);

	w->last = *telling;
	w->v = *v;
	snprintf(w->comm, sizeof(w->comm), "%s", v->comm);
	snprintf(w->exe, sizeof(w->exe), "%s", v->exe ? v->exe : "");
	snprintf(w->why, sizeof(w->why), "%s", v->why ? v->why : "");
	snprintf(w->told + len, sizeof(w->told) - len, "%s%lld%s%s%s", len ? " " : "",
		 (long long)v->pid, v->rule ? v->rule : "",
		 telling->again			 ? "+"
		 : v->state == PF_ALERT_RESOLVED ? "-"
		 : v->state == PF_ALERT_FIRING	 ? "!"
						 : "?",
		 v->level == PF_LEVEL_CRITICAL ? "c" : "");
}

static bool current(void *ctx, int64_t pid, double start_ts, struct pf_verdict *v)
{
	struct world *w = ctx;

	*v = (struct pf_verdict){ .pid = pid,
				  .start_ts = start_ts,
				  .comm = "now",
				  .level = w->level,
				  .state = PF_ALERT_FIRING };
	return pid != 404;
}

static void open_world(struct world *w, const struct pf_tell_config *config)
{
	const struct pf_tell_hooks hooks = { tell, current, w };

	memset(w, 0, sizeof(*w));
	w->now_s = 1000;
	w->level = PF_LEVEL_WARNING;
	w->t = pf_tell__new(config, &hooks);
	assert_non_null(w->t);
}

static void event(struct world *w, int64_t pid, const char *rule, enum pf_alert_state state)
{
	const struct pf_verdict v = { .pid = pid,
				      .start_ts = 5,
				      .ts = 1.7e9 + w->now_s,
				      .comm = "first",
				      .exe = "/bin/first",
				      .rule = rule,
				      .why = rule ? "a rule said so" : NULL,
				      .state = state,
				      .transition = true,
				      .level = w->level };

	pf_tell__event(w->t, &v, w->now_s);
}

static void moment(struct world *w, double seconds)
{
	w->now_s += seconds;
	pf_tell__moment(w->t, w->now_s);
}

static void close_world(struct world *w)
{
	pf_tell__free(w->t);
}

static void test_alert_and_end(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, &pf_tell_default_config);
	event(&w, 7, NULL, PF_ALERT_WATCH); /* not asked for */
	event(&w, 7, NULL, PF_ALERT_FIRING);
	assert_int_equal(w.last.told, 1u << PF_ALERT_FIRING);
	assert_true(w.last.since_ts == 1.7e9 + 1000);
	moment(&w, 10);
	event(&w, 7, NULL, PF_ALERT_RESOLVED);
	assert_int_equal(w.last.told, FIRING_AND_RESOLVED);
	assert_true(w.last.since_ts == 1.7e9 + 1000);
	assert_string_equal(w.told, "7! 7-");
	assert_int_equal(pf_tell__stats(w.t)->open, 0);
	close_world(&w);
}

static void test_what_was_not_told_does_not_end(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, &pf_tell_default_config);
	event(&w, 7, NULL, PF_ALERT_WATCH);
	event(&w, 7, NULL, PF_ALERT_RESOLVED);
	event(&w, 8, NULL, PF_ALERT_RESOLVED);
	event(&w, 9, "r", PF_ALERT_PENDING);
	event(&w, 9, "r", PF_ALERT_NONE);
	assert_string_equal(w.told, "");
	assert_int_equal(pf_tell__stats(w.t)->open, 0);
	close_world(&w);
}

static void test_rate_limit(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, &pf_tell_default_config);
	event(&w, 7, "a", PF_ALERT_FIRING);
	event(&w, 7, "b", PF_ALERT_FIRING); /* of the same process: held back */
	event(&w, 8, "a", PF_ALERT_FIRING); /* of another */
	assert_string_equal(w.told, "7a! 8a!");
	assert_int_equal(pf_tell__stats(w.t)->held, 1);
	moment(&w, 299);
	assert_string_equal(w.told, "7a! 8a!");
	moment(&w, 1); /* it still fires */
	assert_string_equal(w.told, "7a! 8a! 7b!");
	assert_string_equal(w.why, "a rule said so");
	assert_true(w.last.since_ts == 1.7e9 + 1000);
	assert_int_equal(pf_tell__stats(w.t)->held, 0);
	assert_int_equal(pf_tell__stats(w.t)->held_back, 1);
	event(&w, 7, "a", PF_ALERT_RESOLVED); /* ends are exempt */
	event(&w, 7, "b", PF_ALERT_RESOLVED);
	assert_string_equal(w.told, "7a! 8a! 7b! 7a- 7b-");
	close_world(&w);
}

static void test_held_back_and_over(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, &pf_tell_default_config);
	event(&w, 7, NULL, PF_ALERT_FIRING);
	event(&w, 7, NULL, PF_ALERT_RESOLVED);
	moment(&w, 10);
	event(&w, 7, NULL, PF_ALERT_FIRING); /* the limit outlives the alert */
	moment(&w, 10);
	event(&w, 7, NULL, PF_ALERT_RESOLVED);
	moment(&w, 1000);
	assert_string_equal(w.told, "7! 7-");
	assert_int_equal(pf_tell__stats(w.t)->untold, 1);
	assert_int_equal(pf_tell__stats(w.t)->held, 0);
	close_world(&w);
}

/* A pid that is used again is another process, with a limit of its own. */
static void test_pid_reuse(void **state)
{
	struct pf_verdict v = { .pid = 7, .start_ts = 5, .state = PF_ALERT_FIRING, .comm = "x" };
	struct world w;

	(void)state;
	open_world(&w, &pf_tell_default_config);
	pf_tell__event(w.t, &v, 1000);
	v.start_ts = 900;
	pf_tell__event(w.t, &v, 1001);
	assert_string_equal(w.told, "7! 7!");
	assert_int_equal(pf_tell__stats(w.t)->open, 1);
	close_world(&w);
}

static void test_watches_when_asked_for(void **state)
{
	struct pf_tell_config config = pf_tell_default_config;
	struct world w;

	(void)state;
	config.states |= 1u << PF_ALERT_WATCH;
	open_world(&w, &config);
	event(&w, 7, NULL, PF_ALERT_WATCH);
	moment(&w, 10);
	event(&w, 7, NULL, PF_ALERT_FIRING); /* a watch does not hold back an alert */
	event(&w, 7, NULL, PF_ALERT_RESOLVED);
	assert_int_equal(w.last.told, FIRING_AND_RESOLVED | 1u << PF_ALERT_WATCH);
	event(&w, 8, NULL, PF_ALERT_WATCH);
	event(&w, 8, NULL, PF_ALERT_RESOLVED);
	assert_int_equal(w.last.told, 1u << PF_ALERT_WATCH | 1u << PF_ALERT_RESOLVED);
	assert_string_equal(w.told, "7? 7! 7- 8? 8-");
	close_world(&w);
}

static void test_keep_alive(void **state)
{
	struct pf_tell_config config = pf_tell_default_config;
	struct world w;

	(void)state;
	config.keep_alive_s = 60;
	open_world(&w, &config);
	event(&w, 7, NULL, PF_ALERT_FIRING);
	for (int i = 0; i < 13; i++) /* 130 s */
		moment(&w, 10);
	assert_string_equal(w.told, "7! 7+ 7+");
	/* by the names and level it was told with, or it would be another */
	assert_string_equal(w.comm, "first");
	assert_string_equal(w.exe, "/bin/first");
	assert_true(w.last.since_ts == 1.7e9 + 1000);
	event(&w, 7, NULL, PF_ALERT_RESOLVED);
	moment(&w, 1000);
	assert_string_equal(w.told, "7! 7+ 7+ 7-");
	close_world(&w);
}

/* What grew from a warning into something critical is told again, within the limit. */
static void test_worse(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, &pf_tell_default_config);
	event(&w, 7, NULL, PF_ALERT_FIRING);
	event(&w, 8, "r", PF_ALERT_FIRING); /* a rule's level is its own */
	w.level = PF_LEVEL_CRITICAL;
	moment(&w, 100);
	assert_string_equal(w.told, "7! 8r!");
	assert_int_equal(w.last.level_before, -1);
	moment(&w, 200);
	assert_int_equal(w.last.level_before, PF_LEVEL_WARNING); /* somebody has to take it back */
	assert_string_equal(w.told, "7! 8r! 7!c");
	moment(&w, 400);
	assert_string_equal(w.told, "7! 8r! 7!c");
	close_world(&w);
}

static void test_a_process_that_is_not_known_any_more(void **state)
{
	struct pf_tell_config config = pf_tell_default_config;
	struct world w;

	(void)state;
	config.keep_alive_s = 60;
	open_world(&w, &config);
	event(&w, 404, NULL, PF_ALERT_FIRING);
	moment(&w, 100);
	assert_string_equal(w.told, "404!");
	close_world(&w);
}

static void test_bounded(void **state)
{
	struct pf_tell_config config = pf_tell_default_config;
	struct world w;

	(void)state;
	config.max_alerts = 1000;
	config.rate_limit_s = 0;
	open_world(&w, &config);
	for (int pid = 1; pid <= 100000; pid++)
		event(&w, pid, NULL, PF_ALERT_FIRING);
	assert_int_equal(pf_tell__stats(w.t)->open, 1000);
	assert_int_equal(pf_tell__stats(w.t)->told, 1000);
	assert_int_equal(pf_tell__stats(w.t)->refused, 99000);
	for (int pid = 1; pid <= 100000; pid++)
		event(&w, pid, NULL, PF_ALERT_RESOLVED);
	assert_int_equal(pf_tell__stats(w.t)->open, 0);
	assert_int_equal(pf_tell__stats(w.t)->ends, 1000);
	close_world(&w);
}

/* ---- any sequence ---------------------------------------------------------- */

#define PIDS  6
#define RULES 3

/* Keeps the account that the teller must keep. */
struct judge {
	struct world w;
	double told_s[PIDS];
	bool open[PIDS][RULES];
	bool told[PIDS][RULES];
	unsigned int new, ends;
};

static const char *const rules[RULES] = { NULL, "a", "b" };

static size_t rule_index(const char *rule)
{
	return !rule ? 0 : rule[0] == 'a' ? 1 : 2;
}

static void check(void *ctx, const struct pf_telling *telling)
{
	struct judge *j = ctx;
	const struct pf_verdict *v = telling->v;
	size_t p = (size_t)v->pid, r = rule_index(v->rule);

	if (v->state == PF_ALERT_RESOLVED) {
		assert_true(j->told[p][r]);
		j->told[p][r] = false;
		j->ends++;
		return;
	}
	assert_true(j->open[p][r]);
	if (telling->again) {
		assert_true(j->told[p][r]);
		return;
	}
	assert_true(j->w.now_s - j->told_s[p] >= 300);
	j->told_s[p] = j->w.now_s;
	j->told[p][r] = true;
	j->new ++;
}

static bool steady(void *ctx, int64_t pid, double start_ts, struct pf_verdict *v)
{
	struct judge *j = ctx;

	return current(&j->w, pid, start_ts, v);
}

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void test_any_sequence(void **state)
{
	static const enum pf_alert_state states[] = { PF_ALERT_WATCH, PF_ALERT_PENDING,
						      PF_ALERT_FIRING, PF_ALERT_FIRING,
						      PF_ALERT_RESOLVED };
	struct pf_tell_config config = pf_tell_default_config;
	unsigned int new = 0, ends = 0;

	(void)state;
	config.keep_alive_s = 60;
	for (uint32_t round = 0; round < 50; round++) {
		struct judge j = { .w = { .now_s = 1000, .level = PF_LEVEL_WARNING } };
		const struct pf_tell_hooks hooks = { check, steady, &j };
		uint32_t seed = round;

		for (size_t i = 0; i < PIDS; i++)
			j.told_s[i] = -INFINITY;
		j.w.t = pf_tell__new(&config, &hooks);
		for (int step = 0; step < 3000; step++) {
			size_t p = next(&seed) % PIDS, r = next(&seed) % RULES;
			enum pf_alert_state to = states[next(&seed) % PF_ARRAY_SIZE(states)];

			j.open[p][r] = to == PF_ALERT_FIRING;
			event(&j.w, (int64_t)p, rules[r], to);
			if (next(&seed) % 4 == 0)
				moment(&j.w, next(&seed) % 40);
			j.w.level = (enum pf_alert_level)(next(&seed) % PF_LEVELS);
			assert_true(pf_tell__stats(j.w.t)->open <= PIDS * RULES);
			assert_true(pf_tell__stats(j.w.t)->held <= pf_tell__stats(j.w.t)->open);
		}
		new += j.new;
		ends += j.ends;
		close_world(&j.w);
	}
	assert_true(new > 1000 && ends > 1000);
}

/* What was told, and as how bad, is known to the next run. */
static void test_outlives_a_run(void **state)
{
	struct pf_tell_config config = pf_tell_default_config;
	_cleanup_(pf_strbuf_free) struct pf_strbuf bytes = PF_STRBUF_INIT;
	struct pf_pack out = { .out = &bytes }, in = { 0 };
	struct world w;

	(void)state;
	config.keep_alive_s = 60;
	open_world(&w, &config);
	event(&w, 7, NULL, PF_ALERT_FIRING);
	assert_int_equal(w.last.level_before, -1);
	event(&w, 8, "rule", PF_ALERT_WATCH);
	pf_tell__pack(w.t, &out);
	assert_false(out.failed);
	close_world(&w);

	open_world(&w, &config);
	in.at = (const unsigned char *)bytes.data;
	in.end = in.at + bytes.len;
	pf_tell__pack(w.t, &in);
	assert_false(in.failed);
	assert_int_equal(pf_tell__stats(w.t)->open, 2);
	moment(&w, 61);
	assert_string_equal(w.told, "7+");
	assert_int_equal(w.last.level_before, PF_LEVEL_WARNING);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alert_and_end),
		cmocka_unit_test(test_what_was_not_told_does_not_end),
		cmocka_unit_test(test_rate_limit),
		cmocka_unit_test(test_held_back_and_over),
		cmocka_unit_test(test_pid_reuse),
		cmocka_unit_test(test_watches_when_asked_for),
		cmocka_unit_test(test_keep_alive),
		cmocka_unit_test(test_worse),
		cmocka_unit_test(test_a_process_that_is_not_known_any_more),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_outlives_a_run),
		cmocka_unit_test(test_any_sequence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
