/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who was told what, per process and alert; see the header. A process is
 * remembered while it has an alert, or as long as its rate limit runs.
 */
#include "lib/leak/tell.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

#include "lib/base/pack.h"
#include "lib/leak/verdict.h"
#include "lib/record/sample.h"

#define BIT(state) (1u << (state))

const struct pf_tell_config pf_tell_default_config = {
	.rate_limit_s = 300,
	.keep_alive_s = 0,
	.states = BIT(PF_ALERT_FIRING) | BIT(PF_ALERT_RESOLVED),
	.max_alerts = 4096,
};

/* An alert, and a watch or what is pending: the one must not hold back the other. */
enum weight { LIGHT, HEAVY, WEIGHTS };

struct names {
	char comm[PF_COMM_LEN];
	char *exe;
	char *cgroup;
	char *container;
};

struct alert {
	char *rule; /* NULL = the model's own */
	enum pf_alert_state state;
	enum pf_alert_level level; /* as told */
	int told_level;		   /* the record's; -1 = not told yet */
	double since_ts;
	double sent_s;	   /* told last, keep-alives too */
	unsigned int told; /* bits of states */
	bool due;	   /* to be told of its state */
	bool held;	   /* ... and held back, which is counted once */
	struct names names;
	char *why; /* a rule's reason when the state began; NULL = the model's, of now */
	struct alert *prev, *next;
};

struct process {
	int64_t pid;
	double start_ts;
	double told_s[WEIGHTS]; /* last new notice */
	struct alert *alerts;
	UT_hash_handle hh;
};

struct pf_tell {
	struct pf_tell_config config;
	struct pf_tell_hooks hooks;
	struct pf_tell_stats stats;
	struct process *table;
};

struct pf_tell *pf_tell__new(const struct pf_tell_config *config, const struct pf_tell_hooks *hooks)
{
	struct pf_tell *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->config = *config;
	t->hooks = *hooks;
	return t;
}

void pf_tell__configure(struct pf_tell *t, const struct pf_tell_config *config)
{
	t->config = *config;
}

const struct pf_tell_stats *pf_tell__stats(const struct pf_tell *t)
{
	return &t->stats;
}

/* ---- what is remembered ---------------------------------------------------- */

static void free_alert(struct alert *a)
{
	if (!a)
		return;
	free(a->rule);
	free(a->names.exe);
	free(a->names.cgroup);
	free(a->names.container);
	free(a->why);
	free(a);
}

static void drop_alert(struct pf_tell *t, struct process *p, struct alert *a)
{
	t->stats.open--;
	t->stats.held -= a->held;
	DL_DELETE(p->alerts, a);
	free_alert(a);
}

static void drop_process(struct pf_tell *t, struct process *p)
{
	while (p->alerts)
		drop_alert(t, p, p->alerts);
	HASH_DEL(t->table, p);
	free(p);
}

void pf_tell__clear(struct pf_tell *t)
{
	struct process *p, *next;

	HASH_ITER (hh, t->table, p, next)
		drop_process(t, p);
}

void pf_tell__free(struct pf_tell *t)
{
	if (!t)
		return;
	pf_tell__clear(t);
	free(t);
}

static struct process *find_process(struct pf_tell *t, const struct pf_verdict *v)
{
	struct process *p;

	HASH_FIND(hh, t->table, &v->pid, sizeof(v->pid), p);
	if (p && p->start_ts != v->start_ts && !(isnan(p->start_ts) && isnan(v->start_ts))) {
		drop_process(t, p); /* its number is another's now */
		return NULL;
	}
	return p;
}

static struct process *add_process(struct pf_tell *t, const struct pf_verdict *v)
{
	struct process *p = calloc(1, sizeof(*p));
	size_t before = HASH_COUNT(t->table);

	if (!p)
		return NULL;
	p->pid = v->pid;
	p->start_ts = v->start_ts;
	p->told_s[LIGHT] = p->told_s[HEAVY] = -INFINITY;
	HASH_ADD(hh, t->table, pid, sizeof(p->pid), p);
	if (HASH_COUNT(t->table) > before)
		return p;
	free(p); /* uthash had no memory */
	return NULL;
}

static bool is_rule(const struct alert *a, const char *rule)
{
	return a->rule && rule ? !strcmp(a->rule, rule) : !a->rule && !rule;
}

static struct alert *find_alert(struct process *p, const char *rule)
{
	struct alert *a;

	DL_FOREACH(p->alerts, a)
	{
		if (is_rule(a, rule))
			return a;
	}
	return NULL;
}

static struct alert *add_alert(struct pf_tell *t, struct process *p, const char *rule)
{
	struct alert *a = calloc(1, sizeof(*a));

	if (a && rule)
		a->rule = strdup(rule);
	if (!a || (rule && !a->rule)) {
		free_alert(a);
		return NULL;
	}
	a->told_level = -1;
	DL_APPEND(p->alerts, a);
	t->stats.open++;
	return a;
}

static void set_name(char **to, const char *name)
{
	free(*to);
	*to = name ? strdup(name) : NULL; /* without memory the name is unknown, no more */
}

static void take_names(struct names *names, const struct pf_verdict *v)
{
	strncpy(names->comm, v->comm ? v->comm : "", sizeof(names->comm) - 1);
	set_name(&names->exe, v->exe);
	set_name(&names->cgroup, v->cgroup);
	set_name(&names->container, v->container);
}

/* ---- telling --------------------------------------------------------------- */

static void tell(struct pf_tell *t, struct alert *a, const struct pf_verdict *now, bool again)
{
	struct pf_verdict v = *now;
	const struct pf_telling telling = {
		.v = &v,
		.since_ts = a->since_ts,
		.told = a->told,
		.level_before = a->told_level,
		.again = again,
	};

	v.comm = a->names.comm;
	v.exe = a->names.exe;
	v.cgroup = a->names.cgroup;
	v.container = a->names.container;
	v.rule = a->rule;
	v.level = a->level;
	a->told_level = (int)pf_verdict_level(&v);
	t->hooks.tell(t->hooks.ctx, &telling);
}

static enum weight weight_of(const struct alert *a)
{
	return a->state == PF_ALERT_FIRING ? HEAVY : LIGHT;
}

static bool may_tell(const struct pf_tell *t, const struct process *p, const struct alert *a,
		     double now_s)
{
	return now_s - p->told_s[weight_of(a)] >= t->config.rate_limit_s;
}

static void hold_back(struct pf_tell *t, struct alert *a)
{
	if (a->held)
		return;
	a->held = true;
	t->stats.held++;
	t->stats.held_back++;
}

static void release(struct pf_tell *t, struct alert *a)
{
	t->stats.held -= a->held;
	a->due = a->held = false;
}

/* Tell what is due, unless something was told on this process just now. */
static void tell_due(struct pf_tell *t, struct process *p, struct alert *a,
		     const struct pf_verdict *v, double now_s)
{
	if (!may_tell(t, p, a, now_s)) {
		hold_back(t, a);
		return;
	}
	release(t, a);
	p->told_s[weight_of(a)] = now_s;
	a->sent_s = now_s;
	a->told |= BIT(a->state);
	a->level = v->level;
	t->stats.told++;
	tell(t, a, v, false);
}

/* ---- events ---------------------------------------------------------------- */

static void begin(struct pf_tell *t, const struct pf_verdict *v, double now_s)
{
	struct process *p = find_process(t, v);
	struct alert *a = p ? find_alert(p, v->rule) : NULL;

	if (!a && t->stats.open < t->config.max_alerts) {
		p = p ? p : add_process(t, v);
		a = p ? add_alert(t, p, v->rule) : NULL;
	}
	if (!a) {
		t->stats.refused++;
		return;
	}
	release(t, a);
	a->state = v->state;
	a->since_ts = v->ts;
	a->level = v->level;
	take_names(&a->names, v);
	set_name(&a->why, v->why);
	a->due = t->config.states & BIT(v->state);
	if (a->due)
		tell_due(t, p, a, v, now_s);
}

/* What nobody heard of is not said to be over. */
static void end(struct pf_tell *t, const struct pf_verdict *v)
{
	struct process *p = find_process(t, v);
	struct alert *a = p ? find_alert(p, v->rule) : NULL;

	if (!a)
		return;
	t->stats.untold += a->held;
	if (a->told && t->config.states & BIT(PF_ALERT_RESOLVED)) {
		a->told |= BIT(PF_ALERT_RESOLVED);
		t->stats.ends++;
		tell(t, a, v, false);
	}
	drop_alert(t, p, a);
}

void pf_tell__event(struct pf_tell *t, const struct pf_verdict *v, double mono_s)
{
	if (pf_alert_state_is_open(v->state))
		begin(t, v, mono_s);
	else
		end(t, v);
}

/* ---- moments --------------------------------------------------------------- */

/* A rule's level is its own; the model's goes by how bad it is by now. */
static bool is_worse(const struct alert *a, const struct pf_verdict *now)
{
	return !a->rule && a->state == PF_ALERT_FIRING && now->level > a->level;
}

static bool is_due_again(const struct pf_tell *t, const struct alert *a, double now_s)
{
	return t->config.keep_alive_s > 0 && a->state == PF_ALERT_FIRING &&
	       a->told & BIT(PF_ALERT_FIRING) && now_s - a->sent_s >= t->config.keep_alive_s;
}

static void review(struct pf_tell *t, struct process *p, struct alert *a, double now_s)
{
	struct pf_verdict v;

	if (!a->due && !a->told)
		return;
	if (!t->hooks.current(t->hooks.ctx, p->pid, p->start_ts, &v))
		return;
	v.state = v.previous = a->state;
	v.transition = false;
	v.why = a->why;
	if (a->rule)
		v.level = a->level;
	if (!a->due && is_worse(a, &v))
		a->due = true;
	if (a->due)
		tell_due(t, p, a, &v, now_s);
	if (!a->due || a->told & BIT(PF_ALERT_FIRING)) {
		if (!is_due_again(t, a, now_s))
			return;
		a->sent_s = now_s;
		t->stats.agains++;
		tell(t, a, &v, true);
	}
}

static bool is_forgettable(const struct pf_tell *t, const struct process *p, double now_s)
{
	return !p->alerts && now_s - p->told_s[LIGHT] >= t->config.rate_limit_s &&
	       now_s - p->told_s[HEAVY] >= t->config.rate_limit_s;
}

void pf_tell__moment(struct pf_tell *t, double mono_s)
{
	struct process *p, *next;
	struct alert *a;

	HASH_ITER (hh, t->table, p, next) {
		DL_FOREACH(p->alerts, a)
		review(t, p, a, mono_s);
		if (is_forgettable(t, p, mono_s))
			drop_process(t, p);
	}
}

/* ---- outliving the run ------------------------------------------------------ */

#define TEXT_MAX 65536

static void pack_alert(struct pf_pack *k, struct alert *a)
{
	uint32_t told = a->told;

	pf_pack_text(k, &a->rule, TEXT_MAX);
	a->state = (enum pf_alert_state)pf_pack_small(k, a->state, PF_ALERT_STATES);
	a->level = (enum pf_alert_level)pf_pack_small(k, a->level, PF_LEVELS);
	a->told_level = (int)pf_pack_small(k, (unsigned int)(a->told_level + 1), PF_LEVELS + 1) - 1;
	pf_pack_f64(k, &a->since_ts);
	pf_pack_time(k, &a->sent_s);
	pf_pack_u32(k, &told);
	a->told = told;
	a->due = pf_pack_bool(k, a->due);
	a->held = pf_pack_bool(k, a->held);
	pf_pack_name(k, a->names.comm, sizeof(a->names.comm));
	pf_pack_text(k, &a->names.exe, TEXT_MAX);
	pf_pack_text(k, &a->names.cgroup, TEXT_MAX);
	pf_pack_text(k, &a->names.container, TEXT_MAX);
	pf_pack_text(k, &a->why, TEXT_MAX);
}

static void read_alert(struct pf_tell *t, struct process *p, struct pf_pack *k)
{
	struct alert *a = pf_pack_alloc(k, sizeof(*a));

	if (!a)
		return;
	pack_alert(k, a);
	DL_APPEND(p->alerts, a);
	t->stats.open++;
	t->stats.held += a->held;
}

static void pack_process(struct pf_tell *t, struct process *p, struct pf_pack *k)
{
	struct alert *a;
	uint32_t n;

	DL_COUNT(p->alerts, a, n);
	pf_pack_f64(k, &p->start_ts);
	pf_pack_time(k, &p->told_s[LIGHT]);
	pf_pack_time(k, &p->told_s[HEAVY]);
	pf_pack_u32(k, &n);
	if (!pf_pack_reads(k)) {
		DL_FOREACH(p->alerts, a)
		pack_alert(k, a);
		return;
	}
	for (uint32_t i = 0; i < n && !k->failed; i++)
		read_alert(t, p, k);
}

static void read_process(struct pf_tell *t, struct pf_pack *k)
{
	struct pf_verdict who = { .start_ts = NAN };
	struct process *p;

	pf_pack_i64(k, &who.pid);
	HASH_FIND(hh, t->table, &who.pid, sizeof(who.pid), p);
	if (k->failed || p) { /* the same number twice */
		k->failed = true;
		return;
	}
	p = add_process(t, &who);
	if (p)
		pack_process(t, p, k);
	else
		k->failed = k->no_memory = true;
}

void pf_tell__pack(struct pf_tell *t, struct pf_pack *k)
{
	uint32_t n = HASH_COUNT(t->table);
	struct process *p, *next;

	pf_pack_u32(k, &n);
	if (pf_pack_reads(k)) {
		for (uint32_t i = 0; i < n && !k->failed; i++)
			read_process(t, k);
		return;
	}
	HASH_ITER (hh, t->table, p, next) {
		pf_pack_i64(k, &p->pid);
		pack_process(t, p, k);
	}
}
