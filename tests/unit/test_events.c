/* SPDX-License-Identifier: BSD-2-Clause */
/* Fault events from readings to increases: threads that come, die and move, never counted twice. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "lib/observe/events.h"

/* A record with all that can stand behind it. */
struct message {
	struct pf_task_rec rec;
	struct pf_events own;
	struct pf_events dead;
};

/* The events stand behind the head where the record is no full one. */
struct short_message {
	struct pf_task_head head;
	struct pf_events own;
	struct pf_events dead;
};

static struct message full(uint64_t user, uint64_t anon, uint64_t write)
{
	struct message m = { .rec.head.flags = PF_REC_FULL | PF_REC_EVENTS };

	m.rec.head.size = sizeof(m.rec) + sizeof(m.own);
	m.own.n[PF_EV_USER] = user;
	m.own.n[PF_EV_ANON] = anon;
	m.own.n[PF_EV_WRITE] = write;
	return m;
}

static struct message with_dead(struct message m, uint64_t user, uint64_t anon)
{
	m.rec.head.flags |= PF_REC_DEAD;
	m.rec.head.size += sizeof(m.dead);
	m.dead.n[PF_EV_USER] = user;
	m.dead.n[PF_EV_ANON] = anon;
	return m;
}

static struct short_message thread(uint64_t user, uint64_t anon)
{
	struct short_message m = { .head.flags = PF_REC_EVENTS };

	m.head.size = sizeof(m.head) + sizeof(m.own);
	m.own.n[PF_EV_USER] = user;
	m.own.n[PF_EV_ANON] = anon;
	return m;
}

static void expect(struct pf_event_totals *t, int64_t user, int64_t anon, int64_t read,
		   int64_t write)
{
	int64_t n[PF_EVENT_SUMS];

	pf_events_take(t, n);
	assert_int_equal(n[PF_EV_USER], user);
	assert_int_equal(n[PF_EV_ANON], anon);
	assert_int_equal(n[PF_EV_READ], read);
	assert_int_equal(n[PF_EV_WRITE], write);
}

static void one_pass(struct pf_event_totals *t, const struct pf_task_head *head)
{
	pf_events_begin(t, head);
	pf_events_add(t, head);
	pf_events_end(t, true);
}

static void test_sizes(void **state)
{
	struct message m = full(1, 1, 1);
	struct short_message s = thread(2, 1);
	struct pf_task_head bare = { .size = sizeof(bare) };

	(void)state;
	assert_true(pf_events_fit(&m.rec.head));
	assert_ptr_equal(pf_events_own(&m.rec.head), &m.own);
	assert_null(pf_events_dead(&m.rec.head));
	m = with_dead(m, 3, 3);
	assert_true(pf_events_fit(&m.rec.head));
	assert_ptr_equal(pf_events_dead(&m.rec.head), &m.dead);
	m.rec.head.size--;
	assert_false(pf_events_fit(&m.rec.head));
	assert_ptr_equal(pf_events_own(&s.head), &s.own);
	assert_true(pf_events_fit(&bare));
	assert_null(pf_events_own(&bare));
	bare.flags = PF_REC_EVENTS;
	assert_false(pf_events_fit(&bare));
}

static void test_increase(void **state)
{
	struct pf_event_totals t = { 0 };
	struct message m = full(10, 7, 4);

	(void)state;
	one_pass(&t, &m.rec.head);
	expect(&t, 10, 7, 6, 4);
	m = full(15, 8, 4);
	one_pass(&t, &m.rec.head);
	expect(&t, 5, 1, 5, 0);
	assert_false(pf_events_news(&t));
}

static void test_threads_add_up(void **state)
{
	struct pf_event_totals t = { 0 };
	struct message leader = with_dead(full(10, 10, 0), 100, 90);
	struct short_message other = thread(5, 3);

	(void)state;
	pf_events_begin(&t, &leader.rec.head);
	pf_events_add(&t, &leader.rec.head);
	pf_events_add(&t, &other.head);
	pf_events_end(&t, true);
	expect(&t, 115, 103, 115, 0);
}

/* Told again with a later record, as when a process's threads are not next to each other. */
static void test_dead_count_once(void **state)
{
	struct pf_event_totals t = { 0 };
	struct message leader = with_dead(full(10, 10, 0), 20, 20);

	(void)state;
	pf_events_begin(&t, &leader.rec.head);
	pf_events_add(&t, &leader.rec.head);
	leader = with_dead(full(1, 1, 0), 25, 25);
	pf_events_add(&t, &leader.rec.head);
	pf_events_end(&t, true);
	expect(&t, 31, 31, 31, 0);
}

/* A thread that dies between its visit and its leader's is missed, then seen. */
static void test_mover(void **state)
{
	struct pf_event_totals t = { 0 };
	struct short_message dying = thread(50, 50), gone = thread(0, 0);
	struct message leader = full(1, 1, 0), richer = with_dead(full(1, 1, 0), 50, 50);

	(void)state;
	pf_events_begin(&t, &dying.head);
	pf_events_add(&t, &dying.head);
	pf_events_add(&t, &richer.rec.head);
	pf_events_end(&t, true);
	expect(&t, 51, 51, 51, 0);
	one_pass(&t, &richer.rec.head);
	expect(&t, 0, 0, 0, 0);
	/* the other way round the pass sees it nowhere, and nothing is taken back */
	pf_events_begin(&t, &leader.rec.head);
	pf_events_add(&t, &leader.rec.head);
	pf_events_add(&t, &gone.head);
	pf_events_end(&t, true);
	expect(&t, 0, 0, 0, 0);
}

static void test_handed_over(void **state)
{
	struct pf_event_totals t = { 0 };
	struct message rest = full(30, 30, 30), living = full(1, 1, 0);

	(void)state;
	pf_events_hand(&t, &rest.rec.head, false);
	pf_events_begin(&t, &living.rec.head);
	pf_events_hand(&t, &rest.rec.head, true); /* may be in this pass's sum already */
	pf_events_add(&t, &living.rec.head);
	pf_events_end(&t, true);
	expect(&t, 31, 31, 1, 30);
	one_pass(&t, &living.rec.head);
	expect(&t, 30, 30, 0, 30);
	pf_events_hand(&t, &living.rec.head, false);
	pf_events_final(&t);
	expect(&t, 0, 0, 0, 0); /* what the pass saw is what was handed over */
}

static void test_unseen_pass(void **state)
{
	struct pf_event_totals t = { 0 };
	struct message m = full(5, 5, 0);

	(void)state;
	pf_events_begin(&t, &m.rec.head);
	pf_events_add(&t, &m.rec.head);
	pf_events_end(&t, false);
	expect(&t, 0, 0, 0, 0);
	one_pass(&t, &m.rec.head);
	expect(&t, 5, 5, 5, 0);
}

/* Reads are looked at before writes: seen in between, they are too few, never too many. */
static void test_reads_do_not_fall(void **state)
{
	struct pf_event_totals t = { 0 };
	struct message m = full(10, 0, 11);

	(void)state;
	one_pass(&t, &m.rec.head);
	expect(&t, 10, 0, 0, 11);
	m = full(12, 0, 11);
	one_pass(&t, &m.rec.head);
	expect(&t, 2, 0, 1, 0);
}

static void test_forget_and_big(void **state)
{
	struct pf_event_totals t = { 0 };
	uint64_t tib = 1ULL << 50;
	struct message m = with_dead(full(tib, tib, 0), tib, tib);

	(void)state;
	one_pass(&t, &m.rec.head);
	assert_true(pf_events_news(&t));
	pf_events_forget(&t);
	m.own.n[PF_EV_ANON] += tib;
	one_pass(&t, &m.rec.head);
	expect(&t, 0, (int64_t)tib, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),	       cmocka_unit_test(test_increase),
		cmocka_unit_test(test_threads_add_up), cmocka_unit_test(test_dead_count_once),
		cmocka_unit_test(test_mover),	       cmocka_unit_test(test_handed_over),
		cmocka_unit_test(test_unseen_pass),    cmocka_unit_test(test_reads_do_not_fall),
		cmocka_unit_test(test_forget_and_big),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
