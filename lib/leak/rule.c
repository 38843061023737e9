/* SPDX-License-Identifier: BSD-2-Clause */
/* A set of rules, and what becomes of each on one process. */
#include "lib/leak/rule.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/hash.h"
#include "lib/base/pack.h"
#include "lib/base/text.h"
#include "lib/leak/verdict.h"
#include "lib/record/sample.h"

struct rule {
	const char *name;
	const char *condition;
	const char *message;
	uint64_t key;
	enum pf_alert_level level;
	struct pf_rule_terms terms;
	struct pf_rule_program program;
	size_t first_timer; /* in a process's list of them */
	struct pf_rule_stats stats;
};

struct pf_rules {
	double window_s;
	struct pf_rule_names names;
	struct pf_arena arena;
	struct rule rule[PF_RULES_MAX];
	size_t n;
	size_t n_timers;
};

/* One process: the alerts, then the timers, in one piece of memory. */
struct pf_rule_state {
	struct pf_fact_state facts;
	struct pf_rule_alert *alert;
	double *timer;
	double data[];
};

/* ---- the set ---------------------------------------------------------------- */

struct pf_rules *pf_rules__new(double window_s, const struct pf_rule_names *names)
{
	struct pf_rules *r = calloc(1, sizeof(*r));

	if (r) {
		r->window_s = window_s;
		r->names = *names;
	}
	return r;
}

void pf_rules__free(struct pf_rules *r)
{
	if (!r)
		return;
	pf_arena_free(&r->arena);
	free(r);
}

/* Goes to terminals and logs later on. */
static bool copy_printable(struct pf_rules *r, const char **to, const char *from)
{
	size_t size = from ? strlen(from) * PF_TEXT_GROWTH + 1 : 0;
	char *copy = from ? pf_arena_alloc(&r->arena, size) : NULL;

	*to = copy ? pf_text_printable(copy, size, from) : NULL;
	return copy || !from;
}

/* What tells it from others from run to run: name and condition, the NUL behind each included. */
static uint64_t key_of(const struct rule *rule)
{
	uint64_t h = rule->name ? pf_hash_mem(PF_HASH_INIT, rule->name, strlen(rule->name) + 1)
				: PF_HASH_INIT;

	return pf_hash_mem(h, rule->condition, strlen(rule->condition) + 1);
}

int pf_rules__add(struct pf_rules *r, const struct pf_rule_config *c, struct pf_rule_error *err)
{
	struct rule *rule = &r->rule[r->n];
	int ret;

	if (r->n == PF_RULES_MAX)
		return pf_rule_refuse(err, 0, 0, "at most %d rules are accepted", PF_RULES_MAX);
	memset(rule, 0, sizeof(*rule));
	rule->condition = pf_arena_strdup(&r->arena, c->condition);
	if (!rule->condition || !copy_printable(r, &rule->name, c->name) ||
	    !copy_printable(r, &rule->message, c->message)) {
		pf_rule_refuse(err, 0, 0, "out of memory");
		return -ENOMEM;
	}
	rule->key = key_of(rule);
	rule->level = c->level;
	/* Over as soon as it has not held for as long as it takes to begin, a minute at most: what
	 * is near the threshold shall not come and go. */
	rule->terms = (struct pf_rule_terms){ .hold_s = c->duration_s,
					      .clear_s = fmin(c->duration_s, 60) };
	ret = pf_rule_parse(rule->condition, &r->names, &r->arena, &rule->program, err);
	if (ret)
		return ret;
	rule->first_timer = r->n_timers;
	r->n_timers += rule->program.n_timers;
	r->n++;
	return 0;
}

size_t pf_rules__count(const struct pf_rules *r)
{
	return r->n;
}

const char *pf_rules__name(const struct pf_rules *r, size_t i)
{
	return r->rule[i].name;
}

unsigned int pf_rules__needs(const struct pf_rules *r, size_t i)
{
	return r->rule[i].program.needs;
}

const struct pf_rule_stats *pf_rules__stats(const struct pf_rules *r, size_t i)
{
	return &r->rule[i].stats;
}

/* ---- telling ---------------------------------------------------------------- */

/* The facts a condition goes by, with their values. */
static void add_facts(char *dst, size_t size, const struct rule *rule, const double *fact)
{
	size_t len = strlen(dst);

	for (int i = 0; fact && i < PF_FACTS && len < size; i++) {
		if (!(rule->program.facts & 1u << i))
			continue;
		if (isfinite(fact[i]))
			snprintf(dst + len, size - len, "%s%s %.4g", len ? ", " : "",
				 pf_facts[i].name, fact[i] / pf_facts[i].unit.scale);
		else
			snprintf(dst + len, size - len, "%s%s unknown", len ? ", " : "",
				 pf_facts[i].name);
		len += strlen(dst + len);
	}
}

/* end: why, if it is over. The message is about what holds: an end does without. */
static void tell_change(const struct rule *rule, const struct pf_rule_alert *alert,
			enum pf_alert_state before, enum pf_alert_end end,
			const struct pf_verdict *v, const double *fact, pf_rule_tell tell,
			void *ctx)
{
	struct pf_verdict own = *v;
	const bool over = !pf_alert_state_is_open(alert->state);
	const char *message = over || !rule->message ? "" : rule->message;
	char facts[200] = "", why[320];

	if (!fact && end == PF_END_RECOVERED)
		snprintf(facts, sizeof(facts), "it is too small by now");
	add_facts(facts, sizeof(facts), rule, fact);
	snprintf(why, sizeof(why), "%s%s%s", message, *message && *facts ? ": " : "", facts);
	own.rule = rule->name;
	own.why = *why ? why : NULL;
	own.level = rule->level;
	own.state = alert->state;
	own.previous = before;
	own.end = alert->end;
	own.transition = alert->state != before;
	if (own.state == PF_ALERT_NONE) { /* was pending, and is no more */
		own.state = PF_ALERT_RESOLVED;
		own.end = end;
	}
	tell(ctx, &own);
}

/* ---- one process ------------------------------------------------------------ */

static struct pf_rule_state *new_state(const struct pf_rules *r)
{
	size_t alerts = r->n * sizeof(struct pf_rule_alert);
	struct pf_rule_state *st = calloc(1, sizeof(*st) + alerts + r->n_timers * sizeof(double));

	if (!st)
		return NULL;
	st->timer = st->data;
	st->alert = (struct pf_rule_alert *)(st->data + r->n_timers);
	for (size_t i = 0; i < r->n_timers; i++)
		st->timer[i] = NAN;
	return st;
}

static enum pf_holds holds(struct rule *rule, double truth)
{
	rule->stats.unknown += isnan(truth);
	return isnan(truth) ? PF_HOLDS_UNKNOWN : truth == 1 ? PF_HOLDS_YES : PF_HOLDS_NO;
}

/* fact NULL: too small, nothing holds. */
static void step_rule(struct pf_rules *r, struct pf_rule_state *st, size_t i, const double *fact,
		      const struct pf_sample *s, const struct pf_verdict *v, pf_rule_tell tell,
		      void *ctx)
{
	struct rule *rule = &r->rule[i];
	struct pf_rule_alert *alert = &st->alert[i];
	enum pf_alert_state before = alert->state;
	double truth = 0;

	rule->stats.asked += fact != NULL;
	if (fact)
		truth = pf_rule_eval(&rule->program, fact, st->timer + rule->first_timer,
				     s->mono_s);
	if (!pf_rule_alert_step(alert, &rule->terms, s->mono_s, holds(rule, truth)))
		return;
	rule->stats.fired += alert->state == PF_ALERT_FIRING;
	tell_change(rule, alert, before, PF_END_RECOVERED, v, fact, tell, ctx);
}

static bool any_open(const struct pf_rules *r, const struct pf_rule_state *st)
{
	for (size_t i = 0; i < r->n; i++) {
		if (pf_alert_state_is_open(st->alert[i].state))
			return true;
	}
	return false;
}

bool pf_rules_step(struct pf_rules *r, struct pf_rule_state **state, const struct pf_sample *s,
		   const struct pf_verdict *v, bool big, pf_rule_tell tell, void *ctx)
{
	double fact[PF_FACTS];

	if (!*state && big)
		*state = new_state(r);
	if (!*state)
		return false;
	pf_facts_take(&(*state)->facts, s, v, r->window_s, fact);
	for (size_t i = 0; !big && i < r->n_timers; i++)
		(*state)->timer[i] = NAN;
	for (size_t i = 0; i < r->n; i++)
		step_rule(r, *state, i, big ? fact : NULL, s, v, tell, ctx);
	return any_open(r, *state);
}

static void finish_rule(const struct rule *rule, struct pf_rule_alert *alert, enum pf_alert_end end,
			const struct pf_verdict *v, pf_rule_tell tell, void *ctx)
{
	enum pf_alert_state before = alert->state;

	if (pf_rule_alert_finish(alert, end))
		tell_change(rule, alert, before, end, v, NULL, tell, ctx);
}

void pf_rules_finish(struct pf_rules *r, struct pf_rule_state *state, enum pf_alert_end end,
		     const struct pf_verdict *v, pf_rule_tell tell, void *ctx)
{
	for (size_t i = 0; state && i < r->n; i++)
		finish_rule(&r->rule[i], &state->alert[i], end, v, tell, ctx);
}

/* The rule of that name in another set. */
static const struct rule *namesake(const struct pf_rules *r, const struct rule *rule)
{
	for (size_t i = 0; r && i < r->n; i++) {
		if (!strcmp(r->rule[i].name, rule->name))
			return &r->rule[i];
	}
	return NULL;
}

static void move_rule(const struct pf_rules *to, struct pf_rule_state *new,
		      const struct rule *there, const struct pf_rule_state *old,
		      const struct rule *rule, size_t i)
{
	new->alert[there - to->rule] = old->alert[i];
	memcpy(new->timer + there->first_timer, old->timer + rule->first_timer,
	       rule->program.n_timers * sizeof(double));
}

int pf_rules_move(struct pf_rules *from, struct pf_rules *to, struct pf_rule_state **state,
		  const struct pf_verdict *v, pf_rule_tell tell, void *ctx)
{
	struct pf_rule_state *old = *state;
	struct pf_rule_state *new = old &&to ? new_state(to) : NULL;

	for (size_t i = 0; old && i < from->n; i++) {
		const struct rule *rule = &from->rule[i];
		const struct rule *there = namesake(to, rule);

		if (new &&there && !strcmp(there->condition, rule->condition))
			move_rule(to, new, there, old, rule, i);
		else
			finish_rule(rule, &old->alert[i],
				    there ? PF_END_RULE_CHANGED : PF_END_RULE_GONE, v, tell, ctx);
	}
	if (new)
		new->facts = old->facts;
	*state = new;
	free(old);
	return to && old && !new ? -ENOMEM : 0;
}

void pf_rules_each(const struct pf_rules *r, const struct pf_rule_state *state,
		   const struct pf_verdict *v, pf_rule_tell fn, void *ctx)
{
	for (size_t i = 0; state && i < r->n; i++) {
		const struct pf_rule_alert *alert = &state->alert[i];

		if (pf_alert_state_is_open(alert->state))
			tell_change(&r->rule[i], alert, alert->state, PF_END_NONE, v, NULL, fn,
				    ctx);
	}
}

/* ---- outliving the run -------------------------------------------------------- */

_Static_assert(sizeof(struct pf_rule_alert) == 16, "pack_rule() and PF_STATE_VERSION");

/* One rule as it is in the bytes. */
struct packed_rule {
	uint64_t key;
	char *name;
	enum pf_alert_level level;
	struct pf_rule_alert alert;
	uint32_t n_timers;
	double timer[PF_RULE_TIMERS_MAX];
};

static void pack_rule(struct pf_pack *k, struct packed_rule *p)
{
	pf_pack_u64(k, &p->key);
	pf_pack_text(k, &p->name, PF_RULE_TEXT_MAX * PF_TEXT_GROWTH);
	p->level = (enum pf_alert_level)pf_pack_small(k, p->level, PF_LEVELS);
	p->alert.state = (enum pf_alert_state)pf_pack_small(k, p->alert.state, PF_ALERT_STATES);
	p->alert.end = (enum pf_alert_end)pf_pack_small(k, p->alert.end, PF_END_GONE + 1);
	pf_pack_time(k, &p->alert.since_s);
	p->n_timers = pf_pack_small(k, p->n_timers, PF_RULE_TIMERS_MAX + 1);
	for (uint32_t i = 0; i < p->n_timers; i++)
		pf_pack_time(k, &p->timer[i]);
}

static void write_rule(struct pf_pack *k, const struct pf_rules *r, const struct pf_rule_state *st,
		       size_t i)
{
	const struct rule *rule = &r->rule[i];
	struct packed_rule p = { .key = rule->key,
				 .name = (char *)rule->name,
				 .level = rule->level,
				 .alert = st->alert[i],
				 .n_timers = (uint32_t)rule->program.n_timers };

	memcpy(p.timer, st->timer + rule->first_timer, p.n_timers * sizeof(double));
	pack_rule(k, &p);
}

static const struct rule *find_packed(const struct pf_rules *r, const struct packed_rule *p)
{
	for (size_t i = 0; r && i < r->n; i++) {
		if (r->rule[i].key == p->key && r->rule[i].program.n_timers == p->n_timers)
			return &r->rule[i];
	}
	return NULL;
}

static void read_rule(struct pf_pack *k, struct pf_rules *r, struct pf_rule_state *st,
		      const struct pf_verdict *v, pf_rule_tell tell, void *ctx)
{
	struct packed_rule p = { 0 };
	const struct rule *rule;

	pack_rule(k, &p);
	rule = k->failed ? NULL : find_packed(r, &p);
	if (rule && st) {
		st->alert[rule - r->rule] = p.alert;
		memcpy(st->timer + rule->first_timer, p.timer, p.n_timers * sizeof(double));
	} else if (!k->failed) {
		const struct rule gone = { .name = p.name ? p.name : "", .level = p.level };

		finish_rule(&gone, &p.alert,
			    namesake(r, &gone) ? PF_END_RULE_CHANGED : PF_END_RULE_GONE, v, tell,
			    ctx);
	}
	free(p.name);
}

void pf_rules_pack(struct pf_pack *k, struct pf_rules *r, struct pf_rule_state **state,
		   const struct pf_verdict *v, pf_rule_tell tell, void *ctx)
{
	struct pf_fact_state facts = { 0 };
	unsigned int n = r ? (unsigned int)r->n : 0;

	if (!pf_pack_reads(k))
		facts = (*state)->facts;
	pf_facts_pack(k, &facts);
	n = pf_pack_small(k, n, PF_RULES_MAX + 1);
	if (pf_pack_reads(k) && r && !k->failed) {
		*state = new_state(r);
		if (*state)
			(*state)->facts = facts;
		else
			k->failed = k->no_memory = true;
	}
	for (unsigned int i = 0; i < n && !k->failed; i++) {
		if (pf_pack_reads(k))
			read_rule(k, r, *state, v, tell, ctx);
		else
			write_rule(k, r, *state, i);
	}
}
