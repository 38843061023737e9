/* SPDX-License-Identifier: BSD-2-Clause */
/* What is kept of stacks while a run goes on, and that it is bounded: chains, their owners, names. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>

#include <cmocka.h>

#include "lib/stack/book.h"
#include "lib/stack/traces.h"

static struct pf_trace_owner owner_of(int64_t pid)
{
	return (struct pf_trace_owner){
		.pid = pid, .start_ns = 7, .comm = "prog", .class = "anon"
	};
}

/* Another chain for each number. */
static struct pf_trace chain_of(uint64_t number)
{
	return (struct pf_trace){ .n = 2, .frames = { { .ip = number }, { .ip = 1 } } };
}

static void test_equal_chains_are_one(void **state)
{
	const struct pf_trace_owner owner = owner_of(1), other = owner_of(2);
	const struct pf_trace a = chain_of(10), b = chain_of(11);
	struct pf_traces *t = pf_traces__new();
	struct pf_trace_sum *sum = pf_traces__find(t, &owner, &a, NULL);

	(void)state;
	assert_ptr_equal(pf_traces__find(t, &owner, &a, NULL), sum);
	assert_ptr_not_equal(pf_traces__find(t, &owner, &b, NULL), sum);
	assert_ptr_not_equal(pf_traces__find(t, &owner, &a, &b), sum);
	assert_ptr_not_equal(pf_traces__find(t, &other, &a, NULL), sum);
	assert_int_equal(pf_traces__count(t), 4);
	pf_traces__free(t);
}

static void test_chains_too_many_are_folded(void **state)
{
	const struct pf_trace_owner owner = owner_of(1), other = owner_of(2);
	struct pf_traces *t = pf_traces__new();
	struct pf_trace_sum *sum = NULL;

	(void)state;
	for (uint64_t i = 0; i < PF_TRACES_MAX + 100; i++) {
		const struct pf_trace a = chain_of(i);

		sum = pf_traces__find(t, &owner, &a, NULL);
		assert_non_null(sum);
		assert_int_equal(sum->folded, i >= PF_TRACES_MAX);
	}
	assert_ptr_not_equal(pf_traces__find(t, &other, NULL, NULL), sum); /* each its own */
	assert_int_equal(pf_traces__count(t), PF_TRACES_MAX + 2);
	assert_int_equal(pf_traces__losses(t).folded, 101);
	assert_int_equal(pf_traces__losses(t).lost, 0);
	pf_traces__free(t);
}

static void test_owners_too_many_are_lost(void **state)
{
	const struct pf_trace a = chain_of(10);
	struct pf_traces *t = pf_traces__new();

	(void)state;
	for (int64_t pid = 1; pid <= PF_TRACES_OWNERS_MAX + 100; pid++) {
		const struct pf_trace_owner owner = owner_of(pid);

		assert_int_equal(pf_traces__find(t, &owner, &a, NULL) != NULL,
				 pid <= PF_TRACES_OWNERS_MAX);
	}
	assert_int_equal(pf_traces__losses(t).lost, 100);
	assert_true(pf_traces__count(t) <= PF_TRACES_OWNERS_MAX);
	pf_traces__clear(t);
	assert_int_equal(pf_traces__count(t), 0);
	assert_non_null(pf_traces__find(t, &(struct pf_trace_owner){ .pid = 1 }, &a, NULL));
	pf_traces__free(t);
}

/* By places, or by the length of their names. */
static uint64_t entered_until_full(struct pf_book *book, int name_len)
{
	uint64_t n = 0;
	char text[512];

	while (!pf_book__full(book)) {
		const struct pf_book_name name = { .name = text };

		snprintf(text, sizeof(text), "%0*ju", name_len, (uintmax_t)n);
		assert_int_equal(pf_book__enter(book, 1, ++n, true, &name, 1), 0);
	}
	assert_int_equal(pf_book__enter(book, 1, n + 1, true, NULL, 0), -ENOSPC);
	assert_null(pf_book__find(book, 1, n + 1));
	assert_non_null(pf_book__find(book, 1, n)); /* what was there stays */
	return n;
}

static void test_a_full_book_takes_no_more(void **state)
{
	struct pf_book *book = pf_book__new();

	(void)state;
	assert_int_equal(entered_until_full(book, 1), PF_SYMBOLS_MAX);
	pf_book__trim(book);
	assert_false(pf_book__full(book));
	assert_null(pf_book__find(book, 1, 1));
	assert_true(entered_until_full(book, 500) < PF_SYMBOLS_MAX);
	pf_book__free(book);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_chains_are_one),
		cmocka_unit_test(test_chains_too_many_are_folded),
		cmocka_unit_test(test_owners_too_many_are_lost),
		cmocka_unit_test(test_a_full_book_takes_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
