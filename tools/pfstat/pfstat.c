/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pfstat: who faults, how fast, and what grows. Puts each moment into groups
 * and prints it, and a sum at the end.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/cli/run.h"
#include "lib/report/report.h"
#include "tools/pfstat/report.h"

enum { STATUS_OK, STATUS_FAILED, STATUS_USAGE };

struct pfstat {
	struct pfstat_opts opts;
	struct pfstat_columns columns;
	struct pfstat_groups *groups;
	struct pfstat_report report;
};

static int describe(void *ctx, struct pf_run *run)
{
	struct pfstat *p = ctx;

	if (p->opts.common.columns_help)
		return pf_columns_help(&run->out.buf, p->columns.col, p->columns.n);
	return pf_json_schema_text(&run->out.buf,
				   pf_json_schema("sample", pf_sample_fields, pf_sample_n_fields));
}

static int begin(void *ctx, struct pf_run *run)
{
	struct pfstat *p = ctx;

	p->report.run = run;
	p->report.psi.some_avg10 = p->report.psi.full_avg10 = NAN;
	if (p->opts.common.format != PF_FORMAT_CSV)
		return 0;
	return pf_csv_head(&run->out.buf, p->columns.col, &p->columns.set);
}

static int moment(void *ctx, struct pf_run *run, const struct pf_moment *m)
{
	struct pfstat *p = ctx;
	int ret;

	if (p->opts.total && pf_source__observe(run->source))
		pf_psi_read("/proc", &p->report.psi);
	ret = pfstat_groups__add(p->groups, m);
	return ret ? ret : pfstat_report_moment(&p->report, m);
}

static int end(void *ctx, struct pf_run *run)
{
	struct pfstat *p = ctx;

	(void)run;
	return pfstat_report_end(&p->report);
}

static int trace(struct pfstat *p)
{
	const struct pf_common *c = &p->opts.common;
	const struct pf_run_ops ops = {
		.need = {
			/* A look at each process's link, so only where it is shown. */
			.exe = p->columns.programs || c->format == PF_FORMAT_JSON || c->record_path,
			.tracing = true,
		},
		.describe = describe,
		.begin = begin,
		.moment = moment,
		.end = end,
	};
	struct pf_run run;

	p->groups = pfstat_groups__new(&p->opts, p->columns.users);
	if (!p->groups) {
		pf_err("out of memory");
		return STATUS_FAILED;
	}
	p->report.rows.opts = &p->opts;
	p->report.rows.columns = &p->columns;
	p->report.rows.groups = p->groups;
	return pf_run(&run, c, &ops, p) ? STATUS_FAILED : STATUS_OK;
}

int main(int argc, char **argv)
{
	struct pfstat *p = calloc(1, sizeof(*p));
	struct pf_error err = { 0 };
	int status = STATUS_USAGE;

	if (!p) {
		pf_err("out of memory");
		return STATUS_FAILED;
	}
	pfstat_parse(&p->opts, argc, argv);
	if (pfstat_columns(&p->columns, &p->opts, &err))
		pf_err("%s", err.text);
	else
		status = trace(p);
	pfstat_rows_free(&p->report.rows);
	pfstat_groups__free(p->groups);
	pf_common_free(&p->opts.common);
	free(p);
	return status;
}
