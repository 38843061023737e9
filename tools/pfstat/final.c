/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What pfstat prints at the end: what each group did since the start, what was
 * lost, what it cost. Measures and sums nothing.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "lib/base/text.h"
#include "lib/base/units.h"
#include "tools/pfstat/report.h"

static int most_faults(const void *a, const void *b)
{
	const struct pfstat_group *x = *(const struct pfstat_group *const *)a;
	const struct pfstat_group *y = *(const struct pfstat_group *const *)b;

	return (x->sum.faults < y->sum.faults) - (x->sum.faults > y->sum.faults);
}

static void final_line(struct pf_strbuf *b, const char *pid, const char *name,
		       const struct pfstat_sum *sum)
{
	char safe[PF_COMM_LEN * PF_TEXT_GROWTH], cut[128], faults[24] = "-", rate[16] = "-",
							   growth[16], time[16];

	if (sum->faults != PF_UNKNOWN) {
		snprintf(faults, sizeof(faults), "%" PRId64, sum->faults);
		pf_fmt_rate(rate, sizeof(rate),
			    sum->seconds > 0 ? (double)sum->faults / sum->seconds : 0);
	}
	pf_text_printable(safe, sizeof(safe), name);
	pf_text_fit(cut, sizeof(cut), safe, 24);
	pf_strbuf_addf(b, "%7s %s%*s %11s %9s %9s %9s\n", pid, cut, (int)(24 - pf_text_width(cut)),
		       "", faults, rate,
		       pf_fmt_delta_bytes(growth, sizeof(growth), sum->growth_bytes),
		       pf_fmt_duration(time, sizeof(time), sum->seconds));
}

static void final_groups(struct pfstat_report *r)
{
	struct pf_strbuf *b = &r->run->out.buf;
	size_t n, top = r->rows.opts->common.top;
	const struct pfstat_group **all = pfstat_groups__all(r->rows.groups, &n);
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

static void table_losses(struct pfstat_report *r)
{
	const struct pf_losses *l = &r->run->losses;
	struct pf_strbuf *b = &r->run->out.buf;

	if (l->events)
		pf_strbuf_addf(b, "lost: %" PRIu64 " exit records (ring full)\n", l->events);
	if (l->counters)
		pf_strbuf_addf(b, "lost: %" PRIu64 " fault events (no room for a counter)\n",
			       l->counters);
	if (l->left_out)
		pf_strbuf_addf(b,
			       "lost: %" PRIu64 " fault events or their class (the kernel left a "
			       "program out)\n",
			       l->left_out);
	if (l->cpu_gaps)
		pf_strbuf_addf(
			b, "lost: the first fault events of a CPU that came, %" PRIu64 " times\n",
			l->cpu_gaps);
	if (l->processes)
		pf_strbuf_addf(b, "lost: %" PRIu64 " processes not followed (table full)\n",
			       l->processes);
	if (pfstat_groups__unfollowed(r->rows.groups))
		pf_strbuf_addf(b, "lost: %" PRIu64 " samples in the total only (too many groups)\n",
			       pfstat_groups__unfollowed(r->rows.groups));
}

static void table_end(struct pfstat_report *r)
{
	const struct pfstat_sum *all = pfstat_groups__machine_sum(r->rows.groups);
	const struct pfstat_sum *others = pfstat_groups__others(r->rows.groups);
	struct pf_strbuf *b = &r->run->out.buf;
	char name[64];

	if (r->shown > 1 || r->rows.opts->common.watch) {
		pf_strbuf_addf(b, "\n%7s %-24s %11s %9s %9s %9s\n", "PID", "FINAL REPORT", "FAULTS",
			       "AVG/s", "GROWTH", "TIME");
		final_groups(r);
		if (others->processes) {
			snprintf(name, sizeof(name), "(%" PRId64 " more ended)", others->processes);
			final_line(b, "-", name, others);
		}
		final_line(b, "-", "all", all);
		if (r->rows.opts->warn_per_s > 0)
			pf_strbuf_addf(b, "%" PRIu64 " times above %g faults/s\n", r->warned,
				       r->rows.opts->warn_per_s);
	}
	table_losses(r);
	pf_run_overhead_text(r->run);
}

static json_t *json_losses(const struct pfstat_report *r)
{
	const struct pf_losses *l = &r->run->losses;

	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "exit_records", (json_int_t)l->events,
			 "fault_events", (json_int_t)l->counters, "left_out",
			 (json_int_t)l->left_out, "cpu_gaps", (json_int_t)l->cpu_gaps, "processes",
			 (json_int_t)l->processes, "grouped",
			 (json_int_t)pfstat_groups__unfollowed(r->rows.groups), "lines",
			 (json_int_t)pf_source__skipped(r->run->source));
}

static json_t *json_counts(const struct pfstat_report *r)
{
	const struct pfstat_sum *all = pfstat_groups__machine_sum(r->rows.groups);
	json_t *obj = json_object();

	if (obj && !pf_json_add_int(obj, "moments", (int64_t)pf_source__moments(r->run->source)) &&
	    !pf_json_add_int(obj, "faults", all->faults) &&
	    !pf_json_add_int(obj, "minor", all->minor) &&
	    !pf_json_add_int(obj, "major", all->major) &&
	    !pf_json_add_int(obj, "exited", all->processes) &&
	    !pf_json_add_int(obj, "warned", (int64_t)r->warned))
		return obj;
	json_decref(obj);
	return NULL;
}

int pfstat_report_end(struct pfstat_report *r)
{
	if (r->rows.opts->common.format == PF_FORMAT_JSON)
		return pf_run_summary_json(r->run, json_counts(r), json_losses(r));
	if (r->rows.opts->common.format == PF_FORMAT_TABLE)
		table_end(r);
	return 0;
}
