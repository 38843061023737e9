/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads the programs for old kernels, reads their table of counts, and sweeps
 * it. The kernel knows processes by number only: whether a number is still the
 * same process is decided here, by what /proc says of its start.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define HASH_NONFATAL_OOM 1 /* without memory an addition fails, not the program */
#include <uthash.h>

#include "bpf/plain.skel.h"
#include "bpf/plain_abi.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/observe/bpf_util.h"
#include "lib/observe/cpus.h"
#include "lib/observe/observe.h"
#include "lib/observe/plain.h"
#include "lib/observe/procpass.h"
#include "lib/proc/view.h"

/* Inode of the initial pid namespace: PROC_PID_INIT_INO, the same on every machine. */
#define INITIAL_PID_NS 0xEFFFFFFCU

/* Those there are, half as many again, and what may come and go between two passes. */
#define TABLE_ROOM 1024
#define TABLE_MAX  (1 << 16)

/* /proc tells start times in ticks of 10 ms, rounded down. */
#define TICK_NS 10000000ULL

/* What is known of a number in the kernel's table. */
struct owner {
	UT_hash_handle hh;
	uint32_t tgid;
	uint32_t pass;	     /* the last one in which /proc showed it, or it was noticed */
	uint64_t start_ns;   /* 0 = /proc has not shown it yet ... */
	uint64_t noticed_ns; /* ... but the table had it at this time */
};

struct pf_plain {
	const struct pf_observe_config *config;
	bool perf; /* events of CPUs, not tracepoints */
	struct pf_plain_bpf *skel;
	struct pf_cpus *cpus;
	struct pf_procpass *procpass;
	struct owner *owners;
	uint32_t pass;
	void (*fn)(void *ctx, const struct pf_task_head *head);
	void *ctx;
};

/* A reading of /proc with the events behind it. */
struct joined {
	struct pf_task_rec rec;
	struct pf_events events;
};

/* The programs see the pids of the initial namespace: are those in /proc the same? */
static int check_namespace(const struct pf_plain *p, struct pf_error *err)
{
	struct stat st;

	if (pf_proc_view(p->config->proc_root) == PF_PROC_OURS && !stat("/proc/self/ns/pid", &st) &&
	    st.st_ino == INITIAL_PID_NS)
		return 0;
	return pf_fail(err, EXDEV,
		       "without the kernel's type information (BTF) fault events are counted by "
		       "pids of the initial namespace, which are not the ones seen from here: run "
		       "it on the host (see pfdiag --only btf,namespaces)");
}

static uint32_t count_processes(const char *proc_root)
{
	DIR *dir = opendir(proc_root);
	const struct dirent *entry;
	uint32_t n = 0;

	while (dir && n < TABLE_MAX && (entry = readdir(dir)))
		n += entry->d_name[0] >= '1' && entry->d_name[0] <= '9';
	if (dir)
		closedir(dir);
	return n;
}

static uint32_t table_size(const struct pf_observe_config *config)
{
	uint32_t n = config->n_pids ? (uint32_t)config->n_pids : count_processes(config->proc_root);

	if (config->n_pids)
		return n;
	n += n / 2 + TABLE_ROOM;
	return n < TABLE_MAX ? n : TABLE_MAX;
}

/* Of the three programs, those that the backend uses. */
static void choose_programs(struct pf_plain *p)
{
	bpf_program__set_autoload(p->skel->progs.pf_plain_user, !p->perf);
	bpf_program__set_autoload(p->skel->progs.pf_plain_kernel, !p->perf);
	bpf_program__set_autoload(p->skel->progs.pf_plain_perf, p->perf);
}

/* Named processes are in the table from the beginning, and nobody else ever is. */
static int name_pids(struct pf_plain *p)
{
	struct pf_plain_options opts = { .only_named = p->config->n_pids > 0 };
	struct pf_plain_count none = { 0 };
	uint32_t zero = 0;
	int ret;

	ret = bpf_map__update_elem(p->skel->maps.pf_plain_opts, &zero, sizeof(zero), &opts,
				   sizeof(opts), BPF_ANY);
	for (size_t i = 0; !ret && i < p->config->n_pids; i++) {
		uint32_t tgid = (uint32_t)p->config->pids[i];

		ret = bpf_map__update_elem(p->skel->maps.pf_plain_counts, &tgid, sizeof(tgid),
					   &none, sizeof(none), BPF_ANY);
	}
	return ret;
}

static int attach(struct pf_plain *p, struct pf_error *err)
{
	int ret = pf_plain_bpf__attach(p->skel);

	if (ret)
		return pf_bpf_fail_tracepoints(err, ret);
	if (!p->perf)
		return 0;
	p->cpus = pf_cpus__open(p->skel->progs.pf_plain_perf, err);
	return p->cpus ? 0 : -errno;
}

static int try_backend(struct pf_plain *p, struct pf_error *err)
{
	int ret;

	p->skel = pf_plain_bpf__open();
	if (!p->skel)
		return pf_bpf_fail_see(err, errno, "open the fault programs for old kernels",
				       PF_CHECK_PLAIN);
	choose_programs(p);
	bpf_map__set_max_entries(p->skel->maps.pf_plain_counts, table_size(p->config));
	ret = pf_plain_bpf__load(p->skel);
	if (ret)
		return pf_bpf_fail_see(err, ret, "load the fault programs for old kernels",
				       PF_CHECK_PLAIN);
	ret = name_pids(p);
	if (ret)
		return pf_bpf_fail_see(err, ret, "tell the kernel the pids to watch",
				       PF_CHECK_PLAIN);
	return attach(p, err);
}

static void drop_backend(struct pf_plain *p)
{
	pf_cpus__close(p->cpus);
	p->cpus = NULL;
	pf_plain_bpf__destroy(p->skel);
	p->skel = NULL;
}

/* Tracepoints first: they cost less. */
static int try_backends(struct pf_plain *p, struct pf_error *err)
{
	enum pf_backend backend = p->config->backend;
	struct pf_error why = { 0 };

	if (backend != PF_BACKEND_PERF) {
		if (!try_backend(p, &why))
			return 0;
		pf_info("backend tracepoint, by process: %s", why.text);
		drop_backend(p);
	}
	if (backend == PF_BACKEND_TRACEPOINT)
		return pf_fail(err, why.code, "%s", why.text);
	p->perf = true;
	return try_backend(p, err);
}

static int open_parts(struct pf_plain *p, struct pf_error *err)
{
	int ret = check_namespace(p, err);

	if (ret)
		return ret;
	p->procpass = pf_procpass__open(p->config, err);
	return p->procpass ? try_backends(p, err) : -errno;
}

struct pf_plain *pf_plain__open(const struct pf_observe_config *config, struct pf_error *err)
{
	struct pf_plain *p = calloc(1, sizeof(*p));
	int ret;

	if (!p) {
		pf_fail(err, ENOMEM, "out of memory");
		return NULL;
	}
	p->config = config;
	ret = open_parts(p, err);
	if (!ret)
		return p;
	pf_plain__close(p);
	errno = -ret;
	return NULL;
}

static void forget(struct pf_plain *p, struct owner *o)
{
	HASH_DEL(p->owners, o);
	free(o);
}

void pf_plain__close(struct pf_plain *p)
{
	struct owner *o, *next;

	if (!p)
		return;
	HASH_ITER (hh, p->owners, o, next)
		forget(p, o);
	pf_procpass__close(p->procpass);
	drop_backend(p);
	free(p);
}

/* NULL without memory: the number's count is then not told in this pass. */
static struct owner *find_or_add(struct pf_plain *p, uint32_t tgid)
{
	struct owner *o;

	HASH_FIND(hh, p->owners, &tgid, sizeof(tgid), o);
	if (o || !(o = calloc(1, sizeof(*o))))
		return o;
	o->tgid = tgid;
	o->pass = p->pass;
	o->noticed_ns = pf_boottime_ns();
	HASH_ADD(hh, p->owners, tgid, sizeof(o->tgid), o);
	if (o->hh.tbl)
		return o;
	free(o);
	return NULL;
}

/* Out of the kernel's table, too. */
static void clear(struct pf_plain *p, struct owner *o)
{
	bpf_map__delete_elem(p->skel->maps.pf_plain_counts, &o->tgid, sizeof(o->tgid), 0);
	forget(p, o);
}

/* Is the process that /proc shows now the one that the table counted? */
static bool is_same(const struct owner *o, uint64_t start_ns)
{
	if (o->start_ns)
		return o->start_ns == start_ns;
	return start_ns <= o->noticed_ns + TICK_NS;
}

static bool read_count(struct pf_plain *p, const struct pf_task_head *head,
		       struct pf_plain_count *count)
{
	uint32_t tgid = (uint32_t)head->pid;
	struct owner *o;

	if (bpf_map__lookup_elem(p->skel->maps.pf_plain_counts, &tgid, sizeof(tgid), count,
				 sizeof(*count), 0))
		return false;
	o = find_or_add(p, tgid);
	if (!o)
		return false;
	if (!is_same(o, head->start_ns)) {
		clear(p, o);
		return false;
	}
	o->start_ns = head->start_ns;
	o->pass = p->pass;
	return true;
}

static void join(void *ctx, const struct pf_task_head *head)
{
	struct pf_plain *p = ctx;
	struct pf_plain_count count;
	struct joined joined = { .rec = *(const struct pf_task_rec *)head };

	if (!read_count(p, head, &count)) {
		p->fn(p->ctx, head);
		return;
	}
	joined.rec.head.size = sizeof(joined);
	joined.rec.head.flags |= PF_REC_EVENTS;
	joined.events.n[PF_EV_USER] = count.user;
	joined.events.n[PF_EV_KERNEL] = count.kernel;
	p->fn(p->ctx, &joined.rec.head);
}

/*
 * Whom /proc showed in neither of the last two passes is dead. One is not
 * enough: the process may be younger than the place where its number belongs.
 */
static void sweep_one(struct pf_plain *p, uint32_t tgid)
{
	struct owner *o = find_or_add(p, tgid);

	if (o && p->pass - o->pass >= 2)
		clear(p, o);
}

/* The next number is asked for before this one goes: after one that is gone, it would begin anew. */
static void sweep(struct pf_plain *p)
{
	const struct bpf_map *map = p->skel->maps.pf_plain_counts;
	uint32_t tgid, next;
	bool more = !bpf_map__get_next_key(map, NULL, &next, sizeof(next));

	while (more) {
		tgid = next;
		more = !bpf_map__get_next_key(map, &tgid, &next, sizeof(next));
		sweep_one(p, tgid);
	}
}

int pf_plain__pass(struct pf_plain *p, void (*fn)(void *ctx, const struct pf_task_head *head),
		   void *ctx, struct pf_error *err)
{
	int ret;

	p->pass++;
	p->fn = fn;
	p->ctx = ctx;
	ret = pf_procpass__run(p->procpass, join, p, err);
	if (!ret)
		sweep(p);
	return ret;
}

const char *pf_plain__backend(const struct pf_plain *p)
{
	return p->perf ? "perf" : "tracepoint";
}

int pf_plain__fd(const struct pf_plain *p)
{
	return p->cpus ? pf_cpus__fd(p->cpus) : -1;
}

void pf_plain__follow_cpus(struct pf_plain *p)
{
	if (p->cpus)
		pf_cpus__follow(p->cpus);
}

uint64_t pf_plain__uncounted(const struct pf_plain *p)
{
	uint32_t zero = 0;
	uint64_t lost = 0;

	bpf_map__lookup_elem(p->skel->maps.pf_plain_lost, &zero, sizeof(zero), &lost, sizeof(lost),
			     0);
	return lost;
}

uint64_t pf_plain__gaps(const struct pf_plain *p)
{
	return p->cpus ? pf_cpus__gaps(p->cpus) : 0;
}

void pf_plain__cost(const struct pf_plain *p, struct pf_bpf_cost *cost)
{
	pf_bpf_cost_add(cost, p->skel->obj, NULL);
}
