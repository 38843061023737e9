/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pfstack: which code makes it grow. Samples page faults with their stacks, of
 * the processes named or of those that take many, and prints what came in
 * where.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/caps.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/cli/loop.h"
#include "lib/cli/privileges.h"
#include "lib/cli/select.h"
#include "lib/cli/stop.h"
#include "tools/pfstack/heap.h"
#include "tools/pfstack/print.h"
#include "tools/pfstack/report.h"

#define WINDOW_LOOK_S 2 /* --window auto: from one look at the order of stacks to the next */
#define LOOK_S	      0.1 /* how often samples are taken out of the ring, if it does not fill before */

enum { STATUS_OK, STATUS_FAILED, STATUS_USAGE };

struct pfstack {
	struct pfstack_opts opts;
	struct pf_output out;
	struct pf_loop *loop;
	struct pfstack_collect collect;
	struct pfstack_report report;
	double summary_s;   /* from one to the next */
	uint64_t next_ns;   /* when the next one is due */
	uint64_t summaries; /* so far */
	bool settled;	    /* allocs: the order of stacks has, and that was waited for */
};

static int fail(struct pf_error *err, int ret)
{
	return pf_fail(err, -ret, "%s", ret == -ENOMEM ? "out of memory" : strerror(-ret));
}

static int flush(struct pfstack *p, struct pf_error *err)
{
	return p->out.buf.len || p->out.buf.failed ? pf_output_flush(&p->out, err) : 0;
}

/* ---- beginning ------------------------------------------------------------- */

static int open_record(struct pfstack *p, struct pf_error *err)
{
	const char *path = p->opts.common.record_path;

	if (!path)
		return 0;
	p->report.record = pf_file_append(path, 0600, err);
	return p->report.record ? 0 : -err->code;
}

static int start_loop(struct pfstack *p, struct pf_error *err)
{
	int ret;

	pf_loop__watch_fd(p->loop, pfstack_collect_fd(&p->collect));
	ret = pf_loop__start(p->loop, LOOK_S, p->opts.common.duration_s);
	p->next_ns = pf_boottime_ns() + (uint64_t)(p->summary_s * 1e9);
	p->report.start_ts = pf_realtime_s();
	return ret ? pf_fail(err, -ret, "cannot set the timer: %s", strerror(-ret)) : 0;
}

static int open_all(struct pfstack *p, struct pf_error *err)
{
	int ret = pf_select_check(&p->opts.common, err);

	if (ret)
		return ret;
	p->loop = pf_loop__new(err);
	if (!p->loop)
		return -errno;
	ret = open_record(p, err);
	if (ret)
		return ret;
	pf_privileges_raise();
	ret = pfstack_collect_open(&p->collect, &p->opts, err);
	pf_privileges_lower();
	if (ret)
		return ret;
	pf_privileges_keep(pfstack_collect_caps(&p->collect) | pf_output_caps(&p->out));
	if (p->collect.capture && !pf_capture__tells_class(p->collect.capture))
		pf_warn("this kernel does not tell what a fault brings: counted as a page each (see "
			"pfdiag --only pfstack)");
	return start_loop(p, err);
}

/* Growth compares two halves of a run whose length is known. */
static double summary_interval_s(const struct pfstack_opts *o)
{
	if (o->mode == MODE_GROWTH && o->common.duration_s && !o->common.positionals)
		return o->common.duration_s / 2;
	if (o->mode == MODE_ALLOCS)
		return o->window_auto ? WINDOW_LOOK_S : 2 * o->common.duration_s;
	return o->common.interval_s;
}

/* ---- running --------------------------------------------------------------- */

static int summarize(struct pfstack *p, struct pf_error *err)
{
	int ret = pfstack_collect_period(&p->collect, err);

	if (ret)
		return ret;
	p->summaries++;
	p->next_ns += (uint64_t)(p->summary_s * 1e9);
	/* There is one report, at the end. */
	if (p->collect.heap) {
		p->settled = pfstack_heap_settled(p->collect.heap, p->collect.traces);
		return 0;
	}
	ret = pfstack_report_summary(&p->report, &p->collect);
	return ret ? fail(err, ret) : flush(p, err);
}

static bool enough(const struct pfstack *p)
{
	return p->settled || (p->opts.common.count && p->summaries >= p->opts.common.count) ||
	       pfstack_collect_all_gone(&p->collect);
}

/* What is due at the very end is the report. */
static bool summary_is_due(const struct pfstack *p)
{
	const struct pf_common *c = &p->opts.common;
	uint64_t now = pf_boottime_ns();
	double left_s = c->duration_s ? p->report.start_ts + c->duration_s - pf_realtime_s() : 1;

	return now >= p->next_ns && left_s > LOOK_S;
}

static int tick(struct pfstack *p, struct pf_error *err)
{
	int ret = pfstack_collect_drain(&p->collect, err);

	return !ret && summary_is_due(p) ? summarize(p, err) : ret;
}

static int loop(struct pfstack *p, struct pf_error *err)
{
	int ret = 0;

	while (!ret && !enough(p)) {
		switch (pf_loop__wait(p->loop)) {
		case PF_LOOP_TICK:
			ret = tick(p, err);
			break;
		case PF_LOOP_READY:
			ret = pfstack_collect_drain(&p->collect, err);
			break;
		default:
			return 0; /* told to stop, or the time is over */
		}
	}
	return ret;
}

static int trace(struct pfstack *p, struct pf_error *err)
{
	int ret = open_all(p, err);

	if (ret)
		return ret;
	pf_info("ready: backend %s, ring %u KiB", pfstack_collect_backend(&p->collect),
		(p->collect.heap ? PFSTACK_HEAP_RING_BYTES : PFSTACK_RING_BYTES) / 1024);
	ret = pfstack_report_begin(&p->report, &p->collect);
	ret = ret ? fail(err, ret) : loop(p, err);
	if (!ret)
		ret = pfstack_collect_end(&p->collect, err);
	if (!ret)
		ret = pfstack_report_end(&p->report, &p->collect, err);
	return ret;
}

static int work(struct pfstack *p, struct pf_error *err)
{
	const struct pf_common *c = &p->opts.common;
	int ret;

	if (c->json_schema) {
		pf_privileges_keep(0);
		ret = pfstack_print_schema(&p->out.buf);
		return ret ? fail(err, ret) : 0;
	}
	if (p->opts.diff_from || c->replay_path) {
		pf_privileges_keep(pf_output_caps(&p->out));
		return pfstack_report_recorded(&p->report, err);
	}
	return trace(p, err);
}

static void close_all(struct pfstack *p)
{
	pfstack_collect_close(&p->collect);
	pf_loop__free(p->loop);
}

static int close_record(struct pfstack *p, struct pf_error *err)
{
	if (!p->report.record || !fclose(p->report.record))
		return 0;
	return pf_fail(err, errno, "cannot write %s: %s", p->opts.common.record_path,
		       strerror(errno));
}

static int run(struct pfstack *p)
{
	struct pf_error err = { 0 };
	int ret = pf_output_open(&p->out, &p->opts.common, &err);

	p->report.opts = &p->opts;
	p->report.out = &p->out;
	p->summary_s = summary_interval_s(&p->opts);
	pf_stop_catch(true);
	if (!ret)
		ret = work(p, &err);
	if (!ret)
		ret = flush(p, &err);
	close_all(p);
	if (close_record(p, &err) || pf_output_close(&p->out, &err))
		ret = -err.code;
	if (p->out.gone)
		return STATUS_OK;
	if (ret)
		pf_err("%s", err.text);
	return ret ? STATUS_FAILED : STATUS_OK;
}

int main(int argc, char **argv)
{
	struct pfstack *p = calloc(1, sizeof(*p));
	int status;

	if (!p) {
		pf_err("out of memory");
		return STATUS_FAILED;
	}
	pfstack_parse(&p->opts, argc, argv);
	status = run(p);
	pfstack_opts_free(&p->opts);
	free(p);
	return status;
}
