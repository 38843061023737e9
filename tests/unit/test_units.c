/* SPDX-License-Identifier: BSD-2-Clause */
/* Short forms: the examples the header gives, every edge between two units, the width. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/units.h"

static void test_bytes(void **state)
{
	static const struct {
		int64_t bytes;
		const char *plain;
		const char *delta;
	} cases[] = {
		{ 0, "0", "0" },
		{ 1, "1", "+1" },
		{ 1023, "1023", "+1023" },
		{ 1024, "1.0K", "+1.0K" },
		{ 1536, "1.5K", "+1.5K" },
		{ -1536, "-1.5K", "-1.5K" },
		{ -3 * 1024 * 1024, "-3.0M", "-3.0M" },
		{ 12897485, "12.3M", "+12.3M" },
		{ 102348, "99.9K", "+99.9K" },
		{ 102349, "100K", "+100K" }, /* 99.95 */
		{ 126423, "123K", "+123K" }, /* 123.46: rounded once, not twice */
		{ 1048063, "1023K", "+1023K" },
		{ 1048064, "1.0M", "+1.0M" }, /* 1023.5: never 1024K */
		{ 1ll << 30, "1.0G", "+1.0G" },
		{ 1ll << 40, "1.0T", "+1.0T" },
		{ 1ll << 50, "1.0P", "+1.0P" },
		{ INT64_MAX, "8.0E", "+8.0E" },
		{ INT64_MIN, "-8.0E", "-8.0E" },
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		char out[16];

		assert_string_equal(pf_fmt_bytes(out, sizeof(out), cases[i].bytes), cases[i].plain);
		assert_string_equal(pf_fmt_delta_bytes(out, sizeof(out), cases[i].bytes),
				    cases[i].delta);
	}
}

static void test_bytes_fit_six_columns(void **state)
{
	char out[16];

	(void)state;
	for (int shift = 0; shift < 63; shift++) {
		for (int64_t near = -600; near <= 600; near++) {
			int64_t v = (int64_t)(1ull << shift) + near;

			assert_true(strlen(pf_fmt_delta_bytes(out, sizeof(out), v)) <= 6);
			assert_true(strlen(pf_fmt_delta_bytes(out, sizeof(out), -v)) <= 6);
		}
	}
}

static void test_rate(void **state)
{
	static const struct {
		double per_s;
		const char *text;
	} cases[] = {
		{ 0, "0" },	     { -0.0, "0" },	{ 0.001, "<0.1" },     { 0.3, "0.3" },
		{ 5, "5.0" },	     { 12.5, "12.5" },	{ 99.94, "99.9" },     { 99.95, "100" },
		{ 123.46, "123" },   { 1234, "1234" },	{ 999999, "999999" },  { 999999.5, "1.0M" },
		{ 1240000, "1.2M" }, { 1e9, "1.0G" },	{ 999.4e6, "999M" },   { 999.5e6, "1.0G" },
		{ 1e15, "1.0P" },    { 1e30, ">999P" }, { INFINITY, ">999P" }, { NAN, "-" },
		{ -5, "-5.0" },
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		char out[16];

		assert_string_equal(pf_fmt_rate(out, sizeof(out), cases[i].per_s), cases[i].text);
	}
}

static void test_duration(void **state)
{
	static const struct {
		double seconds;
		const char *text;
	} cases[] = {
		{ 0, "0s" },	     { 0.0001, "<1ms" },    { 0.05, "50ms" },
		{ 0.9994, "999ms" }, { 0.9996, "1s" },	    { 45, "45s" },
		{ 59.4, "59s" },     { 59.6, "1m00s" },	    { 750, "12m30s" },
		{ 3599.6, "1h00m" }, { 11100, "3h05m" },    { 86399.6, "1d0h" },
		{ 187200, "2d4h" },  { 8639999, "99d23h" }, { 8639999.6, ">99d" },
		{ 8640000, ">99d" }, { 1e300, ">99d" },	    { INFINITY, ">99d" },
		{ NAN, "-" },	     { -45, "-45s" },
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		char out[16];

		assert_string_equal(pf_fmt_duration(out, sizeof(out), cases[i].seconds),
				    cases[i].text);
	}
}

static void test_small_buffer(void **state)
{
	char out[8];

	(void)state;
	memset(out, 'Z', sizeof(out));
	assert_string_equal(pf_fmt_bytes(out, 3, 1536), "1.");
	assert_int_equal(out[3], 'Z');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),	     cmocka_unit_test(test_bytes_fit_six_columns),
		cmocka_unit_test(test_rate),	     cmocka_unit_test(test_duration),
		cmocka_unit_test(test_small_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
