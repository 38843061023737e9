/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * usage: leakgen [-n] [-l PERCENT] [-m MIN] [-M MAX] [-r RATE] [-s SEED] [-t THREADS] [-u MB]
 *
 * A leak amid churn. RATE times a second (5000, all threads together) one of
 * five functions takes memory of MIN to MAX bytes (64 to 65536), each equally
 * often, of the same sizes and by the same way to die: after 1 ms to 8 s, as
 * many short as long by octave, freed by whichever thread comes there first.
 * One of the five, which SEED chooses, loses so much of what it takes that
 * PERCENT (5, at most 20) of all allocations are lost; -n: none does. The five
 * take memory in different ways, and two of them through one more function.
 *
 * First it says which function leaks; it ends when there is something on its
 * standard input, when that ends, or with MB (1024) lost, and says then what was
 * lost. Needs nothing but the C library, takes nothing from the heap for itself,
 * and is the same for the same SEED but for who frees.
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define SEPARATE __attribute__((noinline, noclone))
#define STAY()	 __asm__ volatile("" ::: "memory")

enum { SITES = 5, THREADS_MAX = 16, TICK_NS = 1000000, WHEEL = 8192, MB = 1 << 20 };

/* What every block begins with while it lives. */
struct held {
	struct held *next;
};

struct leakgen {
	unsigned int percent, leaks, threads;
	size_t min_bytes, max_bytes, rate;
	uint64_t seed;
	_Atomic(struct held *) wheel[WHEEL]; /* to be freed in that tick */
	atomic_ullong lost, lost_bytes, taken, taken_bytes, max_lost_bytes;
	atomic_bool over;
};

struct worker {
	pthread_t thread;
	struct leakgen *gen;
	uint64_t random;
};

/* ---- who takes memory ------------------------------------------------------ */

static void *filled(void *mem, size_t bytes)
{
	if (!mem) {
		perror("leakgen");
		exit(1);
	}
	memset(mem, 1, bytes);
	STAY();
	return mem;
}

/* As programs have it, so that the caller of malloc tells nothing. */
static SEPARATE void *leakgen_obtain(size_t bytes)
{
	void *mem = filled(malloc(bytes), bytes);

	STAY();
	return mem;
}

static SEPARATE void *leakgen_session(size_t bytes)
{
	void *mem = leakgen_obtain(bytes);

	STAY();
	return mem;
}

static SEPARATE void *leakgen_reply(size_t bytes)
{
	void *mem = leakgen_obtain(bytes);

	STAY();
	return mem;
}

static SEPARATE void *leakgen_index(size_t bytes)
{
	void *mem = filled(calloc(1, bytes), bytes);

	STAY();
	return mem;
}

/* It grows as a buffer does that is written to. */
static SEPARATE void *leakgen_render(size_t bytes)
{
	void *mem = filled(malloc(bytes / 4 + 16), bytes / 4 + 16), *more;

	more = realloc(mem, bytes);
	STAY();
	return filled(more, bytes);
}

static SEPARATE void *leakgen_buffer(size_t bytes)
{
	void *mem = NULL;

	if (posix_memalign(&mem, 64, bytes))
		mem = NULL;
	STAY();
	return filled(mem, bytes);
}

static const struct site {
	const char *name;
	void *(*take)(size_t bytes);
} sites[SITES] = {
	{ "leakgen_session", leakgen_session }, { "leakgen_reply", leakgen_reply },
	{ "leakgen_index", leakgen_index },	{ "leakgen_render", leakgen_render },
	{ "leakgen_buffer", leakgen_buffer },
};

/* ---- chance ---------------------------------------------------------------- */

static uint64_t drawn(struct worker *w)
{
	w->random ^= w->random >> 12;
	w->random ^= w->random << 25;
	w->random ^= w->random >> 27;
	return w->random * UINT64_C(0x2545f4914f6cdd1d) >> 11;
}

static uint64_t below(struct worker *w, uint64_t limit)
{
	return drawn(w) % limit;
}

/* From min to max: each octave as often as any other, evenly within it. */
static uint64_t by_octave(struct worker *w, uint64_t min, uint64_t max)
{
	unsigned int octaves = 0;
	uint64_t low, high;

	while (min << (octaves + 1) <= max)
		octaves++;
	low = min << below(w, octaves ? octaves : 1);
	high = octaves ? low * 2 : max + 1;
	return low + below(w, high - low);
}

/* ---- work ------------------------------------------------------------------ */

static void put(struct leakgen *g, struct held *mem, uint64_t tick)
{
	_Atomic(struct held *) *slot = &g->wheel[tick % WHEEL];

	mem->next = atomic_load(slot);
	while (!atomic_compare_exchange_weak(slot, &mem->next, mem))
		;
}

static void free_due(struct leakgen *g, uint64_t tick)
{
	struct held *mem = atomic_exchange(&g->wheel[tick % WHEEL], NULL);

	while (mem) {
		struct held *next = mem->next;

		free(mem);
		mem = next;
	}
}

static SEPARATE void leakgen_serve(struct worker *w, uint64_t tick)
{
	struct leakgen *g = w->gen;
	unsigned int site = (unsigned int)below(w, SITES);
	size_t bytes = by_octave(w, g->min_bytes, g->max_bytes);
	uint64_t life = by_octave(w, 1, WHEEL - 1);
	bool lose = below(w, 100) < g->percent * SITES;
	struct held *mem = sites[site].take(bytes);

	atomic_fetch_add(&g->taken, 1);
	atomic_fetch_add(&g->taken_bytes, bytes);
	if (site != g->leaks || !lose) {
		put(g, mem, tick + life);
		return;
	}
	atomic_fetch_add(&g->lost, 1);
	if (atomic_fetch_add(&g->lost_bytes, bytes) > g->max_lost_bytes)
		atomic_store(&g->over, true);
}

static void *leakgen_worker(void *arg)
{
	struct worker *w = arg;
	struct leakgen *g = w->gen;
	const size_t a_tick = 1000 * g->threads;
	size_t owed = 0;
	struct timespec due;

	clock_gettime(CLOCK_MONOTONIC, &due);
	for (uint64_t tick = 0; !atomic_load(&g->over); tick++) {
		free_due(g, tick);
		for (owed += g->rate; owed >= a_tick; owed -= a_tick)
			leakgen_serve(w, tick);
		due.tv_nsec += TICK_NS;
		if (due.tv_nsec >= 1000000000) {
			due.tv_nsec -= 1000000000;
			due.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
	}
	STAY();
	return NULL;
}

/* ---- begin and end --------------------------------------------------------- */

static size_t number(int option, const char *text, size_t min, size_t max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end || n < min || n > max) {
		fprintf(stderr, "leakgen: -%c: '%s' is not a number from %zu to %zu\n", option,
			text, min, max);
		exit(2);
	}
	return n;
}

static void read_options(struct leakgen *g, int argc, char **argv)
{
	bool none = false;
	int c;

	while ((c = getopt(argc, argv, "nl:m:M:r:s:t:u:")) != -1) {
		switch (c) {
		case 'n':
			none = true;
			break;
		case 'l':
			g->percent = (unsigned int)number(c, optarg, 1, 100 / SITES);
			break;
		case 'm':
			g->min_bytes = number(c, optarg, 64, MB);
			break;
		case 'M':
			g->max_bytes = number(c, optarg, 64, MB);
			break;
		case 'r':
			g->rate = number(c, optarg, 1, 1000000);
			break;
		case 's':
			g->seed = number(c, optarg, 0, 1000000);
			break;
		case 't':
			g->threads = (unsigned int)number(c, optarg, 1, THREADS_MAX);
			break;
		case 'u':
			atomic_store(&g->max_lost_bytes, number(c, optarg, 1, 65536) * MB);
			break;
		default:
			exit(2);
		}
	}
	if (g->max_bytes < g->min_bytes)
		number('M', "less than -m", g->min_bytes, MB);
	g->leaks = none ? SITES : (unsigned int)(g->seed % SITES);
}

static void start(struct leakgen *g, struct worker *workers)
{
	for (unsigned int i = 0; i < g->threads; i++) {
		struct worker *w = &workers[i];

		*w = (struct worker){ .gen = g };
		w->random = (g->seed * THREADS_MAX + i + 1) * UINT64_C(0x9e3779b97f4a7c15);
		if (pthread_create(&w->thread, NULL, leakgen_worker, w)) {
			perror("leakgen: pthread_create");
			exit(1);
		}
	}
}

int main(int argc, char **argv)
{
	static struct leakgen g = { .percent = 5,
				    .threads = 1,
				    .min_bytes = 64,
				    .max_bytes = 65536,
				    .rate = 5000,
				    .max_lost_bytes = UINT64_C(1024) * MB };
	static struct worker workers[THREADS_MAX];
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	static char line[4096];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	read_options(&g, argc, argv);
	setvbuf(stdout, line, _IOLBF, sizeof(line));
	start(&g, workers);
	printf("{\"pid\":%d,\"ready\":true,\"site\":\"%s\"}\n", getpid(),
	       g.leaks < SITES ? sites[g.leaks].name : "");
	while (!atomic_load(&g.over) && poll(&in, 1, 50) == 0)
		;
	atomic_store(&g.over, true);
	for (unsigned int i = 0; i < g.threads; i++)
		pthread_join(workers[i].thread, NULL);
	printf("{\"pid\":%d,\"taken\":%llu,\"taken_bytes\":%llu,\"lost\":%llu,\"lost_bytes\":%llu}\n",
	       getpid(), atomic_load(&g.taken), atomic_load(&g.taken_bytes), atomic_load(&g.lost),
	       atomic_load(&g.lost_bytes));
	return 0;
}
