/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the example programs share: options, a paced loop, and manners. They
 * end on SIGTERM, SIGINT, after --seconds, or with their parent, and they
 * refuse to grow past --max-mb whatever they were asked to do.
 */
#ifndef PF_EXAMPLES_DEMO_H
#define PF_EXAMPLES_DEMO_H

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum {
	DEMO_MB = 1024 * 1024,
};

/* No tick makes up for more time than this, so a SIGCONT brings no burst. */
#define DEMO_CATCH_UP_S 0.1

struct demo {
	const char *name;
	const char *purpose;   /* one line for --help */
	const char *rate_help; /* what --rate-mb-s means here; NULL = no such option */
	double rate_mb_s;
	long size_mb;	  /* --size-mb: what it holds; 0 = no such option */
	long max_mb;	  /* resident memory at which it stops */
	double seconds;	  /* 0 = until told to stop */
	long tick_ms;	  /* how often it acts */
	double due_bytes; /* what the rate has allowed so far */
	double start_s;
	double last_s; /* the last tick */
	bool full;     /* it stopped because of max_mb */
};

static volatile sig_atomic_t demo_stop;

static inline void demo_on_signal(int sig)
{
	(void)sig;
	demo_stop = 1;
}

static inline void __attribute__((noreturn)) demo_help(const struct demo *demo)
{
	printf("%s: %s\n\n", demo->name, demo->purpose);
	if (demo->rate_help)
		printf("  --rate-mb-s N   %s (%g)\n", demo->rate_help, demo->rate_mb_s);
	if (demo->size_mb)
		printf("  --size-mb N     how much it holds (%ld)\n", demo->size_mb);
	printf("  --max-mb N      stop when this much is resident (%ld)\n", demo->max_mb);
	printf("  --seconds N     stop after this time (0: run until SIGTERM)\n");
	exit(0);
}

static inline double demo_number(const struct demo *demo, const char *option, const char *arg,
				 double min, double max)
{
	char *end;
	double n = strtod(arg, &end);

	/* Written so that NaN fails too. */
	if (end == arg || *end || !(n >= min && n <= max)) {
		fprintf(stderr, "%s: --%s: '%s' is not a number from %g to %g\n", demo->name,
			option, arg, min, max);
		exit(2);
	}
	return n;
}

static inline void demo_options(struct demo *demo, int argc, char **argv)
{
	static const struct option options[] = {
		{ "rate-mb-s", required_argument, NULL, 'r' },
		{ "size-mb", required_argument, NULL, 'z' },
		{ "max-mb", required_argument, NULL, 'm' },
		{ "seconds", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	bool refused = false;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'r' && demo->rate_help)
			demo->rate_mb_s = demo_number(demo, "rate-mb-s", optarg, 0.01, 1000);
		else if (c == 'z' && demo->size_mb)
			demo->size_mb = demo_number(demo, "size-mb", optarg, 1, 100000);
		else if (c == 'm')
			demo->max_mb = demo_number(demo, "max-mb", optarg, 1, 100000);
		else if (c == 's')
			demo->seconds = demo_number(demo, "seconds", optarg, 0, 1e6);
		else if (c == 'h')
			demo_help(demo);
		else
			refused = true;
	}
	if (refused || optind != argc) {
		fprintf(stderr, "%s: --help lists the options\n", demo->name);
		exit(2);
	}
	if (demo->size_mb >= demo->max_mb) {
		fprintf(stderr, "%s: --size-mb %ld is not below --max-mb %ld\n", demo->name,
			demo->size_mb, demo->max_mb);
		exit(2);
	}
}

static inline double demo_now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* Parse, arrange for an orderly end, and say hello on stdout. */
static inline void demo_begin(struct demo *demo, int argc, char **argv)
{
	struct sigaction action = { .sa_handler = demo_on_signal };
	pid_t parent = getppid();

	demo_options(demo, argc, argv);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		exit(1);
	demo->start_s = demo->last_s = demo_now_s();
	printf("%s: pid %d, at most %ld MB\n", demo->name, getpid(), demo->max_mb);
	fflush(stdout);
}

/* Resident memory; an unreadable /proc counts as full, as the cap must hold. */
static inline long demo_resident_mb(const struct demo *demo)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long pages = -1;

	if (f) {
		if (fscanf(f, "%*s %ld", &pages) != 1)
			pages = -1;
		fclose(f);
	}
	return pages < 0 ? demo->max_mb : pages * sysconf(_SC_PAGESIZE) / DEMO_MB;
}

/* Rest for one tick, then raise due_bytes; false when it is time to stop. */
static inline bool demo_tick(struct demo *demo)
{
	struct timespec tick = { demo->tick_ms / 1000, demo->tick_ms % 1000 * 1000000 };
	double now, passed, step_mb = demo->rate_mb_s * DEMO_CATCH_UP_S;

	nanosleep(&tick, NULL);
	now = demo_now_s();
	passed = now - demo->last_s;
	demo->last_s = now;
	demo->due_bytes +=
		demo->rate_mb_s * DEMO_MB * (passed < DEMO_CATCH_UP_S ? passed : DEMO_CATCH_UP_S);
	demo->full = demo_resident_mb(demo) + step_mb >= demo->max_mb;
	return !demo_stop && !demo->full &&
	       !(demo->seconds > 0 && now - demo->start_s >= demo->seconds);
}

/* Memory that must be there; a refusal ends the program. */
static inline void *demo_alloc(const struct demo *demo, size_t bytes)
{
	void *mem = malloc(bytes);

	if (!mem) {
		fprintf(stderr, "%s: no memory for %zu bytes\n", demo->name, bytes);
		exit(1);
	}
	return mem;
}

/* Exit status: 0 when it was told to stop or its time was up. */
static inline int demo_end(const struct demo *demo)
{
	if (!demo->full)
		return 0;
	fprintf(stderr, "%s: the limit of --max-mb, %ld MB, is reached: stopping\n", demo->name,
		demo->max_mb);
	return 1;
}

#endif
