/* SPDX-License-Identifier: BSD-2-Clause */
/* What cgroup paths tell, which line of /proc/PID/cgroup is believed, and the cache of names. */
#include "tests/unit/test_proc.h"

#include <errno.h>

#include "lib/proc/cgpath.h"
#include "lib/proc/cgroup.h"

#define ID  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2 "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define UID "12345678-9abc-def0-1234-56789abcdef0"
#define UI_ "12345678_9abc_def0_1234_56789abcdef0"
#define MD5 "0123456789abcdef0123456789abcdef"

struct path_case {
	const char *path;
	const char *runtime;
	const char *container;
	const char *pod;
};

static void check_paths(const struct path_case *cases, size_t n)
{
	struct pf_cgroup_parts parts;

	for (size_t i = 0; i < n; i++) {
		pf_parse_cgroup_path(cases[i].path, strlen(cases[i].path), &parts);
		if (strcmp(parts.runtime, cases[i].runtime) ||
		    strcmp(parts.container, cases[i].container) || strcmp(parts.pod, cases[i].pod))
			fail_msg("%s: runtime '%s' container '%s' pod '%s'", cases[i].path,
				 parts.runtime, parts.container, parts.pod);
	}
}

#define CHECK_PATHS(cases) check_paths(cases, sizeof(cases) / sizeof((cases)[0]))

static void docker(void **state)
{
	static const struct path_case cases[] = {
		{ "/docker/" ID, "docker", ID, "" },
		{ "/docker/" ID "/", "docker", ID, "" },
		{ "/docker/" ID "/init.scope", "docker", ID, "" },
		{ "/docker/" ID "/system.slice/nginx.service", "docker", ID, "" },
		{ "/docker/" ID "/docker/" ID2, "docker", ID2, "" },
		{ "/system.slice/docker-" ID ".scope", "docker", ID, "" },
		{ "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" ID ".scope",
		  "docker", ID, "" },
		{ "/../../docker-" ID ".scope", "docker", ID, "" },
		/* a parent of the user's choice: whose id this is, the path does not say */
		{ "/my parent/" ID, "", ID, "" },
		{ "/system.slice/docker.service", "systemd", "docker.service", "" },
	};

	(void)state;
	CHECK_PATHS(cases);
}

static void podman(void **state)
{
	static const struct path_case cases[] = {
		{ "/machine.slice/libpod-" ID ".scope", "podman", ID, "" },
		{ "/machine.slice/libpod-" ID ".scope/container", "podman", ID, "" },
		{ "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope",
		  "podman", ID, "" },
		{ "/libpod_parent/libpod-" ID, "podman", ID, "" },
		{ "/libpod_parent/" ID, "podman", ID, "" },
		{ "/system.slice/app.service/libpod-payload-" ID, "podman", ID, "" },
		{ "/machine.slice/machine-libpod_pod_" ID2 ".slice/libpod-" ID ".scope", "podman",
		  ID, ID2 },
		{ "/machine.slice/machine-libpod_pod_" ID2 ".slice", "podman", "", ID2 },
		{ "/machine.slice/libpod-conmon-" ID ".scope", "systemd",
		  "libpod-conmon-" ID ".scope", "" },
	};

	(void)state;
	CHECK_PATHS(cases);
}

static void kubernetes(void **state)
{
	static const struct path_case cases[] = {
		{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UI_
		  ".slice/cri-containerd-" ID ".scope",
		  "containerd", ID, UID },
		{ "/kubepods.slice/kubepods-pod" UI_ ".slice/crio-" ID ".scope", "cri-o", ID, UID },
		{ "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UI_
		  ".slice/docker-" ID ".scope",
		  "docker", ID, UID },
		{ "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" MD5
		  ".slice/crio-" ID ".scope/container",
		  "cri-o", ID, MD5 },
		{ "/kubepods/burstable/pod" UID "/" ID, "kubepods", ID, UID },
		{ "/kubepods/pod" UID "/crio-" ID, "cri-o", ID, UID },
		{ "/kubepods/pod" MD5 "/" ID "/init.scope", "kubepods", ID, MD5 },
		{ "/kubepods/pod" UID, "kubepods", "", UID },
		{ "/kubepods.slice/kubepods-pod" UI_ ".slice", "kubepods", "", UID },
		/* conmon is in the pod, not in the container */
		{ "/kubepods.slice/kubepods-pod" UI_ ".slice/crio-conmon-" ID ".scope", "kubepods",
		  "", UID },
		{ "/system.slice/containerd.service/kubepods-burstable-pod" UI_
		  ".slice:cri-containerd:" ID,
		  "containerd", ID, UID },
		/* docker in a pod */
		{ "/kubepods/burstable/pod" UID "/" ID "/docker/" ID2, "docker", ID2, UID },
		/* a node that is itself a container */
		{ "/docker/" ID "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" UI_
		  ".slice/cri-containerd-" ID2 ".scope",
		  "containerd", ID2, UID },
		{ "/docker/" ID "/kubelet/kubepods/besteffort/pod" UID "/" ID2, "kubepods", ID2,
		  UID },
		{ "/k8s.io/" ID, "containerd", ID, "" },
		{ "/kubepods.slice/kubepods-pod12345678\\x2d9abc\\x2ddef0\\x2d1234\\x2d56789abcdef0"
		  ".slice/cri-containerd-" ID ".scope",
		  "containerd", ID, UID },
	};

	(void)state;
	CHECK_PATHS(cases);
}

static void others(void **state)
{
	static const struct path_case cases[] = {
		{ "/ecs/" UID "/" ID, "ecs", ID, "" },
		{ "/ecs/cluster/" MD5 "/" ID, "ecs", ID, "" },
		{ "/ecs/" MD5 "/" MD5 "-1234567890", "ecs", MD5 "-1234567890", "" },
		{ "/ecstasks.slice/ecstasks-" MD5 ".slice/docker-" ID ".scope", "docker", ID, "" },
		{ "/lxc/web", "lxc", "web", "" },
		{ "/lxc/101/ns/system.slice/nginx.service", "lxc", "101", "" },
		{ "/lxc/outer/lxc/inner", "lxc", "inner", "" },
		{ "/lxc.payload.web/system.slice/cron.service", "lxc", "web", "" },
		{ "/lxc.payload/web", "lxc", "web", "" },
		{ "/lxc.payload.web/docker/" ID, "docker", ID, "" },
		{ "/lxc.monitor.web", "", "", "" },
		{ "/garden/5b5e4a1c-aaaa-bbbb-cccc-dddd", "garden", "5b5e4a1c-aaaa-bbbb-cccc-dddd",
		  "" },
		{ "/system.slice/garden.service/garden/good/5b5e4a1c", "garden", "5b5e4a1c", "" },
		{ "/machine.slice/systemd-nspawn@web\\x2d1.service/payload/init.scope",
		  "systemd-nspawn", "web-1", "" },
	};

	(void)state;
	CHECK_PATHS(cases);
}

static void systemd(void **state)
{
	static const struct path_case cases[] = {
		{ "/", "", "", "" },
		{ "", "", "", "" },
		{ "/system.slice/nginx.service", "systemd", "nginx.service", "" },
		{ "/system.slice/system-getty.slice/getty@tty1.service", "systemd",
		  "getty@tty1.service", "" },
		{ "/system.slice/nginx.service/worker", "systemd", "nginx.service", "" },
		{ "/init.scope", "systemd", "init.scope", "" },
		{ "/user.slice/user-1000.slice/session-3.scope", "systemd", "session-3.scope", "" },
		{ "/user.slice/user-1000.slice/user@1000.service/app.slice/app-x\\x2d1.scope",
		  "systemd", "app-x\\x2d1.scope", "" },
		{ "/user.slice", "systemd", "user.slice", "" },
		{ "/user.slice/user-1000.slice", "systemd", "user-1000.slice", "" },
		{ "/system.slice/_memory.service", "systemd", "memory.service", "" },
		{ "/system.slice/dev-sda1.swap", "systemd", "dev-sda1.swap", "" },
		{ "/process_api/" MD5, "", "", "" },
		{ "/.service/.slice", "", "", "" },
	};

	(void)state;
	CHECK_PATHS(cases);
}

static void hostile_paths(void **state)
{
	static const struct path_case cases[] = {
		{ "/docker/with space", "", "", "" },
		{ "/docker/" ID "0", "", "", "" },
		{ "/docker/" ID2 "\xff", "", "", "" },
		{ "/docker/0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", "",
		  "", "" },
		{ "/a b/\x1b[31m.service", "systemd", "\x1b[31m.service", "" },
		{ "/kubepods/pod/" UID, "", "", "" },
		{ "/kubepods/pod" UID "x", "", "", "" },
		{ "/pod" UID "/x", "", "", "" },
		{ "/kubepods-pod.slice", "systemd", "kubepods-pod.slice", "" },
		{ "/kubepodsp.slice", "systemd", "kubepodsp.slice", "" },
		{ "/lxc.payload.", "", "", "" },
		{ "/lxc", "", "", "" },
		{ "//lxc//web//", "lxc", "web", "" },
		{ "/x\\x00y\\xzz\\x2", "", "", "" },
		{ "/systemd-nspawn@.service", "systemd", "systemd-nspawn@.service", "" },
		{ "/:", "", "", "" },
		{ "/ecs/" MD5 "-", "", "", "" },
		{ "/ecs/" MD5 "-12x", "", "", "" },
		{ "/..", "", "", "" },
	};

	(void)state;
	CHECK_PATHS(cases);
}

static void long_paths(void **state)
{
	struct pf_cgroup_parts parts;
	char path[PF_CGROUP_PATH_MAX + 2];

	(void)state;
	memset(path, 'x', sizeof(path));
	memcpy(path + sizeof(path) - 1 - strlen("/lxc/web"), "/lxc/web", strlen("/lxc/web"));
	pf_parse_cgroup_path(path, sizeof(path) - 1, &parts);
	assert_string_equal(parts.container, "");
	pf_parse_cgroup_path(path + 1, sizeof(path) - 2, &parts);
	assert_string_equal(parts.container, "web");
	/* 255 bytes is what a file system takes */
	memset(path, 'x', sizeof(path));
	memcpy(path, "/lxc/", 5);
	pf_parse_cgroup_path(path, 5 + 255, &parts);
	assert_int_equal(strlen(parts.container), 255);
	pf_parse_cgroup_path(path, 5 + 256, &parts);
	assert_string_equal(parts.runtime, "");
}

static void check_choice(const char *file, const char *expected)
{
	struct pf_cgroup_lines lines;
	struct pf_span path;

	pf_parse_cgroup_file(file, strlen(file), &lines);
	path = pf_cgroup_choose(&lines);
	if (!expected) {
		assert_null(path.p);
		return;
	}
	assert_non_null(path.p);
	if (!pf_span_is(path, expected))
		fail_msg("%.*s instead of %s", (int)pf_span_len(path), path.p, expected);
}

static void choice(void **state)
{
	(void)state;
	check_choice("0::/user.slice/a b\n", "/user.slice/a b");
	check_choice("0::/x (deleted)\n", "/x");
	check_choice("0::/..\n", "/..");
	check_choice("0::/a:b::c\n", "/a:b::c");
	check_choice("4:memory:/docker/x\n2:cpu:/docker/x\n0::/\n", "/docker/x");
	check_choice("4:hugetlb,memory:/docker/x\n0::/system.slice/docker.service\n", "/docker/x");
	check_choice("4:memory:/\n1:name=systemd:/system.slice/a.service\n0::/\n",
		     "/system.slice/a.service");
	check_choice("4:memory:/\n1:name=systemd:/b\n0::/a\n", "/a");
	check_choice("4:memory:/system.slice\n0::/system.slice/a.service\n",
		     "/system.slice/a.service");
	check_choice("4:memory:/system.slice\n0::/system.slices/a.service\n", "/system.slice");
	check_choice("4:memory:/\n3:pids:/p\n2:freezer:/p/q\n0::/\n", "/p/q");
	check_choice("3:memoryless:/m\n1:name=systemd:/s\n", "/s");
	check_choice("4:memory:/\n0::/\n", "/");
	check_choice("", NULL);
	check_choice("garbage\n0:\n:::\n0::relative\n::\n", NULL);
	check_choice("0::/cut", "/cut");
}

static void choice_long(void **state)
{
	char *file = malloc(2 * PF_CGROUP_PATH_MAX);
	int n;

	(void)state;
	assert_non_null(file);
	n = sprintf(file, "0::/%0*d\n1:pids:/x\n", PF_CGROUP_PATH_MAX, 0);
	assert_true(n > 0);
	check_choice(file, "/x");
	free(file);
}

/* ---- the cache ------------------------------------------------------------ */

static struct pf_cgroups_stats stats_of(const struct pf_cgroups *c)
{
	struct pf_cgroups_stats stats;

	pf_cgroups__stats(c, &stats);
	return stats;
}

static void named_once(void **state)
{
	const struct pf_cgroup_name *a, *b;
	struct pf_cgroups *c;
	struct tree t;

	(void)state;
	tree_make(&t);
	tree_put(&t, "10/cgroup", "0::/docker/" ID "\n");
	tree_put(&t, "11/cgroup", "0::/elsewhere\n");
	c = pf_cgroups__new(t.root, 0);
	assert_non_null(c);
	a = pf_cgroups__name(c, 5, 0, 10);
	assert_non_null(a);
	assert_string_equal(a->path, "/docker/" ID);
	assert_string_equal(a->container, ID);
	assert_string_equal(a->runtime, "docker");
	assert_null(a->pod);
	/* a member of the same cgroup is not asked */
	assert_ptr_equal(pf_cgroups__name(c, 5, 0, 11), a);
	assert_int_equal(stats_of(c).reads, 1);
	b = pf_cgroups__name(c, 5, 6, 11);
	assert_non_null(b);
	assert_string_equal(b->path, "/elsewhere");
	assert_null(b->container);
	assert_null(b->runtime);
	assert_ptr_equal(pf_cgroups__name(c, 5, 0, 10), a);
	pf_cgroups__sweep(c);
	assert_string_equal(pf_cgroups__name(c, 5, 0, 11)->container, ID);
	assert_int_equal(stats_of(c).reads, 2);
	pf_cgroups__free(c);
	tree_remove(&t);
}

static void asked_again_when_gone(void **state)
{
	struct pf_cgroups *c;
	struct tree t;

	(void)state;
	tree_make(&t);
	tree_put(&t, "11/cgroup", "0::/a\n");
	tree_put(&t, "12/cgroup", "nonsense\n");
	c = pf_cgroups__new(t.root, 0);
	assert_non_null(c);
	assert_null(pf_cgroups__name(c, 5, 0, 10));
	assert_null(pf_cgroups__name(c, 5, 0, 12));
	assert_string_equal(pf_cgroups__name(c, 5, 0, 11)->path, "/a");
	assert_string_equal(pf_cgroups__name(c, 5, 0, 10)->path, "/a");
	assert_int_equal(stats_of(c).gone, 1);
	pf_cgroups__free(c);
	tree_remove(&t);
}

static void without_ids(void **state)
{
	const struct pf_cgroup_name *a;
	struct pf_cgroups *c;
	struct tree t;

	(void)state;
	tree_make(&t);
	tree_put(&t, "10/cgroup", "4:memory:/a\n0::/\n");
	tree_put(&t, "11/cgroup", "4:memory:/a\n3:pids:/b\n0::/\n");
	c = pf_cgroups__new(t.root, 0);
	assert_non_null(c);
	a = pf_cgroups__name(c, 0, 0, 10);
	assert_non_null(a);
	assert_ptr_equal(pf_cgroups__name(c, 0, 0, 11), a);
	assert_int_equal(stats_of(c).entries, 1);
	/* it moves, and is followed */
	tree_put(&t, "11/cgroup", "4:memory:/b\n0::/\n");
	assert_string_equal(pf_cgroups__name(c, 0, 0, 11)->path, "/b");
	pf_cgroups__free(c);
	tree_remove(&t);
}

static void bounded(void **state)
{
	const struct pf_cgroup_name *names[4];
	struct pf_cgroups *c;
	char file[32], text[32];
	struct tree t;

	(void)state;
	tree_make(&t);
	for (int i = 1; i <= 9; i++) {
		snprintf(file, sizeof(file), "%d/cgroup", i);
		snprintf(text, sizeof(text), "0::/group%d\n", i);
		tree_put(&t, file, text);
	}
	c = pf_cgroups__new(t.root, 4);
	assert_non_null(c);
	for (int i = 0; i < 4; i++)
		names[i] = pf_cgroups__name(c, (uint64_t)i + 1, 0, i + 1);
	/* all in use: none may go */
	assert_null(pf_cgroups__name(c, 9, 0, 9));
	assert_int_equal(stats_of(c).overflow, 1);
	for (int i = 0; i < 4; i++)
		assert_int_equal(names[i]->path[6], '1' + i);
	pf_cgroups__sweep(c);
	assert_non_null(pf_cgroups__name(c, 1, 0, 1));
	assert_string_equal(pf_cgroups__name(c, 9, 0, 9)->path, "/group9");
	assert_int_equal(stats_of(c).entries, 4);
	/* the one unused for longest went, the one used since stays */
	assert_int_equal(stats_of(c).reads, 6);
	assert_non_null(pf_cgroups__name(c, 1, 0, 1));
	assert_non_null(pf_cgroups__name(c, 3, 0, 3));
	assert_int_equal(stats_of(c).reads, 6);
	assert_non_null(pf_cgroups__name(c, 2, 0, 2));
	assert_int_equal(stats_of(c).reads, 7);
	pf_cgroups__free(c);
	pf_cgroups__free(NULL);
	assert_null(pf_cgroups__new("/nonexistent/proc", 0));
	assert_int_equal(errno, ENOENT);
	tree_remove(&t);
}

static void put_mounts(const struct tree *t)
{
	char text[1024];

	snprintf(
		text, sizeof(text),
		"1 1 0:1 / %s/v2 rw - cgroup2 none rw\n2 1 0:2 / %s/memory rw - cgroup none rw,memory\n"
		"3 1 0:3 / %s/systemd rw - cgroup none rw,name=systemd\n",
		t->root, t->root, t->root);
	tree_put(t, "self/mountinfo", text);
}

static uint64_t inode_of(const struct tree *t, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	assert_int_equal(stat(tree_path(t, name, path), &st), 0);
	return st.st_ino;
}

/* A process that moved since the kernel was asked must not name the cgroup it left. */
static void moved_since(void **state)
{
	const struct pf_cgroup_name *name;
	struct pf_cgroups *c;
	uint64_t a, b, m;
	struct tree t;

	(void)state;
	tree_make(&t);
	put_mounts(&t);
	tree_put(&t, "v2/a/x", "");
	tree_put(&t, "v2/b/x", "");
	tree_put(&t, "memory/m/x", "");
	a = inode_of(&t, "v2/a");
	b = inode_of(&t, "v2/b");
	m = inode_of(&t, "memory/m");
	tree_put(&t, "10/cgroup", "0::/b\n");
	tree_put(&t, "11/cgroup", "0::/a\n");
	tree_put(&t, "12/cgroup", "3:memory:/m\n0::/b\n");
	tree_put(&t, "13/cgroup", "3:memory:/gone\n0::/b\n");
	c = pf_cgroups__new(t.root, 0);
	assert_non_null(c);
	assert_null(pf_cgroups__name(c, a, 0, 10));
	assert_int_equal(stats_of(c).moved, 1);
	name = pf_cgroups__name(c, a, 0, 11);
	assert_non_null(name);
	assert_string_equal(name->path, "/a");
	assert_ptr_equal(pf_cgroups__name(c, a, 0, 10), name);
	assert_string_equal(pf_cgroups__name(c, b, m, 12)->path, "/m");
	assert_null(pf_cgroups__name(c, b, m + 1, 12));
	assert_null(pf_cgroups__name(c, b, m + 1, 13));
	/* what the mounts cannot show is believed */
	tree_put(&t, "14/cgroup", "0::/../outside\n");
	assert_string_equal(pf_cgroups__name(c, 1, 0, 14)->path, "/../outside");
	pf_cgroups__free(c);
	tree_remove(&t);
}

/* v1 alone: units are in a hierarchy of which the kernel gives no id. */
static void units_apart(void **state)
{
	struct pf_cgroups *c;
	uint64_t docker_id, root_id;
	struct tree t;

	(void)state;
	tree_make(&t);
	put_mounts(&t);
	tree_put(&t, "v2/x", "");
	tree_put(&t, "memory/docker/" ID "/x", "");
	tree_put(&t, "systemd/system.slice/x", "");
	root_id = inode_of(&t, "memory");
	docker_id = inode_of(&t, "memory/docker/" ID);
	tree_put(&t, "10/cgroup", "4:memory:/\n1:name=systemd:/system.slice/a.service\n0::/\n");
	tree_put(&t, "11/cgroup", "4:memory:/\n1:name=systemd:/system.slice/b.service\n0::/\n");
	tree_put(&t, "12/cgroup", "4:memory:/docker/" ID "\n1:name=systemd:/docker/" ID "\n0::/\n");
	c = pf_cgroups__new(t.root, 0);
	assert_non_null(c);
	for (int i = 0; i < 2; i++) {
		assert_string_equal(pf_cgroups__name(c, 0, root_id, 10)->container, "a.service");
		assert_string_equal(pf_cgroups__name(c, 0, root_id, 11)->container, "b.service");
		assert_string_equal(pf_cgroups__name(c, 0, docker_id, 12)->container, ID);
	}
	assert_int_equal(stats_of(c).reads, 5);
	pf_cgroups__free(c);
	tree_remove(&t);
}

static void memory_apart(void **state)
{
	struct tree t;

	(void)state;
	tree_make(&t);
	assert_false(pf_cgroup_memory_apart(t.root));
	tree_put(&t, "self/cgroup", "0::/\n");
	assert_false(pf_cgroup_memory_apart(t.root));
	tree_put(&t, "self/cgroup", "4:memory:/\n0::/\n");
	assert_true(pf_cgroup_memory_apart(t.root));
	tree_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(docker),
		cmocka_unit_test(podman),
		cmocka_unit_test(kubernetes),
		cmocka_unit_test(others),
		cmocka_unit_test(systemd),
		cmocka_unit_test(hostile_paths),
		cmocka_unit_test(long_paths),
		cmocka_unit_test(choice),
		cmocka_unit_test(choice_long),
		cmocka_unit_test(named_once),
		cmocka_unit_test(asked_again_when_gone),
		cmocka_unit_test(without_ids),
		cmocka_unit_test(bounded),
		cmocka_unit_test(moved_since),
		cmocka_unit_test(units_apart),
		cmocka_unit_test(memory_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
