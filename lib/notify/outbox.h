/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What waits to be sent to one place: in order, one at a time, bounded in
 * number and in patience. Reads no clock and sends nothing: the caller says
 * what time it is and how an attempt went.
 */
#ifndef PF_LIB_NOTIFY_OUTBOX_H
#define PF_LIB_NOTIFY_OUTBOX_H

#include <stdint.h>

struct pf_outbox_terms {
	unsigned int queue;    /* so many wait at most, the oldest makes room */
	unsigned int attempts; /* per job */
	double retry_s;	       /* before the second; doubled each time */
	double retry_max_s;    /* longest wait, whatever the server says */
};

/* How a job ended, and how an attempt went. */
enum pf_outcome {
	PF_OUTCOME_DELIVERED,
	PF_OUTCOME_FAILED,   /* refused, or as often as terms.attempts without success */
	PF_OUTCOME_DROPPED,  /* made room */
	PF_OUTCOME_REPLACED, /* a newer one of the same key came before it was sent */
	PF_OUTCOME_EXPIRED,  /* too old to be worth sending */
	PF_OUTCOMES,
	PF_OUTCOME_AGAIN = PF_OUTCOMES, /* of an attempt only: it may do better later */
};

/* "delivered", "failed", "dropped", "replaced", "expired" */
const char *pf_outcome_name(enum pf_outcome outcome);
int pf_outcome_of(const char *name); /* -1 for none of them */

struct pf_job {
	uint64_t id;
	char *key;  /* a newer job of the same key replaces this one; NULL = none does */
	char *body; /* NUL-terminated */
	double expires_s;
	double due_s; /* not before */
	unsigned int attempts;
	struct pf_job *prev, *next;
};

/* Copies key (may be NULL) and body. NULL without memory. */
struct pf_job *pf_job__new(uint64_t id, const char *key, const char *body, double expires_s);
void pf_job__free(struct pf_job *job);

/* Told of each job that ends without being sent; must not call back. */
struct pf_outbox_hook {
	void (*ended)(void *ctx, const struct pf_job *job, enum pf_outcome outcome);
	void *ctx;
};

struct pf_outbox {
	struct pf_outbox_terms terms;
	struct pf_outbox_hook hook;
	struct pf_job *waiting; /* oldest first */
	unsigned int n_waiting;
	struct pf_job *sending; /* at most one */
};

void pf_outbox_init(struct pf_outbox *o, const struct pf_outbox_terms *terms,
		    const struct pf_outbox_hook *hook);
void pf_outbox_clear(struct pf_outbox *o); /* frees all jobs, tells nobody */

/* Takes the job. */
void pf_outbox_add(struct pf_outbox *o, struct pf_job *job);

/*
 * The job to be sent now, which becomes o->sending; NULL when one is being
 * sent, none waits, or the oldest is not due yet.
 */
struct pf_job *pf_outbox_next(struct pf_outbox *o, double now_s);

/*
 * How the attempt with o->sending went. AGAIN: it goes back to the front, to
 * be sent after a wait of retry_s, doubled with each attempt, at most
 * retry_max_s, shortened by up to half by jitter (0 to 1) so that many do not
 * come back together; never before retry_after_s (0 = not said), that too at
 * most retry_max_s. Returns what became of the job: AGAIN, or how it ended; it
 * is freed then.
 */
enum pf_outcome pf_outbox_done(struct pf_outbox *o, enum pf_outcome how, double now_s,
			       double retry_after_s, double jitter);

/* When pf_outbox_next has something; INFINITY while one is being sent or none waits. */
double pf_outbox_due_s(const struct pf_outbox *o);

#endif
