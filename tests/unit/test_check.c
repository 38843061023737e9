/* SPDX-License-Identifier: BSD-2-Clause */
/* The check record: names, figures, JSON. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "lib/record/check.h"

static void test_names(void **state)
{
	(void)state;
	for (int i = 0; i < PF_CHECKS_N; i++) {
		const char *name = pf_check_name((enum pf_check_id)i);

		assert_non_null(name);
		for (const char *p = name; *p; p++)
			assert_true(islower((unsigned char)*p) || *p == '-');
		assert_int_equal(pf_check_of(name, strlen(name)), i); /* none comes twice */
		assert_int_equal(pf_check_of(name, strlen(name) - 1) == i, 0);
	}
	assert_int_equal(pf_check_of("", 0), -1);
	assert_int_equal(pf_check_of("fentry,btf", 6), PF_CHECK_FENTRY);
}

static void test_values(void **state)
{
	struct pf_check c;

	(void)state;
	pf_check_init(&c, PF_CHECK_COST, PF_UNKNOWN);
	assert_string_equal(c.status, "skip");
	pf_check_value(&c, 1.5, "%s_ns", "perf");
	pf_check_value(&c, 1, "%s", "a key that is much too long for what there is room for");
	assert_int_equal(c.n_values, 1);
	assert_true(pf_check_value_of(&c, "perf_ns") == 1.5);
	assert_true(isnan(pf_check_value_of(&c, "none")));
	for (int i = 0; i < 2 * PF_CHECK_VALUES_MAX; i++)
		pf_check_value(&c, i, "k%d", i);
	assert_int_equal(c.n_values, PF_CHECK_VALUES_MAX);
}

static void test_json(void **state)
{
	struct pf_check c;
	char *text;
	json_t *obj;

	(void)state;
	pf_check_init(&c, PF_CHECK_BTF, 12);
	pf_check_judge(&c, PF_CHECK_WARN);
	c.ts = 5;
	strcpy(c.found, "a\xff");
	pf_check_value(&c, 3, "n");
	pf_check_value(&c, NAN, "unknown");
	pf_check_value(&c, 0.25, "share");
	obj = pf_check_json(&c);
	assert_non_null(obj);
	text = json_dumps(obj, JSON_COMPACT);
	assert_string_equal(
		text, "{\"v\":1,\"type\":\"check\",\"ts\":5.0,\"id\":\"btf\",\"status\":\"warn\","
		      "\"pid\":12,\"found\":\"a\xef\xbf\xbd\",\"why\":null,\"remedy\":null,"
		      "\"values\":{\"n\":3,\"unknown\":null,\"share\":0.25}}");
	free(text);
	json_decref(obj);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
