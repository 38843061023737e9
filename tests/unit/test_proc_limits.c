/* SPDX-License-Identifier: BSD-2-Clause */
/* The tightest limit, on the trees of a v2 machine and of a container on a v1 machine. */
#include "tests/unit/test_proc.h"

#include <errno.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/proc/limits.h"
#include "lib/proc/machine.h"

#define MIB (1024LL * 1024)

static const struct pf_machine roomy = {
	.mem_total_bytes = 64LL << 30,
	.mem_available_bytes = 32LL << 30,
	.swap_total_bytes = 8LL << 30,
	.swap_free_bytes = 4LL << 30,
};

static void check(const char *root, pid_t pid, const struct pf_machine *machine, int64_t limit,
		  int64_t headroom, const char *source)
{
	char proc[PATH_MAX];
	struct pf_limits *l;
	struct pf_limit got;

	snprintf(proc, sizeof(proc), "%s/proc", root);
	l = pf_limits__open(proc, root, NULL);
	assert_non_null(l);
	assert_int_equal(pf_limits__read(l, pid, machine, &got), 0);
	assert_string_equal(got.source, source);
	assert_int_equal(got.limit_bytes, limit);
	assert_int_equal(got.headroom_bytes, headroom);
	pf_limits__close(l);
}

static void ancestor_v2(void **state)
{
	(void)state;
	/* 256 MiB - 200 MiB + 20 MiB + 10 MiB of file cache */
	check(TEST_DATA "v2", 10, &roomy, 256 * MIB, 86 * MIB,
	      "cgroup /kubepods.slice/pod a memory.max");
}

static void container_v1(void **state)
{
	(void)state;
	/* the mount's root is the container; 512 - 384 + 32 + 16 MiB of the subtree */
	check(TEST_DATA "v1", 20, &roomy, 512 * MIB, 176 * MIB,
	      "cgroup /docker/aaaa memory.limit_in_bytes");
}

static void flat_v1(void **state)
{
	(void)state;
	/* its parent's 4 KiB do not count what children use */
	check(TEST_DATA "v1", 21, &roomy, 1024 * MIB, 512 * MIB,
	      "cgroup /docker/aaaa/flat/leaf memory.limit_in_bytes");
}

static void not_visible(void **state)
{
	(void)state;
	check(TEST_DATA "v1", 22, &roomy, 72LL << 30, 36LL << 30, "MemAvailable+SwapFree");
	check(TEST_DATA "v2", 13, &roomy, 72LL << 30, 36LL << 30, "MemAvailable+SwapFree");
}

static void rlimit(void **state)
{
	(void)state;
	/* RLIMIT_AS 2,048,000 - 1,024,000; RLIMIT_DATA 1,024,000 - 819,200 */
	check(TEST_DATA "v2", 11, &roomy, 1024000, 204800, "RLIMIT_DATA");
}

static void whole_machine(void **state)
{
	struct pf_machine m = roomy;

	(void)state;
	check(TEST_DATA "v2", 12, &m, 72LL << 30, 36LL << 30, "MemAvailable+SwapFree");
	m.swap_free_bytes = PF_UNKNOWN;
	check(TEST_DATA "v2", 12, &m, 64LL << 30, 32LL << 30, "MemAvailable");
	/* a dead process holds no memory that its own limits could stop */
	check(TEST_DATA "v2", 15, &roomy, 72LL << 30, 36LL << 30, "MemAvailable+SwapFree");
}

static void over_limit(void **state)
{
	(void)state;
	check(TEST_DATA "v2", 14, &roomy, MIB, 0, "cgroup /over.slice memory.max");
}

static void nothing_known(void **state)
{
	struct pf_limits *l = pf_limits__open(TEST_DATA "v2/proc", TEST_DATA "v2", NULL);
	struct pf_error err = { 0 };
	struct pf_limit got;

	(void)state;
	assert_non_null(l);
	assert_int_equal(pf_limits__read(l, 12, NULL, &got), -ENODATA);
	assert_true(got.limit_bytes == PF_UNKNOWN && got.headroom_bytes == PF_UNKNOWN);
	assert_string_equal(got.source, "");
	assert_int_equal(pf_limits__read(l, 99, &roomy, &got), -ESRCH);
	assert_true(got.headroom_bytes == PF_UNKNOWN);
	pf_limits__close(l);
	assert_null(pf_limits__open(TEST_DATA "nowhere", NULL, &err));
	assert_int_equal(err.code, ENOENT);
	pf_limits__close(NULL);
}

static void put_group(const struct tree *t, const char *limit, const char *high)
{
	tree_put(t, "proc/self/mountinfo", "1 1 0:1 / /cg rw - cgroup2 none rw\n");
	tree_put(t, "proc/1/status", "VmSize:\t102400 kB\nVmData:\t51200 kB\n");
	tree_put(t, "proc/1/cgroup", "0::/a/b\n");
	tree_put_bytes(t, "proc/1/cmdline", "java\0x", 7);
	tree_put(t, "proc/1/limits",
		 "Max address space 1073741824 unlimited bytes\n"
		 "Max data size unlimited unlimited bytes\n");
	tree_put(t, "cg/a/memory.max", limit);
	tree_put(t, "cg/a/b/memory.max", "max\n");
	tree_put(t, "cg/a/b/memory.high", high);
	tree_put(t, "cg/a/memory.current", "104857600\n");
	tree_put(t, "cg/a/b/memory.current", "83886080\n");
	tree_put(t, "cg/a/memory.stat", "active_file 10485760\n");
}

/* Budget and ceiling of process 1 in `t`. */
static void around(const struct tree *t, struct pf_budget *budget, struct pf_ceiling *ceiling)
{
	char proc[PATH_MAX];
	struct pf_limits *l = pf_limits__open(tree_path(t, "proc", proc), t->root, NULL);
	struct pf_limit got;

	assert_non_null(l);
	assert_int_equal(pf_limits__read(l, 1, &roomy, &got), 0);
	*budget = got.budget;
	pf_limits__ceiling(l, 1, &roomy, ceiling);
	pf_limits__close(l);
}

static void set_from_outside(void **state)
{
	static const struct {
		const char *limit, *high; /* of the ancestor, of its own cgroup */
		int64_t mb, left_mb;
		const char *source;
		int64_t heap_mb;
	} cases[] = {
		{ "536870912\n", "max\n", 512, 512 - 100 + 10, "memory.max", 128 },
		{ "536870912\n", "268435456\n", 256, 256 - 80, "memory.high", 128 },
		{ "max\n", "268435456\n", 256, 256 - 80, "memory.high", PF_UNKNOWN },
		{ "max\n", "max\n", 1024, 1024 - 100, "RLIMIT_AS", PF_UNKNOWN },
		/* 40 GiB of the machine's 64 are a limit, but no small part that it was given */
		{ "42949672960\n", "max\n", 1024, 1024 - 100, "RLIMIT_AS", 512 },
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		struct pf_ceiling ceiling;
		struct pf_budget budget;
		struct tree t;

		tree_make(&t);
		put_group(&t, cases[i].limit, cases[i].high);
		around(&t, &budget, &ceiling);
		assert_int_equal(budget.bytes, cases[i].mb * MIB);
		assert_int_equal(budget.left_bytes, cases[i].left_mb * MIB);
		assert_string_equal(budget.source, cases[i].source);
		assert_int_equal(ceiling.bytes == PF_UNKNOWN ? PF_UNKNOWN : ceiling.bytes / MIB,
				 cases[i].heap_mb);
		tree_remove(&t);
	}
}

/* Of the whole machine nothing was set for anybody. */
static void no_budget(void **state)
{
	static const struct pf_machine small = { .mem_total_bytes = 800 * MIB,
						 .mem_available_bytes = 700 * MIB };
	struct pf_limits *l = pf_limits__open(TEST_DATA "v2/proc", TEST_DATA "v2", NULL);
	struct pf_limit got;

	(void)state;
	assert_non_null(l);
	assert_int_equal(pf_limits__read(l, 12, &roomy, &got), 0);
	assert_int_equal(got.budget.bytes, 0);
	assert_int_equal(pf_limits__read(l, 10, NULL, &got), 0);
	assert_int_equal(got.budget.bytes, 0);
	assert_int_equal(pf_limits__read(l, 10, &roomy, &got), 0);
	assert_int_equal(got.budget.bytes, 256 * MIB);
	assert_int_equal(pf_limits__read(l, 10, &small, &got), 0);
	assert_int_equal(got.budget.bytes, 256 * MIB);
	pf_limits__close(l);
}

/* One limit at the root, as many cgroups below it as asked for. */
static void put_deep(const struct tree *t, int depth)
{
	char path[1024] = "";
	char text[sizeof(path) + 32];

	for (int i = 0; i < depth; i++)
		strcat(path, "/0123456789");
	tree_put(t, "proc/self/mountinfo", "1 1 0:1 / /cg rw - cgroup2 none rw\n");
	tree_put(t, "proc/1/status", "VmSize:\t100 kB\n");
	snprintf(text, sizeof(text), "0::%s\n", path);
	tree_put(t, "proc/1/cgroup", text);
	tree_put(t, "cg/memory.max", "1000\n");
	tree_put(t, "cg/memory.current", "400\n");
	snprintf(text, sizeof(text), "cg%s/memory.max", path);
	tree_put(t, text, "900\n");
	snprintf(text, sizeof(text), "cg%s/memory.current", path);
	tree_put(t, text, "1\n");
}

static void deep(void **state)
{
	struct tree t;

	(void)state;
	tree_make(&t);
	put_deep(&t, PF_LIMITS_ANCESTORS - 1);
	check(t.root, 1, NULL, 1000, 600, "cgroup / memory.max");
	tree_remove(&t);
}

static void too_deep(void **state)
{
	char proc[PATH_MAX];
	struct pf_limits *l;
	struct pf_limit got;
	struct tree t;

	(void)state;
	tree_make(&t);
	put_deep(&t, PF_LIMITS_ANCESTORS + 10);
	l = pf_limits__open(tree_path(&t, "proc", proc), t.root, NULL);
	assert_non_null(l);
	assert_int_equal(pf_limits__read(l, 1, NULL, &got), 0);
	/* the root is out of reach, and of the long name both ends are kept */
	assert_int_equal(got.limit_bytes, 900);
	assert_true(strlen(got.source) < PF_LIMIT_SOURCE_LEN);
	assert_int_equal(strncmp(got.source, "cgroup /0123456789/", 19), 0);
	assert_non_null(strstr(got.source, "..."));
	assert_non_null(strstr(got.source, "0123456789 memory.max"));
	pf_limits__close(l);
	tree_remove(&t);
}

static void garbage(void **state)
{
	static const char *const files[] = { "proc/1/status",  "proc/1/limits",
					     "proc/1/cgroup",  "cg/memory.max",
					     "cg/memory.stat", "proc/self/mountinfo" };
	char bytes[4096];
	unsigned int seed = 1;
	struct pf_limits *l;
	struct pf_limit got;
	char proc[PATH_MAX];
	struct tree t;

	(void)state;
	tree_make(&t);
	for (int round = 0; round < 50; round++) {
		put_deep(&t, 0);
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (char)rand_r(&seed);
		tree_put_bytes(&t, files[round % 6], bytes, (size_t)rand_r(&seed) % sizeof(bytes));
		l = pf_limits__open(tree_path(&t, "proc", proc), t.root, NULL);
		assert_non_null(l);
		if (pf_limits__read(l, 1, &roomy, &got) == 0)
			assert_true(got.headroom_bytes >= 0 && got.source[0]);
		pf_limits__close(l);
	}
	tree_remove(&t);
}

static void put_program(const struct tree *t, int pid, const char *exe, const char *line,
			size_t len)
{
	char name[64], path[PATH_MAX];

	snprintf(name, sizeof(name), "%d/cmdline", pid);
	tree_put_bytes(t, name, line, len);
	snprintf(name, sizeof(name), "%d/exe", pid);
	assert_int_equal(symlink(exe, tree_path(t, name, path)), 0);
}

#define LINE(s) s, sizeof(s)

static void kinds(void **state)
{
	struct pf_limits *l;
	struct tree t;
	uint64_t app;

	(void)state;
	tree_make(&t);
	tree_put_bytes(&t, "self/mountinfo", "", 0);
	put_program(&t, 10, "/usr/bin/python3.11", LINE("python3\0app.py"));
	put_program(&t, 11, "/usr/bin/python3.11", LINE("python3\0app.py"));
	put_program(&t, 12, "/usr/bin/python3.11", LINE("python3\0other.py"));
	put_program(&t, 13, "/opt/bin/python3.11", LINE("python3\0app.py"));
	put_program(&t, 14, "/usr/bin/python3.11", LINE(""));
	tree_put_bytes(&t, "15/cmdline", "python3", 8);
	l = pf_limits__open(t.root, NULL, NULL);
	assert_non_null(l);
	app = pf_limits__kind(l, 10, "/docker/0a1b");
	assert_true(app != 0);
	assert_true(pf_limits__kind(l, 11, "/docker/77fe") == app); /* another container */
	assert_true(pf_limits__kind(l, 11, "/podman/0a1b") != app);
	assert_true(pf_limits__kind(l, 11, NULL) != app);
	assert_true(pf_limits__kind(l, 12, "/docker/0a1b") != app);
	assert_true(pf_limits__kind(l, 13, "/docker/0a1b") != app);
	assert_true(pf_limits__kind(l, 14, "/docker/0a1b") != app);
	assert_true(pf_limits__kind(l, 15, "/docker/0a1b") == 0); /* its executable is not told */
	assert_true(pf_limits__kind(l, 16, "/docker/0a1b") == 0); /* gone */
	pf_limits__close(l);
	tree_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ancestor_v2), cmocka_unit_test(container_v1),
		cmocka_unit_test(flat_v1),     cmocka_unit_test(not_visible),
		cmocka_unit_test(rlimit),      cmocka_unit_test(whole_machine),
		cmocka_unit_test(over_limit),  cmocka_unit_test(nothing_known),
		cmocka_unit_test(deep),	       cmocka_unit_test(too_deep),
		cmocka_unit_test(garbage),     cmocka_unit_test(kinds),
		cmocka_unit_test(no_budget),   cmocka_unit_test(set_from_outside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
