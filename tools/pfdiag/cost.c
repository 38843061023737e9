/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each backend adds to a page fault on this machine. A child touches
 * memory, with no backend and with each in turn, round by round, so that a
 * machine that is slower for a while is so for all; told is the median of the
 * differences within a round, and how far they scatter.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/isolate.h"
#include "tools/pfdiag/check.h"
#include "tools/pfdiag/work.h"

#define BUDGET_S   2.5 /* rounds are begun in this time */
#define LIMIT_S	   20.0
#define ROUND_S	   5.0
#define ROUNDS_MIN 3
#define ROUNDS_MAX 15

#define BACKENDS PFDIAG_BACKENDS

struct measure {
	struct pf_observe_config config[BACKENDS];
	bool wanted[BACKENDS];
	size_t rounds; /* complete ones */
	double none_ns[ROUNDS_MAX];
	double with_ns[BACKENDS][ROUNDS_MAX];
};

static double time_faults(struct pfdiag_worker *w)
{
	struct pfdiag_done done;

	return pfdiag_work_round(w, &done, ROUND_S) && done.ns_per_fault > 0 ? done.ns_per_fault
									     : NAN;
}

/* With one backend, for all processes as the tools have it; NaN where it fails. */
static double with(struct pfdiag_worker *w, const struct pf_observe_config *config)
{
	struct pf_error err = { 0 };
	struct pf_observe *o = pf_observe__open(config, &err);
	double ns = o ? time_faults(w) : NAN;

	pf_observe__close(o);
	return ns;
}

/* What loading does to caches is done here, too: it is no cost of a fault. */
static double without(struct pfdiag_worker *w, const struct pf_observe_config *config)
{
	struct pf_error err = { 0 };

	pf_observe__close(pf_observe__open(config, &err));
	return time_faults(w);
}

static void measure_all(void *ctx)
{
	const uint64_t until = pf_boottime_ns() + (uint64_t)(BUDGET_S * 1e9);
	struct measure *m = ctx;
	const struct pf_observe_config *nothing = &m->config[BACKENDS - 1];
	struct pfdiag_worker w;

	if (!pfdiag_work_start(&w, PFDIAG_WORK_TIMED))
		time_faults(&w); /* what is cold is warm then */
	while (w.pid > 0 && m->rounds < ROUNDS_MAX &&
	       (m->rounds < ROUNDS_MIN || pf_boottime_ns() < until)) {
		m->none_ns[m->rounds] = without(&w, nothing);
		for (size_t i = 0; i < BACKENDS; i++) {
			/* every other round the other way about */
			size_t k = m->rounds % 2 ? BACKENDS - 1 - i : i;

			if (m->wanted[k])
				m->with_ns[k][m->rounds] = with(&w, &m->config[k]);
		}
		m->rounds++;
	}
	pfdiag_work_end(&w);
}

/* ---- figures ------------------------------------------------------------------------ */

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of the known ones; NaN where there are none. Sorts them. */
static double median(double *v, size_t n)
{
	size_t known = 0;

	for (size_t i = 0; i < n; i++) {
		if (!isnan(v[i]))
			v[known++] = v[i];
	}
	qsort(v, known, sizeof(*v), ascending);
	if (!known)
		return NAN;
	return known % 2 ? v[known / 2] : (v[known / 2 - 1] + v[known / 2]) / 2;
}

/* The median distance from the median, as a standard deviation of a normal spread. */
static double scatter(const double *v, size_t n, double middle)
{
	double distance[ROUNDS_MAX];

	for (size_t i = 0; i < n; i++)
		distance[i] = fabs(v[i] - middle);
	return 1.4826 * median(distance, n);
}

/* Percent of one CPU at so many faults a second. */
static double percent(double ns, double per_s)
{
	return ns * per_s / 1e9 * 100;
}

static double say_backend(struct pf_check *c, const char *name, const double *with,
			  const double *none, size_t n)
{
	double added[ROUNDS_MAX], middle, spread;

	for (size_t i = 0; i < n; i++)
		added[i] = with[i] - none[i];
	middle = median(added, n);
	spread = scatter(added, n, middle);
	pf_check_value(c, middle, "%s_ns", name);
	pf_check_value(c, spread, "%s_ns_error", name);
	if (isnan(middle)) {
		pfdiag_add(c, "\n%s: could not be measured", name);
		return 0;
	}
	/* What may as well be nothing is not told as something. */
	if (middle < 2 * spread) {
		pfdiag_add(c, "\n%s adds too little to be told from noise here: %.0f ns +- %.0f",
			   name, middle, spread);
		return 0;
	}
	pfdiag_add(c,
		   "\n%s adds %.0f ns +- %.0f: %.4f%% of a CPU at 100/s, %.3f%% at 1000/s, "
		   "%.2f%% at 10000/s",
		   name, middle, spread, percent(middle, 100), percent(middle, 1000),
		   percent(middle, 10000));
	return middle;
}

static void say_all(struct pfdiag *d, struct pf_check *c, struct measure *m)
{
	const struct pf_trial *chosen = pfdiag_way(d, PF_CHECK_PFSTAT);
	double none[ROUNDS_MAX], middle, ours = 0;

	memcpy(none, m->none_ns, sizeof(none));
	middle = median(none, m->rounds);
	pf_check_value(c, (double)m->rounds, "rounds");
	pf_check_value(c, middle, "none_ns");
	pfdiag_found(c, PF_CHECK_OK, "a fault takes %.0f ns without any; %zu rounds", middle,
		     m->rounds);
	for (size_t i = 0; i < BACKENDS; i++) {
		double added;

		if (!m->wanted[i])
			continue;
		added = say_backend(c, pfdiag_backends[i].name, m->with_ns[i], m->none_ns,
				    m->rounds);
		if (!strcmp(pfdiag_backends[i].name, chosen->backend))
			ours = added;
	}
	if (percent(ours, 1000) < 1)
		return;
	pf_check_judge(c, PF_CHECK_WARN);
	pfdiag_why(c, "More than 1%% of a CPU at 1000 faults a second with the backend that pfstat "
		      "takes.");
	pfdiag_try(c, "pfstat --backend counters, or --sample auto; pfdiag --only jit,tracers");
}

void pfdiag_cost(struct pfdiag *d, struct pf_check *c)
{
	struct measure *m = pf_isolate_shared(sizeof(*m));
	struct pf_isolated end;
	double limit_s;
	bool any = false;

	if (!m) {
		pfdiag_found(c, PF_CHECK_SKIP, "could not be measured: out of memory");
		return;
	}
	for (size_t i = 0; i < BACKENDS; i++) {
		m->wanted[i] = pfdiag_way_works(d, pfdiag_backends[i].way);
		pfdiag_way_config(d, pfdiag_backends[i].way, &m->config[i]);
		any |= m->wanted[i];
	}
	if (!any) {
		pfdiag_found(c, PF_CHECK_SKIP, "no backend works that could be measured");
		pf_isolate_unshare(m, sizeof(*m));
		return;
	}
	limit_s = pfdiag_limit_s(d, LIMIT_S);
	pf_isolate(measure_all, m, limit_s, &end);
	if (m->rounds >= ROUNDS_MIN)
		say_all(d, c, m);
	else if (end.late && limit_s < LIMIT_S)
		pfdiag_no_time(c);
	else
		pfdiag_found(c, PF_CHECK_SKIP, "could not be measured: %s",
			     end.late ? "the machine is too busy" : "the child gave no answer");
	pf_isolate_unshare(m, sizeof(*m));
}
