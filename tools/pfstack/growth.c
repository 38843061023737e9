/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages that were sampled, and whether they are still there: /proc/PID/pagemap. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uthash.h>

#include "tools/pfstack/growth.h"

#define PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define PAGEMAP_SWAPPED (UINT64_C(1) << 62)

/* Marks of a trace's sum. */
enum { FIRST, LAST, NOW, RUN };

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
		}
	}
	if (!p) {
		g->stats.forgotten++;
		return;
	}
	p->trace = sum->index;
	p->bytes = bytes;
}

static bool is_there(const struct pfstack_growth *g, const struct pfstack_proc *proc,
		     const struct page *p)
{
	uint64_t entry;

	(void)g;
	if (!proc || proc->gone || proc->pagemap < 0)
		return false;
	return pread(proc->pagemap, &entry, sizeof(entry), (off_t)(p->key.page * sizeof(entry))) ==
		       sizeof(entry) &&
	       (entry & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED));
}

static void look(struct pfstack_growth *g, struct pfstack_procs *procs, struct pf_traces *traces)
{
	struct page *p, *next;

	HASH_ITER (hh, g->pages, p, next) {
		struct pfstack_proc *proc = pfstack_procs_find(procs, p->key.pid, p->key.start_ns);

		if (is_there(g, proc, p))
			pf_traces__at(traces, p->trace)->mark[NOW] +=
				(int64_t)((double)p->bytes * proc->scale);
		else
			drop(g, p);
	}
}

/* RUN counts the intervals in a row in which it got more; the first one begins with nothing. */
static void judge(struct pf_trace_sum *sum, uint32_t intervals)
{
	int64_t now = sum->mark[NOW];

	sum->mark[RUN] = now > sum->mark[LAST] ? sum->mark[RUN] + 1 : 0;
	if (intervals == 1)
		sum->mark[FIRST] = now;
	sum->mark[LAST] = now;
	sum->bytes = sum->mark[RUN] >= 2 && now > sum->mark[FIRST] ? now - sum->mark[FIRST] : 0;
}

void pfstack_growth_interval(struct pfstack_growth *g, struct pfstack_procs *procs,
			     struct pf_traces *traces)
{
	size_t n = pf_traces__count(traces);

	for (size_t i = 0; i < n; i++)
		pf_traces__at(traces, i)->mark[NOW] = 0;
	look(g, procs, traces);
	g->stats.intervals++;
	for (size_t i = 0; i < n; i++)
		judge(pf_traces__at(traces, i), g->stats.intervals);
}

void pfstack_growth_stats(const struct pfstack_growth *g, struct pfstack_growth_stats *out)
{
	*out = g->stats;
	out->remembered = HASH_COUNT(g->pages);
}
