/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Times the end of memory. usage: unmapgen PAGES, then on standard input one
 * line per answer: a line of JSON with the nanoseconds per page that munmap of
 * so many pages takes, and the end of a process that has them.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/parse.h"

#define TIMES 5 /* the best counts: others make it longer, never shorter */

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "unmapgen: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* In small pages: huge ones are given back in one stroke. */
static void *pages_of(size_t bytes)
{
	char *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		die("mmap");
	if (madvise(mem, bytes, MADV_NOHUGEPAGE) && errno != EINVAL)
		die("madvise");
	memset(mem, 1, bytes);
	return mem;
}

static uint64_t time_unmap(size_t bytes)
{
	void *mem = pages_of(bytes);
	uint64_t before = now_ns();

	if (munmap(mem, bytes))
		die("munmap");
	return now_ns() - before;
}

/* The child says when it begins to end. */
static uint64_t time_exit(size_t bytes)
{
	uint64_t began = 0;
	int ends[2];
	pid_t pid;

	if (pipe(ends) || (pid = fork()) < 0)
		die("fork");
	if (!pid) {
		pages_of(bytes);
		began = now_ns();
		if (write(ends[1], &began, sizeof(began)) != sizeof(began))
			_exit(1);
		_exit(0);
	}
	if (read(ends[0], &began, sizeof(began)) != sizeof(began) || waitpid(pid, NULL, 0) != pid)
		die("the child");
	close(ends[0]);
	close(ends[1]);
	return now_ns() - began;
}

static double best_per_page(uint64_t (*timed)(size_t bytes), size_t pages)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < TIMES; i++) {
		uint64_t ns = timed(pages * (size_t)sysconf(_SC_PAGESIZE));

		best = ns < best ? ns : best;
	}
	return (double)best / (double)pages;
}

int main(int argc, char **argv)
{
	uint64_t pages;
	char line[8];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (argc != 2 || pf_parse_u64(argv[1], 1, 1 << 20, &pages)) {
		fprintf(stderr, "usage: unmapgen PAGES <LINES\n");
		return 2;
	}
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		printf("{\"munmap\":%.3f,", best_per_page(time_unmap, pages));
		printf("\"exit\":%.3f}\n", best_per_page(time_exit, pages));
		fflush(stdout);
	}
	return 0;
}
