/* SPDX-License-Identifier: BSD-2-Clause */
/* Machines that cannot be had here: what their CPUs may hold back, and what follows. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdint.h>
#include <string.h>

#include "bpf/pf_abi.h"
#include "lib/observe/rss.h"

#define KB 1024ull
#define MB (1024 * KB)

static void test_held_back(void **state)
{
	static const struct {
		uint64_t cpus;
		uint64_t bytes; /* of 4 KiB pages */
	} cases[] = {
		{ 1, 128 * KB },   { 2, 256 * KB },    { 8, 1 * MB },
		{ 16, 2 * MB },	   { 17, 2312 * KB },  { 64, 32 * MB },
		{ 256, 512 * MB }, { 512, 2048 * MB }, { 4096, 128 * 1024 * MB },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(pf_rss_held_back_pages(cases[i].cpus) * 4096, cases[i].bytes);
}

static void test_parts_are_added_where_it_matters(void **state)
{
	struct pf_rss_plan plan = pf_rss_plan(PF_RSS_AUTO, 8, 8, 4096);

	(void)state;
	assert_int_equal(plan.sum_cpus, 0); /* 1 MB does not exceed 1 MB */
	assert_int_equal(plan.held_back_pages, 256);
	plan = pf_rss_plan(PF_RSS_AUTO, 9, 16, 4096);
	assert_int_equal(plan.sum_cpus, 16); /* CPUs that are off may come */
	assert_int_equal(plan.sum_pages, 2560);
	plan = pf_rss_plan(PF_RSS_AUTO, 512, 512, 4096);
	assert_int_equal(plan.sum_cpus, 512);
	assert_int_equal(plan.held_back_pages * 4096, 2048 * MB);
	/* Pages of 64 KiB: two CPUs hold back 4 MB. */
	plan = pf_rss_plan(PF_RSS_AUTO, 2, 2, 65536);
	assert_int_equal(plan.sum_cpus, 2);
	assert_int_equal(plan.sum_pages, 160);
}

static void test_ways_to_insist_on(void **state)
{
	struct pf_rss_plan plan = pf_rss_plan(PF_RSS_PERCPU, 2, 2, 4096);

	(void)state;
	assert_int_equal(plan.sum_cpus, 2);
	assert_int_equal(plan.sum_pages, 0); /* every process */
	assert_int_equal(pf_rss_plan(PF_RSS_CENTRAL, 64, 64, 4096).sum_cpus, 0);
	assert_int_equal(pf_rss_plan(PF_RSS_CENTRAL, 64, 64, 4096).held_back_pages * 4096, 32 * MB);
}

static void test_what_cannot_be_added(void **state)
{
	(void)state;
	assert_int_equal(pf_rss_plan(PF_RSS_AUTO, 64, 0, 4096).sum_cpus, 0);
	assert_int_equal(pf_rss_plan(PF_RSS_PERCPU, 2, 0, 4096).sum_cpus, 0);
	assert_int_equal(pf_rss_plan(PF_RSS_AUTO, 4096, PF_SUM_CPUS_MAX, 4096).sum_cpus,
			 PF_SUM_CPUS_MAX);
	assert_int_equal(pf_rss_plan(PF_RSS_AUTO, 4096, PF_SUM_CPUS_MAX + 1, 4096).sum_cpus, 0);
}

static void test_lists_of_cpus(void **state)
{
	static const struct {
		const char *list;
		uint32_t cpus;
	} cases[] = {
		{ "0\n", 1 },
		{ "0-1\n", 2 },
		{ "0-511", 512 },
		{ "0-3,8-11\n", 0 },
		{ "1-3\n", 0 },
		{ "", 0 },
		{ "\n", 0 },
		{ "0-\n", 0 },
		{ "0-x\n", 0 },
		{ "0-4294967295\n", 0 },
		{ "0-99999999999999999999\n", 0 },
		{ "0-4294967294\n", 4294967295u },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(pf_rss_count_cpus(cases[i].list, strlen(cases[i].list)),
				 cases[i].cpus);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_held_back),
		cmocka_unit_test(test_parts_are_added_where_it_matters),
		cmocka_unit_test(test_ways_to_insist_on),
		cmocka_unit_test(test_what_cannot_be_added),
		cmocka_unit_test(test_lists_of_cpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
