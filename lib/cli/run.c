/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a tool. Knows no column and no model; prints only the records
 * that frame every run.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/units.h"
#include "lib/cli/common.h"
#include "lib/cli/privileges.h"
#include "lib/cli/run.h"
#include "lib/cli/stop.h"

static int fail(struct pf_error *err, int ret)
{
	return pf_fail(err, -ret, "%s", ret == -ENOMEM ? "out of memory" : strerror(-ret));
}

static int flush(struct pf_run *run, struct pf_error *err)
{
	return run->out.buf.len || run->out.buf.failed ? pf_output_flush(&run->out, err) : 0;
}

static void say_losses(struct pf_run *run, const struct pf_losses *now)
{
	if (now->events > run->losses.events)
		pf_warn("%" PRIu64 " processes died unseen: the ring was full",
			now->events - run->losses.events);
	if (now->counters && !run->losses.counters)
		pf_warn("fault events are not counted: no room for a counter");
	if (now->left_out && !run->losses.left_out)
		pf_warn("fault events are not counted, or without class: the kernel left a program "
			"out");
	if (now->cpu_gaps && !run->losses.cpu_gaps)
		pf_warn("fault events are not counted: a CPU came and was not watched at first");
	if (now->processes && !run->losses.processes)
		pf_warn("%" PRIu64 " processes are not followed: the table is full",
			now->processes);
	run->losses = *now;
}

static int add_header(struct pf_run *run)
{
	json_t *obj;

	if (run->common->format != PF_FORMAT_JSON)
		return 0;
	obj = pf_json_new("header");
	if (!obj || pf_json_add_fields(obj, pf_header_fields, pf_header_n_fields,
				       pf_source__header(run->source))) {
		json_decref(obj);
		return -ENOMEM;
	}
	return pf_json_line(obj, &run->out.buf);
}

static int loop(struct pf_run *run, const struct pf_run_ops *ops, void *ctx, struct pf_error *err)
{
	struct pf_moment m;
	int ret = 0;

	while (!ret) {
		switch (pf_source__next(run->source, &m, err)) {
		case PF_SOURCE_MOMENT:
			say_losses(run, &m.losses);
			ret = ops->moment(ctx, run, &m);
			ret = ret ? fail(err, ret) : flush(run, err);
			break;
		case PF_SOURCE_HANGUP:
			ret = ops->hangup(ctx, run);
			ret = ret ? fail(err, ret) : flush(run, err);
			break;
		case PF_SOURCE_END:
			return 0;
		case PF_SOURCE_FAILED:
			return -err->code;
		}
	}
	return ret;
}

static int trace(struct pf_run *run, const struct pf_run_ops *ops, void *ctx, struct pf_error *err)
{
	struct pf_source_need need = ops->need;
	int ret;

	need.caps |= pf_output_caps(&run->out);
	run->source = pf_source__open(run->common, &need, err);
	if (!run->source && err->code == EINTR && pf_stop_pending())
		return 0; /* told to stop while a FIFO had no writer yet */
	if (!run->source)
		return -err->code;
	ret = add_header(run);
	if (!ret)
		ret = ops->begin(ctx, run);
	ret = ret ? fail(err, ret) : flush(run, err);
	if (!ret)
		ret = loop(run, ops, ctx, err);
	if (ret)
		return ret;
	ret = ops->end(ctx, run);
	ret = ret ? fail(err, ret) : flush(run, err);
	return ret ? ret : pf_source__finish(run->source, err);
}

static int describe(struct pf_run *run, const struct pf_run_ops *ops, void *ctx,
		    struct pf_error *err)
{
	int ret;

	pf_privileges_keep(0);
	ret = ops->describe(ctx, run);
	return ret ? fail(err, ret) : flush(run, err);
}

int pf_run(struct pf_run *run, const struct pf_common *common, const struct pf_run_ops *ops,
	   void *ctx)
{
	struct pf_error err = { 0 }, late = { 0 };
	int ret, closed;

	memset(run, 0, sizeof(*run));
	run->common = common;
	ret = pf_output_open(&run->out, common, &err);
	if (!ret)
		ret = common->columns_help || common->json_schema ? describe(run, ops, ctx, &err)
								  : trace(run, ops, ctx, &err);
	pf_source__close(run->source);
	run->source = NULL;
	closed = pf_output_close(&run->out, &late);
	if (run->out.gone)
		return 0;
	if (ret || closed)
		pf_err("%s", ret ? err.text : late.text);
	return ret ? ret : closed;
}

/* ---- records that frame a run --------------------------------------------- */

static bool wanted(const struct pf_run *run)
{
	return run->common->overhead && pf_source__observe(run->source);
}

json_t *pf_run_overhead_json(const struct pf_run *run)
{
	struct pf_overhead o;
	json_t *obj;

	if (!wanted(run))
		return json_null();
	pf_observe__overhead(pf_source__observe(run->source), &o);
	obj = json_object();
	if (obj && !pf_json_add_real(obj, "wall_s", o.wall_s, 6) &&
	    !pf_json_add_real(obj, "cpu_s", o.cpu_s, 6) &&
	    !pf_json_add_int(obj, "rss_bytes", o.rss_bytes) &&
	    !pf_json_add_int(obj, "map_bytes", o.map_bytes) &&
	    !pf_json_add_int(obj, "storage_bytes", o.storage_bytes) &&
	    !pf_json_add_int(obj, "bpf_ns", o.bpf_ns) &&
	    !pf_json_add_int(obj, "bpf_runs", o.bpf_runs))
		return obj;
	json_decref(obj);
	return NULL;
}

void pf_run_overhead_text(struct pf_run *run)
{
	struct pf_strbuf *b = &run->out.buf;
	char rss[16], maps[16], storage[16];
	struct pf_overhead o;

	if (!wanted(run))
		return;
	pf_observe__overhead(pf_source__observe(run->source), &o);
	pf_strbuf_addf(b, "own cost: %.3f%% of a CPU, %s RSS, %s in BPF maps, %s in task storage\n",
		       100 * o.cpu_s / o.wall_s, pf_fmt_bytes(rss, sizeof(rss), o.rss_bytes),
		       o.map_bytes == PF_UNKNOWN ? "?"
						 : pf_fmt_bytes(maps, sizeof(maps), o.map_bytes),
		       pf_fmt_bytes(storage, sizeof(storage), o.storage_bytes));
	if (o.bpf_runs != PF_UNKNOWN)
		pf_strbuf_addf(b,
			       "at faults and exits: %.3f%% of a CPU, %" PRId64
			       " program runs, %.0f ns each\n",
			       (double)o.bpf_ns / 1e7 / o.wall_s, o.bpf_runs,
			       o.bpf_runs ? (double)o.bpf_ns / (double)o.bpf_runs : 0.0);
}

int pf_run_summary_json(struct pf_run *run, json_t *counts, json_t *losses)
{
	json_t *obj = pf_json_new("summary"), *cost = pf_run_overhead_json(run);

	if (obj && counts && losses && cost && !pf_json_add_real(obj, "ts", pf_realtime_s(), 3) &&
	    !pf_json_add_real(obj, "duration_s", pf_source__elapsed_s(run->source), 6) &&
	    !json_object_set(obj, "counts", counts) && !json_object_set(obj, "losses", losses) &&
	    !json_object_set(obj, "overhead", cost)) {
		json_decref(counts);
		json_decref(losses);
		json_decref(cost);
		return pf_json_line(obj, &run->out.buf);
	}
	json_decref(obj);
	json_decref(counts);
	json_decref(losses);
	json_decref(cost);
	return -ENOMEM;
}
