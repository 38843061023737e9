/* SPDX-License-Identifier: BSD-2-Clause */
/* What people type: each accepted form, each refused one, each edge of a range. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/parse.h"

#define UNTOUCHED 424242

static void test_u64(void **state)
{
	static const struct {
		const char *text;
		uint64_t min, max;
		int rc;
		uint64_t value;
	} cases[] = {
		{ "0", 0, 10, 0, 0 },
		{ "10", 0, 10, 0, 10 },
		{ "11", 0, 10, -ERANGE, 0 },
		{ "4", 5, 10, -ERANGE, 0 },
		{ "007", 0, 10, 0, 7 },
		{ "18446744073709551615", 0, UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", 0, UINT64_MAX, -ERANGE, 0 },
		{ "99999999999999999999999999", 0, UINT64_MAX, -ERANGE, 0 },
		{ "", 0, 10, -EINVAL, 0 },
		{ NULL, 0, 10, -EINVAL, 0 },
		{ " 1", 0, 10, -EINVAL, 0 },
		{ "1 ", 0, 10, -EINVAL, 0 },
		{ "+1", 0, 10, -EINVAL, 0 },
		{ "-1", 0, UINT64_MAX, -EINVAL, 0 },
		{ "1.0", 0, 10, -EINVAL, 0 },
		{ "1e1", 0, 10, -EINVAL, 0 },
		{ "0x1", 0, 10, -EINVAL, 0 },
		{ "1k", 0, 10, -EINVAL, 0 },
		{ "\xd9\xa3", 0, 10, -EINVAL, 0 }, /* an Arabic three */
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		uint64_t v = UNTOUCHED;

		assert_int_equal(pf_parse_u64(cases[i].text, cases[i].min, cases[i].max, &v),
				 cases[i].rc);
		assert_int_equal(v, cases[i].rc ? UNTOUCHED : cases[i].value);
	}
}

static void test_double(void **state)
{
	static const struct {
		const char *text;
		int rc;
		double value;
	} cases[] = {
		{ "1", 0, 1 },		 { "0.5", 0, 0.5 },	{ ".5", 0, 0.5 },
		{ "0.1", 0, 0.1 },	 { "100", 0, 100 },	{ "100.000000000001", -ERANGE, 0 },
		{ "0", 0, 0 },		 { "1.", -EINVAL, 0 },	{ ".", -EINVAL, 0 },
		{ "", -EINVAL, 0 },	 { NULL, -EINVAL, 0 },	{ "1,5", -EINVAL, 0 },
		{ "1.5.5", -EINVAL, 0 }, { "1e1", -EINVAL, 0 }, { "0x10", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },	 { "+1", -EINVAL, 0 },	{ " 1", -EINVAL, 0 },
		{ "inf", -EINVAL, 0 },	 { "nan", -EINVAL, 0 }, { "1s", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		double v = UNTOUCHED;

		assert_int_equal(pf_parse_double(cases[i].text, 0, 100, &v), cases[i].rc);
		assert_true(v == (cases[i].rc ? UNTOUCHED : cases[i].value));
	}
}

static void test_double_too_large(void **state)
{
	char digits[700];
	double v = UNTOUCHED;

	(void)state;
	memset(digits, '9', sizeof(digits));
	digits[400] = '\0'; /* more than a double's 308 */
	assert_int_equal(pf_parse_double(digits, 0, INFINITY, &v), -ERANGE);
	digits[400] = '9';
	digits[sizeof(digits) - 1] = '\0'; /* more than any buffer in there */
	assert_int_equal(pf_parse_double(digits, 0, INFINITY, &v), -ERANGE);
	assert_true(v == UNTOUCHED);
}

static void test_duration(void **state)
{
	static const struct {
		const char *text;
		int rc;
		double seconds;
	} cases[] = {
		{ "5", 0, 5 },		 { "500ms", 0, 0.5 },	  { "1ms", 0, 0.001 },
		{ "0.25s", 0, 0.25 },	 { "10m", 0, 600 },	  { "1.5h", 0, 5400 },
		{ "2d", 0, 172800 },	 { "0.5ms", -ERANGE, 0 }, { "3d", -ERANGE, 0 },
		{ "5M", -EINVAL, 0 },	 { "5 s", -EINVAL, 0 },	  { "5sec", -EINVAL, 0 },
		{ "5m30s", -EINVAL, 0 }, { "s", -EINVAL, 0 },	  { "-5s", -EINVAL, 0 },
		{ "", -EINVAL, 0 },	 { NULL, -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		double v = UNTOUCHED;

		assert_int_equal(pf_parse_duration(cases[i].text, 0.001, 172800, &v), cases[i].rc);
		assert_true(v == (cases[i].rc ? UNTOUCHED : cases[i].seconds));
	}
}

static void test_size(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint64_t bytes;
	} cases[] = {
		{ "0", 0, 0 },
		{ "123", 0, 123 },
		{ "123B", 0, 123 },
		{ "1K", 0, 1024 },
		{ "1kb", 0, 1024 },
		{ "1KiB", 0, 1024 },
		{ "1kIb", 0, 1024 },
		{ "10MB", 0, 10u << 20 },
		{ "10MiB", 0, 10u << 20 },
		{ "10m", 0, 10u << 20 },
		{ "1.5G", 0, 3ull << 29 },
		{ ".5T", 0, 1ull << 39 },
		{ "1.1K", 0, 1126 }, /* 1126.4, to the nearest byte */
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "16777215TiB", 0, 16777215ull << 40 },
		{ "0000000000000000000000000000001K", 0, 1024 },
		{ "9007199254740993", 0, 9007199254740993 }, /* a double has no such number */
		{ "18446744073709551616", -ERANGE, 0 },
		{ "16777216T", -ERANGE, 0 },
		{ "16777216.0T", -ERANGE, 0 },
		{ "1.5", -EINVAL, 0 },
		{ "1.5B", -EINVAL, 0 },
		{ "1P", -EINVAL, 0 },
		{ "1Ki", -EINVAL, 0 },
		{ "1KBs", -EINVAL, 0 },
		{ "1 K", -EINVAL, 0 },
		{ "K", -EINVAL, 0 },
		{ "-1K", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ NULL, -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		uint64_t v = UNTOUCHED;

		assert_int_equal(pf_parse_size(cases[i].text, 0, UINT64_MAX, &v), cases[i].rc);
		assert_int_equal(v, cases[i].rc ? UNTOUCHED : cases[i].bytes);
	}
}

static void test_size_range(void **state)
{
	uint64_t v = UNTOUCHED;

	(void)state;
	assert_int_equal(pf_parse_size("1K", 1025, 4096, &v), -ERANGE);
	assert_int_equal(pf_parse_size("5K", 1025, 4096, &v), -ERANGE);
	assert_int_equal(v, UNTOUCHED);
	assert_int_equal(pf_parse_size("4K", 1025, 4096, &v), 0);
	assert_int_equal(v, 4096);
}

static void test_nearest(void **state)
{
	static const char *const words[] = { "pid",    "comm",	     "rss_bytes", "rss_anon_bytes",
					     "faults", "interval_s", NULL };
	static const char *const none[] = { NULL };
	static const struct {
		const char *typed;
		const char *meant;
	} cases[] = {
		{ "pid", "pid" },
		{ "PID", "pid" },
		{ "dip", NULL },
		{ "pdi", "pid" },
		{ "cmom", "comm" },
		{ "com", "comm" },
		{ "fault", "faults" },
		{ "falts", "faults" },
		{ "rss", "rss_bytes" },
		{ "rss_anon", "rss_anon_bytes" },
		{ "rss-bytes", "rss_bytes" },
		{ "rss_byte", "rss_bytes" },
		{ "interval", "interval_s" },
		{ "x", NULL },
		{ "elephant", NULL },
		{ "", NULL },
	};
	char longest[200];

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		const char *near = pf_nearest(cases[i].typed, words);

		if (cases[i].meant)
			assert_string_equal(near, cases[i].meant);
		else
			assert_null(near);
	}
	assert_null(pf_nearest("pid", none));
	memset(longest, 'p', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_null(pf_nearest(longest, words));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_u64),
		cmocka_unit_test(test_double),
		cmocka_unit_test(test_double_too_large),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_size_range),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
