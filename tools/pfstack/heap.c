/* SPDX-License-Identifier: BSD-2-Clause */
/* Which samples are alive, and what they stand for. The kernel's table says which; here is what they were. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "tools/pfstack/collect.h"
#include "tools/pfstack/heap.h"

#define LOOK_NS	   UINT64_C(100000000) /* how long a rate is measured */
#define GAP_CHANGE 1.25		       /* less is not worth a change */

/* The order of so many stacks is looked at, and it has settled when it stays so many looks long. */
#define RANKS	     3
#define LOOKS	     3
#define LEAST_KEPT_N 8 /* samples: of fewer an order means little */

struct sample {
	uint32_t serial;
	bool alive;
	struct pf_trace_sum *sum;
	double bytes;	 /* that it stands for */
	double variance; /* of that */
	double ts;
	UT_hash_handle hh;
};

struct pfstack_heap {
	struct pfstack_heap_options options;
	struct pf_allocs *allocs;
	struct pfstack_functions functions;
	struct sample *samples;
	struct pf_allocs_counts begin; /* counts when the window began */
	struct pf_allocs_counts last;  /* ... and when the rate was looked at */
	uint64_t last_ns;
	double start_ts;
	struct pfstack_heap_sums sums;
	struct pfstack_heap_stats stats;
	uint64_t kept_n;			 /* samples that are kept */
	const struct pf_trace_sum *ranks[RANKS]; /* at the last look */
	unsigned int looks;			 /* since they changed */
};

/* ---- beginning and end ----------------------------------------------------- */

struct pfstack_heap *pfstack_heap_new(const struct pfstack_heap_options *options,
				      const struct pf_capture_ops *ops, struct pf_error *err)
{
	struct pfstack_heap *h = calloc(1, sizeof(*h));
	const struct pf_allocs_config config = { .pid = options->pid,
						 .least_bytes = options->least_bytes,
						 .most_bytes = options->most_bytes,
						 .chain = options->chain,
						 .ring_bytes = options->ring_bytes };

	if (!h) {
		pf_fail(err, ENOMEM, "out of memory");
		return NULL;
	}
	h->options = *options;
	h->allocs = pf_allocs__open(&config, ops, err);
	if (h->allocs)
		return h;
	free(h);
	return NULL;
}

static void forget_samples(struct pfstack_heap *h)
{
	struct sample *s, *next;

	HASH_ITER (hh, h->samples, s, next) {
		HASH_DEL(h->samples, s);
		free(s);
	}
}

void pfstack_heap_free(struct pfstack_heap *h)
{
	if (!h)
		return;
	pf_allocs__close(h->allocs);
	forget_samples(h);
	free(h);
}

struct pf_allocs *pfstack_heap_source(struct pfstack_heap *h)
{
	return h->allocs;
}

const struct pfstack_functions *pfstack_heap_functions(const struct pfstack_heap *h)
{
	return &h->functions;
}

uint32_t pfstack_heap_gap(const struct pfstack_heap *h)
{
	return pf_allocs__gap(h->allocs);
}

/* ---- how often ------------------------------------------------------------- */

/* Mean bytes from sample to sample, for so many samples a second; of few calls all are taken. */
static uint32_t gap_for(const struct pfstack_heap *h, double calls_per_s, double bytes_per_s)
{
	double gap = bytes_per_s / h->options.hz;

	if (calls_per_s <= h->options.hz || gap <= 1)
		return 1;
	return gap < PF_ALLOCS_GAP_MAX ? (uint32_t)gap : PF_ALLOCS_GAP_MAX;
}

/* What the rate of the last piece of time asks for. */
static uint32_t measure(struct pfstack_heap *h)
{
	const uint64_t now = pf_boottime_ns();
	const double s = (double)(now - h->last_ns) / 1e9;
	struct pf_allocs_counts c;
	uint32_t gap;

	pf_allocs__counts(h->allocs, &c);
	gap = gap_for(h, (double)(c.calls - h->last.calls) / s,
		      (double)(c.bytes - h->last.bytes) / s);
	h->last = c;
	h->last_ns = now;
	return gap;
}

void pfstack_heap_follow(struct pfstack_heap *h)
{
	uint32_t gap, now;

	if (h->options.every || pf_boottime_ns() - h->last_ns < LOOK_NS)
		return;
	gap = measure(h);
	now = pf_allocs__gap(h->allocs);
	/* Up at once, down by and by: after a pause comes another burst. */
	if (gap < now / 2)
		gap = now / 2;
	if (gap > now * GAP_CHANGE || now > gap * GAP_CHANGE)
		pf_allocs__set_gap(h->allocs, gap, false);
	else
		pf_allocs__set_gap(h->allocs, now, false);
}

int pfstack_heap_start(struct pfstack_heap *h, struct pfstack_mappings *m,
		       const struct pfstack_proc *proc, struct pf_error *err)
{
	const struct timespec look = { .tv_nsec = LOOK_NS };
	int ret = pfstack_functions_find(&h->functions, m, proc, err);

	if (!ret)
		ret = pf_allocs__attach(h->allocs, h->functions.probes, h->functions.n, err);
	if (ret)
		return ret;
	pf_allocs__counts(h->allocs, &h->last);
	h->last_ns = pf_boottime_ns();
	if (!h->options.every)
		nanosleep(&look, NULL);
	pf_allocs__set_gap(h->allocs, h->options.every ? h->options.every : measure(h),
			   h->options.every != 0);
	pf_allocs__counts(h->allocs, &h->begin);
	h->start_ts = pf_realtime_s();
	return 0;
}

/* ---- samples --------------------------------------------------------------- */

bool pfstack_heap_is_inner(struct pfstack_heap *h, const struct pfstack_pending *one)
{
	for (uint32_t i = 0; i < one->user.n; i++) {
		if (pfstack_functions_has(&h->functions, &one->user.frames[i])) {
			h->stats.inner++;
			return true;
		}
	}
	return false;
}

void pfstack_heap_add(struct pfstack_heap *h, const struct pfstack_pending *one,
		      struct pf_trace_sum *sum)
{
	struct sample *s = calloc(1, sizeof(*s));
	const double size = (double)one->bytes;
	/* The chance that none of its bytes ends a gap, and the rest of 1. */
	const double p = one->weight > 1 ? -expm1(-size / one->weight) : 1;

	if (!s) {
		h->stats.unnoted++;
		return;
	}
	s->serial = one->serial;
	s->sum = sum;
	s->ts = one->ts;
	s->bytes = p > 0 ? size / p : 0;
	s->variance = p > 0 ? size * size * (1 - p) / (p * p) : 0;
	HASH_ADD(hh, h->samples, serial, sizeof(s->serial), s);
	if (s->hh.tbl)
		return;
	free(s);
	h->stats.unnoted++;
}

void pfstack_heap_over(struct pfstack_heap *h, bool replaced, double ts)
{
	if (h->stats.ended)
		return;
	h->stats.ended = true;
	h->stats.replaced = replaced;
	h->stats.ended_s = ts - h->start_ts;
}

static void is_alive(void *ctx, uint32_t serial)
{
	struct pfstack_heap *h = ctx;
	struct sample *s;

	HASH_FIND(hh, h->samples, &serial, sizeof(serial), s);
	if (s)
		s->alive = true;
}

static void begin_sums(struct pf_traces *traces)
{
	for (size_t i = 0; i < pf_traces__count(traces); i++) {
		struct pf_trace_sum *sum = pf_traces__at(traces, i);

		sum->bytes = sum->samples = 0;
		sum->mark[MARK_KEPT] = 0;
		sum->first_ts = sum->last_ts = 0;
	}
}

static void add_sample(struct pfstack_heap *h, const struct sample *s, double half_ts)
{
	struct pfstack_heap_sums *t = &h->sums;
	const bool kept = s->ts < half_ts;
	const int64_t bytes = llround(s->bytes);

	h->kept_n += kept;
	t->samples++;
	t->bytes += s->bytes;
	t->error_bytes += s->variance;
	t->kept_bytes += kept ? s->bytes : 0;
	t->kept_error_bytes += kept ? s->variance : 0;
	if (!s->sum)
		return;
	s->sum->bytes += bytes;
	s->sum->mark[MARK_KEPT] += kept ? bytes : 0;
	s->sum->samples++;
	if (!s->sum->first_ts || s->ts < s->sum->first_ts)
		s->sum->first_ts = s->ts;
	if (s->ts > s->sum->last_ts)
		s->sum->last_ts = s->ts;
}

int pfstack_heap_take(struct pfstack_heap *h, struct pf_traces *traces)
{
	const double window_s = h->stats.ended ? h->stats.ended_s : pf_realtime_s() - h->start_ts;
	struct sample *s, *next;
	int ret = pf_allocs__live(h->allocs, is_alive, h);

	if (ret)
		return ret;
	begin_sums(traces);
	h->sums = (struct pfstack_heap_sums){ .window_s = window_s };
	h->kept_n = 0;
	HASH_ITER (hh, h->samples, s, next) {
		if (s->alive) {
			add_sample(h, s, h->start_ts + window_s / 2);
			s->alive = false;
			continue;
		}
		HASH_DEL(h->samples, s);
		free(s);
	}
	h->sums.error_bytes = sqrt(h->sums.error_bytes);
	h->sums.kept_error_bytes = sqrt(h->sums.kept_error_bytes);
	return 0;
}

static bool keeps_more(const struct pf_trace_sum *a, const struct pf_trace_sum *b)
{
	return a->mark[MARK_KEPT] > (b ? b->mark[MARK_KEPT] : 0);
}

static void rank(struct pf_traces *traces, const struct pf_trace_sum *ranks[RANKS])
{
	memset(ranks, 0, RANKS * sizeof(const struct pf_trace_sum *));
	for (size_t i = 0; i < pf_traces__count(traces); i++) {
		const struct pf_trace_sum *sum = pf_traces__at(traces, i);

		for (size_t k = 0; sum && k < RANKS; k++) {
			const struct pf_trace_sum *other = ranks[k];

			if (!keeps_more(sum, other))
				continue;
			ranks[k] = sum;
			sum = other;
		}
	}
}

bool pfstack_heap_settled(struct pfstack_heap *h, struct pf_traces *traces)
{
	const struct pf_trace_sum *ranks[RANKS];
	bool same;

	rank(traces, ranks);
	same = !memcmp(ranks, h->ranks, sizeof(ranks)) && h->kept_n >= LEAST_KEPT_N;
	memcpy(h->ranks, ranks, sizeof(ranks));
	h->looks = same ? h->looks + 1 : 0;
	return h->looks >= LOOKS;
}

void pfstack_heap_sums(const struct pfstack_heap *h, struct pfstack_heap_sums *out)
{
	*out = h->sums;
}

void pfstack_heap_stats(const struct pfstack_heap *h, struct pfstack_heap_stats *out)
{
	*out = h->stats;
	pf_allocs__counts(h->allocs, &out->counts);
	out->counts.calls -= h->begin.calls;
	out->counts.bytes -= h->begin.bytes;
	out->counts.frees -= h->begin.frees;
}
