/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of processes: who is followed, who makes room, who is gone. What
 * is thought of each is process.c's matter.
 */
#include "lib/leak/leak.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/pack.h"
#include "lib/leak/kin.h"
#include "lib/leak/process.h"

/* Processes that were in the last moment may still be in this one. */
#define SEEN_MOMENTS 2
/* Not seen in so many, it is not there: where exits are not told, an alert must end all the same. */
#define GONE_MOMENTS 5
/* Sweeps in the time after which processes are forgotten. */
#define SWEEPS 8

const struct pf_leak_config pf_leak_default_config = {
	.grace_s = 600,
	.min_bytes = 10 << 20,
	.watch_confidence = 50,
	.alert_confidence = 70,
	.min_watch_age_s = 60,
	.max_processes = 8192,
	.forget_s = 300,
	.model = {
		.model = PF_MODEL_TREND,
		.fault_rate_warning = 500,
		.fault_rate_critical = 1000,
		.rss_growth_percent = 200,
		.window_s = 60,
	},
};

/* One that may have to make room: worth is in the order of worth_of(). */
struct candidate {
	double worth;
	int64_t pid;
};

struct pf_leak {
	struct pf_terms terms;
	struct pf_leak_hooks hooks;
	struct pf_leak_stats stats;
	struct pf_process *table;
	struct pf_process *dead;   /* out of the table; the last verdict's strings are in it */
	struct pf_process passing; /* one that was born and died between two moments */
	struct pf_verdict verdict;
	uint32_t moment;
	double sweep_s; /* time of the next sweep */

	struct candidate *candidates; /* room for max_processes, made when first needed */
	size_t n_candidates, next_candidate;
	bool ranked; /* in this moment */
};

static bool is_sound(const struct pf_leak_config *c)
{
	return c->grace_s >= 0 && c->grace_s < 1e9 && c->min_bytes >= 0 &&
	       c->watch_confidence > 0 && c->watch_confidence <= c->alert_confidence &&
	       c->alert_confidence <= 100 && c->min_watch_age_s >= 0 && c->max_processes > 0 &&
	       c->forget_s > 0 && c->escalation_s >= 0 &&
	       (unsigned int)c->model.model < PF_N_MODELS && c->model.window_s > 0;
}

static void tell_rule(void *ctx, const struct pf_verdict *v);

struct pf_leak *pf_leak__new(const struct pf_leak_config *config, const struct pf_leak_hooks *hooks)
{
	struct pf_leak *leak;

	if (!is_sound(config)) {
		errno = EINVAL;
		return NULL;
	}
	leak = calloc(1, sizeof(*leak));
	if (!leak)
		return NULL;
	leak->terms.kin = pf_kin__new();
	if (!leak->terms.kin) {
		free(leak);
		errno = ENOMEM;
		return NULL;
	}
	pf_terms_make(&leak->terms, config);
	leak->terms.tell = tell_rule;
	leak->terms.tell_ctx = leak;
	if (hooks)
		leak->hooks = *hooks;
	leak->sweep_s = -INFINITY;
	leak->stats.max_processes = config->max_processes;
	return leak;
}

static void release_dead(struct pf_leak *leak)
{
	pf_process__free(leak->dead);
	leak->dead = NULL;
}

void pf_leak__free(struct pf_leak *leak)
{
	if (!leak)
		return;
	pf_leak__clear(leak);
	pf_kin__free(leak->terms.kin);
	free(leak->candidates);
	free(leak);
}

static struct pf_process *find(struct pf_leak *leak, int64_t pid)
{
	struct pf_process *p;

	HASH_FIND(hh, leak->table, &pid, sizeof(pid), p);
	return p;
}

static void count_state(struct pf_leak *leak, enum pf_alert_state state)
{
	leak->stats.watch += state == PF_ALERT_WATCH;
	leak->stats.pending += state == PF_ALERT_PENDING;
	leak->stats.firing += state == PF_ALERT_FIRING;
}

static void count_transition(struct pf_leak *leak, const struct pf_verdict *v)
{
	struct pf_leak_stats *st = &leak->stats;

	if (!v->transition)
		return;
	st->watch -= v->previous == PF_ALERT_WATCH;
	st->pending -= v->previous == PF_ALERT_PENDING;
	st->firing -= v->previous == PF_ALERT_FIRING;
	count_state(leak, v->state);
	st->watches += v->state == PF_ALERT_WATCH;
	st->alerts += v->state == PF_ALERT_FIRING;
}

static void tell_rule(void *ctx, const struct pf_verdict *v)
{
	struct pf_leak *leak = ctx;

	count_transition(leak, v);
	if (leak->hooks.rule)
		leak->hooks.rule(leak->hooks.ctx, v);
}

/* Take it out of the table; it lives until the next call, as its verdict does. */
static void take_out(struct pf_leak *leak, struct pf_process *p)
{
	HASH_DEL(leak->table, p);
	leak->stats.processes--;
	leak->stats.histories -= p->history != NULL;
	release_dead(leak);
	leak->dead = p;
}

/* A process went without saying so. */
static void lose(struct pf_leak *leak, struct pf_process *p)
{
	struct pf_verdict v;

	take_out(leak, p);
	pf_process_finish(p, NULL, PF_END_GONE, &leak->terms, &v);
	count_transition(leak, &v);
	if (v.transition && leak->hooks.gone)
		leak->hooks.gone(leak->hooks.ctx, &v);
	release_dead(leak);
}

/* ---- making room ----------------------------------------------------------- */

static double size_of(int64_t rss_bytes, int64_t swap_bytes)
{
	return (rss_bytes > 0 ? (double)rss_bytes : 0) + (swap_bytes > 0 ? (double)swap_bytes : 0);
}

/*
 * Who stays, from least to most: those not seen any more, the longest gone
 * first; then by size; those that grow; those with a watch or an alert.
 */
static double worth_of(const struct pf_leak *leak, const struct pf_process *p)
{
	double size = fmin(size_of(p->rss_bytes, p->swap_bytes), 1e18);

	if (leak->moment - p->moment >= SEEN_MOMENTS)
		return p->last_s - 1e12;
	if (pf_alert_is_open(&p->alert))
		return size + 2e19;
	return size + (p->trend.best.confidence ? 1e19 : 0);
}

static int by_worth(const void *a, const void *b)
{
	double x = ((const struct candidate *)a)->worth, y = ((const struct candidate *)b)->worth;

	return (x > y) - (x < y);
}

static int rank(struct pf_leak *leak)
{
	struct pf_process *p, *next;
	size_t n = 0;

	if (!leak->candidates)
		leak->candidates =
			malloc(leak->terms.config.max_processes * sizeof(*leak->candidates));
	if (!leak->candidates)
		return -ENOMEM;
	HASH_ITER (hh, leak->table, p, next)
		leak->candidates[n++] = (struct candidate){ worth_of(leak, p), p->pid };
	qsort(leak->candidates, n, sizeof(*leak->candidates), by_worth);
	leak->n_candidates = n;
	leak->next_candidate = 0;
	leak->ranked = true;
	return 0;
}

/* Somebody leaves who is worth less than `worth`, or nobody: -ENOSPC. Ranks once per moment. */
static int make_room(struct pf_leak *leak, double worth)
{
	int err = leak->ranked ? 0 : rank(leak);

	while (!err && leak->next_candidate < leak->n_candidates) {
		const struct candidate *c = &leak->candidates[leak->next_candidate];
		struct pf_process *p = find(leak, c->pid);

		if (c->worth >= worth)
			return -ENOSPC;
		leak->next_candidate++;
		/* it may have gone since, its pid may be another's, or it was seen and grew */
		if (!p || worth_of(leak, p) > c->worth)
			continue;
		lose(leak, p);
		leak->stats.evicted++;
		return 0;
	}
	return err ? err : -ENOSPC;
}

static int admit(struct pf_leak *leak, const struct pf_sample *s, struct pf_process **out)
{
	struct pf_process *p;
	size_t before = HASH_COUNT(leak->table);
	int err = 0;

	if (before >= leak->terms.config.max_processes)
		err = make_room(leak, size_of(s->rss_bytes, s->swap_bytes));
	if (err)
		return err;
	p = pf_process__new(s);
	if (!p)
		return -ENOMEM;
	before = HASH_COUNT(leak->table);
	HASH_ADD(hh, leak->table, pid, sizeof(p->pid), p);
	if (HASH_COUNT(leak->table) == before) { /* uthash had no memory */
		pf_process__free(p);
		return -ENOMEM;
	}
	leak->stats.processes++;
	leak->stats.seen++;
	*out = p;
	return 0;
}

/* ---- other terms ----------------------------------------------------------- */

int pf_leak__configure(struct pf_leak *leak, const struct pf_leak_config *config)
{
	if (!is_sound(config))
		return -EINVAL;
	leak->ranked = false;
	while (HASH_COUNT(leak->table) > config->max_processes && !make_room(leak, INFINITY))
		;
	/* The list has room for as many as there may be. */
	free(leak->candidates);
	leak->candidates = NULL;
	leak->ranked = false;
	pf_terms_make(&leak->terms, config);
	leak->stats.max_processes = config->max_processes;
	return 0;
}

void pf_leak__set_rules(struct pf_leak *leak, struct pf_rules *rules)
{
	struct pf_rules *before = leak->terms.rules;
	struct pf_process *p, *next;
	struct pf_verdict v;

	leak->terms.rules = rules;
	HASH_ITER (hh, leak->table, p, next) {
		if (!p->rules)
			continue;
		pf_process_verdict(p, &leak->terms, &v);
		pf_rules_move(before, rules, &p->rules, &v, tell_rule, leak);
	}
}

/* ---- feeding --------------------------------------------------------------- */

static const struct pf_verdict *refuse(struct pf_leak *leak, int err)
{
	leak->stats.refused += err == -ENOSPC;
	errno = -err;
	return NULL;
}

/* The last sample of a process that is followed, or of one that never was. */
static const struct pf_verdict *feed_exit(struct pf_leak *leak, struct pf_process *p,
					  const struct pf_sample *s)
{
	if (p) {
		take_out(leak, p);
	} else {
		p = &leak->passing;
		pf_process_init(p, s);
		leak->stats.seen++;
	}
	pf_process_finish(p, s, PF_END_EXITED, &leak->terms, &leak->verdict);
	leak->stats.exited++;
	count_transition(leak, &leak->verdict);
	return &leak->verdict;
}

static const struct pf_verdict *feed_known(struct pf_leak *leak, struct pf_process *p,
					   const struct pf_sample *s)
{
	bool had_history = p->history;
	int err;

	p->moment = leak->moment;
	if (!p->is_new && s->mono_s <= p->last_s) {
		leak->stats.stale++;
		pf_process_verdict(p, &leak->terms, &leak->verdict);
		return &leak->verdict;
	}
	err = pf_process_feed(p, s, &leak->terms, &leak->hooks, &leak->verdict);
	leak->stats.histories += p->history && !had_history;
	if (err)
		return refuse(leak, err);
	count_transition(leak, &leak->verdict);
	return &leak->verdict;
}

const struct pf_verdict *pf_leak__feed(struct pf_leak *leak, const struct pf_sample *s)
{
	struct pf_process *p;
	int err;

	release_dead(leak);
	if (s->pid <= 0 || !isfinite(s->mono_s))
		return refuse(leak, -EINVAL);
	p = find(leak, s->pid);
	if (p && !pf_process_is(p, s)) {
		lose(leak, p);
		leak->stats.forgotten++;
		p = NULL;
	}
	if (s->exited)
		return feed_exit(leak, p, s);
	err = p ? 0 : admit(leak, s, &p);
	return err ? refuse(leak, err) : feed_known(leak, p, s);
}

static void note_open(void *ctx, const struct pf_verdict *v)
{
	*(bool *)ctx |= v->state == PF_ALERT_FIRING;
}

static bool has_alert(const struct pf_leak *leak, const struct pf_process *p)
{
	bool open = pf_alert_is_open(&p->alert);
	struct pf_verdict v;

	if (open || !p->rules)
		return open;
	pf_process_verdict(p, &leak->terms, &v);
	pf_rules_each(leak->terms.rules, p->rules, &v, note_open, &open);
	return open;
}

/* Not seen for long enough to be forgotten; sooner when somebody may have been told of it. */
static bool is_gone(const struct pf_leak *leak, const struct pf_process *p, double mono_s)
{
	uint32_t unseen = leak->moment - p->moment;

	if (unseen > GONE_MOMENTS && has_alert(leak, p))
		return true;
	return unseen > SEEN_MOMENTS && mono_s - p->last_s >= leak->terms.config.forget_s;
}

void pf_leak__moment_end(struct pf_leak *leak, double mono_s)
{
	const double forget_s = leak->terms.config.forget_s;
	struct pf_process *p, *next;

	release_dead(leak);
	leak->moment++;
	leak->ranked = false;
	if (mono_s < leak->sweep_s)
		return;
	leak->sweep_s = mono_s + forget_s / SWEEPS;
	HASH_ITER (hh, leak->table, p, next) {
		if (!is_gone(leak, p, mono_s))
			continue;
		lose(leak, p);
		leak->stats.forgotten++;
	}
}

void pf_leak__each(struct pf_leak *leak, bool (*fn)(void *ctx, const struct pf_verdict *v),
		   void *ctx)
{
	struct pf_process *p, *next;
	struct pf_verdict v;

	HASH_ITER (hh, leak->table, p, next) {
		pf_process_verdict(p, &leak->terms, &v);
		if (!fn(ctx, &v))
			break;
	}
}

bool pf_leak__current(struct pf_leak *leak, int64_t pid, double start_ts, struct pf_verdict *v)
{
	struct pf_process *p = find(leak, pid);

	if (!p || (p->start_ts != start_ts && !(isnan(p->start_ts) && isnan(start_ts))))
		return false;
	pf_process_verdict(p, &leak->terms, v);
	return true;
}

unsigned int pf_leak__floors(struct pf_leak *leak, int64_t pid, float *floor, unsigned int most)
{
	struct pf_process *p = find(leak, pid);

	return p && p->history ? pf_history_floors(p->history, floor, most) : 0;
}

void pf_leak__each_rule(struct pf_leak *leak, void (*fn)(void *ctx, const struct pf_verdict *v),
			void *ctx)
{
	struct pf_process *p, *next;
	struct pf_verdict v;

	HASH_ITER (hh, leak->table, p, next) {
		if (!p->rules)
			continue;
		pf_process_verdict(p, &leak->terms, &v);
		pf_rules_each(leak->terms.rules, p->rules, &v, fn, ctx);
	}
}

/* ---- outliving the run ------------------------------------------------------ */

static void count_rule(void *ctx, const struct pf_verdict *v)
{
	count_state(ctx, v->state);
}

/* A rule that is none any more: its alert was not counted here so far. */
static void tell_lost_rule(void *ctx, const struct pf_verdict *v)
{
	count_state(ctx, v->previous);
	tell_rule(ctx, v);
}

/* Takes p, or fails; there it had no memory, or the number twice. */
static void insert(struct pf_leak *leak, struct pf_pack *k, struct pf_process *p)
{
	size_t before = HASH_COUNT(leak->table);
	struct pf_verdict v;

	if (!k->failed && !find(leak, p->pid))
		HASH_ADD(hh, leak->table, pid, sizeof(p->pid), p);
	if (HASH_COUNT(leak->table) == before) {
		k->failed = true;
		pf_process__free(p);
		return;
	}
	leak->stats.processes++;
	leak->stats.seen++;
	leak->stats.histories += p->history != NULL;
	count_state(leak, p->alert.state);
	if (!p->rules)
		return;
	pf_process_verdict(p, &leak->terms, &v);
	pf_rules_each(leak->terms.rules, p->rules, &v, count_rule, leak);
}

static void read_processes(struct pf_leak *leak, struct pf_pack *k, uint32_t n, bool same_judge)
{
	struct pf_terms terms = leak->terms;

	terms.tell = tell_lost_rule;
	for (uint32_t i = 0; i < n && !k->failed; i++) {
		struct pf_process *p = pf_pack_alloc(k, sizeof(*p));

		if (!p)
			return;
		pf_process_pack(k, p, &terms, same_judge);
		insert(leak, k, p);
	}
}

void pf_leak__pack(struct pf_leak *leak, struct pf_pack *k, bool same_judge)
{
	uint32_t n = HASH_COUNT(leak->table);
	struct pf_process *p, *next;

	pf_pack_u32(k, &leak->moment);
	pf_pack_time(k, &leak->sweep_s);
	pf_pack_u32(k, &n);
	if (pf_pack_reads(k)) {
		read_processes(leak, k, n, same_judge);
		return;
	}
	HASH_ITER (hh, leak->table, p, next)
		pf_process_pack(k, p, &leak->terms, true);
}

void pf_leak__pack_kin(struct pf_leak *leak, struct pf_pack *k)
{
	pf_kin__pack(leak->terms.kin, k);
}

void pf_leak__settle(struct pf_leak *leak)
{
	struct pf_leak_config config = leak->terms.config;

	/* The list for making room has to hold all of them. */
	leak->terms.config.max_processes = HASH_COUNT(leak->table);
	pf_leak__configure(leak, &config);
}

void pf_leak__clear(struct pf_leak *leak)
{
	struct pf_process *p, *next;

	HASH_ITER (hh, leak->table, p, next) {
		HASH_DEL(leak->table, p);
		pf_process__free(p);
	}
	release_dead(leak);
	pf_kin__clear(leak->terms.kin);
	leak->stats = (struct pf_leak_stats){ .max_processes = leak->stats.max_processes };
	leak->ranked = false;
	leak->sweep_s = -INFINITY;
	leak->moment = 0;
}

size_t pf_leak__drop_missing(struct pf_leak *leak, bool (*exists)(void *ctx, int64_t pid),
			     void *ctx)
{
	struct pf_process *p, *next;
	size_t n = 0;

	HASH_ITER (hh, leak->table, p, next) {
		if (p->moment == leak->moment || (exists && exists(ctx, p->pid)))
			continue;
		lose(leak, p);
		leak->stats.forgotten++;
		n++;
	}
	return n;
}

const struct pf_leak_stats *pf_leak__stats(const struct pf_leak *leak)
{
	return &leak->stats;
}
