/* SPDX-License-Identifier: BSD-2-Clause */
/* Ways tried out. Concludes nothing from what works and what does not. */
#include "lib/observe/trial.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/isolate.h"
#include "lib/base/log.h"
#include "lib/proc/scan.h"

struct job {
	struct pf_observe_config config;
	struct pf_trial trial;
};

static void copy(char *dst, size_t size, const char *src)
{
	snprintf(dst, size, "%s", src);
}

void pf_trial_took(struct pf_trial *t, const struct pf_observe *o)
{
	const char *note;

	t->works = true;
	copy(t->backend, sizeof(t->backend), pf_observe__backend(o));
	copy(t->snapshot, sizeof(t->snapshot), pf_observe__snapshot(o));
	copy(t->storage, sizeof(t->storage), pf_observe__storage(o));
	copy(t->buffer, sizeof(t->buffer), pf_observe__buffer(o));
	t->tells = pf_observe__tells(o);
	for (t->n_notes = 0; t->n_notes < PF_TRIAL_NOTES; t->n_notes++) {
		note = pf_observe__note(o, t->n_notes);
		if (!note)
			break;
		copy(t->notes[t->n_notes], sizeof(t->notes[0]), note);
	}
}

void pf_trial_failed(struct pf_trial *t, const struct pf_error *err)
{
	t->works = false;
	t->code = err->code;
	copy(t->text, sizeof(t->text), err->text);
}

static void try(void *ctx)
{
	struct job *job = ctx;
	struct pf_interval interval;
	struct pf_error err = { 0 };
	struct pf_observe *o;
	uint64_t began = pf_boottime_ns();

	pf_log_set_level(PF_LOG_DEBUG);
	o = pf_observe__open(&job->config, &err);
	job->trial.took_s = (double)(pf_boottime_ns() - began) / 1e9;
	if (o && !pf_observe__next(o, &interval, &err))
		pf_trial_took(&job->trial, o);
	else
		pf_trial_failed(&job->trial, &err);
	pf_observe__close(o);
}

/* What stands behind "pfdiag: libbpf: " in a line of the log. */
static bool libbpf_line(struct pf_span line, struct pf_span *said)
{
	static const char mark[] = "libbpf: ";
	const char *at = memmem(line.p, pf_span_len(line), mark, sizeof(mark) - 1);

	if (!at)
		return false;
	*said = (struct pf_span){ at + sizeof(mark) - 1, line.end };
	return true;
}

static bool says(struct pf_span s, const char *part)
{
	return memmem(s.p, pf_span_len(s), part, strlen(part)) != NULL;
}

/* The name of our program stands first in every line of ours. */
static struct pf_span without_name(struct pf_span line)
{
	const char *colon = memmem(line.p, pf_span_len(line), ": ", 2);

	return colon ? (struct pf_span){ colon + 2, line.end } : line;
}

static void shorten(struct pf_span *s, const char *from)
{
	const char *at = memmem(s->p, pf_span_len(*s), from, strlen(from));

	if (at)
		s->end = at;
}

/*
 * libbpf says which program failed and how, then shows the verifier's log: its
 * last line but the statistics is the reason.
 */
void pf_trial_kernel_words(const char *log, char *dst, size_t size)
{
	struct pf_span rest = pf_span_of(log, strlen(log)), line, last = { "", "" }, said = last;
	struct pf_span failed = last, reason = last;
	bool in_log = false;

	while (pf_span_line(&rest, &line)) {
		bool libbpf = libbpf_line(line, &said);

		if (says(line, "BEGIN PROG LOAD LOG"))
			in_log = true;
		else if (says(line, "END PROG LOAD LOG"))
			in_log = false, reason = last;
		else if (in_log && !says(line, "processed "))
			last = without_name(line);
		else if (libbpf && !pf_span_len(failed) &&
			 (says(said, "load failed") || says(said, "Couldn't load trivial") ||
			  says(said, "failed to attach") || says(said, "failed to create") ||
			  says(said, "failed to find") || says(said, " incompatible with ")))
			failed = said;
	}
	/* What follows is advice. */
	shorten(&failed, ". Make sure");
	snprintf(dst, size, "%.*s%s%.*s", (int)pf_span_len(failed), failed.p,
		 pf_span_len(failed) && pf_span_len(reason) ? "; " : "", (int)pf_span_len(reason),
		 reason.p);
}

void pf_trial_conclude(struct pf_trial *t, const struct pf_isolated *end, double limit_s)
{
	if (end->error)
		snprintf(t->text, sizeof(t->text), "cannot start a process to try it in: %s",
			 strerror(end->error));
	else if (end->late)
		snprintf(t->text, sizeof(t->text), "it did not end within %g s", limit_s);
	else if (end->interrupted)
		snprintf(t->text, sizeof(t->text), "interrupted");
	else if (end->signal)
		snprintf(t->text, sizeof(t->text), "it crashed: signal %d", end->signal);
	t->late = end->late;
	/* Neither says anything of the way itself; without a code it has broken. */
	if (end->error || end->interrupted)
		t->code = end->error ?: EINTR;
	if (end->error || end->late || end->interrupted || end->signal)
		t->works = false;
	if (!t->works)
		pf_trial_kernel_words(end->log, t->kernel, sizeof(t->kernel));
}

void pf_trial_run(const struct pf_observe_config *config, double limit_s, struct pf_trial *out)
{
	struct job *job = pf_isolate_shared(sizeof(*job));
	struct pf_isolated end;

	memset(out, 0, sizeof(*out));
	if (!job) {
		snprintf(out->text, sizeof(out->text), "out of memory");
		return;
	}
	job->config = *config;
	job->config.tried = &job->trial.tried;
	pf_isolate(try, job, limit_s, &end);
	*out = job->trial;
	pf_trial_conclude(out, &end, limit_s);
	pf_isolate_unshare(job, sizeof(*job));
}
