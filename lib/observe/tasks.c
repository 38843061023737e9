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
#include "lib/observe/table.h"
#include "lib/observe/tasks.h"
#include "lib/proc/cgroup.h"

_Static_assert(PF_OBSERVE_PIDS_MAX == PF_MAX_PIDS, "both sides agree");

#define RING_BYTES (128 * 1024)
#define READ_BYTES (64 * 1024) /* twice what the kernel hands out at once */

typedef void (*record_fn)(void *ctx, const struct pf_task_rec *rec);

struct pf_tasks {
	struct pf_tasks_bpf *skel;
	struct bpf_link *pass_link;
	struct bpf_link *exit_link;
	struct ring_buffer *ring;
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
	skel->rodata->pf_classes = faults && pf_faults__tells(faults) & PF_TELLS_CLASS;
	skel->rodata->pf_sample_every = config->sample_every;
	skel->rodata->pf_sample_auto = config->sample_auto;
	skel->rodata->pf_mem_hierarchy = pf_cgroup_memory_apart(config->proc_root);
	bpf_map__set_max_entries(skel->maps.pf_named, pf_bpf_named_max(config));
	if (!faults)
		bpf_map__set_max_entries(skel->maps.pf_tgids, pf_bpf_named_max(config));
	bpf_program__set_autoload(skel->progs.pf_task_exit, config->exits);
	if (!config->exits)
		bpf_map__set_max_entries(skel->maps.pf_ring, (__u32)getpagesize());
	else
		bpf_map__set_max_entries(skel->maps.pf_ring, RING_BYTES);
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
		{ skel->maps.pf_tgids, PF_FAULT_MAP_TGIDS, true },
	};
	int ret = 0;

	for (size_t i = 0; !ret && i < PF_ARRAY_SIZE(maps); i++) {
		if (faults)
			ret = bpf_map__reuse_fd(maps[i].map,
						pf_faults__map_fd(faults, maps[i].theirs));
		else if (!maps[i].own)
			ret = bpf_map__set_autocreate(maps[i].map, false);
	}
	return ret;
}

static int name_pids(struct pf_tasks_bpf *skel, const struct pf_observe_config *config)
{
	__u8 yes = 1;

	for (size_t i = 0; i < config->n_pids; i++) {
		__u32 pid = (__u32)config->pids[i];
		int ret = bpf_map__update_elem(skel->maps.pf_named, &pid, sizeof(pid), &yes,
					       sizeof(yes), BPF_ANY);
		if (ret)
			return ret;
	}
	return 0;
}

static int load(struct pf_tasks *t, const struct pf_observe_config *config,
		const struct pf_faults *faults, struct pf_error *err)
{
	int ret;

	t->skel = pf_tasks_bpf__open();
	if (!t->skel)
		return pf_bpf_fail(err, errno, "open the task iterator");
	set_options(t->skel, config, faults);
	ret = share_maps(t->skel, faults);
	if (ret)
		return pf_bpf_fail(err, ret, "share maps between programs");
	ret = pf_tasks_bpf__load(t->skel);
	if (ret)
		return pf_bpf_fail(err, ret, "load the task iterator");
	ret = name_pids(t->skel, config);
	if (ret)
		return pf_bpf_fail(err, ret, "tell the kernel the pids to watch");
	t->pass_link = bpf_program__attach_iter(t->skel->progs.pf_task_pass, NULL);
	if (!t->pass_link)
		return pf_bpf_fail(err, errno, "attach the task iterator");
	return 0;
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
	ring_buffer__free(t->ring);
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
		return pf_bpf_fail(err, errno, "start a pass over all tasks");
	for (;;) {
		ssize_t used, n = read(fd, t->buf + have, sizeof(t->buf) - have);

		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return pf_bpf_fail(err, errno, "read the pass over all tasks");
		if (n == 0)
			return 0;
		have += (size_t)n;
		used = each_record(t->buf, have, fn, ctx);
		if (used < 0)
			return pf_bpf_fail(err, (int)used, "understand the pass over all tasks");
		have -= (size_t)used;
		memmove(t->buf, t->buf + used, have);
	}
}

static int take_record(void *ctx, void *data, size_t size)
{
	struct pf_tasks *t = ctx;

	const struct pf_task_rec *rec = data;

	if (size >= sizeof(*rec) && size >= rec->head.size && pf_events_fit(&rec->head))
		t->on_record(t->on_record_ctx, rec);
	return 0;
}

int pf_tasks__watch_exits(struct pf_tasks *t, record_fn fn, void *ctx, struct pf_error *err)
{
	t->on_record = fn;
	t->on_record_ctx = ctx;
	t->ring = ring_buffer__new(bpf_map__fd(t->skel->maps.pf_ring), take_record, t, NULL);
	if (!t->ring)
		return pf_bpf_fail(err, errno, "map the ring of exit records");
	t->exit_link = bpf_program__attach(t->skel->progs.pf_task_exit);
	if (!t->exit_link)
		return pf_bpf_fail(err, errno, "attach to sched:sched_process_exit");
	return 0;
}

int pf_tasks__ring_fd(const struct pf_tasks *t)
{
	return t->exit_link ? ring_buffer__epoll_fd(t->ring) : -1;
}

void pf_tasks__drain(struct pf_tasks *t)
{
	if (t->exit_link)
		ring_buffer__consume(t->ring);
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
	pf_bpf_cost_add(cost, t->skel->obj, "pf_task_pass");
}
