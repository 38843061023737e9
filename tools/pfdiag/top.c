/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who faults most for a few seconds. Keeps the first of them for the report.
 * Watches while other checks go on, with nothing at a fault, so that it does not
 * add to what they measure; what they and it do is left out.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/isolate.h"
#include "lib/base/text.h"
#include "lib/base/units.h"
#include "tools/pfdiag/check.h"

#define SLACK_S 20.0 /* to open and read, on a busy machine */

struct pfdiag_watch {
	struct pf_observe_config config;
	double duration_s;
	pid_t pfdiag;
	bool done;
	char text[400];
	size_t processes;
	int64_t faults;
	double interval_s;
	size_t n;
	struct pf_sample top[PFDIAG_TOP];
};

/* Records that pile up meanwhile are taken. */
static void wait_for(struct pf_observe *o, double duration_s)
{
	const uint64_t until = pf_boottime_ns() + (uint64_t)(duration_s * 1e9);
	struct pollfd fd = { .fd = pf_observe__fd(o), .events = POLLIN };
	uint64_t now;

	while ((now = pf_boottime_ns()) < until) {
		if (poll(&fd, fd.fd >= 0, (int)((until - now) / 1000000) + 1) > 0)
			pf_observe__drain(o);
	}
}

static bool before(const struct pf_sample *a, const struct pf_sample *b)
{
	return a->faults > b->faults;
}

static void take(struct pfdiag_watch *w, const struct pf_sample *s)
{
	size_t at = w->n;

	w->processes++;
	w->faults += s->faults;
	while (at > 0 && before(s, &w->top[at - 1]))
		at--;
	if (at == PFDIAG_TOP || s->faults <= 0)
		return;
	if (w->n < PFDIAG_TOP)
		w->n++;
	memmove(&w->top[at + 1], &w->top[at], (w->n - at - 1) * sizeof(w->top[0]));
	w->top[at] = *s;
	/* Strings are the observer's, and it is about to go. */
	w->top[at].exe = w->top[at].cgroup = w->top[at].container = NULL;
	w->top[at].runtime = w->top[at].pod = NULL;
}

/* ---- what we do ourselves ---------------------------------------------------------- */

#define GENERATIONS 2 /* who tries, and its workers; those may have children */
#define FAMILY_MAX  128

struct family {
	int64_t pids[FAMILY_MAX];
	size_t n;
};

static bool is_of(const struct family *f, int64_t pid)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->pids[i] == pid)
			return true;
	}
	return false;
}

/* Ourselves and those below us who may have children. */
static void find_family(struct family *f, const struct pf_interval *in, pid_t pfdiag)
{
	f->pids[0] = pfdiag;
	f->n = 1;
	for (int g = 0; g < GENERATIONS; g++) {
		const struct family before = *f;

		for (size_t i = 0; i < in->n && f->n < FAMILY_MAX; i++) {
			const struct pf_sample *s = &in->samples[i];

			if (is_of(&before, s->ppid) && !is_of(f, s->pid))
				f->pids[f->n++] = s->pid;
		}
	}
}

static bool is_ours(const struct family *f, const struct pf_sample *s)
{
	return is_of(f, s->pid) || is_of(f, s->ppid);
}

/* ---- the watch -------------------------------------------------------------------- */

static void take_all(struct pfdiag_watch *w, const struct pf_interval *in)
{
	struct family family;

	find_family(&family, in, w->pfdiag);
	for (size_t i = 0; i < in->n; i++) {
		if (!is_ours(&family, &in->samples[i]))
			take(w, &in->samples[i]);
	}
	w->interval_s = in->interval_s;
}

static void watch(void *ctx)
{
	struct pfdiag_watch *w = ctx;
	struct pf_error err = { 0 };
	struct pf_observe *o = pf_observe__open(&w->config, &err);
	struct pf_interval in;

	if (o)
		wait_for(o, w->duration_s);
	w->done = o && !pf_observe__next(o, &in, &err);
	if (w->done)
		take_all(w, &in);
	snprintf(w->text, sizeof(w->text), "%s", err.text);
	pf_observe__close(o);
}

/* As pfleak looks: that adds nothing to a fault. */
void pfdiag_top_begin(struct pfdiag *d)
{
	d->watch = pf_isolate_shared(sizeof(*d->watch));
	if (!d->watch)
		return;
	pfdiag_way_config(d, PF_CHECK_PFLEAK, &d->watch->config);
	d->watch->duration_s = d->opts->common.duration_s;
	d->watch->pfdiag = getpid();
	pf_isolate_start(&d->watching, watch, d->watch);
}

void pfdiag_top_end(struct pfdiag *d)
{
	struct pf_isolated end;

	if (!d->watch)
		return;
	pf_isolate_finish(&d->watching, 0, &end);
	pf_isolate_unshare(d->watch, sizeof(*d->watch));
	d->watch = NULL;
}

static void say(struct pfdiag *d, struct pf_check *c, const struct pfdiag_watch *w)
{
	char rate[16], rss[16], name[PF_COMM_LEN * PF_TEXT_GROWTH];

	pf_check_value(c, (double)w->faults / w->interval_s, "faults_per_s");
	pf_check_value(c, (double)w->processes, "processes");
	pfdiag_found(c, PF_CHECK_OK, "%zu processes, %s faults/s in %.1f s", w->processes,
		     pf_fmt_rate(rate, sizeof(rate), (double)w->faults / w->interval_s),
		     w->interval_s);
	for (size_t i = 0; i < w->n; i++) {
		const struct pf_sample *s = &w->top[i];

		pfdiag_add(c, "\n%7" PRId64 " %-16s %8s/s  RSS %s", s->pid,
			   pf_text_printable(name, sizeof(name), s->comm),
			   pf_fmt_rate(rate, sizeof(rate), (double)s->faults / w->interval_s),
			   s->rss_bytes == PF_UNKNOWN
				   ? "- (it has died)"
				   : pf_fmt_bytes(rss, sizeof(rss), s->rss_bytes));
		d->top[i] = *s;
	}
	d->n_top = w->n;
}

void pfdiag_top(struct pfdiag *d, struct pf_check *c)
{
	struct pf_isolated end;
	char words[sizeof(d->watch->text)];
	double begun_s, limit_s;

	if (!d->watch) {
		pfdiag_found(c, PF_CHECK_SKIP, "out of memory");
		if (pfdiag_time_is_over(d))
			pfdiag_no_time(c);
		return;
	}
	begun_s = (double)(pf_boottime_ns() - d->watching.began_ns) / 1e9;
	limit_s = d->opts->common.duration_s + SLACK_S;
	limit_s = begun_s + pfdiag_limit_s(d, fmax(limit_s - begun_s, 0));
	pf_isolate_finish(&d->watching, limit_s, &end);
	if (d->watch->done)
		say(d, c, d->watch);
	else if (end.late && pfdiag_time_is_over(d))
		pfdiag_no_time(c);
	else
		pfdiag_found(c, PF_CHECK_SKIP, "unknown: %s",
			     *d->watch->text
				     ? pfdiag_own_words(words, sizeof(words), d->watch->text)
				     : "no answer");
}
