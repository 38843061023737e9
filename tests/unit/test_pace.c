/* SPDX-License-Identifier: BSD-2-Clause */
/* --sample auto: rates to steps. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>

#include "lib/observe/pace.h"

static void test_steps(void **state)
{
	(void)state;
	assert_int_equal(pf_pace_step(0), 0);
	assert_int_equal(pf_pace_step(2000), 0);
	assert_int_equal(pf_pace_step(2000.5), 1);
	assert_int_equal(pf_pace_step(5000), 1);
	assert_int_equal(pf_pace_step(5001), 2);
	assert_int_equal(pf_pace_step(1e12), 2);
	assert_int_equal(pf_pace_step(NAN), 0); /* no faults in no time */
}

static void test_every(void **state)
{
	(void)state;
	assert_int_equal(pf_pace_every(0), 1);
	assert_int_equal(pf_pace_every(1), 10);
	assert_int_equal(pf_pace_every(2), 100);
	assert_int_equal(pf_pace_every(3), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_every),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
