/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs run for their output: what they say, how they end, and that they end. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/base/child.h"
#include "lib/base/error.h"
#include "lib/base/spawn.h"

static struct pf_child *sh(const char *script, double limit_s)
{
	const char *argv[] = { "sh", "-c", script, NULL };
	const struct pf_child_order order = {
		.path = "/bin/sh", .argv = argv, .out = -1, .limit_s = limit_s
	};
	struct pf_error err = { 0 };
	struct pf_child *c = pf_child__start(&order, &err);

	assert_string_equal(err.text, "");
	assert_non_null(c);
	return c;
}

static void check_words(const struct pf_child *c, const char *wanted)
{
	char words[64];

	pf_child__words(c, words, sizeof(words));
	assert_string_equal(words, wanted);
}

static void test_output(void **state)
{
	struct pf_child *c = sh("echo out; echo err >&2; printf 'a\\0b'", 60);

	(void)state;
	assert_true(pf_child__wait(c, 60));
	assert_true(pf_child__succeeded(c));
	assert_string_equal(pf_child__output(c), "out\nerr\na b");
	pf_child__free(c);
}

static void test_status(void **state)
{
	struct pf_child *c = sh("exit 3", 60);

	(void)state;
	assert_true(pf_child__wait(c, 60));
	assert_false(pf_child__succeeded(c));
	check_words(c, "exit status 3");
	pf_child__free(c);
	c = sh("kill -ABRT $$", 60);
	assert_true(pf_child__wait(c, 60));
	check_words(c, "killed by signal 6");
	pf_child__free(c);
}

/* Nothing of ours: no environment, no signal that is ignored here. */
static void test_clean(void **state)
{
	struct pf_child *c;

	(void)state;
	setenv("PF_SECRET", "word", 1);
	c = sh("echo \"<$PF_SECRET>\"; read x || echo end", 60);
	assert_true(pf_child__wait(c, 60));
	assert_string_equal(pf_child__output(c), "<>\nend\n");
	pf_child__free(c);
}

/* Before it has a process group of its own, too. */
static void test_killed_at_once(void **state)
{
	char *const argv[] = { (char *)"sleep", (char *)"600", NULL };
	char *const envp[] = { NULL };
	const struct pf_spawn order = {
		.path = "/bin/sleep", .argv = argv, .envp = envp, .fds = { -1, -1, -1 }
	};

	(void)state;
	for (int i = 0; i < 100; i++) {
		pid_t pid = pf_spawn(&order);
		int status = 0;

		assert_true(pid > 0);
		pf_spawn_kill(pid);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
	}
}

static void test_too_much(void **state)
{
	struct pf_child *c = sh("dd if=/dev/zero bs=4096 count=500 2>/dev/null", 60);

	(void)state;
	assert_true(pf_child__wait(c, 60));
	assert_true(pf_child__succeeded(c));
	assert_int_equal(strlen(pf_child__output(c)), PF_CHILD_OUTPUT_MAX);
	pf_child__free(c);
}

/* With what it started: else the pipe would stay open. */
static void test_overdue(void **state)
{
	struct pf_child *c = sh("sleep 1000 & echo begun; wait", 0.05);

	(void)state;
	assert_true(pf_child__wait(c, 60));
	assert_false(pf_child__succeeded(c));
	check_words(c, "killed: it took too long");
	pf_child__free(c);
}

static void test_impatient(void **state)
{
	struct pf_child *c = sh("sleep 1000", 60);

	(void)state;
	assert_false(pf_child__wait(c, 0.01));
	assert_false(pf_child__poll(c));
	check_words(c, "not ended");
	pf_child__kill(c);
	assert_true(pf_child__wait(c, 60));
	check_words(c, "killed by signal 9");
	pf_child__free(c);
	pf_child__free(NULL);
}

static void test_missing(void **state)
{
	const char *argv[] = { "x", NULL };
	const struct pf_child_order order = {
		.path = "/nonexistent/x", .argv = argv, .out = -1, .limit_s = 1
	};
	struct pf_error err = { 0 };

	(void)state;
	assert_null(pf_child__start(&order, &err));
	assert_string_equal(err.text, "cannot run /nonexistent/x: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_output),	  cmocka_unit_test(test_status),
		cmocka_unit_test(test_clean),	  cmocka_unit_test(test_killed_at_once),
		cmocka_unit_test(test_too_much),  cmocka_unit_test(test_overdue),
		cmocka_unit_test(test_impatient), cmocka_unit_test(test_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
