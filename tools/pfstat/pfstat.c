/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pfstat: who faults, how fast, and what grows. Opens the source, puts each
 * moment into groups, prints it, and a sum at the end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/cli/output.h"
#include "lib/cli/source.h"
#include "lib/proc/psi.h"
#include "tools/pfstat/columns.h"
#include "tools/pfstat/group.h"
#include "tools/pfstat/opts.h"
#include "tools/pfstat/report.h"

struct pfstat {
	struct pfstat_opts opts;
	struct pfstat_columns columns;
	struct pfstat_report report;
	struct pf_output out;
	struct pf_source *source;
	struct pfstat_groups *groups;
	struct pf_losses losses;
	bool usage; /* what failed is the command line */
};

static void say_losses(struct pfstat *p, const struct pf_losses *now)
{
	if (now->events > p->losses.events)
		pf_warn("%llu processes died unseen: the ring was full",
			(unsigned long long)(now->events - p->losses.events));
	if (now->processes && !p->losses.processes)
		pf_warn("%llu processes are not followed: the table is full",
			(unsigned long long)now->processes);
	p->losses = *now;
}

static int one_moment(struct pfstat *p, const struct pf_moment *m, struct pf_error *err)
{
	int ret;

	if (p->opts.total && pf_source__observe(p->source))
		pf_psi_read("/proc", &p->report.psi);
	say_losses(p, &m->losses);
	ret = pfstat_groups__add(p->groups, m);
	if (!ret)
		ret = pfstat_report_moment(&p->report, m);
	if (ret)
		return pf_fail(err, -ret, "out of memory");
	return pf_output_flush(&p->out, err);
}

static int run(struct pfstat *p, struct pf_error *err)
{
	struct pf_moment m;
	int ret = 0;

	while (!ret) {
		switch (pf_source__next(p->source, &m, err)) {
		case PF_SOURCE_MOMENT:
			ret = one_moment(p, &m, err);
			break;
		case PF_SOURCE_REDRAW:
			break;
		case PF_SOURCE_RELOAD: /* the terminal hung up: nothing to reload here */
		case PF_SOURCE_END:
			return 0;
		case PF_SOURCE_FAILED:
			return -err->code;
		}
	}
	return ret;
}

static int finish(struct pfstat *p, struct pf_error *err)
{
	int ret = pfstat_report_end(&p->report, &p->losses);

	if (ret)
		return pf_fail(err, -ret, "out of memory");
	ret = p->out.buf.len ? pf_output_flush(&p->out, err) : 0;
	return ret ? ret : pf_source__finish(p->source, err);
}

/* Information about pfstat itself: needs no source. */
static int describe(struct pfstat *p, struct pf_error *err)
{
	int ret = p->opts.common.columns_help ? pfstat_report_columns(&p->report)
					      : pfstat_report_schema(&p->report);

	if (ret)
		return pf_fail(err, -ret, "out of memory");
	return pf_output_flush(&p->out, err);
}

static int trace(struct pfstat *p, struct pf_error *err)
{
	const struct pf_source_need need = {
		.exe = p->opts.common.format == PF_FORMAT_JSON || p->opts.common.record_path ||
		       p->opts.common.columns,
		.tracing = true,
	};
	int ret;

	p->groups = pfstat_groups__new(&p->opts);
	p->source = pf_source__open(&p->opts.common, &need, err);
	if (!p->groups || !p->source)
		return err->code ? -err->code : pf_fail(err, ENOMEM, "out of memory");
	p->report.groups = p->groups;
	p->report.source = p->source;
	ret = pfstat_report_start(&p->report);
	if (ret)
		return pf_fail(err, -ret, "out of memory");
	ret = p->out.buf.len ? pf_output_flush(&p->out, err) : 0;
	if (!ret)
		ret = run(p, err);
	return ret ? ret : finish(p, err);
}

static int start(struct pfstat *p, struct pf_error *err)
{
	int ret = pfstat_columns(&p->columns, &p->opts, err);

	p->usage = ret;
	if (ret)
		return ret;
	ret = pf_output_open(&p->out, &p->opts.common, err);
	if (ret)
		return ret;
	p->report.opts = &p->opts;
	p->report.columns = &p->columns;
	p->report.out = &p->out;
	p->report.psi.some_avg10 = p->report.psi.full_avg10 = __builtin_nan("");
	return p->opts.common.columns_help || p->opts.common.json_schema ? describe(p, err)
									 : trace(p, err);
}

int main(int argc, char **argv)
{
	struct pfstat *p = calloc(1, sizeof(*p));
	struct pf_error err = { 0 }, late = { 0 };
	int ret;

	if (!p) {
		pf_err("out of memory");
		return 1;
	}
	pfstat_parse(&p->opts, argc, argv);
	ret = start(p, &err);
	pf_source__close(p->source);
	if (!ret)
		ret = pf_output_close(&p->out, &late);
	if (ret && ret != -EPIPE)
		pf_err("%s", late.code ? late.text : err.text);
	ret = !ret || ret == -EPIPE ? 0 : p->usage ? 2 : 1;
	pfstat_report_free(&p->report);
	pfstat_groups__free(p->groups);
	pf_common_free(&p->opts.common);
	free(p);
	return ret;
}
