/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the programs in the kernel and the library in user space say to each
 * other. Compiles on both sides; fixed-width types, explicit padding, no
 * pointers.
 */
#ifndef PF_BPF_PF_ABI_H
#define PF_BPF_PF_ABI_H

#ifdef __bpf__
#include "bpf/kernel.bpf.h"
#else
#include <linux/types.h>
#endif

#define PF_TASK_COMM_LEN 16
#define PF_MAX_PIDS	 1024 /* processes that -p can name */

enum pf_rec_flags {
	PF_REC_FULL = 1 << 0,	  /* the whole struct pf_task_rec, else only its head */
	PF_REC_HAS_MM = 1 << 1,	  /* rss and vsz are valid */
	PF_REC_RELEASED = 1 << 2, /* own counts have moved into the process's: ignore them */
	PF_REC_UNSTABLE = 1 << 3, /* the process's counts were being written: ignore them */
	PF_REC_ZOMBIE = 1 << 4,	  /* every thread is dead; waits for its parent */
	PF_REC_EXIT = 1 << 5, /* last words of a process: totals are in own_*, events as below */
	PF_REC_HANDOVER = 1 << 6, /* a dead thread's events, in user and kernel */
};

/* Counters of the kernel's mm, in the order of the record. */
enum { PF_MM_FILE, PF_MM_ANON, PF_MM_SWAP, PF_MM_SHMEM, PF_MM_COUNTERS };

/* One thread. Fault counts are totals since its birth. */
struct pf_task_head {
	__u32 size; /* bytes of this record */
	__u32 flags;
	__s32 pid; /* of the process, in the reader's pid namespace */
	__s32 nr_threads;
	__u64 start_ns; /* of the process, boot time */
	__u64 own_min;
	__u64 own_maj;
	__u64 dead_min; /* of the process's released threads */
	__u64 dead_maj;
	__u64 user; /* events seen by the fault programs in this thread */
	__u64 kernel;
};

/* One process, told by its leader (or a live thread when the leader is gone). */
struct pf_task_rec {
	struct pf_task_head head;
	__s32 tgid; /* in the initial pid namespace */
	__s32 nspid;
	__s32 ppid;
	__u32 uid;
	__u64 cgroup_id;     /* in the unified hierarchy */
	__u64 mem_cgroup_id; /* in the memory controller's hierarchy; 0 = the same */
	__u64 exec_id;
	__s64 rss_pages[PF_MM_COUNTERS];
	__u64 vsz_pages;
	char comm[PF_TASK_COMM_LEN];
};

/*
 * Event counts in a thread's task storage. Its own are written by itself only,
 * without atomics; a leader's storage also takes those of threads that died,
 * which several may add at once.
 */
struct pf_counts {
	__u64 user;
	__u64 kernel;
	__u64 dead_user;
	__u64 dead_kernel;
};

_Static_assert(sizeof(struct pf_task_head) == 72, "both sides agree");
_Static_assert(sizeof(struct pf_task_rec) == 168, "both sides agree");
_Static_assert(sizeof(struct pf_counts) == 32, "both sides agree");

#endif
