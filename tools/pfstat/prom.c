/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What pfstat prints for Prometheus: the machine, and the busiest groups of
 * equal comm and cgroup (or processes). Counters are totals since the start.
 */
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/base/cleanup.h"
#include "lib/report/metrics.h"
#include "tools/pfstat/report.h"

struct family {
	const char *name;
	const char *help;
	enum pf_metric kind;
	bool in_row; /* offset is in the row, else in the sum */
	size_t offset;
};

#define SUM(member) .kind = PF_METRIC_COUNTER, .offset = offsetof(struct pfstat_group, sum.member)
#define ROW(member)                                                                                \
	.kind = PF_METRIC_GAUGE, .in_row = true,                                                   \
	.offset = offsetof(struct pfstat_group, row.s.member)

static const struct family families[] = {
	{ "process_faults", "Page faults (minor + major).", SUM(faults) },
	{ "process_minor_faults", "Page faults served without waiting for I/O.", SUM(minor) },
	{ "process_major_faults", "Page faults that waited for I/O.", SUM(major) },
	{ "process_user_fault_events", "Fault events taken in user mode.", SUM(user) },
	{ "process_kernel_fault_events", "Fault events taken in kernel mode on user memory.",
	  SUM(kernel) },
	{ "process_resident_memory_bytes", "RSS: anonymous, file and shared memory.",
	  ROW(rss_bytes) },
	{ "process_anonymous_memory_bytes", "Anonymous part of RSS.", ROW(rss_anon_bytes) },
	{ "process_swap_bytes", "Swapped out.", ROW(swap_bytes) },
	{ "process_virtual_memory_bytes", "Virtual size.", ROW(vsz_bytes) },
};

/* One family, a series per value of its label. */
struct split {
	const char *name;
	const char *process_name;
	const char *help;
	const char *label;
	struct part {
		const char *value;
		size_t offset; /* in the sum */
	} part[6];
};

#define PART(member)                                                                               \
	{                                                                                          \
#member, offsetof(struct pfstat_sum, member)                                       \
	}

static const struct split splits[] = {
	{ "fault_events",
	  "process_fault_events",
	  "Fault events by what they did to the memory.",
	  "class",
	  { PART(anon), PART(file), PART(shmem), PART(swapin), PART(cow), PART(other) } },
	{ "fault_accesses",
	  "process_fault_accesses",
	  "Fault events by what the program did.",
	  "access",
	  { PART(read), PART(write), PART(exec) } },
};

static double known(int64_t value)
{
	return value == PF_UNKNOWN ? NAN : (double)value;
}

static const struct pfstat_group *group_of(const void *row)
{
	return (const void *)((const char *)row - offsetof(struct pfstat_group, row));
}

#define LABELS_MAX 4
#define PID_TEXT   24

/* What names the series of a group; returns how many labels that are. */
static size_t name_series(const struct pfstat_report *r, const struct pfstat_group *g,
			  struct pf_label *labels, char pid[PID_TEXT])
{
	snprintf(pid, PID_TEXT, "%" PRId64, g->row.s.pid);
	labels[0] = (struct pf_label){ "comm", g->row.s.comm };
	labels[1] = (struct pf_label){ "cgroup", g->row.s.cgroup };
	labels[2] = (struct pf_label){ "pid", pid };
	return r->rows.opts->label_pid ? 3 : 2;
}

static void one_family(struct pfstat_report *r, const struct family *f, const void *const *rows,
		       size_t n)
{
	struct pf_strbuf *b = &r->run->out.buf;
	struct pf_label labels[LABELS_MAX];
	char pid[PID_TEXT];

	pf_metric_family(b, f->name, f->kind, f->help);
	for (size_t i = 0; i < n; i++) {
		const struct pfstat_group *g = group_of(rows[i]);
		size_t n_labels = name_series(r, g, labels, pid);

		pf_metric_sample(b, f->name, f->kind, labels, n_labels,
				 known(*(const int64_t *)((const char *)g + f->offset)));
	}
}

/* The parts of a sum, after n_labels that name whose they are. */
static void parts(struct pf_strbuf *b, const char *name, const struct split *s,
		  struct pf_label *labels, size_t n_labels, const struct pfstat_sum *sum)
{
	for (size_t i = 0; i < PF_ARRAY_SIZE(s->part) && s->part[i].value; i++) {
		labels[n_labels] = (struct pf_label){ s->label, s->part[i].value };
		pf_metric_sample(b, name, PF_METRIC_COUNTER, labels, n_labels + 1,
				 known(*(const int64_t *)((const char *)sum + s->part[i].offset)));
	}
}

static void split_machine(struct pf_strbuf *b, const struct split *s, const struct pfstat_sum *sum)
{
	struct pf_label labels[LABELS_MAX];

	pf_metric_family(b, s->name, PF_METRIC_COUNTER, s->help);
	parts(b, s->name, s, labels, 0, sum);
}

static void split_groups(struct pfstat_report *r, const struct split *s, const void *const *rows,
			 size_t n)
{
	struct pf_strbuf *b = &r->run->out.buf;
	struct pf_label labels[LABELS_MAX];
	char pid[PID_TEXT];

	pf_metric_family(b, s->process_name, PF_METRIC_COUNTER, s->help);
	for (size_t i = 0; i < n; i++) {
		const struct pfstat_group *g = group_of(rows[i]);

		parts(b, s->process_name, s, labels, name_series(r, g, labels, pid), &g->sum);
	}
}

static void plain(struct pf_strbuf *b, const char *name, enum pf_metric kind, const char *help,
		  double value)
{
	pf_metric_family(b, name, kind, help);
	pf_metric_sample(b, name, kind, NULL, 0, value);
}

static void losses(struct pf_strbuf *b, const struct pf_losses *l)
{
	const struct {
		const char *kind;
		uint64_t n;
	} kinds[] = { { "exit_records", l->events },
		      { "fault_events", l->counters },
		      { "left_out", l->left_out },
		      { "cpu_gaps", l->cpu_gaps },
		      { "processes", l->processes } };

	pf_metric_family(b, "losses", PF_METRIC_COUNTER, "What could not be counted, by kind.");
	for (size_t i = 0; i < PF_ARRAY_SIZE(kinds); i++) {
		struct pf_label label = { "kind", kinds[i].kind };

		pf_metric_sample(b, "losses", PF_METRIC_COUNTER, &label, 1, (double)kinds[i].n);
	}
}

static void machine(struct pfstat_report *r, const struct pf_moment *m)
{
	const struct pfstat_sum *sum = pfstat_groups__machine_sum(r->rows.groups);
	const struct pf_observe *observe = pf_source__observe(r->run->source);
	struct pf_strbuf *b = &r->run->out.buf;
	struct pf_overhead own;

	plain(b, "faults", PF_METRIC_COUNTER, "Page faults of all processes.", known(sum->faults));
	plain(b, "major_faults", PF_METRIC_COUNTER, "Major page faults of all processes.",
	      known(sum->major));
	plain(b, "user_fault_events", PF_METRIC_COUNTER, "Fault events taken in user mode.",
	      known(sum->user));
	plain(b, "kernel_fault_events", PF_METRIC_COUNTER,
	      "Fault events taken in kernel mode on user memory.", known(sum->kernel));
	for (size_t i = 0; i < PF_ARRAY_SIZE(splits); i++)
		split_machine(b, &splits[i], sum);
	plain(b, "processes", PF_METRIC_GAUGE, "Processes followed.",
	      (double)pfstat_groups__machine(r->rows.groups)->processes);
	plain(b, "processes_exited", PF_METRIC_COUNTER, "Processes seen to die.",
	      known(sum->processes));
	losses(b, &m->losses);
	if (r->rows.opts->warn_per_s > 0)
		plain(b, "warned", PF_METRIC_COUNTER, "Lines above the --warn rate.",
		      (double)r->warned);
	if (!observe)
		return;
	pf_observe__overhead(observe, &own);
	plain(b, "self_cpu_seconds", PF_METRIC_COUNTER, "CPU time of pfstat itself.", own.cpu_s);
	plain(b, "self_resident_memory_bytes", PF_METRIC_GAUGE, "RSS of pfstat itself.",
	      known(own.rss_bytes));
}

void pfstat_report_metrics(struct pfstat_report *r, const struct pf_moment *m)
{
	size_t n;
	const void *const *rows = pfstat_rows_top(&r->rows, &n);

	machine(r, m);
	for (size_t i = 0; rows && i < PF_ARRAY_SIZE(families); i++)
		one_family(r, &families[i], rows, n);
	for (size_t i = 0; rows && i < PF_ARRAY_SIZE(splits); i++)
		split_groups(r, &splits[i], rows, n);
}
