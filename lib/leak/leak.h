/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who leaks: follows every process by its samples and gives each a confidence,
 * a class, a growth rate and an alert's life. Pure: it reads no clock, no
 * kernel and no file; the same samples give the same verdicts, live or in
 * replay. Memory is bounded by config.max_processes whatever is fed.
 *
 *	for each moment:
 *		for each sample: v = pf_leak__feed(leak, sample)
 *			if (v->transition) one alert record
 *		pf_leak__moment_end(leak, mono_s)
 *
 * Not safe for concurrent use of one object.
 */
#ifndef PF_LIB_LEAK_LEAK_H
#define PF_LIB_LEAK_LEAK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/leak/model.h"
#include "lib/leak/verdict.h"

struct pf_sample;
struct pf_leak;
struct pf_rules;

struct pf_leak_config {
	double grace_s;	      /* no alert on younger processes, unless memory would run out before;
				 * 600. Less than that also makes judging quicker and less sure:
				 * see "pace" in trend.h */
	int64_t min_bytes;    /* RSS + swap below this: no watch, no alert; 10 MB */
	int watch_confidence; /* 50 */
	int alert_confidence; /* 70 */
	double min_watch_age_s; /* samples of younger processes are not judged; 60, or grace_s where
				 * that is shorter */
	size_t max_processes;	/* bound on processes followed, 8192 */
	double forget_s;	/* not seen for so long and in two moments: taken for gone; 300 */
	double escalation_s;	/* enough for an alert for so long before it fires; 0 */
	bool lone_moments;	/* from runs of one moment each: the time between two samples is not
				 * their interval; false */
	struct pf_model_terms model; /* trend */
};

extern const struct pf_leak_config pf_leak_default_config;

/* What the caller may do for us. Any function may be NULL. */
struct pf_leak_hooks {
	/*
	 * Fill *limit for the process of the sample: asked in feed, only for processes that grow
	 * like a leak or have a watch or an alert. *limit comes with everything unknown.
	 */
	void (*limit)(void *ctx, const struct pf_sample *s, struct pf_limit *limit);
	/*
	 * Fill *ceiling for the process of the sample: asked in feed, once for each program that
	 * grows like a leak. It comes unknown.
	 */
	void (*ceiling)(void *ctx, const struct pf_sample *s, struct pf_ceiling *ceiling);
	/*
	 * A number for the kind of program the process of the sample is, the same for another
	 * incarnation or sibling of it only; 0 = cannot tell. Asked in feed, once for each program
	 * that came to rest or grows like a leak.
	 */
	uint64_t (*kind)(void *ctx, const struct pf_sample *s);
	/*
	 * A process that had a watch or an alert is gone without a sample that said so (its pid was
	 * reused, it was not seen any more, or it made room): its verdict, resolved. Called from
	 * feed and moment_end; must not call back into the object.
	 */
	void (*gone)(void *ctx, const struct pf_verdict *v);
	/*
	 * The alert of a rule changed its state: the verdict with that alert in it. Called from
	 * feed, moment_end and set_rules; must not call back into the object.
	 */
	void (*rule)(void *ctx, const struct pf_verdict *v);
	void *ctx;
};

struct pf_leak_stats {
	size_t max_processes; /* at most */
	size_t processes;     /* followed now */
	size_t histories;     /* ... of which big enough to keep a history */
	size_t watch;	      /* processes in that state now */
	size_t pending;
	size_t firing;
	uint64_t seen;	    /* incarnations since the start */
	uint64_t exited;    /* ended by a sample that said so */
	uint64_t forgotten; /* not seen any more, or pid reused */
	uint64_t evicted;   /* dropped to make room */
	uint64_t refused; /* samples of processes not followed: the table is full of better ones */
	uint64_t stale;	  /* samples dropped: their time is not after the previous one's */
	uint64_t watches; /* transitions to that state since the start */
	uint64_t alerts;
};

/* NULL with errno: EINVAL for a config that makes no sense, ENOMEM. hooks may be NULL. */
struct pf_leak *pf_leak__new(const struct pf_leak_config *config,
			     const struct pf_leak_hooks *hooks);
void pf_leak__free(struct pf_leak *leak);

/*
 * Other terms from now on. Histories and alerts stay; when fewer processes may be followed, those
 * worth least go. 0, or -EINVAL: then nothing changed.
 */
int pf_leak__configure(struct pf_leak *leak, const struct pf_leak_config *config);

/*
 * Rules to ask after each sample; borrowed, NULL = none. The set before may be freed then. A rule
 * that is in both keeps its alerts, those of one that is gone are resolved.
 */
void pf_leak__set_rules(struct pf_leak *leak, struct pf_rules *rules);

/*
 * One sample. Time is s->mono_s; a process's age at first sight is ts - start_ts. Returns the
 * process's verdict, valid until the next call with this object, or NULL with errno: ENOSPC not
 * followed (counted), EINVAL a sample without pid or time, ENOMEM. A process that exits gives its
 * last verdict here.
 */
const struct pf_verdict *pf_leak__feed(struct pf_leak *leak, const struct pf_sample *s);

/*
 * All samples of the moment are in: forgets processes not seen for config.forget_s, those with a
 * watch or an alert when they were not seen in some moments.
 */
void pf_leak__moment_end(struct pf_leak *leak, double mono_s);

/*
 * Call fn for every process followed, in no order; *v is valid during the call only, its
 * transition is false. fn returns true to go on.
 */
void pf_leak__each(struct pf_leak *leak, bool (*fn)(void *ctx, const struct pf_verdict *v),
		   void *ctx);

/*
 * The verdict on one incarnation as of its last sample, as for __each; valid until the next call
 * with this object. False: it is not followed.
 */
bool pf_leak__current(struct pf_leak *leak, int64_t pid, double start_ts, struct pf_verdict *v);

/* The same for every alert of a rule that is open, with rule set. */
void pf_leak__each_rule(struct pf_leak *leak, void (*fn)(void *ctx, const struct pf_verdict *v),
			void *ctx);

/* The floors of its memory from first sight on, at most `most`: see pf_history_floors. */
unsigned int pf_leak__floors(struct pf_leak *leak, int64_t pid, float *floor, unsigned int most);

/* ---- outliving the run (state.h) ------------------------------------------- */

/*
 * Write who is followed and since when, or read it into an object that follows nobody. Going on
 * from there gives what going on without would have. judge: see PF_STATE_JUDGE. Hooks hear of rules
 * that are none any more.
 */
struct pf_pack;
void pf_leak__pack(struct pf_leak *leak, struct pf_pack *k, bool same_judge);

/* The same for where kinds of programs came to rest (kin.h). */
void pf_leak__pack_kin(struct pf_leak *leak, struct pf_pack *k);

/* After reading: those worth least go, where there are more than may be followed. */
void pf_leak__settle(struct pf_leak *leak);

/* Forget all without a word. */
void pf_leak__clear(struct pf_leak *leak);

/*
 * Between the last sample of a moment and its end: who was not in it and, says exists(), does not
 * exist, is gone. exists NULL: nobody does. Hooks hear of those with an alert. Returns how many.
 */
size_t pf_leak__drop_missing(struct pf_leak *leak, bool (*exists)(void *ctx, int64_t pid),
			     void *ctx);

const struct pf_leak_stats *pf_leak__stats(const struct pf_leak *leak);

#endif
