/* SPDX-License-Identifier: BSD-2-Clause */
/* Hostile names: every character, every bad byte, every buffer that is too small. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <locale.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#define FFFD "\xef\xbf\xbd"

/* RFC 3629, written down a second time. */
static size_t encode(char out[5], uint32_t c)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned char first[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(first[n] | c);
	out[n] = '\0';
	return n;
}

static void test_utf8_keeps_every_character(void **state)
{
	(void)state;
	for (uint32_t c = 1; c <= 0x10ffff; c++) {
		char in[5], out[16];

		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		encode(in, c);
		assert_string_equal(pf_text_utf8(out, sizeof(out), in), in);
	}
}

static void test_utf8_replaces(void **state)
{
	static const struct {
		const char *in;
		const char *out;
	} cases[] = {
		{ "", "" },
		{ "\x80", FFFD },
		{ "a\xff"
		  "b",
		  "a" FFFD "b" },
		{ "\xc3", FFFD },			     /* cut off */
		{ "\xe2\x82", FFFD FFFD },		     /* cut off */
		{ "\xe2\x82z", FFFD FFFD "z" },		     /* broken off */
		{ "\xc0\xaf", FFFD FFFD },		     /* overlong '/' */
		{ "\xe0\x80\xaf", FFFD FFFD FFFD },	     /* overlong '/' */
		{ "\xf0\x80\x80\xaf", FFFD FFFD FFFD FFFD }, /* overlong '/' */
		{ "\xed\xa0\x80", FFFD FFFD FFFD },	     /* surrogate */
		{ "\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD }, /* above U+10FFFF */
		{ "\xf8\x88\x80\x80\x80", FFFD FFFD FFFD FFFD FFFD },
		{ "\xfe\xff", FFFD FFFD },
		{ "\xc3\xa4\xc3", "\xc3\xa4" FFFD },
		{ "\x1b[31m\n", "\x1b[31m\n" }, /* valid, if not nice */
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		char out[64];

		assert_string_equal(pf_text_utf8(out, sizeof(out), cases[i].in), cases[i].out);
	}
}

static void test_printable(void **state)
{
	static const struct {
		const char *in;
		const char *printable;
		const char *label;
	} cases[] = {
		{ "plain name", "plain name", "plain name" },
		{ "a\nb\tc\rd", "a\\nb\\tc\\rd", "a\nb\\tc\\rd" },
		{ "a\\nb", "a\\\\nb", "a\\nb" },
		{ "\x1b[2J\x07\x7f", "\\x1b[2J\\x07\\x7f", "\\x1b[2J\\x07\\x7f" },
		{ "\x01", "\\x01", "\\x01" },
		{ "\xc2\x9b"
		  "31m", /* C1's one-character CSI */
		  "\\u009b31m", "\\u009b31m" },
		{ "\xe2\x80\xae"
		  "txt.exe", /* right-to-left override */
		  "\\u202etxt.exe", "\\u202etxt.exe" },
		{ "\xe2\x81\xa6", "\\u2066", "\\u2066" },
		{ "\xe2\x80\xa8\xe2\x80\xa9", "\\u2028\\u2029", "\\u2028\\u2029" },
		{ "\xe2\x80\x8b", "\\u200b", "\\u200b" },
		{ "\xef\xbb\xbf", "\\ufeff", "\\ufeff" },
		{ "\xf3\xa0\x81\x81", "\\ue0041", "\\ue0041" }, /* invisible tag letter */
		{ "\x9b\xff", FFFD FFFD, FFFD FFFD },
		{ "h\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "h\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		  "h\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "\"'$(x)", "\"'$(x)", "\"'$(x)" },
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		char out[128];

		assert_string_equal(pf_text_printable(out, sizeof(out), cases[i].in),
				    cases[i].printable);
		assert_string_equal(pf_text_label(out, sizeof(out), cases[i].in), cases[i].label);
	}
}

/* Bytes from a fixed seed, more often special than not; never NUL. */
static void random_bytes(char *dst, size_t len, unsigned int *seed)
{
	static const char special[] =
		"\\\n\x1b\x80\xbf\xc0\xc2\xe2\x80\xae\xed\xa0\xf0\x90\xf4\xff";

	for (size_t i = 0; i < len; i++) {
		int r = rand_r(seed);

		if (r % 2)
			dst[i] = special[(size_t)(r / 2) % (sizeof(special) - 1)];
		else
			dst[i] = (char)(1 + r / 2 % 255);
	}
	dst[len] = '\0';
}

static void assert_valid_utf8(const char *s)
{
	json_t *text = json_string(s); /* jansson's check is not ours */

	assert_non_null(text);
	json_decref(text);
}

static void assert_no_controls(const char *s, const char *but)
{
	for (; *s; s++)
		assert_true(((unsigned char)*s >= 0x20 && *s != 0x7f) || strchr(but, *s));
}

static void test_random_bytes_become_harmless(void **state)
{
	char in[33], out[32 * PF_TEXT_GROWTH + 1], again[2 * sizeof(out)];
	unsigned int seed = 1;

	(void)state;
	for (int i = 0; i < 50000; i++) {
		random_bytes(in, (size_t)(i % 33), &seed);
		assert_valid_utf8(pf_text_utf8(out, sizeof(out), in));
		assert_valid_utf8(pf_text_printable(out, sizeof(out), in));
		assert_no_controls(out, "");
		assert_valid_utf8(pf_text_label(out, sizeof(out), in));
		assert_no_controls(out, "\n");
		assert_string_equal(pf_text_label(again, sizeof(again), out), out);
	}
}

/* PF_TEXT_GROWTH is what callers size their buffers by: nothing may be lost in them. */
static void test_growth_is_enough(void **state)
{
	char in[33], small[32 * PF_TEXT_GROWTH + 1], large[1024];
	unsigned int seed = 2;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		random_bytes(in, 32, &seed);
		pf_text_printable(small, sizeof(small), in);
		assert_string_equal(pf_text_printable(large, sizeof(large), in), small);
		pf_text_utf8(small, sizeof(small), in);
		assert_string_equal(pf_text_utf8(large, sizeof(large), in), small);
	}
}

typedef char *transform(char *dst, size_t size, const char *src);

/* In every size: terminated, nothing written behind it, a prefix cut between characters. */
static void check_sizes(transform *fn, const char *in)
{
	char whole[256];

	fn(whole, sizeof(whole), in);
	for (size_t size = 0; size <= strlen(whole) + 1; size++) {
		char out[256];

		memset(out, 'Z', sizeof(out));
		assert_ptr_equal(fn(out, size, in), out);
		assert_int_equal(out[size], 'Z');
		if (size == 0)
			continue;
		assert_true(strlen(out) < size);
		assert_memory_equal(out, whole, strlen(out));
		assert_valid_utf8(out);
		if (size == strlen(whole) + 1)
			assert_string_equal(out, whole);
	}
}

static void test_small_buffers(void **state)
{
	static const char in[] = "a\xc3\xa4\xe2\x82\xac\n\x1b\xff\\\xe2\x80\xae\xf0\x9f\x98\x80z";

	(void)state;
	check_sizes(pf_text_utf8, in);
	check_sizes(pf_text_printable, in);
	check_sizes(pf_text_label, in);
}

static void test_width(void **state)
{
	(void)state;
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	assert_int_equal(pf_text_width(""), 0);
	assert_int_equal(pf_text_width("abc"), 3);
	assert_int_equal(pf_text_width("h\xc3\xa4llo"), 5);
	assert_int_equal(pf_text_width("\xe6\x97\xa5\xe6\x9c\xac"), 4); /* two wide ones */
	assert_int_equal(pf_text_width("e\xcc\x81"), 1);		/* combining accent */
	assert_non_null(setlocale(LC_CTYPE, "C"));
	assert_int_equal(pf_text_width("abc"), 3);
	assert_int_equal(pf_text_width("h\xc3\xa4llo"), 5);
	assert_int_equal(pf_text_width("\xff\xfe"), 2);
}

static void test_fit(void **state)
{
	static const struct {
		const char *in;
		size_t columns;
		const char *out;
	} cases[] = {
		{ "hello", 5, "hello" },
		{ "hello", 9, "hello" },
		{ "hello", 4, "hel+" },
		{ "hello", 1, "+" },
		{ "hello", 0, "" },
		{ "", 0, "" },
		{ "h", 1, "h" },
		{ "h\xc3\xa4ll\xc3\xb6", 5, "h\xc3\xa4ll\xc3\xb6" },
		{ "h\xc3\xa4ll\xc3\xb6", 3, "h\xc3\xa4+" },
		{ "\xe6\x97\xa5\xe6\x9c\xac", 4, "\xe6\x97\xa5\xe6\x9c\xac" },
		{ "\xe6\x97\xa5\xe6\x9c\xac", 3, "\xe6\x97\xa5+" },
		{ "\xe6\x97\xa5\xe6\x9c\xac", 2, "+" }, /* half a character is none */
		{ "ae\xcc\x81", 2, "ae\xcc\x81" },
	};

	(void)state;
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		char out[64];

		assert_string_equal(pf_text_fit(out, sizeof(out), cases[i].in, cases[i].columns),
				    cases[i].out);
		strcpy(out, cases[i].in); /* in place */
		assert_string_equal(pf_text_fit(out, sizeof(out), out, cases[i].columns),
				    cases[i].out);
	}
}

static void test_fit_small_buffer(void **state)
{
	char out[8];

	(void)state;
	memset(out, 'Z', sizeof(out));
	assert_string_equal(pf_text_fit(out, 4, "hello", 80), "he+");
	assert_int_equal(out[4], 'Z');
	assert_string_equal(pf_text_fit(out, 4, "h\xc3\xa4\xc3\xa4", 80), "h+");
	assert_string_equal(pf_text_fit(out, 2, "hello", 80), "+");
	assert_string_equal(pf_text_fit(out, 1, "hello", 80), "");
	out[0] = 'Z';
	assert_ptr_equal(pf_text_fit(out, 0, "hello", 80), out);
	assert_int_equal(out[0], 'Z');
}

static void test_glob(void **state)
{
	(void)state;
	for (int utf8 = 0; utf8 < 2; utf8++) {
		assert_non_null(setlocale(LC_CTYPE, utf8 ? "C.UTF-8" : "C"));
		assert_true(pf_text_glob("java", "java"));
		assert_false(pf_text_glob("java", "javac"));
		assert_true(pf_text_glob("java*", "javac"));
		assert_true(pf_text_glob("[a-c]?", "bx"));
		assert_true(pf_text_glob("*", ""));
		assert_true(pf_text_glob("*", "a/b")); /* names are no paths */
		assert_true(pf_text_glob("a\\*", "a*"));
		assert_false(pf_text_glob("a\\*", "ab"));
		assert_true(pf_text_glob("*", "a\xff\xfe"));
		assert_true(pf_text_glob("a*z", "a\xffz"));
		assert_false(pf_text_glob("b*", "a\xff"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf8_keeps_every_character),
		cmocka_unit_test(test_utf8_replaces),
		cmocka_unit_test(test_printable),
		cmocka_unit_test(test_random_bytes_become_harmless),
		cmocka_unit_test(test_growth_is_enough),
		cmocka_unit_test(test_small_buffers),
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_fit),
		cmocka_unit_test(test_fit_small_buffer),
		cmocka_unit_test(test_glob),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
