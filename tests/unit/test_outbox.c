/* SPDX-License-Identifier: BSD-2-Clause */
/* The queue of one place: order, bounds, patience, what replaces what. No network, no clock. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/notify/outbox.h"

struct ends {
	char text[400];
};

static void note(void *ctx, const struct pf_job *job, enum pf_outcome outcome)
{
	struct ends *e = ctx;
	size_t len = strlen(e->text);

	snprintf(e->text + len, sizeof(e->text) - len, "%s%d:%s", len ? " " : "", (int)job->id,
		 pf_outcome_name(outcome));
}

static void open_box(struct pf_outbox *o, struct ends *e, unsigned int queue)
{
	const struct pf_outbox_terms terms = { queue, 3, 1, 10 };
	const struct pf_outbox_hook hook = { note, e };

	e->text[0] = '\0';
	pf_outbox_init(o, &terms, &hook);
}

static void add(struct pf_outbox *o, uint64_t id, const char *key)
{
	struct pf_job *job = pf_job__new(id, key, "{}", INFINITY);

	assert_non_null(job);
	pf_outbox_add(o, job);
}

static void test_in_order_one_at_a_time(void **state)
{
	struct pf_outbox o;
	struct ends e;

	(void)state;
	open_box(&o, &e, 10);
	assert_null(pf_outbox_next(&o, 0));
	assert_true(isinf(pf_outbox_due_s(&o)));
	for (uint64_t id = 1; id <= 3; id++)
		add(&o, id, NULL);
	for (uint64_t id = 1; id <= 3; id++) {
		assert_true(pf_outbox_due_s(&o) <= 5);
		assert_int_equal(pf_outbox_next(&o, 5)->id, id);
		assert_null(pf_outbox_next(&o, 5));
		assert_true(isinf(pf_outbox_due_s(&o)));
		assert_int_equal(pf_outbox_done(&o, PF_OUTCOME_DELIVERED, 5, 0, 0),
				 PF_OUTCOME_DELIVERED);
	}
	assert_int_equal(o.n_waiting, 0);
	assert_string_equal(e.text, "");
	pf_outbox_clear(&o);
}

static void test_waits_double_up_to_a_bound(void **state)
{
	struct pf_outbox o;
	struct ends e;

	(void)state;
	open_box(&o, &e, 10);
	o.terms.attempts = 7;
	add(&o, 1, NULL);
	add(&o, 2, NULL); /* stays behind it */
	for (int i = 0; i < 6; i++) {
		static const double waits[] = { 1, 2, 4, 8, 10, 10 };
		double now = 100 * i;

		assert_int_equal(pf_outbox_next(&o, now)->id, 1);
		assert_int_equal(pf_outbox_done(&o, PF_OUTCOME_AGAIN, now, 0, 0), PF_OUTCOME_AGAIN);
		assert_true(pf_outbox_due_s(&o) == now + waits[i]);
		assert_null(pf_outbox_next(&o, now + waits[i] - 0.001));
	}
	assert_int_equal(pf_outbox_next(&o, 1000)->attempts, 7);
	assert_int_equal(pf_outbox_done(&o, PF_OUTCOME_AGAIN, 1000, 0, 0), PF_OUTCOME_FAILED);
	assert_int_equal(pf_outbox_next(&o, 1000)->id, 2);
	pf_outbox_clear(&o);
}

static void test_jitter_and_retry_after(void **state)
{
	static const struct {
		double retry_after_s, jitter, wait_s;
	} cases[] = {
		{ 0, 0, 1 }, { 0, 1, 0.5 }, { 3, 0, 3 }, { 3, 1, 3 }, { 0.1, 0, 1 }, { 1e9, 0, 10 },
	};
	struct pf_outbox o;
	struct ends e;

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		open_box(&o, &e, 10);
		add(&o, 1, NULL);
		assert_non_null(pf_outbox_next(&o, 0));
		pf_outbox_done(&o, PF_OUTCOME_AGAIN, 0, cases[i].retry_after_s, cases[i].jitter);
		assert_true(pf_outbox_due_s(&o) == cases[i].wait_s);
		pf_outbox_clear(&o);
	}
}

static void test_the_oldest_makes_room(void **state)
{
	struct pf_outbox o;
	struct ends e;

	(void)state;
	open_box(&o, &e, 3);
	add(&o, 1, NULL);
	assert_int_equal(pf_outbox_next(&o, 0)->id, 1); /* what is being sent takes no room */
	for (uint64_t id = 2; id <= 6; id++)
		add(&o, id, NULL);
	assert_int_equal(o.n_waiting, 3);
	assert_string_equal(e.text, "2:dropped 3:dropped");
	for (uint64_t id = 7; id <= 1006; id++)
		add(&o, id, NULL);
	assert_int_equal(o.n_waiting, 3);
	pf_outbox_clear(&o);
}

static void test_a_newer_one_replaces(void **state)
{
	struct pf_outbox o;
	struct ends e;

	(void)state;
	open_box(&o, &e, 10);
	add(&o, 1, "a");
	assert_int_equal(pf_outbox_next(&o, 0)->id, 1); /* on its way: stays */
	add(&o, 2, "a");
	add(&o, 3, "b");
	add(&o, 4, NULL);
	add(&o, 5, "a");
	assert_string_equal(e.text, "2:replaced");
	pf_outbox_done(&o, PF_OUTCOME_DELIVERED, 0, 0, 0);
	for (uint64_t id = 3; id <= 5; id++) {
		assert_int_equal(pf_outbox_next(&o, 0)->id, id);
		pf_outbox_done(&o, PF_OUTCOME_DELIVERED, 0, 0, 0);
	}
	pf_outbox_clear(&o);
}

static void test_too_old(void **state)
{
	struct pf_outbox o;
	struct ends e;

	(void)state;
	open_box(&o, &e, 10);
	pf_outbox_add(&o, pf_job__new(1, NULL, "{}", 10));
	pf_outbox_add(&o, pf_job__new(2, NULL, "{}", 30));
	assert_int_equal(pf_outbox_next(&o, 20)->id, 2);
	assert_string_equal(e.text, "1:expired");
	pf_outbox_clear(&o);
}

static void test_names(void **state)
{
	(void)state;
	for (int i = 0; i < PF_OUTCOMES; i++)
		assert_int_equal(pf_outcome_of(pf_outcome_name((enum pf_outcome)i)), i);
	assert_int_equal(pf_outcome_of("again"), -1);
	assert_string_equal(pf_outcome_name(PF_OUTCOME_AGAIN), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order_one_at_a_time),
		cmocka_unit_test(test_waits_double_up_to_a_bound),
		cmocka_unit_test(test_jitter_and_retry_after),
		cmocka_unit_test(test_the_oldest_makes_room),
		cmocka_unit_test(test_a_newer_one_replaces),
		cmocka_unit_test(test_too_old),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
