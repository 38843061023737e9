/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pfdiag: will it work here, and how well? Asks its checks one after the other
 * and prints their answers.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/cli/privileges.h"
#include "lib/cli/stop.h"
#include "tools/pfdiag/report.h"

/* Named ones are made whatever they cost. */
static bool wanted(const struct pfdiag *d, const struct pfdiag_check *check)
{
	const struct pfdiag_opts *o = d->opts;
	bool of_pid = check->flags & PFDIAG_PROCESS;

	if (o->left_out[check->id] || (o->only && !o->chosen[check->id]))
		return false;
	if (!d->live && !(check->flags & PFDIAG_FILES))
		return false;
	if (of_pid)
		return o->common.n_pids > 0 &&
		       (o->only || !o->quick || !(check->flags & PFDIAG_SLOW));
	/* Who asks for a process asks for the machine by name. */
	if (o->common.n_pids && !o->only)
		return false;
	return o->only || !o->quick || !(check->flags & PFDIAG_SLOW);
}

/* Each answer is shown as soon as there is one. */
static int ask(struct pfdiag *d, struct pfdiag_report *r, const struct pfdiag_check *check,
	       int64_t pid, struct pf_error *err)
{
	struct pf_check c;
	int ret;

	pf_check_init(&c, check->id, pid);
	pf_privileges_raise();
	if (check->flags & PFDIAG_TIME && pfdiag_time_is_over(d))
		pfdiag_no_time(&c);
	else
		check->answer(d, &c);
	pf_privileges_lower();
	if (pf_stop_pending())
		return 0; /* half an answer */
	ret = pfdiag_report_check(r, &c);
	if (ret)
		return pf_fail(err, -ret, "out of memory");
	return r->out.buf.len ? pf_output_flush(&r->out, err) : 0;
}

/* Who traces is told before we do. */
#define BEGIN_BEFORE PF_CHECK_ITER

static void begin(struct pfdiag *d)
{
	for (size_t i = 0; i < PF_CHECKS_N; i++) {
		const struct pfdiag_check *check = &pfdiag_checks[i];

		if (check->begin && wanted(d, check) && !pfdiag_time_is_over(d)) {
			pf_privileges_raise();
			check->begin(d);
			pf_privileges_lower();
		}
	}
}

/* On the clock of pf_boottime_ns. */
static uint64_t time_limit(double within_s)
{
	return isinf(within_s) ? UINT64_MAX : pf_boottime_ns() + (uint64_t)(within_s * 1e9);
}

static int ask_all(struct pfdiag *d, struct pfdiag_report *r, int64_t pid, struct pf_error *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < PF_CHECKS_N && !pf_stop_pending(); i++) {
		const struct pfdiag_check *check = &pfdiag_checks[i];
		bool of_pid = check->flags & PFDIAG_PROCESS;

		if (i == BEGIN_BEFORE && pid == PF_UNKNOWN)
			begin(d);
		if (of_pid == (pid != PF_UNKNOWN) && wanted(d, check))
			ret = ask(d, r, check, pid, err);
	}
	return ret;
}

static int ask_pids(struct pfdiag *d, struct pfdiag_report *r, struct pf_error *err)
{
	const struct pf_common *c = &d->opts->common;
	int ret = 0;

	for (size_t i = 0; !ret && i < c->n_pids; i++) {
		d->until_ns = time_limit(d->opts->within_s);
		pf_privileges_raise();
		pfdiag_subject_open(&d->subject, d->proc, c->pids[i], d->until_ns);
		pf_privileges_lower();
		ret = ask_all(d, r, c->pids[i], err);
		pfdiag_subject_close(&d->subject);
	}
	return ret;
}

static int diagnose(struct pfdiag *d, struct pfdiag_report *r, struct pf_error *err)
{
	int ret = pfdiag_report_begin(r);

	r->group = NULL;
	r->pid = PF_UNKNOWN;
	d->until_ns = time_limit(d->opts->within_s);
	if (!ret)
		ret = ask_all(d, r, PF_UNKNOWN, err);
	if (!ret)
		ret = ask_pids(d, r, err);
	/* A file of metrics is whole, or stays as it was. */
	if (!ret && pf_stop_pending() && d->opts->common.format == PF_FORMAT_PROM)
		return 0;
	if (!ret)
		ret = pfdiag_report_end(r);
	return ret ? ret : pf_output_flush(&r->out, err);
}

static int describe(const struct pfdiag_opts *opts, struct pfdiag_report *r, struct pf_error *err)
{
	int ret = 0;

	pf_privileges_keep(0);
	if (opts->list)
		pfdiag_report_list(&r->out.buf);
	else
		ret = pfdiag_report_schema(&r->out.buf);
	return ret ? pf_fail(err, -ret, "out of memory") : pf_output_flush(&r->out, err);
}

static int run(const struct pfdiag_opts *opts, struct pfdiag *d)
{
	struct pfdiag_report r = { .diag = d };
	struct pf_error err = { 0 }, late = { 0 };
	int ret, closed, status;

	ret = pfdiag_begin(d, opts);
	if (ret)
		pf_fail(&err, -ret, "cannot begin: %s", strerror(-ret));
	else
		ret = pf_output_open(&r.out, &opts->common, &err);
	if (!ret)
		ret = opts->list || opts->common.json_schema ? describe(opts, &r, &err)
							     : diagnose(d, &r, &err);
	status = opts->list || opts->common.json_schema ? PFDIAG_OK : pfdiag_report_status(&r);
	closed = pf_output_close(&r.out, &late);
	pfdiag_report_free(&r);
	if (r.out.gone)
		return status;
	if (!ret && !closed)
		return status;
	pf_err("%s", ret && err.code ? err.text : closed ? late.text : strerror(-ret));
	return PFDIAG_UNKNOWN;
}

int main(int argc, char **argv)
{
	struct pfdiag *d = calloc(1, sizeof(*d));
	struct pfdiag_opts opts;
	int status = PFDIAG_UNKNOWN;

	if (!d) {
		pf_err("out of memory");
		return status;
	}
	pfdiag_parse(&opts, argc, argv);
	pf_stop_catch(true);
	status = run(&opts, d);
	pfdiag_end(d);
	pf_common_free(&opts.common);
	free(d);
	return status;
}
