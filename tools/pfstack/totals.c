/* SPDX-License-Identifier: BSD-2-Clause */
/* Sums of sums. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/base/units.h"
#include "tools/pfstack/growth.h"
#include "tools/pfstack/heap.h"
#include "tools/pfstack/totals.h"

static const char *const class_words[CLASSES] = { "anon",   "file", "shmem",
						  "swapin", "cow",  "of unknown class" };

static int class_of(const char *name)
{
	for (int i = 0; name && i < CLASS_UNKNOWN; i++) {
		if (!strcmp(name, class_words[i]))
			return i;
	}
	return CLASS_UNKNOWN;
}

static void add_proc(struct pfstack_totals *t, const struct pfstack_proc *proc)
{
	t->processes++;
	t->faults += proc->seen - proc->unsampled;
	t->unsampled += proc->unsampled;
	t->samples += proc->samples;
}

static void add_sum(struct pfstack_totals *t, const struct pf_trace_sum *sum)
{
	t->bytes += sum->bytes;
	t->by_class[class_of(sum->owner->class)] += sum->bytes;
	t->change += pfstack_growth_change(sum);
}

static struct pfstack_totals *of_owner(struct pfstack_totals *all, size_t n,
				       const struct pf_trace_owner *owner)
{
	for (size_t i = 0; i < n; i++) {
		if (all[i].proc->key.pid == owner->pid &&
		    all[i].proc->key.start_ns == owner->start_ns)
			return &all[i];
	}
	return NULL;
}

struct pfstack_totals *pfstack_totals_by_process(const struct pfstack_collect *c, size_t *n)
{
	struct pfstack_totals *all = calloc(HASH_COUNT(c->procs.table) + 1, sizeof(*all));
	struct pfstack_proc *proc, *next;

	*n = 0;
	HASH_ITER (hh, c->procs.table, proc, next) {
		if (!all || !(proc->samples || (proc->wanted && c->opts->common.n_pids)))
			continue;
		all[*n].proc = proc;
		add_proc(&all[(*n)++], proc);
	}
	for (size_t i = 0; all && i < pf_traces__count(c->traces); i++) {
		const struct pf_trace_sum *sum = pf_traces__at(c->traces, i);
		struct pfstack_totals *t = of_owner(all, *n, sum->owner);

		if (t)
			add_sum(t, sum);
	}
	return all;
}

void pfstack_totals_of_all(struct pfstack_totals *t, const struct pfstack_collect *c)
{
	const struct pfstack_past *past = &c->procs.past;
	struct pfstack_proc *proc, *next;

	*t = (struct pfstack_totals){ .processes = past->processes,
				      .faults = past->faults,
				      .unsampled = past->unsampled,
				      .samples = past->samples };
	HASH_ITER (hh, c->procs.table, proc, next) {
		if (proc->samples)
			add_proc(t, proc);
	}
	for (size_t i = 0; i < pf_traces__count(c->traces); i++)
		add_sum(t, pf_traces__at(c->traces, i));
}

/* ---- words ----------------------------------------------------------------- */

static void add_classes(const struct pfstack_totals *t, struct pf_strbuf *out)
{
	const char *before = ": ";
	char bytes[16];

	for (int i = 0; i < CLASSES; i++) {
		if (!t->by_class[i])
			continue;
		pf_strbuf_addf(out, "%s%s %s", before, class_words[i],
			       pf_fmt_bytes(bytes, sizeof(bytes), t->by_class[i]));
		before = ", ";
	}
}

/* What estimates do not explain. */
static bool is_much(int64_t rest, int64_t told)
{
	int64_t size = rest > 0 ? rest : -rest;

	return size > told / 10 && size > (1 << 20);
}

/*
 * Copies take the place of a page that was there. What else its memory has
 * more came without faults, at least; what it has less was given back.
 */
static void add_growth_of_memory(const struct pfstack_totals *t, struct pf_strbuf *out)
{
	const struct pfstack_proc *p = t->proc;
	char grown[16], rest[16];
	int64_t delta, other;

	if (p->rss_first == PF_UNKNOWN || p->rss_last == PF_UNKNOWN)
		return;
	delta = p->rss_last - p->rss_first;
	other = delta - (t->bytes - t->by_class[CLASS_COW]);
	pf_strbuf_addf(out, "    its memory changed by %s",
		       pf_fmt_delta_bytes(grown, sizeof(grown), delta));
	pf_fmt_bytes(rest, sizeof(rest), other > 0 ? other : -other);
	if (is_much(other, t->bytes))
		pf_strbuf_addf(out,
			       other > 0 ? ": %s or more came without faults"
					 : ": %s or more was given back",
			       rest);
	pf_strbuf_addch(out, '\n');
}

/* What the stacks shown are of it; the rest by stacks that do not grow for sure, or by no fault. */
static void add_share_of_growth(const struct pfstack_totals *t, struct pf_strbuf *out)
{
	const struct pfstack_proc *p = t->proc;
	char grown[16], shown[16], others[16], rest[16];
	int64_t delta, other;

	if (p->rss_base == PF_UNKNOWN || p->rss_last == PF_UNKNOWN)
		return;
	delta = p->rss_last - p->rss_base;
	other = delta - t->change;
	pf_strbuf_addf(
		out,
		"    since the first interval its memory changed by %s: %s by these, %s by other stacks",
		pf_fmt_delta_bytes(grown, sizeof(grown), delta),
		pf_fmt_delta_bytes(shown, sizeof(shown), t->bytes),
		pf_fmt_delta_bytes(others, sizeof(others), t->change - t->bytes));
	if (is_much(other, t->change))
		pf_strbuf_addf(out,
			       other > 0 ? ", %s without faults"
					 : ", %s of what was there before was given back",
			       pf_fmt_delta_bytes(rest, sizeof(rest), other));
	pf_strbuf_addch(out, '\n');
}

void pfstack_totals_line(const struct pfstack_totals *t, const struct pfstack_collect *c,
			 enum pfstack_mode mode, struct pf_strbuf *out)
{
	char comm[PF_COMM_LEN * PF_TEXT_GROWTH], bytes[16];

	(void)c;
	pf_strbuf_addf(out, "%s (pid %" PRId64 "%s): %" PRIu64 " faults, %" PRIu64 " samples",
		       pf_text_printable(comm, sizeof(comm), t->proc->comm), t->proc->key.pid,
		       t->proc->gone ? ", ended" : "", t->faults, t->samples);
	if (t->unsampled)
		pf_strbuf_addf(out, ", %" PRIu64 " before", t->unsampled);
	pf_strbuf_addf(out, "; %s %s", pf_fmt_bytes(bytes, sizeof(bytes), t->bytes),
		       mode == MODE_GROWTH ? "stay and get more" : "came in");
	add_classes(t, out);
	pf_strbuf_addch(out, '\n');
	if (mode == MODE_FAULTS)
		add_growth_of_memory(t, out);
	else
		add_share_of_growth(t, out);
}

void pfstack_totals_past(const struct pfstack_collect *c, struct pf_strbuf *out)
{
	const struct pfstack_past *past = &c->procs.past;

	if (past->processes)
		pf_strbuf_addf(out,
			       "%" PRIu64 " more, which ended: %" PRIu64 " faults, %" PRIu64
			       " samples\n",
			       past->processes, past->faults, past->samples);
}

/* ---- allocs ---------------------------------------------------------------- */

/* "1.2M ± 40K" */
static const char *with_error(char *dst, size_t size, double bytes, double error)
{
	char value[16], plus_minus[16];

	pf_fmt_bytes(value, sizeof(value), (int64_t)bytes);
	pf_fmt_bytes(plus_minus, sizeof(plus_minus), (int64_t)error);
	if (error >= 1)
		snprintf(dst, size, "%s ± %s", value, plus_minus);
	else
		snprintf(dst, size, "%s", value);
	return dst;
}

void pfstack_totals_heap(const struct pfstack_collect *c, struct pf_strbuf *out)
{
	const struct pfstack_proc *proc = c->procs.table;
	char comm[PF_COMM_LEN * PF_TEXT_GROWTH], all[16], live[40], kept[40];
	struct pfstack_heap_stats stats;
	struct pfstack_heap_sums sums;

	pfstack_heap_stats(c->heap, &stats);
	pfstack_heap_sums(c->heap, &sums);
	pf_strbuf_addf(out,
		       "%s (pid %" PRId64 "%s): %.1f s, %" PRIu64 " allocations of %s, %" PRIu64
		       " frees, %" PRIu64 " samples\n",
		       pf_text_printable(comm, sizeof(comm), proc->comm), proc->key.pid,
		       !stats.ended	? ""
		       : stats.replaced ? ", replaced by another program"
					: ", ended",
		       sums.window_s, stats.counts.calls,
		       pf_fmt_bytes(all, sizeof(all), (int64_t)stats.counts.bytes),
		       stats.counts.frees, c->counts.samples);
	pf_strbuf_addf(out, "    not freed: %s, of it kept longer than %.1f s: %s\n",
		       with_error(live, sizeof(live), sums.bytes, sums.error_bytes),
		       sums.window_s / 2,
		       with_error(kept, sizeof(kept), sums.kept_bytes, sums.kept_error_bytes));
}

/* ---- losses ---------------------------------------------------------------- */

static void losses_of_heap(struct pfstack_losses *l, const struct pfstack_collect *c)
{
	struct pf_traces_losses traces = pf_traces__losses(c->traces);
	struct pfstack_heap_stats heap;

	pfstack_heap_stats(c->heap, &heap);
	*l = (struct pfstack_losses){
		.samples = heap.counts.lost + c->counts.crowded + heap.unnoted,
		.live = heap.counts.full,
		.events = heap.counts.events,
		.faults = heap.counts.missed,
		.stacks = traces.folded + traces.lost,
		.unopened = c->mappings.unopened,
		.restarts = pf_symbolizer__stats(c->symbolizer)->restarts,
	};
}

void pfstack_losses_of(struct pfstack_losses *l, const struct pfstack_collect *c)
{
	const struct pf_symbolizer_stats *s = pf_symbolizer__stats(c->symbolizer);
	struct pf_traces_losses traces = pf_traces__losses(c->traces);
	struct pf_capture_losses capture;
	struct pfstack_growth_stats growth = { 0 };

	if (c->heap) {
		losses_of_heap(l, c);
		return;
	}
	pf_capture__losses(c->capture, &capture);
	if (c->growth)
		pfstack_growth_stats(c->growth, &growth);
	*l = (struct pfstack_losses){
		.samples = capture.samples + c->counts.crowded,
		.events = capture.events,
		.faults = capture.faults,
		.unsettled = c->counts.unsettled,
		.processes = c->procs.refused + traces.lost,
		.stacks = traces.folded,
		.names = s->unnamed,
		.unread = c->mappings.unread + growth.unread,
		.unopened = c->mappings.unopened,
		.restarts = s->restarts,
		.files = s->bad_modules,
		.pages = growth.forgotten,
	};
}

bool pfstack_kernel_hidden(const struct pfstack_collect *c)
{
	return pf_symbolizer__stats(c->symbolizer)->kernel_hidden;
}

static void add_loss(struct pf_strbuf *out, uint64_t n, const char *words)
{
	if (n)
		pf_strbuf_addf(out, "%s%" PRIu64 " %s", out->len ? "; " : "", n, words);
}

void pfstack_losses_words(const struct pfstack_losses *l, struct pf_strbuf *out)
{
	add_loss(out, l->samples, "samples lost (others stand for them): no room");
	add_loss(out, l->events, "records of processes or faults lost: the ring was full");
	add_loss(out, l->faults, "faults not counted");
	add_loss(out, l->unsettled, "samples whose class and size are not known");
	add_loss(out, l->processes, "samples or records of processes for which there was no room");
	add_loss(out, l->names, "places left without names: no room");
	add_loss(out, l->stacks, "samples whose stack had no room, kept without frames");
	add_loss(out, l->unread, "processes whose maps could not be read: they ended too soon");
	add_loss(out, l->unopened, "mappings whose file could not be opened");
	add_loss(out, l->restarts, "times the helper that reads foreign files was started again");
	add_loss(out, l->live, "samples given up: too many were alive");
	add_loss(out, l->files, "files that it died of, left without names");
	add_loss(out, l->pages, "sampled pages not remembered: no room");
}
