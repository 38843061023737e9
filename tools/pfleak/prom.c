/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pfleak for Prometheus. Series of processes are merged by what their labels
 * become, as no series may come twice. Every name begins with leak_, so that
 * pfstat's file can lie beside this one.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "version.h"
#include "lib/base/cleanup.h"
#include "lib/base/strbuf.h"
#include "lib/base/text.h"
#include "lib/report/metrics.h"
#include "tools/pfleak/deliver.h"
#include "tools/pfleak/prom.h"

/* Processes of equal comm and cgroup (and pid, if asked for) in this moment. */
struct group {
	UT_hash_handle hh;
	char comm[PF_COMM_LEN * PF_TEXT_GROWTH];
	char pid[24];
	double suspect; /* a watch or an alert is open */
	double confidence;
	double fault_rate;
	double rss_bytes, swap_bytes, vsz_bytes;
	double growth_bytes_per_s;
	double time_left_s;
	size_t key_len;
	const char *cgroup; /* in key */
	char key[];
};

/* Fault events by class, where a backend tells. */
static const struct {
	const char *name;
	size_t offset;
} classes[] = {
	{ "anon", offsetof(struct pf_sample, anon) },
	{ "file", offsetof(struct pf_sample, file) },
	{ "shmem", offsetof(struct pf_sample, shmem) },
	{ "swapin", offsetof(struct pf_sample, swapin) },
	{ "cow", offsetof(struct pf_sample, cow) },
	{ "other", offsetof(struct pf_sample, other) },
};

/* Confidence is a whole percentage: 0.49 is the last below a watch, 0.69 the last below an alert. */
static const double bounds[] = { 0, 0.09, 0.19, 0.29, 0.39, 0.49, 0.59, 0.69, 0.79, 0.89, 0.99 };

struct pfleak_prom {
	const struct pfleak_opts *opts;
	struct group *groups;
	int64_t faults, major;
	int64_t by_class[PF_ARRAY_SIZE(classes)];
	uint64_t judged[PF_ARRAY_SIZE(bounds) + 1];
	uint64_t judged_sum; /* of percentages */
	uint64_t events[PF_ALERT_RESOLVED + 1];
	double cpu_s, wall_s; /* own, at the last exposition */
};

struct pfleak_prom *pfleak_prom__new(const struct pfleak_opts *opts)
{
	struct pfleak_prom *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->opts = opts;
	p->faults = p->major = PF_UNKNOWN;
	for (size_t i = 0; i < PF_ARRAY_SIZE(classes); i++)
		p->by_class[i] = PF_UNKNOWN;
	return p;
}

static void forget_groups(struct pfleak_prom *p)
{
	struct group *g, *next;

	HASH_ITER (hh, p->groups, g, next) {
		HASH_DEL(p->groups, g);
		free(g);
	}
}

void pfleak_prom__free(struct pfleak_prom *p)
{
	if (!p)
		return;
	forget_groups(p);
	free(p);
}

/* ---- taking in ------------------------------------------------------------ */

static void add_known(int64_t *sum, int64_t value)
{
	if (value != PF_UNKNOWN)
		*sum = *sum == PF_UNKNOWN ? value : *sum + value;
}

static void add_bytes(double *sum, int64_t value)
{
	if (value != PF_UNKNOWN)
		*sum = isnan(*sum) ? (double)value : *sum + (double)value;
}

static void add_real(double *sum, double value)
{
	if (!isnan(value))
		*sum = isnan(*sum) ? value : *sum + value;
}

static struct group *group_new(const struct pfleak_prom *p, const struct pf_sample *s)
{
	const char *cgroup = s->cgroup ? s->cgroup : "";
	size_t cgroup_size = strlen(cgroup) * PF_TEXT_GROWTH + 1;
	struct group *g = calloc(1, sizeof(*g) + sizeof(g->comm) + sizeof(g->pid) + cgroup_size);
	int at;

	if (!g)
		return NULL;
	pf_text_label(g->comm, sizeof(g->comm), s->comm);
	if (p->opts->label_pid)
		snprintf(g->pid, sizeof(g->pid), "%" PRId64, s->pid);
	at = snprintf(g->key, sizeof(g->comm) + sizeof(g->pid), "%s\n%s", g->pid, g->comm) + 1;
	g->cgroup = pf_text_label(g->key + at, cgroup_size, cgroup);
	g->key_len = (size_t)at + strlen(g->cgroup);
	g->rss_bytes = g->swap_bytes = g->vsz_bytes = NAN;
	g->fault_rate = g->growth_bytes_per_s = g->time_left_s = NAN;
	return g;
}

/* NULL = no memory. */
static struct group *group_of(struct pfleak_prom *p, const struct pf_sample *s)
{
	struct group *fresh = group_new(p, s), *known = NULL;

	if (!fresh)
		return NULL;
	HASH_FIND(hh, p->groups, fresh->key, fresh->key_len, known);
	if (known) {
		free(fresh);
		return known;
	}
	HASH_ADD_KEYPTR(hh, p->groups, fresh->key, fresh->key_len, fresh);
	if (!fresh->hh.tbl) {
		free(fresh);
		return NULL;
	}
	return fresh;
}

static void group_add(struct group *g, const struct pf_verdict *v)
{
	double confidence = v->confidence / 100.0;

	if (pf_alert_state_is_open(v->state))
		g->suspect++;
	if (confidence > g->confidence)
		g->confidence = confidence;
	if (isnan(g->time_left_s) || v->time_left_s < g->time_left_s)
		g->time_left_s = v->time_left_s;
	add_real(&g->fault_rate, v->fault_rate);
	add_real(&g->growth_bytes_per_s, v->growth_bytes_per_s);
	add_bytes(&g->rss_bytes, v->rss_bytes);
	add_bytes(&g->swap_bytes, v->swap_bytes);
	add_bytes(&g->vsz_bytes, v->vsz_bytes);
}

static void count_confidence(struct pfleak_prom *p, int percent)
{
	size_t i = 0;

	while (i < PF_ARRAY_SIZE(bounds) && percent > lround(100 * bounds[i]))
		i++;
	p->judged[i]++;
	p->judged_sum += (uint64_t)percent;
}

int pfleak_prom__see(struct pfleak_prom *p, const struct pf_sample *s, const struct pf_verdict *v)
{
	struct group *g;

	add_known(&p->faults, s->faults);
	add_known(&p->major, s->major);
	for (size_t i = 0; i < PF_ARRAY_SIZE(classes); i++)
		add_known(&p->by_class[i], *(const int64_t *)((const char *)s + classes[i].offset));
	if (!v || s->exited)
		return 0;
	if (v->n_signals)
		count_confidence(p, v->confidence);
	g = group_of(p, s);
	if (!g)
		return -ENOMEM;
	group_add(g, v);
	return 0;
}

void pfleak_prom__event(struct pfleak_prom *p, const struct pf_verdict *v)
{
	p->events[v->state]++;
}

/* ---- putting out ---------------------------------------------------------- */

static double known(int64_t value)
{
	return value == PF_UNKNOWN ? NAN : (double)value;
}

static void plain(struct pf_strbuf *b, const char *name, enum pf_metric kind, const char *help,
		  double value)
{
	if (isnan(value))
		return;
	pf_metric_family(b, name, kind, help);
	pf_metric_sample(b, name, kind, NULL, 0, value);
}

static void labelled(struct pf_strbuf *b, const char *name, enum pf_metric kind, const char *label,
		     const char *value, double v)
{
	const struct pf_label l = { label, value };

	pf_metric_sample(b, name, kind, &l, 1, v);
}

static void faults(const struct pfleak_prom *p, struct pf_strbuf *b)
{
	plain(b, "leak_faults", PF_METRIC_COUNTER,
	      "Page faults of all processes seen (minor + major).", known(p->faults));
	plain(b, "leak_major_faults", PF_METRIC_COUNTER, "Page faults that waited for I/O.",
	      known(p->major));
	for (size_t i = 0; i < PF_ARRAY_SIZE(classes); i++) {
		if (p->by_class[i] == PF_UNKNOWN)
			continue;
		pf_metric_family(b, "leak_fault_events", PF_METRIC_COUNTER,
				 "Fault events by class, where the backend tells.");
		break;
	}
	for (size_t i = 0; i < PF_ARRAY_SIZE(classes); i++)
		labelled(b, "leak_fault_events", PF_METRIC_COUNTER, "class", classes[i].name,
			 known(p->by_class[i]));
}

static void suspects(const struct pfleak_prom *p, struct pf_strbuf *b, const struct pf_leak *leak)
{
	const struct pf_leak_stats *s = pf_leak__stats(leak);
	const char *name = "leak_suspects";

	plain(b, "leak_processes", PF_METRIC_GAUGE, "Processes followed.", (double)s->processes);
	plain(b, "leak_processes_seen", PF_METRIC_COUNTER, "Processes followed since the start.",
	      (double)s->seen);
	pf_metric_family(b, name, PF_METRIC_GAUGE, "Processes with a watch or an alert.");
	labelled(b, name, PF_METRIC_GAUGE, "state", "watch", (double)s->watch);
	labelled(b, name, PF_METRIC_GAUGE, "state", "pending", (double)s->pending);
	labelled(b, name, PF_METRIC_GAUGE, "state", "firing", (double)s->firing);
	name = "leak_alerts";
	pf_metric_family(b, name, PF_METRIC_COUNTER, "Events reported, by what they began.");
	for (int state = PF_ALERT_WATCH; state <= PF_ALERT_RESOLVED; state++)
		labelled(b, name, PF_METRIC_COUNTER, "state", pf_alert_state_name(state),
			 (double)p->events[state]);
}

static void confidence(const struct pfleak_prom *p, struct pf_strbuf *b)
{
	const struct pf_metric_histogram h = { bounds, p->judged, PF_ARRAY_SIZE(bounds),
					       (double)p->judged_sum / 100 };

	pf_metric_histogram(b, "leak_confidence_ratio",
			    "Confidence that a process leaks: one value a process and interval.",
			    &h);
}

/* Of all channels of that name: no series may come twice. False = there is none, or it had its turn. */
static bool channel_sum(const struct pfleak_deliver *d, size_t i, const char **name,
			struct pf_notify_stats *sum)
{
	struct pf_notify_stats one;
	const char *other;

	if (!pfleak_deliver__channel(d, i, name, sum))
		return false;
	for (size_t k = 0; pfleak_deliver__channel(d, k, &other, &one); k++) {
		if (k == i || strcmp(other, *name))
			continue;
		if (k < i)
			return false;
		sum->delivered += one.delivered;
		sum->failed += one.failed;
		sum->dropped += one.dropped;
		sum->waiting += one.waiting;
	}
	return true;
}

static void outcome(struct pf_strbuf *b, const char *channel, const char *word, uint64_t n)
{
	const struct pf_label labels[] = { { "channel", channel }, { "outcome", word } };

	pf_metric_sample(b, "leak_notices", PF_METRIC_COUNTER, labels, PF_ARRAY_SIZE(labels),
			 (double)n);
}

static void notices(struct pf_strbuf *b, const struct pfleak_deliver *d)
{
	struct pf_notify_stats s;
	struct pfleak_told told;
	const char *name;

	pf_metric_family(b, "leak_notices", PF_METRIC_COUNTER,
			 "Notices to channels, by what became of them.");
	for (size_t i = 0; pfleak_deliver__channel(d, i, &name, &s); i++) {
		if (!channel_sum(d, i, &name, &s))
			continue;
		outcome(b, name, "delivered", s.delivered);
		outcome(b, name, "failed", s.failed);
		outcome(b, name, "dropped", s.dropped);
	}
	pf_metric_family(b, "leak_notices_waiting", PF_METRIC_GAUGE, "Notices on their way.");
	for (size_t i = 0; pfleak_deliver__channel(d, i, &name, &s); i++) {
		if (channel_sum(d, i, &name, &s))
			labelled(b, "leak_notices_waiting", PF_METRIC_GAUGE, "channel", name,
				 (double)s.waiting);
	}
	pfleak_deliver__told(d, &told);
	plain(b, "leak_notify_restarts", PF_METRIC_COUNTER,
	      "Times that pf-notify was started again.", (double)told.restarts);
}

static void losses(struct pf_strbuf *b, const struct pf_leak_stats *s, const struct pf_losses *l)
{
	const struct {
		const char *kind;
		uint64_t n;
	} kinds[] = { { "exit_records", l->events },	 { "fault_events", l->counters },
		      { "left_out", l->left_out },	 { "cpu_gaps", l->cpu_gaps },
		      { "processes", l->processes },	 { "histories", s->evicted },
		      { "samples_refused", s->refused }, { "samples_stale", s->stale } };

	pf_metric_family(b, "leak_losses", PF_METRIC_COUNTER,
			 "What could not be counted, by kind.");
	for (size_t i = 0; i < PF_ARRAY_SIZE(kinds); i++)
		labelled(b, "leak_losses", PF_METRIC_COUNTER, "kind", kinds[i].kind,
			 (double)kinds[i].n);
}

static void own_cost(struct pfleak_prom *p, struct pf_strbuf *b, const struct pf_observe *observe)
{
	struct pf_overhead own;

	if (!observe)
		return;
	pf_observe__overhead(observe, &own);
	plain(b, "leak_self_cpu_seconds", PF_METRIC_COUNTER, "CPU time of pfleak itself.",
	      own.cpu_s);
	if (own.wall_s > p->wall_s)
		plain(b, "leak_self_cpu_ratio", PF_METRIC_GAUGE,
		      "Part of one CPU that pfleak used since the last exposition.",
		      (own.cpu_s - p->cpu_s) / (own.wall_s - p->wall_s));
	p->cpu_s = own.cpu_s;
	p->wall_s = own.wall_s;
	plain(b, "leak_self_resident_memory_bytes", PF_METRIC_GAUGE, "RSS of pfleak itself.",
	      known(own.rss_bytes));
	plain(b, "leak_self_map_bytes", PF_METRIC_GAUGE, "Memory of its BPF maps.",
	      known(own.map_bytes));
}

static const struct {
	const char *name;
	const char *help;
	size_t offset;
} families[] = {
	{ "leak_process_confidence_ratio", "Confidence that it leaks, 0 to 1; the highest.",
	  offsetof(struct group, confidence) },
	{ "leak_process_suspects", "Processes with a watch or an alert.",
	  offsetof(struct group, suspect) },
	{ "leak_process_growth_bytes_per_second", "Growth of the memory's floor.",
	  offsetof(struct group, growth_bytes_per_s) },
	{ "leak_process_time_left_seconds", "Until the tightest limit is reached; the least.",
	  offsetof(struct group, time_left_s) },
	{ "leak_process_faults_per_second", "Page faults in the last interval.",
	  offsetof(struct group, fault_rate) },
	{ "leak_process_resident_memory_bytes", "RSS: anonymous, file and shared memory.",
	  offsetof(struct group, rss_bytes) },
	{ "leak_process_swap_bytes", "Swapped out.", offsetof(struct group, swap_bytes) },
	{ "leak_process_virtual_memory_bytes", "Virtual size.", offsetof(struct group, vsz_bytes) },
};

static void one_family(const struct pfleak_prom *p, struct pf_strbuf *b, size_t f,
		       struct group *const *rows, size_t n)
{
	const size_t n_labels = p->opts->label_pid ? 3 : 2;

	pf_metric_family(b, families[f].name, PF_METRIC_GAUGE, families[f].help);
	for (size_t i = 0; i < n; i++) {
		const struct group *g = rows[i];
		const struct pf_label labels[] = { { "comm", g->comm },
						   { "cgroup", g->cgroup },
						   { "pid", g->pid } };

		pf_metric_sample(b, families[f].name, PF_METRIC_GAUGE, labels, n_labels,
				 *(const double *)((const char *)g + families[f].offset));
	}
}

static int down(double a, double b)
{
	return (a < b) - (a > b); /* 0 with NaN */
}

/* Suspects first, the surest in front; then those that fault most, then the biggest. */
static int by_interest(const void *a, const void *b)
{
	const struct group *x = *(struct group *const *)a, *y = *(struct group *const *)b;
	int order = (y->suspect > 0) - (x->suspect > 0);

	if (!order && x->suspect > 0)
		order = down(x->confidence, y->confidence);
	if (!order)
		order = down(isnan(x->fault_rate) ? -1 : x->fault_rate,
			     isnan(y->fault_rate) ? -1 : y->fault_rate);
	if (!order)
		order = down(isnan(x->rss_bytes) ? -1 : x->rss_bytes,
			     isnan(y->rss_bytes) ? -1 : y->rss_bytes);
	return order ? order : strcmp(x->key, y->key);
}

static int processes(struct pfleak_prom *p, struct pf_strbuf *b)
{
	size_t n = HASH_COUNT(p->groups), top = p->opts->common.top, i = 0;
	_cleanup_free_ struct group **rows = malloc((n + 1) * sizeof(*rows));
	struct group *g, *next;

	if (!rows)
		return -ENOMEM;
	HASH_ITER (hh, p->groups, g, next)
		rows[i++] = g;
	qsort(rows, n, sizeof(*rows), by_interest);
	if (top && n > top)
		n = top;
	for (size_t f = 0; n && f < PF_ARRAY_SIZE(families); f++)
		one_family(p, b, f, rows, n);
	return 0;
}

int pfleak_prom__write(struct pfleak_prom *p, struct pf_run *run, const struct pf_leak *leak,
		       const struct pfleak_deliver *deliver, const struct pf_moment *m)
{
	struct pf_strbuf *b = &run->out.buf;
	int ret;

	pf_metric_family(b, "leak_build_info", PF_METRIC_GAUGE, "Always 1; the labels tell.");
	labelled(b, "leak_build_info", PF_METRIC_GAUGE, "version", PF_VERSION, 1);
	plain(b, "leak_last_sample_timestamp_seconds", PF_METRIC_GAUGE,
	      "Unix time of the last sample.", m->ts);
	faults(p, b);
	suspects(p, b, leak);
	confidence(p, b);
	if (deliver)
		notices(b, deliver);
	losses(b, pf_leak__stats(leak), &m->losses);
	own_cost(p, b, pf_source__observe(run->source));
	ret = processes(p, b);
	forget_groups(p);
	return ret;
}
