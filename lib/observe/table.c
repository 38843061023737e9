/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processes seen, from readings to samples. Talks to no kernel interface
 * but /proc for names; keeps no history beyond the totals already reported.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HASH_NONFATAL_OOM 1 /* without memory an addition fails, not the program */
#include <uthash.h>

#include "lib/base/clock.h"
#include "lib/observe/events.h"
#include "lib/observe/pace.h"
#include "lib/observe/table.h"
#include "lib/proc/cgroup.h"
#include "lib/proc/exe.h"
#include "lib/proc/procfs.h"

/* A process that started this long before the baseline may still have been missed by it: /proc
 * tells start times in ticks of 10 ms. */
#define START_SLACK_NS 20000000ULL
#define EXE_LEN	       64
#define CGROUP_NAMES   8192

enum { MINOR, MAJOR, TOTALS };

struct key {
	int32_t pid;
	uint32_t zero;
	uint64_t start_ns;
};

struct process {
	UT_hash_handle hh;
	struct key key;
	uint32_t pass;	/* the last one it was seen in */
	uint8_t unseen; /* passes since then */
	bool known;	/* `reported` is valid */
	bool unstable;	/* this pass could not read it */
	bool exited;	/* final totals are in, not yet reported */
	bool dead;	/* final totals were reported; only its zombie is left */
	bool has_mm;
	uint64_t sum[TOTALS];		/* of this pass */
	uint64_t total[TOTALS];		/* highest sum so far */
	uint64_t reported[TOTALS];	/* total at the last moment */
	struct pf_event_totals *events; /* NULL = it has had none */
	uint8_t step;			/* --sample auto: now, and in the interval before */
	uint8_t step_before;
	struct pf_task_rec rec; /* the last full one */
	int64_t rss_bytes;	/* at the last moment; PF_UNKNOWN = not seen then */
	uint64_t exe_exec_id;	/* exec_id `exe` was read for, plus 1 */
	char exe[EXE_LEN];
	struct process *next_gone;
};

/* The last name found: most processes share theirs with the one before. */
struct name_hint {
	uint64_t cgroup_id;
	uint64_t mem_cgroup_id;
	const struct pf_cgroup_name *name; /* NULL = none yet */
};

struct pf_table {
	struct pf_table_config config;
	struct process *processes;
	struct process *last; /* found; where to look first for the next one */
	struct pf_cgroups *names;
	struct name_hint hint;
	struct pf_sample blank; /* nothing known */
	int proc_fd;
	struct pf_sample *samples;
	size_t samples_cap;
	uint32_t pass;
	bool in_pass;
	bool closed;	/* nobody is added any more: the named ones are all here */
	double boot_ts; /* Unix time of boot as of the start: a clock set later moves no process */
	uint64_t base_ns; /* boot time of the baseline; 0 = not yet */
	uint64_t last_ns;
	uint64_t untracked;   /* processes that found the table full, in the last pass */
	uint64_t unsummed;    /* processes without memory for their events, each time */
	struct process *gone; /* out of the table, but the last samples point into them */
};

struct pf_table *pf_table__new(const struct pf_table_config *config)
{
	struct pf_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->config = *config;
	t->boot_ts = pf_boot_offset_s();
	pf_sample_init(&t->blank);
	t->proc_fd = -1;
	if (!config->proc_root)
		return t;
	t->names = pf_cgroups__new(config->proc_root, CGROUP_NAMES);
	t->proc_fd = open(config->proc_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!t->names) {
		int code = errno;

		pf_table__free(t);
		errno = code;
		return NULL;
	}
	return t;
}

static void drop(struct pf_table *t, struct process *p)
{
	if (p->step)
		t->config.set_step(t->config.set_step_ctx, (uint32_t)p->rec.tgid, 0);
	if (t->last == p)
		t->last = NULL;
	HASH_DEL(t->processes, p);
	p->next_gone = t->gone;
	t->gone = p;
}

static void free_gone(struct pf_table *t)
{
	while (t->gone) {
		struct process *p = t->gone;

		t->gone = p->next_gone;
		free(p->events);
		free(p);
	}
}

void pf_table__free(struct pf_table *t)
{
	struct process *p, *next;

	if (!t)
		return;
	HASH_ITER (hh, t->processes, p, next)
		drop(t, p);
	free_gone(t);
	pf_cgroups__free(t->names);
	if (t->proc_fd >= 0)
		close(t->proc_fd);
	free(t->samples);
	free(t);
}

size_t pf_table__alive(const struct pf_table *t)
{
	const struct process *p;
	size_t n = 0;

	for (p = t->processes; p; p = p->hh.next)
		n += !p->dead && !p->exited;
	return n;
}

bool pf_table__has(const struct pf_table *t, int64_t pid)
{
	const struct process *p;

	for (p = t->processes; p; p = p->hh.next) {
		if (p->key.pid == pid && !p->dead)
			return true;
	}
	return false;
}

/* Passes come in the same order each time: the next one is mostly the one that came next before. */
static struct process *find(struct pf_table *t, const struct key *key)
{
	struct process *p = t->last ? t->last->hh.next : t->processes;

	if (p && p->key.pid == key->pid && p->key.start_ns == key->start_ns) {
		t->last = p;
		return p;
	}
	HASH_FIND(hh, t->processes, key, sizeof(*key), p);
	if (p)
		t->last = p;
	return p;
}

static struct process *find_or_add(struct pf_table *t, const struct pf_task_head *head)
{
	struct key key = { .pid = head->pid, .start_ns = head->start_ns };
	struct process *p = find(t, &key);

	if (p || t->closed || !(head->flags & PF_REC_FULL))
		return p;
	if (HASH_COUNT(t->processes) >= t->config.max_processes || !(p = calloc(1, sizeof(*p)))) {
		t->untracked++;
		return NULL;
	}
	p->key = key;
	p->rss_bytes = PF_UNKNOWN;
	HASH_ADD(hh, t->processes, key, sizeof(p->key), p);
	if (!p->hh.tbl) {
		free(p);
		t->untracked++;
		return NULL;
	}
	return p;
}

void pf_table__begin(struct pf_table *t)
{
	free_gone(t);
	if (t->names)
		pf_cgroups__sweep(t->names);
	t->hint.name = NULL;
	t->pass++;
	t->last = NULL;
	t->in_pass = true;
}

/* First reading of the process in this pass, or the only thread: then this is all there is. */
static void start_sum(struct process *p, const struct pf_task_head *head)
{
	p->sum[MINOR] = head->dead_min;
	p->sum[MAJOR] = head->dead_maj;
	if (p->events)
		pf_events_restart(p->events);
}

/* Most processes sleep and never fault: no memory is spent on their events. */
static bool has_events(struct pf_table *t, struct process *p, const struct pf_task_head *head)
{
	if (p->events || !(head->flags & PF_REC_EVENTS))
		return p->events;
	p->events = calloc(1, sizeof(*p->events));
	if (!p->events)
		t->unsummed++;
	return p->events;
}

static void add_thread(struct process *p, const struct pf_task_head *head)
{
	if (p->events)
		pf_events_add(p->events, head);
	if (head->flags & PF_REC_RELEASED)
		return;
	p->sum[MINOR] += head->own_min;
	p->sum[MAJOR] += head->own_maj;
}

/* Memory from whichever thread has it: the leader's is gone when it exited first. */
static void take_full(struct process *p, const struct pf_task_rec *rec, bool first)
{
	bool has_mm = rec->head.flags & PF_REC_HAS_MM;

	if (first || has_mm)
		p->rec = *rec;
	p->has_mm = first ? has_mm : p->has_mm || has_mm;
}

/* Where no exit records come, this is how a death shows, if anybody wants to know. */
static void see_zombie(const struct pf_table *t, struct process *p)
{
	if (t->config.deaths == PF_DEATHS_BY_ZOMBIE)
		p->exited = true;
	else if (t->config.deaths == PF_DEATHS_UNTOLD)
		p->dead = true;
}

void pf_table__task(struct pf_table *t, const struct pf_task_head *head)
{
	struct process *p = find_or_add(t, head);
	bool first;

	if (!p)
		return;
	first = p->pass != t->pass;
	if (first) {
		p->pass = t->pass;
		p->unstable = false;
		p->has_mm = false;
	}
	if (has_events(t, p, head) && first)
		pf_events_begin(p->events, head);
	if (head->flags & PF_REC_UNSTABLE)
		p->unstable = true;
	if (first || (head->nr_threads == 1 && !(head->flags & PF_REC_RELEASED)))
		start_sum(p, head);
	add_thread(p, head);
	if (head->flags & PF_REC_FULL)
		take_full(p, (const struct pf_task_rec *)head, first);
	if ((head->flags & PF_REC_ZOMBIE) && !p->dead)
		see_zombie(t, p);
}

static void lift(struct process *p, int which, uint64_t value)
{
	if (value > p->total[which])
		p->total[which] = value;
}

static bool has_news(const struct process *p)
{
	return memcmp(p->total, p->reported, sizeof(p->total)) ||
	       (p->events && pf_events_news(p->events));
}

/*
 * The last words of a process; of two threads that both were the last, two. Its
 * totals may be told again, its events are told once and add up.
 */
static void take_exit(struct process *p, const struct pf_task_rec *rec)
{
	lift(p, MINOR, rec->head.own_min);
	lift(p, MAJOR, rec->head.own_maj);
	if (p->events)
		pf_events_final(p->events);
	if (p->dead && !has_news(p))
		return; /* nothing that was not told */
	p->rec = *rec;
	p->has_mm = rec->head.flags & PF_REC_HAS_MM;
	p->exited = true;
	p->dead = false;
}

void pf_table__event(struct pf_table *t, const struct pf_task_rec *rec)
{
	struct process *p = find_or_add(t, &rec->head);

	if (!p)
		return;
	if (has_events(t, p, &rec->head))
		pf_events_hand(p->events, &rec->head, t->in_pass);
	if (rec->head.flags & PF_REC_EXIT)
		take_exit(p, rec);
	else if (!p->rec.head.size)
		p->rec = *rec;
}

/* The pass is over: totals rise to what it saw. */
static void close_pass(struct pf_table *t, struct process *p)
{
	bool seen = p->pass == t->pass && !p->unstable && !p->exited;

	if (seen) {
		lift(p, MINOR, p->sum[MINOR]);
		lift(p, MAJOR, p->sum[MAJOR]);
	}
	if (p->events)
		pf_events_end(p->events, seen);
	p->unseen = p->pass == t->pass ? 0 : p->unseen + 1;
}

static int64_t counter_bytes(const struct process *p, int which)
{
	int64_t pages = p->rec.rss_pages[which];

	/* A counter read without its lock can be a little below zero. */
	return pages > 0 ? pages * getpagesize() : 0;
}

static int64_t rss_bytes(const struct process *p)
{
	if (!p->has_mm)
		return PF_UNKNOWN;
	return counter_bytes(p, PF_MM_ANON) + counter_bytes(p, PF_MM_FILE) +
	       counter_bytes(p, PF_MM_SHMEM);
}

/* What it did before we looked is not ours to report; since then, all of it. */
static void learn(const struct pf_table *t, struct process *p)
{
	bool born_here = t->base_ns && p->key.start_ns + START_SLACK_NS >= t->base_ns;

	if (p->known)
		return;
	p->known = true;
	if (!born_here)
		memcpy(p->reported, p->total, sizeof(p->reported));
	if (!born_here && p->events)
		pf_events_forget(p->events);
	if (born_here)
		p->rss_bytes = 0;
	else if (!t->base_ns)
		p->rss_bytes = rss_bytes(p);
}

void pf_table__baseline(struct pf_table *t, uint64_t now_ns)
{
	struct process *p, *next;

	HASH_ITER (hh, t->processes, p, next) {
		close_pass(t, p);
		if (p->pass != t->pass) {
			drop(t, p);
			continue;
		}
		/* Dead before we came: not ours to report. */
		p->dead |= p->exited || (p->rec.head.flags & PF_REC_ZOMBIE);
		p->exited = false;
		p->known = false;
		if (!p->unstable)
			learn(t, p);
	}
	t->closed = t->config.only_baseline;
	t->base_ns = now_ns;
	t->last_ns = now_ns;
	t->in_pass = false;
}

static const char *exe_name(struct pf_table *t, struct process *p)
{
	if (!t->config.exe || t->proc_fd < 0)
		return NULL;
	if (p->exe_exec_id != p->rec.exec_id + 1 && !p->exited) {
		pf_proc_exe(t->proc_fd, p->key.pid, p->exe, sizeof(p->exe));
		p->exe_exec_id = p->rec.exec_id + 1;
	}
	/* An image that was never looked at, because it is gone, has no known name. */
	return p->exe[0] && p->exe_exec_id == p->rec.exec_id + 1 ? p->exe : NULL;
}

/* What a dead process had is given back, whatever the kernel still tells of it. */
static int64_t rss_delta(const struct process *p, int64_t now)
{
	if (p->exited)
		return p->rss_bytes == PF_UNKNOWN ? 0 : -p->rss_bytes;
	if (now == PF_UNKNOWN || p->rss_bytes == PF_UNKNOWN)
		return PF_UNKNOWN;
	return now - p->rss_bytes;
}

static void fill_memory(struct process *p, struct pf_sample *s)
{
	int64_t now = rss_bytes(p);

	s->rss_delta_bytes = rss_delta(p, now);
	p->rss_bytes = now;
	if (!p->has_mm)
		return;
	s->rss_bytes = now;
	s->rss_anon_bytes = counter_bytes(p, PF_MM_ANON);
	s->rss_file_bytes = counter_bytes(p, PF_MM_FILE);
	s->rss_shmem_bytes = counter_bytes(p, PF_MM_SHMEM);
	s->swap_bytes = counter_bytes(p, PF_MM_SWAP);
	s->vsz_bytes = (int64_t)p->rec.vsz_pages * getpagesize();
	s->rss_error_bytes = (int64_t)p->rec.rss_error_pages * getpagesize();
}

static void set_step(const struct pf_table *t, struct process *p, uint8_t step)
{
	if (step != p->step &&
	    t->config.set_step(t->config.set_step_ctx, (uint32_t)p->rec.tgid, step))
		p->step = step;
}

/* For the next interval. One that has ended makes room for others. */
static void choose_step(const struct pf_table *t, struct process *p, const struct pf_sample *s)
{
	if (t->config.sample_every || !t->config.tells)
		return;
	p->step_before = p->step;
	set_step(t, p, s->exited ? 0 : pf_pace_step((double)s->faults / s->interval_s));
}

/* An event may have been counted at the step of the interval before. */
static int64_t sampled(const struct pf_table *t, const struct process *p)
{
	if (t->config.sample_every)
		return t->config.sample_every;
	return pf_pace_every(p->step > p->step_before ? p->step : p->step_before);
}

static void fill_events(const struct pf_table *t, struct process *p, struct pf_sample *s)
{
	int64_t n[PF_EVENT_SUMS] = { 0 };

	if (p->events)
		pf_events_take(p->events, n);
	if (t->config.tells & PF_TELLS_MODE) {
		s->user = n[PF_EV_USER];
		s->kernel = n[PF_EV_KERNEL];
		s->sampled = sampled(t, p);
	}
	if (t->config.tells & PF_TELLS_ACCESS) {
		s->read = n[PF_EV_READ];
		s->write = n[PF_EV_WRITE];
		s->exec = n[PF_EV_EXEC];
	}
	if (t->config.tells & PF_TELLS_CLASS) {
		s->anon = n[PF_EV_ANON];
		s->file = n[PF_EV_FILE];
		s->shmem = n[PF_EV_SHMEM];
		s->swapin = n[PF_EV_SWAPIN];
	}
	if (t->config.tells & PF_TELLS_COW) {
		s->cow = n[PF_EV_COW];
		s->other = n[PF_EV_OTHER];
	}
}

static void fill_counts(struct process *p, struct pf_sample *s)
{
	uint64_t delta[TOTALS];

	for (int i = 0; i < TOTALS; i++) {
		delta[i] = p->total[i] - p->reported[i];
		p->reported[i] = p->total[i];
	}
	s->minor = (int64_t)delta[MINOR];
	s->major = (int64_t)delta[MAJOR];
	s->faults = s->minor + s->major;
}

static const struct pf_cgroup_name *cgroup_name(struct pf_table *t, const struct process *p)
{
	struct name_hint *h = &t->hint;
	bool has_ids = p->rec.cgroup_id || p->rec.mem_cgroup_id;

	if (!t->names)
		return NULL;
	if (has_ids && h->name && h->cgroup_id == p->rec.cgroup_id &&
	    h->mem_cgroup_id == p->rec.mem_cgroup_id)
		return h->name;
	h->cgroup_id = p->rec.cgroup_id;
	h->mem_cgroup_id = p->rec.mem_cgroup_id;
	h->name = pf_cgroups__name(t->names, h->cgroup_id, h->mem_cgroup_id, p->key.pid);
	return h->name;
}

static void fill_identity(struct pf_table *t, struct process *p, const struct pf_interval *now,
			  struct pf_sample *s)
{
	const struct pf_cgroup_name *name;

	s->ts = now->ts;
	s->mono_s = now->mono_s;
	s->interval_s = now->interval_s;
	s->pid = p->key.pid;
	s->nspid = p->rec.nspid ? p->rec.nspid : PF_UNKNOWN;
	s->ppid = p->rec.ppid;
	s->uid = p->rec.uid;
	s->start_ns = p->key.start_ns;
	s->start_ts = t->boot_ts + (double)p->key.start_ns / 1e9;
	s->exec_id = p->rec.exec_id;
	memcpy(s->comm, p->rec.comm, PF_TASK_COMM_LEN);
	s->comm[PF_TASK_COMM_LEN] = '\0';
	s->exe = exe_name(t, p);
	name = cgroup_name(t, p);
	if (!name)
		return;
	s->cgroup = name->path;
	s->container = name->container;
	s->runtime = name->runtime;
	s->pod = name->pod;
}

static int reserve_samples(struct pf_table *t)
{
	size_t need = HASH_COUNT(t->processes);
	struct pf_sample *bigger;

	if (need <= t->samples_cap)
		return 0;
	need += need / 4;
	bigger = realloc(t->samples, need * sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	t->samples = bigger;
	t->samples_cap = need;
	return 0;
}

/* In the sample list of this moment? A zombie whose end was told is not. */
static bool is_due(const struct pf_table *t, const struct process *p)
{
	if (p->dead || !p->rec.head.size)
		return false;
	if (p->unstable && !p->known)
		return false;
	return p->exited || (p->pass == t->pass && p->has_mm);
}

/* Unseen for two passes: the exit record, had there been one, would be here. */
static void retire(struct pf_table *t, struct process *p)
{
	if (p->exited) {
		p->exited = false;
		p->dead = true;
	}
	if (p->pass == t->pass)
		return;
	if (p->dead || p->unseen >= 2)
		drop(t, p);
}

int pf_table__end(struct pf_table *t, uint64_t now_ns, struct pf_interval *interval)
{
	struct process *p, *next;
	int ret = reserve_samples(t);

	if (ret)
		return ret;
	interval->ts = pf_realtime_s();
	interval->mono_s = (double)now_ns / 1e9;
	interval->interval_s = (double)(now_ns - t->last_ns) / 1e9;
	interval->samples = t->samples;
	interval->n = 0;
	interval->losses.processes = t->untracked;
	interval->losses.counters = t->unsummed;
	HASH_ITER (hh, t->processes, p, next) {
		close_pass(t, p);
		if (is_due(t, p)) {
			struct pf_sample *s = &t->samples[interval->n++];

			learn(t, p);
			*s = t->blank;
			fill_identity(t, p, interval, s);
			fill_counts(p, s);
			fill_events(t, p, s);
			fill_memory(p, s);
			s->exited = p->exited;
			choose_step(t, p, s);
		}
		retire(t, p);
	}
	t->last_ns = now_ns;
	t->in_pass = false;
	return 0;
}
