/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose /proc it is, and whether it hides. */
#include "tests/unit/test_proc.h"

#include "lib/base/cleanup.h"
#include "lib/proc/view.h"

static void self_is(const struct tree *t, const char *target)
{
	char path[PATH_MAX];

	unlink(tree_path(t, "self", path));
	assert_int_equal(symlink(target, path), 0);
}

static void test_whose(void **state)
{
	struct tree t;
	char pid[16];

	(void)state;
	tree_make(&t);
	assert_int_equal(pf_proc_view(t.root), PF_PROC_NONE);
	tree_put(&t, "stat", "cpu 1\n");
	assert_int_equal(pf_proc_view(t.root), PF_PROC_OTHERS); /* we have no pid there */
	snprintf(pid, sizeof(pid), "%d", getpid());
	self_is(&t, pid);
	assert_int_equal(pf_proc_view(t.root), PF_PROC_OURS);
	snprintf(pid, sizeof(pid), "%d", getpid() + 1);
	self_is(&t, pid);
	assert_int_equal(pf_proc_view(t.root), PF_PROC_OTHERS);
	tree_remove(&t);
}

static bool hides(const struct tree *t, const char *options, const char *point)
{
	char mounts[3 * PATH_MAX];

	snprintf(mounts, sizeof(mounts),
		 "sysfs /sys sysfs rw,relatime 0 0\n"
		 "proc %s proc rw,hidepid=2 0 0\n"
		 "proc %s proc %s 0 0\n"
		 "proc /elsewhere proc rw,hidepid=2 0 0\n",
		 point, point, options);
	tree_put(t, "self/mounts", mounts);
	return pf_proc_hides(t->root);
}

static void test_hidden(void **state)
{
	static const char *const hidden[] = { "rw,hidepid=1", "rw,hidepid=2,gid=5",
					      "rw,hidepid=invisible", "rw,hidepid=noaccess",
					      "rw,hidepid=ptraceable" };
	static const char *const open[] = { "rw", "rw,hidepid=0", "rw,hidepid=off", "rw,gid=5" };
	struct tree t;

	(void)state;
	tree_make(&t);
	assert_false(pf_proc_hides(t.root));
	for (size_t i = 0; i < PF_ARRAY_SIZE(hidden); i++)
		assert_true(hides(&t, hidden[i], t.root));
	for (size_t i = 0; i < PF_ARRAY_SIZE(open); i++)
		assert_false(hides(&t, open[i], t.root));
	assert_false(hides(&t, "rw,hidepid=2", "/somewhere"));
	tree_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whose),
		cmocka_unit_test(test_hidden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
