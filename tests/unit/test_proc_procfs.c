/* SPDX-License-Identifier: BSD-2-Clause */
/* The pass over a /proc directory: what it tells of each process, and what it counts as lost. */
#include "tests/unit/test_proc.h"

#include <errno.h>
#include <math.h>
#include <time.h>

#include "lib/base/error.h"
#include "lib/proc/exe.h"
#include "lib/proc/procfs.h"

#define MAX 16

struct seen {
	struct pf_proc_stat stat[MAX];
	size_t n;
	size_t stop_after;
};

static int collect(void *ctx, const struct pf_proc_stat *stat)
{
	struct seen *seen = ctx;

	assert_true(seen->n < MAX);
	seen->stat[seen->n++] = *stat;
	return seen->n == seen->stop_after ? 77 : 0;
}

static const struct pf_proc_stat *find(const struct seen *seen, int64_t pid)
{
	for (size_t i = 0; i < seen->n; i++) {
		if (seen->stat[i].pid == pid)
			return &seen->stat[i];
	}
	fail_msg("process %lld is missing", (long long)pid);
	return NULL;
}

static uint64_t ticks_ns(uint64_t ticks)
{
	return ticks * (1000000000ULL / (uint64_t)sysconf(_SC_CLK_TCK));
}

static int64_t pages(int64_t n)
{
	return n * sysconf(_SC_PAGESIZE);
}

static int snapshot(void **state)
{
	struct seen *seen = calloc(1, sizeof(*seen));
	struct pf_procfs *p = pf_procfs__open(TEST_DATA "snapshot", NULL);
	struct pf_procfs_pass pass;

	assert_non_null(seen);
	assert_non_null(p);
	assert_int_equal(pf_procfs__each(p, collect, seen, &pass), 0);
	assert_int_equal(pass.seen, 7);
	assert_int_equal(pass.vanished, 1);
	assert_int_equal(pass.broken, 2);
	assert_int_equal(pass.denied, 0);
	pf_procfs__close(p);
	*state = seen;
	return 0;
}

static int forget(void **state)
{
	free(*state);
	return 0;
}

static void ordinary(void **state)
{
	const struct pf_proc_stat *s = find(*state, 1234);

	assert_int_equal(s->nspid, 7);
	assert_int_equal(s->ppid, 1100);
	assert_int_equal(s->uid, 101);
	assert_int_equal(s->start_ns, ticks_ns(4321));
	assert_string_equal(s->comm, "nginx");
	assert_int_equal(s->state, 'S');
	assert_false(s->kthread);
	assert_true(s->has_mm);
	assert_int_equal(s->num_threads, 4);
	assert_int_equal(s->minflt, 70000);
	assert_int_equal(s->majflt, 12);
	assert_int_equal(s->vsz_bytes, 102400 * 1024);
	assert_int_equal(s->rss_anon_bytes, 14000 * 1024);
	assert_int_equal(s->rss_file_bytes, 4000 * 1024);
	assert_int_equal(s->rss_shmem_bytes, 2000 * 1024);
	assert_int_equal(s->swap_bytes, 512 * 1024);
}

static void kernel_thread(void **state)
{
	const struct pf_proc_stat *s = find(*state, 2);

	assert_true(s->kthread);
	assert_false(s->has_mm);
	assert_int_equal(s->uid, 0);
	assert_int_equal(s->nspid, 2);
	assert_int_equal(s->rss_anon_bytes, 0);
	assert_int_equal(s->swap_bytes, 0);
}

static void old_kernel(void **state)
{
	const struct pf_proc_stat *s = find(*state, 40);

	assert_true(s->has_mm);
	assert_int_equal(s->nspid, 40);
	assert_int_equal(s->uid, 33);
	assert_int_equal(s->rss_anon_bytes, pages(200));
	assert_int_equal(s->rss_file_bytes, pages(500));
	assert_true(s->rss_shmem_bytes == PF_UNKNOWN);
	assert_true(s->swap_bytes == PF_UNKNOWN);
}

static void hostile_name(void **state)
{
	const struct pf_proc_stat *s = find(*state, 77);

	assert_string_equal(s->comm, "a) S 1 (b\nc");
	assert_int_equal(s->minflt, 321);
	assert_int_equal(s->uid, 1000);
}

static void dead_leader(void **state)
{
	const struct pf_proc_stat *s = find(*state, 900);

	assert_int_equal(s->state, 'Z');
	assert_true(s->has_mm);
	assert_int_equal(s->nspid, 900);
	assert_int_equal(s->minflt, 4444);
	assert_int_equal(s->vsz_bytes, 90000 * 1024);
	assert_int_equal(s->rss_anon_bytes, 50000 * 1024);
	assert_int_equal(s->swap_bytes, 64 * 1024);
}

static void zombie(void **state)
{
	const struct pf_proc_stat *s = find(*state, 950);

	assert_false(s->has_mm);
	assert_false(s->kthread);
	assert_int_equal(s->rss_anon_bytes, 0);
	assert_int_equal(s->minflt, 50);
}

static void callback_stops(void **state)
{
	struct pf_procfs *p = pf_procfs__open(TEST_DATA "snapshot", NULL);
	struct seen seen = { .stop_after = 2 };

	(void)state;
	assert_non_null(p);
	assert_int_equal(pf_procfs__each(p, collect, &seen, NULL), 77);
	assert_int_equal(seen.n, 2);
	/* the next pass starts anew */
	seen = (struct seen){ 0 };
	assert_int_equal(pf_procfs__each(p, collect, &seen, NULL), 0);
	assert_int_equal(seen.n, 7);
	pf_procfs__close(p);
}

static void one_process(void **state)
{
	struct pf_procfs *p = pf_procfs__open(TEST_DATA "snapshot", NULL);
	struct pf_proc_stat s;

	(void)state;
	assert_non_null(p);
	assert_int_equal(pf_procfs__read(p, 1, &s), 0);
	assert_int_equal(s.rss_file_bytes, 8700 * 1024);
	assert_int_equal(pf_procfs__read(p, 5, &s), -ESRCH);
	assert_int_equal(pf_procfs__read(p, -1, &s), -ESRCH);
	assert_int_equal(pf_procfs__read(p, 3000, &s), -EBADMSG);
	pf_procfs__close(p);
}

static void no_root(void **state)
{
	struct pf_error err = { 0 };

	(void)state;
	assert_null(pf_procfs__open(TEST_DATA "nowhere", &err));
	assert_int_equal(err.code, ENOENT);
	assert_int_equal(errno, ENOENT);
	pf_procfs__close(NULL);
}

/* ---- what is remembered --------------------------------------------------- */

static void put_process(const struct tree *t, int minflt, int uid, int anon_pages, int start)
{
	const long kb = sysconf(_SC_PAGESIZE) / 1024;
	char text[1024];

	snprintf(text, sizeof(text),
		 "5 (five) S 1 5 5 0 -1 0 %d 0 0 0 1 1 0 0 20 0 1 0 %d 4096000 9 0 1\n", minflt,
		 start);
	tree_put(t, "5/stat", text);
	snprintf(text, sizeof(text), "1000 %d 30 0 0 0 0\n", anon_pages + 30);
	tree_put(t, "5/statm", text);
	snprintf(text, sizeof(text),
		 "Uid:\t%d\t0\t0\t0\nNSpid:\t5\nVmSize:\t4000 kB\nRssAnon:\t%ld kB\n"
		 "RssFile:\t%ld kB\nRssShmem:\t%ld kB\nVmSwap:\t0 kB\n",
		 uid, anon_pages * kb, 20 * kb, 10 * kb);
	tree_put(t, "5/status", text);
}

static const struct pf_proc_stat *pass_over(struct pf_procfs *p, struct seen *seen)
{
	*seen = (struct seen){ 0 };
	assert_int_equal(pf_procfs__each(p, collect, seen, NULL), 0);
	return seen->n ? &seen->stat[0] : NULL;
}

static void changes_show(void **state)
{
	struct seen seen;
	struct pf_procfs *p;
	struct tree t;

	(void)state;
	tree_make(&t);
	put_process(&t, 10, 1, 100, 50);
	p = pf_procfs__open(t.root, NULL);
	assert_non_null(p);
	assert_int_equal(pass_over(p, &seen)->uid, 1);
	/* a fault */
	put_process(&t, 11, 2, 100, 50);
	assert_int_equal(pass_over(p, &seen)->uid, 2);
	/* no fault, but less memory */
	put_process(&t, 11, 3, 99, 50);
	assert_int_equal(pass_over(p, &seen)->uid, 3);
	assert_int_equal(seen.stat[0].rss_anon_bytes, pages(99));
	assert_int_equal(seen.stat[0].rss_shmem_bytes, pages(10));
	/* the pid is used again */
	put_process(&t, 11, 4, 99, 51);
	assert_int_equal(pass_over(p, &seen)->uid, 4);
	assert_int_equal(seen.stat[0].start_ns, ticks_ns(51));
	pf_procfs__close(p);
	tree_remove(&t);
}

static void silent_change_shows_in_time(void **state)
{
	struct seen seen;
	struct pf_procfs *p;
	struct tree t;
	int passes = 0;

	(void)state;
	tree_make(&t);
	put_process(&t, 10, 1, 100, 50);
	p = pf_procfs__open(t.root, NULL);
	assert_non_null(p);
	assert_int_equal(pass_over(p, &seen)->uid, 1);
	put_process(&t, 10, 2, 100, 50);
	while (pass_over(p, &seen)->uid == 1)
		assert_true(++passes < 16);
	assert_int_equal(seen.stat[0].uid, 2);
	pf_procfs__close(p);
	tree_remove(&t);
}

static void gone_and_back(void **state)
{
	char path[PATH_MAX];
	struct seen seen;
	struct pf_procfs *p;
	struct tree t;

	(void)state;
	tree_make(&t);
	put_process(&t, 10, 1, 100, 50);
	p = pf_procfs__open(t.root, NULL);
	assert_non_null(p);
	assert_non_null(pass_over(p, &seen));
	assert_int_equal(unlink(tree_path(&t, "5/stat", path)), 0);
	assert_null(pass_over(p, &seen));
	/* the same figures: only a forgotten process is read whole again */
	put_process(&t, 10, 9, 100, 50);
	assert_int_equal(pass_over(p, &seen)->uid, 9);
	/* status vanishes between the two reads */
	put_process(&t, 11, 9, 100, 50);
	assert_int_equal(unlink(tree_path(&t, "5/status", path)), 0);
	assert_null(pass_over(p, &seen));
	pf_procfs__close(p);
	tree_remove(&t);
}

/* 65,536 groups: the lines we want come after 700 kB. */
static void huge_status(void **state)
{
	static char text[800000];
	struct seen seen;
	struct pf_procfs *p;
	struct tree t;
	int n;

	(void)state;
	tree_make(&t);
	put_process(&t, 10, 1, 100, 50);
	n = sprintf(text, "Uid:\t8\t0\t0\t0\nGroups:\t%0*d\nVmSize:\t4000 kB\nRssAnon:\t44 kB\n",
		    720000, 0);
	tree_put_bytes(&t, "5/status", text, (size_t)n);
	p = pf_procfs__open(t.root, NULL);
	assert_non_null(p);
	assert_int_equal(pass_over(p, &seen)->uid, 8);
	assert_int_equal(seen.stat[0].rss_anon_bytes, 44 * 1024);
	pf_procfs__close(p);
	tree_remove(&t);
}

/* ---- the real thing ------------------------------------------------------- */

static void own_process(void **state)
{
	struct pf_procfs *p = pf_procfs__open("/proc", NULL);
	struct timespec now;
	struct pf_proc_stat s;
	char exe[256];
	double start;

	(void)state;
	assert_non_null(p);
	assert_int_equal(pf_procfs__read(p, getpid(), &s), 0);
	assert_int_equal(s.pid, getpid());
	assert_int_equal(s.ppid, getppid());
	assert_int_equal(s.uid, getuid());
	assert_int_equal(s.state, 'R');
	assert_true(s.has_mm && !s.kthread);
	assert_true(s.rss_anon_bytes > 0 && s.vsz_bytes > s.rss_anon_bytes);
	clock_gettime(CLOCK_REALTIME, &now);
	start = (double)s.start_ns / 1e9 + pf_boot_offset_s();
	assert_true(start <= (double)now.tv_sec + 1 && start > (double)now.tv_sec - 3600);
	assert_true(pf_proc_exe(pf_procfs__fd(p), getpid(), exe, sizeof(exe)) > 0);
	assert_non_null(strstr(exe, "test_proc_procfs"));
	pf_procfs__close(p);
}

/* ---- exe ------------------------------------------------------------------ */

static void exe_names(void **state)
{
	static const struct {
		const char *target, *name;
	} links[] = {
		{ "/usr/bin/python3.11", "python3.11" },
		{ "/opt/a b/app (deleted)", "app" },
		{ "/memfd:x (deleted)", "memfd:x" },
		{ "/new\nline", "new\nline" },
		{ "/", "" },
		{ "bare", "bare" },
	};
	struct pf_procfs *p;
	char path[PATH_MAX];
	char name[32];
	struct tree t;

	(void)state;
	tree_make(&t);
	tree_put(&t, "7/stat", "");
	p = pf_procfs__open(t.root, NULL);
	assert_non_null(p);
	tree_path(&t, "7/exe", path);
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		assert_int_equal(symlink(links[i].target, path), 0);
		assert_int_equal(pf_proc_exe(pf_procfs__fd(p), 7, name, sizeof(name)),
				 strlen(links[i].name));
		assert_string_equal(name, links[i].name);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(pf_proc_exe(pf_procfs__fd(p), 7, name, sizeof(name)), -ENOENT);
	assert_string_equal(name, "");
	assert_int_equal(symlink("/a/0123456789", path), 0);
	assert_int_equal(pf_proc_exe(pf_procfs__fd(p), 7, name, 10), -ENAMETOOLONG);
	assert_int_equal(pf_proc_exe(pf_procfs__fd(p), 7, name, 11), 10);
	pf_procfs__close(p);
	tree_remove(&t);
}

int main(void)
{
	const struct CMUnitTest fixture[] = {
		cmocka_unit_test(ordinary),    cmocka_unit_test(kernel_thread),
		cmocka_unit_test(old_kernel),  cmocka_unit_test(hostile_name),
		cmocka_unit_test(dead_leader), cmocka_unit_test(zombie),
	};
	const struct CMUnitTest others[] = {
		cmocka_unit_test(callback_stops),
		cmocka_unit_test(one_process),
		cmocka_unit_test(no_root),
		cmocka_unit_test(changes_show),
		cmocka_unit_test(silent_change_shows_in_time),
		cmocka_unit_test(gone_and_back),
		cmocka_unit_test(huge_status),
		cmocka_unit_test(own_process),
		cmocka_unit_test(exe_names),
	};

	return cmocka_run_group_tests(fixture, snapshot, forget) +
	       cmocka_run_group_tests(others, NULL, NULL);
}
