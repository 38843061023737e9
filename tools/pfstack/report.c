/* SPDX-License-Identifier: BSD-2-Clause */
/* What a run prints. The forms of stacks are lib/stack's; here is what stands around them. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "version.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/base/units.h"
#include "lib/record/header.h"
#include "lib/record/json.h"
#include "tools/pfstack/growth.h"
#include "tools/pfstack/heap.h"
#include "tools/pfstack/print.h"
#include "tools/pfstack/report.h"
#include "tools/pfstack/totals.h"

#define TITLE_MAX 256

/* ---- records around the stacks --------------------------------------------- */

static int add_header(const struct pfstack_report *r, const struct pfstack_collect *c,
		      struct pf_strbuf *to)
{
	struct pf_header h = { .tool = r->opts->common.tool,
			       .version = PF_VERSION,
			       .ts = r->start_ts,
			       .backend = pfstack_collect_backend(c),
			       .memory_bytes = PF_UNKNOWN,
			       .interval_s = r->opts->common.interval_s,
			       .sample = r->opts->every ? r->opts->every : PF_UNKNOWN,
			       .options = r->opts->common.options };
	json_t *obj = pf_json_new("header");

	pf_header_fill_host(&h, "/proc");
	if (!obj || pf_json_add_fields(obj, pf_header_fields, pf_header_n_fields, &h)) {
		json_decref(obj);
		return -ENOMEM;
	}
	return pf_json_line(obj, to);
}

int pfstack_report_begin(struct pfstack_report *r, const struct pfstack_collect *c)
{
	return r->opts->common.format == PF_FORMAT_JSON ? add_header(r, c, &r->out->buf) : 0;
}

static json_t *counts_json(const struct pfstack_collect *c)
{
	struct pfstack_totals t;

	pfstack_totals_of_all(&t, c);
	return json_pack("{s:I,s:I,s:I,s:I,s:I}", "processes", (json_int_t)t.processes, "faults",
			 (json_int_t)t.faults, "unsampled", (json_int_t)t.unsampled, "samples",
			 (json_int_t)t.samples, "bytes", (json_int_t)t.bytes);
}

static json_t *losses_json(const struct pfstack_collect *c)
{
	struct pfstack_losses l;

	pfstack_losses_of(&l, c);
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "samples", (json_int_t)l.samples, "events",
			 (json_int_t)l.events, "faults", (json_int_t)l.faults, "unsettled",
			 (json_int_t)l.unsettled, "processes", (json_int_t)l.processes, "stacks",
			 (json_int_t)l.stacks);
}

/* What the samples of a heap say of all of it. */
static json_t *heap_json(const struct pfstack_collect *c)
{
	struct pfstack_heap_sums sums;
	struct pfstack_heap_stats stats;

	pfstack_heap_sums(c->heap, &sums);
	pfstack_heap_stats(c->heap, &stats);
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "calls",
			 (json_int_t)stats.counts.calls, "frees", (json_int_t)stats.counts.frees,
			 "allocated_bytes", (json_int_t)stats.counts.bytes, "samples",
			 (json_int_t)c->counts.samples, "live_samples", (json_int_t)sums.samples,
			 "bytes", (json_int_t)sums.bytes, "bytes_error",
			 (json_int_t)sums.error_bytes, "kept_bytes", (json_int_t)sums.kept_bytes,
			 "kept_bytes_error", (json_int_t)sums.kept_error_bytes);
}

static json_t *heap_losses_json(const struct pfstack_collect *c)
{
	struct pfstack_losses l;

	pfstack_losses_of(&l, c);
	return json_pack("{s:I,s:I,s:I,s:I,s:I}", "samples", (json_int_t)l.samples, "live",
			 (json_int_t)l.live, "events", (json_int_t)l.events, "calls",
			 (json_int_t)l.faults, "stacks", (json_int_t)l.stacks);
}

static int add_summary(const struct pfstack_report *r, const struct pfstack_collect *c)
{
	json_t *obj = pf_json_new("summary"), *counts = c->heap ? heap_json(c) : counts_json(c),
	       *losses = c->heap ? heap_losses_json(c) : losses_json(c);
	double now = pf_realtime_s();

	if (obj && counts && losses && !pf_json_add_real(obj, "ts", now, 3) &&
	    !pf_json_add_real(obj, "duration_s", now - r->start_ts, 3) &&
	    !json_object_set(obj, "counts", counts) && !json_object_set(obj, "losses", losses) &&
	    !json_object_set_new(obj, "overhead", json_null())) {
		json_decref(counts);
		json_decref(losses);
		return pf_json_line(obj, &r->out->buf);
	}
	json_decref(obj);
	json_decref(counts);
	json_decref(losses);
	return -ENOMEM;
}

/* ---- processes ------------------------------------------------------------- */

static int by_bytes(const void *a, const void *b)
{
	const struct pfstack_totals *x = a, *y = b;

	return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

/* A line for each process, the heaviest first, before the stacks. */
static int add_processes(const struct pfstack_report *r, const struct pfstack_collect *c)
{
	size_t top = r->opts->common.top, n = 0;
	struct pfstack_totals *all = pfstack_totals_by_process(c, &n);

	if (n && !all)
		return -ENOMEM;
	qsort(all, n, sizeof(*all), by_bytes);
	for (size_t i = 0; i < n && (!top || i < top); i++)
		pfstack_totals_line(&all[i], c, r->opts->mode, &r->out->buf);
	pfstack_totals_past(c, &r->out->buf);
	if (n)
		pf_strbuf_addch(&r->out->buf, '\n');
	free(all);
	return 0;
}

/* The process, and what its allocator did. */
static int add_heap(const struct pfstack_report *r, const struct pfstack_collect *c)
{
	pfstack_totals_heap(c, &r->out->buf);
	pf_strbuf_addch(&r->out->buf, '\n');
	return r->out->buf.failed ? -ENOMEM : 0;
}

/* ---- stacks ---------------------------------------------------------------- */

struct naming {
	struct pfstack_report *report;
	struct pf_stacks *stacks;    /* by name; NULL = not wanted */
	struct pfstack_lines *lines; /* JSON, heaviest to be picked; NULL = not wanted */
	struct pf_strbuf record;
};

static int take_stack(void *ctx, const struct pf_stack *s)
{
	struct naming *n = ctx;
	int ret = 0;

	if (n->report->opts->mode != MODE_FAULTS && s->bytes <= 0)
		return 0;
	if (n->stacks)
		ret = pf_stacks__add(n->stacks, s);
	if (!ret && n->lines)
		ret = pfstack_lines_add(n->lines, s);
	if (!ret && n->report->record)
		ret = pf_stack_line(s, &n->record);
	return ret;
}

static int name_stacks(struct pfstack_collect *c, struct naming *n)
{
	const struct pf_traces_naming naming = {
		.symbolizer = c->symbolizer,
		.mode = pfstack_mode_words[c->opts->mode],
		.now_ts = pf_realtime_s(),
		.lines = c->opts->lines,
		.kept = c->heap != NULL,
		.stack = take_stack,
		.ctx = n,
	};

	return pf_traces__name(c->traces, &naming);
}

/* Bytes and samples become those since the last summary, and what they were again. */
static void swap_shown(struct pf_traces *traces, int sign)
{
	for (size_t i = 0; i < pf_traces__count(traces); i++) {
		struct pf_trace_sum *sum = pf_traces__at(traces, i);

		sum->bytes += sign * sum->mark[MARK_SHOWN];
		sum->samples += sign * sum->mark[MARK_SAMPLES];
	}
}

static void mark_shown(struct pf_traces *traces)
{
	for (size_t i = 0; i < pf_traces__count(traces); i++) {
		struct pf_trace_sum *sum = pf_traces__at(traces, i);

		sum->mark[MARK_SHOWN] = sum->bytes;
		sum->mark[MARK_SAMPLES] = sum->samples;
	}
}

static int table_summary(struct pfstack_report *r, struct pfstack_collect *c)
{
	struct naming n = { .report = &(struct pfstack_report){ .opts = r->opts, .out = r->out },
			    .stacks = pf_stacks__new() };
	bool since = r->opts->mode == MODE_FAULTS;
	int ret = n.stacks ? 0 : -ENOMEM;

	if (!ret && since)
		swap_shown(c->traces, -1);
	if (!ret)
		ret = name_stacks(c, &n);
	if (n.stacks && since)
		swap_shown(c->traces, 1);
	if (since)
		mark_shown(c->traces);
	if (!ret)
		ret = pfstack_print(n.stacks, r->opts, r->out, since ? "in this interval" : NULL);
	pf_stacks__free(n.stacks);
	return ret;
}

/* Growth has nothing to compare yet. */
static bool is_first_look(const struct pfstack_collect *c)
{
	struct pfstack_growth_stats stats = { 0 };

	if (c->growth)
		pfstack_growth_stats(c->growth, &stats);
	return c->growth && stats.intervals < 2;
}

int pfstack_report_summary(struct pfstack_report *r, struct pfstack_collect *c)
{
	if (is_first_look(c))
		return 0;
	switch (r->opts->common.format) {
	case PF_FORMAT_TABLE:
		return table_summary(r, c);
	case PF_FORMAT_JSON:
		return add_summary(r, c);
	default:
		return 0; /* one document, at the end */
	}
}

/* ---- the end --------------------------------------------------------------- */

static void say_losses(const struct pfstack_collect *c)
{
	struct pf_strbuf words = PF_STRBUF_INIT;
	struct pfstack_losses l;

	pfstack_losses_of(&l, c);
	pfstack_losses_words(&l, &words);
	if (words.len)
		pf_warn("%s", words.data);
	if (pfstack_kernel_hidden(c))
		pf_warn("kernel functions are without names: /proc/kallsyms shows no addresses "
			"(needs CAP_SYSLOG when it starts; see pfdiag --only kptr-restrict)");
	pf_strbuf_free(&words);
}

static void say_nothing(const struct pfstack_opts *o)
{
	if (o->mode == MODE_ALLOCS) {
		pf_warn("that process allocated nothing%s meanwhile",
			o->least_bytes || o->most_bytes != UINT64_MAX ? " of these sizes" : "");
		return;
	}
	if (o->common.n_pids)
		pf_warn("no page fault of %s was seen: it made no memory meanwhile",
			o->common.n_pids == 1 ? "that process" : "those processes");
	else
		pf_warn("no process took %u faults/s (--min-rate says from where on)", o->min_rate);
}

static int write_record(struct pfstack_report *r, struct pfstack_collect *c, struct naming *n,
			struct pf_error *err)
{
	struct pf_strbuf head = PF_STRBUF_INIT;
	bool bad;

	if (!r->record)
		return 0;
	bad = add_header(r, c, &head) || n->record.failed ||
	      fwrite(head.data, 1, head.len, r->record) != head.len ||
	      (n->record.len &&
	       fwrite(n->record.data, 1, n->record.len, r->record) != n->record.len) ||
	      fflush(r->record);
	pf_strbuf_free(&head);
	return bad ? pf_fail(err, errno ? errno : EIO, "cannot write %s: %s",
			     r->opts->common.record_path, strerror(errno ? errno : EIO))
		   : 0;
}

static int print_end(struct pfstack_report *r, struct pfstack_collect *c, struct naming *n)
{
	int ret = 0;

	if (r->opts->common.format == PF_FORMAT_JSON) {
		ret = pfstack_lines_print(n->lines, r->opts->common.top, &r->out->buf);
		return ret ? ret : add_summary(r, c);
	}
	if (r->opts->common.format == PF_FORMAT_TABLE)
		ret = c->heap ? add_heap(r, c) : add_processes(r, c);
	return ret ? ret : pfstack_print(n->stacks, r->opts, r->out, NULL);
}

int pfstack_report_end(struct pfstack_report *r, struct pfstack_collect *c, struct pf_error *err)
{
	bool json = r->opts->common.format == PF_FORMAT_JSON;
	struct pfstack_lines lines = { 0 };
	struct naming n = { .report = r,
			    .stacks = json ? NULL : pf_stacks__new(),
			    .lines = json ? &lines : NULL };
	int ret = json || n.stacks ? 0 : -ENOMEM;

	if (!c->counts.samples)
		say_nothing(r->opts);
	if (!ret)
		ret = name_stacks(c, &n);
	if (!ret)
		ret = print_end(r, c, &n);
	if (ret)
		pf_fail(err, -ret, "%s", ret == -ENOMEM ? "out of memory" : strerror(-ret));
	else
		ret = write_record(r, c, &n, err);
	say_losses(c);
	pf_stacks__free(n.stacks);
	pfstack_lines_free(&lines);
	pf_strbuf_free(&n.record);
	return ret;
}
