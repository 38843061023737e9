/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules: conditions somebody wrote over what is known of a process, each with
 * a level and the time it must hold. The language is in pfleak.conf(5); it has
 * three truths, and a condition that nobody can tell fires nothing. Pure, as
 * the rest of this library.
 *
 * Processes below the minimum size are not asked; one that had it is, down to half of it. Memory per process: one
 * struct of facts, and per rule an alert and a few timers.
 */
#ifndef PF_LIB_LEAK_RULE_H
#define PF_LIB_LEAK_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/leak/alert.h"
#include "lib/leak/rule_error.h"
#include "lib/leak/rule_fact.h"
#include "lib/leak/rule_tree.h"

struct pf_sample;
struct pf_verdict;
struct pf_rules;
struct pf_rule_state;

#define PF_RULES_MAX 64

struct pf_rule_config {
	const char *name;
	const char *condition;
	enum pf_alert_level level;
	double duration_s;   /* it must hold so long */
	const char *message; /* NULL = none */
};

/* Of one rule, since it was added. */
struct pf_rule_stats {
	uint64_t asked;	  /* times the condition was looked at */
	uint64_t unknown; /* ... and could not be told */
	uint64_t fired;
};

/* Without rules. window_s: see rule_fact.h. names are borrowed until the last add. NULL = no memory. */
struct pf_rules *pf_rules__new(double window_s, const struct pf_rule_names *names);
void pf_rules__free(struct pf_rules *r); /* NULL-safe */

/* Strings are copied. 0; -EINVAL with *err: which part of the condition is wrong and why; -ENOMEM. */
int pf_rules__add(struct pf_rules *r, const struct pf_rule_config *config,
		  struct pf_rule_error *err);

size_t pf_rules__count(const struct pf_rules *r);
const char *pf_rules__name(const struct pf_rules *r, size_t i);
/* What rule i needs to be told (enum pf_fact_need), and its numbers of the run. */
unsigned int pf_rules__needs(const struct pf_rules *r, size_t i);
const struct pf_rule_stats *pf_rules__stats(const struct pf_rules *r, size_t i);

/* ---- one process (process.c) ------------------------------------------------ */

/* Called for each change of a rule's alert; *v is the verdict with the rule in it. */
typedef void (*pf_rule_tell)(void *ctx, const struct pf_verdict *v);

/*
 * Take a sample: *state is made at the first that is big (no memory: then the sample is not asked
 * about), and freed by the caller with free(). A process that is not big fulfils no condition. v is
 * the model's verdict on the sample. Returns true while an alert of a rule is open.
 */
bool pf_rules_step(struct pf_rules *r, struct pf_rule_state **state, const struct pf_sample *s,
		   const struct pf_verdict *v, bool big, pf_rule_tell tell, void *ctx);

/* The process ended or became another program: what is open is told to be resolved. */
void pf_rules_finish(struct pf_rules *r, struct pf_rule_state *state, enum pf_alert_end end,
		     const struct pf_verdict *v, pf_rule_tell tell, void *ctx);

/*
 * Other rules from now on: one with the same name and condition keeps its alert; that of one that
 * is gone or has another condition is told to be resolved, and why. The means stay. 0 or -ENOMEM: then *state is gone, too.
 */
int pf_rules_move(struct pf_rules *from, struct pf_rules *to, struct pf_rule_state **state,
		  const struct pf_verdict *v, pf_rule_tell tell, void *ctx);

/*
 * Write *state, which is not NULL, or read it: a rule is known again by its name and condition. One
 * that was firing and is not in r (NULL = no rules) is told to be resolved; v and tell are for that.
 */
struct pf_pack;
void pf_rules_pack(struct pf_pack *k, struct pf_rules *r, struct pf_rule_state **state,
		   const struct pf_verdict *v, pf_rule_tell tell, void *ctx);

/* Each alert that is not over; *v as for tell, without a transition. */
void pf_rules_each(const struct pf_rules *r, const struct pf_rule_state *state,
		   const struct pf_verdict *v, pf_rule_tell fn, void *ctx);

#endif
