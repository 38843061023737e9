/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Times first-touch faults. usage: faultgen CPU PAGES PAUSE, then on standard
 * input one number per line: touch PAGES fresh anonymous pages again and again,
 * resting PAUSE microseconds in between, for so many milliseconds, and answer
 * with one line of JSON. The same process and the
 * same memory serve all measurements, so that between two of them only the
 * tracer differs. Refuses to answer when a touch was not exactly one fault.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/parse.h"

#define MAX_BATCHES  65536
#define WARM_BATCHES 16 /* not timed: the tracer's first sight of this process */
#define MAX_MS	     60000
#define MAX_PAUSE_US 1000000

struct faultgen {
	volatile char *mem;
	size_t pages;
	size_t page_bytes;
	uint64_t pause_us;
	uint64_t batch_ns[MAX_BATCHES];
};

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "faultgen: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t number(const char *name, const char *text, uint64_t max)
{
	uint64_t n;

	if (pf_parse_u64(text, 0, max, &n)) {
		fprintf(stderr, "faultgen: %s: '%s' is not a number up to %ju\n", name, text,
			(uintmax_t)max);
		exit(2);
	}
	return n;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t own_faults(void)
{
	struct rusage ru;

	getrusage(RUSAGE_THREAD, &ru);
	return (uint64_t)(ru.ru_minflt + ru.ru_majflt);
}

/* Nanoseconds for a touch of every page; giving them back is not timed. */
static uint64_t batch(struct faultgen *g)
{
	uint64_t begin = now_ns(), end;

	for (size_t i = 0; i < g->pages; i++)
		g->mem[i * g->page_bytes] = 1;
	end = now_ns();
	if (madvise((void *)g->mem, g->pages * g->page_bytes, MADV_DONTNEED))
		die("madvise");
	if (g->pause_us)
		usleep((useconds_t)g->pause_us);
	return end - begin;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void measure(struct faultgen *g, uint64_t ms)
{
	uint64_t until, before, faults, n = 0, touched = WARM_BATCHES;

	before = own_faults();
	for (int i = 0; i < WARM_BATCHES; i++)
		batch(g);
	until = now_ns() + ms * 1000000;
	while (n < MAX_BATCHES && now_ns() < until)
		g->batch_ns[n++] = batch(g);
	faults = own_faults() - before;
	touched = (touched + n) * g->pages;
	if (!n || faults != touched) {
		fprintf(stderr, "faultgen: %ju pages touched, %ju faults\n", (uintmax_t)touched,
			(uintmax_t)faults);
		exit(1);
	}
	qsort(g->batch_ns, n, sizeof(g->batch_ns[0]), compare);
	/* The fastest tenth: other programs on the machine make a batch longer, never shorter. */
	printf("{\"ns_per_fault\":%.2f,\"faults\":%ju,\"batches\":%ju}\n",
	       (double)g->batch_ns[n / 10] / (double)g->pages, (uintmax_t)faults, (uintmax_t)n);
	fflush(stdout);
}

static void settle(struct faultgen *g, int cpu)
{
	size_t bytes = g->pages * g->page_bytes;
	cpu_set_t only;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&only);
	CPU_SET(cpu, &only);
	if (sched_setaffinity(0, sizeof(only), &only))
		die("sched_setaffinity");
	g->mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (g->mem == MAP_FAILED)
		die("mmap");
	/* One fault for each page; EINVAL: this kernel has no huge pages at all. */
	if (madvise((void *)g->mem, bytes, MADV_NOHUGEPAGE) && errno != EINVAL)
		die("madvise");
	/* Every page of our own that a measurement needs is here before the first one. */
	memset(g->batch_ns, 0, sizeof(g->batch_ns));
	batch(g);
}

int main(int argc, char **argv)
{
	static struct faultgen gen;
	char line[32];

	if (argc != 4) {
		fprintf(stderr, "usage: faultgen CPU PAGES PAUSE <MILLISECONDS\n");
		return 2;
	}
	gen.page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	gen.pages = (size_t)number("pages", argv[2], 1 << 20);
	if (!gen.pages)
		return 2;
	gen.pause_us = number("pause", argv[3], MAX_PAUSE_US);
	settle(&gen, (int)number("cpu", argv[1], CPU_SETSIZE - 1));
	printf("{\"pid\":%d}\n", getpid());
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		measure(&gen, number("milliseconds", line, MAX_MS));
	}
	return 0;
}
