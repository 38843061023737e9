/* SPDX-License-Identifier: BSD-2-Clause */
/* Queue and patience of one place; see the header. Sends nothing. */
#include "lib/notify/outbox.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "lib/base/cleanup.h"

static const char *const names[PF_OUTCOMES] = {
	[PF_OUTCOME_DELIVERED] = "delivered", [PF_OUTCOME_FAILED] = "failed",
	[PF_OUTCOME_DROPPED] = "dropped",     [PF_OUTCOME_REPLACED] = "replaced",
	[PF_OUTCOME_EXPIRED] = "expired",
};

const char *pf_outcome_name(enum pf_outcome outcome)
{
	return outcome < PF_OUTCOMES ? names[outcome] : "";
}

int pf_outcome_of(const char *name)
{
	for (int i = 0; i < PF_OUTCOMES; i++) {
		if (!strcmp(name, names[i]))
			return i;
	}
	return -1;
}

struct pf_job *pf_job__new(uint64_t id, const char *key, const char *body, double expires_s)
{
	struct pf_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->id = id;
	job->expires_s = expires_s;
	job->key = key ? strdup(key) : NULL;
	job->body = strdup(body);
	if (job->body && (job->key || !key))
		return job;
	pf_job__free(job);
	return NULL;
}

/* A body may hold a secret. */
void pf_job__free(struct pf_job *job)
{
	if (!job)
		return;
	if (job->body)
		explicit_bzero(job->body, strlen(job->body));
	free(job->body);
	free(job->key);
	free(job);
}

void pf_outbox_init(struct pf_outbox *o, const struct pf_outbox_terms *terms,
		    const struct pf_outbox_hook *hook)
{
	memset(o, 0, sizeof(*o));
	o->terms = *terms;
	o->hook = *hook;
}

void pf_outbox_clear(struct pf_outbox *o)
{
	struct pf_job *job, *next;

	DL_FOREACH_SAFE(o->waiting, job, next)
	pf_job__free(job);
	pf_job__free(o->sending);
	o->waiting = o->sending = NULL;
	o->n_waiting = 0;
}

static void take_out(struct pf_outbox *o, struct pf_job *job)
{
	DL_DELETE(o->waiting, job);
	o->n_waiting--;
}

static void end(struct pf_outbox *o, struct pf_job *job, enum pf_outcome outcome)
{
	take_out(o, job);
	o->hook.ended(o->hook.ctx, job, outcome);
	pf_job__free(job);
}

static void replace_by(struct pf_outbox *o, const struct pf_job *job)
{
	struct pf_job *old, *next;

	DL_FOREACH_SAFE(o->waiting, old, next)
	{
		if (old->key && !strcmp(old->key, job->key))
			end(o, old, PF_OUTCOME_REPLACED);
	}
}

void pf_outbox_add(struct pf_outbox *o, struct pf_job *job)
{
	if (job->key)
		replace_by(o, job);
	while (o->n_waiting && o->n_waiting >= o->terms.queue)
		end(o, o->waiting, PF_OUTCOME_DROPPED);
	DL_APPEND(o->waiting, job);
	o->n_waiting++;
}

struct pf_job *pf_outbox_next(struct pf_outbox *o, double now_s)
{
	if (o->sending)
		return NULL;
	while (o->waiting && o->waiting->expires_s < now_s)
		end(o, o->waiting, PF_OUTCOME_EXPIRED);
	if (!o->waiting || o->waiting->due_s > now_s)
		return NULL;
	o->sending = o->waiting;
	take_out(o, o->sending);
	o->sending->attempts++;
	return o->sending;
}

static double wait_s(const struct pf_outbox *o, unsigned int attempts, double retry_after_s,
		     double jitter)
{
	double back_off = ldexp(o->terms.retry_s, attempts < 32 ? (int)attempts - 1 : 31);

	back_off = fmin(back_off, o->terms.retry_max_s) * (1 - jitter / 2);
	return fmax(back_off, fmin(retry_after_s, o->terms.retry_max_s));
}

enum pf_outcome pf_outbox_done(struct pf_outbox *o, enum pf_outcome how, double now_s,
			       double retry_after_s, double jitter)
{
	struct pf_job *job = o->sending;

	o->sending = NULL;
	if (how == PF_OUTCOME_AGAIN && job->attempts >= o->terms.attempts)
		how = PF_OUTCOME_FAILED;
	if (how != PF_OUTCOME_AGAIN) {
		pf_job__free(job);
		return how;
	}
	job->due_s = now_s + wait_s(o, job->attempts, retry_after_s, jitter);
	DL_PREPEND(o->waiting, job);
	o->n_waiting++;
	return PF_OUTCOME_AGAIN;
}

double pf_outbox_due_s(const struct pf_outbox *o)
{
	return o->sending || !o->waiting ? INFINITY : o->waiting->due_s;
}
