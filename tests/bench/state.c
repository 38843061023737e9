/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What it takes to save and load the histories of many processes: bytes made
 * and the file replaced; the file read and its histories taken. CPU time, in
 * milliseconds, a JSON object for each round.
 *
 *	state FILE [PROCESSES [ROUNDS]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/file.h"
#include "lib/base/strbuf.h"
#include "lib/leak/leak.h"
#include "lib/leak/state.h"
#include "lib/record/sample.h"

#define TICK_S 10.0

static void die(const char *what)
{
	fprintf(stderr, "state: %s\n", what);
	exit(1);
}

static struct pf_leak *new_leak(size_t processes)
{
	struct pf_leak_config config = pf_leak_default_config;
	struct pf_leak *leak;

	config.max_processes = processes;
	leak = pf_leak__new(&config, NULL);
	if (!leak)
		die("out of memory");
	return leak;
}

static void feed(struct pf_leak *leak, size_t processes, double t)
{
	struct pf_sample s;

	for (size_t i = 0; i < processes; i++) {
		pf_sample_init(&s);
		s.pid = (int64_t)i + 1;
		s.ts = 1.7e9 + t;
		s.mono_s = t;
		s.interval_s = TICK_S;
		s.start_ts = 1.6e9;
		s.rss_bytes = s.rss_anon_bytes = (int64_t)(50 << 20) + (int64_t)t * (int64_t)i;
		s.faults = 10;
		pf_leak__feed(leak, &s);
	}
	pf_leak__moment_end(leak, t);
}

/* Two minutes, then a gap of four days, which fills each octave. */
static struct pf_leak *old_leak(size_t processes)
{
	struct pf_leak *leak = new_leak(processes);

	for (double t = 0; t < 120; t += TICK_S)
		feed(leak, processes, t);
	feed(leak, processes, 4 * 86400.0);
	if (pf_leak__stats(leak)->histories != processes)
		die("not all have a history");
	return leak;
}

/* CPU time: what else goes on is not to be in it. */
static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static double since_ms(uint64_t *begin_ns)
{
	uint64_t now = now_ns();
	double ms = (double)(now - *begin_ns) / 1e6;

	*begin_ns = now;
	return ms;
}

static void take_round(struct pf_leak *leak, const char *path, size_t processes)
{
	struct pf_strbuf out = PF_STRBUF_INIT, in = PF_STRBUF_INIT;
	const struct pf_state_head head = { .boot = "b", .ts = 1.7e9, .mono_s = 1 };
	struct pf_leak *again = new_leak(processes);
	struct pf_state_head found;
	uint64_t begin = now_ns();
	const char *why;

	if (pf_state_write(&out, &head, leak, NULL))
		die("out of memory");
	if (pf_file_replace_locked(path, out.data, out.len, 0600, NULL))
		die("cannot write the file");
	printf("{\"save_ms\": %.2f", since_ms(&begin));
	if (pf_file_read(path, PF_STATE_BYTES_MAX, &in, NULL))
		die("cannot read the file");
	if (pf_state_check(in.data, in.len, &found, &why) != PF_STATE_FINE ||
	    pf_state_read(in.data, in.len, 0, again, NULL) ||
	    pf_leak__stats(again)->histories != processes)
		die("not what was written");
	printf(", \"load_ms\": %.2f, \"bytes\": %zu}\n", since_ms(&begin), in.len);
	pf_leak__free(again);
	pf_strbuf_free(&out);
	pf_strbuf_free(&in);
}

int main(int argc, char **argv)
{
	const size_t processes = argc > 2 ? strtoul(argv[2], NULL, 10) : 10000;
	const unsigned long rounds = argc > 3 ? strtoul(argv[3], NULL, 10) : 9;
	struct pf_leak *leak;

	if (argc < 2)
		die("name a file");
	leak = old_leak(processes);
	for (unsigned long i = 0; i < rounds; i++)
		take_round(leak, argv[1], processes);
	pf_leak__free(leak);
	return 0;
}
