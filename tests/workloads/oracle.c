/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that fault in a known way and tell the truth about it, one per
 * sub-command; oracle.h has the protocol. They make no judgement: whether a
 * tracer saw the same is for the test to say. Each refuses arguments that
 * would take over the machine.
 */
#include <ctype.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "tests/workloads/oracle_pages.h"

enum {
	MAX_THREADS = 20000,
	MAX_MS = 600000,
	CHURN_ALIVE = 4, /* threads that overlap in churn */
	SMALL_STACK = 64 * 1024,
};

static void touch(struct oracle *o, char **argv)
{
	long pages = oracle_pages_arg(argv[0]);
	char *mem = oracle_map(pages, MAP_PRIVATE);

	oracle_ready(o);
	o->work_pages = pages;
	o->work_faults = oracle_write(mem, pages);
	oracle_expect(o, pages, &o->events.user, &o->events.anon, &o->events.write);
	o->note = "anonymous pages written in user mode";
	oracle_park(o);
}

static void readbuf(struct oracle *o, char **argv)
{
	size_t have = 0, want = oracle_pages_arg(argv[0]) * oracle_page_bytes();
	const char *path = argv[1] ? argv[1] : "/dev/zero";
	char *mem = oracle_map(want / oracle_page_bytes(), MAP_PRIVATE);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	long before;

	if (fd < 0)
		oracle_die("%s: %s", path, strerror(errno));
	oracle_ready(o);
	before = oracle_thread_faults();
	while (have < want) {
		ssize_t n = read(fd, mem + have, want - have);

		if (n == 0 || (n < 0 && errno != EINTR))
			oracle_die("%s: %s", path, n ? strerror(errno) : "too short");
		if (n > 0)
			have += n;
	}
	o->work_pages = want / oracle_page_bytes();
	o->work_faults = oracle_thread_faults() - before;
	oracle_expect(o, o->work_pages, &o->events.kernel, &o->events.anon, &o->events.write);
	o->note = "fresh anonymous pages filled by read: faults in kernel mode";
	oracle_park(o);
}

static void populate(struct oracle *o, char **argv)
{
	long pages = oracle_pages_arg(argv[0]), before;

	oracle_ready(o);
	before = oracle_thread_faults();
	oracle_map(pages, MAP_PRIVATE | MAP_POPULATE);
	o->work_pages = pages;
	o->work_faults = oracle_thread_faults() - before;
	o->events_known = true;
	o->silent_faults = o->work_faults;
	o->note = "MAP_POPULATE: counted as faults, yet no fault event happened";
	oracle_park(o);
}

/* Without read-ahead every page has to come from the disk by itself. */
static void major(struct oracle *o, char **argv)
{
	long pages = oracle_number("pages", argv[0], 1, ORACLE_MAX_PAGES);
	const char *dir = argv[1] ? argv[1] : "/var/tmp";
	static const char block[4096] = { 1 };
	int fd = oracle_file(dir, pages, block, sizeof(block));
	size_t bytes = pages * oracle_page_bytes();
	char *mem = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);

	if (posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
		oracle_die("%s: cannot empty the page cache of a file", dir);
	if (mem == MAP_FAILED || madvise(mem, bytes, MADV_RANDOM))
		oracle_die("mmap of a file: %s", strerror(errno));
	oracle_ready(o);
	o->work_pages = pages;
	o->work_faults = oracle_read(mem, pages);
	oracle_expect(o, o->work_faults, &o->events.user,
		      oracle_on_tmpfs(dir) ? &o->events.shmem : &o->events.file, &o->events.read);
	o->note = "file pages read from disk: major faults, unless the directory is a tmpfs";
	oracle_park(o);
}

/* ---- children -------------------------------------------------------------- */

struct job {
	char *mem; /* inherited pages to write to, NULL = map fresh ones */
	long pages;
	long ms;      /* how long it lives after touching */
	long *faults; /* shared with the parent: what touching took */
};

struct child {
	pid_t pid;
	struct oracle_faults total; /* whole life, from its parent's wait4 */
};

static void __attribute__((noreturn)) child_main(const struct job *job)
{
	char *mem = job->mem ? job->mem : oracle_map(job->pages, MAP_PRIVATE);

	*job->faults = oracle_write(mem, job->pages);
	oracle_sleep_ms(job->ms);
	_exit(0);
}

static void share_tally(struct job *job)
{
	job->faults = (long *)oracle_map(1, MAP_SHARED);
	*job->faults = 0;
}

/* Fork; with WANT the child gets that pid. -1 with errno when it cannot. */
static pid_t spawn(const struct job *job, pid_t want)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&want,
		.set_tid_size = 1,
	};
	pid_t pid = want ? (pid_t)syscall(SYS_clone3, &args, sizeof(args)) : fork();

	if (pid == 0)
		child_main(job);
	return pid;
}

static struct oracle_faults reap(pid_t pid)
{
	struct rusage ru;
	int status;

	while (wait4(pid, &status, 0, &ru) < 0) {
		if (errno != EINTR)
			oracle_die("wait4: %s", strerror(errno));
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		oracle_die("child %d ended with status %#x", pid, status);
	return (struct oracle_faults){ ru.ru_minflt, ru.ru_majflt };
}

static struct child run_child(const struct job *job, pid_t want)
{
	struct child child = { .pid = spawn(job, want) };

	if (child.pid < 0)
		oracle_die("cannot fork%s: %s", want ? " with a chosen pid" : "", strerror(errno));
	child.total = reap(child.pid);
	return child;
}

static size_t add_child(char *buf, size_t size, size_t at, const struct child *child)
{
	return oracle_add(buf, size, at, "\"child\":{\"pid\":%d,\"minor\":%ld,\"major\":%ld",
			  child->pid, child->total.minor, child->total.major);
}

/* One line per child, numbered from 1 in the order they were started. */
static void print_child(struct oracle *o, const struct child *child, long order)
{
	size_t n = oracle_add(o->line, sizeof(o->line), 0, "{\"pid\":%d,", getpid());

	n = add_child(o->line, sizeof(o->line), n, child);
	n = oracle_add(o->line, sizeof(o->line), n, ",\"order\":%ld}}\n", order);
	oracle_put(o->line, n);
}

static void cow(struct oracle *o, char **argv)
{
	struct job job = { .pages = oracle_pages_arg(argv[0]) };
	struct child child;
	size_t n;

	if (argv[1])
		job.ms = oracle_number("milliseconds", argv[1], 0, MAX_MS);
	job.mem = oracle_map(job.pages, MAP_PRIVATE);
	oracle_write(job.mem, job.pages);
	share_tally(&job);
	oracle_ready(o);
	child = run_child(&job, 0);
	n = oracle_add(o->extra, sizeof(o->extra), 0, ",");
	n = add_child(o->extra, sizeof(o->extra), n, &child);
	oracle_add(o->extra, sizeof(o->extra), n, ",\"work_pages\":%ld,\"work_faults\":%ld}",
		   job.pages, *job.faults);
	o->note = "the child wrote to pages it inherited: copies";
	oracle_park(o);
}

static void short_lived(struct oracle *o, char **argv)
{
	struct job job = { .ms = oracle_number("milliseconds", argv[0], 0, MAX_MS),
			   .pages = oracle_pages_arg(argv[1]) };
	long count = argv[2] ? oracle_number("children", argv[2], 1, 100000) : 1;

	share_tally(&job);
	oracle_ready(o);
	for (long i = 1; i <= count; i++) {
		struct child child = run_child(&job, 0);

		print_child(o, &child, i);
		o->work_pages += job.pages;
		o->work_faults += *job.faults;
	}
	o->note = "children that touched pages and died, one after the other";
	oracle_park(o);
}

/* Sleep until DONE of COUNT parts of SECONDS since *start have passed. */
static void keep_pace(const struct timespec *start, long done, long count, long seconds)
{
	long long ns = start->tv_nsec + seconds * 1000000000LL * done / count;
	struct timespec due = { start->tv_sec + ns / 1000000000, ns % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
		;
}

static void forkstorm(struct oracle *o, char **argv)
{
	long count = oracle_number("children", argv[0], 1, 1000000);
	long seconds = oracle_number("seconds", argv[1], 0, MAX_MS / 1000);
	struct job job = { .pages = argv[2] ? oracle_pages_arg(argv[2]) : 1 };
	struct oracle_faults sum = { 0 };
	struct timespec start;

	share_tally(&job);
	oracle_ready(o);
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (long i = 1; i <= count; i++) {
		struct child child = run_child(&job, 0);

		sum.minor += child.total.minor;
		sum.major += child.total.major;
		o->work_pages += job.pages;
		o->work_faults += *job.faults;
		keep_pace(&start, i, count, seconds);
	}
	oracle_add(o->extra, sizeof(o->extra), 0,
		   ",\"children\":%ld,\"children_minor\":%ld,\"children_major\":%ld", count,
		   sum.minor, sum.major);
	o->note = "children forked and reaped one after the other";
	oracle_park(o);
}

static void pidreuse(struct oracle *o, char **argv)
{
	struct job job = { .ms = argv[2] ? oracle_number("milliseconds", argv[2], 0, MAX_MS) : 50 };
	struct child child = { 0 };

	share_tally(&job);
	oracle_ready(o);
	for (int i = 0; i < 2; i++) {
		job.pages = oracle_pages_arg(argv[i]);
		child = run_child(&job, child.pid);
		print_child(o, &child, i + 1);
		o->work_pages += job.pages;
		o->work_faults += *job.faults;
	}
	o->note = "two children in succession with one pid";
	oracle_park(o);
}

/* What wait4 will say of a child that is dead, leaving it a zombie. */
static struct oracle_faults await_zombie(pid_t pid)
{
	struct rusage ru;
	siginfo_t info;

	/* glibc's waitid has no place for the rusage that the system call gives. */
	while (syscall(SYS_waitid, P_PID, pid, &info, WEXITED | WNOWAIT, &ru) < 0) {
		if (errno != EINTR)
			oracle_die("waitid: %s", strerror(errno));
	}
	return (struct oracle_faults){ ru.ru_minflt, ru.ru_majflt };
}

static void zombie(struct oracle *o, char **argv)
{
	long seconds = oracle_number("seconds", argv[0], 0, MAX_MS / 1000);
	struct job job = { .pages = argv[1] ? oracle_pages_arg(argv[1]) : 1 };
	struct child child;
	size_t n;

	share_tally(&job);
	oracle_ready(o);
	child.pid = spawn(&job, 0);
	if (child.pid < 0)
		oracle_die("cannot fork: %s", strerror(errno));
	child.total = await_zombie(child.pid);
	n = oracle_add(o->extra, sizeof(o->extra), 0, ",");
	n = add_child(o->extra, sizeof(o->extra), n, &child);
	oracle_add(o->extra, sizeof(o->extra), n, ",\"work_pages\":%ld,\"work_faults\":%ld}",
		   job.pages, *job.faults);
	o->note = "the child is dead and not reaped";
	oracle_claim(o);
	/* A word on stdin, or its end, cuts the wait short. */
	poll(&(struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN }, 1, seconds * 1000);
	reap(child.pid);
	oracle_leave(o);
}

/* ---- threads --------------------------------------------------------------- */

struct crew; /* threads that touch their share of one mapping and then park */

struct member {
	struct crew *crew;
	pthread_t thread;
	pid_t tid;
	char *mem;
	long faults;
};

struct crew {
	long count;
	long pages;   /* per thread */
	size_t stack; /* bytes, 0 = the usual */
	long parked;
	uint32_t gate; /* nobody ever opens it */
	struct member *members;
};

static void *member_main(void *arg)
{
	struct member *m = arg;
	struct crew *crew = m->crew;

	m->tid = gettid();
	m->faults = oracle_write(m->mem, crew->pages);
	__atomic_add_fetch(&crew->parked, 1, __ATOMIC_RELEASE);
	for (;;)
		syscall(SYS_futex, &crew->gate, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	return NULL;
}

static void start_thread(pthread_t *thread, size_t stack, void *(*run)(void *), void *arg)
{
	pthread_attr_t attr;
	int err;

	pthread_attr_init(&attr);
	if (stack)
		pthread_attr_setstacksize(&attr, stack);
	err = pthread_create(thread, &attr, run, arg);
	if (err)
		oracle_die("cannot start a thread: %s", strerror(err));
	pthread_attr_destroy(&attr);
}

static void crew_prepare(struct crew *crew, long count, long pages)
{
	long page = oracle_page_bytes();
	char *mem;

	if (count * pages > ORACLE_MAX_PAGES)
		oracle_die("%ld threads of %ld pages are more than %d pages", count, pages,
			   ORACLE_MAX_PAGES);
	mem = oracle_map(count * pages, MAP_PRIVATE);
	crew->count = count;
	crew->pages = pages;
	crew->members =
		(struct member *)oracle_map(count * sizeof(struct member) / page + 1, MAP_PRIVATE);
	for (long i = 0; i < count; i++) {
		crew->members[i].crew = crew;
		crew->members[i].mem = mem + i * pages * page;
	}
}

static void crew_start(struct crew *crew)
{
	for (long i = 0; i < crew->count; i++)
		start_thread(&crew->members[i].thread, crew->stack, member_main, &crew->members[i]);
}

/* Back when every thread has touched its pages and will not run again. */
static void crew_await(struct oracle *o, struct crew *crew)
{
	while (__atomic_load_n(&crew->parked, __ATOMIC_ACQUIRE) < crew->count)
		oracle_sleep_ms(1);
	for (long i = 0; i < crew->count; i++) {
		oracle_await_state(o, crew->members[i].tid, 'S');
		o->work_pages += crew->pages;
		o->work_faults += crew->members[i].faults;
	}
}

static void crew_claim(struct oracle *o, struct crew *crew, const char *note)
{
	crew_start(crew);
	crew_await(o, crew);
	oracle_add(o->extra, sizeof(o->extra), 0, ",\"threads_parked\":%ld", crew->count);
	o->note = note;
	oracle_park(o);
}

static void threads(struct oracle *o, char **argv)
{
	struct crew crew = { 0 };

	crew_prepare(&crew, oracle_number("threads", argv[0], 1, MAX_THREADS),
		     oracle_pages_arg(argv[1]));
	oracle_ready(o);
	crew_claim(o, &crew, "threads that touched their pages and are parked");
}

static void many_threads(struct oracle *o, char **argv)
{
	struct crew crew = { .stack = SMALL_STACK };

	crew_prepare(&crew, oracle_number("threads", argv[0], 1, MAX_THREADS), 1);
	oracle_ready(o);
	crew_claim(o, &crew, "idle threads with small stacks, one page each");
}

static void *passer_main(void *arg)
{
	struct member *m = arg;

	m->faults = oracle_write(m->mem, m->crew->pages);
	return NULL;
}

static void join(struct oracle *o, struct member *m)
{
	int err = pthread_join(m->thread, NULL);

	if (err)
		oracle_die("pthread_join: %s", strerror(err));
	o->work_pages += m->crew->pages;
	o->work_faults += m->faults;
}

/* ---- two that end at the same moment, after a third ------------------------- */

#define SPINS 10000

struct pair {
	long pages;
	long *faults; /* of each, shared with the parent */
	int arrived;
};

static void pair_touch(struct pair *pair, int which)
{
	pair->faults[which] = oracle_write(oracle_map(pair->pages, MAP_PRIVATE), pair->pages);
}

/* Leaves its counts to the process. */
static void *pair_before(void *arg)
{
	pair_touch(arg, 2);
	return NULL;
}

/* Each ends by itself, not the process: either may be the last. */
static void __attribute__((noreturn)) pair_work(struct pair *pair, int which)
{
	pair_touch(pair, which);
	__atomic_add_fetch(&pair->arrived, 1, __ATOMIC_ACQ_REL);
	for (long i = 1; __atomic_load_n(&pair->arrived, __ATOMIC_ACQUIRE) < 2; i++) {
		if (i % SPINS == 0)
			sched_yield();
	}
	syscall(SYS_exit, 0);
	__builtin_unreachable();
}

static void *pair_main(void *arg)
{
	pair_work(arg, 1);
}

static void __attribute__((noreturn)) pair_child(struct pair *pair)
{
	pthread_t before, other;

	start_thread(&before, 0, pair_before, pair);
	if (pthread_join(before, NULL))
		oracle_die("pthread_join failed");
	start_thread(&other, 0, pair_main, pair);
	pair_work(pair, 0);
}

static void last_two(struct oracle *o, char **argv)
{
	struct pair pair = { .pages = oracle_pages_arg(argv[0]) };
	long count = oracle_number("children", argv[1], 1, 100000);

	pair.faults = (long *)oracle_map(1, MAP_SHARED);
	pair.faults[0] = 0;
	oracle_ready(o);
	for (long i = 1; i <= count; i++) {
		struct child child = { .pid = fork() };

		if (child.pid == 0)
			pair_child(&pair);
		if (child.pid < 0)
			oracle_die("cannot fork: %s", strerror(errno));
		child.total = reap(child.pid);
		print_child(o, &child, i);
		o->work_pages += 3 * pair.pages;
		o->work_faults += pair.faults[0] + pair.faults[1] + pair.faults[2];
	}
	o->note = "children whose last two threads touched pages and ended at the same moment";
	oracle_park(o);
}

static void churn(struct oracle *o, char **argv)
{
	long seconds = argv[2] ? oracle_number("seconds", argv[2], 0, MAX_MS / 1000) : 0;
	struct crew crew = { 0 };
	struct timespec start;

	crew_prepare(&crew, oracle_number("threads", argv[0], 1, 1000000),
		     oracle_pages_arg(argv[1]));
	oracle_ready(o);
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (long i = 0; i < crew.count + CHURN_ALIVE; i++) {
		if (i >= CHURN_ALIVE)
			join(o, &crew.members[i - CHURN_ALIVE]);
		if (i < crew.count) {
			start_thread(&crew.members[i].thread, 0, passer_main, &crew.members[i]);
			keep_pace(&start, i + 1, crew.count, seconds);
		}
	}
	o->note = "threads that came, touched their pages and went";
	oracle_park(o);
}

/* ---- a process that changes under the tracer's feet ------------------------ */

struct orphans {
	struct oracle *oracle;
	struct crew crew;
	bool early; /* the leader goes before the tracer comes */
};

static void *orphans_main(void *arg)
{
	struct orphans *orphans = arg;
	struct oracle *o = orphans->oracle;

	oracle_await_state(o, getpid(), 'Z');
	if (orphans->early)
		oracle_ready(o);
	crew_claim(o, &orphans->crew, "the leader has exited, its threads live");
	return NULL;
}

static void leader_exits(struct oracle *o, char **argv)
{
	static struct orphans orphans; /* outlives the leader's stack frame */
	pthread_t reporter;

	orphans.oracle = o;
	orphans.early = argv[2];
	if (argv[2] && strcmp(argv[2], "early"))
		oracle_refuse(argv[2], "'early'");
	crew_prepare(&orphans.crew, oracle_number("threads", argv[0], 1, MAX_THREADS),
		     oracle_pages_arg(argv[1]));
	if (!orphans.early)
		oracle_ready(o);
	start_thread(&reporter, 0, orphans_main, &orphans);
	pthread_exit(NULL);
}

struct successor {
	char path[PATH_MAX];
	char pages[24]; /* the arguments of after-exec */
	char minor[24];
	char major[24];
};

static void *successor_main(void *arg)
{
	struct successor *s = arg;
	char name[] = "oracle", command[] = "after-exec";
	char *argv[] = { name, command, s->pages, s->minor, s->major, NULL };

	execv(s->path, argv);
	oracle_die("exec of %s: %s", s->path, strerror(errno));
}

/* By its real path, so that the process keeps its name. */
static void exec_thread(struct oracle *o, char **argv)
{
	struct successor *s = (struct successor *)oracle_map(4, MAP_PRIVATE);
	pthread_t thread;
	ssize_t n = readlink("/proc/self/exe", s->path, sizeof(s->path) - 1);

	if (n < 0)
		oracle_die("/proc/self/exe: %s", strerror(errno));
	snprintf(s->pages, sizeof(s->pages), "%ld", oracle_pages_arg(argv[0]));
	oracle_ready(o);
	snprintf(s->minor, sizeof(s->minor), "%ld", o->base.minor);
	snprintf(s->major, sizeof(s->major), "%ld", o->base.major);
	start_thread(&thread, 0, successor_main, s);
	for (;;)
		pause();
}

/* The second half of exec-thread: the same process, whose totals go on. */
static void after_exec(struct oracle *o, char **argv)
{
	long pages = oracle_pages_arg(argv[0]);

	o->base.minor = oracle_number("minor", argv[1], 0, LONG_MAX);
	o->base.major = oracle_number("major", argv[2], 0, LONG_MAX);
	o->work_pages = pages;
	o->work_faults = oracle_write(oracle_map(pages, MAP_PRIVATE), pages);
	o->note = "a second thread called exec; counts since go span both images";
	oracle_park(o);
}

/* The kernel takes any bytes but NUL, and keeps fifteen. */
static void rename_self(struct oracle *o, char **argv)
{
	char name[16] = { 0 };
	const char *hex = argv[0];
	size_t len = strlen(hex) / 2;

	if (strlen(hex) % 2 || !len || len > 15 || strspn(hex, "0123456789abcdefABCDEF") != 2 * len)
		oracle_refuse(hex, "1 to 15 bytes in hex");
	for (size_t i = 0; i < len; i++) {
		char pair[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

		name[i] = (char)strtol(pair, NULL, 16);
	}
	if (prctl(PR_SET_NAME, name))
		oracle_die("PR_SET_NAME: %s", strerror(errno));
	oracle_add(o->extra, sizeof(o->extra), 0, ",\"comm_hex\":\"%s\"", hex);
	touch(o, (char *[]){ argv[1] ? argv[1] : (char[]){ "1" }, NULL });
}

/* ---- */

static const struct oracle_command commands[] = {
	{ "touch", "PAGES", 1, 1, touch },
	{ "readbuf", "PAGES [FILE]", 1, 2, readbuf },
	{ "populate", "PAGES", 1, 1, populate },
	{ "major", "PAGES [DIR]", 1, 2, major },
	{ "cow", "PAGES [MS]", 1, 2, cow },
	{ "short", "MS PAGES [CHILDREN]", 2, 3, short_lived },
	{ "forkstorm", "CHILDREN SECONDS [PAGES]", 2, 3, forkstorm },
	{ "pidreuse", "PAGES PAGES [MS]", 2, 3, pidreuse },
	{ "zombie", "SECONDS [PAGES]", 1, 2, zombie },
	{ "threads", "THREADS PAGES", 2, 2, threads },
	{ "many-threads", "THREADS", 1, 1, many_threads },
	{ "churn", "THREADS PAGES [SECONDS]", 2, 3, churn },
	{ "last-two", "PAGES CHILDREN", 2, 2, last_two },
	{ "leader-exits", "THREADS PAGES [early]", 2, 3, leader_exits },
	{ "exec-thread", "PAGES", 1, 1, exec_thread },
	{ "after-exec", "PAGES MINOR MAJOR", 3, 3, after_exec },
	{ "rename", "HEX [PAGES]", 1, 2, rename_self },
	{ 0 },
};

static const struct oracle_command *const lists[] = { commands, oracle_class_commands,
						      oracle_stack_commands };

static int usage(void)
{
	const char *before = "usage:";

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (const struct oracle_command *c = lists[i]; c->name; c++) {
			dprintf(STDERR_FILENO, "%s oracle %s %s\n", before, c->name, c->args);
			before = "      ";
		}
	}
	return ORACLE_USAGE;
}

static const struct oracle_command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (const struct oracle_command *c = lists[i]; c->name; c++) {
			if (!strcmp(c->name, name))
				return c;
		}
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static struct oracle oracle;
	const struct oracle_command *c = argc > 1 ? find_command(argv[1]) : NULL;

	if (!c || argc - 2 < c->min_args || argc - 2 > c->max_args)
		return usage();
	oracle_begin(&oracle, c->name, __builtin_frame_address(0));
	c->run(&oracle, argv + 2);
	return ORACLE_FAILED; /* they leave by themselves */
}
