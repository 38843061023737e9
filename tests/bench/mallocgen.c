/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Times pairs of malloc and free. usage: mallocgen CPU, then on standard input
 * one number per line: for so many milliseconds take a block of 64 to 1024
 * bytes and free the one taken 128 before it, again and again; answers with one
 * line of JSON: the mean, as what a tracer draws now and then is part of its
 * cost.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/parse.h"

enum { HELD = 128, MAX_MS = 60000 };

struct mallocgen {
	char *held[HELD];
	uint64_t random;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void __attribute__((noinline)) turn(struct mallocgen *g)
{
	for (int i = 0; i < HELD; i++) {
		g->random = g->random * UINT64_C(6364136223846793005) + 1442695040888963407;
		free(g->held[i]);
		g->held[i] = malloc(64 + (g->random >> 33) % 961);
		if (g->held[i])
			g->held[i][0] = 1;
	}
}

static void measure(struct mallocgen *g, uint64_t ms)
{
	uint64_t begin, now, until, turns = 0;

	turn(g);
	begin = now_ns();
	until = begin + ms * 1000000;
	do {
		turn(g);
		turns++;
		now = now_ns();
	} while (now < until);
	printf("{\"ns_per_pair\":%.2f,\"pairs\":%ju}\n",
	       (double)(now - begin) / (double)(turns * HELD), (uintmax_t)(turns * HELD));
	fflush(stdout);
}

static uint64_t number(const char *name, const char *text, uint64_t max)
{
	uint64_t n;

	if (pf_parse_u64(text, 0, max, &n)) {
		fprintf(stderr, "mallocgen: %s: '%s' is not a number up to %ju\n", name, text,
			(uintmax_t)max);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	static struct mallocgen gen = { .random = 1 };
	char line[32];
	cpu_set_t only;

	if (argc != 2) {
		fprintf(stderr, "usage: mallocgen CPU <MILLISECONDS\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&only);
	CPU_SET(number("cpu", argv[1], CPU_SETSIZE - 1), &only);
	if (sched_setaffinity(0, sizeof(only), &only)) {
		fprintf(stderr, "mallocgen: sched_setaffinity: %s\n", strerror(errno));
		return 1;
	}
	printf("{\"pid\":%d}\n", getpid());
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		measure(&gen, number("milliseconds", line, MAX_MS));
	}
	return 0;
}
