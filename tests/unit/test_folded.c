/* SPDX-License-Identifier: BSD-2-Clause */
/* Folded stacks as a profiler writes them, and as nobody should. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/record/folded.h"

static struct pf_folded folded(const char *text, size_t len)
{
	struct pf_folded out;
	FILE *f = fmemopen((void *)text, len, "r");

	assert_non_null(f);
	assert_int_equal(pf_folded_read(f, &out), 0);
	fclose(f);
	return out;
}

#define FOLDED(text) folded(text, sizeof(text) - 1)

static void test_heaviest_first(void **state)
{
	struct pf_folded f = FOLDED("a;main;x 5\na;main;y 70\na;main;z 6\n"
				    "a;1 1\na;2 2\na;3 300\na;4 4\na;last 40");

	(void)state;
	assert_int_equal(f.stacks, 8);
	assert_int_equal(f.bytes, 428);
	assert_int_equal(f.skipped, 0);
	assert_int_equal(f.n_top, PF_FOLDED_TOP);
	assert_string_equal(f.top[0].frames, "3");
	assert_string_equal(f.top[1].frames, "main;y");
	assert_string_equal(f.top[2].frames, "last");
	assert_int_equal(f.top[2].bytes, 40);
	assert_string_equal(f.top[3].frames, "main;z");
	assert_string_equal(f.top[4].frames, "main;x");
	pf_folded_free(&f);
}

/* Frames of C++ have blanks and semicolons' neighbours; names may be any bytes. */
static void test_names(void **state)
{
	struct pf_folded f = FOLDED("a b;operator new(unsigned long);\xff\x1b[2J 7\n");

	(void)state;
	assert_int_equal(f.stacks, 1);
	assert_string_equal(f.top[0].frames, "operator new(unsigned long);\xff\x1b[2J");
	pf_folded_free(&f);
}

static void test_other_lines(void **state)
{
	struct pf_folded f = FOLDED("\n \nno stack\na;b\na;b x\na;b -1\na;b 1.5\n;b 1\na; 1\n"
				    "a;b 99999999999999999999\na;b 9223372036854775807\na;b 1\n"
				    "a;\0b 1\n");

	(void)state;
	/* ";b 1" has no name of its process, which is no harm */
	assert_int_equal(f.stacks, 2);
	assert_int_equal(f.skipped, 11);
	pf_folded_free(&f);
	f = FOLDED("\n");
	assert_int_equal(f.stacks + f.n_top, 0);
	pf_folded_free(&f);
}

static void test_long_lines(void **state)
{
	const size_t len = 3 * PF_FOLDED_LINE_MAX;
	char *text = malloc(len + 1);
	struct pf_folded f;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', len);
	memcpy(text, "a;", 2);
	memcpy(text + len - 15, " 5\na;short 9\n\n\n", 15);
	f = folded(text, len);
	assert_int_equal(f.stacks, 1);
	assert_string_equal(f.top[0].frames, "short");
	pf_folded_free(&f);
	/* the longest that is taken */
	memset(text, 'x', len);
	memcpy(text, "a;", 2);
	memcpy(text + PF_FOLDED_LINE_MAX - 2, " 5\n", 3);
	f = folded(text, PF_FOLDED_LINE_MAX + 1);
	assert_int_equal(f.stacks, 1);
	pf_folded_free(&f);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heaviest_first),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_other_lines),
		cmocka_unit_test(test_long_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
