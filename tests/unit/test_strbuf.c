/* SPDX-License-Identifier: BSD-2-Clause */
/* The string buffer: growing, formatting across the edge, failing without a mess. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdint.h>
#include <string.h>

#include "lib/base/strbuf.h"

static void test_empty(void **state)
{
	struct pf_strbuf b = PF_STRBUF_INIT;

	(void)state;
	assert_null(b.data);
	pf_strbuf_adds(&b, "");
	pf_strbuf_addmem(&b, "x", 0);
	pf_strbuf_addf(&b, "%s", "");
	assert_int_equal(b.len, 0);
	assert_false(b.failed);
	pf_strbuf_reset(&b);
	pf_strbuf_free(&b);
	pf_strbuf_free(&b); /* twice does no harm */
}

static void test_append(void **state)
{
	struct pf_strbuf b = PF_STRBUF_INIT;

	(void)state;
	pf_strbuf_addch(&b, 'a');
	pf_strbuf_adds(&b, "bc");
	pf_strbuf_addmem(&b, "de\0f", 4);
	pf_strbuf_addf(&b, "%d%s", 12, "gh");
	assert_int_equal(b.len, 11);
	assert_memory_equal(b.data, "abcde\0f12gh", 12); /* with the NUL behind */
	pf_strbuf_free(&b);
	assert_null(b.data);
	assert_int_equal(b.len, 0);
}

/* Each way to append, at each distance from the end of the memory. */
static void test_growth(void **state)
{
	(void)state;
	for (size_t before = 240; before < 270; before++) {
		struct pf_strbuf b = PF_STRBUF_INIT;

		for (size_t i = 0; i < before; i++)
			pf_strbuf_addch(&b, 'x');
		pf_strbuf_addf(&b, "%s", "0123456789");
		pf_strbuf_adds(&b, "0123456789");
		assert_int_equal(b.len, before + 20);
		assert_int_equal(strlen(b.data), b.len);
		assert_true(b.len < b.cap);
		assert_string_equal(b.data + before, "01234567890123456789");
		pf_strbuf_free(&b);
	}
}

static void test_large(void **state)
{
	struct pf_strbuf b = PF_STRBUF_INIT;

	(void)state;
	for (int i = 0; i < 100000; i++)
		pf_strbuf_adds(&b, "0123456789");
	assert_int_equal(b.len, 1000000);
	assert_int_equal(strlen(b.data), 1000000);
	pf_strbuf_free(&b);
}

static void test_reset_keeps_memory(void **state)
{
	struct pf_strbuf b = PF_STRBUF_INIT;
	char *data;

	(void)state;
	pf_strbuf_adds(&b, "abc");
	data = b.data;
	pf_strbuf_reset(&b);
	assert_int_equal(b.len, 0);
	assert_string_equal(b.data, "");
	pf_strbuf_adds(&b, "d");
	assert_ptr_equal(b.data, data);
	assert_string_equal(b.data, "d");
	pf_strbuf_free(&b);
}

static void test_failure_sticks(void **state)
{
	struct pf_strbuf b = PF_STRBUF_INIT;

	(void)state;
	pf_strbuf_adds(&b, "abc");
	pf_strbuf_addmem(&b, "never read", SIZE_MAX);
	assert_true(b.failed);
	pf_strbuf_adds(&b, "def");
	pf_strbuf_addch(&b, 'g');
	pf_strbuf_addf(&b, "%d", 1);
	assert_string_equal(b.data, "abc");
	assert_int_equal(b.len, 3);
	pf_strbuf_reset(&b);
	assert_false(b.failed);
	pf_strbuf_adds(&b, "h");
	assert_string_equal(b.data, "h");
	pf_strbuf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_append),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_reset_keeps_memory),
		cmocka_unit_test(test_failure_sticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
