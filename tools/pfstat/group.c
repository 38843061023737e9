/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Samples put together. Sorts and prints nothing.
 */
#include <errno.h>
#include <math.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "tools/pfstat/group.h"

#define GROUPS_MAX     65536
#define ENDED_MAX      4096  /* remembered one by one */
#define KEY_MAX	       16384 /* a cgroup path and what labels make of bad bytes in it */
#define VANISHED_EVERY 16    /* moments between looks for processes that left no last word */
#define USER_LEN       33
#define USERS_MAX      4096 /* names looked up; more users are shown without one */

struct entry {
	UT_hash_handle hh;
	struct pfstat_group group;
	uint64_t moment;     /* the last one it was seen in */
	double first_mono_s; /* start of its first interval */
	double last_mono_s;
	size_t key_len;
	char key[];
};

struct user {
	UT_hash_handle hh;
	int64_t uid;
	char name[USER_LEN];
};

struct pfstat_groups {
	const struct pfstat_opts *opts;
	bool want_users;
	struct entry *entries;
	struct entry *last; /* found; where to look first for the next one */
	struct user *users;
	struct user *last_user;
	uint64_t moment;
	struct pfstat_group **active;
	size_t n_active, active_cap;
	uint64_t unfollowed; /* samples that found no room, since the start */
	size_t n_ended;
	struct pfstat_sum others;
	struct pfstat_group machine;
	double first_mono_s;
};

/* Counts that a row adds up over an interval, and a sum over the run. */
static const struct {
	size_t in_sample;
	size_t in_sum;
} counted[] = {
#define COUNTED(member)                                                                            \
	{                                                                                          \
		offsetof(struct pf_sample, member), offsetof(struct pfstat_sum, member)            \
	}
	COUNTED(faults), COUNTED(minor), COUNTED(major), COUNTED(user),	  COUNTED(kernel),
	COUNTED(anon),	 COUNTED(file),	 COUNTED(shmem), COUNTED(swapin), COUNTED(cow),
	COUNTED(other),	 COUNTED(read),	 COUNTED(write), COUNTED(exec),
#undef COUNTED
};

static const size_t measured[] = {
	offsetof(struct pf_sample, rss_bytes),	     offsetof(struct pf_sample, rss_anon_bytes),
	offsetof(struct pf_sample, rss_file_bytes),  offsetof(struct pf_sample, rss_shmem_bytes),
	offsetof(struct pf_sample, rss_error_bytes), offsetof(struct pf_sample, swap_bytes),
	offsetof(struct pf_sample, vsz_bytes),
};

static void add_known(int64_t *sum, int64_t value)
{
	if (value == PF_UNKNOWN)
		return;
	*sum = *sum == PF_UNKNOWN ? value : *sum + value;
}

static int64_t *member(void *record, size_t offset)
{
	return (int64_t *)((char *)record + offset);
}

static int64_t value(const void *record, size_t offset)
{
	return *(const int64_t *)((const char *)record + offset);
}

/* Unknown until a sample tells. */
static void forget_counts(struct pfstat_sum *sum)
{
	for (size_t i = 0; i < PF_ARRAY_SIZE(counted); i++)
		*member(sum, counted[i].in_sum) = PF_UNKNOWN;
}

struct pfstat_groups *pfstat_groups__new(const struct pfstat_opts *o, bool users)
{
	struct pfstat_groups *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->opts = o;
	g->want_users = users || o->by == BY_USER;
	forget_counts(&g->machine.sum);
	forget_counts(&g->others);
	g->machine.rss_bytes = PF_UNKNOWN;
	return g;
}

void pfstat_groups__free(struct pfstat_groups *g)
{
	struct entry *e, *next;
	struct user *u, *next_user;

	if (!g)
		return;
	HASH_ITER (hh, g->entries, e, next) {
		HASH_DEL(g->entries, e);
		free(e);
	}
	HASH_ITER (hh, g->users, u, next_user) {
		HASH_DEL(g->users, u);
		free(u);
	}
	free(g->active);
	free(g);
}

static const char *user_name(struct pfstat_groups *g, int64_t uid)
{
	const struct passwd *pw;
	struct user *u = g->last_user;

	if (u && u->uid == uid)
		return u->name;
	HASH_FIND(hh, g->users, &uid, sizeof(uid), u);
	g->last_user = u;
	if (u)
		return u->name;
	u = HASH_COUNT(g->users) < USERS_MAX ? calloc(1, sizeof(*u)) : NULL;
	if (!u)
		return NULL;
	u->uid = uid;
	pw = uid == PF_UNKNOWN ? NULL : getpwuid((uid_t)uid);
	if (pw)
		snprintf(u->name, sizeof(u->name), "%s", pw->pw_name);
	else if (uid != PF_UNKNOWN)
		snprintf(u->name, sizeof(u->name), "%lld", (long long)uid);
	else
		snprintf(u->name, sizeof(u->name), "?");
	HASH_ADD(hh, g->users, uid, sizeof(u->uid), u);
	if (!u->hh.tbl) {
		free(u);
		return NULL;
	}
	return u->name;
}

static size_t put(char *key, size_t at, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	if (len > KEY_MAX - 1 - at)
		len = KEY_MAX - 1 - at;
	memcpy(key + at, text ? text : "", len);
	key[at + len] = '\0';
	return at + len + 1;
}

/* A recording of several runs has the same start a little off. */
static void put_start(char *key, double start_ts)
{
	int64_t seconds = llround(start_ts);

	memcpy(key, &seconds, sizeof(seconds));
}

static size_t pid_key(const struct pf_sample *s, char *key)
{
	memcpy(key, &s->pid, sizeof(s->pid));
	if (s->start_ns)
		memcpy(key + 8, &s->start_ns, 8);
	else
		put_start(key + 8, s->start_ts);
	return 16;
}

/* As labels will show them: names that differ only in bad bytes are one series. */
static size_t label_key(const struct pf_sample *s, char *key)
{
	char label[KEY_MAX - PF_COMM_LEN * PF_TEXT_GROWTH];
	size_t len = put(key, 0, pf_text_label(label, PF_COMM_LEN * PF_TEXT_GROWTH, s->comm));

	return put(key, len, pf_text_label(label, sizeof(label), s->cgroup ? s->cgroup : ""));
}

static size_t make_key(struct pfstat_groups *g, const struct pf_sample *s, char *key)
{
	const struct pfstat_opts *o = g->opts;

	if (o->common.format == PF_FORMAT_PROM && !o->label_pid)
		return label_key(s, key);
	switch (o->by) {
	case BY_PID:
		return pid_key(s, key);
	case BY_COMM:
		return put(key, 0, s->comm);
	case BY_CGROUP:
		return put(key, 0, s->cgroup);
	case BY_CONTAINER:
		return put(key, 0, s->container);
	case BY_USER:
		memcpy(key, &s->uid, sizeof(s->uid));
		return sizeof(s->uid);
	}
	return 0;
}

/* Samples come in the same order each time: the next one is mostly the one that came next before. */
static struct entry *find(struct pfstat_groups *g, const char *key, size_t len)
{
	struct entry *e = g->last ? g->last->hh.next : g->entries;

	if (!e || e->key_len != len || memcmp(e->key, key, len))
		HASH_FIND(hh, g->entries, key, len, e);
	if (e)
		g->last = e;
	return e;
}

static struct entry *find_or_add(struct pfstat_groups *g, const struct pf_sample *s)
{
	char key[KEY_MAX];
	size_t len = make_key(g, s, key);
	struct entry *e = find(g, key, len);

	if (e || HASH_COUNT(g->entries) >= GROUPS_MAX)
		return e;
	e = calloc(1, sizeof(*e) + len);
	if (!e)
		return NULL;
	memcpy(e->key, key, len);
	e->key_len = len;
	e->group.rss_bytes = PF_UNKNOWN;
	forget_counts(&e->group.sum);
	e->first_mono_s = NAN;
	HASH_ADD_KEYPTR(hh, g->entries, e->key, len, e);
	if (!e->hh.tbl) {
		free(e);
		return NULL;
	}
	return e;
}

static int reserve_active(struct pfstat_groups *g, size_t need)
{
	void *bigger;

	if (need <= g->active_cap)
		return 0;
	need += need / 4;
	bigger = realloc(g->active, need * sizeof(*g->active));
	if (!bigger)
		return -ENOMEM;
	g->active = bigger;
	g->active_cap = need;
	return 0;
}

static void sum_up(struct pfstat_sum *sum, const struct pf_sample *s)
{
	for (size_t i = 0; i < PF_ARRAY_SIZE(counted); i++)
		add_known(member(sum, counted[i].in_sum), value(s, counted[i].in_sample));
}

static bool one_process(const struct pfstat_groups *g)
{
	const struct pfstat_opts *o = g->opts;

	return o->by == BY_PID && (o->common.format != PF_FORMAT_PROM || o->label_pid);
}

static void clear_sum(struct pfstat_row *row, const struct pf_moment *m)
{
	pf_sample_init(&row->s);
	row->s.ts = m->ts;
	row->s.mono_s = m->mono_s;
	row->s.interval_s = m->interval_s;
	row->s.pid = PF_UNKNOWN;
	row->processes = 0;
}

static void add_to_row(struct pfstat_row *row, const struct pf_sample *s)
{
	for (size_t i = 0; i < PF_ARRAY_SIZE(counted); i++)
		add_known(member(&row->s, counted[i].in_sample), value(s, counted[i].in_sample));
	for (size_t i = 0; i < PF_ARRAY_SIZE(measured); i++)
		add_known(member(&row->s, measured[i]), value(s, measured[i]));
	add_known(&row->s.rss_delta_bytes, s->rss_delta_bytes);
	if (s->sampled != PF_UNKNOWN &&
	    (row->s.sampled == PF_UNKNOWN || s->sampled > row->s.sampled))
		row->s.sampled = s->sampled;
	row->processes += !s->exited;
}

static const char *group_name(struct pfstat_groups *g, const struct entry *e)
{
	if (g->opts->by == BY_USER)
		return user_name(g, *(const int64_t *)e->key);
	if (g->opts->by == BY_CONTAINER && !e->key[0])
		return "(no container)";
	if (g->opts->by == BY_CGROUP && !e->key[0])
		return "(unknown)";
	return e->key;
}

static void name_group(struct pfstat_groups *g, struct entry *e, const struct pf_sample *s)
{
	struct pfstat_row *row = &e->group.row;

	if (g->opts->common.format == PF_FORMAT_PROM) {
		memcpy(row->s.comm, s->comm, sizeof(s->comm));
		row->s.cgroup = e->key + strlen(e->key) + 1;
		return;
	}
	row->by = pfstat_by_words[g->opts->by];
	row->name = group_name(g, e);
	if (g->opts->by == BY_COMM)
		memcpy(row->s.comm, s->comm, sizeof(s->comm));
	if (g->opts->by == BY_CGROUP || g->opts->by == BY_CONTAINER) {
		row->s.cgroup = s->cgroup;
		row->s.container = s->container;
		row->s.runtime = s->runtime;
		row->s.pod = s->pod;
	}
	if (g->opts->by == BY_USER)
		row->s.uid = s->uid;
}

static void open_row(struct pfstat_groups *g, struct entry *e, const struct pf_moment *m,
		     const struct pf_sample *s)
{
	struct pfstat_row *row = &e->group.row;

	e->moment = g->moment;
	e->group.active = true;
	if (e->group.ended) {
		e->group.ended = false;
		g->n_ended--;
	}
	if (isnan(e->first_mono_s))
		e->first_mono_s = m->mono_s - (m->interval_s > 0 ? m->interval_s : 0);
	g->active[g->n_active++] = &e->group;
	if (one_process(g))
		return;
	clear_sum(row, m);
	name_group(g, e, s);
}

/* What the dead give back is not taken off: growth is what they did while they lived. */
static void add_growth(struct pfstat_groups *g, struct pfstat_group *group, int64_t delta)
{
	if (delta == PF_UNKNOWN)
		return;
	group->sum.growth_bytes += delta;
	g->machine.sum.growth_bytes += delta;
}

/* A process of its own: the row is its sample. */
static void set_process(struct pfstat_groups *g, struct entry *e, const struct pf_sample *s)
{
	struct pfstat_row *row = &e->group.row;

	row->s = *s;
	row->processes = 1;
	row->user = g->want_users ? user_name(g, s->uid) : NULL;
	e->group.sum.processes = 1;
	if (!s->exited)
		add_growth(g, &e->group, s->rss_delta_bytes);
	if (s->exited && !e->group.ended) {
		e->group.ended = true;
		g->n_ended++;
	}
}

static void add_member(struct pfstat_groups *g, struct entry *e, const struct pf_sample *s)
{
	struct pfstat_group *group = &e->group;

	add_to_row(&group->row, s);
	group->sum.processes = group->row.processes;
	if (!s->exited)
		add_growth(g, group, s->rss_delta_bytes);
}

static void add_sample(struct pfstat_groups *g, struct entry *e, const struct pf_moment *m,
		       const struct pf_sample *s)
{
	if (e->moment != g->moment)
		open_row(g, e, m, s);
	if (one_process(g))
		set_process(g, e, s);
	else
		add_member(g, e, s);
	sum_up(&e->group.sum, s);
	e->group.sum.seconds = m->mono_s - e->first_mono_s;
}

static int busiest_first(const void *a, const void *b)
{
	const struct entry *x = *(const struct entry *const *)a,
			   *y = *(const struct entry *const *)b;

	return (x->group.sum.faults < y->group.sum.faults) -
	       (x->group.sum.faults > y->group.sum.faults);
}

static void forget(struct pfstat_groups *g, struct entry *e)
{
	const struct pfstat_sum *sum = &e->group.sum;

	for (size_t i = 0; i < PF_ARRAY_SIZE(counted); i++)
		add_known(member(&g->others, counted[i].in_sum), value(sum, counted[i].in_sum));
	g->others.growth_bytes += sum->growth_bytes;
	g->others.seconds += sum->seconds;
	g->others.processes++;
	g->n_ended--;
	HASH_DEL(g->entries, e);
	free(e);
}

/* The quieter half of the ended ones becomes part of one sum. */
static void fold_ended(struct pfstat_groups *g)
{
	struct entry **ended, *e, *next;
	size_t n = 0;

	if (g->n_ended <= ENDED_MAX)
		return;
	ended = malloc(g->n_ended * sizeof(struct entry *));
	if (!ended)
		return;
	HASH_ITER (hh, g->entries, e, next) {
		if (e->group.ended && n < g->n_ended)
			ended[n++] = e;
	}
	qsort(ended, n, sizeof(struct entry *), busiest_first);
	for (size_t i = ENDED_MAX / 2; i < n; i++)
		forget(g, ended[i]);
	free(ended);
}

static void close_moment(struct pfstat_groups *g)
{
	for (size_t i = 0; i < g->n_active; i++)
		g->active[i]->active = false;
	g->n_active = 0;
	g->last = NULL;
	fold_ended(g);
}

/* Not seen any more, with or without a last word: it has ended. A name may come back. */
static void find_vanished(struct pfstat_groups *g)
{
	struct entry *e, *next;

	if (g->moment % VANISHED_EVERY)
		return;
	HASH_ITER (hh, g->entries, e, next) {
		if (!e->group.active && !e->group.ended && e->moment + 2 < g->moment) {
			e->group.ended = true;
			g->n_ended++;
		}
	}
}

/* A recording does not tell what there was before: then it is what the last moment had. */
static void complete_growth(struct pfstat_groups *g, struct pfstat_group *group)
{
	struct pf_sample *s = &group->row.s;

	if (s->rss_delta_bytes == PF_UNKNOWN && s->rss_bytes != PF_UNKNOWN &&
	    group->rss_bytes != PF_UNKNOWN) {
		s->rss_delta_bytes = s->rss_bytes - group->rss_bytes;
		if (group != &g->machine)
			add_growth(g, group, s->rss_delta_bytes);
	}
	group->rss_bytes = s->rss_bytes;
}

static void add_machine(struct pfstat_groups *g, const struct pf_moment *m)
{
	struct pfstat_row *row = &g->machine.row;
	struct pfstat_sum *sum = &g->machine.sum;

	clear_sum(row, m);
	for (size_t i = 0; i < m->n; i++) {
		add_to_row(row, m->samples[i]);
		sum_up(sum, m->samples[i]);
		sum->processes += m->samples[i]->exited;
	}
	snprintf(row->s.comm, sizeof(row->s.comm), "total");
	row->name = "total";
	complete_growth(g, &g->machine);
	sum->seconds = m->mono_s - g->first_mono_s;
}

int pfstat_groups__add(struct pfstat_groups *g, const struct pf_moment *m)
{
	double warn = g->opts->warn_per_s;

	close_moment(g);
	if (!g->moment++)
		g->first_mono_s = m->mono_s - (m->interval_s > 0 ? m->interval_s : 0);
	if (reserve_active(g, m->n))
		return -ENOMEM;
	for (size_t i = 0; i < m->n; i++) {
		struct entry *e = find_or_add(g, m->samples[i]);

		if (e)
			add_sample(g, e, m, m->samples[i]);
		else
			g->unfollowed++;
	}
	for (size_t i = 0; i < g->n_active; i++) {
		struct pfstat_row *row = &g->active[i]->row;

		complete_growth(g, g->active[i]);
		row->warn = warn > 0 && (double)row->s.faults > warn * m->interval_s;
	}
	add_machine(g, m);
	find_vanished(g);
	return 0;
}

const struct pfstat_group *const *pfstat_groups__active(const struct pfstat_groups *g, size_t *n)
{
	*n = g->n_active;
	return (const struct pfstat_group *const *)g->active;
}

const struct pfstat_group **pfstat_groups__all(const struct pfstat_groups *g, size_t *n)
{
	const struct pfstat_group **all = malloc((HASH_COUNT(g->entries) + 1) * sizeof(*all));
	struct entry *e, *next;

	*n = 0;
	if (!all)
		return NULL;
	HASH_ITER (hh, g->entries, e, next)
		all[(*n)++] = &e->group;
	return all;
}

const struct pfstat_sum *pfstat_groups__others(const struct pfstat_groups *g)
{
	return &g->others;
}

const struct pfstat_row *pfstat_groups__machine(const struct pfstat_groups *g)
{
	return &g->machine.row;
}

const struct pfstat_sum *pfstat_groups__machine_sum(const struct pfstat_groups *g)
{
	return &g->machine.sum;
}

uint64_t pfstat_groups__unfollowed(const struct pfstat_groups *g)
{
	return g->unfollowed;
}
