/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The class of a fault, from the memory counters that it moved and the mapping it was in. */
#ifndef PF_BPF_CLASS_BPF_H
#define PF_BPF_CLASS_BPF_H

#include "bpf/pf_abi.h"
#include "bpf/task.bpf.h"

enum pf_pending {
	PF_PENDING = 1 << 0,
	PF_PENDING_BREAK = 1 << 1,  /* where no counter moves, a sharing was broken */
	PF_PENDING_OBJECT = 1 << 2, /* in a private mapping of a file or the like */
	PF_PENDING_RETRY = 1 << 3,  /* alone: the kernel will try this one again */
	PF_PENDING_USER = 1 << 4,   /* fexit: not counted yet at all, and what to count */
	PF_PENDING_WRITE = 1 << 5,
	PF_PENDING_EXEC = 1 << 6,
};

enum pf_moved {
	PF_MOVED_FILE = 1 << PF_MM_FILE,
	PF_MOVED_ANON = 1 << PF_MM_ANON,
	PF_MOVED_SWAP = 1 << PF_MM_SWAP,
	PF_MOVED_SHMEM = 1 << PF_MM_SHMEM,
};

static __always_inline __u32 pf_accounted(struct task_struct *task)
{
	return (__u32)(PF_READ(task, min_flt) + PF_READ(task, maj_flt));
}

static __always_inline enum pf_event pf_class(__u8 pending, __u8 moved)
{
	if (moved & PF_MOVED_ANON) {
		if (moved & PF_MOVED_SWAP)
			return PF_EV_SWAPIN;
		if ((moved & (PF_MOVED_FILE | PF_MOVED_SHMEM)) || (pending & PF_PENDING_OBJECT))
			return PF_EV_COW;
		return PF_EV_ANON;
	}
	if (moved & PF_MOVED_FILE)
		return PF_EV_FILE;
	if (moved & PF_MOVED_SHMEM)
		return PF_EV_SHMEM;
	return pending & PF_PENDING_BREAK ? PF_EV_COW : PF_EV_OTHER;
}

#endif
