/* SPDX-License-Identifier: BSD-2-Clause */
/* Functions in a child: what they answer, and how their crashes and hangs are told. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/isolate.h"
#include "lib/observe/trial.h"

static void answer(void *ctx)
{
	*(int *)ctx = 42;
	fprintf(stderr, "first\nlast\n");
}

static void crash(void *ctx)
{
	*(int *)ctx = 1;
	raise(SIGKILL);
}

/* So does its child: both hold the pipe. */
static void hang(void *ctx)
{
	(void)ctx;
	(void)!fork();
	for (;;)
		pause();
}

static void talk(void *ctx)
{
	(void)ctx;
	for (int i = 0; i < 20000; i++)
		fprintf(stderr, "line %d\n", i);
}

static void test_ends(void **state)
{
	int *shared = pf_isolate_shared(sizeof(*shared));
	struct pf_isolated end;

	(void)state;
	assert_non_null(shared);
	assert_true(pf_isolate(answer, shared, 30, &end));
	assert_int_equal(*shared, 42);
	assert_string_equal(end.log, "first\nlast\n");
	assert_int_equal(end.signal, 0);
	assert_false(pf_isolate(crash, shared, 30, &end));
	assert_int_equal(*shared, 1);
	assert_int_equal(end.signal, SIGKILL);
	assert_false(end.late);
	assert_false(pf_isolate(hang, shared, 0.2, &end));
	assert_true(end.late);
	pf_isolate_unshare(shared, sizeof(*shared));
}

/* The one does not wait for the other, nor hold what the other holds. */
static void test_beside_each_other(void **state)
{
	int *shared = pf_isolate_shared(2 * sizeof(*shared));
	struct pf_isolating first, second, none = { 0 };
	struct pf_isolated end;

	(void)state;
	assert_non_null(shared);
	pf_isolate_start(&first, hang, shared);
	pf_isolate_start(&second, answer, shared + 1);
	assert_true(pf_isolate_finish(&second, 30, &end));
	assert_int_equal(shared[1], 42);
	assert_false(pf_isolate_finish(&first, 0, &end));
	assert_true(end.late);
	none.error = EMFILE;
	none.from = -1;
	assert_false(pf_isolate_finish(&none, 1, &end));
	assert_int_equal(end.error, EMFILE);
	pf_isolate_unshare(shared, 2 * sizeof(*shared));
}

static void test_log_is_bounded(void **state)
{
	struct pf_isolated end;

	(void)state;
	assert_true(pf_isolate(talk, NULL, 60, &end));
	assert_true(strlen(end.log) < sizeof(end.log));
	assert_int_equal(strncmp(end.log, "line ", 5), 0);
	assert_non_null(strstr(end.log, "line 19999\n"));
}

static void check_words(const char *log, const char *wanted)
{
	char words[200];

	pf_trial_kernel_words(log, words, sizeof(words));
	assert_string_equal(words, wanted);
}

static void test_kernel_words(void **state)
{
	(void)state;
	check_words("pfdiag: libbpf: extern (func ksym) 'f': func_proto [5] incompatible with "
		    "kernel [36]\npfdiag: libbpf: failed to load object 'o'\n",
		    "extern (func ksym) 'f': func_proto [5] incompatible with kernel [36]");
	check_words("", "");
	check_words("pfdiag: libbpf: map 'x': created successfully, fd=5\n", "");
	check_words("pfdiag: libbpf: prog 'a': BPF program load failed: Operation not permitted\n"
		    "pfdiag: libbpf: prog 'a': failed to load: -1\n",
		    "prog 'a': BPF program load failed: Operation not permitted");
	check_words("pfdiag: libbpf: prog 'a': BPF program load failed: Invalid argument\n"
		    "pfdiag: libbpf: prog 'a': -- BEGIN PROG LOAD LOG --\n"
		    "pfdiag: 0: R1=ctx() R10=fp0\n"
		    "pfdiag: R1 invalid mem access 'scalar'\n"
		    "pfdiag: processed 3 insns (limit 1000000)\n"
		    "pfdiag: -- END PROG LOAD LOG --\n",
		    "prog 'a': BPF program load failed: Invalid argument; "
		    "R1 invalid mem access 'scalar'");
	check_words(
		"pfdiag: libbpf: Error in bpf_object__probe_loading():Operation not "
		"permitted(1). Couldn't load trivial BPF program. Make sure your kernel is new\n",
		"Error in bpf_object__probe_loading():Operation not permitted(1). Couldn't load "
		"trivial BPF program");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_beside_each_other),
		cmocka_unit_test(test_log_is_bounded),
		cmocka_unit_test(test_kernel_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
