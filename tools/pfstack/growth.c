/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages that were sampled, and whether they are still there: /proc/PID/pagemap. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HASH_NONFATAL_OOM 1 /* without memory an addition fails, not the program */
#include <uthash.h>

#include "lib/observe/capture.h"
#include "tools/pfstack/growth.h"

#define PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define PAGEMAP_SWAPPED (UINT64_C(1) << 62)

/* Marks of a trace's sum. */
enum { FIRST, LAST, NOW, RISING };

struct key {
	uint64_t page; /* number */
	uint64_t start_ns;
	int64_t pid;
};

struct page {
	struct key key;
	uint32_t trace; /* index */
	int64_t bytes;	/* that it stands for */
	UT_hash_handle hh;
};

struct pfstack_growth {
	struct page *pages;
	struct pfstack_growth_stats stats;
	uint64_t page_bytes;
	uint32_t *seen; /* pages of each trace, in the last look */
	size_t seen_cap;
};

struct pfstack_growth *pfstack_growth_new(void)
{
	struct pfstack_growth *g = calloc(1, sizeof(*g));

	if (g)
		g->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	return g;
}

static void drop(struct pfstack_growth *g, struct page *p)
{
	HASH_DEL(g->pages, p);
	free(p);
}

void pfstack_growth_free(struct pfstack_growth *g)
{
	struct page *p, *next;

	if (!g)
		return;
	HASH_ITER (hh, g->pages, p, next) {
		drop(g, p);
	}
	free(g->seen);
	free(g);
}

void pfstack_growth_forget(struct pfstack_growth *g, const struct pfstack_proc *proc)
{
	struct page *p, *next;

	HASH_ITER (hh, g->pages, p, next) {
		if (p->key.pid == proc->key.pid && p->key.start_ns == proc->key.start_ns)
			drop(g, p);
	}
}

/* Open, it stays that of the program that runs now, whoever gets the pid. */
void pfstack_growth_meet(struct pfstack_growth *g, struct pfstack_proc *proc)
{
	char path[64];

	if (proc->pagemap >= 0) {
		close(proc->pagemap);
		pfstack_growth_forget(g, proc);
	}
	snprintf(path, sizeof(path), "/proc/%" PRId64 "/pagemap", proc->key.pid);
	proc->pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (proc->pagemap < 0)
		g->stats.unread++;
}

/* A page that comes once more had been given back: the last one to bring it has it. */
void pfstack_growth_add(struct pfstack_growth *g, struct pfstack_proc *proc,
			const struct pf_trace_sum *sum, uint64_t address, int64_t bytes)
{
	struct key key = { .page = address / g->page_bytes,
			   .start_ns = proc->key.start_ns,
			   .pid = proc->key.pid };
	struct page *p;

	if (bytes <= 0)
		return;
	HASH_FIND(hh, g->pages, &key, sizeof(key), p);
	if (!p && HASH_COUNT(g->pages) < PFSTACK_GROWTH_PAGES_MAX) {
		p = calloc(1, sizeof(*p));
		if (p) {
			p->key = key;
			HASH_ADD(hh, g->pages, key, sizeof(key), p);
			if (!p->hh.tbl) {
				free(p);
				p = NULL;
			}
		}
	}
	if (!p) {
		g->stats.forgotten++;
		return;
	}
	p->trace = sum->index;
	p->bytes = bytes; /* not by weight: that may grow */
}

static bool is_there(const struct pfstack_proc *proc, const struct page *p)
{
	uint64_t entry;

	if (proc->gone || proc->pagemap < 0)
		return false;
	return pread(proc->pagemap, &entry, sizeof(entry), (off_t)(p->key.page * sizeof(entry))) ==
		       sizeof(entry) &&
	       (entry & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED));
}

/*
 * Pages that are drawn at the greatest weight were so all the time: only of
 * them it is known who brought them in last, and each stands for that many.
 */
static void look_at(struct pfstack_growth *g, const struct pfstack_proc *proc, struct page *p,
		    struct pf_traces *traces)
{
	struct pf_trace_sum *sum = pf_traces__at(traces, p->trace);

	if (!proc || !pf_capture_drawn(p->key.page * g->page_bytes, proc->weight_most) ||
	    !is_there(proc, p)) {
		drop(g, p);
		return;
	}
	sum->mark[NOW] += p->bytes * proc->weight_most;
	g->seen[p->trace]++;
}

/*
 * Is it more by what chance does not bring about? Memory that comes and goes
 * differs from one look to the next by about the root of the pages seen.
 */
static bool got_more(const struct pf_trace_sum *sum, uint32_t pages)
{
	double more = (double)(sum->mark[NOW] - sum->mark[LAST]) / (double)sum->mark[NOW];

	return sum->mark[NOW] > sum->mark[LAST] && more * more * pages > 4;
}

/* RISING counts the intervals in a row in which it got more; the first begins with nothing. */
static void judge(struct pf_trace_sum *sum, uint32_t pages, uint32_t intervals)
{
	int64_t now = sum->mark[NOW];

	sum->mark[RISING] = got_more(sum, pages) ? sum->mark[RISING] + 1 : 0;
	if (intervals == 1)
		sum->mark[FIRST] = now;
	sum->mark[LAST] = now;
	sum->bytes = sum->mark[RISING] >= 2 ? now - sum->mark[FIRST] : 0;
}

/* A zero for each trace. */
static int make_seen(struct pfstack_growth *g, size_t n)
{
	if (n > g->seen_cap) {
		uint32_t *bigger = realloc(g->seen, n * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		g->seen = bigger;
		g->seen_cap = n;
	}
	if (n)
		memset(g->seen, 0, n * sizeof(*g->seen));
	return 0;
}

int pfstack_growth_interval(struct pfstack_growth *g, struct pfstack_procs *procs,
			    struct pf_traces *traces)
{
	size_t n = pf_traces__count(traces);
	struct page *p, *next;

	for (size_t i = 0; i < n; i++)
		pf_traces__at(traces, i)->mark[NOW] = 0;
	if (make_seen(g, n))
		return -ENOMEM;
	HASH_ITER (hh, g->pages, p, next) {
		look_at(g, pfstack_procs_find(procs, p->key.pid, p->key.start_ns), p, traces);
	}
	g->stats.intervals++;
	for (size_t i = 0; i < n; i++)
		judge(pf_traces__at(traces, i), g->seen[i], g->stats.intervals);
	return 0;
}

int64_t pfstack_growth_change(const struct pf_trace_sum *sum)
{
	return sum->mark[LAST] - sum->mark[FIRST];
}

void pfstack_growth_stats(const struct pfstack_growth *g, struct pfstack_growth_stats *out)
{
	*out = g->stats;
	out->remembered = HASH_COUNT(g->pages);
}
