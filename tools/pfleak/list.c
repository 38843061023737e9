/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of processes pfleak follows. Copies what it shows: a verdict lives
 * no longer than the call that hands it out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/units.h"
#include "lib/report/report.h"
#include "lib/report/sort.h"
#include "lib/report/spark.h"
#include "tools/pfleak/report.h"

/* A process of the list, kept until the list is printed. */
struct item {
	struct pfleak_row row; /* first: rows of the table point here */
	struct pf_signal signals[PF_SIGNALS_MAX];
	size_t n_signals;
	char comm[PF_COMM_LEN];
	char history[PF_SPARK_SIZE];
	char *exe, *cgroup, *container;
};

struct list {
	const struct pf_header *header;
	struct item *item;
	size_t n, cap;
	bool failed;
};

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

static void draw_history(struct pfleak_report *r, struct item *item, bool blocks)
{
	float floor[PF_SPARK_COLUMNS];
	unsigned int n = pf_leak__floors(r->leak, item->row.pid, floor, PF_SPARK_COLUMNS);

	item->row.history = n ? pf_spark(item->history, floor, n, blocks) : NULL;
}

/* The array has stopped moving: rows may point into their items. */
static void settle(struct pfleak_report *r, struct list *l)
{
	const bool history = pfleak_shows(r->columns, "history"), blocks = pf_spark_blocks();

	for (size_t i = 0; i < l->n; i++) {
		struct item *item = &l->item[i];

		item->row.comm = item->comm;
		item->row.exe = item->exe;
		item->row.cgroup = item->cgroup;
		item->row.container = item->container;
		if (history)
			draw_history(r, item, blocks);
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

static void screen_line(struct pfleak_report *r)
{
	const struct pf_leak_stats *s = pf_leak__stats(r->leak);
	char up[16], line[256];

	snprintf(line, sizeof(line),
		 "pfleak  for %s, every %gs  %zu processes, %zu watched, %zu firing",
		 pf_fmt_duration(up, sizeof(up), pf_source__elapsed_s(r->run->source)),
		 r->opts->common.interval_s, s->processes, s->watch, s->firing);
	pf_output_line(&r->run->out, line);
}

static int table_list(struct pfleak_report *r, const void *const *rows, size_t n)
{
	const struct pfleak_columns *c = r->columns;
	const struct pf_table_style style = { .color = r->run->out.color,
					      .columns = r->run->out.columns,
					      .highlight = stands_out };
	struct pf_strbuf *b = &r->run->out.buf;
	int ret = pf_table_head(b, pfleak_cols, &c->list, &style);

	for (size_t i = 0; !ret && i < n; i++) {
		struct pf_rows one = { .row = &rows[i], .n = 1, .interval_s = 1 };
		const struct item *item = rows[i];

		ret = pf_table_rows(b, pfleak_cols, &c->list, &one, &style);
		if (!r->opts->explain)
			continue;
		pfleak_add_wrapped(b, item->row.reason);
		pfleak_add_signals(b, item->signals, item->n_signals);
	}
	return ret;
}

static int json_list(struct pfleak_report *r, const void *const *rows, size_t n)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < n; i++) {
		const struct item *item = rows[i];

		ret = pfleak_json_verdict(r, "verdict", pfleak_n_verdict_cols, &item->row,
					  item->signals, item->n_signals);
	}
	return ret;
}

/* One heading, whatever the number of lists. */
static int csv_list(struct pfleak_report *r, const void *const *rows, size_t n)
{
	const struct pf_rows all = { .row = rows, .n = n, .interval_s = 1 };
	struct pf_strbuf *b = &r->run->out.buf;
	int ret = r->listed == 1 ? pf_csv_head(b, pfleak_cols, &r->columns->list) : 0;

	return ret ? ret : pf_csv_rows(b, pfleak_cols, &r->columns->list, &all);
}

static size_t lines_shown(const struct pfleak_report *r)
{
	size_t top = r->opts->common.top, screen;

	if (!r->opts->common.watch)
		return top;
	screen = pf_output_rows(&r->run->out);
	screen = screen > 4 ? screen - 3 : 1;
	return !top || screen < top ? screen : top;
}

static int print_list(struct pfleak_report *r, struct list *l)
{
	const struct pf_field *field = &pfleak_cols[r->columns->sort].field;
	const void **rows = malloc((l->n + 1) * sizeof(*rows));
	size_t shown;
	int ret;

	if (!rows)
		return -ENOMEM;
	settle(r, l);
	for (size_t i = 0; i < l->n; i++)
		rows[i] = &l->item[i];
	shown = pf_rows_top(rows, l->n, lines_shown(r), field, bigger_first);
	if (r->opts->common.format == PF_FORMAT_JSON)
		ret = json_list(r, rows, shown);
	else if (r->opts->common.format == PF_FORMAT_CSV)
		ret = csv_list(r, rows, shown);
	else
		ret = table_list(r, rows, shown);
	free(rows);
	return ret;
}

void pfleak_report_wait(struct pfleak_report *r)
{
	char line[128];

	pf_output_screen(&r->run->out);
	snprintf(line, sizeof(line),
		 "pfleak  looks every %gs; the first list comes then, q ends it",
		 r->opts->common.interval_s);
	pf_output_line(&r->run->out, line);
}

int pfleak_report_list(struct pfleak_report *r)
{
	struct list l = { .header = pf_source__header(r->run->source) };
	int ret = -ENOMEM;

	if (r->opts->common.watch) {
		pf_output_screen(&r->run->out);
		screen_line(r);
	} else if (r->listed++ && r->opts->common.format == PF_FORMAT_TABLE) {
		pf_strbuf_addch(&r->run->out.buf, '\n');
	}
	pf_leak__each(r->leak, collect, &l);
	if (!l.failed)
		ret = print_list(r, &l);
	drop(&l);
	return ret;
}
