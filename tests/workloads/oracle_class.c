/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The oracle's sub-commands that fault in one class each, or in two, and claim
 * how many events of which kind that was; oracle.h has the protocol. What is
 * set up before "go" is no part of the claim. Each holds its claim against what
 * the kernel says of its pages and its faults, and ends where they differ.
 */
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/workloads/oracle_pages.h"

#define PLACE "/var/tmp" /* where files are made unless told */

enum {
	MAX_CREW = 64,
	CHILD_STACK = 64 * 1024,
	HUGE_MAX = 64 << 20, /* a huge page larger than this is not asked for */
	PAGEOUT_TRIES = 50,
};

/* The pages must have cost one fault each, and be as WANT says (of the bits in MASK). */
static void check_pages(const char *mem, long pages, long faults, uint64_t mask, uint64_t want)
{
	long good = oracle_pages_with(mem, pages, mask, want);

	if (faults != pages)
		oracle_die("%ld faults for %ld pages", faults, pages);
	if (good != pages)
		oracle_die("%ld of %ld pages are as they should be", good, pages);
}

static void check_anon(const char *mem, long pages, long faults)
{
	check_pages(mem, pages, faults, ORACLE_PRESENT | ORACLE_FILE, ORACLE_PRESENT);
}

static void check_file(const char *mem, long pages, long faults)
{
	uint64_t bits = ORACLE_PRESENT | ORACLE_FILE;

	check_pages(mem, pages, faults, bits, bits);
}

/* Goes through the protocol without having done anything. */
static void __attribute__((noreturn)) park_unavailable(struct oracle *o, const char *why)
{
	oracle_ready(o);
	o->events_known = true;
	o->unavailable = why;
	oracle_park(o);
}

static void did(struct oracle *o, long pages, long faults)
{
	o->work_pages += pages;
	o->work_faults += faults;
}

/* ---- anonymous memory ------------------------------------------------------ */

/*
 * As a rule the kernel maps the zero page, which is nobody's memory. There are
 * kernels built without it: those give real pages for reading already.
 */
static void zero(struct oracle *o, char **argv)
{
	long pages = oracle_pages_arg(argv[0]), faults, added;
	char *mem = oracle_map(pages, MAP_PRIVATE);
	struct oracle_events *e = &o->events;

	oracle_ready(o);
	added = -oracle_rollup_bytes(o, "\nAnonymous:");
	faults = oracle_read(mem, pages);
	added = (added + oracle_rollup_bytes(o, "\nAnonymous:")) / oracle_page_bytes();
	if (faults != pages || (added && added != pages))
		oracle_die("%ld faults for %ld pages read, %ld added", faults, pages, added);
	oracle_expect(o, pages, &e->user, added ? &e->anon : &e->other, &e->read);
	did(o, pages, faults);
	faults = oracle_write(mem, pages);
	check_anon(mem, pages, faults + added);
	oracle_expect(o, faults, &e->user, &e->anon, &e->write);
	did(o, pages, faults);
	o->note = "untouched memory read, which maps the zero page, then written";
	oracle_park(o);
}

/* 0 where there are none, or where they are too large to be tried. */
static long huge_page_bytes(struct oracle *o)
{
	const char *text = oracle_slurp(o, "/sys/kernel/mm/transparent_hugepage/enabled");
	long bytes;

	if (!*text || strstr(text, "[never]"))
		return 0;
	text = oracle_slurp(o, "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size");
	bytes = strtol(text, NULL, 10);
	return bytes > HUGE_MAX ? 0 : bytes;
}

/* Where the kernel has no huge page left it gives small ones: a fault each. */
static void thp(struct oracle *o, char **argv)
{
	long count = oracle_number("huge pages", argv[0], 1, 64), huge = huge_page_bytes(o);
	long pages, got;
	char *mem;

	if (!huge)
		park_unavailable(o, "this kernel gives no transparent huge pages");
	pages = huge / oracle_page_bytes();
	mem = oracle_map((count + 1) * pages, MAP_PRIVATE);
	mem += huge - (uintptr_t)mem % huge;
	if (prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0) || madvise(mem, count * huge, MADV_HUGEPAGE))
		oracle_die("MADV_HUGEPAGE: %s", strerror(errno));
	oracle_ready(o);
	got = -oracle_rollup_bytes(o, "\nAnonHugePages:");
	did(o, count * pages, oracle_write(mem, count * pages));
	got = (got + oracle_rollup_bytes(o, "\nAnonHugePages:")) / huge;
	if (o->work_faults < got || o->work_faults > got + (count - got) * pages)
		oracle_die("%ld faults with %ld huge pages", o->work_faults, got);
	oracle_expect(o, o->work_faults, &o->events.user, &o->events.anon, &o->events.write);
	oracle_add(o->extra, sizeof(o->extra), 0, ",\"huge_pages\":%ld,\"huge_page_bytes\":%ld",
		   got, huge);
	o->unavailable = got ? NULL : "the kernel had no huge page to give";
	o->note = "MADV_HUGEPAGE: one fault brings many pages";
	oracle_park(o);
}

/* The frame reaches over a page's worth of stack; written on the way back, too. */
static int __attribute__((noinline)) go_deeper(long left)
{
	volatile char frame[4096];

	frame[0] = (char)left;
	frame[sizeof(frame) - 1] = left > 1 ? (char)go_deeper(left - 1) : 0;
	return frame[0];
}

static void stack(struct oracle *o, char **argv)
{
	long page = oracle_page_bytes(), frames = oracle_number("frames", argv[0], 1, 1000);
	char *top = (char *)(o->frame / page * page), *low;
	long bytes = frames * 4096 * 2 + page, present, faults;

	low = top - bytes / page * page;
	oracle_ready(o);
	present = oracle_pages_with(low, bytes / page, ORACLE_PRESENT, ORACLE_PRESENT);
	faults = oracle_thread_faults();
	go_deeper(frames);
	faults = oracle_thread_faults() - faults;
	present = oracle_pages_with(low, bytes / page, ORACLE_PRESENT, ORACLE_PRESENT) - present;
	if (faults != present)
		oracle_die("%ld faults for %ld pages of stack", faults, present);
	did(o, present, faults);
	oracle_expect(o, present, &o->events.user, &o->events.anon, &o->events.write);
	o->note = "the main thread's stack grew";
	oracle_park(o);
}

static void lock(struct oracle *o, char **argv)
{
	long pages = oracle_pages_arg(argv[0]), faults;
	char *mem = oracle_map(pages, MAP_PRIVATE);

	oracle_ready(o);
	faults = oracle_thread_faults();
	if (mlock(mem, pages * oracle_page_bytes()))
		o->unavailable = "mlock is not allowed that much";
	faults = oracle_thread_faults() - faults;
	if (!o->unavailable)
		check_anon(mem, pages, faults);
	did(o, pages, faults);
	o->events_known = true;
	o->silent_faults = faults;
	o->note = "mlock: counted as faults, yet no fault event happened";
	oracle_park(o);
}

/* ---- files ----------------------------------------------------------------- */

/* Pages that begin with an instruction that returns. */
static const char *block(size_t *bytes)
{
#if defined(__x86_64__)
	static const char code[4096] = { '\xc3' };
#elif defined(__aarch64__)
	static const char code[4096] = { '\xc0', '\x03', '\x5f', '\xd6' };
#else
	static const char code[4096] = { 0 };
#endif
	*bytes = sizeof(code);
	return code;
}

static int file(struct oracle *o, const char *dir, long pages)
{
	size_t bytes;
	const char *content = block(&bytes);

	if (oracle_on_tmpfs(dir))
		park_unavailable(o, "the directory is on a tmpfs: that is shared memory, no file");
	return oracle_file(dir, pages, content, bytes);
}

static long maps_arg(const char *s)
{
	return oracle_number("pages", s, 0, ORACLE_MAX_MAPS);
}

static char *map_file(struct oracle *o, char **argv, long pages, int prot, int flags)
{
	int fd = file(o, argv[1] ? argv[1] : PLACE, pages);
	char *mem = oracle_map_apart(fd, pages, prot, flags);

	close(fd);
	return mem;
}

static void read_file(struct oracle *o, char *mem, long pages, long *class)
{
	long faults = oracle_read(mem, pages);

	check_file(mem, pages, faults);
	oracle_expect(o, pages, &o->events.user, class, &o->events.read);
	did(o, pages, faults);
}

static void copy_file(struct oracle *o, char *mem, long pages)
{
	long faults = oracle_write(mem, pages);

	check_anon(mem, pages, faults);
	oracle_expect(o, pages, &o->events.user, &o->events.cow, &o->events.write);
	did(o, pages, faults);
}

static void write_shared(struct oracle *o, char *mem, long pages, long *class)
{
	long faults = oracle_write(mem, pages);

	check_file(mem, pages, faults);
	oracle_expect(o, pages, &o->events.user, class, &o->events.write);
	did(o, pages, faults);
}

static void file_read(struct oracle *o, char **argv)
{
	long pages = maps_arg(argv[0]);
	char *mem = map_file(o, argv, pages, PROT_READ | PROT_WRITE, MAP_PRIVATE);

	oracle_ready(o);
	read_file(o, mem, pages, &o->events.file);
	o->note = "private file pages read";
	oracle_park(o);
}

static void file_write(struct oracle *o, char **argv)
{
	long pages = maps_arg(argv[0]);
	char *mem = map_file(o, argv, pages, PROT_READ | PROT_WRITE, MAP_PRIVATE);

	oracle_ready(o);
	copy_file(o, mem, pages);
	o->note = "private file pages written, which copies them";
	oracle_park(o);
}

static void file_read_write(struct oracle *o, char **argv)
{
	long pages = maps_arg(argv[0]);
	char *mem = map_file(o, argv, pages, PROT_READ | PROT_WRITE, MAP_PRIVATE);

	oracle_ready(o);
	read_file(o, mem, pages, &o->events.file);
	copy_file(o, mem, pages);
	o->note = "private file pages read, then written";
	oracle_park(o);
}

static void shared_read(struct oracle *o, char **argv)
{
	long pages = maps_arg(argv[0]);
	char *mem = map_file(o, argv, pages, PROT_READ, MAP_SHARED);

	oracle_ready(o);
	read_file(o, mem, pages, &o->events.file);
	o->note = "shared file pages read";
	oracle_park(o);
}

static void shared_write(struct oracle *o, char **argv)
{
	long pages = maps_arg(argv[0]);
	char *mem = map_file(o, argv, pages, PROT_READ | PROT_WRITE, MAP_SHARED);

	oracle_ready(o);
	write_shared(o, mem, pages, &o->events.file);
	o->note = "shared file pages written that were not mapped yet";
	oracle_park(o);
}

static void shared_read_write(struct oracle *o, char **argv)
{
	long pages = maps_arg(argv[0]);
	char *mem = map_file(o, argv, pages, PROT_READ | PROT_WRITE, MAP_SHARED);

	oracle_ready(o);
	read_file(o, mem, pages, &o->events.file);
	write_shared(o, mem, pages, &o->events.other);
	o->note = "shared file pages read, then written: the file system is told";
	oracle_park(o);
}

/* As most programs have it: a fault maps what is near, so the kernel says how many there were. */
static void file_around(struct oracle *o, char **argv)
{
	long pages = oracle_pages_arg(argv[0]), page = oracle_page_bytes();
	int fd = file(o, argv[1] ? argv[1] : PLACE, pages);
	char *mem = mmap(NULL, (pages ? pages : 1) * page, PROT_READ, MAP_PRIVATE, fd, 0);

	if (mem == MAP_FAILED)
		oracle_die("mmap of a file: %s", strerror(errno));
	oracle_ready(o);
	did(o, pages, oracle_read(mem, pages));
	check_file(mem, pages, pages);
	oracle_expect(o, o->work_faults, &o->events.user, &o->events.file, &o->events.read);
	o->note = "file pages read in one mapping: fewer faults than pages";
	oracle_park(o);
}

static void file_exec(struct oracle *o, char **argv)
{
	long pages = maps_arg(argv[0]), page = oracle_page_bytes(), before, faults;
	int fd = file(o, argv[1] ? argv[1] : PLACE, pages);
	char *mem;

	mem = mmap(NULL, page, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	if (mem == MAP_FAILED || !*block(&(size_t){ 0 }))
		park_unavailable(o, mem == MAP_FAILED ? "nothing may be run from that directory"
						      : "no code for this architecture");
	mem = oracle_map_apart(fd, pages, PROT_READ | PROT_EXEC, MAP_PRIVATE);
	oracle_ready(o);
	before = oracle_thread_faults();
	for (long i = 0; i < pages; i++)
		((void (*)(void))(uintptr_t)(mem + i * page))();
	faults = oracle_thread_faults() - before;
	check_file(mem, pages, faults);
	oracle_expect(o, pages, &o->events.user, &o->events.file, &o->events.exec);
	did(o, pages, faults);
	o->note = "file pages run as code";
	oracle_park(o);
}

/* One byte of each page through a pipe: it is the kernel that reads it. */
static void file_send(struct oracle *o, char **argv)
{
	long pages = maps_arg(argv[0]), page = oracle_page_bytes(), before, faults;
	char *mem = map_file(o, argv, pages, PROT_READ, MAP_PRIVATE), byte;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		oracle_die("pipe: %s", strerror(errno));
	oracle_ready(o);
	before = oracle_thread_faults();
	for (long i = 0; i < pages; i++) {
		if (write(ends[1], mem + i * page, 1) != 1 || read(ends[0], &byte, 1) != 1)
			oracle_die("pipe: %s", strerror(errno));
	}
	faults = oracle_thread_faults() - before;
	check_file(mem, pages, faults);
	oracle_expect(o, pages, &o->events.kernel, &o->events.file, &o->events.read);
	did(o, pages, faults);
	o->note = "file pages read by the kernel, in write";
	oracle_park(o);
}

static void direct(struct oracle *o, char **argv)
{
	long pages = oracle_pages_arg(argv[0]), before, faults, have = 0;
	long bytes = pages * oracle_page_bytes();
	int fd = file(o, argv[1] ? argv[1] : PLACE, pages);
	char *mem = oracle_map(pages, MAP_PRIVATE), path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		park_unavailable(o, "that file system has no O_DIRECT");
	oracle_ready(o);
	before = oracle_thread_faults();
	while (have < bytes) {
		ssize_t n = read(fd, mem + have, bytes - have);

		if (n == 0 || (n < 0 && errno != EINTR))
			oracle_die("O_DIRECT: %s", n ? strerror(errno) : "too short");
		have += n > 0 ? n : 0;
	}
	faults = oracle_thread_faults() - before;
	check_anon(mem, pages, faults);
	did(o, pages, faults);
	o->events_known = true;
	o->silent_faults = faults;
	o->note = "O_DIRECT into fresh memory: counted as faults, yet no fault event happened";
	oracle_park(o);
}

/* ---- shared memory --------------------------------------------------------- */

static int shared_file(long pages, const char *content, size_t bytes)
{
	int fd = memfd_create("oracle", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, pages * oracle_page_bytes()))
		oracle_die("memfd: %s", strerror(errno));
	for (long left = content ? pages * oracle_page_bytes() : 0; left > 0; left -= bytes) {
		if (write(fd, content, bytes) != (ssize_t)bytes)
			oracle_die("memfd: %s", strerror(errno));
	}
	return fd;
}

static void memfd_write(struct oracle *o, char **argv)
{
	long pages = maps_arg(argv[0]);
	char *mem = oracle_map_apart(shared_file(pages, NULL, 0), pages, PROT_READ | PROT_WRITE,
				     MAP_SHARED);

	oracle_ready(o);
	write_shared(o, mem, pages, &o->events.shmem);
	o->note = "fresh pages of a memfd written";
	oracle_park(o);
}

static void memfd_read(struct oracle *o, char **argv)
{
	long pages = maps_arg(argv[0]);
	size_t bytes;
	const char *content = block(&bytes);
	char *mem =
		oracle_map_apart(shared_file(pages, content, bytes), pages, PROT_READ, MAP_SHARED);

	oracle_ready(o);
	read_file(o, mem, pages, &o->events.shmem);
	o->note = "pages that a memfd had already, read";
	oracle_park(o);
}

static void shared_anon(struct oracle *o, char **argv)
{
	long pages = oracle_pages_arg(argv[0]);
	char *mem = oracle_map(pages, MAP_SHARED);

	oracle_ready(o);
	write_shared(o, mem, pages, &o->events.shmem);
	o->note = "shared anonymous memory written";
	oracle_park(o);
}

/* ---- copy on write after a fork -------------------------------------------- */

/* A child that has our pages too, and sleeps. */
static pid_t fork_sleeper(void)
{
	pid_t parent = getpid(), child = fork();

	if (child < 0)
		oracle_die("fork: %s", strerror(errno));
	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == parent)
		pause();
	_exit(0);
}

static void end_child(pid_t child)
{
	int status;

	kill(child, SIGKILL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
}

/* What the fork took away from the rest of the program comes back before "ready". */
static void __attribute__((noreturn)) forked(struct oracle *o, char **argv, bool alive)
{
	long pages = oracle_pages_arg(argv[0]);
	char *mem = oracle_map(pages, MAP_PRIVATE);
	pid_t child;

	oracle_write(mem, pages);
	child = fork_sleeper();
	if (!alive)
		end_child(child);
	oracle_ready(o);
	copy_file(o, mem, pages);
	oracle_claim(o);
	if (alive)
		end_child(child);
	oracle_leave(o);
}

static void cow_alive(struct oracle *o, char **argv)
{
	o->note = "pages that a child shares, written: copies";
	forked(o, argv, true);
}

static void cow_gone(struct oracle *o, char **argv)
{
	o->note = "pages that a dead child shared, written: taken over";
	forked(o, argv, false);
}

/* ---- swap ------------------------------------------------------------------ */

/* False when the kernel does not swap all of it out. */
static bool page_out(char *mem, long pages)
{
	uint64_t bits = ORACLE_PRESENT | ORACLE_SWAPPED;

	for (int i = 0; i < PAGEOUT_TRIES; i++) {
		if (madvise(mem, pages * oracle_page_bytes(), 21 /* MADV_PAGEOUT, 5.4 */))
			return false;
		if (oracle_pages_with(mem, pages, bits, ORACLE_SWAPPED) == pages)
			return true;
		oracle_sleep_ms(20);
	}
	return false;
}

static void swap_in(struct oracle *o, char **argv, long (*work)(char *mem, long pages),
		    long *access)
{
	long pages = oracle_pages_arg(argv[0]), faults;
	char *mem = oracle_map(pages, MAP_PRIVATE);

	oracle_write(mem, pages);
	if (!page_out(mem, pages))
		park_unavailable(o, "nothing was swapped out: is there swap, and MADV_PAGEOUT?");
	oracle_ready(o);
	faults = work(mem, pages);
	check_anon(mem, pages, faults);
	oracle_expect(o, pages, &o->events.user, &o->events.swapin, access);
	did(o, pages, faults);
	oracle_park(o);
}

static long read_work(char *mem, long pages)
{
	return oracle_read(mem, pages);
}

static void swap_read(struct oracle *o, char **argv)
{
	o->note = "pages read back from swap";
	swap_in(o, argv, read_work, &o->events.read);
}

static void swap_write(struct oracle *o, char **argv)
{
	o->note = "pages that were in swap, written";
	swap_in(o, argv, oracle_write, &o->events.write);
}

/* ---- threads and processes ------------------------------------------------- */

/* Threads that were there before "go" and have touched all they need but their pages. */
struct crew {
	struct oracle *o;
	uint32_t open;	 /* the gate: 1 = go, and nobody shuts it */
	uint32_t closed; /* nobody ever opens this one */
	long waiting;
	long parked;
	long pages; /* each */
	long faults[MAX_CREW];
	pid_t tid[MAX_CREW];
	char *mem;
};

static void wait_on(uint32_t *gate)
{
	while (!__atomic_load_n(gate, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, gate, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void *crew_member(void *arg)
{
	struct crew *crew = arg;
	long i, bytes = crew->pages * oracle_page_bytes();

	oracle_warm(crew->o);
	i = __atomic_fetch_add(&crew->waiting, 1, __ATOMIC_ACQ_REL);
	crew->tid[i] = gettid();
	wait_on(&crew->open);
	crew->faults[i] = oracle_write(crew->mem + i * bytes, crew->pages);
	__atomic_add_fetch(&crew->parked, 1, __ATOMIC_ACQ_REL);
	wait_on(&crew->closed);
	return NULL;
}

static void crew_await(struct crew *crew, const long *have, long count)
{
	while (__atomic_load_n(have, __ATOMIC_ACQUIRE) < count)
		oracle_sleep_ms(1);
	for (long i = 0; i < count; i++) {
		while (!__atomic_load_n(&crew->tid[i], __ATOMIC_ACQUIRE))
			oracle_sleep_ms(1);
		oracle_await_state(crew->o, crew->tid[i], 'S');
	}
}

static void crew_touch(struct oracle *o, char **argv)
{
	static struct crew crew;
	long count = oracle_number("threads", argv[0], 1, MAX_CREW);
	pthread_t thread;

	crew.o = o;
	crew.pages = oracle_number("pages", argv[1], 0, ORACLE_MAX_PAGES / count);
	crew.mem = oracle_map(count * crew.pages, MAP_PRIVATE);
	for (long i = 0; i < count; i++) {
		if (pthread_create(&thread, NULL, crew_member, &crew))
			oracle_die("cannot start a thread");
	}
	crew_await(&crew, &crew.waiting, count);
	oracle_ready(o);
	__atomic_store_n(&crew.open, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &crew.open, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
	crew_await(&crew, &crew.parked, count);
	for (long i = 0; i < count; i++)
		did(o, crew.pages, crew.faults[i]);
	check_anon(crew.mem, o->work_pages, o->work_faults);
	oracle_expect(o, o->work_pages, &o->events.user, &o->events.anon, &o->events.write);
	o->note = "threads at the same time, each in its own pages";
	oracle_park(o);
}

struct brief { /* a child in our memory, on a stack that has been touched */
	char *mem;
	long pages;
};

static int brief_main(void *arg)
{
	const struct brief *b = arg;

	oracle_write(b->mem, b->pages);
	syscall(SYS_exit_group, 0);
	return 0;
}

static void print_brief(struct oracle *o, pid_t pid, long pages)
{
	const struct oracle_events e = { .user = pages, .anon = pages, .write = pages };
	size_t n = oracle_add(o->line, sizeof(o->line), 0,
			      "{\"pid\":%d,\"child\":{\"pid\":%d,\"minor\":%ld,\"major\":0",
			      getpid(), pid, pages);

	n = oracle_add_events(o->line, sizeof(o->line), n, &e);
	n = oracle_add(o->line, sizeof(o->line), n, "}}\n");
	oracle_put(o->line, n);
}

/*
 * As vfork has it: the child has our memory and we sleep while it lives. It
 * faults on nothing but its pages, and dies at once; wait4 is asked.
 */
static void brief(struct oracle *o, char **argv)
{
	static char stack[CHILD_STACK] __attribute__((aligned(16)));
	struct brief b = { .pages = oracle_pages_arg(argv[0]) };
	long count = argv[1] ? oracle_number("children", argv[1], 1, 1000) : 1;

	oracle_number("pages in all", argv[0], 0, ORACLE_MAX_PAGES / count);
	b.mem = oracle_map(b.pages * count, MAP_PRIVATE);
	oracle_ready(o);
	for (long i = 0; i < count; i++) {
		struct rusage ru = { 0 };
		pid_t pid = clone(brief_main, stack + sizeof(stack),
				  CLONE_VM | CLONE_VFORK | SIGCHLD, &b);

		if (pid < 0)
			oracle_die("clone: %s", strerror(errno));
		while (wait4(pid, NULL, 0, &ru) < 0 && errno == EINTR)
			;
		check_anon(b.mem, b.pages, ru.ru_minflt + ru.ru_majflt);
		print_brief(o, pid, b.pages);
		b.mem += b.pages * oracle_page_bytes();
	}
	o->events_known = true; /* none of its own */
	o->note = "children that touched anonymous pages and died at once";
	oracle_park(o);
}

const struct oracle_command oracle_class_commands[] = {
	{ "zero", "PAGES", 1, 1, zero },
	{ "thp", "HUGE_PAGES", 1, 1, thp },
	{ "stack", "FRAMES", 1, 1, stack },
	{ "mlock", "PAGES", 1, 1, lock },
	{ "direct", "PAGES [DIR]", 1, 2, direct },
	{ "file-read", "PAGES [DIR]", 1, 2, file_read },
	{ "file-write", "PAGES [DIR]", 1, 2, file_write },
	{ "file-read-write", "PAGES [DIR]", 1, 2, file_read_write },
	{ "file-around", "PAGES [DIR]", 1, 2, file_around },
	{ "file-exec", "PAGES [DIR]", 1, 2, file_exec },
	{ "file-send", "PAGES [DIR]", 1, 2, file_send },
	{ "shared-read", "PAGES [DIR]", 1, 2, shared_read },
	{ "shared-write", "PAGES [DIR]", 1, 2, shared_write },
	{ "shared-read-write", "PAGES [DIR]", 1, 2, shared_read_write },
	{ "memfd-read", "PAGES", 1, 1, memfd_read },
	{ "memfd-write", "PAGES", 1, 1, memfd_write },
	{ "shared-anon", "PAGES", 1, 1, shared_anon },
	{ "cow-alive", "PAGES", 1, 1, cow_alive },
	{ "cow-gone", "PAGES", 1, 1, cow_gone },
	{ "swap-read", "PAGES", 1, 1, swap_read },
	{ "swap-write", "PAGES", 1, 1, swap_write },
	{ "crew", "THREADS PAGES", 2, 2, crew_touch },
	{ "brief", "PAGES [CHILDREN]", 1, 2, brief },
	{ 0 },
};
