/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules' language: values, units, three truths, durations, what is refused
 * and where; and random conditions against an evaluator that is written the
 * obvious way.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/leak/rule_error.h"
#include "lib/leak/rule_tree.h"

#define MB 1048576.0

static const struct pf_rule_constant constants[] = {
	{ "thresholds.fault_rate_warning", 500, { .faults = 1, .seconds = -1, .scale = 1 } },
	{ "thresholds.rss_growth_percent", 2, { .scale = 0.01 } },
};
static const struct pf_rule_names names = { constants, PF_ARRAY_SIZE(constants) };

/* Facts that the tables below go by. */
static void some_facts(double *fact)
{
	for (int i = 0; i < PF_FACTS; i++)
		fact[i] = NAN;
	fact[PF_FACT_FAULT_RATE] = 600;
	fact[PF_FACT_RSS_MB] = 100 * MB;
	fact[PF_FACT_VSZ_MB] = 300 * MB;
	fact[PF_FACT_RSS_GROWTH_RATE] = MB / 6;
	fact[PF_FACT_RSS_GROWTH_MB_PER_MIN] = MB / 6; /* 10 MB a minute */
	fact[PF_FACT_ANONYMOUS_RATIO] = 0.85;
	fact[PF_FACT_VSZ_RSS_RATIO] = 3;
	fact[PF_FACT_CONFIDENCE] = 70 * 0.01;
	fact[PF_FACT_AGE] = 900;
	fact[PF_FACT_RSS_GROWTH_PERCENT] = 2.5;
}

static int parse(const char *text, struct pf_arena *arena, struct pf_rule_program *program,
		 struct pf_rule_error *err)
{
	return pf_rule_parse(text, &names, arena, program, err);
}

/* 1, 0, or -1 for unknown. */
static int truth(const char *text)
{
	double fact[PF_FACTS], timer[PF_RULE_TIMERS_MAX] = { NAN, NAN, NAN, NAN }, value;
	struct pf_rule_error err = { 0 };
	struct pf_rule_program program;
	struct pf_arena arena = { 0 };

	some_facts(fact);
	if (parse(text, &arena, &program, &err))
		fail_msg("'%s' is refused at %zu: %s", text, err.at, err.text);
	value = pf_rule_eval(&program, fact, timer, 1000);
	pf_arena_free(&arena);
	return isnan(value) ? -1 : (int)value;
}

static void test_values(void **state)
{
	static const struct {
		const char *text;
		int truth;
	} cases[] = {
		/* comparison */
		{ "fault_rate > 599", 1 },
		{ "fault_rate > 600", 0 },
		{ "fault_rate >= 600", 1 },
		{ "fault_rate < 600", 0 },
		{ "fault_rate <= 600", 1 },
		{ "fault_rate == 600", 1 },
		{ "fault_rate != 600", 0 },
		{ "599 < fault_rate", 1 },
		{ "true", 1 },
		{ "false", 0 },
		/* precedence: AND before OR, NOT before AND, * before + */
		{ "true OR true AND false", 1 },
		{ "(true OR true) AND false", 0 },
		{ "NOT false AND false", 0 },
		{ "NOT (false AND false)", 1 },
		{ "NOT fault_rate > 600", 1 },
		{ "NOT NOT true", 1 },
		{ "1 + 2 * 3 == 7", 1 },
		{ "(1 + 2) * 3 == 9", 1 },
		{ "10 - 3 - 2 == 5", 1 },
		{ "16 / 4 / 2 == 2", 1 },
		{ "-2 * -3 == 6", 1 },
		{ "- - 2 == 2", 1 },
		{ "2 - -2 == 4", 1 },
		/* spelling */
		{ "true && !false || false", 1 },
		{ "true and not false or false", 1 },
		{ "true # AND false", 1 },
		{ "fault_rate # a\n > # b\n 5", 1 },
		{ "\ttrue\r\n  AND\n true\n", 1 },
		/* units */
		{ "rss_mb > 99", 1 },
		{ "rss_mb > 101", 0 },
		{ "rss_mb == 100MB", 1 },
		{ "rss_mb == 102400K", 1 },
		{ "rss_mb == 104857600B", 1 },
		{ "rss_mb < 1G", 1 },
		{ "rss_mb + 5 > 104", 1 },
		{ "rss_mb * 2 == 200", 1 },
		{ "2 * rss_mb == 200", 1 },
		{ "rss_mb / 2 == 50", 1 },
		{ "50% * rss_mb == 50", 1 },
		{ "rss_mb * 50% == 50", 1 },
		{ "rss_mb / vsz_mb < 0.34", 1 },
		{ "vsz_mb / rss_mb == 3", 1 },
		{ "vsz_rss_ratio == 300%", 1 },
		{ "vsz_rss_ratio > 2.5", 1 },
		{ "anonymous_ratio > 80", 1 },
		{ "anonymous_ratio > 80%", 1 },
		{ "anonymous_ratio > 90", 0 },
		{ "confidence >= 70", 1 },
		{ "rss_growth_mb_per_min > 9.9", 1 },
		{ "rss_growth_mb_per_min > 10.1", 0 },
		{ "rss_growth_rate > 10MB / 1m", 0 },
		{ "rss_growth_rate > 9MB / 60s", 1 },
		{ "rss_growth_rate == rss_growth_mb_per_min", 1 },
		{ "rss_growth_mb_per_min * 10m > 99", 1 }, /* megabytes again */
		{ "rss_growth_mb_per_min * 10m > 101", 0 },
		{ "age == 15m", 1 },
		{ "age > 0.2h", 1 },
		{ "age > 900000ms", 0 },
		{ "age_s < 1d", 1 },
		{ "fault_rate > thresholds.fault_rate_warning", 1 },
		{ "rss_growth_percent > thresholds.rss_growth_percent", 1 },
		{ "fault_rate > 2 * thresholds.fault_rate_warning", 0 },
		/* functions */
		{ "min(rss_mb, vsz_mb) == 100", 1 },
		{ "max(rss_mb, vsz_mb, 500) == 500", 1 },
		{ "abs(rss_mb - vsz_mb) == 200", 1 },
		{ "abs(-3) == 3", 1 },
		{ "known(rss_mb)", 1 },
		{ "known(time_left_s)", 0 },
		{ "NOT known(time_left)", 1 },
		{ "known(rss_mb / (swap_mb - swap_mb))", 0 },
		/* three truths */
		{ "time_left_s < 3600", -1 },
		{ "NOT time_left_s < 3600", -1 },
		{ "time_left_s < 3600 AND false", 0 },
		{ "false AND time_left_s < 3600", 0 },
		{ "time_left_s < 3600 AND true", -1 },
		{ "time_left_s < 3600 OR true", 1 },
		{ "true OR time_left_s < 3600", 1 },
		{ "time_left_s < 3600 OR false", -1 },
		{ "time_left_s == time_left_s", -1 },
		{ "time_left_s * 0 == 0", -1 },
		{ "max(time_left_s, 5) > 1", -1 },
		{ "rss_mb / (rss_mb - 100) > 1", -1 }, /* divided by zero */
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		if (truth(cases[i].text) != cases[i].truth)
			fail_msg("'%s' is %d, not %d", cases[i].text, truth(cases[i].text),
				 cases[i].truth);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		size_t at;
		const char *says; /* part of it */
	} cases[] = {
		{ "", 0, "no condition" },
		{ " # only this", 12, "no condition" },
		{ "fault_rat > 5", 0, "did you mean 'fault_rate'" },
		{ "Fault_Rate > 5", 0, "did you mean 'fault_rate'" },
		{ "x > 5", 0, "pfleak.conf(5)" },
		{ "rss_mb > 5 AND y > 1", 15, "no metric 'y'" },
		{ "thresholds.fault_rate_warnin > 5", 0,
		  "did you mean 'thresholds.fault_rate_warning'" },
		{ "rss_mb > 5m", 0, "'rss_mb' (bytes) cannot be compared with '5m' (seconds)" },
		{ "rss_growth_rate > vsz_rss_ratio", 0, "(bytes per second)" },
		{ "fault_rate_trend > fault_rate", 0, "(faults per second^2)" },
		{ "rss_mb + age > 5", 0, "cannot be added to" },
		{ "rss_mb - age > 5", 0, "cannot be set against" },
		{ "max(rss_mb, age) > 5", 4, "cannot be chosen from" },
		{ "rss_mb * rss_mb * rss_mb * rss_mb * rss_mb > 5", 0, "no unit" },
		{ "rss_mb", 0, "compare it" },
		{ "NOT rss_mb", 4, "compare it" },
		{ "rss_mb AND true", 0, "compare it" },
		{ "true AND rss_mb", 9, "compare it" },
		{ "true + 1 > 2", 0, "a number is wanted" },
		{ "(true) > 2", 0, "a number is wanted" },
		{ "-(true) > 2", 1, "a number is wanted" },
		{ "abs(true) > 2", 4, "a number is wanted" },
		{ "1 < rss_mb < 5", 11, "do not chain" },
		{ "rss_mb = 5", 7, "equal is ==" },
		{ "true & true", 5, "write AND" },
		{ "true | true", 5, "write AND" },
		{ "rss_mb > 5 rss_mb", 11, "is missing before 'rss_mb'" },
		{ "rss_mb >", 8, "missing at the end" },
		{ "rss_mb > )", 9, "is missing before ')'" },
		{ "(rss_mb > 5", 11, "a ) is missing before the end" },
		{ "rss_mb > 5)", 10, "is missing before ')'" },
		{ "min(rss_mb > 5", 4, "a number is wanted" },
		{ "min(rss_mb) > 5", 0, "two or more" },
		{ "abs(1, 2) > 5", 0, "one value" },
		{ "min() > 5", 4, "is missing before ')'" },
		{ "sin(1) > 5", 0, "no such function" },
		{ "rss_mb > 5kg", 10, "'kg' is no unit" },
		{ "rss_mb > 1.2.3", 12, "'.3' is no unit" },
		{ "rss_mb > 5.", 9, "no number" },
		{ "rss_mb / 0 > 5", 9, "division by zero" },
		{ "rss_mb / (1 - 1) > 5", 9, "division by zero" },
		{ "duration > 5m", 0, "put them beside it" },
		{ "true OR duration > 5m", 8, "put them beside it" },
		{ "duration > 5m AND NOT duration > 9m", 0, "put them beside it" },
		{ "\xc3\xa4 > 5", 0, "has no meaning" },
		{ "rss_mb > 5 \xff", 11, "has no meaning" },
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		struct pf_rule_error err = { 0 };
		struct pf_rule_program program;
		struct pf_arena arena = { 0 };
		int ret = parse(cases[i].text, &arena, &program, &err);

		if (ret != -EINVAL || err.at != cases[i].at || !strstr(err.text, cases[i].says))
			fail_msg("'%s': %d at %zu '%s', not at %zu '...%s...'", cases[i].text, ret,
				 err.at, err.text, cases[i].at, cases[i].says);
		pf_arena_free(&arena);
	}
}

/* ---- bounds ----------------------------------------------------------------- */

static char *repeat(const char *what, size_t n, const char *end)
{
	char *text = calloc(1, n * strlen(what) + strlen(end) + 1), *at = text;

	assert_non_null(text);
	for (size_t i = 0; i < n; i++)
		at = mempcpy(at, what, strlen(what));
	memcpy(at, end, strlen(end));
	return text;
}

static void assert_parses(char *text, bool parses, const char *says)
{
	struct pf_rule_error err = { 0 };
	struct pf_rule_program program;
	struct pf_arena arena = { 0 };

	assert_int_equal(parse(text, &arena, &program, &err), parses ? 0 : -EINVAL);
	if (!parses && !strstr(err.text, says))
		fail_msg("'%s' does not say '%s'", err.text, says);
	pf_arena_free(&arena);
	free(text);
}

static void test_bounds(void **state)
{
	(void)state;
	assert_parses(repeat("NOT ", 31, "true"), true, NULL);
	assert_parses(repeat("NOT ", 32, "true"), false, "too deep");
	assert_parses(repeat("(", 40, "true"), false, "too deep");
	assert_parses(repeat("- ", 40, "1 > 2"), false, "too deep");
	assert_parses(repeat("abs(", 40, "1 > 2"), false, "too deep");
	assert_parses(repeat("1 + ", 250, "1 > 2"), true, NULL);
	assert_parses(repeat("1 + ", 300, "1 > 2"), false, "too long");
	assert_parses(repeat("true AND ", 400, "true"), true, NULL);
	assert_parses(repeat(" ", PF_RULE_TEXT_MAX, "true"), false, "too long");
	assert_parses(repeat("true AND duration > 5 OR ", 4, "false"), true, NULL);
	assert_parses(repeat("true AND duration > 5 OR ", 5, "false"), false, "at most 4");
}

/* ---- durations -------------------------------------------------------------- */

struct line {
	double at_s;
	double fault_rate, rss; /* NaN = unknown */
	int truth;
};

static void follow(const char *text, const struct line *line, size_t n)
{
	double fact[PF_FACTS], timer[PF_RULE_TIMERS_MAX] = { NAN, NAN, NAN, NAN };
	struct pf_rule_error err = { 0 };
	struct pf_rule_program program;
	struct pf_arena arena = { 0 };

	assert_int_equal(parse(text, &arena, &program, &err), 0);
	some_facts(fact);
	for (size_t i = 0; i < n; i++) {
		double value;

		fact[PF_FACT_FAULT_RATE] = line[i].fault_rate;
		fact[PF_FACT_RSS_MB] = line[i].rss * MB;
		value = pf_rule_eval(&program, fact, timer, line[i].at_s);
		if ((isnan(value) ? -1 : (int)value) != line[i].truth)
			fail_msg("'%s' at %g s is %g", text, line[i].at_s, value);
	}
	pf_arena_free(&arena);
}

static void test_duration(void **state)
{
	static const struct line alone[] = {
		{ 0, 300, 1, 0 },     { 300, 300, 1, 0 },  { 600, 300, 1, 0 }, { 601, 300, 1, 1 },
		{ 900, 300, 1, 1 },   { 910, 100, 1, 0 },  { 920, 300, 1, 0 }, { 1521, 300, 1, 1 },
		{ 1530, NAN, 1, -1 }, /* unknown, so nobody knows that it held: from the start */
		{ 1540, 300, 1, 0 },  { 2141, 300, 1, 1 },
	};
	/* Each AND has a time of its own. */
	static const struct line two[] = {
		{ 0, 300, 1, 0 },  { 20, 300, 9, 0 }, { 31, 300, 9, 0 },
		{ 41, 300, 9, 1 }, { 42, 300, 1, 0 }, { 61, 300, 1, 1 },
	};

	(void)state;
	follow("fault_rate > 200 AND duration > 600s", alone, PF_ARRAY_SIZE(alone));
	follow("duration > 600s AND fault_rate > 200", alone, PF_ARRAY_SIZE(alone));
	follow("fault_rate > 200 AND (duration > 600s OR false)", alone, PF_ARRAY_SIZE(alone));
	follow("fault_rate > 200 AND NOT duration <= 10m", alone, PF_ARRAY_SIZE(alone));
	follow("fault_rate > 200 AND rss_mb > 0 AND # two\n duration > 600", alone,
	       PF_ARRAY_SIZE(alone));
	follow("fault_rate > 200 AND duration > 60 OR rss_mb > 5 AND duration > 20", two,
	       PF_ARRAY_SIZE(two));
	follow("rss_mb > 5 AND duration > 20 OR (fault_rate > 200 AND duration > 60)", two,
	       PF_ARRAY_SIZE(two));
}

/* ---- the founding document's rules ------------------------------------------ */

static void test_founding(void **state)
{
	static const char *const rules[] = {
		"(fault_rate > 500 AND rss_growth_rate > baseline + 2*stddev) OR\n"
		"(anonymous_ratio > 80 AND rss_growth_mb_per_min > 5)\n",
		"fault_rate > 1000 AND\nrss_growth_mb_per_min > 10 AND\nvsz_rss_ratio > 2.5\n",
		"fault_rate > 200 AND\nfault_rate_trend > 0 AND # Increasing\n"
		"duration > 600s # 10 minutes\n",
	};

	(void)state;
	assert_int_equal(truth(rules[0]), 1); /* by its second half, the first is unknown */
	assert_int_equal(truth(rules[1]), 0);
	assert_int_equal(truth(rules[2]), -1); /* the trend is */
}

/* ---- random conditions ------------------------------------------------------ */

static uint64_t seed;

static unsigned int roll(unsigned int sides)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned int)(seed >> 33) % sides;
}

/* A condition as text, made along with its value. */
struct made {
	char text[2048];
	double value;
};

static void put(struct made *out, double value, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out->text, sizeof(out->text), fmt, ap);
	va_end(ap);
	out->value = value;
}

/* All in megabytes, so that every two go together. */
static void make_number(struct made *out, int depth, const double *fact)
{
	struct made *a, *b;

	if (depth == 0 || roll(4) == 0) {
		unsigned int n = roll(500);

		switch (roll(4)) {
		case 0:
			put(out, fact[PF_FACT_RSS_MB], "rss_mb");
			break;
		case 1:
			put(out, fact[PF_FACT_VSZ_MB], "vsz_mb");
			break;
		case 2:
			put(out, fact[PF_FACT_SWAP_MB], "swap_mb");
			break;
		default:
			put(out, n * MB, "%uMB", n);
		}
		return;
	}
	a = malloc(sizeof(*a));
	b = malloc(sizeof(*b));
	assert_true(a && b);
	make_number(a, depth - 1, fact);
	make_number(b, depth - 1, fact);
	switch (roll(6)) {
	case 0:
		put(out, a->value + b->value, "(%.900s + %.900s)", a->text, b->text);
		break;
	case 1:
		put(out, a->value - b->value, "(%.900s - %.900s)", a->text, b->text);
		break;
	case 2:
		put(out, a->value * 3, "(%.900s) * 3", a->text);
		break;
	case 3:
		put(out, a->value + 0 * b->value < b->value ? b->value : a->value + 0 * b->value,
		    "max(%.900s, %.900s)", a->text, b->text);
		break;
	case 4:
		put(out, -a->value, "-(%.900s)", a->text);
		break;
	default:
		put(out, fabs(a->value), "abs(%.900s)", a->text);
	}
	free(a);
	free(b);
}

/* By table: false, true, unknown. */
static double table_and(double a, double b)
{
	static const double t[3][3] = { { 0, 0, 0 }, { 0, 1, NAN }, { 0, NAN, NAN } };

	return t[isnan(a) ? 2 : (int)a][isnan(b) ? 2 : (int)b];
}

static double table_or(double a, double b)
{
	static const double t[3][3] = { { 0, 1, NAN }, { 1, 1, 1 }, { NAN, 1, NAN } };

	return t[isnan(a) ? 2 : (int)a][isnan(b) ? 2 : (int)b];
}

static void make_truth(struct made *out, int depth, const double *fact)
{
	struct made *a = malloc(sizeof(*a)), *b = malloc(sizeof(*b));

	assert_true(a && b);
	if (depth == 0 || roll(4) == 0) {
		bool greater = roll(2);
		double value;

		make_number(a, 2, fact);
		make_number(b, 2, fact);
		value = isnan(a->value) || isnan(b->value) ? NAN
			: greater			   ? a->value > b->value
							   : a->value <= b->value;
		put(out, value, "%.900s %s %.900s", a->text, greater ? ">" : "<=", b->text);
	} else {
		make_truth(a, depth - 1, fact);
		make_truth(b, depth - 1, fact);
		switch (roll(3)) {
		case 0:
			put(out, table_and(a->value, b->value), "(%.900s) AND (%.900s)", a->text,
			    b->text);
			break;
		case 1:
			put(out, table_or(a->value, b->value), "(%.900s) || (%.900s)", a->text,
			    b->text);
			break;
		default:
			put(out, 1 - a->value, "NOT (%.900s)", a->text);
		}
	}
	free(a);
	free(b);
}

static void test_random(void **state)
{
	struct made *m = malloc(sizeof(*m));
	unsigned int counts[3] = { 0 };
	double fact[PF_FACTS];

	(void)state;
	assert_non_null(m);
	some_facts(fact); /* swap is unknown */
	for (seed = 1; counts[0] + counts[1] + counts[2] < 3000;) {
		struct pf_rule_error err = { 0 };
		struct pf_rule_program program;
		struct pf_arena arena = { 0 };
		double value;

		make_truth(m, 3, fact);
		if (strlen(m->text) > 1800)
			continue; /* may have been cut */
		if (parse(m->text, &arena, &program, &err))
			fail_msg("%s: refused at %zu: %s", m->text, err.at, err.text);
		value = pf_rule_eval(&program, fact, NULL, 0);
		if (isnan(value) != isnan(m->value) || (!isnan(value) && value != m->value))
			fail_msg("%s: %g, not %g", m->text, value, m->value);
		counts[isnan(value) ? 2 : (int)value]++;
		pf_arena_free(&arena);
	}
	/* The three truths were all there. */
	assert_true(counts[0] > 100 && counts[1] > 100 && counts[2] > 100);
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),	 cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bounds),	 cmocka_unit_test(test_duration),
		cmocka_unit_test(test_founding), cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
