/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What pfstat prints, as table, JSON and CSV. Measures and sums nothing.
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
#include "tools/pfstat/report.h"

#define HIST_BUCKETS 32
#define BAR_WIDTH    40

static int bigger_first(const void *a, const void *b)
{
	const struct pfstat_row *x = a, *y = b;

	if (x->s.rss_bytes != y->s.rss_bytes)
		return x->s.rss_bytes < y->s.rss_bytes ? 1 : -1;
	return (x->s.pid > y->s.pid) - (x->s.pid < y->s.pid);
}

static int reserve_rows(struct pfstat_report *r, size_t need)
{
	void *bigger;

	if (need <= r->rows_cap)
		return 0;
	bigger = realloc(r->rows, need * sizeof(*r->rows));
	if (!bigger)
		return -ENOMEM;
	r->rows = bigger;
	r->rows_cap = need;
	return 0;
}

const void *const *pfstat_report_rows(struct pfstat_report *r, size_t *n)
{
	size_t n_active;
	const struct pfstat_group *const *active = pfstat_groups__active(r->groups, &n_active);

	*n = 0;
	if (reserve_rows(r, n_active))
		return NULL;
	for (size_t i = 0; i < n_active; i++)
		r->rows[i] = &active[i]->row;
	*n = pf_rows_top(r->rows, n_active, r->opts->common.top,
			 &r->columns->col[r->columns->sort].field, bigger_first);
	return r->rows;
}

/* ---- pieces --------------------------------------------------------------- */

static int stands_out(const void *row)
{
	return ((const struct pfstat_row *)row)->warn;
}

static struct pf_table_style style(const struct pfstat_report *r)
{
	return (struct pf_table_style){
		.color = r->out->color,
		.columns = r->out->columns,
		.highlight = r->opts->warn_per_s > 0 ? stands_out : NULL,
	};
}

static size_t count_warned(const struct pfstat_report *r)
{
	size_t n, warned = 0;
	const struct pfstat_group *const *active = pfstat_groups__active(r->groups, &n);

	for (size_t i = 0; i < n; i++)
		warned += active[i]->row.warn;
	return warned;
}

/* Bucket i > 0: rates in [2^(i-1), 2^i) faults a second; bucket 0: below 1. */
static size_t count_rates(const struct pfstat_report *r, uint64_t *bucket)
{
	size_t n, last = 0;
	const struct pfstat_group *const *active = pfstat_groups__active(r->groups, &n);

	for (size_t i = 0; i < n; i++) {
		const struct pf_sample *s = &active[i]->row.s;
		double rate = s->interval_s > 0 && s->faults != PF_UNKNOWN
				      ? (double)s->faults / s->interval_s
				      : 0;
		size_t b = 0;

		while (rate >= 1 && b < HIST_BUCKETS - 1) {
			rate /= 2;
			b++;
		}
		bucket[b]++;
		if (b > last)
			last = b;
	}
	return n ? last + 1 : 0;
}

static void table_hist(struct pfstat_report *r)
{
	uint64_t bucket[HIST_BUCKETS] = { 0 }, most = 1;
	size_t n = count_rates(r, bucket);
	struct pf_strbuf *b = &r->out->buf;

	for (size_t i = 0; i < n; i++)
		most = bucket[i] > most ? bucket[i] : most;
	pf_strbuf_addf(b, "\n%21s  %9s\n", "FAULT/s", "PROCESSES");
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
	    pf_json_add_string(obj, "unit", "faults per second") ||
	    json_object_set(obj, "buckets", list)) {
		json_decref(obj);
		json_decref(list);
		return -ENOMEM;
	}
	json_decref(list);
	return pf_json_line(obj, &r->out->buf);
}

static void table_pressure(struct pfstat_report *r)
{
	if (isnan(r->psi.some_avg10))
		return;
	pf_strbuf_addf(&r->out->buf, "memory pressure (10 s): some %.2f%%  full %.2f%%\n",
		       r->psi.some_avg10, r->psi.full_avg10);
}

static int json_total(struct pfstat_report *r)
{
	const struct pf_column *col = r->columns->col;
	const struct pfstat_row *machine = pfstat_groups__machine(r->groups);
	json_t *obj = pf_json_new("total");
	int ret = obj ? 0 : -ENOMEM;

	for (size_t i = 0; !ret && i < r->columns->whole.n; i++) {
		const struct pf_field *f = &col[r->columns->whole.index[i]].field;

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
	return pf_json_line(obj, &r->out->buf);
}

/* ---- a moment ------------------------------------------------------------- */

static void screen_line(struct pfstat_report *r, const struct pf_moment *m)
{
	const struct pf_header *h = pf_source__header(r->source);
	char clock[16], up[16];
	time_t t = (time_t)m->ts;
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	pf_fmt_duration(up, sizeof(up), pf_source__elapsed_s(r->source));
	pf_strbuf_addf(&r->out->buf, "pfstat %s  for %s, every %gs  %zu processes  backend %s\n",
		       clock, up, r->opts->common.interval_s, m->n, h->backend ? h->backend : "-");
}

/* Lines left on the screen for rows, when it is redrawn. */
static size_t room(const struct pfstat_report *r)
{
	size_t rows = pf_output_rows(r->out);
	size_t taken =
		3 + (r->opts->total ? 2 : 0) + (r->opts->warn_per_s > 0) + (r->opts->hist ? 20 : 0);

	return rows > taken ? rows - taken : 1;
}

static int table_rows(struct pfstat_report *r, const struct pf_moment *m)
{
	const struct pfstat_columns *c = r->columns;
	const void *machine = pfstat_groups__machine(r->groups);
	struct pf_table_style look = style(r);
	struct pf_rows rows = { .interval_s = m->interval_s };
	int ret;

	rows.row = pfstat_report_rows(r, &rows.n);
	if (!rows.row && rows.n)
		return -ENOMEM;
	if (r->opts->common.watch && rows.n > room(r))
		rows.n = room(r);
	ret = pf_table_head(&r->out->buf, c->col, &c->set, &look);
	if (!ret)
		ret = pf_table_rows(&r->out->buf, c->col, &c->set, &rows, &look);
	if (ret || !r->opts->total)
		return ret;
	rows.row = &machine;
	rows.n = 1;
	return pf_table_rows(&r->out->buf, c->col, &c->set, &rows, &look);
}

static int table_moment(struct pfstat_report *r, const struct pf_moment *m)
{
	size_t warned = count_warned(r);
	int ret;

	if (r->opts->common.watch) {
		pf_output_screen(r->out);
		screen_line(r, m);
	} else if (r->shown) {
		pf_strbuf_addch(&r->out->buf, '\n');
	}
	ret = table_rows(r, m);
	if (r->opts->total)
		table_pressure(r);
	if (r->opts->warn_per_s > 0)
		pf_strbuf_addf(&r->out->buf, "%zu above %g faults/s\n", warned,
			       r->opts->warn_per_s);
	if (r->opts->hist)
		table_hist(r);
	return ret;
}

static int json_moment(struct pfstat_report *r, const struct pf_moment *m)
{
	const struct pfstat_columns *c = r->columns;
	const char *type = r->opts->by == BY_PID ? "sample" : "group";
	struct pf_rows rows = { .interval_s = m->interval_s };
	int ret;

	rows.row = pfstat_report_rows(r, &rows.n);
	if (!rows.row && rows.n)
		return -ENOMEM;
	ret = pf_json_rows(&r->out->buf, type, c->col, &c->set, &rows);
	if (!ret && r->opts->total)
		ret = json_total(r);
	if (!ret && r->opts->hist)
		ret = json_hist(r, m);
	return ret;
}

static int csv_moment(struct pfstat_report *r, const struct pf_moment *m)
{
	const struct pfstat_columns *c = r->columns;
	const void *machine = pfstat_groups__machine(r->groups);
	struct pf_rows rows = { .interval_s = m->interval_s };
	int ret;

	rows.row = pfstat_report_rows(r, &rows.n);
	if (!rows.row && rows.n)
		return -ENOMEM;
	ret = pf_csv_rows(&r->out->buf, c->col, &c->set, &rows);
	if (ret || !r->opts->total)
		return ret;
	rows.row = &machine;
	rows.n = 1;
	return pf_csv_rows(&r->out->buf, c->col, &c->set, &rows);
}

int pfstat_report_moment(struct pfstat_report *r, const struct pf_moment *m)
{
	int ret = 0;

	r->warned += count_warned(r);
	switch (r->opts->common.format) {
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
	}
	r->shown++;
	return ret;
}

/* ---- start and end -------------------------------------------------------- */

static int json_record(struct pfstat_report *r, json_t *obj, int ret)
{
	if (!ret)
		return pf_json_line(obj, &r->out->buf);
	json_decref(obj);
	return ret;
}

int pfstat_report_start(struct pfstat_report *r)
{
	const struct pfstat_columns *c = r->columns;
	json_t *obj;

	if (r->opts->common.format == PF_FORMAT_CSV)
		return pf_csv_head(&r->out->buf, c->col, &c->set);
	if (r->opts->common.format != PF_FORMAT_JSON)
		return 0;
	obj = pf_json_new("header");
	return json_record(r, obj,
			   obj ? pf_json_add_fields(obj, pf_header_fields, pf_header_n_fields,
						    pf_source__header(r->source))
			       : -ENOMEM);
}

static int most_faults(const void *a, const void *b)
{
	const struct pfstat_group *x = *(const struct pfstat_group *const *)a;
	const struct pfstat_group *y = *(const struct pfstat_group *const *)b;

	return (x->sum.faults < y->sum.faults) - (x->sum.faults > y->sum.faults);
}

static void final_line(struct pf_strbuf *b, const char *pid, const char *name,
		       const struct pfstat_sum *sum)
{
	char safe[PF_COMM_LEN * PF_TEXT_GROWTH], cut[64], rate[16], growth[16], time[16];

	pf_text_printable(safe, sizeof(safe), name);
	pf_text_fit(cut, sizeof(cut), safe, 24);
	pf_strbuf_addf(b, "%7s %s%*s %11" PRId64 " %9s %9s %9s\n", pid, cut,
		       (int)(24 - pf_text_width(cut)), "", sum->faults,
		       pf_fmt_rate(rate, sizeof(rate),
				   sum->seconds > 0 ? (double)sum->faults / sum->seconds : 0),
		       pf_fmt_delta_bytes(growth, sizeof(growth), sum->growth_bytes),
		       pf_fmt_duration(time, sizeof(time), sum->seconds));
}

static void final_groups(struct pfstat_report *r)
{
	struct pf_strbuf *b = &r->out->buf;
	size_t n, top = r->opts->common.top;
	const struct pfstat_group **all = pfstat_groups__all(r->groups, &n);
	char pid[24];

	if (!all)
		return;
	if (n)
		qsort(all, n, sizeof(*all), most_faults);
	if (top && n > top)
		n = top;
	for (size_t i = 0; i < n; i++) {
		const struct pfstat_row *row = &all[i]->row;

		snprintf(pid, sizeof(pid), "%" PRId64, row->s.pid);
		final_line(b, row->s.pid == PF_UNKNOWN ? "-" : pid,
			   row->name ? row->name : row->s.comm, &all[i]->sum);
	}
	free(all);
}

static void table_overhead(struct pfstat_report *r)
{
	const struct pf_observe *observe = pf_source__observe(r->source);
	struct pf_strbuf *b = &r->out->buf;
	struct pf_overhead o;
	char rss[16], maps[16], storage[16];

	if (!r->opts->common.overhead || !observe)
		return;
	pf_observe__overhead(observe, &o);
	pf_strbuf_addf(b,
		       "own cost: %.3f%% of a CPU in user space and passes, %s RSS, "
		       "%s in BPF maps, %s in task storage\n",
		       100 * o.cpu_s / o.wall_s, pf_fmt_bytes(rss, sizeof(rss), o.rss_bytes),
		       pf_fmt_bytes(maps, sizeof(maps), o.map_bytes),
		       pf_fmt_bytes(storage, sizeof(storage), o.storage_bytes));
	if (o.bpf_runs != PF_UNKNOWN)
		pf_strbuf_addf(b,
			       "in the kernel: %.3f%% of a CPU, %" PRId64 " runs, %.0f ns each\n",
			       100 * (double)o.bpf_ns / 1e9 / o.wall_s, o.bpf_runs,
			       o.bpf_runs ? (double)o.bpf_ns / (double)o.bpf_runs : 0.0);
}

static void table_losses(struct pfstat_report *r, const struct pf_losses *l)
{
	struct pf_strbuf *b = &r->out->buf;

	if (l->events)
		pf_strbuf_addf(b, "lost: %" PRIu64 " exit records (ring full)\n", l->events);
	if (l->counters)
		pf_strbuf_addf(b, "lost: %" PRIu64 " fault events (no memory for a counter)\n",
			       l->counters);
	if (l->processes)
		pf_strbuf_addf(b, "lost: %" PRIu64 " processes not followed (table full)\n",
			       l->processes);
	if (pfstat_groups__unfollowed(r->groups))
		pf_strbuf_addf(b, "lost: %" PRIu64 " samples in the total only (too many groups)\n",
			       pfstat_groups__unfollowed(r->groups));
}

static void table_end(struct pfstat_report *r, const struct pf_losses *losses)
{
	const struct pfstat_sum *all = pfstat_groups__machine_sum(r->groups);
	const struct pfstat_sum *others = pfstat_groups__others(r->groups);
	struct pf_strbuf *b = &r->out->buf;
	char name[64];

	if (r->opts->common.watch)
		pf_output_screen(r->out);
	else if (r->shown)
		pf_strbuf_addch(b, '\n');
	if (r->shown > 1 || r->opts->common.watch) {
		pf_strbuf_addf(b, "%7s %-24s %11s %9s %9s %9s\n", "PID", "FINAL REPORT", "FAULTS",
			       "AVG/s", "GROWTH", "TIME");
		final_groups(r);
		if (others->processes) {
			snprintf(name, sizeof(name), "(%" PRId64 " more ended)", others->processes);
			final_line(b, "-", name, others);
		}
		final_line(b, "-", "all", all);
		if (r->opts->warn_per_s > 0)
			pf_strbuf_addf(b, "%" PRIu64 " times above %g faults/s\n", r->warned,
				       r->opts->warn_per_s);
	}
	table_losses(r, losses);
	table_overhead(r);
}

static json_t *json_losses(const struct pfstat_report *r, const struct pf_losses *l)
{
	return json_pack("{s:I,s:I,s:I,s:I,s:I}", "exit_records", (json_int_t)l->events,
			 "fault_events", (json_int_t)l->counters, "processes",
			 (json_int_t)l->processes, "grouped",
			 (json_int_t)pfstat_groups__unfollowed(r->groups), "lines",
			 (json_int_t)pf_source__skipped(r->source));
}

static json_t *json_overhead(const struct pfstat_report *r)
{
	const struct pf_observe *observe = pf_source__observe(r->source);
	struct pf_overhead o;
	json_t *obj;

	if (!r->opts->common.overhead || !observe)
		return json_null();
	pf_observe__overhead(observe, &o);
	obj = json_pack("{s:f,s:f,s:I,s:I,s:I}", "wall_s", o.wall_s, "cpu_s", o.cpu_s, "rss_bytes",
			(json_int_t)o.rss_bytes, "map_bytes", (json_int_t)o.map_bytes,
			"storage_bytes", (json_int_t)o.storage_bytes);
	if (!obj)
		return NULL;
	pf_json_add_int(obj, "bpf_ns", o.bpf_ns);
	pf_json_add_int(obj, "bpf_runs", o.bpf_runs);
	return obj;
}

static int json_end(struct pfstat_report *r, const struct pf_losses *losses)
{
	const struct pfstat_sum *all = pfstat_groups__machine_sum(r->groups);
	json_t *obj = pf_json_new("summary"), *counts;
	int ret = -ENOMEM;

	counts = json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "moments",
			   (json_int_t)pf_source__moments(r->source), "faults",
			   (json_int_t)all->faults, "minor", (json_int_t)all->minor, "major",
			   (json_int_t)all->major, "exited", (json_int_t)all->processes, "warned",
			   (json_int_t)r->warned);
	if (obj && counts && !pf_json_add_real(obj, "ts", pf_realtime_s(), 3) &&
	    !pf_json_add_real(obj, "duration_s", pf_source__elapsed_s(r->source), 6) &&
	    !json_object_set(obj, "counts", counts) &&
	    !json_object_set_new(obj, "losses", json_losses(r, losses)) &&
	    !json_object_set_new(obj, "overhead", json_overhead(r)))
		ret = 0;
	json_decref(counts);
	return json_record(r, obj, ret);
}

int pfstat_report_end(struct pfstat_report *r, const struct pf_losses *losses)
{
	if (r->opts->common.format == PF_FORMAT_TABLE)
		table_end(r, losses);
	else if (r->opts->common.format == PF_FORMAT_JSON)
		return json_end(r, losses);
	return 0;
}

int pfstat_report_columns(struct pfstat_report *r)
{
	return pf_columns_help(&r->out->buf, r->columns->col, r->columns->n);
}

int pfstat_report_schema(struct pfstat_report *r)
{
	json_t *schema = pf_json_schema("sample", pf_sample_fields, pf_sample_n_fields);
	_cleanup_free_ char *text = schema ? json_dumps(schema, JSON_INDENT(2)) : NULL;

	json_decref(schema);
	if (!text)
		return -ENOMEM;
	pf_strbuf_adds(&r->out->buf, text);
	pf_strbuf_addch(&r->out->buf, '\n');
	return 0;
}

void pfstat_report_free(struct pfstat_report *r)
{
	free(r->rows);
	r->rows = NULL;
}
