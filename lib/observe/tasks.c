/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads the task iterator and the exit program, runs passes, drains the ring.
 * Sums nothing and keeps no process: the table does.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/tasks.skel.h"
#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/observe/bpf_util.h"
#include "lib/observe/events.h"
#include "lib/observe/faults.h"
#include "lib/observe/observe.h"
#include "lib/observe/ring.h"
#include "lib/observe/rss.h"
#include "lib/observe/table.h"
#include "lib/observe/tasks.h"
#include "lib/proc/cgroup.h"

_Static_assert(PF_OBSERVE_PIDS_MAX == PF_MAX_PIDS, "both sides agree");

#define READ_BYTES (64 * 1024) /* twice what the kernel hands out at once */

typedef void (*record_fn)(void *ctx, const struct pf_task_rec *rec);

struct pf_tasks {
	struct pf_tasks_bpf *skel;
	struct bpf_link *pass_link;
	struct bpf_link *exit_link;
	struct bpf_program *pass_prog; /* the versions that this kernel takes */
	struct bpf_program *exit_prog;
	size_t ring_room;
	bool ring_by_cpu;
	struct pf_ring *ring;
	record_fn on_record;
	void *on_record_ctx;
	char buf[READ_BYTES] __attribute__((aligned(8)));
};

static void set_options(struct pf_tasks_bpf *skel, const struct pf_observe_config *config,
			const struct pf_faults *faults)
{
	skel->rodata->pf_by_pid = config->n_pids > 0;
	skel->rodata->pf_by_uid = config->uid >= 0;
	skel->rodata->pf_uid = config->uid >= 0 ? (__u32)config->uid : 0;
	skel->rodata->pf_counting = faults;
	skel->rodata->pf_classes = faults && pf_faults__pends(faults);
	skel->rodata->pf_ends = faults && pf_faults__ends(faults);
	skel->rodata->pf_hashed = faults && pf_faults__hashed(faults);
	skel->rodata->pf_n_slots = faults ? pf_faults__n_slots(faults) : 0;
	skel->rodata->pf_sample_every = config->sample_every;
	skel->rodata->pf_sample_auto = config->sample_auto;
	skel->rodata->pf_mem_hierarchy = pf_cgroup_memory_apart(config->proc_root);
	bpf_map__set_max_entries(skel->maps.pf_named, pf_bpf_named_max(config->n_pids));
	if (!faults)
		bpf_map__set_max_entries(skel->maps.pf_tgids, pf_bpf_named_max(config->n_pids));
}

/* Parts of CPUs matter since 6.2 only: there is bpf_loop wherever there is something to add. */
static void choose_pass(struct pf_tasks *t, enum pf_rss way, bool loop)
{
	struct pf_rss_plan plan = pf_rss_plan_here(way);
	struct pf_tasks_bpf *skel = t->skel;
	bool by_cpu = plan.sum_cpus && loop;

	t->pass_prog = loop ? skel->progs.pf_task_pass : skel->progs.pf_task_pass_o;
	bpf_program__set_autoload(skel->progs.pf_task_pass, loop);
	bpf_program__set_autoload(skel->progs.pf_task_pass_o, !loop);
	bpf_map__set_autocreate(skel->maps.pf_cpu_ruler, by_cpu);
	bpf_map__set_autocreate(skel->maps.pf_cpu_offsets, by_cpu);
	if (by_cpu)
		bpf_map__set_max_entries(skel->maps.pf_cpu_offsets, plan.sum_cpus);
	skel->rodata->pf_sum_cpus = by_cpu ? plan.sum_cpus : 0;
	skel->rodata->pf_sum_from_pages = plan.sum_pages;
	skel->rodata->pf_held_back_pages = plan.held_back_pages;
}

static void choose_exit(struct pf_tasks *t, const struct pf_observe_config *config, bool loop)
{
	struct pf_tasks_bpf *skel = t->skel;

	t->exit_prog = loop ? skel->progs.pf_task_exit : skel->progs.pf_task_exit_o;
	bpf_program__set_autoload(skel->progs.pf_task_exit, config->exits && loop);
	bpf_program__set_autoload(skel->progs.pf_task_exit_o, config->exits && !loop);
	bpf_map__set_autocreate(skel->maps.pf_claims, config->exits && !loop);
}

/* No program uses the maps of the other kind, and without exits none of either. */
static void choose_ring(struct pf_tasks *t, const struct pf_observe_config *config)
{
	struct pf_tasks_bpf *skel = t->skel;

	t->ring_by_cpu = config->force.buffer == PF_BUFFER_PERF ||
			 (config->force.buffer == PF_BUFFER_AUTO && !pf_ring_has());
	skel->rodata->pf_ring_by_cpu = t->ring_by_cpu;
	bpf_map__set_autocreate(skel->maps.pf_ring, config->exits && !t->ring_by_cpu);
	bpf_map__set_autocreate(skel->maps.pf_cpu_rings, config->exits && t->ring_by_cpu);
	t->ring_room = pf_ring_room(config->ring_bytes);
	bpf_map__set_max_entries(skel->maps.pf_ring, (__u32)t->ring_room);
}

static void choose(struct pf_tasks *t, const struct pf_observe_config *config)
{
	bool loop = pf_bpf_has_loop();

	choose_pass(t, config->force.rss, loop);
	choose_exit(t, config, loop);
	choose_ring(t, config);
}

/* The beginning of a pass tells how the kernel keeps its memory counters. */
static int check_layout(struct pf_tasks *t, const struct pf_observe_config *config,
			struct pf_error *err)
{
	_cleanup_close_ int fd = bpf_iter_create(bpf_link__fd(t->pass_link));

	if (fd < 0 || read(fd, t->buf, sizeof(t->buf)) < 0)
		return pf_bpf_fail_see(err, errno, "start a pass over all tasks", PF_CHECK_ITER);
	if (t->skel->bss->pf_layout == PF_LAYOUT_UNKNOWN || config->force.rss == PF_RSS_STRANGE)
		return pf_fail(err, ENOTSUP,
			       "this kernel keeps its memory counters in a way that is not known "
			       "here (see pfdiag --only iter)");
	return 0;
}

static int share_maps(struct pf_tasks_bpf *skel, const struct pf_faults *faults)
{
	struct {
		struct bpf_map *map;
		enum pf_fault_map theirs;
		bool own; /* of use without the fault programs */
	} maps[] = {
		{ skel->maps.pf_counts, PF_FAULT_MAP_COUNTS, false },
		{ skel->maps.pf_dead, PF_FAULT_MAP_DEAD, false },
		{ skel->maps.pf_entries, PF_FAULT_MAP_ENTRIES, false },
		{ skel->maps.pf_tgids, PF_FAULT_MAP_TGIDS, true },
		{ skel->maps.pf_slots, PF_FAULT_MAP_SLOTS, false },
	};
	int ret = 0;

	for (size_t i = 0; !ret && i < PF_ARRAY_SIZE(maps); i++) {
		int fd = faults ? pf_faults__map_fd(faults, maps[i].theirs) : -1;

		if (fd >= 0)
			ret = bpf_map__reuse_fd(maps[i].map, fd);
		else if (!maps[i].own)
			ret = bpf_map__set_autocreate(maps[i].map, false);
	}
	return ret;
}

static int load(struct pf_tasks *t, const struct pf_observe_config *config,
		const struct pf_faults *faults, struct pf_error *err)
{
	int ret;

	t->skel = pf_tasks_bpf__open();
	if (!t->skel)
		return pf_bpf_fail_see(err, errno, "open the task iterator", PF_CHECK_ITER);
	set_options(t->skel, config, faults);
	choose(t, config);
	ret = share_maps(t->skel, faults);
	if (ret)
		return pf_bpf_fail_see(err, ret, "share maps between programs", PF_CHECK_ITER);
	ret = pf_tasks_bpf__load(t->skel);
	if (ret)
		return pf_bpf_fail_see(err, ret, "load the task iterator", PF_CHECK_ITER);
	ret = pf_bpf_name_pids(t->skel->maps.pf_named, config->pids, config->n_pids);
	if (ret)
		return pf_bpf_fail_see(err, ret, "tell the kernel the pids to watch",
				       PF_CHECK_ITER);
	t->pass_link = bpf_program__attach_iter(t->pass_prog, NULL);
	if (!t->pass_link)
		return pf_bpf_fail_see(err, errno, "attach the task iterator", PF_CHECK_ITER);
	return check_layout(t, config, err);
}

struct pf_tasks *pf_tasks__open(const struct pf_observe_config *config,
				const struct pf_faults *faults, struct pf_error *err)
{
	struct pf_tasks *t = calloc(1, sizeof(*t));
	int ret;

	if (!t) {
		pf_fail(err, ENOMEM, "out of memory");
		return NULL;
	}
	ret = load(t, config, faults, err);
	if (ret) {
		pf_tasks__close(t);
		errno = -ret;
		return NULL;
	}
	return t;
}

void pf_tasks__close(struct pf_tasks *t)
{
	if (!t)
		return;
	bpf_link__destroy(t->exit_link);
	bpf_link__destroy(t->pass_link);
	pf_ring__close(t->ring);
	pf_tasks_bpf__destroy(t->skel);
	free(t);
}

/* Whole records in buf[0..len); returns how many bytes were used, -EPROTO for nonsense. */
static ssize_t each_record(const char *buf, size_t len,
			   void (*fn)(void *ctx, const struct pf_task_head *head), void *ctx)
{
	size_t at = 0;

	while (len - at >= sizeof(struct pf_task_head)) {
		const struct pf_task_head *head = (const void *)(buf + at);

		if (!pf_events_fit(head))
			return -EPROTO;
		if (len - at < head->size)
			break;
		fn(ctx, head);
		at += head->size;
	}
	return (ssize_t)at;
}

int pf_tasks__pass(struct pf_tasks *t, void (*fn)(void *ctx, const struct pf_task_head *head),
		   void *ctx, struct pf_error *err)
{
	_cleanup_close_ int fd = bpf_iter_create(bpf_link__fd(t->pass_link));
	size_t have = 0;

	if (fd < 0)
		return pf_bpf_fail_see(err, errno, "start a pass over all tasks", PF_CHECK_ITER);
	for (;;) {
		ssize_t used, n = read(fd, t->buf + have, sizeof(t->buf) - have);

		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return pf_bpf_fail_see(err, errno, "read the pass over all tasks",
					       PF_CHECK_ITER);
		if (n == 0)
			return 0;
		have += (size_t)n;
		used = each_record(t->buf, have, fn, ctx);
		if (used < 0)
			return pf_bpf_fail_see(err, (int)used, "understand the pass over all tasks",
					       PF_CHECK_ITER);
		have -= (size_t)used;
		memmove(t->buf, t->buf + used, have);
	}
}

static void take_record(void *ctx, const void *record, size_t size)
{
	const struct pf_task_rec *rec = record;
	struct pf_tasks *t = ctx;

	if (size >= sizeof(*rec) && size >= rec->head.size && pf_events_fit(&rec->head))
		t->on_record(t->on_record_ctx, rec);
}

int pf_tasks__watch_exits(struct pf_tasks *t, record_fn fn, void *ctx, struct pf_error *err)
{
	struct bpf_map *map = t->ring_by_cpu ? t->skel->maps.pf_cpu_rings : t->skel->maps.pf_ring;

	t->on_record = fn;
	t->on_record_ctx = ctx;
	t->ring = pf_ring__open(map, t->ring_by_cpu, t->ring_room, take_record, t);
	if (!t->ring)
		return pf_bpf_fail_see(err, errno, "map the ring of exit records",
				       PF_CHECK_RING_BUFFER);
	t->exit_link = bpf_program__attach(t->exit_prog);
	if (!t->exit_link)
		return pf_bpf_fail_see(err, errno, "attach to sched:sched_process_exit",
				       PF_CHECK_RING_BUFFER);
	return 0;
}

const char *pf_tasks__buffer(const struct pf_tasks *t)
{
	if (!t->ring)
		return NULL;
	return t->ring_by_cpu ? "perf" : "ring";
}

int pf_tasks__ring_fd(const struct pf_tasks *t)
{
	return t->exit_link ? pf_ring__fd(t->ring) : -1;
}

void pf_tasks__drain(struct pf_tasks *t)
{
	if (t->exit_link)
		pf_ring__drain(t->ring);
}

uint64_t pf_tasks__lost(const struct pf_tasks *t)
{
	return __atomic_load_n(&t->skel->bss->pf_ring_lost, __ATOMIC_RELAXED);
}

void pf_tasks__forget_pid(struct pf_tasks *t, const struct pf_task_rec *rec)
{
	__u32 pid = (__u32)rec->head.pid, tgid = (__u32)rec->tgid;

	bpf_map__delete_elem(t->skel->maps.pf_named, &pid, sizeof(pid), 0);
	bpf_map__delete_elem(t->skel->maps.pf_tgids, &tgid, sizeof(tgid), 0);
}

void pf_tasks__cost(const struct pf_tasks *t, struct pf_bpf_cost *cost)
{
	/* The pass runs inside our own reads and is in our own CPU time already. */
	pf_bpf_cost_add(cost, t->skel->obj, bpf_program__name(t->pass_prog));
}

uint32_t pf_tasks__pass_number(const struct pf_tasks *t)
{
	return t->skel->bss->pf_pass_number;
}

bool pf_tasks__meets_all(const struct pf_tasks *t)
{
	return !t->skel->bss->pf_reader_level;
}

uint64_t pf_tasks__ended(const struct pf_tasks *t)
{
	return __atomic_load_n(&t->skel->bss->pf_ended_late, __ATOMIC_RELAXED) +
	       t->skel->bss->pf_ended_open;
}
