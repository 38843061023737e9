/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The live proof: a child takes known faults, and every backend that loads must
 * have counted exactly those, by the classes it says it can tell.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/isolate.h"
#include "lib/cli/stop.h"
#include "tools/pfdiag/check.h"
#include "tools/pfdiag/work.h"

#define LIMIT_S	   10.0
#define ROUND_S	   5.0
#define REHEARSALS 3

struct proof {
	struct pf_observe_config config;
	int64_t pid;
	struct pf_trial trial;
	bool done; /* the rest is there */
	struct pfdiag_done truth;
	struct pf_sample seen;
	uint64_t lost; /* events that the backend itself counts as not counted */
};

/* Of the child alone, between the moment of opening and now. */
static bool look(struct proof *p, struct pf_observe *o, struct pf_error *err)
{
	struct pf_interval interval;

	if (pf_observe__next(o, &interval, err))
		return false;
	p->lost = interval.losses.counters;
	for (size_t i = 0; i < interval.n; i++) {
		if (interval.samples[i].pid == p->pid) {
			p->seen = interval.samples[i];
			return true;
		}
	}
	return false;
}

static void prove(void *ctx)
{
	struct proof *p = ctx;
	struct pfdiag_worker w;
	struct pf_error err = { 0 };
	struct pf_observe *o = NULL;
	bool ready = !pfdiag_work_start(&w, PFDIAG_WORK_CLASSES);

	for (int i = 0; ready && i < REHEARSALS; i++)
		ready = pfdiag_work_round(&w, &p->truth, ROUND_S);
	p->pid = w.pid;
	p->config.pids = &p->pid;
	p->config.n_pids = 1;
	if (ready)
		o = pf_observe__open(&p->config, &err);
	if (!o)
		pf_trial_failed(&p->trial, &err);
	else
		pf_trial_took(&p->trial, o);
	p->done = o && pfdiag_work_round(&w, &p->truth, ROUND_S) && look(p, o, &err);
	pf_observe__close(o);
	pfdiag_work_end(&w);
}

/* ---- judging ------------------------------------------------------------------------ */

struct figure {
	const char *name;
	int64_t seen;
	int64_t wanted;
};

/* Those that the backend tells and that are wrong; the number of those told. */
static int compare(const struct figure *f, size_t n, char *wrong, size_t size)
{
	size_t len = 0;
	int told = 0;

	*wrong = '\0';
	for (size_t i = 0; i < n; i++) {
		if (f[i].seen == PF_UNKNOWN)
			continue;
		told++;
		if (f[i].seen != f[i].wanted && len < size)
			len += (size_t)snprintf(wrong + len, size - len,
						"%s%s %" PRId64 " instead of %" PRId64,
						len ? ", " : "", f[i].name, f[i].seen, f[i].wanted);
	}
	return told;
}

static int64_t known_sum(int64_t a, int64_t b)
{
	return a == PF_UNKNOWN || b == PF_UNKNOWN ? PF_UNKNOWN : a + b;
}

static int64_t meant(const struct pfdiag_done *d)
{
	return d->anon + d->shmem + d->file + d->cow;
}

enum verdict { EXACT, WRONG, UNSURE };

static enum verdict judge(const struct proof *p, char *words, size_t size)
{
	const struct pfdiag_done *d = &p->truth;
	const struct figure figures[] = {
		{ "faults", p->seen.faults, d->counted },
		{ "events", known_sum(p->seen.user, p->seen.kernel), meant(d) },
		{ "in kernel mode", p->seen.kernel, d->kernel },
		{ "anon", p->seen.anon, d->anon },
		{ "file", p->seen.file, d->file },
		{ "shmem", p->seen.shmem, d->shmem },
		{ "cow", p->seen.cow, d->cow },
	};
	int told;

	if (!p->done) {
		snprintf(words, size, "could not be tried: %s",
			 *p->trial.text ? p->trial.text : "the child gave no answer");
		return UNSURE;
	}
	/* Something else made it fault (compaction, balancing between nodes): no fault of ours. */
	if (d->counted != meant(d)) {
		snprintf(words, size, "the child took %" PRId64 " faults where it meant %" PRId64,
			 d->counted, meant(d));
		return UNSURE;
	}
	told = compare(figures, PF_ARRAY_SIZE(figures), words, size);
	if (*words && p->lost) {
		snprintf(words, size, "%" PRIu64 " events were lost, and counted as lost", p->lost);
		return UNSURE;
	}
	if (*words)
		return WRONG;
	snprintf(words, size, "%" PRId64 " faults exact, %d of 7 figures told", d->counted, told);
	return EXACT;
}

static enum verdict try_backend(struct pfdiag *d, enum pf_check_id way, char *words, size_t size)
{
	struct proof *p = pf_isolate_shared(sizeof(*p));
	const double limit_s = pfdiag_limit_s(d, LIMIT_S);
	struct pf_isolated end;
	enum verdict v;

	if (!p) {
		snprintf(words, size, "could not be tried: out of memory");
		return UNSURE;
	}
	pfdiag_way_config(d, way, &p->config);
	if (!pf_isolate(prove, p, limit_s, &end))
		p->done = false;
	pf_trial_conclude(&p->trial, &end, limit_s);
	v = judge(p, words, size);
	pf_isolate_unshare(p, sizeof(*p));
	return v;
}

void pfdiag_exact(struct pfdiag *d, struct pf_check *c)
{
	enum pf_check_status worst = PF_CHECK_OK;
	size_t tried = 0, sure = 0;
	char words[512];

	pfdiag_found(c, PF_CHECK_OK, "%s", "");
	for (size_t i = 0; i < PFDIAG_BACKENDS && !pf_stop_pending(); i++) {
		enum verdict v;

		if (!pfdiag_way_works(d, pfdiag_backends[i].way))
			continue;
		v = try_backend(d, pfdiag_backends[i].way, words, sizeof(words));
		if (v == UNSURE && pfdiag_time_is_over(d)) {
			pfdiag_add(c, "%sno time was left for the others", tried ? "\n" : "");
			break;
		}
		if (v == UNSURE) /* once more: the machine may have moved a page just then */
			v = try_backend(d, pfdiag_backends[i].way, words, sizeof(words));
		pfdiag_add(c, "%s%s: %s", tried++ ? "\n" : "", pfdiag_backends[i].name, words);
		if (v != UNSURE)
			pf_check_value(c, v == EXACT, "%s", pfdiag_backends[i].name);
		sure += v != UNSURE;
		if (v == WRONG)
			worst = PF_CHECK_FAIL;
	}
	pf_check_judge(c, sure ? worst : PF_CHECK_SKIP);
	if (!tried && pfdiag_time_is_over(d))
		pfdiag_no_time(c);
	else if (!tried)
		pfdiag_found(c, PF_CHECK_SKIP, "no backend works that could be tried");
	if (worst == PF_CHECK_FAIL)
		pfdiag_why(c, "Figures of that backend cannot be trusted on this kernel: please "
			      "report it, with the output of pfdiag.");
	if (worst == PF_CHECK_FAIL)
		pfdiag_try(c, "pfstat --backend counters");
}
