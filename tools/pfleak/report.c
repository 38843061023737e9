/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What pfleak prints of events and at the end, as text and JSON. Judges nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/base/units.h"
#include "lib/record/json.h"
#include "tools/pfleak/deliver.h"
#include "tools/pfleak/report.h"
#include "tools/pfleak/rules.h"

#define RULE_SHOWN (64 * PF_TEXT_GROWTH)

const struct pf_header *pfleak_report_header(const struct pfleak_report *r)
{
	return r->then ? r->then : pf_source__header(r->run->source);
}

/* ---- one event ------------------------------------------------------------ */

static const char *colour(const struct pfleak_report *r, const struct pf_verdict *v)
{
	if (!r->run->out.color)
		return "";
	if (v->state == PF_ALERT_FIRING)
		return v->level == PF_LEVEL_CRITICAL ? "\033[1;31m" : "\033[31m";
	return pf_alert_state_is_open(v->state) ? "\033[33m" : "\033[32m";
}

void pfleak_add_clock(struct pf_strbuf *b, double ts)
{
	char text[32] = "-";
	time_t t = (time_t)ts;
	struct tm tm;

	if (localtime_r(&t, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	pf_strbuf_adds(b, text);
}

void pfleak_add_signals(struct pf_strbuf *b, const struct pf_signal *signals, size_t n)
{
	char text[256];

	for (size_t i = 0; i < n; i++)
		pf_strbuf_addf(b, "    %s\n", pf_signal_text(text, sizeof(text), &signals[i]));
}

/* Words on lines of 80 columns, each indented by four. */
void pfleak_add_wrapped(struct pf_strbuf *b, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (column && column + 1 + len > 80) {
			pf_strbuf_addch(b, '\n');
			column = 0;
		}
		pf_strbuf_adds(b, column ? " " : "    ");
		pf_strbuf_addmem(b, text, len);
		column += (column ? 1 : 4) + len;
		text += len + strspn(text + len, " ");
	}
	pf_strbuf_addch(b, '\n');
}

static void add_facts(struct pf_strbuf *b, const struct pf_verdict *v)
{
	_cleanup_(pf_strbuf_free) struct pf_strbuf line = PF_STRBUF_INIT;
	char rss[16], swap[16], left[16], source[PF_LIMIT_SOURCE_LEN * PF_TEXT_GROWTH];

	pf_strbuf_addf(&line, "class %s", pf_class_name(v->class));
	if (v->rss_bytes != PF_UNKNOWN)
		pf_strbuf_addf(&line, ", RSS %s", pf_fmt_bytes(rss, sizeof(rss), v->rss_bytes));
	if (v->swap_bytes != PF_UNKNOWN && v->swap_bytes > 0)
		pf_strbuf_addf(&line, " + swap %s",
			       pf_fmt_bytes(swap, sizeof(swap), v->swap_bytes));
	pf_strbuf_addf(&line, ", severity %d %s", v->severity, v->severity_label);
	if (!isnan(v->time_left_s))
		pf_strbuf_addf(&line, ", %s left until %s",
			       pf_fmt_duration(left, sizeof(left), v->time_left_s),
			       pf_text_printable(source, sizeof(source), v->limit.source));
	pfleak_add_wrapped(b, line.data ? line.data : "");
}

/* Who says so, and how sure it is. */
static void add_judge(struct pf_strbuf *b, const struct pf_verdict *v)
{
	char name[RULE_SHOWN];

	if (v->rule)
		pf_strbuf_addf(b, "rule %s, %s\n", pf_text_printable(name, sizeof(name), v->rule),
			       pf_alert_level_name(v->level));
	else
		pf_strbuf_addf(b, "confidence %d\n", v->confidence);
}

/* A rule's condition comes and goes; people are told when it has held for long enough. */
static bool is_told(const struct pf_verdict *v)
{
	return !v->rule || v->state == PF_ALERT_FIRING || v->previous == PF_ALERT_FIRING;
}

static void text_event(struct pfleak_report *r, const struct pf_verdict *v,
		       const struct pfleak_closer *closer)
{
	char comm[PF_COMM_LEN * PF_TEXT_GROWTH], rule[RULE_SHOWN], reason[256];
	struct pf_strbuf *b = &r->run->out.buf;

	pfleak_add_clock(b, v->ts);
	pf_strbuf_addf(b, " %s%-8s%s pid %" PRId64 " (%s) ", colour(r, v),
		       pf_alert_headline(v->state), r->run->out.color ? "\033[0m" : "", v->pid,
		       pf_text_printable(comm, sizeof(comm), v->comm));
	if (v->state == PF_ALERT_RESOLVED)
		pf_strbuf_addf(b, "%s%s%s\n", pf_alert_end_name(v->end), v->rule ? ", rule " : "",
			       v->rule ? pf_text_printable(rule, sizeof(rule), v->rule) : "");
	else
		add_judge(b, v);
	pfleak_add_wrapped(b, pf_verdict_reason(reason, sizeof(reason), v));
	if (v->state == PF_ALERT_RESOLVED)
		return;
	add_facts(b, v);
	pfleak_add_closer(b, closer);
	if (r->opts->explain)
		pfleak_add_signals(b, v->signals, v->n_signals);
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

json_t *pfleak_verdict_object(const struct pfleak_report *r, const char *type, size_t n_cols,
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
		return obj;
	json_decref(obj);
	return NULL;
}

int pfleak_json_verdict(struct pfleak_report *r, const char *type, size_t n_cols,
			const struct pfleak_row *row, const struct pf_signal *signals,
			size_t n_signals)
{
	json_t *obj = pfleak_verdict_object(r, type, n_cols, row, signals, n_signals);

	return obj ? pf_json_line(obj, &r->run->out.buf) : -ENOMEM;
}

void pfleak_report_event(struct pfleak_report *r, const struct pf_verdict *v,
			 const struct pfleak_closer *closer)
{
	struct pfleak_row row;

	if (r->opts->common.format == PF_FORMAT_TABLE) {
		if (r->opts->common.watch || !is_told(v))
			return;
		text_event(r, v, closer);
		r->events++;
		return;
	}
	if (r->opts->common.format == PF_FORMAT_PROM)
		pfleak_prom__event(r->prom, v);
	if (r->opts->common.format != PF_FORMAT_JSON)
		return;
	pfleak_row_fill(&row, v, pfleak_report_header(r));
	row.allocator = closer->allocator;
	row.linkage = closer->linkage;
	row.language = closer->language;
	row.next = closer->next;
	row.stacks = closer->stacks;
	if (pfleak_json_verdict(r, "alert", pfleak_n_alert_cols, &row, v->signals, v->n_signals))
		r->failed = true;
}

/* ---- the end -------------------------------------------------------------- */

/* What cron would mail every five minutes. */
static bool is_no_news(const struct pfleak_report *r)
{
	return pfleak_lone(r->opts) && !r->events && !r->listed && !r->run->out.terminal;
}

static void text_sum(struct pfleak_report *r)
{
	const struct pf_leak_stats *s = pf_leak__stats(r->leak);
	struct pf_strbuf *b = &r->run->out.buf;
	char time[16];

	pf_strbuf_addf(b,
		       "%" PRIu64 " processes in %s: %" PRIu64 " watches, %" PRIu64
		       " alerts; now %zu watched, %zu firing\n",
		       s->seen,
		       pf_fmt_duration(time, sizeof(time), pf_source__elapsed_s(r->run->source)),
		       s->watches, s->alerts, s->watch, s->firing);
	if (r->deliver)
		pfleak_deliver__text(r->deliver, b);
	pfleak_rules_text(r->rules, b);
}

static void text_end(struct pfleak_report *r)
{
	const struct pf_losses *losses = &r->run->losses;
	const struct pf_leak_stats *s = pf_leak__stats(r->leak);
	struct pf_strbuf *b = &r->run->out.buf;

	if (!is_no_news(r))
		text_sum(r);
	if (s->evicted || s->refused)
		pf_strbuf_addf(b,
			       "lost: %" PRIu64 " histories dropped and %" PRIu64
			       " samples not judged (more than --max-processes %zu)\n",
			       s->evicted, s->refused, s->max_processes);
	if (s->stale)
		pf_strbuf_addf(b, "lost: %" PRIu64 " samples that came out of time\n", s->stale);
	if (losses->events)
		pf_strbuf_addf(b, "lost: %" PRIu64 " exit records (ring full)\n", losses->events);
	if (losses->processes)
		pf_strbuf_addf(b, "lost: %" PRIu64 " processes not followed (table full)\n",
			       losses->processes);
	pf_run_overhead_text(r->run);
}

/* By name: times asked, could not be told, fired. */
static json_t *json_rules(const struct pf_rules *rules)
{
	json_t *all = json_object();

	for (size_t i = 0; all && i < pf_rules__count(rules); i++) {
		const struct pf_rule_stats *s = pf_rules__stats(rules, i);
		json_t *one = json_pack("{s:I,s:I,s:I}", "asked", (json_int_t)s->asked, "unknown",
					(json_int_t)s->unknown, "fired", (json_int_t)s->fired);

		if (json_object_set_new(all, pf_rules__name(rules, i), one)) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

json_t *pfleak_json_counts(const struct pfleak_report *r)
{
	const struct pf_leak_stats *s = pf_leak__stats(r->leak);

	struct pfleak_told told = { 0 };

	if (r->deliver)
		pfleak_deliver__told(r->deliver, &told);
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "moments",
			 (json_int_t)pf_source__moments(r->run->source), "processes",
			 (json_int_t)s->seen, "watches", (json_int_t)s->watches, "alerts",
			 (json_int_t)s->alerts, "processes_now", (json_int_t)s->processes,
			 "watched_now", (json_int_t)s->watch, "pending_now", (json_int_t)s->pending,
			 "firing_now", (json_int_t)s->firing, "notices", (json_int_t)told.delivered,
			 "held_back", (json_int_t)told.held_back, "rules", json_rules(r->rules));
}

json_t *pfleak_json_losses(const struct pfleak_report *r)
{
	const struct pf_leak_stats *s = pf_leak__stats(r->leak);
	const struct pf_losses *l = &r->run->losses;
	struct pfleak_told told = { 0 };

	if (r->deliver)
		pfleak_deliver__told(r->deliver, &told);
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "exit_records", (json_int_t)l->events,
			 "processes", (json_int_t)l->processes, "histories", (json_int_t)s->evicted,
			 "refused", (json_int_t)s->refused, "stale", (json_int_t)s->stale, "lines",
			 (json_int_t)pf_source__skipped(r->run->source), "notices",
			 (json_int_t)told.lost);
}

int pfleak_report_end(struct pfleak_report *r)
{
	if (r->opts->common.format == PF_FORMAT_JSON)
		return pf_run_summary_json(r->run, pfleak_json_counts(r), pfleak_json_losses(r));
	if (r->opts->common.format == PF_FORMAT_TABLE)
		text_end(r);
	return 0;
}
