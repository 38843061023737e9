/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What pfleak prints, as text and JSON. Judges nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/base/units.h"
#include "lib/record/json.h"
#include "lib/report/report.h"
#include "lib/report/sort.h"
#include "tools/pfleak/report.h"

/* A process of the list, kept until the list is printed. */
struct item {
	struct pfleak_row row; /* first: rows of the table point here */
	struct pf_signal signals[PF_SIGNALS_MAX];
	size_t n_signals;
	char comm[PF_COMM_LEN];
	char *exe, *cgroup, *container;
};

struct list {
	const struct pf_header *header;
	struct item *item;
	size_t n, cap;
	bool failed;
};

/* ---- one event ------------------------------------------------------------ */

static const char *headline(const struct pf_verdict *v)
{
	switch (v->state) {
	case PF_ALERT_WATCH:
		return "WATCH";
	case PF_ALERT_FIRING:
		return "ALERT";
	case PF_ALERT_RESOLVED:
		return "RESOLVED";
	case PF_ALERT_NONE:
		break;
	}
	return "";
}

static const char *colour(const struct pfleak_report *r, const struct pf_verdict *v)
{
	if (!r->out->color)
		return "";
	if (v->state == PF_ALERT_FIRING)
		return v->level == PF_LEVEL_CRITICAL ? "\033[1;31m" : "\033[31m";
	return v->state == PF_ALERT_WATCH ? "\033[33m" : "\033[32m";
}

static void add_clock(struct pf_strbuf *b, double ts)
{
	char text[32] = "-";
	time_t t = (time_t)ts;
	struct tm tm;

	if (localtime_r(&t, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	pf_strbuf_adds(b, text);
}

static void add_signals(struct pf_strbuf *b, const struct pf_signal *signals, size_t n)
{
	char text[256];

	for (size_t i = 0; i < n; i++)
		pf_strbuf_addf(b, "    %s\n", pf_signal_text(text, sizeof(text), &signals[i]));
}

static void add_facts(struct pf_strbuf *b, const struct pf_verdict *v)
{
	char growth[16], error[16], rss[16], swap[16], left[16];
	char source[PF_LIMIT_SOURCE_LEN * PF_TEXT_GROWTH];

	if (v->window_s > 0 && !isnan(v->growth_bytes_per_s))
		pf_strbuf_addf(b, "    growth %s/min +-%s, class %s",
			       pf_fmt_delta_bytes(growth, sizeof(growth),
						  (int64_t)(v->growth_bytes_per_s * 60)),
			       pf_fmt_bytes(error, sizeof(error), (int64_t)(v->growth_error * 60)),
			       pf_class_name(v->class));
	else
		pf_strbuf_addf(b, "    class %s", pf_class_name(v->class));
	if (v->rss_bytes != PF_UNKNOWN)
		pf_strbuf_addf(b, ", RSS %s", pf_fmt_bytes(rss, sizeof(rss), v->rss_bytes));
	if (v->swap_bytes != PF_UNKNOWN && v->swap_bytes > 0)
		pf_strbuf_addf(b, " + swap %s", pf_fmt_bytes(swap, sizeof(swap), v->swap_bytes));
	if (!isnan(v->time_left_s))
		pf_strbuf_addf(b, ", %s left until %s",
			       pf_fmt_duration(left, sizeof(left), v->time_left_s),
			       pf_text_printable(source, sizeof(source), v->limit.source));
	pf_strbuf_addch(b, '\n');
}

static void text_event(struct pfleak_report *r, const struct pf_verdict *v)
{
	char comm[PF_COMM_LEN * PF_TEXT_GROWTH], reason[256];
	struct pf_strbuf *b = &r->out->buf;

	add_clock(b, v->ts);
	pf_strbuf_addf(b, " %s%-8s%s pid %" PRId64 " (%s) ", colour(r, v), headline(v),
		       r->out->color ? "\033[0m" : "", v->pid,
		       pf_text_printable(comm, sizeof(comm), v->comm));
	if (v->state != PF_ALERT_RESOLVED)
		pf_strbuf_addf(b, "confidence %d, severity %d %s", v->confidence, v->severity,
			       v->severity_label);
	else
		pf_strbuf_addf(b, "%s", pf_alert_end_name(v->end));
	pf_strbuf_addf(b, "\n    %s\n", pf_verdict_reason(reason, sizeof(reason), v));
	if (v->state == PF_ALERT_RESOLVED)
		return;
	add_facts(b, v);
	if (r->opts->explain)
		add_signals(b, v->signals, v->n_signals);
}

static json_t *json_signals(const struct pf_signal *signals, size_t n)
{
	json_t *obj = json_object();

	for (size_t i = 0; obj && i < n; i++) {
		if (pf_json_add_int(obj, signals[i].name, signals[i].points)) {
			json_decref(obj);
			return NULL;
		}
	}
	return obj;
}

/* With --explain: what was measured, too. */
static json_t *json_explain(const struct pf_signal *signals, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < n; i++) {
		char text[256];
		json_t *obj = json_object();

		pf_signal_text(text, sizeof(text), &signals[i]);
		if (!obj || pf_json_add_string(obj, "signal", signals[i].name) ||
		    json_object_set_new(obj, "passed", json_boolean(signals[i].passed)) ||
		    pf_json_add_int(obj, "points", signals[i].points) ||
		    pf_json_add_real(obj, "measured", signals[i].measured, 3) ||
		    pf_json_add_real(obj, "needed", signals[i].needed, 3) ||
		    pf_json_add_string(obj, "text", text) || json_array_append_new(list, obj)) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static int json_verdict(struct pfleak_report *r, const char *type, size_t n_cols,
			const struct pfleak_row *row, const struct pf_signal *signals,
			size_t n_signals)
{
	json_t *obj = pf_json_new(type);
	int ret = obj ? 0 : -ENOMEM;

	for (size_t i = 0; !ret && i < n_cols; i++)
		ret = pf_json_add_fields(obj, &pfleak_cols[i].field, 1, row);
	if (!ret && json_object_set_new(obj, "signals", json_signals(signals, n_signals)))
		ret = -ENOMEM;
	if (!ret && r->opts->explain &&
	    json_object_set_new(obj, "explain", json_explain(signals, n_signals)))
		ret = -ENOMEM;
	if (!ret)
		return pf_json_line(obj, &r->out->buf);
	json_decref(obj);
	return ret;
}

void pfleak_report_event(struct pfleak_report *r, const struct pf_verdict *v)
{
	struct pfleak_row row;

	if (r->opts->common.format == PF_FORMAT_TABLE) {
		if (!r->opts->common.watch)
			text_event(r, v);
		return;
	}
	pfleak_row_fill(&row, v, pf_source__header(r->source));
	if (json_verdict(r, "alert", pfleak_n_alert_cols, &row, v->signals, v->n_signals))
		r->failed = true;
}

/* ---- the list ------------------------------------------------------------- */

static char *copy(struct list *l, const char *text)
{
	char *own = text ? strdup(text) : NULL;

	l->failed |= text && !own;
	return own;
}

static bool collect(void *ctx, const struct pf_verdict *v)
{
	struct list *l = ctx;
	struct item *item;

	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 256;
		void *bigger = realloc(l->item, cap * sizeof(*l->item));

		if (!bigger) {
			l->failed = true;
			return false;
		}
		l->item = bigger;
		l->cap = cap;
	}
	item = &l->item[l->n++];
	memset(item, 0, sizeof(*item));
	pfleak_row_fill(&item->row, v, l->header);
	memcpy(item->signals, v->signals, sizeof(item->signals));
	item->n_signals = v->n_signals;
	snprintf(item->comm, sizeof(item->comm), "%s", v->comm);
	item->exe = copy(l, v->exe);
	item->cgroup = copy(l, v->cgroup);
	item->container = copy(l, v->container);
	return !l->failed;
}

/* The array has stopped moving: rows may point into their items. */
static void settle(struct list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct item *item = &l->item[i];

		item->row.comm = item->comm;
		item->row.exe = item->exe;
		item->row.cgroup = item->cgroup;
		item->row.container = item->container;
	}
}

static void drop(struct list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->item[i].exe);
		free(l->item[i].cgroup);
		free(l->item[i].container);
	}
	free(l->item);
}

static int bigger_first(const void *a, const void *b)
{
	const struct pfleak_row *x = a, *y = b;

	if (x->rss_bytes != y->rss_bytes)
		return x->rss_bytes < y->rss_bytes ? 1 : -1;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

static int stands_out(const void *row)
{
	return ((const struct pfleak_row *)row)->level_rank;
}

static void screen_line(struct pfleak_report *r, const struct pf_moment *m)
{
	const struct pf_leak_stats *s = pf_leak__stats(r->leak);
	char up[16];

	pf_strbuf_adds(&r->out->buf, "pfleak ");
	add_clock(&r->out->buf, m->ts);
	pf_strbuf_addf(&r->out->buf,
		       "  for %s, every %gs  %zu processes, %zu watched, %zu firing\n",
		       pf_fmt_duration(up, sizeof(up), pf_source__elapsed_s(r->source)),
		       r->opts->common.interval_s, s->processes, s->watch, s->firing);
}

static int table_list(struct pfleak_report *r, const void *const *rows, size_t n)
{
	const struct pfleak_columns *c = r->columns;
	const struct pf_table_style style = { .color = r->out->color,
					      .columns = r->out->columns,
					      .highlight = stands_out };
	struct pf_strbuf *b = &r->out->buf;
	int ret = pf_table_head(b, pfleak_cols, &c->list, &style);

	for (size_t i = 0; !ret && i < n; i++) {
		struct pf_rows one = { .row = &rows[i], .n = 1, .interval_s = 1 };
		const struct item *item = rows[i];

		ret = pf_table_rows(b, pfleak_cols, &c->list, &one, &style);
		if (r->opts->explain)
			add_signals(b, item->signals, item->n_signals);
	}
	return ret;
}

static int json_list(struct pfleak_report *r, const void *const *rows, size_t n)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < n; i++) {
		const struct item *item = rows[i];

		ret = json_verdict(r, "verdict", pfleak_n_cols, &item->row, item->signals,
				   item->n_signals);
	}
	return ret;
}

static size_t lines_shown(const struct pfleak_report *r)
{
	size_t top = r->opts->common.top, screen;

	if (!r->opts->common.watch)
		return top;
	screen = pf_output_rows(r->out);
	screen = screen > 4 ? screen - 3 : 1;
	return !top || screen < top ? screen : top;
}

static int print_list(struct pfleak_report *r, struct list *l)
{
	const struct pf_field *field = &pfleak_cols[r->columns->sort].field;
	const void **rows = malloc((l->n + 1) * sizeof(*rows));
	int ret;

	if (!rows)
		return -ENOMEM;
	settle(l);
	for (size_t i = 0; i < l->n; i++)
		rows[i] = &l->item[i];
	ret = r->opts->common.format == PF_FORMAT_JSON
		      ? json_list(r, rows,
				  pf_rows_top(rows, l->n, lines_shown(r), field, bigger_first))
		      : table_list(r, rows,
				   pf_rows_top(rows, l->n, lines_shown(r), field, bigger_first));
	free(rows);
	return ret;
}

int pfleak_report_list(struct pfleak_report *r, const struct pf_moment *m)
{
	struct list l = { .header = pf_source__header(r->source) };
	int ret = -ENOMEM;

	if (r->opts->common.watch) {
		pf_output_screen(r->out);
		screen_line(r, m);
	}
	pf_leak__each(r->leak, collect, &l);
	if (!l.failed)
		ret = print_list(r, &l);
	drop(&l);
	return ret;
}

/* ---- start and end -------------------------------------------------------- */

int pfleak_report_start(struct pfleak_report *r)
{
	json_t *obj;
	int ret;

	if (r->opts->common.format != PF_FORMAT_JSON)
		return 0;
	obj = pf_json_new("header");
	ret = obj ? pf_json_add_fields(obj, pf_header_fields, pf_header_n_fields,
				       pf_source__header(r->source))
		  : -ENOMEM;
	if (!ret)
		return pf_json_line(obj, &r->out->buf);
	json_decref(obj);
	return ret;
}

static void text_overhead(struct pfleak_report *r)
{
	const struct pf_observe *observe = pf_source__observe(r->source);
	struct pf_overhead o;
	char rss[16], maps[16];

	if (!r->opts->common.overhead || !observe)
		return;
	pf_observe__overhead(observe, &o);
	pf_strbuf_addf(&r->out->buf, "own cost: %.3f%% of a CPU, %s RSS, %s in BPF maps\n",
		       100 * o.cpu_s / o.wall_s, pf_fmt_bytes(rss, sizeof(rss), o.rss_bytes),
		       pf_fmt_bytes(maps, sizeof(maps), o.map_bytes));
}

static void text_end(struct pfleak_report *r, const struct pf_losses *losses)
{
	const struct pf_leak_stats *s = pf_leak__stats(r->leak);
	struct pf_strbuf *b = &r->out->buf;
	char time[16];

	pf_strbuf_addf(b,
		       "%" PRIu64 " processes in %s: %" PRIu64 " watches, %" PRIu64
		       " alerts; now %zu watched, %zu firing\n",
		       s->seen,
		       pf_fmt_duration(time, sizeof(time), pf_source__elapsed_s(r->source)),
		       s->watches, s->alerts, s->watch, s->firing);
	if (s->evicted || s->refused)
		pf_strbuf_addf(b,
			       "lost: %" PRIu64 " histories dropped and %" PRIu64
			       " samples not judged (more than --max-processes %zu)\n",
			       s->evicted, s->refused, r->opts->leak.max_processes);
	if (s->stale)
		pf_strbuf_addf(b, "lost: %" PRIu64 " samples that came out of time\n", s->stale);
	if (losses->events)
		pf_strbuf_addf(b, "lost: %" PRIu64 " exit records (ring full)\n", losses->events);
	if (losses->processes)
		pf_strbuf_addf(b, "lost: %" PRIu64 " processes not followed (table full)\n",
			       losses->processes);
	text_overhead(r);
}

static int json_end(struct pfleak_report *r, const struct pf_losses *losses)
{
	const struct pf_leak_stats *s = pf_leak__stats(r->leak);
	json_t *obj = pf_json_new("summary");
	json_t *counts = json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "moments",
				   (json_int_t)pf_source__moments(r->source), "processes",
				   (json_int_t)s->seen, "watches", (json_int_t)s->watches, "alerts",
				   (json_int_t)s->alerts, "watched_now", (json_int_t)s->watch,
				   "firing_now", (json_int_t)s->firing);
	json_t *lost =
		json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "exit_records", (json_int_t)losses->events,
			  "processes", (json_int_t)losses->processes, "histories",
			  (json_int_t)s->evicted, "refused", (json_int_t)s->refused, "stale",
			  (json_int_t)s->stale, "lines", (json_int_t)pf_source__skipped(r->source));

	if (obj && counts && lost && !pf_json_add_real(obj, "ts", pf_realtime_s(), 3) &&
	    !pf_json_add_real(obj, "duration_s", pf_source__elapsed_s(r->source), 6) &&
	    !json_object_set(obj, "counts", counts) && !json_object_set(obj, "losses", lost)) {
		json_decref(counts);
		json_decref(lost);
		return pf_json_line(obj, &r->out->buf);
	}
	json_decref(obj);
	json_decref(counts);
	json_decref(lost);
	return -ENOMEM;
}

int pfleak_report_end(struct pfleak_report *r, const struct pf_losses *losses)
{
	if (r->opts->common.format == PF_FORMAT_JSON)
		return json_end(r, losses);
	if (r->opts->common.watch)
		pf_output_screen(r->out);
	text_end(r, losses);
	return 0;
}

int pfleak_report_columns(struct pfleak_report *r)
{
	return pf_columns_help(&r->out->buf, pfleak_cols, pfleak_n_cols);
}

int pfleak_report_schema(struct pfleak_report *r)
{
	struct pf_field fields[64];
	json_t *schema;
	_cleanup_free_ char *text = NULL;

	for (size_t i = 0; i < pfleak_n_alert_cols; i++)
		fields[i] = pfleak_cols[i].field;
	schema = pf_json_schema("alert", fields, pfleak_n_alert_cols);
	text = schema ? json_dumps(schema, JSON_INDENT(2)) : NULL;
	json_decref(schema);
	if (!text)
		return -ENOMEM;
	pf_strbuf_adds(&r->out->buf, text);
	pf_strbuf_addch(&r->out->buf, '\n');
	return 0;
}
