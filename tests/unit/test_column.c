/* SPDX-License-Identifier: BSD-2-Clause */
/* Choosing columns, and the field tables they are made from. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/record/header.h"
#include "lib/record/sample.h"
#include "lib/report/column.h"

static const struct pf_column cols[] = {
	{ .field = { .key = "pid" }, .table = true },
	{ .field = { .key = "comm" }, .table = true },
	{ .field = { .key = "rss_bytes" }, .table = true },
	{ .field = { .key = "vsz_bytes" } },
	{ .field = { .key = "swap_bytes" } },
};

#define N PF_ARRAY_SIZE(cols)

/* The set as "pid,comm". */
static const char *names(const struct pf_column_set *set)
{
	static char text[256];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < set->n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i ? "," : "",
					cols[set->index[i]].field.key);
	return text;
}

static void test_sets(void **state)
{
	struct pf_column_set set;

	(void)state;
	pf_columns_default(cols, N, &set);
	assert_string_equal(names(&set), "pid,comm,rss_bytes");
	pf_columns_all(cols, N, &set);
	assert_string_equal(names(&set), "pid,comm,rss_bytes,vsz_bytes,swap_bytes");
	assert_int_equal(pf_columns_find(cols, N, "vsz_bytes"), 3);
	assert_int_equal(pf_columns_find(cols, N, "vsz"), -1);
	assert_int_equal(pf_columns_find(cols, N, ""), -1);
}

static void test_parse(void **state)
{
	static const struct {
		const char *list;
		const char *result;
	} cases[] = {
		{ "comm", "comm" },
		{ "swap_bytes,pid", "swap_bytes,pid" },
		{ "pid,pid", "pid" },
		{ "+swap_bytes", "pid,comm,rss_bytes,swap_bytes" },
		{ "+pid", "pid,comm,rss_bytes" },
		{ "-comm", "pid,rss_bytes" },
		{ "-swap_bytes", "pid,comm,rss_bytes" },
		{ "+vsz_bytes,-pid", "comm,rss_bytes,vsz_bytes" },
		{ "-pid,+pid", "comm,rss_bytes,pid" },
		{ "+vsz_bytes,swap_bytes", "pid,comm,rss_bytes,vsz_bytes,swap_bytes" },
		{ "comm,pid,-comm", "pid" },
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		struct pf_column_set set;

		pf_columns_default(cols, N, &set);
		assert_int_equal(pf_columns_parse(cases[i].list, cols, N, &set, NULL), 0);
		assert_string_equal(names(&set), cases[i].result);
	}
}

static void test_refusals(void **state)
{
	static const struct {
		const char *list;
		const char *says;
	} cases[] = {
		{ "", "empty" },
		{ ",", "empty" },
		{ "pid,", "empty" },
		{ "pid,,comm", "empty" },
		{ "+", "empty" },
		{ "rss", "unknown column 'rss': did you mean 'rss_bytes'?" },
		{ "pid,con", "unknown column 'con' (--columns help" },
		{ "PID", "did you mean 'pid'?" },
		{ "pid comm", "unknown column 'pid comm'" },
		{ " pid", "did you mean 'pid'?" },
		{ "--pid", "did you mean 'pid'?" },
		{ "-pid,-comm,-rss_bytes", "no column is left" },
	};
	char longest[5000];

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		struct pf_error err = { 0 };
		struct pf_column_set set;

		pf_columns_default(cols, N, &set);
		assert_int_equal(pf_columns_parse(cases[i].list, cols, N, &set, &err), -EINVAL);
		if (!strstr(err.text, cases[i].says))
			fail_msg("'%s' does not say '%s'", err.text, cases[i].says);
		assert_non_null(strstr(err.text, "--columns help"));
		assert_string_equal(names(&set), "pid,comm,rss_bytes"); /* as it was */
	}
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(pf_columns_parse(longest, cols, N, &(struct pf_column_set){ 0 }, NULL),
			 -EINVAL);
}

/* The order is the documented record's. */
static void test_sample_fields(void **state)
{
	static const char order[] =
		"ts interval_s pid nspid ppid start_ts comm exe uid cgroup container runtime pod "
		"faults minor major user kernel anon file shmem swapin cow other read write exec "
		"sampled rss_bytes rss_anon_bytes rss_file_bytes rss_shmem_bytes rss_error_bytes "
		"swap_bytes vsz_bytes exited ";
	char text[sizeof(order) + 64] = "";
	size_t len = 0;

	(void)state;
	for (size_t i = 0; i < pf_sample_n_fields; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s ",
					pf_sample_fields[i].key);
	assert_string_equal(text, order);
}

static void check_table(const struct pf_field *fields, size_t n, size_t record_size)
{
	for (size_t i = 0; i < n; i++) {
		assert_true(fields[i].offset + fields[i].size <= record_size);
		assert_true(strlen(fields[i].help) > 10);
		assert_int_equal(fields[i].help[strlen(fields[i].help) - 1], '.');
		for (size_t j = 0; j < i; j++) {
			assert_string_not_equal(fields[i].key, fields[j].key);
			assert_true(fields[i].offset != fields[j].offset);
		}
	}
}

static void test_field_tables(void **state)
{
	(void)state;
	check_table(pf_sample_fields, pf_sample_n_fields, sizeof(struct pf_sample));
	check_table(pf_header_fields, pf_header_n_fields, sizeof(struct pf_header));
}

static void test_init_is_unknown(void **state)
{
	struct pf_sample s;

	(void)state;
	memset(&s, 0x55, sizeof(s));
	pf_sample_init(&s);
	assert_true(isnan(s.ts) && isnan(s.start_ts) && isnan(s.interval_s) && isnan(s.mono_s));
	assert_int_equal(s.start_ns, 0);
	assert_int_equal(s.exec_id, 0);
	assert_false(s.exited);
	assert_string_equal(s.comm, "");
	assert_null(s.exe);
	for (size_t i = 0; i < pf_sample_n_fields; i++) {
		if (pf_sample_fields[i].type == PF_INT)
			assert_true(pf_field_int(&pf_sample_fields[i], &s) == PF_UNKNOWN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sets),	     cmocka_unit_test(test_parse),
		cmocka_unit_test(test_refusals),     cmocka_unit_test(test_sample_fields),
		cmocka_unit_test(test_field_tables), cmocka_unit_test(test_init_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
