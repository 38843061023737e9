/* SPDX-License-Identifier: BSD-2-Clause */
/* Capabilities in words, the choice of the least, and giving up, each in a child of its own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/caps.h"
#include "lib/base/cleanup.h"

static void test_words(void **state)
{
	static const struct {
		uint64_t caps;
		const char *words;
	} cases[] = {
		{ 0, "none" },
		{ PF_CAP(CHOWN), "CAP_CHOWN" },
		{ PF_CAP(PERFMON) | PF_CAP(BPF), "CAP_PERFMON and CAP_BPF" },
		{ PF_CAP(BPF) | PF_CAP(SYS_PTRACE) | PF_CAP(PERFMON),
		  "CAP_SYS_PTRACE, CAP_PERFMON and CAP_BPF" },
		{ UINT64_C(1) << 63, "CAP_63" },
	};
	char out[128];

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++)
		assert_string_equal(pf_caps_words(cases[i].caps, out, sizeof(out)), cases[i].words);
	assert_string_equal(pf_caps_words(PF_CAP(BPF) | PF_CAP(PERFMON), out, 16),
			    "CAP_PERFMON and");
}

static bool third_time(void *ctx)
{
	return ++*(int *)ctx == 3;
}

static bool never(void *ctx)
{
	++*(int *)ctx;
	return false;
}

static void test_least(void **state)
{
	const uint64_t sets[] = { 0, 1, 2, 4 };
	uint64_t before = pf_caps_effective();
	int calls = 0;

	(void)state;
	assert_int_equal(pf_caps_least(sets, 4, third_time, &calls), 2);
	assert_int_equal(calls, 3);
	calls = 0;
	assert_int_equal(pf_caps_least(sets, 4, never, &calls), 4);
	assert_int_equal(calls, 3);
	assert_int_equal(pf_caps_effective(), before);
}

/* With sanitizers the child must not look for leaks of its parent: _exit. */
static int in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Without privileges little is there to give up; tests/bats does it with them. */
static int give_up(void)
{
	if (pf_caps_keep(0))
		return 1;
	if (pf_caps_effective() || pf_caps_permitted())
		return 2;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 3;
}

static int keep_what_is_not_there(void)
{
	uint64_t had = pf_caps_permitted();

	if (pf_caps_keep(PF_CAP(BPF) | PF_CAP(PERFMON)))
		return 1;
	return pf_caps_permitted() & ~had ? 2 : 0;
}

static int use_what_is_not_there(void)
{
	uint64_t had = pf_caps_permitted();

	if (pf_caps_use(PF_CAP(BPF)))
		return 1;
	return pf_caps_effective() & ~had ? 2 : 0;
}

static void test_giving_up(void **state)
{
	(void)state;
	assert_int_equal(in_child(give_up), 0);
	assert_int_equal(in_child(keep_what_is_not_there), 0);
	assert_int_equal(in_child(use_what_is_not_there), 0);
}

static void test_own_file_gives_nothing(void **state)
{
	(void)state;
	assert_false(pf_caps_from_file());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_least),
		cmocka_unit_test(test_giving_up),
		cmocka_unit_test(test_own_file_gives_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
