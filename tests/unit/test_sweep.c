/* SPDX-License-Identifier: BSD-2-Clause */
/* The sweeps of the hash table of threads and of slots: whom do they take for dead? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bpf/pf_abi.h"
#include "lib/observe/faults.h"
#include "lib/observe/slots.h"

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

#define A_TASK 0xffff888000001000ULL

static struct pf_slot slot(uint32_t pass)
{
	return (struct pf_slot){
		.task = A_TASK,
		.start_ns = 1,
		.pass = pass,
		.alive = pass,
		.counts = { .n = { [PF_EV_USER] = 5, [PF_EV_KERNEL] = 2, [PF_EV_ANON] = 4 },
			    .pending = 1 },
	};
}

/* Two passes may go by a thread that lives. */
static void test_slot_seen(void **state)
{
	struct pf_slot slots[] = { slot(7), slot(6), slot(5) };

	(void)state;
	assert_int_equal(pf_slots_sweep(slots, 3, 7, 1), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(slots[i].task, A_TASK);
		assert_int_equal(slots[i].counts.n[PF_EV_USER], 5);
	}
}

/* The next thread finds nothing there. */
static void test_slot_not_seen(void **state)
{
	const struct pf_counts none = { 0 };
	struct pf_slot slots[] = { slot(7), slot(4) };

	(void)state;
	assert_int_equal(pf_slots_sweep(slots, 2, 7, 1), 7);
	assert_int_equal(slots[0].task, A_TASK);
	assert_int_equal(slots[1].task, 0);
	assert_memory_equal(&slots[1].counts, &none, sizeof(none));
	assert_int_equal(pf_slots_sweep(slots, 2, 7, 1), 0);
}

/* The one that takes it just now has not said yet since when. */
static void test_slot_being_taken(void **state)
{
	struct pf_slot taken = slot(1);

	(void)state;
	taken.task = PF_SLOT_TAKEN;
	assert_int_equal(pf_slots_sweep(&taken, 1, 7, 1), 0);
	assert_int_equal(taken.task, PF_SLOT_TAKEN);
}

/* Before that nobody told the end of a thread, and nobody misses its events. */
static void test_slot_lost_since(void **state)
{
	struct pf_slot before = slot(2), ending = slot(5), at = slot(3), untold = slot(4);

	(void)state;
	ending.alive = 2; /* may have gone by that place already */
	assert_int_equal(pf_slots_sweep(&ending, 1, 9, 3), 0);
	assert_int_equal(ending.task, 0);
	assert_int_equal(pf_slots_sweep(&before, 1, 9, 3), 0);
	assert_int_equal(before.task, 0);
	assert_int_equal(pf_slots_sweep(&at, 1, 9, 3), 7);
	assert_int_equal(pf_slots_sweep(&untold, 1, 9, 0), 0);
	assert_int_equal(untold.task, 0);
}

static void test_slot_wrap(void **state)
{
	struct pf_slot last = slot(UINT32_MAX);

	(void)state;
	assert_int_equal(pf_slots_sweep(&last, 1, 1, 3), 0);
	assert_int_equal(last.task, A_TASK);
	assert_int_equal(pf_slots_sweep(&last, 1, 2, 3), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_young_entry_of_old_thread),
		cmocka_unit_test(test_unseen_by_two),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_slot_seen),
		cmocka_unit_test(test_slot_not_seen),
		cmocka_unit_test(test_slot_being_taken),
		cmocka_unit_test(test_slot_lost_since),
		cmocka_unit_test(test_slot_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
