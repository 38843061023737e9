/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stacks of this very program, whose chain of calls is known, through the real
 * pf-symbolize: a signal handler copies registers and stack as a tracer would.
 * And what strangers may put in the way.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/stack/foreign.h"
#include "lib/stack/symbolizer.h"
#include "tests/unit/tempdir.h"

/* ---- a sample of our own --------------------------------------------------- */

static struct {
	struct pf_regs regs;
	uint64_t sp;
	uint32_t len;
	char stack[PF_STACK_BYTES_MAX];
	uintptr_t top; /* of the stack that is copied */
} taken;

#if defined(__x86_64__)
static void take_regs(const mcontext_t *m)
{
	static const int by_dwarf[] = { REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
					REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
					REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP };

	for (size_t i = 0; i < PF_ARRAY_SIZE(by_dwarf); i++)
		taken.regs.r[i] = (uint64_t)m->gregs[by_dwarf[i]];
	taken.sp = taken.regs.r[PF_X86_64_RSP];
}
#else
static void take_regs(const mcontext_t *m)
{
	for (size_t i = 0; i < 31; i++)
		taken.regs.r[i] = m->regs[i];
	taken.regs.r[PF_ARM64_SP] = m->sp;
	taken.regs.r[PF_ARM64_PC] = m->pc;
	taken.sp = m->sp;
}
#endif

/* Bytes of other functions' frames are read, which is what the sanitizer is there to forbid. */
#if defined(__SANITIZE_ADDRESS__)
__attribute__((no_sanitize_address))
#endif
static void
take_sample(int signo, siginfo_t *info, void *context)
{
	const volatile char *from;

	(void)signo, (void)info;
	take_regs(&((const ucontext_t *)context)->uc_mcontext);
	from = (const volatile char *)(uintptr_t)taken.sp;
	for (taken.len = 0;
	     taken.len < sizeof(taken.stack) && (uintptr_t)from + taken.len < taken.top;
	     taken.len++)
		taken.stack[taken.len] = from[taken.len];
}

static void find_top(void)
{
	pthread_attr_t attr;
	void *low;
	size_t size;

	assert_int_equal(pthread_getattr_np(pthread_self(), &attr), 0);
	assert_int_equal(pthread_attr_getstack(&attr, &low, &size), 0);
	pthread_attr_destroy(&attr);
	taken.top = (uintptr_t)low + size;
}

/* The handler is out of the way again when the sample is looked at. */
static void interrupt(void)
{
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
}

#define KNOWN __attribute__((noinline, noclone))

KNOWN static int chain_inner(int n)
{
	interrupt();
	return n + 1;
}

KNOWN static int chain_compare(const void *a, const void *b)
{
	int ret = chain_inner(*(const int *)a) - chain_inner(*(const int *)b);

	__asm__ volatile("" : "+r"(ret));
	return ret;
}

/* Through a function of the C library, which has no frame pointers. */
KNOWN static int chain_sort(void)
{
	int two[2] = { 2, 1 };

	qsort(two, 2, sizeof(two[0]), chain_compare);
	__asm__ volatile("" : : "r"(two) : "memory");
	return two[0];
}

KNOWN static void *chain_thread(void *arg)
{
	find_top();
	chain_sort();
	__asm__ volatile("");
	return arg;
}

/* ---- what is mapped here --------------------------------------------------- */

struct test {
	struct tempdir *dir;
	struct pf_symbolizer *s;
	uint32_t process;
	struct pf_trace trace;
	int notes;
	char note[600];
};

static void note(void *ctx, const char *text)
{
	struct test *t = ctx;

	t->notes++;
	snprintf(t->note, sizeof(t->note), "%s", text);
}

static uint32_t module_of(struct test *t, const char *name)
{
	int64_t id;
	int fd;

	if (strcmp(name, "[vdso]") == 0)
		return pf_symbolizer__vdso(t->s);
	fd = name[0] == '/' ? open(name, O_RDONLY | O_CLOEXEC) : -1;
	id = fd < 0 ? PF_MODULE_NONE : pf_symbolizer__add_module(t->s, name, fd);
	assert_true(id >= 0);
	return (uint32_t)id;
}

static size_t read_maps(struct test *t, struct pf_map_range *ranges, size_t max)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[4096];
	size_t n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) && n < max) {
		unsigned long start, end, offset;
		char perms[5], name[4096] = "";

		if (sscanf(line, "%lx-%lx %4s %lx %*s %*s %4095[^\n]", &start, &end, perms, &offset,
			   name) >= 4 &&
		    perms[2] == 'x')
			ranges[n++] =
				(struct pf_map_range){ start, end, offset, module_of(t, name), 0 };
	}
	fclose(f);
	return n;
}

static struct pf_map_owner owner(void)
{
	return (struct pf_map_owner){ .pid = getpid(),
				      .nspid = getpid(),
				      .start_ns = 1,
				      .uid = getuid(),
				      .abi = PF_ABI_NATIVE };
}

static int setup(void **state)
{
	struct pf_symbolizer_options options = { .note = note };
	struct sigaction action = { .sa_sigaction = take_sample, .sa_flags = SA_SIGINFO };
	struct pf_map_range ranges[256];
	const struct pf_map_owner self = owner();
	struct test *t = calloc(1, sizeof(*t));
	struct pf_error err = { 0 };
	void *dir;

	if (!t || tempdir_setup(&dir))
		return -1;
	t->dir = dir;
	options.ctx = t;
	t->s = pf_symbolizer__new(&options, &err);
	if (!t->s) {
		fprintf(stderr, "%s\n", err.text);
		return -1;
	}
	sigaction(SIGUSR1, &action, NULL);
	t->process = (uint32_t)pf_symbolizer__set_maps(t->s, &self, ranges,
						       read_maps(t, ranges, PF_ARRAY_SIZE(ranges)));
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct test *t = *state;
	void *dir = t->dir;

	pf_symbolizer__free(t->s);
	free(t);
	return tempdir_teardown(&dir);
}

static void unwound(void *ctx, uint64_t cookie, const struct pf_trace *trace)
{
	struct test *t = ctx;

	assert_int_equal(cookie, 7);
	t->trace = *trace;
}

static struct pf_unwind_sample sample_of(const struct test *t)
{
	struct pf_unwind_sample s = {
		.process = t->process, .depth = PF_FRAMES_MAX, .regs = taken.regs, .n_parts = 1
	};

	s.parts[0] = (struct pf_stack_part){ taken.sp, taken.len, taken.stack };
	return s;
}

static void unwind(struct test *t, const struct pf_unwind_sample *s)
{
	pf_symbolizer__queue(t->s, s, 7, unwound, t);
	pf_symbolizer__unwind(t->s);
}

/* The place of that function in the chain; -1 = it is not there. */
static int place_of(struct test *t, const char *name)
{
	struct pf_symbol names[PF_INLINED_MAX];

	pf_symbolizer__resolve(t->s, t->trace.frames, t->trace.n, false);
	for (uint32_t i = 0; i < t->trace.n; i++) {
		pf_symbolizer__symbols(t->s, &t->trace.frames[i], names);
		if (names[0].name && strcmp(names[0].name, name) == 0)
			return (int)i;
	}
	return -1;
}

static void assert_chain(struct test *t, const char *const *names, size_t n)
{
	int before = -1;

	for (size_t i = 0; i < n; i++) {
		int at = place_of(t, names[i]);

		if (at <= before)
			fail_msg("%s is at %d of %u, after %d", names[i], at, t->trace.n, before);
		before = at;
	}
}

/* ---- chains that are known ------------------------------------------------- */

static void test_chain_to_the_root(void **state)
{
	static const char *const expected[] = { "chain_inner", "chain_compare",
						"chain_sort",  "test_chain_to_the_root",
						"main",	       "_start" };
	struct test *t = *state;
	struct pf_unwind_sample s;

	find_top();
	chain_sort();
	s = sample_of(t);
	unwind(t, &s);
	assert_int_equal(t->trace.stop, PF_STOP_ROOT);
	assert_chain(t, expected, PF_ARRAY_SIZE(expected));
	assert_int_equal(t->notes, 0);
}

static void test_chain_of_a_thread(void **state)
{
	static const char *const expected[] = { "chain_inner", "chain_compare", "chain_sort",
						"chain_thread" };
	struct test *t = *state;
	struct pf_unwind_sample s;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, chain_thread, NULL), 0);
	pthread_join(thread, NULL);
	s = sample_of(t);
	unwind(t, &s);
	assert_int_equal(t->trace.stop, PF_STOP_ROOT);
	assert_chain(t, expected, PF_ARRAY_SIZE(expected));
}

static void test_bounds(void **state)
{
	struct test *t = *state;
	struct pf_unwind_sample s;
	uint64_t ips[3];

	find_top();
	chain_sort();
	s = sample_of(t);
	s.depth = 3;
	unwind(t, &s);
	assert_int_equal(t->trace.n, 3);
	assert_int_equal(t->trace.stop, PF_STOP_DEPTH);
	for (int i = 0; i < 3; i++)
		ips[i] = t->trace.frames[i].ip;

	s.depth = PF_FRAMES_MAX;
	s.parts[0].len = 64; /* of the stack there is little */
	unwind(t, &s);
	assert_int_equal(t->trace.stop, PF_STOP_COPY);
	assert_true(t->trace.n >= 1 && pf_trace_truncated(&t->trace));

	s.process = 0; /* nobody's */
	unwind(t, &s);
	assert_int_equal(t->trace.stop, PF_STOP_MAP);
	assert_int_equal(t->trace.n, 1);
	assert_true(t->trace.frames[0].ip == ips[0]);

	s = sample_of(t); /* a chain that the kernel walked is only put in its place */
	s.ips = ips;
	s.n_ips = 3;
	unwind(t, &s);
	assert_int_equal(t->trace.n, 3);
	assert_true(place_of(t, "chain_inner") >= 0);
}

/* Tables of many ranges push out those not used for longest, and the child forgets them, too. */
static void test_ranges_of_all(void **state)
{
	static struct pf_map_range many[PF_RANGES_MAX];
	struct test *t = *state;
	struct pf_unwind_sample s;
	struct pf_map_owner who = { .abi = PF_ABI_NATIVE };

	find_top();
	chain_sort();
	s = sample_of(t);
	unwind(t, &s);
	assert_int_equal(t->trace.stop, PF_STOP_ROOT);
	for (size_t i = 0; i < PF_RANGES_MAX; i++)
		many[i] = (struct pf_map_range){ .start = 2 * i << 12, .end = (2 * i + 1) << 12 };
	for (size_t i = 0; i < PF_RANGES_ALL_MAX / PF_RANGES_MAX; i++) {
		who.pid = 1000 + (int64_t)i;
		assert_true(pf_symbolizer__set_maps(t->s, &who, many, PF_RANGES_MAX) > 0);
	}
	unwind(t, &s);
	assert_int_equal(t->trace.stop, PF_STOP_MAP);
	assert_int_equal(pf_symbolizer__stats(t->s)->restarts, 0);
}

/* A part of the copy is missing where it is not needed, or where it is. */
static void test_hole_in_the_copy(void **state)
{
	struct test *t = *state;
	struct pf_unwind_sample s;

	find_top();
	chain_sort();
	s = sample_of(t);
	s.n_parts = 2;
	s.parts[0].len = 8;
	s.parts[1] =
		(struct pf_stack_part){ taken.sp + 4096, taken.len > 4096 ? taken.len - 4096 : 0,
					taken.stack + 4096 };
	unwind(t, &s);
	assert_true(t->trace.n >= 1);
	assert_int_not_equal(t->trace.stop, PF_STOP_LOST);
}

static void test_many_at_once(void **state)
{
	struct test *t = *state;
	struct pf_unwind_sample s;

	find_top();
	chain_sort();
	s = sample_of(t);
	for (int i = 0; i < 3 * PF_UNWIND_BATCH + 5; i++)
		pf_symbolizer__queue(t->s, &s, 7, unwound, t);
	pf_symbolizer__unwind(t->s);
	assert_int_equal(pf_symbolizer__stats(t->s)->unwound, 3 * PF_UNWIND_BATCH + 5);
	assert_int_equal(pf_symbolizer__stats(t->s)->stops[PF_STOP_ROOT], 3 * PF_UNWIND_BATCH + 5);
}

/* ---- what strangers make --------------------------------------------------- */

static int write_file(const char *path, const void *bytes, size_t len)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	return fd;
}

/* A file that becomes shorter while it is mapped kills who reads it. The others go on. */
static void test_file_cut_off_under_the_child(void **state)
{
	struct test *t = *state;
	const char *path = tempdir_file(t->dir, "prog");
	_cleanup_free_ char *copy = malloc(64 << 20);
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	ssize_t len = read(from, copy, 64 << 20);
	struct pf_frame places[1] = { { .ip = 0x2000, .address = 0x2000 } };
	struct pf_map_range range = { 0x10000, 0x10000000, 0, 0, 0 };
	struct pf_map_owner self = owner();
	struct pf_unwind_sample s;
	int64_t id;
	int fd;

	close(from);
	assert_true(len > 65536);
	fd = write_file(path, copy, (size_t)len);
	id = pf_symbolizer__add_module(t->s, "/bin/a\x1b[31mb", fd);
	assert_true(id > 0);
	self.start_ns = 2;
	range.module = (uint32_t)id;
	find_top();
	chain_sort();
	s = sample_of(t);
	s.process = (uint32_t)pf_symbolizer__set_maps(t->s, &self, &range, 1);
	s.regs.r[16] = 0x11000;
	unwind(t, &s); /* it is open now */
	assert_int_equal(truncate(path, 100), 0);
	places[0].module = (uint32_t)id;
	pf_symbolizer__resolve(t->s, places, 1, true);

	/* Whether it died of it or not: other files have their names, and it is said. */
	s = sample_of(t);
	unwind(t, &s);
	assert_int_equal(t->trace.stop, PF_STOP_ROOT);
	assert_true(place_of(t, "main") > 0);
	if (pf_symbolizer__stats(t->s)->restarts) {
		assert_int_equal(pf_symbolizer__stats(t->s)->bad_modules, 1);
		assert_int_equal(t->notes, 1);
		assert_non_null(strstr(t->note, "/bin/a\\x1b[31mb"));
	}
}

/* Its only child is pf-symbolize; 0 = this kernel does not list them. */
static pid_t child_pid(void)
{
	char path[64];
	FILE *f;
	int pid = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	f = fopen(path, "re");
	if (f && fscanf(f, "%d", &pid) != 1)
		pid = 0;
	if (f)
		fclose(f);
	return pid;
}

static void test_child_is_killed(void **state)
{
	struct test *t = *state;
	struct pf_unwind_sample s;
	const pid_t child = child_pid();

	if (!child)
		skip();
	find_top();
	chain_sort();
	s = sample_of(t);
	assert_int_equal(kill(child, SIGKILL), 0);
	unwind(t, &s);
	/* The sample it was given is blamed at most once; the next one is unwound. */
	unwind(t, &s);
	assert_int_equal(t->trace.stop, PF_STOP_ROOT);
	assert_true(place_of(t, "main") > 0);
	assert_int_equal(pf_symbolizer__stats(t->s)->restarts, 1);
	assert_int_equal(t->notes, 1);
}

/* Of one that has a JVM its memory is left out first; files and samples are not to blame yet. */
static void test_child_dies_over_a_jvm(void **state)
{
	struct test *t = *state;
	struct pf_map_owner self = owner();
	struct pf_map_range range = { 0x10000, 0x20000, 0, 0, 0 };
	int fd = write_file(tempdir_file(t->dir, "libjvm.so"), "no ELF", 6);
	const pid_t child = child_pid();
	struct pf_unwind_sample s;

	if (!child || PF_ABI_NATIVE != PF_ABI_X86_64) {
		close(fd);
		skip();
	}
	range.module = (uint32_t)pf_symbolizer__add_module(t->s, "/opt/jdk/libjvm.so", fd);
	self.start_ns = 2;
	find_top();
	chain_sort();
	s = sample_of(t);
	s.process = (uint32_t)pf_symbolizer__set_maps(t->s, &self, &range, 1);
	s.regs.r[PF_X86_64_RIP] = 0x11000;
	assert_int_equal(kill(child, SIGKILL), 0);
	unwind(t, &s);
	assert_int_equal(t->trace.n, 1);
	assert_int_not_equal(t->trace.stop, PF_STOP_LOST);
	assert_int_equal(pf_symbolizer__stats(t->s)->restarts, 1);
	assert_int_equal(pf_symbolizer__stats(t->s)->bad_modules, 0);
	assert_int_equal(t->notes, 1);
	assert_non_null(strstr(t->note, "JVM"));
	/* Only once, also when its maps are read again. */
	s.process = (uint32_t)pf_symbolizer__set_maps(t->s, &self, &range, 1);
	kill(child_pid(), SIGKILL);
	unwind(t, &s);
	assert_int_equal(t->notes, 2);
	assert_null(strstr(t->note, "JVM"));
}

static void test_no_elf_file(void **state)
{
	static const char garbage[] = "\x7f"
				      "ELF\2\1\1 and nothing behind it";
	struct test *t = *state;
	int fd = write_file(tempdir_file(t->dir, "garbage"), garbage, sizeof(garbage));
	int64_t id = pf_symbolizer__add_module(t->s, "/opt/garbage (deleted)", fd);
	struct pf_frame place = { .ip = 0x7f0000001234, .address = 0x1234 };
	struct pf_symbol names[PF_INLINED_MAX];

	assert_true(id > 0);
	place.module = (uint32_t)id;
	pf_symbolizer__resolve(t->s, &place, 1, true);
	assert_int_equal(pf_symbolizer__symbols(t->s, &place, names), 1);
	assert_null(names[0].name);
	assert_string_equal(names[0].module, "/opt/garbage");
	assert_true(names[0].offset == 0x1234);
	assert_int_equal(pf_symbolizer__add_module(t->s, "/tmp", open("/tmp", O_RDONLY)), -EINVAL);
}

/* The same path with another file behind it is another module; the same file is the same one. */
static void test_file_replaced(void **state)
{
	struct test *t = *state;
	const char *path = tempdir_file(t->dir, "lib");
	int64_t one = pf_symbolizer__add_module(t->s, path, write_file(path, "one", 3)), two;

	assert_int_equal(pf_symbolizer__add_module(t->s, path, open(path, O_RDONLY)), one);
	unlink(path);
	two = pf_symbolizer__add_module(t->s, path, write_file(path, "three", 5));
	assert_true(one > 0 && two > 0);
	assert_int_not_equal(one, two);
}

/* ---- perf maps ------------------------------------------------------------- */

/* Below a root of the test's own: DIR/PID/root is DIR itself, whose tmp is what is tested. */
struct map_root {
	char path[128]; /* DIR/tmp */
	char map[160];
};

static void make_root(struct test *t, struct map_root *r)
{
	char pid[128], root[160];

	snprintf(pid, sizeof(pid), "%s/42", t->dir->path);
	snprintf(root, sizeof(root), "%s/root", pid);
	snprintf(r->path, sizeof(r->path), "%s/tmp", t->dir->path);
	snprintf(r->map, sizeof(r->map), "%s/perf-5.map", r->path);
	assert_int_equal(mkdir(pid, 0700), 0);
	assert_int_equal(symlink("..", root), 0);
	assert_int_equal(mkdir(r->path, 0700), 0);
}

static void remove_root(struct test *t, const struct map_root *r)
{
	char path[160];

	unlink(r->map);
	rmdir(r->path);
	snprintf(path, sizeof(path), "%s/42/root", t->dir->path);
	unlink(path);
	snprintf(path, sizeof(path), "%s/42", t->dir->path);
	rmdir(path);
}

static int open_map(const struct test *t, uid_t uid)
{
	int fd = pf_foreign_perfmap(t->dir->path, 42, 5, uid);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

static void test_perf_map_is_trusted_by_its_owner(void **state)
{
	struct test *t = *state;
	struct map_root r;

	make_root(t, &r);
	assert_int_equal(open_map(t, getuid()), -ENOENT);
	close(write_file(r.map, "1000 10 name\n", 13));
	assert_int_equal(open_map(t, getuid()), 0);
	if (getuid() != 0)
		assert_int_equal(open_map(t, getuid() + 1), -EPERM);
	unlink(r.map);
	assert_int_equal(symlink("/etc/passwd", r.map), 0);
	assert_int_equal(open_map(t, getuid()), -ELOOP);
	unlink(r.map);
	assert_int_equal(mkfifo(r.map, 0600), 0);
	assert_int_equal(open_map(t, getuid()), -EINVAL); /* and does not wait */
	remove_root(t, &r);
}

/* A link in the way leads nowhere, not even inside of that root; nor does "..". */
static void test_mapped_file_is_not_behind_a_link(void **state)
{
	struct test *t = *state;
	struct map_root r;
	char link[PATH_MAX];
	int fd;

	make_root(t, &r);
	close(write_file(r.map, "x", 1));
	snprintf(link, sizeof(link), "%s.link", r.map);
	assert_int_equal(symlink("perf-5.map", link), 0);
	fd = pf_foreign_file(t->dir->path, 42, "/tmp/perf-5.map");
	assert_true(fd >= 0 || fd == -ENOSYS);
	if (fd >= 0) {
		close(fd);
		assert_int_equal(pf_foreign_file(t->dir->path, 42, "/tmp/perf-5.map.link"), -ELOOP);
		assert_int_equal(pf_foreign_file(t->dir->path, 42, "/tmp"), -EINVAL);
		assert_int_equal(pf_foreign_file(t->dir->path, 42, "/../../../../etc/passwd"),
				 -ENOENT);
	}
	unlink(link);
	remove_root(t, &r);
}

static void test_jit_names(void **state)
{
	static const char map[] = "1000 100 old\nrubbish\n1000 40 fn a;b\x1b[1m\n-5 1 sign\n"
				  "2000 10 half";
	struct test *t = *state;
	struct map_root r;
	struct pf_symbolizer_options options = { .proc_root = t->dir->path };
	struct pf_map_owner who = { .pid = 42, .nspid = 5, .uid = getuid(), .abi = PF_ABI_NATIVE };
	const struct pf_map_range code = { 0x1000, 0x3000, 0, PF_MODULE_NONE, 0 };
	const uint64_t ips[] = { 0x1010, 0x1090, 0x2001 };
	static const char *const expected[] = { "fn a;b\x1b[1m", "old", NULL };
	struct pf_unwind_sample s = { .depth = 8, .ips = ips, .n_ips = 3 };
	struct pf_symbol names[PF_INLINED_MAX];

	make_root(t, &r);
	close(write_file(r.map, map, sizeof(map) - 1));
	pf_symbolizer__free(t->s);
	t->s = pf_symbolizer__new(&options, NULL);
	assert_non_null(t->s);
	s.process = (uint32_t)pf_symbolizer__set_maps(t->s, &who, &code, 1);
	unwind(t, &s);
	assert_int_equal(t->trace.n, 3);
	pf_symbolizer__resolve(t->s, t->trace.frames, 3, true);
	for (int i = 0; i < 3; i++) {
		pf_symbolizer__symbols(t->s, &t->trace.frames[i], names);
		assert_string_equal(names[0].module, "[jit]");
		if (expected[i])
			assert_string_equal(names[0].name, expected[i]);
		else
			assert_null(names[0].name);
	}
	remove_root(t, &r);
}

/* What a map did not have at the first report, or had otherwise, is told by the next. */
static void test_jit_names_of_a_map_that_grows(void **state)
{
	static const char before[] = "1000 100 old\n",
			  after[] = "1000 100 old\n1000 100 new\n2000 10 late\n";
	static const char *const expected[] = { "new", "late" };
	struct test *t = *state;
	struct map_root r;
	struct pf_symbolizer_options options = { .proc_root = t->dir->path };
	struct pf_map_owner who = { .pid = 42, .nspid = 5, .uid = getuid(), .abi = PF_ABI_NATIVE };
	const struct pf_map_range code = { 0x1000, 0x3000, 0, PF_MODULE_NONE, 0 };
	const uint64_t ips[] = { 0x1010, 0x2001 };
	struct pf_unwind_sample s = { .depth = 8, .ips = ips, .n_ips = 2 };
	struct pf_symbol names[PF_INLINED_MAX];
	int fd;

	make_root(t, &r);
	fd = write_file(r.map, before, sizeof(before) - 1);
	pf_symbolizer__free(t->s);
	t->s = pf_symbolizer__new(&options, NULL);
	assert_non_null(t->s);
	s.process = (uint32_t)pf_symbolizer__set_maps(t->s, &who, &code, 1);
	unwind(t, &s);
	pf_symbolizer__renew(t->s);
	pf_symbolizer__resolve(t->s, t->trace.frames, 2, true);
	pf_symbolizer__symbols(t->s, &t->trace.frames[0], names);
	assert_string_equal(names[0].name, "old");
	assert_int_equal(pwrite(fd, after, sizeof(after) - 1, 0), sizeof(after) - 1);
	close(fd);
	pf_symbolizer__renew(t->s);
	pf_symbolizer__resolve(t->s, t->trace.frames, 2, true);
	for (int i = 0; i < 2; i++) {
		pf_symbolizer__symbols(t->s, &t->trace.frames[i], names);
		assert_string_equal(names[0].name, expected[i]);
	}
	remove_root(t, &r);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_chain_to_the_root),
		TEST(test_chain_of_a_thread),
		TEST(test_bounds),
		TEST(test_ranges_of_all),
		TEST(test_hole_in_the_copy),
		TEST(test_many_at_once),
		TEST(test_file_cut_off_under_the_child),
		TEST(test_child_is_killed),
		TEST(test_child_dies_over_a_jvm),
		TEST(test_no_elf_file),
		TEST(test_file_replaced),
		TEST(test_perf_map_is_trusted_by_its_owner),
		TEST(test_mapped_file_is_not_behind_a_link),
		TEST(test_jit_names),
		TEST(test_jit_names_of_a_map_that_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
