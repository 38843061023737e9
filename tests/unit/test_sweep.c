/* SPDX-License-Identifier: BSD-2-Clause */
/* The sweep of the hash table of threads: whom does it take for dead? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bpf/pf_abi.h"
#include "lib/observe/faults.h"

/* An old thread may have its first fault just when the pass has gone by it. */
static void test_young_entry_of_old_thread(void **state)
{
	const struct pf_entry made_in_this = { .start_ns = 1, .pass = 7 };
	const struct pf_entry made_before = { .start_ns = 1, .pass = 6 };

	(void)state;
	assert_false(pf_entry_is_dead(&made_in_this, 7));
	assert_false(pf_entry_is_dead(&made_before, 7));
}

static void test_unseen_by_two(void **state)
{
	const struct pf_entry gone = { .start_ns = 1, .pass = 5 };

	(void)state;
	assert_true(pf_entry_is_dead(&gone, 7));
}

/* The count of passes begins anew after 2^32. */
static void test_wrap(void **state)
{
	const struct pf_entry last = { .start_ns = 1, .pass = UINT32_MAX };

	(void)state;
	assert_false(pf_entry_is_dead(&last, 0));
	assert_true(pf_entry_is_dead(&last, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_young_entry_of_old_thread),
		cmocka_unit_test(test_unseen_by_two),
		cmocka_unit_test(test_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
