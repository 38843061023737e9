/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of all alerts is worth telling to channels, and when: not more than one
 * per process in a while, nothing over that never began, what fires again and
 * again for those that forget. Pure: time is what the caller says, nothing is
 * sent here. Memory is bounded by config.max_alerts whatever happens.
 *
 *	each transition:	pf_tell__event(t, verdict, mono_s)
 *	each moment, after:	pf_tell__moment(t, mono_s)
 *
 * hooks.tell is called from both.
 */
#ifndef PF_LIB_LEAK_TELL_H
#define PF_LIB_LEAK_TELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pf_verdict;
struct pf_tell;

struct pf_tell_config {
	double rate_limit_s; /* between new notices on one process, 300; an alert and a mere watch
			      * are counted apart */
	double keep_alive_s; /* firing alerts are told again after so long; 0 = never */
	unsigned int states; /* bits 1u << enum pf_alert_state of those to be told of */
	size_t max_alerts;   /* open at once; more are not told, and counted */
};

extern const struct pf_tell_config pf_tell_default_config;

/* One thing to tell. */
struct pf_telling {
	const struct pf_verdict *v; /* of now, but names and level as they were told at first, so
				     * that receivers know it again; valid during the call */
	double since_ts;	    /* when the state began, or the one that ended did */
	unsigned int told;	    /* bits of the states told so far, this one included */
	int level_before;	    /* at which it was told last; -1 = it was not told yet */
	bool again;		    /* nothing new: it still fires */
};

struct pf_tell_hooks {
	void (*tell)(void *ctx, const struct pf_telling *telling);
	/* The verdict on that process as of now; false = it is not known. */
	bool (*current)(void *ctx, int64_t pid, double start_ts, struct pf_verdict *v);
	void *ctx;
};

struct pf_tell_stats {
	size_t open;	    /* alerts, watches and what is pending, followed now */
	size_t held;	    /* of which the rate limit holds back now */
	uint64_t told;	    /* new notices */
	uint64_t ends;	    /* notices that something is over */
	uint64_t agains;    /* keep-alives */
	uint64_t held_back; /* were not told at once */
	uint64_t untold;    /* ... and were over before they could be */
	uint64_t refused;   /* more than max_alerts, or no memory */
};

struct pf_tell *pf_tell__new(const struct pf_tell_config *config,
			     const struct pf_tell_hooks *hooks);
void pf_tell__free(struct pf_tell *t); /* NULL-safe */

/* Other limits from now on; what was told stays told. */
void pf_tell__configure(struct pf_tell *t, const struct pf_tell_config *config);

/* v is a transition: of the model's alert, or of v->rule's. */
void pf_tell__event(struct pf_tell *t, const struct pf_verdict *v, double mono_s);

/* Tells what was held back and still holds, what has become worse, and what is due again. */
void pf_tell__moment(struct pf_tell *t, double mono_s);

/* Write who was told what, or read it into an object that knows nothing; forget it all. */
struct pf_pack;
void pf_tell__pack(struct pf_tell *t, struct pf_pack *k);
void pf_tell__clear(struct pf_tell *t);

const struct pf_tell_stats *pf_tell__stats(const struct pf_tell *t);

#endif
