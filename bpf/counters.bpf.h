/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Event counts in each thread's own storage: no sharing between threads, so no
 * atomics and no cache line that bounces; the kernel frees them with the task,
 * so no stale entry and no recycled pid can be read.
 */
#ifndef PF_BPF_COUNTERS_BPF_H
#define PF_BPF_COUNTERS_BPF_H

#include "bpf/pf_abi.h"

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

/* NULL = none yet, or no memory for one. */
static __always_inline struct pf_counts *pf_counts_of(struct task_struct *task, bool create)
{
	return bpf_task_storage_get(&pf_counts, task, NULL,
				    create ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
}

static __always_inline struct pf_dead *pf_dead_of(struct task_struct *leader, bool create)
{
	return bpf_task_storage_get(&pf_dead, leader, NULL,
				    create ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
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
