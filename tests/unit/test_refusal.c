/* SPDX-License-Identifier: BSD-2-Clause */
/* Refusals: what is said for every reason that is known, and that nothing else is. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "lib/base/caps.h"
#include "lib/base/cleanup.h"
#include "lib/observe/refusal.h"
#include "tests/unit/test_proc.h"

#define LOAD	  (PF_CAP(BPF) | PF_CAP(PERFMON))
#define OWN_WORDS "-vv shows the kernel's own words"

/* A process that has what it needs, on a machine without anything in the way. */
static struct pf_refusal plain(uint64_t needs, uint64_t caps)
{
	return (struct pf_refusal){
		.needs = needs,
		.caps = caps,
		.known = (UINT64_C(1) << 41) - 1,
		.perf_paranoid = 2,
		.open_files = -1,
		.memlock_bytes = -1,
	};
}

static void check(struct pf_refusal r, int code, const char *words)
{
	char out[256];

	assert_string_equal(pf_refusal_words(&r, code, out, sizeof(out)), words);
}

static void test_missing_capabilities(void **state)
{
	(void)state;
	check(plain(LOAD, 0), EPERM, "needs CAP_PERFMON and CAP_BPF, or root");
	check(plain(LOAD, 0), EACCES, "needs CAP_PERFMON and CAP_BPF, or root");
	check(plain(LOAD, PF_CAP(BPF) | PF_CAP(CHOWN)), EPERM,
	      "needs CAP_PERFMON and CAP_BPF, has CAP_BPF only");
	check(plain(LOAD, PF_CAP(PERFMON)), EPERM,
	      "needs CAP_PERFMON and CAP_BPF, has CAP_PERFMON only");
	check(plain(PF_CAP(SYS_ADMIN), LOAD), EPERM, "needs CAP_SYS_ADMIN");
	check(plain(PF_CAP(PERFMON) | PF_CAP(DAC_READ_SEARCH), LOAD), EACCES,
	      "needs CAP_DAC_READ_SEARCH and CAP_PERFMON, has CAP_PERFMON only");
}

static void test_sys_admin_stands_for_both(void **state)
{
	(void)state;
	check(plain(LOAD, PF_CAP(SYS_ADMIN)), EPERM, OWN_WORDS);
}

static void test_kernel_before_cap_bpf(void **state)
{
	struct pf_refusal r = plain(LOAD, 0);

	(void)state;
	r.known = (UINT64_C(1) << 38) - 1;
	check(r, EPERM, "needs CAP_SYS_ADMIN");
}

static void test_nothing_known(void **state)
{
	(void)state;
	check(plain(LOAD, LOAD), EPERM, OWN_WORDS);
	check(plain(LOAD, LOAD), EINVAL, OWN_WORDS);
	check(plain(LOAD, 0), EINVAL, OWN_WORDS);
}

static void test_other_reasons(void **state)
{
	struct pf_refusal r = plain(LOAD, LOAD);

	(void)state;
	r.inner_userns = true;
	r.seccomp = true; /* would come too late */
	check(r, EPERM, "capabilities of an inner user namespace do not count for this");
	r = plain(LOAD, LOAD);
	r.confidential = true;
	check(r, EPERM, "lockdown=confidentiality may forbid it");
	check(r, EINVAL, "lockdown=confidentiality may forbid it");
	r.seccomp = true;
	check(r, EPERM,
	      "lockdown=confidentiality may forbid it; a seccomp filter is in force and may forbid it");
	check(r, ENOSYS, "not in this kernel, or hidden by the seccomp filter in force");
	check(plain(LOAD, LOAD), ENOSYS, "this kernel was built without it");
	r = plain(LOAD, LOAD);
	r.memlock_bytes = 65536;
	check(r, EPERM, "RLIMIT_MEMLOCK is 64.0K, which may be too little before Linux 5.11");
	check(r, EACCES, OWN_WORDS);
	r.memlock_bytes = 8 << 20;
	check(r, EPERM, OWN_WORDS);
	r.open_files = 20;
	check(r, EMFILE, "the limit of open files is 20: raise it with ulimit -n");
	check(r, EINVAL, "the limit of open files is 20: raise it with ulimit -n");
}

static void test_perf_paranoid_is_for_perf(void **state)
{
	struct pf_refusal r = plain(PF_CAP(PERFMON), LOAD);

	(void)state;
	check(r, EACCES, OWN_WORDS);
	r.perf_paranoid = 3;
	check(r, EACCES, "kernel.perf_event_paranoid is 3, which may ask for CAP_SYS_ADMIN");
	r.needs = LOAD;
	check(r, EACCES, OWN_WORDS);
}

static void test_things_that_are_not_there(void **state)
{
	struct pf_refusal r = plain(LOAD, LOAD);

	(void)state;
	check(r, ESRCH, "this kernel lacks BTF or one of the things asked for");
	check(r, ENOENT, "this kernel lacks BTF or one of the things asked for");
	r.no_sys = true;
	check(r, ESRCH, "BTF is read from /sys, which is not mounted");
}

static void test_short_space(void **state)
{
	struct pf_refusal r = plain(LOAD, 0);
	char out[12];

	(void)state;
	assert_string_equal(pf_refusal_words(&r, EPERM, out, sizeof(out)), "needs CAP_P");
}

static void look(const struct tree *t, struct pf_refusal *r)
{
	pf_refusal_look(r, LOAD, t->root, t->root);
}

static void user_namespace(const struct tree *t, const char *target)
{
	char path[PATH_MAX];

	unlink(tree_path(t, "self/ns/user", path));
	assert_int_equal(symlink(target, path), 0);
}

static void test_nothing_to_look_at(void **state)
{
	struct pf_refusal r;
	struct tree t;

	(void)state;
	tree_make(&t);
	look(&t, &r);
	assert_true(r.no_sys);
	assert_false(r.seccomp || r.confidential || r.inner_userns);
	assert_int_equal(r.perf_paranoid, -1);
	tree_remove(&t);
}

static void test_looking_around(void **state)
{
	struct pf_refusal r;
	struct tree t;

	(void)state;
	tree_make(&t);
	tree_put(&t, "self/status", "Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1\n");
	tree_put(&t, "sys/kernel/perf_event_paranoid", "3\n");
	tree_put(&t, "kernel/security/lockdown", "none integrity [confidentiality]\n");
	tree_put(&t, "self/ns/x", "");
	user_namespace(&t, "user:[4026532200]");
	look(&t, &r);
	assert_true(r.seccomp && r.confidential && r.inner_userns && !r.no_sys);
	assert_int_equal(r.perf_paranoid, 3);
	tree_put(&t, "self/status", "Name:\tx\nSeccomp:\t0\n");
	tree_put(&t, "kernel/security/lockdown", "none [integrity] confidentiality\n");
	user_namespace(&t, "user:[4026531837]");
	look(&t, &r);
	assert_false(r.seccomp || r.confidential || r.inner_userns);
	assert_true(r.known & PF_CAP(CHOWN));
	tree_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_missing_capabilities),
		cmocka_unit_test(test_sys_admin_stands_for_both),
		cmocka_unit_test(test_kernel_before_cap_bpf),
		cmocka_unit_test(test_nothing_known),
		cmocka_unit_test(test_other_reasons),
		cmocka_unit_test(test_perf_paranoid_is_for_perf),
		cmocka_unit_test(test_things_that_are_not_there),
		cmocka_unit_test(test_short_space),
		cmocka_unit_test(test_nothing_to_look_at),
		cmocka_unit_test(test_looking_around),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
