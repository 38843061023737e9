/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages: one line each, levels obeyed, nothing in them that a terminal obeys. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"

static char text[16384];

/* What a call writes to stderr, in `text`. */
#define CAPTURE(call)                                                                              \
	do {                                                                                       \
		int saved_fd = dup(STDERR_FILENO);                                                 \
		FILE *tmp = tmpfile();                                                             \
		assert_non_null(tmp);                                                              \
		assert_true(dup2(fileno(tmp), STDERR_FILENO) >= 0);                                \
		call;                                                                              \
		dup2(saved_fd, STDERR_FILENO);                                                     \
		close(saved_fd);                                                                   \
		rewind(tmp);                                                                       \
		text[fread(text, 1, sizeof(text) - 1, tmp)] = '\0';                                \
		fclose(tmp);                                                                       \
	} while (0)

static void test_levels(void **state)
{
	(void)state;
	assert_int_equal(pf_log_level(), PF_LOG_WARN);
	CAPTURE(pf_info("not shown"));
	assert_string_equal(text, "");
	CAPTURE(pf_warn("number %d", 7));
	assert_string_equal(text, "test_log: number 7\n");
	pf_log_set_level(PF_LOG_DEBUG);
	CAPTURE(pf_debug("shown now"));
	assert_string_equal(text, "test_log: shown now\n");
	pf_log_set_level(PF_LOG_WARN);
}

static void test_hostile(void **state)
{
	(void)state;
	CAPTURE(pf_err("name '%s'", "a\nb\x1b[31m\xff"));
	assert_string_equal(text, "test_log: name 'a\\nb\\x1b[31m\xef\xbf\xbd'\n");
	CAPTURE(pf_err("libbpf's own newline\n"));
	assert_string_equal(text, "test_log: libbpf's own newline\n");
}

static void test_long(void **state)
{
	char name[5000];

	(void)state;
	memset(name, '\x01', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	CAPTURE(pf_err("%s", name));
	assert_int_equal(strlen(text), strlen("test_log: ") + 2044 * 4 + strlen("...\n"));
	assert_string_equal(text + strlen(text) - 8, "\\x01...\n");
}

static void test_errno_survives(void **state)
{
	(void)state;
	errno = EXDEV;
	CAPTURE(errno = EXDEV; pf_err("x"); assert_int_equal(errno, EXDEV));
}

static void test_clocks(void **state)
{
	uint64_t before = pf_boottime_ns();

	(void)state;
	usleep(2000);
	assert_true(pf_boottime_ns() - before >= 2000000);
	assert_true(pf_realtime_s() > 1577836800); /* 2020 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels), cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_long),   cmocka_unit_test(test_errno_survives),
		cmocka_unit_test(test_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
