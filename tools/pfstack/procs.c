/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes that are sampled. Reads of /proc only what one figure takes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "tools/pfstack/procs.h"

/* uthash compares the key's bytes: no padding in it. */
_Static_assert(sizeof(struct pfstack_proc_key) == 16, "no padding");

struct pfstack_proc *pfstack_procs_find(struct pfstack_procs *p, int64_t pid, uint64_t start_ns)
{
	const struct pfstack_proc_key key = { .pid = pid, .start_ns = start_ns };
	struct pfstack_proc *proc;

	HASH_FIND(hh, p->table, &key, sizeof(key), proc);
	return proc;
}

bool pfstack_procs_full(const struct pfstack_procs *p)
{
	return HASH_COUNT(p->table) >= PFSTACK_PROCESSES_MAX;
}

static struct pfstack_proc *add_one(struct pfstack_procs *p, int64_t pid, uint64_t start_ns)
{
	struct pfstack_proc *proc = calloc(1, sizeof(*proc));

	if (!proc)
		return NULL;
	proc->key.pid = pid;
	proc->key.start_ns = start_ns;
	proc->pagemap = -1;
	proc->rss_first = proc->rss_last = proc->rss_base = PF_UNKNOWN;
	HASH_ADD(hh, p->table, key, sizeof(proc->key), proc);
	if (proc->hh.tbl)
		return proc;
	free(proc);
	return NULL;
}

struct pfstack_proc *pfstack_procs_get(struct pfstack_procs *p, int64_t pid, uint64_t start_ns)
{
	struct pfstack_proc *proc = pfstack_procs_find(p, pid, start_ns);

	if (proc)
		return proc;
	proc = pfstack_procs_full(p) ? NULL : add_one(p, pid, start_ns);
	if (!proc)
		p->refused++;
	return proc;
}

static void drop_one(struct pfstack_procs *p, struct pfstack_proc *proc)
{
	HASH_DEL(p->table, proc);
	if (proc->pagemap >= 0)
		close(proc->pagemap);
	free(proc);
}

static void add_past(struct pfstack_past *past, const struct pfstack_proc *proc)
{
	if (!proc->samples)
		return;
	past->processes++;
	past->faults += proc->seen - proc->unsampled;
	past->unsampled += proc->unsampled;
	past->samples += proc->samples;
}

void pfstack_procs_sweep(struct pfstack_procs *p,
			 void (*drop)(void *ctx, const struct pfstack_proc *proc), void *ctx)
{
	struct pfstack_proc *proc, *next;

	HASH_ITER (hh, p->table, proc, next) {
		if (!proc->gone || proc->waiting)
			continue;
		drop(ctx, proc);
		add_past(&p->past, proc);
		drop_one(p, proc);
	}
}

void pfstack_procs_free(struct pfstack_procs *p)
{
	struct pfstack_proc *proc, *next;

	HASH_ITER (hh, p->table, proc, next) {
		drop_one(p, proc);
	}
}

void pfstack_proc_sampled(struct pfstack_proc *proc, uint32_t weight, uint64_t seen)
{
	proc->samples++;
	proc->weight += weight;
	if (weight > proc->weight_most)
		proc->weight_most = weight;
	pfstack_proc_seen(proc, seen);
}

/* Those while it is cold nobody stands for. Threads tell of them in any order. */
void pfstack_proc_seen(struct pfstack_proc *proc, uint64_t seen)
{
	uint64_t more = seen > proc->seen ? seen - proc->seen : 0;

	proc->seen += more;
	if (!proc->cold)
		return;
	proc->unsampled += more;
	proc->seen_before += more;
}

static double ratio(uint64_t faults, double weight)
{
	return weight > 0 && faults > 0 ? (double)faults / weight : 1;
}

double pfstack_proc_period(struct pfstack_proc *proc)
{
	double scale = 1;

	if (proc->weight > 0) {
		scale = ratio(proc->seen - proc->seen_before, proc->weight);
		proc->seen_before = proc->seen;
		proc->weight = 0;
	}
	return scale;
}

int64_t pfstack_proc_rss(const struct pfstack_proc *proc)
{
	_cleanup_fclose_ FILE *f = NULL;
	int64_t resident;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/statm", proc->key.pid);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%*d %" SCNd64, &resident) != 1)
		return PF_UNKNOWN;
	return resident * sysconf(_SC_PAGESIZE);
}
