/* SPDX-License-Identifier: BSD-2-Clause */
/* Who faults most for a few seconds. Keeps the first of them for the report. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/isolate.h"
#include "lib/base/text.h"
#include "lib/base/units.h"
#include "tools/pfdiag/check.h"

struct watch {
	struct pf_observe_config config;
	double duration_s;
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

static void take(struct watch *w, const struct pf_sample *s)
{
	size_t at = w->n;

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

static void watch(void *ctx)
{
	struct watch *w = ctx;
	struct pf_error err = { 0 };
	struct pf_observe *o = pf_observe__open(&w->config, &err);
	struct pf_interval in;

	if (o)
		wait_for(o, w->duration_s);
	w->done = o && !pf_observe__next(o, &in, &err);
	for (size_t i = 0; w->done && i < in.n; i++)
		take(w, &in.samples[i]);
	w->processes = w->done ? in.n : 0;
	w->interval_s = w->done ? in.interval_s : 0;
	snprintf(w->text, sizeof(w->text), "%s", err.text);
	pf_observe__close(o);
}

static void say(struct pfdiag *d, struct pf_check *c, const struct watch *w)
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
	struct watch *w = pf_isolate_shared(sizeof(*w));
	struct pf_isolated end;

	if (!w) {
		pfdiag_found(c, PF_CHECK_SKIP, "out of memory");
		return;
	}
	pfdiag_way_config(d, PF_CHECK_PFSTAT, &w->config);
	w->duration_s = d->opts->common.duration_s;
	pf_isolate(watch, w, w->duration_s + 20, &end);
	if (w->done)
		say(d, c, w);
	else
		pfdiag_found(c, PF_CHECK_SKIP, "unknown: %s", *w->text ? w->text : "no answer");
	pf_isolate_unshare(w, sizeof(*w));
}
