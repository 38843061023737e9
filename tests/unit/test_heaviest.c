/* SPDX-License-Identifier: BSD-2-Clause */
/* The heaviest stacks of a recording, and the function they point to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/error.h"
#include "lib/record/sample.h"
#include "lib/stack/heaviest.h"

static int memory;

static int setup(void **state)
{
	(void)state;
	memory = memfd_create("recording", 0);
	return memory < 0;
}

static int teardown(void **state)
{
	(void)state;
	return close(memory);
}

/* Frames are names, root first, with a blank between them; "lib:f" is one of libc's. */
static void record(int64_t bytes, const char *kept, const char *frames)
{
	char names[4096], *rest = names, *name;
	const char *comma = "";

	snprintf(names, sizeof(names), "%s", frames);
	dprintf(memory,
		"{\"v\":1,\"type\":\"stack\",\"ts\":1,\"pid\":1,\"start_ts\":1,\"comm\":\"x\","
		"\"bytes\":%jd,\"kept_bytes\":%s,\"frames\":[",
		(intmax_t)bytes, kept);
	while ((name = strsep(&rest, " "))) {
		const char *lib = strncmp(name, "lib:", 4) ? "" : ",\"module\":\"/x/libc.so.6\"";

		dprintf(memory, "%s{\"symbol\":\"%s\",\"file\":\"%s.c\",\"line\":%zu%s}", comma,
			*lib ? name + 4 : name, name, strlen(name), lib);
		comma = ",";
	}
	dprintf(memory, "]}\n");
}

static struct pf_heaviest heaviest(void)
{
	struct pf_error err = { 0 };
	struct pf_heaviest h;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
	assert_int_equal(pf_heaviest_read(path, &h, &err), 0);
	return h;
}

static void assert_site(const char *function, const char *file)
{
	struct pf_heaviest h = heaviest();

	assert_string_equal(h.site.function, function);
	assert_string_equal(h.site.file, file);
	pf_heaviest_free(&h);
}

static void test_order(void **state)
{
	struct pf_heaviest h;

	(void)state;
	for (int i = 0; i < 20; i++)
		record(100 + i, "null", "main f");
	record(50, "20", "main old");
	record(500, "0", "main young");
	dprintf(memory, "nonsense\n");
	h = heaviest();
	assert_int_equal(h.n_top, PF_HEAVIEST);
	assert_string_equal(h.top[0].frames, "main;old");
	assert_string_equal(h.top[1].frames, "main;young");
	assert_int_equal(h.top[2].bytes, 119);
	assert_int_equal(h.stacks, 22);
	assert_int_equal(h.skipped, 1);
	assert_int_equal(h.bytes, 20 * 100 + 190 + 550);
	pf_heaviest_free(&h);
}

static void test_libraries_and_allocators_are_not_it(void **state)
{
	(void)state;
	record(100, "null", "main serve demo_alloc lib:calloc lib:_int_malloc");
	assert_site("serve", "serve.c");
}

static void test_what_all_call_is_not_it(void **state)
{
	(void)state;
	record(100, "80", "main leak obtain lib:malloc");
	record(500, "20", "main well obtain lib:malloc");
	assert_site("leak", "leak.c");
}

static void test_two_callers_that_share_it(void **state)
{
	(void)state;
	record(100, "50", "main one obtain lib:malloc");
	record(100, "49", "main two obtain lib:malloc");
	assert_site("obtain", "obtain.c");
}

static void test_nothing_to_tell(void **state)
{
	struct pf_heaviest h;

	(void)state;
	record(100, "null", "lib:start lib:malloc");
	assert_site("", "");
	assert_int_equal(ftruncate(memory, 0), 0);
	h = heaviest();
	assert_int_equal(h.stacks, 0);
	assert_int_equal(h.site.line, PF_UNKNOWN);
	pf_heaviest_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_libraries_and_allocators_are_not_it, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_what_all_call_is_not_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_callers_that_share_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_to_tell, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
