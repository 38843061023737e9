/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pfleak: who is leaking, how sure are we, when does it run out. Feeds every
 * sample to the leak library and reports what changes.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/cli/output.h"
#include "lib/cli/source.h"
#include "lib/leak/leak.h"
#include "lib/proc/limits.h"
#include "lib/proc/machine.h"
#include "tools/pfleak/columns.h"
#include "tools/pfleak/opts.h"
#include "tools/pfleak/report.h"

#define HOUR_S 3600.0

struct pfleak {
	struct pfleak_opts opts;
	struct pfleak_columns columns;
	struct pfleak_report report;
	struct pf_output out;
	struct pf_source *source;
	struct pf_leak *leak;
	struct pf_limits *limits; /* NULL in replay: the machine is another */
	struct pf_machine machine;
	struct pf_losses losses;
	enum pfleak_status ended; /* worst alert of a process that ended while it was firing */
};

static enum pfleak_status grade(const struct pfleak *p, const struct pf_verdict *v)
{
	bool soon = !isnan(v->time_left_s) && v->time_left_s < HOUR_S;

	if (v->state == PF_ALERT_WATCH)
		return p->opts.strict ? PFLEAK_WARNING : PFLEAK_OK;
	return v->level == PF_LEVEL_CRITICAL || soon ? PFLEAK_CRITICAL : PFLEAK_WARNING;
}

static void event(struct pfleak *p, const struct pf_verdict *v)
{
	pfleak_report_event(&p->report, v);
	/* Dead or another program now, but it was not said to be well. */
	if (v->state == PF_ALERT_RESOLVED && v->previous == PF_ALERT_FIRING &&
	    v->end != PF_END_RECOVERED && p->ended < grade(p, v))
		p->ended = grade(p, v);
}

static void ask_limit(void *ctx, const struct pf_sample *s, struct pf_limit *limit)
{
	struct pfleak *p = ctx;

	if (p->limits)
		pf_limits__read(p->limits, (pid_t)s->pid, &p->machine, limit);
}

static void tell_gone(void *ctx, const struct pf_verdict *v)
{
	event(ctx, v);
}

static void say_losses(struct pfleak *p, const struct pf_losses *now)
{
	if (now->processes && !p->losses.processes)
		pf_warn("%llu processes are not followed: the table is full",
			(unsigned long long)now->processes);
	p->losses = *now;
}

static int feed(struct pfleak *p, const struct pf_sample *s)
{
	const struct pf_verdict *v = pf_leak__feed(p->leak, s);

	if (!v)
		return errno == ENOMEM ? -ENOMEM : 0; /* what is not followed is counted */
	if (v->transition)
		event(p, v);
	return 0;
}

static int one_moment(struct pfleak *p, const struct pf_moment *m, struct pf_error *err)
{
	int ret = 0;

	say_losses(p, &m->losses);
	if (p->limits)
		pf_machine_read("/proc", &p->machine);
	for (size_t i = 0; !ret && i < m->n; i++)
		ret = feed(p, m->samples[i]);
	pf_leak__moment_end(p->leak, m->mono_s);
	if (!ret && p->opts.list && !p->opts.common.replay_path)
		ret = pfleak_report_list(&p->report, m);
	if (ret || p->report.failed)
		return pf_fail(err, ENOMEM, "out of memory");
	return p->out.buf.len ? pf_output_flush(&p->out, err) : 0;
}

static int run(struct pfleak *p, struct pf_error *err)
{
	struct pf_moment m;
	int ret = 0;

	while (!ret) {
		switch (pf_source__next(p->source, &m, err)) {
		case PF_SOURCE_MOMENT:
			ret = one_moment(p, &m, err);
			break;
		case PF_SOURCE_REDRAW:
		case PF_SOURCE_RELOAD: /* there is no configuration to read again */
			break;
		case PF_SOURCE_END:
			return 0;
		case PF_SOURCE_FAILED:
			return -err->code;
		}
	}
	return ret;
}

static int finish(struct pfleak *p, struct pf_error *err)
{
	struct pf_moment last = { 0 };
	int ret = 0;

	if (p->opts.list && p->opts.common.replay_path)
		ret = pfleak_report_list(&p->report, &last);
	if (!ret)
		ret = pfleak_report_end(&p->report, &p->losses);
	if (ret)
		return pf_fail(err, -ret, "out of memory");
	ret = p->out.buf.len ? pf_output_flush(&p->out, err) : 0;
	return ret ? ret : pf_source__finish(p->source, err);
}

/* Information about pfleak itself: needs no source. */
static int describe(struct pfleak *p, struct pf_error *err)
{
	int ret = p->opts.common.columns_help ? pfleak_report_columns(&p->report)
					      : pfleak_report_schema(&p->report);

	if (ret)
		return pf_fail(err, -ret, "out of memory");
	return pf_output_flush(&p->out, err);
}

static int open_all(struct pfleak *p, struct pf_error *err)
{
	static const struct pf_source_need need = { .exe = true, .tracing = false };
	const struct pf_leak_hooks hooks = { .limit = ask_limit, .gone = tell_gone, .ctx = p };

	if (!p->opts.common.replay_path) {
		p->limits = pf_limits__open("/proc", NULL, err);
		if (!p->limits)
			return -err->code;
	}
	p->leak = pf_leak__new(&p->opts.leak, &hooks);
	if (!p->leak)
		return pf_fail(err, errno, "cannot start judging: %s", strerror(errno));
	p->source = pf_source__open(&p->opts.common, &need, err);
	if (!p->source)
		return -err->code;
	p->report.leak = p->leak;
	p->report.source = p->source;
	return 0;
}

static int watch(struct pfleak *p, struct pf_error *err)
{
	int ret = open_all(p, err);

	if (ret)
		return ret;
	ret = pfleak_report_start(&p->report);
	if (ret)
		return pf_fail(err, -ret, "out of memory");
	ret = p->out.buf.len ? pf_output_flush(&p->out, err) : 0;
	if (!ret)
		ret = run(p, err);
	return ret ? ret : finish(p, err);
}

static int start(struct pfleak *p, struct pf_error *err)
{
	int ret = pfleak_columns(&p->columns, &p->opts, err);

	if (ret)
		return ret;
	ret = pf_output_open(&p->out, &p->opts.common, err);
	if (ret)
		return ret;
	p->report.opts = &p->opts;
	p->report.columns = &p->columns;
	p->report.out = &p->out;
	return p->opts.common.columns_help || p->opts.common.json_schema ? describe(p, err)
									 : watch(p, err);
}

struct worst {
	const struct pfleak *p;
	enum pfleak_status status;
};

static bool take_worst(void *ctx, const struct pf_verdict *v)
{
	struct worst *w = ctx;
	enum pfleak_status g = PFLEAK_OK;

	if (v->state == PF_ALERT_WATCH || v->state == PF_ALERT_FIRING)
		g = grade(w->p, v);
	if (g > w->status)
		w->status = g;
	return true;
}

static int status(struct pfleak *p, int ret)
{
	struct worst w = { p, p->ended };

	if (ret && ret != -EPIPE)
		return PFLEAK_UNKNOWN;
	if (!pfleak_bounded(&p->opts) || !p->leak)
		return PFLEAK_OK;
	pf_leak__each(p->leak, take_worst, &w);
	return w.status;
}

int main(int argc, char **argv)
{
	struct pfleak *p = calloc(1, sizeof(*p));
	struct pf_error err = { 0 }, late = { 0 };
	int ret;

	if (!p) {
		pf_err("out of memory");
		return PFLEAK_UNKNOWN;
	}
	pfleak_parse(&p->opts, argc, argv);
	ret = start(p, &err);
	pf_source__close(p->source);
	if (!ret)
		ret = pf_output_close(&p->out, &late);
	if (ret && ret != -EPIPE)
		pf_err("%s", late.code ? late.text : err.text);
	ret = status(p, ret);
	pf_leak__free(p->leak);
	pf_limits__close(p->limits);
	pf_common_free(&p->opts.common);
	free(p);
	return ret;
}
