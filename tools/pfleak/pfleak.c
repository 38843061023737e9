/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pfleak: who is leaking, how sure are we, when does it run out. Feeds every
 * sample to the leak library and reports what changes.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/caps.h"
#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/cli/privileges.h"
#include "lib/cli/run.h"
#include "lib/leak/leak.h"
#include "lib/proc/limits.h"
#include "lib/proc/machine.h"
#include "lib/report/report.h"
#include "tools/pfleak/deliver.h"
#include "tools/pfleak/identify.h"
#include "tools/pfleak/report.h"
#include "tools/pfleak/rules.h"
#include "tools/pfleak/settings.h"
#include "tools/pfleak/stacks.h"
#include "tools/pfleak/state.h"

#define HOUR_S 3600.0

struct pfleak {
	struct pfleak_opts opts;
	struct pfleak_columns columns;
	struct pfleak_report report;
	struct pfleak_settings settings;
	struct pf_leak *leak;
	struct pf_limits *limits; /* NULL where /proc is not that of the samples, as in replay */
	struct pf_machine machine;
	int64_t memory_bytes; /* in replay: the recorded machine's */
	struct pfleak_identify identify;
	struct pfleak_stacks *stacks;	/* NULL without --stacks */
	struct pfleak_deliver *deliver; /* NULL without channels */
	struct pfleak_state *state;	/* NULL without --state */
	struct pfleak_state_found kept; /* what it had */
	uint64_t moments;
	uint64_t seen;		  /* samples */
	double mono_s;		  /* of this moment */
	bool channels_refused;	  /* those of the configuration are not in use */
	enum pfleak_status ended; /* worst alert of a process that ended while it was firing */
};

/* ---- what was found ------------------------------------------------------- */

static enum pfleak_status grade(const struct pfleak *p, const struct pf_verdict *v)
{
	bool soon = !isnan(v->time_left_s) && v->time_left_s < HOUR_S;

	if (v->state == PF_ALERT_WATCH || v->state == PF_ALERT_PENDING)
		return p->opts.strict ? PFLEAK_WARNING : PFLEAK_OK;
	return v->level == PF_LEVEL_CRITICAL || soon ? PFLEAK_CRITICAL : PFLEAK_WARNING;
}

struct worst {
	const struct pfleak *p;
	enum pfleak_status status;
};

static bool take_worst(void *ctx, const struct pf_verdict *v)
{
	struct worst *w = ctx;
	enum pfleak_status g = PFLEAK_OK;

	if (pf_alert_state_is_open(v->state))
		g = grade(w->p, v);
	if (g > w->status)
		w->status = g;
	return true;
}

static void take_worst_rule(void *ctx, const struct pf_verdict *v)
{
	take_worst(ctx, v);
}

static enum pfleak_status found(struct pfleak *p)
{
	struct worst w = { p, p->ended };

	if (!pfleak_bounded(&p->opts))
		return PFLEAK_OK;
	if (!p->seen && !p->opts.common.columns_help && !p->opts.common.json_schema) {
		pf_warn("no process was seen: nothing can be said");
		return PFLEAK_UNKNOWN;
	}
	pf_leak__each(p->leak, take_worst, &w);
	pf_leak__each_rule(p->leak, take_worst_rule, &w);
	return w.status;
}

/* ---- an event ------------------------------------------------------------- */

static void put_facts(struct pfleak_closer *c, const struct pf_allocator_facts *facts, int64_t pid)
{
	c->allocator = pf_allocator_name(facts->allocator);
	if (c->allocator)
		c->linkage = facts->linked_static ? "static" : "dynamic";
	c->language = pf_language_name(facts->language);
	c->next = pfleak_advice(c->advice, sizeof(c->advice), facts, pid);
}

/* What the closer look told when the alert fired: a notice may come much later, and again. */
static void recall(void *ctx, const struct pf_verdict *v, struct pfleak_closer *c)
{
	struct pfleak *p = ctx;
	struct pf_allocator_facts facts;

	*c = (struct pfleak_closer){ 0 };
	if (!p->limits || v->state != PF_ALERT_FIRING)
		return;
	if (pfleak_identify_known(&p->identify, v->pid, v->start_ts, &facts))
		put_facts(c, &facts, v->pid);
	if (p->stacks)
		c->stacks = pfleak_stacks__file(p->stacks, v);
	if (p->stacks)
		c->site = pfleak_stacks__site(p->stacks, v);
}

/* Is what it keeps in the allocator's memory? The heap of a runtime is not. */
static bool has_malloc(const struct pf_allocator_facts *facts)
{
	return facts->allocator != PF_ALLOCATOR_UNKNOWN && facts->allocator != PF_ALLOCATOR_GO &&
	       (facts->language == PF_LANGUAGE_UNKNOWN || facts->language == PF_LANGUAGE_CPYTHON);
}

static void look_closer(struct pfleak *p, const struct pf_verdict *v, struct pfleak_closer *c)
{
	struct pf_allocator_facts facts;

	*c = (struct pfleak_closer){ 0 };
	/* In replay, and where /proc is another namespace's, the pid is somebody else's. */
	if (!p->limits)
		return;
	if (v->state == PF_ALERT_WATCH)
		pfleak_identify_begin(&p->identify, v->pid, v->start_ts);
	if (v->state != PF_ALERT_FIRING)
		return;
	facts = pfleak_identify(&p->identify, v->pid, v->start_ts);
	put_facts(c, &facts, v->pid);
	if (p->stacks)
		c->stacks = pfleak_stacks__start(p->stacks, v, has_malloc(&facts));
}

/* Between the run before and this one: that is no news of this run's time. */
static bool ended_before(const struct pfleak *p, const struct pf_verdict *v)
{
	return p->kept.any && !p->moments && v->end != PF_END_EXITED;
}

static void event(struct pfleak *p, const struct pf_verdict *v)
{
	struct pfleak_closer closer;

	look_closer(p, v, &closer);
	pfleak_report_event(&p->report, v, &closer);
	if (p->deliver)
		pfleak_deliver__event(p->deliver, v, p->mono_s);
	/* Dead or another program now, but it was not said to be well. */
	if (v->state == PF_ALERT_RESOLVED && v->previous == PF_ALERT_FIRING &&
	    v->end != PF_END_RECOVERED && !ended_before(p, v) && p->ended < grade(p, v))
		p->ended = grade(p, v);
}

static void ask_limit(void *ctx, const struct pf_sample *s, struct pf_limit *limit)
{
	struct pfleak *p = ctx;

	if (p->limits && !s->exited)
		pf_limits__read(p->limits, (pid_t)s->pid, &p->machine, limit);
	/* Of a recorded machine all that is known is how much there was in all. */
	if (p->limits || p->memory_bytes == PF_UNKNOWN)
		return;
	limit->limit_bytes = p->memory_bytes;
	snprintf(limit->source, sizeof(limit->source), "MemTotal+SwapTotal");
}

static void ask_ceiling(void *ctx, const struct pf_sample *s, struct pf_ceiling *ceiling)
{
	struct pfleak *p = ctx;

	if (p->limits && !s->exited)
		pf_limits__ceiling(p->limits, (pid_t)s->pid, &p->machine, ceiling);
}

static uint64_t ask_kind(void *ctx, const struct pf_sample *s)
{
	struct pfleak *p = ctx;

	return p->limits && !s->exited ? pf_limits__kind(p->limits, (pid_t)s->pid, s->cgroup) : 0;
}

static void tell_gone(void *ctx, const struct pf_verdict *v)
{
	event(ctx, v);
}

static void tell_stacks(void *ctx, const struct pfleak_stacks_result *result)
{
	struct pfleak *p = ctx;

	pfleak_report_stacks(&p->report, result);
}

static void tell_rule(void *ctx, const struct pf_verdict *v)
{
	event(ctx, v);
}

static int feed(struct pfleak *p, const struct pf_sample *s)
{
	const struct pf_verdict *v = pf_leak__feed(p->leak, s);

	if (!v && errno == ENOMEM) /* what is not followed is counted */
		return -ENOMEM;
	if (v && v->transition)
		event(p, v);
	return p->report.prom ? pfleak_prom__see(p->report.prom, s, v) : 0;
}

/* ---- from run to run ------------------------------------------------------ */

static struct pf_tell *told(struct pfleak *p)
{
	return p->deliver ? pfleak_deliver__tell(p->deliver) : NULL;
}

/* What was not in a pass may still be there: it is asked for. */
static bool is_alive(void *ctx, int64_t pid)
{
	(void)ctx;
	return !kill((pid_t)pid, 0) || errno != ESRCH;
}

static int load(struct pfleak *p, struct pf_run *run, const struct pf_moment *m)
{
	int ret = pfleak_state__load(p->state, pf_source__header(run->source), m, p->leak, told(p),
				     &p->kept);

	if (ret || !p->kept.past)
		return ret;
	p->report.then = &p->kept.then;
	pf_leak__drop_missing(p->leak, NULL, NULL);
	p->report.then = NULL;
	return 0;
}

/* In a recording somebody may be missing that is in the next moment. */
static void drop_dead(struct pfleak *p)
{
	if (p->kept.any && !p->opts.common.replay_path)
		pf_leak__drop_missing(p->leak, is_alive, NULL);
}

/* ---- a moment ------------------------------------------------------------- */

static int feed_all(struct pfleak *p, struct pf_run *run, const struct pf_moment *m)
{
	bool first = p->state && !p->moments;
	int ret = first ? load(p, run, m) : 0;

	for (size_t i = 0; !ret && i < m->n; i++)
		ret = feed(p, m->samples[i]);
	if (!ret && first)
		drop_dead(p);
	p->seen += m->n;
	p->moments++;
	return ret;
}

static int moment(void *ctx, struct pf_run *run, const struct pf_moment *m)
{
	struct pfleak *p = ctx;
	int ret = 0;

	p->mono_s = m->mono_s;
	if (p->limits)
		pf_machine_read("/proc", &p->machine);
	else
		p->memory_bytes = pf_source__header(run->source)->memory_bytes;
	pfleak_identify_moment(&p->identify);
	if (p->stacks)
		pfleak_stacks__moment(p->stacks);
	ret = feed_all(p, run, m);
	pf_leak__moment_end(p->leak, m->mono_s);
	if (p->deliver)
		pfleak_deliver__moment(p->deliver, m->mono_s);
	if (!ret && p->state)
		pfleak_state__moment(p->state, m, p->leak, told(p));
	if (!ret && p->opts.list && !p->opts.common.replay_path)
		ret = pfleak_report_list(&p->report);
	if (!ret && p->report.prom)
		ret = pfleak_prom__write(p->report.prom, run, p->leak, p->deliver, m);
	if (!ret)
		ret = pfleak_report_statistics(&p->report, m->mono_s);
	return !ret && p->report.failed ? -ENOMEM : ret;
}

/* ---- begin and end -------------------------------------------------------- */

/* The columns, and what is no column: the signals. */
static json_t *alert_schema(void)
{
	struct pf_field fields[64];
	json_t *schema, *more;

	for (size_t i = 0; i < pfleak_n_alert_cols; i++)
		fields[i] = pfleak_cols[i].field;
	schema = pf_json_schema("alert", fields, pfleak_n_alert_cols);
	more = json_pack("{s:{s:s, s:{s:s}, s:s}, s:{s:s, s:{s:s}, s:s}}", "signals", "type",
			 "object", "additionalProperties", "type", "integer", "description",
			 "Points of each signal; they add up to confidence.", "explain", "type",
			 "array", "items", "type", "object", "description",
			 "With --explain: what each signal measured and needed.");
	if (json_object_update(json_object_get(schema, "properties"), more)) {
		json_decref(schema);
		schema = NULL;
	}
	json_decref(more);
	return schema;
}

static int describe(void *ctx, struct pf_run *run)
{
	struct pfleak *p = ctx;

	if (p->opts.common.columns_help)
		return pf_columns_help(&run->out.buf, pfleak_cols, pfleak_n_cols);
	return pf_json_schema_text(&run->out.buf, alert_schema());
}

/* Rules and models that go by classes of faults where nobody counts them all. Others may be unable
 * to on an old kernel: then the end of the run tells. */
static void warn_classes(struct pfleak *p)
{
	const char *backend = pf_source__header(p->report.run->source)->backend;
	enum pf_model model = (enum pf_model)pf_config__settings(p->settings.config)->model;

	if (strcmp(backend, "counters") != 0 && strcmp(backend, "perf") != 0)
		return;
	pfleak_rules_warn_classes(p->settings.rules, backend);
	if (pf_model_traces(model))
		pf_warn("the model %s asks for the share of anonymous faults, which the backend %s "
			"cannot tell: it gives no points",
			pf_model_names[model], backend);
}

static bool same_channels(const struct pfleak_settings *a, const struct pfleak_settings *b)
{
	static const char *const keys[] = { "alerting.channels", "alerting.webhook_url",
					    "alerting.pagerduty_key" };

	for (size_t i = 0; i < PF_ARRAY_SIZE(keys); i++) {
		if (!pf_config__same(a->config, b->config, keys[i]))
			return false;
	}
	return true;
}

static void reload_channels(struct pfleak *p, const struct pfleak_settings *new)
{
	const struct pf_settings *settings = pf_config__settings(new->config);
	struct pfleak_channels channels;
	struct pf_error err = { 0 };
	int ret;

	if (p->opts.common.replay_path ||
	    (same_channels(&p->settings, new) && !p->channels_refused))
		return;
	if (!p->deliver) {
		/* What it takes to start pf-notify as another user has been given up. */
		pf_warn("the first channels: that needs a new start");
		return;
	}
	ret = pfleak_channels_make(&channels, settings, &err);
	if (!ret)
		ret = pfleak_deliver__reload(p->deliver, &channels, p->mono_s, &err);
	p->channels_refused = ret != 0;
	if (ret)
		pf_warn("%s; the channels stay as they were", err.text);
}

/* Histories and alerts stay; a configuration that is broken is not taken. */
static int hangup(void *ctx, struct pf_run *run)
{
	struct pfleak *p = ctx;
	struct pfleak_settings new;
	struct pf_leak_config leak;

	(void)run;
	if (pfleak_settings_load(&new, &p->opts, true)) {
		pf_warn("the configuration stays as it was");
		return 0;
	}
	pfleak_settings_log(pf_config__settings(new.config));
	pfleak_settings_leak(pf_config__settings(new.config), &leak);
	leak.lone_moments = pfleak_lone(&p->opts);
	pf_leak__configure(p->leak, &leak);
	pf_leak__set_rules(p->leak, new.rules);
	pfleak_settings_compare(&p->settings, &new);
	reload_channels(p, &new);
	pfleak_settings_free(&p->settings);
	p->settings = new;
	p->report.rules = new.rules;
	if (p->deliver)
		pfleak_deliver__rate_limit(p->deliver,
					   pf_config__settings(new.config)->alerting.rate_limit_s);
	if (!p->opts.common.replay_path)
		warn_classes(p);
	if (p->state)
		pfleak_state__save(p->state, p->leak, told(p));
	pf_info("the configuration was read again");
	return 0;
}

static int begin(void *ctx, struct pf_run *run)
{
	struct pfleak *p = ctx;

	p->report.run = run;
	if (p->limits && !pf_observe__proc_matches(pf_source__observe(run->source))) {
		pf_limits__close(p->limits);
		p->limits = NULL;
	}
	if (!p->opts.common.replay_path)
		warn_classes(p);
	if (p->opts.common.watch)
		pfleak_report_wait(&p->report);
	if (!p->opts.list && !p->opts.common.replay_path && isatty(STDERR_FILENO))
		pf_warn("watching every %gs; a watch or an alert will be told here (--list shows "
			"all, Ctrl-C ends)",
			p->opts.common.interval_s);
	return 0;
}

static int end(void *ctx, struct pf_run *run)
{
	struct pfleak *p = ctx;
	int ret = 0;

	(void)run;
	if (p->stacks)
		pfleak_stacks__finish(p->stacks);
	if (p->deliver)
		pfleak_deliver__finish(p->deliver);
	if (p->opts.list && p->opts.common.replay_path)
		ret = pfleak_report_list(&p->report);
	return ret ? ret : pfleak_report_end(&p->report);
}

static int open_deliver(struct pfleak *p, struct pf_error *err)
{
	const struct pf_settings *settings = pf_config__settings(p->settings.config);
	struct pfleak_channels channels;
	int ret = pfleak_channels_make(&channels, settings, err);

	if (ret || !channels.n || !pfleak_tells(&p->opts)) {
		pfleak_channels_free(&channels);
		return ret;
	}
	p->deliver = pfleak_deliver__new(&channels, settings->alerting.rate_limit_s, &p->report,
					 &(struct pfleak_recall){ recall, p }, err);
	p->report.deliver = p->deliver;
	return p->deliver ? 0 : -err->code;
}

static int open_stacks(struct pfleak *p, struct pf_error *err)
{
	const struct pfleak_stacks_hooks taken = { tell_stacks, p };
	const struct pf_settings *s = pf_config__settings(p->settings.config);

	/* A recording's processes are not here. */
	if (!s->stack_traces.enabled || !s->stack_traces.directory || p->opts.common.replay_path)
		return 0;
	p->stacks = pfleak_stacks__new(s->stack_traces.directory,
				       (unsigned int)s->stack_traces.max_depth, &taken, err);
	return p->stacks ? 0 : -err->code;
}

static int open_state(struct pfleak *p, struct pf_error *err)
{
	const struct pf_common *c = &p->opts.common;

	if (!p->opts.state_path || c->columns_help || c->json_schema)
		return 0;
	p->state = pfleak_state__open(&p->opts, err);
	return p->state ? 0 : -err->code;
}

static int open_all(struct pfleak *p, struct pf_error *err)
{
	const struct pf_leak_hooks hooks = { .limit = ask_limit,
					     .ceiling = ask_ceiling,
					     .kind = ask_kind,
					     .gone = tell_gone,
					     .rule = tell_rule,
					     .ctx = p };
	struct pf_leak_config leak;

	pfleak_settings_leak(pf_config__settings(p->settings.config), &leak);
	leak.lone_moments = pfleak_lone(&p->opts);
	p->leak = pf_leak__new(&leak, &hooks);
	if (!p->leak)
		return pf_fail(err, errno, "cannot start judging: %s", strerror(errno));
	if (!p->opts.common.replay_path) {
		p->limits = pf_limits__open("/proc", NULL, err);
		if (!p->limits)
			return -err->code;
	}
	pf_leak__set_rules(p->leak, p->settings.rules);
	if (p->opts.common.format == PF_FORMAT_PROM) {
		p->report.prom = pfleak_prom__new(&p->opts);
		if (!p->report.prom)
			return pf_fail(err, ENOMEM, "out of memory");
	}
	if (open_stacks(p, err))
		return -err->code;
	p->identify.interval_s = p->opts.common.interval_s;
	p->report.opts = &p->opts;
	p->report.columns = &p->columns;
	p->report.leak = p->leak;
	p->report.rules = p->settings.rules;
	if (pfleak_columns(&p->columns, &p->opts, err) || open_state(p, err))
		return -err->code;
	return open_deliver(p, err);
}

/* For the state file, and what the programs that are run on other users' processes need from us. */
static uint64_t caps_of(const struct pfleak *p)
{
	uint64_t caps = p->opts.common.replay_path ? 0 : PF_CAP(SYS_PTRACE);

	if (p->state)
		caps |= pf_privileges_to_replace(p->opts.state_path);
	if (p->stacks)
		caps |= PF_CAP(BPF) | PF_CAP(PERFMON) | PF_CAP(CHECKPOINT_RESTORE) | PF_CAP(SYSLOG);
	if (p->deliver)
		caps |= pfleak_deliver__caps(p->deliver);
	return caps;
}

/* A check whose history does not move could not tell. */
static enum pfleak_status keep(struct pfleak *p, enum pfleak_status status)
{
	if (!p->state || pfleak_state__save(p->state, p->leak, told(p)))
		return status;
	return pfleak_bounded(&p->opts) && status == PFLEAK_OK ? PFLEAK_UNKNOWN : status;
}

static enum pfleak_status watch(struct pfleak *p)
{
	const struct pf_settings *settings = pf_config__settings(p->settings.config);
	struct pf_run_ops ops = {
		.need = { .exe = true,
			  .tracing = pfleak_settings_trace(&p->settings),
			  .ring_bytes = (size_t)settings->performance.ring_buffer_bytes,
			  .survives_hangup = true },
		.describe = describe,
		.begin = begin,
		.moment = moment,
		.hangup = hangup,
		.end = end,
	};
	struct pf_error err = { 0 };
	struct pf_run run;

	if (open_all(p, &err)) {
		pf_err("%s", err.text);
		return PFLEAK_UNKNOWN;
	}
	ops.need.caps = caps_of(p);
	if (!pf_run(&run, &p->opts.common, &ops, p))
		return keep(p, found(p));
	if (p->state && p->moments)
		pf_warn("%s stays as it was saved last", p->opts.state_path);
	return PFLEAK_UNKNOWN;
}

static enum pfleak_status run(struct pfleak *p)
{
	if (pfleak_settings_load(&p->settings, &p->opts, false))
		return PFLEAK_UNKNOWN;
	if (p->opts.print_config && pfleak_settings_print(p->settings.config))
		return PFLEAK_UNKNOWN;
	if (p->opts.print_config || p->opts.check_config)
		return PFLEAK_OK;
	pfleak_settings_log(pf_config__settings(p->settings.config));
	pfleak_settings_sample(pf_config__settings(p->settings.config),
			       pfleak_settings_trace(&p->settings), &p->opts.common);
	return watch(p);
}

int main(int argc, char **argv)
{
	struct pfleak *p = calloc(1, sizeof(*p));
	int status;

	if (!p) {
		pf_err("out of memory");
		return PFLEAK_UNKNOWN;
	}
	pfleak_parse(&p->opts, argc, argv);
	status = run(p);
	pfleak_prom__free(p->report.prom);
	pfleak_state__free(p->state);
	pfleak_deliver__free(p->deliver);
	pfleak_stacks__free(p->stacks);
	pfleak_identify_free(&p->identify);
	pf_leak__free(p->leak);
	pf_limits__close(p->limits);
	pfleak_settings_free(&p->settings);
	pf_common_free(&p->opts.common);
	free(p);
	return status;
}
