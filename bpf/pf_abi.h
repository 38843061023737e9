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
	PF_REC_HANDOVER = 1 << 6, /* a dead thread's events */
	PF_REC_EVENTS = 1 << 7,	  /* struct pf_events follows the head or the whole record */
	PF_REC_DEAD = 1 << 8,	  /* one more, after it: what the process's dead threads left */
};

/* Counters of the kernel's mm, in the order of the record. */
enum { PF_MM_FILE, PF_MM_ANON, PF_MM_SWAP, PF_MM_SHMEM, PF_MM_COUNTERS };

/*
 * Fault events. Each is of one mode and of one class; writes and instruction
 * fetches are told where the architecture does, the rest are reads. A class is
 * counted when its fault is known to be over: the classes may add up to a
 * little less than the modes.
 */
enum pf_event {
	PF_EV_USER,
	PF_EV_KERNEL,
	PF_EV_ANON,
	PF_EV_FILE,
	PF_EV_SHMEM,
	PF_EV_SWAPIN,
	PF_EV_COW,
	PF_EV_OTHER,
	PF_EV_WRITE,
	PF_EV_EXEC,
	PF_EVENTS,
};

struct pf_events {
	__u64 n[PF_EVENTS]; /* totals, as far as they have not been handed over */
};

/* How the kernel keeps them: bpf/memory.bpf.h. */
enum pf_layout {
	PF_LAYOUT_UNSEEN, /* no pass was made yet */
	PF_LAYOUT_UNKNOWN,
	PF_LAYOUT_BY_CPU,
	PF_LAYOUT_BY_THREAD,
};

#define PF_SUM_CPUS_MAX (1 << 16)

/* One thread. Fault counts are totals since its birth. */
struct pf_task_head {
	__u32 size; /* bytes of this record, with the events behind it */
	__u32 flags;
	__s32 pid; /* of the process, in the reader's pid namespace */
	__s32 nr_threads;
	__u64 start_ns; /* of the process, boot time */
	__u64 own_min;
	__u64 own_maj;
	__u64 dead_min; /* of the process's released threads */
	__u64 dead_maj;
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
	__u64 rss_error_pages; /* each of these may be off by this much */
	__u64 vsz_pages;
	char comm[PF_TASK_COMM_LEN];
};

/*
 * Events of a thread, in its own task storage and written by that thread only,
 * without atomics. With the kernel's header of 72 bytes it fills a slab object
 * of 128, hence 32 bits: counts that come to PF_COUNT_MOVE go to the leader.
 */
struct pf_counts {
	__u64 address; /* of the pending fault */
	__u32 n[PF_EVENTS];
	__u32 mark;	 /* the thread's minor + major when the pending fault began */
	__u8 pending;	 /* enum pf_pending: a fault whose class is not yet counted */
	__u8 moved;	 /* enum pf_moved: memory counters that it has moved; << 4: again */
	__u8 step;	 /* --sample auto: index of the step in force for the process */
	__u8 generation; /* of the steps that `step` was taken from; else see bpf/slots.bpf.h */
};

#define PF_COUNT_MOVE 0x40000000U

/*
 * Where a hot thread counts, instead of in its storage: bpf/slots.bpf.h. The
 * first cache line is the thread's alone.
 */
struct pf_slot {
	struct pf_counts counts;
	__u64 task;	/* address of the thread whose it is; 0 = free */
	__u64 start_ns; /* of its process: another thread may get that address */
	__u32 pass;	/* the last one that saw the thread, or in which it came here */
	__u32 alive;	/* the same, of those before it began to end */
	__u32 zero[12];
};

#define PF_SLOT_TAKEN 1 /* no address: it will be somebody's in a moment */

/* --sample auto: all events of a process, one in 10, one in 100. */
#define PF_SAMPLE_STEP_1 10
#define PF_SAMPLE_STEP_2 100

#define PF_SAMPLE_PROCESSES                                                                        \
	256 /* at most so many can be at a step: of the others all are counted */

/* What dead threads left with their leader, and what living ones moved there. */
struct pf_dead {
	__u64 n[PF_EVENTS];
};

/*
 * Before 6.2 (f1a7941243c1) a thread gathers its changes of the memory counters
 * and passes them on every 64 faults: what it had gathered when its fault began.
 */
struct pf_gathered {
	__s32 count[PF_MM_COUNTERS];
	__s32 events; /* changes since it passed them on */
	__u32 tried;  /* enum pf_moved: by earlier tries of the same fault */
};

/* Where there is no task storage: a thread in a hash table, by its global id. */
struct pf_entry {
	__u64 start_ns; /* of the thread: another may get its id */
	__u32 pass;	/* the last one that saw it, or in which it was made */
	__u32 zero;
	struct pf_counts counts;
	struct pf_gathered gathered;
	struct pf_dead dead;
};

_Static_assert(sizeof(struct pf_task_head) == 56, "both sides agree");
_Static_assert(sizeof(struct pf_task_rec) == 160, "both sides agree");
_Static_assert(sizeof(struct pf_events) == 80, "both sides agree");
_Static_assert(sizeof(struct pf_counts) == 56, "both sides agree");
_Static_assert(sizeof(struct pf_slot) == 128, "both sides agree");
_Static_assert(sizeof(struct pf_dead) == sizeof(struct pf_events), "both sides agree");
_Static_assert(sizeof(struct pf_gathered) == 24, "both sides agree");
_Static_assert(sizeof(struct pf_entry) == 176, "both sides agree");

#endif
