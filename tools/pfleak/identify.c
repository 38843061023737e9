/* SPDX-License-Identifier: BSD-2-Clause */
/* Asking pf-allocator. Looks at no process itself. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/installed.h"
#include "lib/base/log.h"
#include "tools/pfleak/identify.h"

#define HELPER	    "pf-allocator"
#define ALERT_MAX_S 1.0
#define LIMIT_S	    5.0

static struct pf_child *start(struct pfleak_identify *i, int64_t pid)
{
	char path[PATH_MAX], number[24];
	const char *argv[] = { HELPER, number, NULL };
	const struct pf_child_order order = {
		.path = path, .argv = argv, .out = -1, .limit_s = LIMIT_S
	};
	struct pf_error err = { 0 };
	struct pf_child *c = NULL;
	int ret = pf_installed_helper(path, sizeof(path), HELPER);

	snprintf(number, sizeof(number), "%" PRId64, pid);
	if (ret)
		pf_fail(&err, -ret, "cannot find %s: %s (see pfdiag --only install)", HELPER,
			strerror(-ret));
	else
		c = pf_child__start(&order, &err);
	if (!c && !i->told) {
		pf_warn("%s; alerts do not name the allocator", err.text);
		i->told = true;
	}
	return c;
}

static void take_answer(struct pfleak_subject *s)
{
	if (pf_child__succeeded(s->asked))
		(void)pf_allocator_read(pf_child__output(s->asked), &s->facts);
	pf_child__free(s->asked);
	s->asked = NULL;
}

void pfleak_identify_moment(struct pfleak_identify *i)
{
	i->spent_s = 0;
	for (size_t k = 0; k < PFLEAK_SUBJECTS_MAX; k++) {
		struct pfleak_subject *s = &i->subjects[k];

		if (s->asked && pf_child__poll(s->asked))
			take_answer(s);
	}
}

void pfleak_identify_free(struct pfleak_identify *i)
{
	for (size_t k = 0; k < PFLEAK_SUBJECTS_MAX; k++)
		pf_child__free(i->subjects[k].asked);
}

static struct pfleak_subject *find(struct pfleak_identify *i, int64_t pid, double start_ts)
{
	for (size_t k = 0; k < PFLEAK_SUBJECTS_MAX; k++) {
		struct pfleak_subject *s = &i->subjects[k];

		if (s->pid == pid && s->start_ts == start_ts)
			return s;
	}
	return NULL;
}

/* One that is free, or was not asked about for longest; NULL when too many are being asked. */
static struct pfleak_subject *make_room(struct pfleak_identify *i)
{
	struct pfleak_subject *oldest = NULL;
	size_t asking = 0;

	for (size_t k = 0; k < PFLEAK_SUBJECTS_MAX; k++) {
		struct pfleak_subject *s = &i->subjects[k];

		if (s->asked)
			asking++;
		else if (!oldest || s->turn < oldest->turn)
			oldest = s;
	}
	return asking < PFLEAK_ASKING_MAX ? oldest : NULL;
}

static struct pfleak_subject *ask(struct pfleak_identify *i, int64_t pid, double start_ts)
{
	struct pfleak_subject *s = find(i, pid, start_ts);

	if (s && s->asked)
		return s;
	s = s ? s : make_room(i);
	if (!s)
		return NULL;
	*s = (struct pfleak_subject){ .pid = pid, .start_ts = start_ts, .turn = ++i->turn };
	s->asked = start(i, pid);
	return s;
}

void pfleak_identify_begin(struct pfleak_identify *i, int64_t pid, double start_ts)
{
	ask(i, pid, start_ts);
}

static double patience_s(const struct pfleak_identify *i)
{
	double left = i->interval_s / 2 - i->spent_s;

	return left < ALERT_MAX_S ? left : ALERT_MAX_S;
}

static void wait_for(struct pfleak_identify *i, struct pfleak_subject *s)
{
	uint64_t began = pf_boottime_ns();
	double patience = patience_s(i);

	if (patience > 0 && pf_child__wait(s->asked, patience))
		take_answer(s);
	i->spent_s += (double)(pf_boottime_ns() - began) / 1e9;
}

struct pf_allocator_facts pfleak_identify(struct pfleak_identify *i, int64_t pid, double start_ts)
{
	struct pfleak_subject *s = find(i, pid, start_ts);

	if (!s)
		s = ask(i, pid, start_ts);
	if (s && s->asked)
		wait_for(i, s);
	return s && !s->asked ? s->facts : (struct pf_allocator_facts){ 0 };
}

bool pfleak_identify_known(struct pfleak_identify *i, int64_t pid, double start_ts,
			   struct pf_allocator_facts *facts)
{
	const struct pfleak_subject *s = find(i, pid, start_ts);

	if (!s || s->asked)
		return false;
	*facts = s->facts;
	return true;
}
