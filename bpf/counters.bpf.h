/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Event counts in each thread's own storage: no sharing between threads, so no
 * atomics and no cache line that bounces; the kernel frees them with the task,
 * so no stale entry and no recycled pid can be read. Before 5.12 (a10787e6d58c)
 * these programs have no such storage, and threads are kept in a hash table,
 * which user space sweeps of the dead.
 */
#ifndef PF_BPF_COUNTERS_BPF_H
#define PF_BPF_COUNTERS_BPF_H

#include "bpf/pf_abi.h"
#include "bpf/task.bpf.h"

const volatile bool pf_hashed = false; /* pf_entries, not the storages */

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct pf_counts);
} pf_counts SEC(".maps");

/* Only for leaders of which a thread has died, or counted very far. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct pf_dead);
} pf_dead SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1); /* set by the loader */
	__type(key, __u32);
	__type(value, struct pf_entry);
} pf_entries SEC(".maps");

static const struct pf_entry pf_blank_entry = {};

/* For the sweep of that table: the pass that is being made, or was last. The first one is 1. */
__u32 pf_pass_number = 0;

/* A thread's id may have come again: what another left under it is wiped, or not found. */
static __always_inline struct pf_entry *pf_entry_of(struct task_struct *task, bool create)
{
	__u64 start_ns = PF_READ(task, start_boottime);
	__u32 tid = PF_READ(task, pid);
	struct pf_entry *e = bpf_map_lookup_elem(&pf_entries, &tid);

	if (!e && create) {
		bpf_map_update_elem(&pf_entries, &tid, &pf_blank_entry, BPF_NOEXIST);
		e = bpf_map_lookup_elem(&pf_entries, &tid);
	}
	if (!e || e->start_ns == start_ns)
		return e;
	if (!create)
		return NULL;
	__builtin_memset(e, 0, sizeof(*e));
	e->pass = pf_pass_number;
	e->start_ns = start_ns;
	return e;
}

/* NULL = none yet, or no memory for one. */
static __always_inline struct pf_counts *pf_counts_of(struct task_struct *task, bool create)
{
	struct pf_entry *e;

	if (!pf_hashed)
		return bpf_task_storage_get(&pf_counts, task, NULL,
					    create ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
	e = pf_entry_of(task, create);
	return e ? &e->counts : NULL;
}

static __always_inline struct pf_dead *pf_dead_of(struct task_struct *leader, bool create)
{
	struct pf_entry *e;

	if (!pf_hashed)
		return bpf_task_storage_get(&pf_dead, leader, NULL,
					    create ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
	e = pf_entry_of(leader, create);
	return e ? &e->dead : NULL;
}

/*
 * Whatever is taken is gone from the storage first: a pass that comes between
 * misses it, and none sees it twice.
 */
static __always_inline void pf_take_counts(struct pf_counts *own, struct pf_events *to)
{
	for (int i = 0; i < PF_EVENTS; i++) {
		to->n[i] += own->n[i];
		own->n[i] = 0;
	}
	barrier();
}

/* Several threads may give at once. */
static __always_inline bool pf_give_leader(struct task_struct *leader,
					   const struct pf_events *events)
{
	struct pf_dead *dead = pf_dead_of(leader, true);

	if (!dead)
		return false;
	for (int i = 0; i < PF_EVENTS; i++) {
		if (events->n[i])
			__sync_fetch_and_add(&dead->n[i], events->n[i]);
	}
	return true;
}

#endif
