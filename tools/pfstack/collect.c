/* SPDX-License-Identifier: BSD-2-Clause */
/* Samples in, sums out. What it cannot do for a sample is counted. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/base/units.h"
#include "lib/cli/select.h"
#include "lib/proc/cgroup.h"
#include "lib/proc/procfs.h"
#include "tools/pfstack/collect.h"
#include "tools/pfstack/growth.h"
#include "tools/pfstack/heap.h"

#define SAY_AGAIN_NS UINT64_C(30000000000) /* word of a process not more often than this */
#define PASSES_MAX   2			   /* a sample waits for word of its fault so long */
#define PAGE_BYTES   sysconf(_SC_PAGESIZE)

/* ---- processes ------------------------------------------------------------- */

static bool is_wanted(struct pfstack_collect *c, const struct pfstack_proc *proc)
{
	const struct pf_common *common = &c->opts->common;
	const struct pf_cgroup_name *cgroup;
	struct pf_sample s;

	pf_sample_init(&s);
	s.pid = proc->key.pid;
	s.uid = proc->uid;
	memcpy(s.comm, proc->comm, sizeof(s.comm));
	if (common->cgroup) {
		cgroup = pf_cgroups__name(c->cgroups, 0, 0, (pid_t)proc->key.pid);
		s.cgroup = cgroup ? cgroup->path : NULL;
		s.container = cgroup ? cgroup->container : NULL;
	}
	return pf_select(common, &s);
}

static void read_maps(struct pfstack_collect *c, struct pfstack_proc *proc)
{
	if (pfstack_mappings_read(&c->mappings, proc))
		c->mappings.unread++;
}

static void meet(struct pfstack_collect *c, struct pfstack_proc *proc, const char *comm,
		 uint32_t uid, uint32_t tgid)
{
	memcpy(proc->comm, comm, sizeof(proc->comm));
	proc->uid = uid;
	proc->tgid = tgid;
	proc->start_ts = (double)proc->key.start_ns / 1e9 + pf_boot_offset_s();
	proc->wanted = is_wanted(c, proc);
	if (!proc->wanted)
		return;
	read_maps(c, proc);
	proc->rss_first = proc->rss_last = proc->rss_base = pfstack_proc_rss(proc);
	if (c->growth)
		pfstack_growth_meet(c->growth, proc);
}

static void add_period(struct pfstack_collect *c);

static void forget(void *ctx, const struct pfstack_proc *proc)
{
	struct pfstack_collect *c = ctx;

	if (proc->maps)
		pf_symbolizer__forget_maps(c->symbolizer, proc->maps);
	if (c->growth)
		pfstack_growth_forget(c->growth, proc);
}

/* The dead make room; what they brought in is added up before. */
static void make_room(struct pfstack_collect *c)
{
	add_period(c);
	pfstack_procs_sweep(&c->procs, forget, c);
}

/* NULL: no room. */
static struct pfstack_proc *process_of(struct pfstack_collect *c,
				       const struct pf_capture_head *head, const char *comm,
				       uint32_t uid)
{
	struct pfstack_proc *proc = pfstack_procs_find(&c->procs, head->pid, head->start_ns);

	if (proc)
		return proc;
	if (pfstack_procs_full(&c->procs))
		make_room(c);
	proc = pfstack_procs_get(&c->procs, head->pid, head->start_ns);
	if (proc)
		meet(c, proc, comm, uid, head->tgid);
	return proc;
}

static void say_hot(struct pfstack_proc *proc, double rate_per_s)
{
	uint64_t now = pf_boottime_ns();
	char comm[PF_COMM_LEN * PF_TEXT_GROWTH], rate[16];

	if (proc->said && now - proc->said_ns < SAY_AGAIN_NS)
		return;
	proc->said = true;
	proc->said_ns = now;
	pf_log(PF_LOG_WARN, "%s (pid %" PRId64 ") takes %s faults/s: looking at its stacks",
	       pf_text_printable(comm, sizeof(comm), proc->comm), proc->key.pid,
	       pf_fmt_rate(rate, sizeof(rate), rate_per_s));
}

/* Those it took before are not sampled: what is counted begins here. */
static void becomes_hot(struct pfstack_proc *proc, const struct pf_capture_news *n)
{
	proc->cold = true; /* so it was until now */
	pfstack_proc_seen(proc, n->seen);
	proc->cold = false;
	say_hot(proc, n->rate_per_s);
}

static void heap_is_over(struct pfstack_collect *c, struct pfstack_proc *proc,
			 const struct pf_capture_news *n)
{
	pf_symbolizer__unwind(c->symbolizer);
	proc->gone = true; /* nothing of it is to be read any more */
	proc->rss_last = PF_UNKNOWN;
	pfstack_heap_over(c->heap, n->event == PF_CAPTURE_EXEC,
			  (double)n->head.ts_ns / 1e9 + pf_boot_offset_s());
}

/* What is queued was taken in the old program: it is unwound by the old maps. */
static void runs_another(struct pfstack_collect *c, struct pfstack_proc *proc,
			 const struct pf_capture_news *n)
{
	pf_symbolizer__unwind(c->symbolizer);
	memcpy(proc->comm, n->comm, sizeof(proc->comm));
	proc->uid = n->uid;
	proc->wanted = is_wanted(c, proc);
	if (proc->wanted)
		read_maps(c, proc);
	if (proc->wanted && c->growth)
		pfstack_growth_meet(c->growth, proc);
}

static void ends(struct pfstack_proc *proc, const struct pf_capture_news *n)
{
	pfstack_proc_seen(proc, n->seen);
	proc->gone = true;
	proc->rss_last = PF_UNKNOWN;
}

static void on_news(void *ctx, const struct pf_capture_news *n)
{
	struct pfstack_collect *c = ctx;
	struct pfstack_proc *proc = process_of(c, &n->head, n->comm, n->uid);

	if (!proc)
		return;
	if (c->heap && (n->event == PF_CAPTURE_EXEC || n->event == PF_CAPTURE_EXIT)) {
		heap_is_over(c, proc, n);
		return;
	}
	if (n->event == PF_CAPTURE_EXEC)
		runs_another(c, proc, n);
	/* Who is not wanted takes a place, too. */
	if (n->event == PF_CAPTURE_EXIT)
		ends(proc, n);
	else if (n->event == PF_CAPTURE_HOT && proc->wanted)
		becomes_hot(proc, n);
	else if (n->event == PF_CAPTURE_COLD || n->event == PF_CAPTURE_SEEN)
		pfstack_proc_seen(proc, n->seen);
	if (n->event == PF_CAPTURE_COLD)
		proc->cold = true;
}

/* ---- samples --------------------------------------------------------------- */

static struct pf_trace_sum *sum_of(struct pfstack_collect *c, const struct pfstack_pending *one)
{
	struct pf_trace_owner owner = { .pid = one->proc->key.pid,
					.start_ns = one->proc->key.start_ns,
					.start_ts = one->proc->start_ts,
					.class = one->class };

	memcpy(owner.comm, one->comm, sizeof(owner.comm));
	return pf_traces__find(c->traces, &owner, &one->user, one->kernel.n ? &one->kernel : NULL);
}

/* Where the size is not told, a fault brings a page. */
static void account(struct pfstack_collect *c, struct pfstack_pending *one)
{
	const bool inner = c->heap && pfstack_heap_is_inner(c->heap, one);
	struct pf_trace_sum *sum = inner ? NULL : sum_of(c, one);
	int64_t pages = one->class ? one->pages : 1;
	int64_t bytes = pages * PAGE_BYTES;

	if (inner) {
		c->counts.samples--;
	} else if (c->heap) {
		pfstack_heap_add(c->heap, one, sum);
	} else if (sum) {
		if (!sum->samples++)
			sum->first_ts = one->ts;
		sum->last_ts = one->ts;
		if (c->growth)
			pfstack_growth_add(c->growth, one->proc, sum, one->address, bytes);
		else
			sum->mark[MARK_PERIOD] += bytes * one->weight;
	}
	pfstack_pending_free(&c->pendings, one);
}

static void account_if_done(struct pfstack_collect *c, struct pfstack_pending *one)
{
	if (one->settled && one->unwound)
		account(c, one);
}

/* A stack that is longer than the copy: more of the process's stacks will be. */
static void look_at_depth(struct pfstack_collect *c, struct pfstack_proc *proc,
			  enum pf_trace_stop stop)
{
	if (proc->deep || stop != PF_STOP_COPY)
		return;
	proc->deep = true;
	if (c->heap)
		pf_allocs__deepen(pfstack_heap_source(c->heap));
	else
		pf_capture__deepen(c->capture, proc->tgid);
}

static void unwound(void *ctx, uint64_t cookie, const struct pf_trace *trace)
{
	struct pfstack_collect *c = ctx;
	struct pfstack_pending *one = (struct pfstack_pending *)(uintptr_t)cookie;

	if (trace->stop == PF_STOP_MAP && !one->tried_again && !one->proc->gone &&
	    c->n_again < PF_UNWIND_BATCH) {
		one->tried_again = true;
		c->again[c->n_again++] = one;
		return;
	}
	look_at_depth(c, one->proc, (enum pf_trace_stop)trace->stop);
	memcpy(&one->user, trace,
	       offsetof(struct pf_trace, frames) + trace->n * sizeof(trace->frames[0]));
	one->unwound = true;
	free(one->raw);
	one->raw = NULL;
	account_if_done(c, one);
}

static void queue(struct pfstack_collect *c, struct pfstack_pending *one)
{
	one->raw->process = one->proc->maps;
	pf_symbolizer__queue(c->symbolizer, one->raw, (uint64_t)(uintptr_t)one, unwound, c);
}

/* Word of what its fault did was lost, or will not be waited for. */
static void settle_lost(struct pfstack_collect *c, struct pfstack_pending *one)
{
	c->counts.unsettled++;
	pfstack_pending_settle(&c->pendings, one, NULL, 0);
	account_if_done(c, one);
}

/*
 * A pass tells of each fault that is over and was not told before. Of one of
 * which several told nothing either word was lost, or it takes very long.
 */
static void settle_old(struct pfstack_collect *c, uint32_t passes)
{
	struct pfstack_pending *one, *next;

	HASH_ITER (hh, c->pendings.unsettled, one, next) {
		if (one->passes++ >= passes)
			settle_lost(c, one);
	}
}

static int settle(struct pfstack_collect *c, struct pf_error *err)
{
	/* What a heap tells is settled when it comes. */
	int ret = c->heap ? 0 : pf_capture__settle(c->capture, err);

	if (!ret)
		settle_old(c, PASSES_MAX);
	return ret;
}

static void on_sample(void *ctx, const struct pf_capture_sample *s)
{
	struct pfstack_collect *c = ctx;
	struct pfstack_proc *proc = process_of(c, &s->head, s->comm, s->uid);
	struct pfstack_pending *one;

	if (!proc || !proc->wanted)
		return;
	/* A thread takes its next sample only when the last one's fault is over. */
	one = pfstack_pending_of(&c->pendings, s->head.tid);
	if (one)
		settle_lost(c, one);
	c->counts.samples++;
	if (c->heap)
		proc->samples++;
	else
		pfstack_proc_sampled(proc, s->weight, s->seen);
	one = pfstack_pending_new(&c->pendings, s, proc, c->opts->depth);
	if (!one) {
		c->counts.crowded++;
		return;
	}
	if (c->heap)
		pfstack_pending_settle(&c->pendings, one, NULL, 0);
	queue(c, one);
}

static void on_settled(void *ctx, const struct pf_capture_settled *s)
{
	struct pfstack_collect *c = ctx;
	struct pfstack_pending *one = pfstack_pending_of(&c->pendings, s->head.tid);

	if (!one || one->serial != s->serial)
		return;
	pfstack_pending_settle(&c->pendings, one, s->class, s->pages);
	account_if_done(c, one);
}

/* Code that was not in the maps: they may have changed. */
static void unwind_again(struct pfstack_collect *c)
{
	size_t n = c->n_again;

	c->n_again = 0;
	for (size_t i = 0; i < n; i++) {
		pfstack_mappings_again(&c->mappings, c->again[i]->proc);
		queue(c, c->again[i]);
	}
	if (n)
		pf_symbolizer__unwind(c->symbolizer);
}

static void drain_ring(struct pfstack_collect *c)
{
	if (c->heap)
		pf_allocs__drain(pfstack_heap_source(c->heap));
	else
		pf_capture__drain(c->capture);
}

static void take_all(struct pfstack_collect *c)
{
	pf_symbolizer__unwind(c->symbolizer);
	unwind_again(c);
	if (c->heap)
		pfstack_heap_follow(c->heap);
}

/* Threads that fault no more fill the room for those that do. */
int pfstack_collect_drain(struct pfstack_collect *c, struct pf_error *err)
{
	int ret = 0;

	drain_ring(c);
	take_all(c);
	if (c->pendings.count > PFSTACK_PENDING_MAX / 2)
		ret = settle(c, err);
	return ret;
}

/* ---- adding up ------------------------------------------------------------- */

static void add_period(struct pfstack_collect *c)
{
	struct pfstack_proc *proc, *next;
	size_t n = pf_traces__count(c->traces);

	HASH_ITER (hh, c->procs.table, proc, next) {
		proc->period_scale = pfstack_proc_period(proc);
	}
	for (size_t i = 0; i < n && !c->growth && !c->heap; i++) {
		struct pf_trace_sum *sum = pf_traces__at(c->traces, i);
		int64_t raw = sum->mark[MARK_PERIOD];

		if (!raw)
			continue;
		proc = pfstack_procs_find(&c->procs, sum->owner->pid, sum->owner->start_ns);
		sum->bytes += proc ? (int64_t)((double)raw * proc->period_scale) : raw;
		sum->mark[MARK_PERIOD] = 0;
	}
}

/* A process is compared with what it was when its traces were first looked at. */
static void take_sizes(struct pfstack_collect *c)
{
	struct pfstack_growth_stats stats = { 0 };
	struct pfstack_proc *proc, *next;

	if (c->growth)
		pfstack_growth_stats(c->growth, &stats);
	HASH_ITER (hh, c->procs.table, proc, next) {
		if (!proc->wanted || proc->gone)
			continue;
		proc->rss_last = pfstack_proc_rss(proc);
		if (stats.intervals == 1)
			proc->rss_base = proc->rss_last;
	}
}

static int sum_up_heap(struct pfstack_collect *c, struct pf_error *err)
{
	int ret = pfstack_heap_take(c->heap, c->traces);

	return ret ? pf_fail(err, -ret, "cannot read which allocations are alive: %s",
			     strerror(-ret))
		   : 0;
}

static int sum_up(struct pfstack_collect *c, struct pf_error *err)
{
	if (c->heap)
		return sum_up_heap(c, err);
	add_period(c);
	if (c->growth && pfstack_growth_interval(c->growth, &c->procs, c->traces))
		return pf_fail(err, ENOMEM, "out of memory");
	take_sizes(c);
	return 0;
}

int pfstack_collect_period(struct pfstack_collect *c, struct pf_error *err)
{
	int ret;

	drain_ring(c);
	take_all(c);
	ret = settle(c, err);
	take_all(c);
	pf_cgroups__sweep(c->cgroups); /* twice, and a name makes room */
	return ret ? ret : sum_up(c, err);
}

int pfstack_collect_end(struct pfstack_collect *c, struct pf_error *err)
{
	int ret;

	drain_ring(c);
	take_all(c);
	ret = settle(c, err);
	take_all(c);
	settle_old(c, 0);
	return ret ? ret : sum_up(c, err);
}

bool pfstack_collect_all_gone(const struct pfstack_collect *c)
{
	const struct pf_common *common = &c->opts->common;
	struct pfstack_heap_stats heap;

	if (c->heap) {
		pfstack_heap_stats(c->heap, &heap);
		return heap.ended;
	}
	for (size_t i = 0; i < common->n_pids; i++) {
		if (!kill((pid_t)common->pids[i], 0) || errno != ESRCH)
			return false;
	}
	return common->n_pids > 0;
}

/* ---- beginning and end ----------------------------------------------------- */

static void on_note(void *ctx, const char *text)
{
	(void)ctx;
	pf_info("%s", text);
}

static int open_symbolizer(struct pfstack_collect *c, struct pf_error *err)
{
	const struct pf_symbolizer_options options = {
		.proc_root = "/proc", .debug_root = "/usr/lib/debug", .note = on_note, .ctx = c
	};

	c->symbolizer = pf_symbolizer__new(&options, err);
	c->mappings.symbolizer = c->symbolizer;
	return c->symbolizer ? 0 : -err->code;
}

static int open_capture(struct pfstack_collect *c, struct pf_error *err)
{
	const struct pf_common *common = &c->opts->common;
	const struct pf_capture_ops ops = {
		.sample = on_sample, .settled = on_settled, .news = on_news, .ctx = c
	};
	const struct pf_capture_config config = { .backend = common->backend,
						  .pids = common->pids,
						  .n_pids = common->n_pids,
						  .uid = common->uid,
						  .hz = c->opts->hz,
						  .every = c->opts->every,
						  .min_rate = c->opts->min_rate,
						  .by_page = c->growth,
						  .chain = c->opts->frame_pointers,
						  .ring_bytes = PFSTACK_RING_BYTES };

	c->capture = pf_capture__open(&config, &ops, err);
	return c->capture ? 0 : -errno;
}

static int open_heap(struct pfstack_collect *c, struct pf_error *err)
{
	const struct pf_capture_ops ops = { .sample = on_sample, .news = on_news, .ctx = c };
	const struct pfstack_heap_options options = { .pid = c->opts->common.pids[0],
						      .least_bytes = c->opts->least_bytes,
						      .most_bytes = c->opts->most_bytes,
						      .hz = c->opts->hz,
						      .every = c->opts->every,
						      .chain = c->opts->frame_pointers,
						      .ring_bytes = PFSTACK_HEAP_RING_BYTES };
	struct pfstack_proc *proc;

	c->heap = pfstack_heap_new(&options, &ops, err);
	if (!c->heap)
		return -err->code;
	proc = c->procs.table;
	if (!proc || !proc->maps)
		return pf_fail(err, ESRCH, "cannot read what pid %" PRId64 " has mapped",
			       options.pid);
	return pfstack_heap_start(c->heap, &c->mappings, proc, err);
}

const char *pfstack_collect_backend(const struct pfstack_collect *c)
{
	return c->heap ? pf_allocs__backend(pfstack_heap_source(c->heap))
		       : pf_capture__backend(c->capture);
}

int pfstack_collect_fd(const struct pfstack_collect *c)
{
	return c->heap ? pf_allocs__fd(pfstack_heap_source(c->heap)) : pf_capture__fd(c->capture);
}

int pfstack_collect_open(struct pfstack_collect *c, const struct pfstack_opts *opts,
			 struct pf_error *err)
{
	int ret;

	memset(c, 0, sizeof(*c));
	c->opts = opts;
	c->traces = pf_traces__new();
	c->cgroups = pf_cgroups__new("/proc", 0);
	if (opts->mode == MODE_GROWTH)
		c->growth = pfstack_growth_new();
	if (!c->traces || !c->cgroups || (opts->mode == MODE_GROWTH && !c->growth))
		return pf_fail(err, ENOMEM, "out of memory");
	ret = open_symbolizer(c, err);
	if (ret)
		return ret;
	return opts->mode == MODE_ALLOCS ? open_heap(c, err) : open_capture(c, err);
}

uint64_t pfstack_collect_caps(const struct pfstack_collect *c)
{
	return (c->heap ? pf_allocs__caps(pfstack_heap_source(c->heap))
			: pf_capture__caps(c->capture)) |
	       pfstack_mappings_caps();
}

/* A pending one is known to the hash, to the symbolizer's queue, or to the list. */
static void drop_pendings(struct pfstack_collect *c)
{
	struct pfstack_pending *one, *next;

	if (c->symbolizer)
		pf_symbolizer__unwind(c->symbolizer);
	while (c->n_again) {
		one = c->again[--c->n_again];
		if (!one->listed)
			pfstack_pending_free(&c->pendings, one);
	}
	HASH_ITER (hh, c->pendings.unsettled, one, next) {
		pfstack_pending_free(&c->pendings, one);
	}
}

void pfstack_collect_close(struct pfstack_collect *c)
{
	drop_pendings(c);
	pf_capture__close(c->capture);
	pfstack_heap_free(c->heap);
	pfstack_procs_free(&c->procs);
	pfstack_growth_free(c->growth);
	pf_traces__free(c->traces);
	pf_symbolizer__free(c->symbolizer);
	pf_cgroups__free(c->cgroups);
	pfstack_mappings_free(&c->mappings);
}
