/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many page faults, at a rate, of several processes: what a tracer has to stand.
 * usage: faultload PROCESSES RATE CHAINS LIFE
 * All processes together take RATE faults a second. Most read a page that was
 * never written, which brings no memory; one in 64 writes to a fresh page that
 * is kept, up to 32 MiB a process. Each round comes by another one of CHAINS
 * chains of calls. A process ends after LIFE milliseconds and another takes its
 * place; 0 = it does not. Faults are the kernel's own count. For each line on
 * standard input it says how many there were so far, and ends with its input.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SEPARATE __attribute__((noinline, noclone))
#define STAY()                                                                                     \
	__asm__ volatile("" ::: "memory") /* what comes after a call keeps it from being a jump */

enum {
	PROCESSES_MAX = 64,
	ROUND_NS = 5000000,
	PAGES = 4096, /* that are read again and again */
	KEPT = 8192,  /* pages, at most */
	KEEP_ONE_IN = 64,
	LEVELS = 15, /* of calls: 2^15 chains */
};

/* One for each place of a process, shared by those that have it one after the other. */
struct place {
	_Atomic uint64_t faults;
	_Atomic uint64_t kept;
	pid_t pid;
};

struct faultload {
	size_t processes;
	uint64_t rate; /* of one process */
	uint64_t chains;
	uint64_t life_ns;
	size_t page_bytes;
	struct place *places;
	uint64_t begin_ns;
	uint64_t started; /* processes */
};

struct worker {
	const struct faultload *load;
	volatile char *read;
	volatile char *keep;
	size_t at;   /* page to be read next */
	size_t kept; /* pages */
	uint64_t n;  /* faults so far, about */
};

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "faultload: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---- one process ----------------------------------------------------------- */

static SEPARATE void faultload_reads(struct worker *w)
{
	const size_t bytes = w->load->page_bytes;

	if (w->at == PAGES) {
		if (madvise((void *)w->read, PAGES * bytes, MADV_DONTNEED))
			die("madvise");
		w->at = 0;
	}
	(void)w->read[w->at++ * bytes];
	STAY();
}

static SEPARATE void faultload_keeps(struct worker *w)
{
	w->keep[w->kept++ * w->load->page_bytes] = 1;
	STAY();
}

static SEPARATE void touch(struct worker *w, uint64_t faults)
{
	for (uint64_t i = 0; i < faults; i++) {
		if (++w->n % KEEP_ONE_IN == 0 && w->kept < KEPT)
			faultload_keeps(w);
		else
			faultload_reads(w);
	}
	STAY();
}

static void descend(struct worker *w, uint64_t chain, int level, uint64_t faults);

static SEPARATE void faultload_left(struct worker *w, uint64_t chain, int level, uint64_t faults)
{
	descend(w, chain, level, faults);
	STAY();
}

static SEPARATE void faultload_right(struct worker *w, uint64_t chain, int level, uint64_t faults)
{
	descend(w, chain, level, faults);
	STAY();
}

static SEPARATE void descend(struct worker *w, uint64_t chain, int level, uint64_t faults)
{
	if (level == LEVELS)
		touch(w, faults);
	else if (chain >> level & 1)
		faultload_right(w, chain, level + 1, faults);
	else
		faultload_left(w, chain, level + 1, faults);
	STAY();
}

static volatile char *fresh(size_t bytes)
{
	char *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		die("mmap");
	/* One fault for each page; EINVAL: this kernel has no huge pages at all. */
	if (madvise(mem, bytes, MADV_NOHUGEPAGE) && errno != EINVAL)
		die("madvise");
	return mem;
}

static uint64_t own_faults(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return (uint64_t)(ru.ru_minflt + ru.ru_majflt);
}

static void sleep_until(uint64_t ns)
{
	const struct timespec until = { .tv_sec = (time_t)(ns / 1000000000),
					.tv_nsec = (long)(ns % 1000000000) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

/* By the clock: a round that came late is made up for. */
static void __attribute__((noreturn)) work(const struct faultload *l, size_t index)
{
	struct worker w = { .load = l,
			    .read = fresh(PAGES * l->page_bytes),
			    .keep = fresh(KEPT * l->page_bytes) };
	struct place *place = &l->places[index];
	uint64_t begin = now_ns(), due = begin, chain = index * 7919, seen = 0, kept = 0;

	while (!l->life_ns || due - begin < l->life_ns) {
		uint64_t wanted = (due + ROUND_NS - begin) * l->rate / 1000000000, faults;

		descend(&w, chain++ % l->chains, 0, wanted - w.n);
		faults = own_faults();
		place->faults += faults - seen;
		place->kept += w.kept - kept;
		seen = faults;
		kept = w.kept;
		due += ROUND_NS;
		sleep_until(due);
	}
	_exit(0);
}

/* ---- all of them ----------------------------------------------------------- */

static void start(struct faultload *l, size_t index)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		work(l, index);
	}
	l->places[index].pid = pid;
	l->started++;
}

static void start_again(struct faultload *l, pid_t pid)
{
	for (size_t i = 0; i < l->processes; i++) {
		if (l->places[i].pid == pid)
			start(l, i);
	}
}

static void say(const struct faultload *l)
{
	double seconds = (double)(now_ns() - l->begin_ns) / 1e9;
	uint64_t faults = 0, kept = 0;

	for (size_t i = 0; i < l->processes; i++) {
		faults += l->places[i].faults;
		kept += l->places[i].kept;
	}
	printf("{\"seconds\":%.3f,\"faults\":%ju,\"kept_pages\":%ju,\"processes\":%ju}\n", seconds,
	       (uintmax_t)faults, (uintmax_t)kept, (uintmax_t)l->started);
}

/* A process that has ended is looked for each millisecond. */
static void attend(struct faultload *l)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	char words[64];

	for (;;) {
		int ready = poll(&in, 1, l->life_ns ? 1 : -1);
		pid_t pid;

		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			start_again(l, pid);
		if (ready <= 0)
			continue;
		if (read(STDIN_FILENO, words, sizeof(words)) <= 0)
			return;
		say(l);
	}
}

static void end(struct faultload *l)
{
	for (size_t i = 0; i < l->processes; i++)
		kill(l->places[i].pid, SIGKILL);
	while (wait(NULL) > 0)
		;
	say(l);
}

static uint64_t number(const char *name, const char *text, uint64_t min, uint64_t max)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (end == text || *end || n < min || n > max) {
		fprintf(stderr, "faultload: %s: '%s' is not a number from %ju to %ju\n", name, text,
			(uintmax_t)min, (uintmax_t)max);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	struct faultload l = { .page_bytes = (size_t)sysconf(_SC_PAGESIZE) };

	if (argc != 5) {
		fprintf(stderr, "usage: faultload PROCESSES RATE CHAINS LIFE\n");
		return 2;
	}
	l.processes = number("processes", argv[1], 1, PROCESSES_MAX);
	l.rate = number("rate", argv[2], 1, 10000000) / l.processes;
	l.chains = number("chains", argv[3], 1, 1 << LEVELS);
	l.life_ns = number("life", argv[4], 0, 1000000) * 1000000;
	l.places = mmap(NULL, PROCESSES_MAX * sizeof(*l.places), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (l.places == MAP_FAILED)
		die("mmap");
	setvbuf(stdout, NULL, _IOLBF, 0);
	l.begin_ns = now_ns();
	for (size_t i = 0; i < l.processes; i++)
		start(&l, i);
	printf("{\"pid\":%d,\"ready\":true}\n", getpid());
	attend(&l);
	end(&l);
	return 0;
}
