/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an oracle program is made of: it faults in a known way, comes to rest,
 * and says in one line of JSON what the kernel counted for it, so that a test
 * can hold a tracer's figures against it. The protocol, on stdin and stdout:
 *
 *	-> {"pid":N,"ready":true,...}	attach now: it does not fault until "go"
 *	<- go
 *	-> {"pid":N,"child":{...}}	any number of these, one per child
 *	-> {"pid":N,"parked":true,"minor":...,...}	the claim
 *	<- done (or end of file)	it leaves without a further fault
 *
 * Where the program knows what each of its faults was, the claim has "events":
 * how many fault events a tracer must have seen by mode (user, kernel), class
 * (anon ... other) and access (read, write, exec), each sort adding up to all.
 * pftools-json(5) and pfstat(8) say what the classes are. Then there may be no
 * fault that it does not know of. "unavailable" says why it could not do what
 * it was asked for (null: it did); the events are of what it did instead.
 *
 * The claim refuses to be approximate: it is printed only once reporting costs
 * no more faults, and the exit status is ORACLE_MOVED if the count changed
 * while the program was thought to be at rest. Nothing here allocates, and
 * stdio is never used: a heap page or a buffer touched late would be a fault.
 * That is also why the JSON is put together by hand: every value is a number
 * or a word of ours.
 */
#ifndef PF_TESTS_WORKLOADS_ORACLE_H
#define PF_TESTS_WORKLOADS_ORACLE_H

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <signal.h>

enum {
	ORACLE_FAILED = 1, /* it could not do its work */
	ORACLE_USAGE = 2,
	ORACLE_MOVED = 3, /* it faulted while it was thought to be at rest */
};

struct oracle_faults {
	long minor;
	long major;
};

/* What a tracer sees of the work. */
struct oracle_events {
	long user;
	long kernel;
	long anon;
	long file;
	long shmem;
	long swapin;
	long cow;
	long other;
	long read;
	long write;
	long exec;
};

/* One per program, in static memory; zeroed by whoever has it. */
struct oracle {
	const char *what;	     /* sub-command, printed in the claim */
	const char *note;	     /* plain ASCII without quotes, or NULL */
	struct oracle_faults base;   /* totals when "go" came */
	struct oracle_faults claim;  /* totals in the claim */
	uintptr_t frame;	     /* main's stack frame: the main thread works below it */
	long work_pages;	     /* pages touched on purpose */
	long work_faults;	     /* faults, minor and major, that this touching took */
	struct oracle_events events; /* of the work, where events_known */
	bool events_known;	     /* every fault since "go" is in events or in silent_faults */
	long silent_faults;	 /* counted by the kernel, but no event: MAP_POPULATE and such */
	const char *unavailable; /* like note; why it could not do what it was asked for */
	char extra[1024];	 /* further JSON members, each with its leading comma */
	char text[16384];	 /* the /proc file being read */
	char line[4096];	 /* the line being printed */
	char input[64];
};

static inline void __attribute__((noreturn, format(printf, 1, 2))) oracle_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	dprintf(STDERR_FILENO, "oracle: ");
	vdprintf(STDERR_FILENO, fmt, ap);
	dprintf(STDERR_FILENO, "\n");
	va_end(ap);
	_exit(ORACLE_FAILED);
}

static inline long oracle_page_bytes(void)
{
	return sysconf(_SC_PAGESIZE);
}

static inline void oracle_sleep_ms(long ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

/* Totals since birth of the process, dead threads included, or of the calling thread. */
static inline struct oracle_faults oracle_count(int who)
{
	struct rusage ru;

	if (getrusage(who, &ru))
		oracle_die("getrusage: %s", strerror(errno));
	return (struct oracle_faults){ ru.ru_minflt, ru.ru_majflt };
}

static inline bool oracle_same(struct oracle_faults a, struct oracle_faults b)
{
	return a.minor == b.minor && a.major == b.major;
}

/* ---- coming to rest ------------------------------------------------------ */

/* A write that changes nothing, safe beside threads that write for real. */
static inline void oracle_dirty(uintptr_t from, uintptr_t to)
{
	uintptr_t page = oracle_page_bytes();

	for (uintptr_t at = from; at < to; at = (at / page + 1) * page) {
		char old = __atomic_load_n((char *)at, __ATOMIC_RELAXED);

		__atomic_compare_exchange_n((char *)at, &old, old, false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED);
	}
}

static inline void oracle_look(uintptr_t from, uintptr_t to)
{
	uintptr_t page = oracle_page_bytes();

	for (uintptr_t at = from; at < to; at = (at / page + 1) * page)
		(void)*(volatile const char *)at;
}

/* The part of an object's writable segment that ld.so made read-only again is only read. */
static inline int oracle_warm_object(struct dl_phdr_info *info, size_t size, void *ctx)
{
	uintptr_t page = oracle_page_bytes(), relro = 0, relro_end = 0;

	(void)size;
	(void)ctx;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		if (info->dlpi_phdr[i].p_type != PT_GNU_RELRO)
			continue;
		relro = (info->dlpi_addr + info->dlpi_phdr[i].p_vaddr) / page * page;
		relro_end = (info->dlpi_addr + info->dlpi_phdr[i].p_vaddr +
			     info->dlpi_phdr[i].p_memsz) /
			    page * page;
	}
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t from = info->dlpi_addr + ph->p_vaddr, to = from + ph->p_memsz;

		if (ph->p_type != PT_LOAD || !(ph->p_flags & PF_R))
			continue;
		oracle_look(from, to);
		if (!(ph->p_flags & PF_W))
			continue;
		oracle_dirty(from, relro_end > from && relro < to ? relro : to);
		if (relro_end > from && relro_end < to)
			oracle_dirty(relro_end, to);
	}
	return 0;
}

/* Room for calls to come, and the main thread's frames up to main's own. */
static void __attribute__((noinline, unused)) oracle_warm_stack(const struct oracle *o)
{
	volatile char room[32768];

	for (size_t i = 0; i < sizeof(room); i += 1024)
		room[i] = 0;
	if (gettid() == getpid())
		oracle_dirty((uintptr_t)room, o->frame);
}

/*
 * Make code, data and this thread's stack resident and writable, so that what
 * follows faults only where it means to. A fork takes that away again, hence
 * before every claim. The thread's descriptor (2.3 KiB in glibc) holds the
 * rseq area, which the kernel itself writes after a context switch.
 */
static inline void oracle_warm(const struct oracle *o)
{
	uintptr_t self = (uintptr_t)pthread_self();

	dl_iterate_phdr(oracle_warm_object, NULL);
	oracle_warm_stack(o);
	oracle_dirty(self, self + 2304);
	errno = 0;
}

/* ---- what the kernel says about us --------------------------------------- */

/* Read a whole small file into o->text; "" when it cannot be read. */
static inline const char *oracle_slurp(struct oracle *o, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t have = 0;
	ssize_t n;

	while (fd >= 0 && have < sizeof(o->text) - 1 &&
	       (n = read(fd, o->text + have, sizeof(o->text) - 1 - have)) > 0)
		have += n;
	if (fd >= 0)
		close(fd);
	o->text[have] = '\0';
	return o->text;
}

/* "\nName:   123 kB" in bytes, -1 without such a line. */
static inline long oracle_kb_line(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtol(at + strlen(key), NULL, 10) * 1024 : -1;
}

/* State letter of one of our threads; '?' when there is no such thread. */
static inline char oracle_thread_state(struct oracle *o, pid_t tid)
{
	char path[64];
	const char *end;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	end = strrchr(oracle_slurp(o, path), ')');
	return end && end[1] ? end[2] : '?';
}

/*
 * Sleeping interruptibly means parked for good here: a thread that waits
 * inside a fault sleeps uninterruptibly.
 */
static inline void oracle_await_state(struct oracle *o, pid_t tid, char state)
{
	char now;

	while ((now = oracle_thread_state(o, tid)) != state) {
		if (now == '?')
			oracle_die("thread %d is gone", tid);
		oracle_sleep_ms(1);
	}
}

/* ---- talking ------------------------------------------------------------- */

static inline void oracle_put(const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, text, len);

		if (n < 0 && errno != EINTR)
			oracle_die("stdout: %s", strerror(errno));
		if (n > 0) {
			text += n;
			len -= n;
		}
	}
}

/* Append to a buffer of ours; too little room is a mistake of the program. */
static inline size_t __attribute__((format(printf, 4, 5)))
oracle_add(char *buf, size_t size, size_t at, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf + at, size - at, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= size - at)
		oracle_die("line too long");
	return at + n;
}

/* Wait for WORD on a line of its own; false at end of file. */
static inline bool oracle_hear(struct oracle *o, const char *word)
{
	size_t have = 0;

	while (have < sizeof(o->input) - 1) {
		ssize_t n = read(STDIN_FILENO, o->input + have, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		if (o->input[have] != '\n') {
			have++;
			continue;
		}
		o->input[have] = '\0';
		if (!strcmp(o->input, word))
			return true;
		have = 0;
	}
	return false;
}

/* N faults of a mode, a class and an access; the pointers are to members of o->events. */
static inline void oracle_expect(struct oracle *o, long n, long *mode, long *class, long *access)
{
	o->events_known = true;
	*mode += n;
	*class += n;
	*access += n;
}

/* Append ,"events":{...} at n; the new end. */
static inline size_t oracle_add_events(char *buf, size_t size, size_t n,
				       const struct oracle_events *e)
{
	n = oracle_add(buf, size, n, ",\"events\":{\"user\":%ld,\"kernel\":%ld", e->user,
		       e->kernel);
	n = oracle_add(buf, size, n,
		       ",\"anon\":%ld,\"file\":%ld,\"shmem\":%ld,\"swapin\":%ld,\"cow\":%ld"
		       ",\"other\":%ld",
		       e->anon, e->file, e->shmem, e->swapin, e->cow, e->other);
	return oracle_add(buf, size, n, ",\"read\":%ld,\"write\":%ld,\"exec\":%ld}", e->read,
			  e->write, e->exec);
}

static inline size_t oracle_format_claim(struct oracle *o, struct oracle_faults now)
{
	const char *text;
	size_t n = 0;

#define ORACLE_ADD(...) (n = oracle_add(o->line, sizeof(o->line), n, __VA_ARGS__))
	ORACLE_ADD("{\"pid\":%d,\"parked\":true,\"what\":\"%s\"", getpid(), o->what);
	ORACLE_ADD(",\"minor\":%ld,\"major\":%ld", now.minor - o->base.minor,
		   now.major - o->base.major);
	ORACLE_ADD(",\"minor_total\":%ld,\"major_total\":%ld", now.minor, now.major);
	ORACLE_ADD(",\"work_pages\":%ld,\"work_faults\":%ld", o->work_pages, o->work_faults);
	/* Not /proc/self: that is the leader, whose memory is gone once it has exited. */
	text = oracle_slurp(o, "/proc/thread-self/status");
	ORACLE_ADD(",\"rss_anon_bytes\":%ld", oracle_kb_line(text, "\nRssAnon:"));
	ORACLE_ADD(",\"rss_file_bytes\":%ld", oracle_kb_line(text, "\nRssFile:"));
	ORACLE_ADD(",\"rss_shmem_bytes\":%ld", oracle_kb_line(text, "\nRssShmem:"));
	ORACLE_ADD(",\"swap_bytes\":%ld", oracle_kb_line(text, "\nVmSwap:"));
	ORACLE_ADD(",\"vsz_bytes\":%ld", oracle_kb_line(text, "\nVmSize:"));
	text = oracle_slurp(o, "/proc/thread-self/smaps_rollup");
	ORACLE_ADD(",\"exact_anon_bytes\":%ld", oracle_kb_line(text, "\nAnonymous:"));
	if (o->events_known)
		n = oracle_add_events(o->line, sizeof(o->line), n, &o->events);
	if (o->unavailable)
		ORACLE_ADD(",\"unavailable\":\"%s\"", o->unavailable);
	else
		ORACLE_ADD(",\"unavailable\":null");
	ORACLE_ADD("%s,\"note\":\"%s\"}\n", o->extra, o->note ? o->note : "");
#undef ORACLE_ADD
	return n;
}

/* ---- the protocol -------------------------------------------------------- */

/*
 * Called by main with its own frame address. Large pages would make faults and
 * pages differ; dying with the parent keeps
 * a killed test run from leaving anything behind.
 */
static inline void oracle_begin(struct oracle *o, const char *what, void *frame)
{
	o->what = what;
	o->frame = (uintptr_t)frame;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
}

/* Say ready and wait for "go"; from here on every fault belongs to the claim. */
static inline void oracle_ready(struct oracle *o)
{
	struct oracle_faults ready;
	size_t n;

	do {
		oracle_warm(o);
		ready = oracle_count(RUSAGE_SELF);
		oracle_format_claim(o, ready);
		n = oracle_add(
			o->line, sizeof(o->line), 0,
			"{\"pid\":%d,\"ready\":true,\"minor_total\":%ld,\"major_total\":%ld}\n",
			getpid(), ready.minor, ready.major);
		o->base = oracle_count(RUSAGE_SELF);
	} while (!oracle_same(ready, o->base));
	oracle_put(o->line, n);
	if (!oracle_hear(o, "go"))
		oracle_die("stdin ended before go");
	if (!oracle_same(o->base, oracle_count(RUSAGE_SELF))) {
		dprintf(STDERR_FILENO, "oracle: faulted between ready and go\n");
		_exit(ORACLE_MOVED);
	}
}

/* A fault that it does not know of would make a liar of it. */
static inline void oracle_check_events(const struct oracle *o)
{
	long seen = o->claim.minor - o->base.minor + o->claim.major - o->base.major;
	long known = o->events.user + o->events.kernel + o->silent_faults;

	if (!o->events_known || seen == known)
		return;
	dprintf(STDERR_FILENO, "oracle: %ld faults, but it knows of %ld\n", seen, known);
	_exit(ORACLE_MOVED);
}

/* Print the claim once telling it costs nothing any more. */
static inline void oracle_claim(struct oracle *o)
{
	size_t n;

	for (int tries = 0; tries < 100; tries++) {
		oracle_warm(o);
		o->claim = oracle_count(RUSAGE_SELF);
		n = oracle_format_claim(o, o->claim);
		if (oracle_same(o->claim, oracle_count(RUSAGE_SELF))) {
			oracle_check_events(o);
			oracle_put(o->line, n);
			return;
		}
	}
	oracle_die("does not come to rest");
}

/* Wait for "done" and leave; the status tells whether the claim still held. */
static inline void __attribute__((noreturn)) oracle_leave(struct oracle *o)
{
	oracle_hear(o, "done");
	if (oracle_same(o->claim, oracle_count(RUSAGE_SELF)))
		_exit(0);
	dprintf(STDERR_FILENO, "oracle: faulted after the claim\n");
	_exit(ORACLE_MOVED);
}

static inline void __attribute__((noreturn)) oracle_park(struct oracle *o)
{
	oracle_claim(o);
	oracle_leave(o);
}

#endif
