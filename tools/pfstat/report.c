/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What pfstat prints of a moment, as table, JSON and CSV. Measures and sums
 * nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "lib/base/units.h"
#include "lib/record/json.h"
#include "lib/report/report.h"
#include "tools/pfstat/report.h"

#define HIST_BUCKETS 32
#define BAR_WIDTH    40
#define ROWS_MIN     5 /* on a screen, before the histogram is shown */

/* ---- pieces --------------------------------------------------------------- */

static int stands_out(const void *row)
{
	return ((const struct pfstat_row *)row)->warn;
}

/* Scaled up from a sample of the events; totals and memory never are. */
static bool is_estimate(const void *row)
{
	const struct pf_sample *s = &((const struct pfstat_row *)row)->s;

	return s->sampled != PF_UNKNOWN && s->sampled > 1;
}

static struct pf_table_style style(const struct pfstat_report *r)
{
	return (struct pf_table_style){
		.color = r->run->out.color,
		.columns = r->run->out.columns,
		.highlight = r->rows.opts->warn_per_s > 0 ? stands_out : NULL,
		.estimate = is_estimate,
	};
}

static size_t count_warned(const struct pfstat_report *r)
{
	size_t n, warned = 0;
	const struct pfstat_group *const *active = pfstat_groups__active(r->rows.groups, &n);

	for (size_t i = 0; i < n; i++)
		warned += active[i]->row.warn;
	return warned;
}

/* The rates shown are those of the column that is sorted by, where that has one. */
static const struct pf_column *hist_column(const struct pfstat_report *r)
{
	const struct pfstat_columns *c = r->rows.columns;

	if (c->col[c->sort].look == PF_LOOK_RATE)
		return &c->col[c->sort];
	return &c->col[pf_columns_find(c->col, c->n, "faults")];
}

/* i > 0: rates in [2^(i-1), 2^i) a second; 0: below 1. */
static size_t bucket_of(double rate)
{
	size_t b = 0;

	while (rate >= 1 && b < HIST_BUCKETS - 1) {
		rate /= 2;
		b++;
	}
	return b;
}

/* What is not known is in no bucket. Returns how many buckets there are up to the last used. */
static size_t count_rates(const struct pfstat_report *r, uint64_t *bucket)
{
	const struct pf_field *f = &hist_column(r)->field;
	size_t n, used = 0;
	const struct pfstat_group *const *active = pfstat_groups__active(r->rows.groups, &n);

	for (size_t i = 0; i < n; i++) {
		int64_t count = pf_field_int(f, &active[i]->row);
		double interval_s = active[i]->row.s.interval_s;
		size_t b;

		if (count == PF_UNKNOWN)
			continue;
		b = bucket_of(interval_s > 0 ? (double)count / interval_s : 0);
		bucket[b]++;
		if (b >= used)
			used = b + 1;
	}
	return used;
}

static void table_hist(struct pfstat_report *r)
{
	uint64_t bucket[HIST_BUCKETS] = { 0 }, most = 1;
	size_t n = count_rates(r, bucket);
	struct pf_strbuf *b = &r->run->out.buf;

	for (size_t i = 0; i < n; i++)
		most = bucket[i] > most ? bucket[i] : most;
	pf_strbuf_addf(b, "\n%21s  %9s\n", hist_column(r)->header, "PROCESSES");
	for (size_t i = 0; i < n; i++) {
		double from = i ? ldexp(1, (int)i - 1) : 0;
		int bar = (int)((bucket[i] * BAR_WIDTH + most - 1) / most);

		pf_strbuf_addf(b, "%8.0f -> %9.0f  %9" PRIu64 " ", from, ldexp(1, (int)i),
			       bucket[i]);
		for (int k = 0; k < bar; k++)
			pf_strbuf_addch(b, k ? '*' : '|');
		pf_strbuf_addch(b, '\n');
	}
}

static int json_hist(struct pfstat_report *r, const struct pf_moment *m)
{
	uint64_t bucket[HIST_BUCKETS] = { 0 };
	size_t n = count_rates(r, bucket);
	json_t *obj = pf_json_new("hist"), *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{s:f,s:I}", "below", ldexp(1, (int)i),
						      "processes", (json_int_t)bucket[i]));
	if (!obj || !list || pf_json_add_real(obj, "ts", m->ts, 3) ||
	    pf_json_add_real(obj, "interval_s", m->interval_s, 6) ||
	    pf_json_add_string(obj, "key", hist_column(r)->field.key) ||
	    pf_json_add_string(obj, "unit", "faults per second") ||
	    json_object_set(obj, "buckets", list)) {
		json_decref(obj);
		json_decref(list);
		return -ENOMEM;
	}
	json_decref(list);
	return pf_json_line(obj, &r->run->out.buf);
}

static void table_pressure(struct pfstat_report *r)
{
	if (isnan(r->psi.some_avg10))
		return;
	pf_strbuf_addf(&r->run->out.buf, "memory pressure (10 s): some %.2f%%  full %.2f%%\n",
		       r->psi.some_avg10, r->psi.full_avg10);
}

static int json_total(struct pfstat_report *r)
{
	const struct pf_column *col = r->rows.columns->col;
	const struct pfstat_row *machine = pfstat_groups__machine(r->rows.groups);
	json_t *obj = pf_json_new("total");
	int ret = obj ? 0 : -ENOMEM;

	for (size_t i = 0; !ret && i < r->rows.columns->whole.n; i++) {
		const struct pf_field *f = &col[r->rows.columns->whole.index[i]].field;

		if (strcmp(f->key, "by") && strcmp(f->key, "name"))
			ret = pf_json_add_fields(obj, f, 1, machine);
	}
	if (!ret)
		ret = pf_json_add_real(obj, "psi_some_avg10", r->psi.some_avg10, 2);
	if (!ret)
		ret = pf_json_add_real(obj, "psi_full_avg10", r->psi.full_avg10, 2);
	if (ret) {
		json_decref(obj);
		return ret;
	}
	return pf_json_line(obj, &r->run->out.buf);
}

/* ---- a moment ------------------------------------------------------------- */

static void screen_line(struct pfstat_report *r, const struct pf_moment *m)
{
	const struct pf_header *h = pf_source__header(r->run->source);
	char clock[16], up[16], line[256];
	time_t t = (time_t)m->ts;
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	pf_fmt_duration(up, sizeof(up), pf_source__elapsed_s(r->run->source));
	snprintf(line, sizeof(line), "pfstat %s  for %s, every %gs  %zu processes  backend %s",
		 clock, up, r->rows.opts->common.interval_s, m->n, h->backend ? h->backend : "-");
	pf_output_line(&r->run->out, line);
}

/* Lines of a screen that rows and histogram can share. */
static size_t room(const struct pfstat_report *r)
{
	size_t rows = pf_output_rows(&r->run->out);
	size_t taken = 3 + (r->rows.opts->total ? 2 : 0) + (r->rows.opts->warn_per_s > 0);

	return rows > taken ? rows - taken : 1;
}

/* The histogram's lines; on a screen it gives way to at least a few rows. */
static size_t hist_lines(const struct pfstat_report *r)
{
	uint64_t bucket[HIST_BUCKETS] = { 0 };
	size_t lines;

	if (!r->rows.opts->hist)
		return 0;
	lines = count_rates(r, bucket) + 2;
	return r->rows.opts->common.watch && lines + ROWS_MIN > room(r) ? 0 : lines;
}

static int table_rows(struct pfstat_report *r, const struct pf_moment *m)
{
	const struct pfstat_columns *c = r->rows.columns;
	const void *machine = pfstat_groups__machine(r->rows.groups);
	struct pf_table_style look = style(r);
	struct pf_rows rows = { .interval_s = m->interval_s };
	int ret;

	rows.row = pfstat_rows_top(&r->rows, &rows.n);
	if (!rows.row && rows.n)
		return -ENOMEM;
	if (r->rows.opts->common.watch && rows.n > room(r) - hist_lines(r))
		rows.n = room(r) - hist_lines(r);
	ret = pf_table_head(&r->run->out.buf, c->col, &c->set, &look);
	if (!ret)
		ret = pf_table_rows(&r->run->out.buf, c->col, &c->set, &rows, &look);
	if (ret || !r->rows.opts->total)
		return ret;
	rows.row = &machine;
	rows.n = 1;
	return pf_table_rows(&r->run->out.buf, c->col, &c->set, &rows, &look);
}

static int table_moment(struct pfstat_report *r, const struct pf_moment *m)
{
	size_t warned = count_warned(r);
	int ret;

	if (r->rows.opts->common.watch) {
		pf_output_screen(&r->run->out);
		screen_line(r, m);
	} else if (r->shown) {
		pf_strbuf_addch(&r->run->out.buf, '\n');
	}
	ret = table_rows(r, m);
	if (r->rows.opts->total)
		table_pressure(r);
	if (r->rows.opts->warn_per_s > 0)
		pf_strbuf_addf(&r->run->out.buf, "%zu above %g faults/s\n", warned,
			       r->rows.opts->warn_per_s);
	if (hist_lines(r))
		table_hist(r);
	return ret;
}

static int json_moment(struct pfstat_report *r, const struct pf_moment *m)
{
	const struct pfstat_columns *c = r->rows.columns;
	const char *type = r->rows.opts->by == BY_PID ? "sample" : "group";
	struct pf_rows rows = { .interval_s = m->interval_s };
	int ret;

	rows.row = pfstat_rows_top(&r->rows, &rows.n);
	if (!rows.row && rows.n)
		return -ENOMEM;
	ret = pf_json_rows(&r->run->out.buf, type, c->col, &c->set, &rows);
	if (!ret && r->rows.opts->total)
		ret = json_total(r);
	if (!ret && r->rows.opts->hist)
		ret = json_hist(r, m);
	return ret;
}

static int csv_moment(struct pfstat_report *r, const struct pf_moment *m)
{
	const struct pfstat_columns *c = r->rows.columns;
	const void *machine = pfstat_groups__machine(r->rows.groups);
	struct pf_rows rows = { .interval_s = m->interval_s };
	int ret;

	rows.row = pfstat_rows_top(&r->rows, &rows.n);
	if (!rows.row && rows.n)
		return -ENOMEM;
	ret = pf_csv_rows(&r->run->out.buf, c->col, &c->set, &rows);
	if (ret || !r->rows.opts->total)
		return ret;
	rows.row = &machine;
	rows.n = 1;
	return pf_csv_rows(&r->run->out.buf, c->col, &c->set, &rows);
}

int pfstat_report_moment(struct pfstat_report *r, const struct pf_moment *m)
{
	int ret = 0;

	r->warned += count_warned(r);
	switch (r->rows.opts->common.format) {
	case PF_FORMAT_TABLE:
		ret = table_moment(r, m);
		break;
	case PF_FORMAT_JSON:
		ret = json_moment(r, m);
		break;
	case PF_FORMAT_CSV:
		ret = csv_moment(r, m);
		break;
	case PF_FORMAT_PROM:
		pfstat_report_metrics(r, m);
		break;
	default: /* not offered */
		break;
	}
	r->shown++;
	return ret;
}
