/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel tells: chooses the sources, ties passes, exit records and the
 * table of processes together. Judges and prints nothing.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/base/caps.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/trim.h"
#include "lib/observe/bpf_util.h"
#include "lib/observe/cpus.h"
#include "lib/observe/faults.h"
#include "lib/observe/observe.h"
#include "lib/observe/plain.h"
#include "lib/observe/procpass.h"
#include "lib/observe/table.h"
#include "lib/observe/tasks.h"
#include "lib/proc/view.h"

#define NOTES_MAX 4
#define NOTE_LEN  512

/* A task storage element with our value and the storage that holds it, as slabs round them up. */
#define STORAGE_BYTES 320

struct pf_observe {
	struct pf_observe_config config;
	int64_t pids[PF_OBSERVE_PIDS_MAX];
	struct pf_tasks *tasks; /* NULL: the pass comes from /proc */
	struct pf_procpass *procpass;
	struct pf_plain *plain; /* the same with fault events */
	struct pf_faults *faults;
	struct pf_table *table;
	enum pf_proc_view proc_view;
	int timing_fd;
	int watch_fd; /* epoll: exit records and CPUs */
	uint64_t opened_ns;
	double cpu_at_open_s;
	int64_t storages; /* threads with counts, in the last pass */
	size_t n_notes;
	char notes[NOTES_MAX][NOTE_LEN];
};

static void __attribute__((format(printf, 2, 3))) note(struct pf_observe *o, const char *fmt, ...)
{
	va_list ap;

	if (o->n_notes == NOTES_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(o->notes[o->n_notes++], NOTE_LEN, fmt, ap);
	va_end(ap);
}

const char *pf_observe__note(const struct pf_observe *o, size_t i)
{
	return i < o->n_notes ? o->notes[i] : NULL;
}

const char *pf_observe__backend(const struct pf_observe *o)
{
	if (o->plain)
		return pf_plain__backend(o->plain);
	return o->faults ? pf_faults__backend(o->faults) : "counters";
}

const char *pf_observe__snapshot(const struct pf_observe *o)
{
	return o->tasks ? "iter" : "proc";
}

const char *pf_observe__storage(const struct pf_observe *o)
{
	if (o->plain)
		return "hash";
	if (!o->faults)
		return "none";
	return pf_faults__hashed(o->faults) ? "hash" : "task";
}

const char *pf_observe__buffer(const struct pf_observe *o)
{
	const char *buffer = o->tasks ? pf_tasks__buffer(o->tasks) : NULL;

	return buffer ? buffer : "none";
}

int pf_observe__fd(const struct pf_observe *o)
{
	return o->watch_fd;
}

bool pf_observe__all_gone(const struct pf_observe *o)
{
	return o->config.n_pids && !pf_table__alive(o->table);
}

static double own_cpu_s(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return (double)ru.ru_utime.tv_sec + (double)ru.ru_stime.tv_sec +
	       (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
}

/* Is this backend, and no other, to be had? */
static bool insists(const struct pf_observe_config *c)
{
	return c->backend != PF_BACKEND_AUTO && c->backend != PF_BACKEND_COUNTERS;
}

/* The programs that need the kernel's type information: the pass, and what counts events. */
static int open_core(struct pf_observe *o, struct pf_error *why)
{
	const struct pf_observe_config *c = &o->config;

	if (c->force.snapshot == PF_SNAPSHOT_PROC || c->force.object == PF_OBJECT_PLAIN)
		return pf_fail(why, EINVAL,
			       "this backend needs the task iterator, which the "
			       "environment (PF_FORCE_...) forbids");
	if (c->backend != PF_BACKEND_COUNTERS) {
		o->faults = pf_faults__open(c, why);
		if (!o->faults && insists(c))
			return -why->code;
	}
	o->tasks = pf_tasks__open(c, o->faults, why);
	if (!o->tasks) {
		pf_faults__close(o->faults);
		o->faults = NULL;
		return -why->code;
	}
	if (!o->faults && c->backend == PF_BACKEND_AUTO)
		note(o, "%s; going on with the kernel's totals only", why->text);
	return 0;
}

/* Those that need nothing, where there is something for them to do. */
static int open_plain(struct pf_observe *o, struct pf_error *why)
{
	const struct pf_observe_config *c = &o->config;
	bool can = c->backend == PF_BACKEND_AUTO || c->backend == PF_BACKEND_TRACEPOINT ||
		   c->backend == PF_BACKEND_PERF;

	if (!can || c->force.object == PF_OBJECT_CORE || c->force.snapshot == PF_SNAPSHOT_ITER)
		return -EOPNOTSUPP;
	/* Whoever asks for /proc and nothing else gets nothing else. */
	if (c->force.snapshot == PF_SNAPSHOT_PROC && c->force.object != PF_OBJECT_PLAIN &&
	    !insists(c))
		return -EOPNOTSUPP;
	o->plain = pf_plain__open(c, why);
	return o->plain ? 0 : -errno;
}

static int open_programs(struct pf_observe *o, struct pf_error *err)
{
	const struct pf_observe_config *c = &o->config;
	bool asked_proc =
		c->force.snapshot == PF_SNAPSHOT_PROC || c->force.object == PF_OBJECT_PLAIN;
	struct pf_error core_why = { 0 }, plain_why = { 0 };
	const struct pf_error *why = &core_why;

	if (!open_core(o, &core_why))
		return 0;
	if (!open_plain(o, &plain_why)) {
		if (!asked_proc)
			note(o,
			     "%s; counting fault events by process: no classes, no short-lived "
			     "processes",
			     core_why.text);
		return 0;
	}
	if (asked_proc && plain_why.code)
		why = &plain_why;
	if (insists(c) || c->force.snapshot == PF_SNAPSHOT_ITER ||
	    (c->force.object == PF_OBJECT_PLAIN && c->backend == PF_BACKEND_AUTO))
		return pf_fail(err, why->code, "%s", why->text);
	if (!asked_proc && o->proc_view == PF_PROC_NONE)
		return pf_fail(err, why->code, "%s; and %s is not mounted", why->text,
			       c->proc_root);
	if (!asked_proc)
		note(o, "%s; reading /proc instead: no fault events, no short-lived processes",
		     why->text);
	return 0;
}

static void on_task(void *ctx, const struct pf_task_head *head)
{
	struct pf_observe *o = ctx;

	o->storages += (head->flags & PF_REC_EVENTS) != 0;
	pf_table__task(o->table, head);
}

static void on_record(void *ctx, const struct pf_task_rec *rec)
{
	struct pf_observe *o = ctx;

	pf_table__event(o->table, rec);
	if (o->config.n_pids && (rec->head.flags & PF_REC_EXIT))
		pf_tasks__forget_pid(o->tasks, rec);
}

static int pass(struct pf_observe *o, struct pf_error *err)
{
	int ret;

	o->storages = 0;
	pf_table__begin(o->table);
	if (o->plain)
		return pf_plain__pass(o->plain, on_task, o, err);
	if (!o->tasks)
		return pf_procpass__run(o->procpass, on_task, o, err);
	if (o->faults)
		pf_faults__begin_pass(o->faults, pf_tasks__pass_number(o->tasks) + 1);
	ret = pf_tasks__pass(o->tasks, on_task, o, err);
	if (o->faults && !ret)
		pf_faults__sweep(o->faults, pf_tasks__pass_number(o->tasks),
				 pf_tasks__meets_all(o->tasks));
	return ret;
}

static bool set_step(void *ctx, uint32_t tgid, uint8_t step)
{
	struct pf_observe *o = ctx;

	return pf_faults__set_step(o->faults, tgid, step);
}

static int open_sources(struct pf_observe *o, struct pf_error *err)
{
	int ret = open_programs(o, err);

	if (ret || o->tasks || o->plain)
		return ret;
	if (o->proc_view == PF_PROC_NONE)
		return pf_fail(err, ENOENT,
			       "cannot read %s: it is not mounted (see pfdiag --only proc)",
			       o->config.proc_root);
	o->procpass = pf_procpass__open(&o->config, err);
	return o->procpass ? 0 : -errno;
}

/* Readings from /proc have the pids of /proc, whosever they are. */
bool pf_observe__proc_matches(const struct pf_observe *o)
{
	return !o->tasks || o->proc_view == PF_PROC_OURS;
}

static void note_proc(struct pf_observe *o)
{
	bool hides = pf_proc_hides(o->config.proc_root);

	if (o->proc_view == PF_PROC_NONE)
		note(o,
		     "%s is not mounted: "
		     "names of programs and cgroups are unknown (see pfdiag --only proc)",
		     o->config.proc_root);
	else if (o->proc_view == PF_PROC_OTHERS)
		note(o, "%s is of another pid namespace: %s (see pfdiag --only proc)",
		     o->config.proc_root,
		     !o->tasks ? "so are the pids shown"
			       : "names of programs and cgroups are unknown");
	else if (hides && !(pf_caps_effective() & PF_CAP(SYS_PTRACE)))
		note(o,
		     "%s is mounted with hidepid and CAP_SYS_PTRACE is missing: %s (see pfdiag --only proc)",
		     o->config.proc_root,
		     !o->tasks ? "other users' processes are not seen"
			       : "names of other users' programs and cgroups are unknown");
}

unsigned int pf_observe__tells(const struct pf_observe *o)
{
	if (o->plain)
		return PF_TELLS_MODE;
	return o->faults ? pf_faults__tells(o->faults) : 0;
}

/* 0 = by each process's rate. */
static uint32_t sample_every(const struct pf_observe *o)
{
	if (o->plain)
		return 1;
	return o->config.sample_auto ? 0 : o->config.sample_every;
}

static int open_table(struct pf_observe *o, struct pf_error *err)
{
	struct pf_table_config tc = {
		.max_processes = o->config.max_processes,
		.tells = pf_observe__tells(o),
		.sample_every = sample_every(o),
		.set_step = set_step,
		.set_step_ctx = o,
		.deaths = !o->config.exits ? PF_DEATHS_UNTOLD
			  : o->tasks	   ? PF_DEATHS_BY_RECORD
					   : PF_DEATHS_BY_ZOMBIE,
		.only_baseline = o->config.n_pids > 0,
		.exe = o->config.exe,
		.proc_root = pf_observe__proc_matches(o) ? o->config.proc_root : NULL,
	};

	o->table = pf_table__new(&tc);
	return o->table ? 0 : pf_step_fail(err, errno, "follow processes");
}

static int attach(struct pf_observe *o, struct pf_error *err)
{
	int ret = 0;

	if (o->tasks && o->config.exits)
		ret = pf_tasks__watch_exits(o->tasks, on_record, o, err);
	if (!ret && o->tasks && o->faults && o->config.exits)
		pf_faults__ends_told(o->faults, pf_tasks__pass_number(o->tasks) + 1);
	return ret;
}

/* What becomes readable before its time comes: full rings, CPUs that come. */
static int watch(struct pf_observe *o, struct pf_error *err)
{
	const int fds[] = {
		o->tasks ? pf_tasks__ring_fd(o->tasks) : -1,
		o->faults ? pf_faults__fd(o->faults) : -1,
		o->plain ? pf_plain__fd(o->plain) : -1,
	};

	o->watch_fd = epoll_create1(EPOLL_CLOEXEC);
	for (size_t i = 0; i < PF_ARRAY_SIZE(fds) && o->watch_fd >= 0; i++) {
		struct epoll_event in = { .events = EPOLLIN };

		if (fds[i] >= 0 && epoll_ctl(o->watch_fd, EPOLL_CTL_ADD, fds[i], &in))
			return pf_step_fail(err, errno, "wait for records");
	}
	return o->watch_fd < 0 ? pf_step_fail(err, errno, "wait for records") : 0;
}

static void start_timing(struct pf_observe *o)
{
	if (!o->config.overhead || !(o->tasks || o->plain))
		return;
	o->timing_fd = pf_bpf_time_programs();
	if (o->timing_fd < 0)
		note(o,
		     "cannot time BPF programs: %s (needs CAP_SYS_ADMIN; see pfdiag --only cap-sys-admin)",
		     strerror(-o->timing_fd));
}

/* A named process that no pass has shown would be waited for in vain. */
static int check_named(const struct pf_observe *o, struct pf_error *err)
{
	for (size_t i = 0; i < o->config.n_pids; i++) {
		if (!pf_table__has(o->table, o->config.pids[i]))
			return pf_fail(err, ESRCH,
				       "process %lld cannot be watched: it has died, or it is a "
				       "thread, a kernel thread%s or hidden",
				       (long long)o->config.pids[i],
				       o->config.uid >= 0 ? ", another user's" : "");
	}
	return 0;
}

/*
 * Two passes: the first tells the exit program in which namespace we live, and
 * whatever thread one of them missed the other has seen.
 */
static int take_baseline(struct pf_observe *o, struct pf_error *err)
{
	int ret = pass(o, err);

	if (!ret)
		ret = attach(o, err);
	if (!ret)
		ret = watch(o, err);
	if (!ret)
		ret = pass(o, err);
	if (ret)
		return ret;
	pf_table__baseline(o->table, pf_boottime_ns());
	ret = check_named(o, err);
	if (ret)
		return ret;
	o->opened_ns = pf_boottime_ns();
	o->cpu_at_open_s = own_cpu_s();
	return 0;
}

struct pf_observe *pf_observe__open(const struct pf_observe_config *config, struct pf_error *err)
{
	struct pf_observe *o = calloc(1, sizeof(*o));
	int ret;

	if (!o || config->n_pids > PF_OBSERVE_PIDS_MAX) {
		pf_fail(err, o ? E2BIG : ENOMEM, o ? "too many processes named" : "out of memory");
		free(o);
		return NULL;
	}
	o->config = *config;
	memcpy(o->pids, config->pids, config->n_pids * sizeof(o->pids[0]));
	o->config.pids = o->pids;
	o->timing_fd = -1;
	o->watch_fd = -1;
	o->proc_view = pf_proc_view(config->proc_root);
	pf_bpf_log_setup();
	ret = open_sources(o, err);
	if (!ret)
		ret = open_table(o, err);
	note_proc(o);
	if (!ret) {
		pf_trim(); /* the kernel's BTF was in memory for a moment */
		start_timing(o);
		ret = take_baseline(o, err);
	}
	if (ret) {
		pf_observe__close(o);
		errno = -ret;
		return NULL;
	}
	return o;
}

uint64_t pf_observe__caps(const struct pf_observe *o)
{
	uint64_t caps = 0;

	if (o->config.exe || pf_proc_hides(o->config.proc_root))
		caps |= PF_CAP(SYS_PTRACE);
	if (o->tasks || o->plain)
		caps |= pf_bpf_command_caps();
	if (!strcmp(pf_observe__backend(o), "perf"))
		caps |= pf_cpus_caps();
	return caps;
}

void pf_observe__close(struct pf_observe *o)
{
	if (!o)
		return;
	/* Whom it drops it tells to the fault programs. */
	pf_table__free(o->table);
	pf_faults__close(o->faults);
	pf_tasks__close(o->tasks);
	pf_procpass__close(o->procpass);
	pf_plain__close(o->plain);
	if (o->timing_fd >= 0)
		close(o->timing_fd);
	if (o->watch_fd >= 0)
		close(o->watch_fd);
	free(o);
}

void pf_observe__drain(struct pf_observe *o)
{
	if (o->tasks)
		pf_tasks__drain(o->tasks);
	if (o->faults)
		pf_faults__follow_cpus(o->faults);
	if (o->plain)
		pf_plain__follow_cpus(o->plain);
}

static void add_losses(struct pf_observe *o, struct pf_losses *losses)
{
	if (o->tasks)
		losses->events = pf_tasks__lost(o->tasks);
	if (o->faults) {
		losses->counters += pf_faults__uncounted(o->faults);
		losses->left_out = pf_faults__left_out(o->faults, pf_tasks__ended(o->tasks));
		losses->cpu_gaps = pf_faults__gaps(o->faults);
	}
	if (o->plain) {
		losses->counters += pf_plain__uncounted(o->plain);
		losses->cpu_gaps = pf_plain__gaps(o->plain);
	}
}

int pf_observe__next(struct pf_observe *o, struct pf_interval *interval, struct pf_error *err)
{
	int ret;

	memset(interval, 0, sizeof(*interval));
	pf_observe__drain(o);
	ret = pass(o, err);
	if (ret)
		return ret;
	/* Who died during the pass is told now, not an interval later. */
	pf_observe__drain(o);
	ret = pf_table__end(o->table, pf_boottime_ns(), interval);
	if (ret)
		return pf_fail(err, -ret, "out of memory");
	if (o->faults)
		pf_faults__tell_steps(o->faults);
	add_losses(o, &interval->losses);
	return 0;
}

static int64_t own_rss_bytes(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/statm", "re");
	long pages = 0;

	if (!f || fscanf(f, "%*s %ld", &pages) != 1)
		return PF_UNKNOWN;
	return (int64_t)pages * getpagesize();
}

void pf_observe__overhead(const struct pf_observe *o, struct pf_overhead *out)
{
	struct pf_bpf_cost cost = { 0 };

	if (o->tasks)
		pf_tasks__cost(o->tasks, &cost);
	if (o->faults)
		pf_faults__cost(o->faults, &cost);
	if (o->plain)
		pf_plain__cost(o->plain, &cost);
	out->wall_s = (double)(pf_boottime_ns() - o->opened_ns) / 1e9;
	out->cpu_s = own_cpu_s() - o->cpu_at_open_s;
	out->rss_bytes = own_rss_bytes();
	out->bpf_ns = o->timing_fd >= 0 ? cost.run_ns : PF_UNKNOWN;
	out->bpf_runs = o->timing_fd >= 0 ? cost.runs : PF_UNKNOWN;
	out->map_bytes = cost.map_bytes;
	out->storage_bytes = o->faults ? o->storages * STORAGE_BYTES : 0;
}
