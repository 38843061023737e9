/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Slots for threads that fault a lot. Where calls are dear, as on processors
 * that guard returns, most of what a fault costs is the call that finds the
 * thread's storage, once for the fault and once for what it moves; an array is
 * looked into without one. On an AMD EPYC that needs safe returns programs cost
 * 102 ns more than such that do nothing; slots save 31 of them, and to ask
 * nothing whose answer is known (pf_exception_of_all) another 12.
 *
 * A thread that has faulted pf_slot_faults times and as often again between two
 * passes takes the slot that its address falls on, if it is free, and keeps it
 * until it ends. It is the only one that writes there, as in its storage. What
 * it had counted before stays in the storage: who reads or takes its counts
 * does so in both, the storage first.
 *
 * A slot is the thread's if it has its address and its process's start: the
 * address may come again, and an exec gives the thread another id and start.
 * Where the end of a thread was not seen, user space frees its slot when three
 * passes have not met the thread. Until then others do without.
 */
#ifndef PF_BPF_SLOTS_BPF_H
#define PF_BPF_SLOTS_BPF_H

#include "bpf/pf_abi.h"
#include "bpf/task.bpf.h"

const volatile __u32 pf_n_slots = 0; /* 0 = no thread has one */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* then slots begin where cache lines do */
	__uint(max_entries, 1);		   /* set by the loader */
	__type(key, __u32);
	__type(value, struct pf_slot);
} pf_slots SEC(".maps");

/* A part of an address is a number to the verifier, not an address. */
static __always_inline __u32 pf_low_address(struct task_struct *task)
{
	__u64 low;

	asm volatile("r1 = %[task]\n"
		     "w1 = w1\n"
		     "%[low] = r1\n"
		     : [low] "=r"(low)
		     : [task] "r"(task)
		     : "r1");
	return low;
}

/* The one that the thread's address falls on, whosever it is. */
static __always_inline struct pf_slot *pf_slot_at(struct task_struct *task)
{
	__u32 hash = (pf_low_address(task) >> 6) * 2654435761U;
	__u32 index = (__u64)hash * pf_n_slots >> 32;

	return bpf_map_lookup_elem(&pf_slots, &index);
}

/* NULL = the thread has none. Only where there are slots: then the task is typed. */
static __always_inline struct pf_slot *pf_slot_of(struct task_struct *task)
{
	struct pf_slot *slot = pf_slot_at(task);

	if (!slot || slot->task != (__u64)task ||
	    slot->start_ns != task->group_leader->start_boottime)
		return NULL;
	return slot;
}

#endif
