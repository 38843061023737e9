/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What it takes to judge many processes, apart from looking at them: CPU time
 * of an hour of samples every ten seconds, as a share of that hour, and the
 * memory that a process's history takes. A JSON object for each round.
 *
 *	scoring [PROCESSES [ROUNDS]]
 */
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/leak/leak.h"
#include "lib/record/sample.h"

#define TICK_S	10.0
#define HOUR_S	3600.0
#define BEGIN_S 1000.0

#define MB (1 << 20)

static void die(const char *what)
{
	fprintf(stderr, "scoring: %s\n", what);
	exit(1);
}

/* A quarter each is flat, wobbles, rises and is given back, or leaks. */
static double memory_of(size_t i, double t)
{
	switch (i % 4) {
	case 0:
		return 50;
	case 1:
		return 80 + 3 * sin(t / 70 + (double)i);
	case 2:
		return 100 + fmod(t + (double)i, 300) / 10;
	default:
		return 40 + t / 60 * (1 + (double)(i % 7));
	}
}

/* All of one moment; small ones have no history. */
static void feed(struct pf_leak *leak, size_t processes, double t, double share)
{
	struct pf_sample s;

	for (size_t i = 0; i < processes; i++) {
		pf_sample_init(&s);
		s.pid = (int64_t)i + 1;
		s.ts = 1.7e9 + t;
		s.mono_s = BEGIN_S + t;
		s.interval_s = TICK_S;
		s.start_ts = 1.6e9;
		s.rss_anon_bytes = s.rss_bytes = (int64_t)(share * memory_of(i, t) * MB);
		s.faults = 10;
		pf_leak__feed(leak, &s);
	}
	pf_leak__moment_end(leak, BEGIN_S + t);
}

static double cpu_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static struct pf_leak *new_leak(void)
{
	struct pf_leak *leak = pf_leak__new(&pf_leak_default_config, NULL);

	if (!leak)
		die("out of memory");
	return leak;
}

/* Bytes in use after a moment of processes of which that share of the memory is there. */
static size_t heap_after(size_t processes, double share)
{
	size_t before = mallinfo2().uordblks, after;
	struct pf_leak *leak = new_leak();

	feed(leak, processes, 0, share);
	after = mallinfo2().uordblks;
	pf_leak__free(leak);
	return after - before;
}

static void take_round(size_t processes)
{
	struct pf_leak *leak = new_leak();
	size_t history = heap_after(processes, 1) - heap_after(processes, 0.01);
	double begin = cpu_s();

	for (double t = 0; t < HOUR_S; t += TICK_S)
		feed(leak, processes, t, 1);
	printf("{\"core_percent\": %.4f, \"alerts\": %llu, \"history_bytes\": %zu}\n",
	       100 * (cpu_s() - begin) / HOUR_S, (unsigned long long)pf_leak__stats(leak)->alerts,
	       history / processes);
	pf_leak__free(leak);
}

int main(int argc, char **argv)
{
	const size_t processes = argc > 1 ? strtoul(argv[1], NULL, 10) : 3000;
	const unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 9;

	if (!processes)
		die("no processes");
	for (unsigned long i = 0; i < rounds; i++)
		take_round(processes);
	return 0;
}
