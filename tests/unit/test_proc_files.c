/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parsers of /proc's files, on what the kernel prints and on what it never
 * would. Sanitizers watch the bounds: inputs are copied to exact-size memory.
 */
#include "tests/unit/test_proc.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>

#include "lib/base/cleanup.h"
#include "lib/proc/limits.h"
#include "lib/proc/machine.h"
#include "lib/proc/maps.h"
#include "lib/proc/mounts.h"
#include "lib/proc/procfile.h"
#include "lib/proc/psi.h"
#include "lib/proc/scan.h"

/* pid, name; then the fields from 3 on */
#define STAT_TAIL                                                                                       \
	" S 1 2 3 34816 -1 4194304 11 12 13 14 15 16 -17 18 20 -5 4 0 1234 8192000 300 184467440737095" \
	"51615 1 1 0 0\n"

static int parse_stat(const char *text, struct pf_stat_line *out)
{
	return pf_parse_stat(text, strlen(text), out);
}

static void stat_fields(void **state)
{
	struct pf_stat_line s;

	(void)state;
	assert_int_equal(parse_stat("42 (cat)" STAT_TAIL, &s), 0);
	assert_int_equal(s.pid, 42);
	assert_string_equal(s.comm, "cat");
	assert_int_equal(s.state, 'S');
	assert_int_equal(s.ppid, 1);
	assert_int_equal(s.flags, 4194304);
	assert_int_equal(s.minflt, 11);
	assert_int_equal(s.majflt, 13);
	assert_int_equal(s.cpu_ticks, 15 + 16);
	assert_int_equal(s.num_threads, 4);
	assert_int_equal(s.start_ticks, 1234);
	assert_int_equal(s.vsz_bytes, 8192000);
}

static void stat_names(void **state)
{
	static const char *const names[] = {
		"",
		")",
		"((",
		") S 1 (",
		"a b",
		"new\nline",
		"\xff\xfe",
		") R 0 0 0 0 0 0 0 0 0",
		"abcdefghijklmno",
	};
	struct pf_stat_line s;
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(text, sizeof(text), "42 (%s)%s", names[i], STAT_TAIL);
		assert_int_equal(parse_stat(text, &s), 0);
		assert_string_equal(s.comm, names[i]);
		assert_int_equal(s.start_ticks, 1234);
	}
	/* kernel workers have up to 63 bytes; what is longer is cut */
	snprintf(text, sizeof(text), "42 (%.100s)%s",
		 "0123456789012345678901234567890123456789012345678901234567890123456789",
		 STAT_TAIL);
	assert_int_equal(parse_stat(text, &s), 0);
	assert_int_equal(strlen(s.comm), PF_COMM_LEN - 1);
}

static void stat_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"42",
		"42 (cat",
		"42 )cat(" STAT_TAIL,
		"(cat)" STAT_TAIL,
		"x (cat)" STAT_TAIL,
		"99999999999999999999 (cat)" STAT_TAIL,
		"42 (cat) SS 1 2 3 34816 -1 4194304 11 12 13 14 15 16 17 18 20 0 4 0 1234 8192000 ",
		"42 (cat) S 1 2 3 34816 -1 4194304 -11 12 13 14 15 16 17 18 20 0 4 0 1234 8192000 ",
		"42 (cat) S 1 2 3 34816 -1 4194304 11 12 13 14 15 16 17 18 20 0 4 0 1234 x ",
		"42 (cat) S 1 2 3 34816 -1 4194304 11 12 13 14 15 16 17 18 20 0 4 0 1234",
	};
	struct pf_stat_line s;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse_stat(bad[i], &s), -EBADMSG);
}

static void stat_every_length(void **state)
{
	const char *text = "42 (cat)" STAT_TAIL;
	const char *vsize_end = strstr(text, "8192000") + 1;
	struct pf_stat_line s;

	(void)state;
	for (size_t len = 0; len < strlen(text); len++) {
		char *exact = malloc(len + 1);
		int ret;

		assert_non_null(exact);
		memcpy(exact, text, len);
		/* NUL-terminated buffers would hide a read beyond len */
		exact[len] = '7';
		ret = pf_parse_stat(exact, len, &s);
		assert_int_equal(ret, len >= (size_t)(vsize_end - text) ? 0 : -EBADMSG);
		free(exact);
	}
}

static void statm(void **state)
{
	struct pf_statm_line m;

	(void)state;
	assert_int_equal(pf_parse_statm("100 20 5 1 0 30 0\n", 18, &m), 0);
	assert_int_equal(m.size_pages, 100);
	assert_int_equal(m.resident_pages, 20);
	assert_int_equal(m.shared_pages, 5);
	assert_int_equal(pf_parse_statm("100 20 ", 7, &m), -EBADMSG);
	assert_int_equal(pf_parse_statm("100 -20 5", 9, &m), -EBADMSG);
	assert_int_equal(pf_parse_statm(NULL, 0, &m), -EBADMSG);
}

static void status_lines(void **state)
{
	static const char text[] =
		"Name:\tx\\nVmSwap: 5 kB\nUid:\t1000\t0\t0\t0\nNSpid:\t900\t20\t3\n"
		"VmSize:\t    4096 kB\nVmData:\t    300 kB\nVmRSS:\t 60 kB\n"
		"RssAnon:\t 10 kB\nRssFile:\t 20 kB\nRssShmem:\t 30 kB\n"
		"VmSwap:\t 7 kB\nThreads:\t1\n";
	struct pf_status_lines s;

	(void)state;
	pf_parse_status(text, strlen(text), &s);
	assert_int_equal(s.uid, 1000);
	assert_int_equal(s.nspid, 3);
	assert_int_equal(s.vsz_bytes, 4096 * 1024);
	assert_int_equal(s.data_bytes, 300 * 1024);
	assert_int_equal(s.rss_bytes, 60 * 1024);
	assert_int_equal(s.rss_anon_bytes, 10 * 1024);
	assert_int_equal(s.rss_file_bytes, 20 * 1024);
	assert_int_equal(s.rss_shmem_bytes, 30 * 1024);
	assert_int_equal(s.swap_bytes, 7 * 1024);
}

static void status_without(void **state)
{
	static const char text[] = "VmSize:\nRssAnon: -5 kB\nRssFile: 99999999999999999999 kB\n"
				   "VmSwap:\t18446744073709551615 kB\nUid";
	struct pf_status_lines s;

	(void)state;
	pf_parse_status(text, strlen(text), &s);
	assert_true(s.uid == PF_UNKNOWN && s.nspid == PF_UNKNOWN);
	assert_true(s.vsz_bytes == PF_UNKNOWN && s.rss_anon_bytes == PF_UNKNOWN);
	assert_true(s.rss_file_bytes == PF_UNKNOWN);
	assert_true(s.swap_bytes == INT64_MAX);
	pf_parse_status(NULL, 0, &s);
	assert_true(s.rss_shmem_bytes == PF_UNKNOWN);
}

static void rlimits(void **state)
{
	static const char text[] =
		"Limit                     Soft Limit           Hard Limit           Units     \n"
		"Max data size             1048576              unlimited            bytes     \n"
		"Max address space         unlimited            4096                 bytes     \n";
	struct pf_rlimits r;

	(void)state;
	pf_parse_rlimits(text, strlen(text), &r);
	assert_int_equal(r.data_bytes, 1048576);
	assert_true(r.as_bytes == PF_UNKNOWN);
	pf_parse_rlimits("Max address space ", 18, &r);
	assert_true(r.data_bytes == PF_UNKNOWN && r.as_bytes == PF_UNKNOWN);
}

static int64_t limit_of(const char *text)
{
	return pf_parse_memory_limit(text, strlen(text));
}

static int64_t cache_of(const char *text)
{
	return pf_parse_memory_stat(text, strlen(text));
}

static void memory_files(void **state)
{
	(void)state;
	assert_int_equal(limit_of("1048576\n"), 1048576);
	assert_int_equal(limit_of("0\n"), 0);
	assert_true(limit_of("max\n") == PF_UNKNOWN);
	assert_true(limit_of("9223372036854771712\n") == PF_UNKNOWN);
	assert_true(limit_of("9223372036854710272\n") == PF_UNKNOWN);
	assert_true(limit_of("") == PF_UNKNOWN);
	assert_int_equal(cache_of("inactive_file 3\nactive_file 4\nfile 100\n"), 7);
	assert_int_equal(cache_of("inactive_file 3\ntotal_inactive_file 30\ntotal_active_file 40"),
			 70);
	assert_int_equal(cache_of("file 100\ninactive_file\n"), 0);
	assert_true(cache_of("inactive_file 9223372036854775807\nactive_file 5\n") == INT64_MAX);
}

static void meminfo(void **state)
{
	static const char text[] =
		"MemTotal:       1000 kB\nMemFree:  1 kB\nMemAvailable:   500 kB\n"
		"SwapTotal:  20 kB\nSwapFree:  x kB\n";
	struct pf_machine m = { .cpus_online = 3 };

	(void)state;
	pf_parse_meminfo(text, strlen(text), &m);
	assert_int_equal(m.mem_total_bytes, 1000 * 1024);
	assert_int_equal(m.mem_available_bytes, 500 * 1024);
	assert_int_equal(m.swap_total_bytes, 20 * 1024);
	assert_true(m.swap_free_bytes == PF_UNKNOWN);
	assert_int_equal(m.cpus_online, 3);
}

static void machine(void **state)
{
	struct pf_machine m;

	(void)state;
	assert_int_equal(pf_machine_read(TEST_DATA "snapshot", &m), 0);
	assert_int_equal(m.mem_available_bytes, 22000000LL * 1024);
	assert_int_equal(m.swap_free_bytes, 900000LL * 1024);
	assert_int_equal(m.page_bytes, sysconf(_SC_PAGESIZE));
	assert_true(m.cpus_online >= 1);
	assert_int_equal(pf_machine_read(TEST_DATA "nowhere", &m), -ENOENT);
	assert_true(m.mem_total_bytes == PF_UNKNOWN);
	assert_true(m.cpus_online >= 1);
}

static void psi(void **state)
{
	static const char cut[] = "some avg10=1.25 avg60=0.50 avg300=0.10 total=1\nfull avg10=0.";
	struct pf_psi p;

	(void)state;
	assert_int_equal(pf_psi_read(TEST_DATA "snapshot", &p), 0);
	assert_float_equal(p.some_avg10, 1.25, 1e-9);
	assert_float_equal(p.full_avg10, 0.75, 1e-9);
	assert_int_equal(p.some_total_us, 123456);
	assert_int_equal(p.full_total_us, 65432);
	assert_int_equal(pf_parse_psi(cut, strlen(cut), &p), -EBADMSG);
	assert_true(isnan(p.some_avg10) && p.some_total_us == PF_UNKNOWN);
	assert_int_equal(pf_psi_read(TEST_DATA "v1/proc", &p), -ENOENT);
	assert_true(isnan(p.full_avg10) && p.full_total_us == PF_UNKNOWN);
}

static void mountinfo(void **state)
{
	static const char text[] =
		"short\n"
		"1 2 3:4 / /mnt rw - tmpfs tmpfs rw\n"
		"5 2 0:26 / /sys/fs/cgroup/with\\040blank\\134 rw shared:9 master:3 - cgroup2 none rw\n"
		"6 2 0:26 /deep /bind rw - cgroup2 cgroup2 rw\n"
		"7 2 0:27 / /cg/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
		"8 2 0:28 /docker/x /cg/memory rw - cgroup cgroup rw,hugetlb,memory\n"
		"9 2 0:29 / /cg/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
		"10 2 0:30 / /cg/none rw shared:1 cgroup2 rw,memory\n";
	struct pf_cgroup_mounts m;

	(void)state;
	pf_parse_mountinfo(text, strlen(text), &m);
	assert_string_equal(m.unified.point, "/sys/fs/cgroup/with blank\\");
	assert_string_equal(m.unified.root, "/");
	assert_string_equal(m.memory.point, "/cg/memory");
	assert_string_equal(m.memory.root, "/docker/x");
	assert_string_equal(m.systemd.point, "/cg/systemd");
}

static void mountinfo_long_path(void **state)
{
	char *text = malloc(2 * PATH_MAX + 100);
	struct pf_cgroup_mounts m;
	int n;

	(void)state;
	assert_non_null(text);
	n = sprintf(text, "5 2 0:26 / /%0*d rw - cgroup2 none rw\n", PATH_MAX, 0);
	pf_parse_mountinfo(text, (size_t)n, &m);
	assert_string_equal(m.unified.point, "");
	free(text);
}

static int dir_of(const char *point, const char *root, const char *path, char *dst)
{
	struct pf_cgroup_mount m;
	size_t base;

	snprintf(m.point, sizeof(m.point), "%s", point);
	snprintf(m.root, sizeof(m.root), "%s", root);
	return pf_cgroup_dir(&m, "", pf_span_of(path, strlen(path)), dst, &base);
}

static void cgroup_dirs(void **state)
{
	char dst[PF_CGROUP_DIR_MAX];

	(void)state;
	assert_int_equal(dir_of("/cg", "/", "/a/b", dst), 7);
	assert_string_equal(dst, "/cg/a/b");
	assert_true(dir_of("/cg", "/", "/", dst) > 0);
	assert_string_equal(dst, "/cg");
	assert_true(dir_of("/cg", "/docker/x", "/docker/x/y", dst) > 0);
	assert_string_equal(dst, "/cg/y");
	assert_true(dir_of("/cg", "/docker/x", "/docker/x", dst) > 0);
	assert_string_equal(dst, "/cg");
	assert_int_equal(dir_of("/cg", "/docker/x", "/docker/xy", dst), -ENOENT);
	assert_int_equal(dir_of("/cg", "/docker/x", "/", dst), -ENOENT);
	assert_int_equal(dir_of("", "", "/", dst), -ENOENT);
	assert_int_equal(dir_of("/cg", "/", "/../x", dst), -EINVAL);
	assert_int_equal(dir_of("/cg", "/", "/a/..", dst), -EINVAL);
	assert_true(dir_of("/cg", "/../..", "/../../x", dst) > 0);
	assert_string_equal(dst, "/cg/x");
	assert_true(dir_of("/cg", "/", "/..a", dst) > 0);
}

static void numbers(void **state)
{
	const char *text = " 18446744073709551615 18446744073709551616";
	struct pf_span s = pf_span_of(text, strlen(text));
	uint64_t u;
	int64_t i;

	(void)state;
	assert_true(pf_span_u64(&s, &u));
	assert_true(u == UINT64_MAX);
	assert_false(pf_span_u64(&s, &u));
	s = pf_span_of("-9223372036854775807 - 5", 24);
	assert_true(pf_span_i64(&s, &i));
	assert_true(i == -INT64_MAX);
	assert_false(pf_span_i64(&s, &i));
	assert_true(pf_scale_bytes(-1, 4096) == 0);
	assert_true(pf_scale_bytes(INT64_MAX / 2, 4096) == INT64_MAX);
}

static void bounded_reads(void **state)
{
	struct pf_readbuf b = { 0 };
	char text[10000];
	struct tree t;

	(void)state;
	tree_make(&t);
	memset(text, 'x', sizeof(text));
	tree_put_bytes(&t, "big", text, sizeof(text));
	tree_put_bytes(&t, "page", text, 4095);
	assert_int_equal(pf_readbuf__below(&b, t.root, "page", 8000), 4095);
	assert_int_equal(pf_readbuf__below(&b, t.root, "big", 8000), -EFBIG);
	assert_int_equal(b.cap, 8002);
	assert_int_equal(pf_readbuf__below(&b, t.root, "big", 9999), -EFBIG);
	assert_int_equal(pf_readbuf__below(&b, t.root, "big", 10000), 10000);
	assert_int_equal(b.data[10000], '\0');
	assert_int_equal(pf_readbuf__below(&b, t.root, "none", 10001), -ENOENT);
	assert_int_equal(pf_readbuf__below(&b, t.root, ".", 10001), -EISDIR);
	pf_readbuf__free(&b);
	tree_remove(&t);
}

static bool parse_map(const char *text, struct pf_maps_line *out)
{
	return pf_maps_line(pf_span_of(text, strlen(text)), out);
}

static void maps_lines(void **state)
{
	struct pf_maps_line l;

	(void)state;
	assert_true(parse_map(
		"7f2b4a600000-7f2b4a800000 r-xp 00002000 fe:00 1835046    /a b\\012 (deleted)",
		&l));
	assert_true(l.start == 0x7f2b4a600000 && l.end == 0x7f2b4a800000 && l.offset == 0x2000);
	assert_true(l.inode == 1835046 && l.exec && pf_span_is(l.name, "/a b\\012 (deleted)"));
	assert_true(parse_map("ffffffffff600000-ffffffffff601000 rw-s 00000000 00:00 0 ", &l));
	assert_true(l.end == UINT64_C(0xffffffffff601000) && !l.exec && !pf_span_len(l.name));
}

static void maps_refused(void **state)
{
	static const char *const lines[] = {
		"",
		"1000-2000",
		"1000-2000 r-xp",
		"1000-2000 r-xp 0",
		"1000-2000 r-xp 0 00:00",
		"1000-2000 r-xp 0 00:00 x",
		"1000 2000 r-xp 0 00:00 0",
		"2000-1000 r-xp 0 00:00 0",
		"1000-1000 r-xp 0 00:00 0",
		"-2000 r-xp 0 00:00 0",
		"1000-10000000000000000 r-xp 0 00:00 0",
		"1000-2000 r-x 0 00:00 0",
		"1000-200g r-xp 0 00:00 0",
		"0x1000-2000 r-xp 0 00:00 0",
	};
	struct pf_maps_line l;

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(lines); i++)
		assert_false(parse_map(lines[i], &l));
}

/* A named pipe without a writer must not hold us up. */
static void no_waiting(void **state)
{
	struct pf_readbuf b = { 0 };
	char path[PATH_MAX];
	struct tree t;

	(void)state;
	tree_make(&t);
	assert_int_equal(mkfifo(tree_path(&t, "fifo", path), 0600), 0);
	assert_int_equal(pf_readbuf__below(&b, t.root, "fifo", 100), 0);
	pf_readbuf__free(&b);
	tree_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stat_fields),	  cmocka_unit_test(stat_names),
		cmocka_unit_test(stat_refused),	  cmocka_unit_test(stat_every_length),
		cmocka_unit_test(statm),	  cmocka_unit_test(status_lines),
		cmocka_unit_test(status_without), cmocka_unit_test(rlimits),
		cmocka_unit_test(memory_files),	  cmocka_unit_test(meminfo),
		cmocka_unit_test(machine),	  cmocka_unit_test(psi),
		cmocka_unit_test(mountinfo),	  cmocka_unit_test(mountinfo_long_path),
		cmocka_unit_test(cgroup_dirs),	  cmocka_unit_test(numbers),
		cmocka_unit_test(maps_lines),	  cmocka_unit_test(maps_refused),
		cmocka_unit_test(bounded_reads),  cmocka_unit_test(no_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
