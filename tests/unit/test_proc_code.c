/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program's bytes tell: this test's own program, and such as enemies would make. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/proc/code.h"

static unsigned char *own_program(size_t *len)
{
	int fd = open("/proc/self/exe", O_RDONLY);
	unsigned char *copy;
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	*len = (size_t)st.st_size;
	copy = malloc(*len);
	assert_non_null(copy);
	for (size_t at = 0; at < *len;) {
		ssize_t n = read(fd, copy + at, *len - at);

		assert_true(n > 0);
		at += (size_t)n;
	}
	close(fd);
	return copy;
}

/* Unit tests are built with -fno-omit-frame-pointer. */
static void test_own_program(void **state)
{
	struct pf_code code;
	size_t len;
	unsigned char *elf = own_program(&len);

	(void)state;
	pf_code_look(&code, elf, len);
	assert_true(code.elf);
	assert_true(code.parts & PF_CODE_EH_FRAME);
	assert_true(code.parts & PF_CODE_SYMTAB);
	assert_false(code.parts & PF_CODE_GO);
	assert_true(code.functions > 5);
	assert_true(code.framed <= code.functions);
	assert_true(2 * code.framed > code.functions);
	free(elf);
}

/* Each prefix, and each with bytes of its heads turned over: no crash, no nonsense. */
static void test_damaged(void **state)
{
	struct pf_code code;
	size_t len;
	unsigned char *elf = own_program(&len);

	(void)state;
	for (size_t n = 0; n < len; n = n * 3 / 2 + 1) {
		unsigned char *part = malloc(n + 1);

		memcpy(part, elf, n);
		pf_code_look(&code, part, n);
		assert_true(code.framed <= code.functions && code.functions <= PF_CODE_FUNCTIONS);
		free(part);
	}
	for (size_t i = 16; i < 64 + 13 * sizeof(Elf64_Phdr) && i < len; i++) {
		unsigned char old = elf[i];

		elf[i] ^= 0xff;
		pf_code_look(&code, elf, len);
		assert_true(code.framed <= code.functions && code.functions <= PF_CODE_FUNCTIONS);
		elf[i] = old;
	}
	free(elf);
}

static void test_no_program(void **state)
{
	struct pf_code code;

	(void)state;
	pf_code_look(&code, "#!/bin/sh\n", 10);
	assert_false(code.elf);
	pf_code_look(&code, NULL, 0);
	assert_false(code.elf);
}

static void test_words(void **state)
{
	char words[96];

	(void)state;
	assert_string_equal(pf_code_parts(0, words, sizeof(words)), "-");
	assert_int_equal(pf_code_parts_of("-"), 0);
	for (unsigned int bits = 0; bits < 1u << 7; bits++)
		assert_int_equal(pf_code_parts_of(pf_code_parts(bits, words, sizeof(words))), bits);
	assert_int_equal(pf_code_parts_of("debug_infox,xsymtab"), 0);
	assert_string_equal(pf_code_parts(~0u, words, 5), "eh_f");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_program),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_no_program),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
