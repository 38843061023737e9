/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records of bpf/stacks.bpf.c: samples of faults with their stacks, and what
 * becomes of processes that are sampled. Compiles on both sides; the rules of
 * bpf/pf_abi.h.
 */
#ifndef PF_BPF_STACKS_ABI_H
#define PF_BPF_STACKS_ABI_H

#include "bpf/pf_abi.h"

#define PF_STACK_PAGE	     4096 /* the stack is copied in pieces of this, whatever a page is */
#define PF_STACK_PAGES	     5	  /* from the one with the stack pointer on: 16 KiB and a part */
#define PF_STACK_PAGES_DEEP  8
#define PF_STACK_REGS	     34 /* x86_64: struct pt_regs has 21; arm64: user_pt_regs has 34 */
#define PF_STACK_KERNEL	     64 /* frames */
#define PF_STACK_CHAIN	     127
#define PF_STACK_DEEP_MAX    1024 /* processes */
#define PF_STACK_BATCH	     8	  /* faults of a thread before it looks after its process */
#define PF_STACK_STEP	     16	  /* the same of one that is not hot, in the mean ... */
#define PF_STACK_STEP_SHIFT  28	  /* ... which is 2^32 / 16 */
#define PF_STACK_WINDOW_NS   1000000000ULL
#define PF_STACK_HOT_MARKS   4096
#define PF_STACK_TENTH_NS    100000000ULL
#define PF_STACK_LINGER_NS   5000000000ULL /* so long after the last look at one nobody is hot */
#define PF_STACK_GAP_HOT     32	 /* at most, when a process becomes hot: it may end in a moment */
#define PF_STACK_GROW	     8	 /* ... and by how much the gap may grow then */
#define PF_STACK_PAGES_MOVED 512 /* at most, by one fault */

/*
 * A page's lot, the same each time: it is drawn while that is below 2^32 / gap,
 * so what is drawn at a gap is drawn at every smaller one.
 */
static inline __u32 pf_stack_lot(__u64 page)
{
	page ^= page >> 33;
	page *= 0xff51afd7ed558ccdULL;
	page ^= page >> 33;
	page *= 0xc4ceb9fe1a85ec53ULL;
	return page >> 32;
}

#define PF_STACK_DRAWN(lot, gap) ((gap) <= 1 || (lot) < 0xffffffffU / (gap))

enum pf_stack_kind {
	PF_STACK_SAMPLE = 1,
	PF_STACK_SETTLED, /* a sample's fault is over: class and pages */
	PF_STACK_HOT,	  /* a process has come above the rate */
	PF_STACK_COLD,	  /* ... or is below it again */
	PF_STACK_EXEC,	  /* a process runs another program from now on */
	PF_STACK_EXIT,	  /* a process has ended */
	PF_STACK_NAMED,	  /* by the first pass: a process that --pid names */
	PF_STACK_SEEN,	  /* by later ones: how many faults a hot process has taken */
};

enum pf_stack_flags {
	PF_STACK_USER = 1 << 0,	    /* the fault was taken in user mode, else in the kernel */
	PF_STACK_HAS_REGS = 1 << 1, /* regs are valid */
	PF_STACK_32BIT = 1 << 2,    /* regs are those of a 32-bit program */
	PF_STACK_CHAINED = 1 << 3,  /* chain, in place of a copy of the stack */
};

/* Every record begins with this. A process is told by pid and start_ns. */
struct pf_stack_head {
	__u32 kind;
	__s32 pid;	/* of the process, in the reader's pid namespace */
	__s32 tgid;	/* in the initial one */
	__s32 tid;	/* of the thread, there */
	__u64 start_ns; /* of the process, boot time */
	__u64 ts_ns;	/* boot time */
};

/* PF_STACK_HOT and all after it. */
struct pf_stack_event {
	struct pf_stack_head head;
	__u64 seen; /* faults of the process since the programs look on */
	__u64 window_ns;
	__u32 window_faults; /* HOT, COLD: so many in window_ns */
	__u32 uid;
	char comm[PF_TASK_COMM_LEN];
};

/* A thread has one sample at a time that is not settled: the last one. */
struct pf_stack_settled {
	struct pf_stack_head head;
	__u32 serial; /* of the sample */
	__s32 class;  /* enum pf_event; -1 = cannot tell */
	__s32 pages
		[PF_MM_COUNTERS]; /* that the memory counters moved by, if the class can be told */
};

struct pf_stack_sample {
	struct pf_stack_head head;
	__u64 seen;
	__u64 address;	 /* of the fault */
	__u64 kernel_ip; /* kernel mode: where the fault was taken */
	__u32 serial;
	__u32 weight; /* faults that this one stands for, itself included */
	__u32 flags;
	__s32 kernel_bytes; /* of kernel[], innermost first; negative = -errno */
	__s32 chain_bytes;  /* of chain[] */
	__u32 copied;	    /* bit i: piece i of the stack is there */
	__u32 uid;
	__u32 zero;
	__u64 sp;
	char comm[PF_TASK_COMM_LEN];
	__u64 regs[PF_STACK_REGS];
	__u64 kernel[PF_STACK_KERNEL];
	/* pf_stack_copied or pf_stack_chain follows. */
};

/* Piece i is what is at (sp & -PF_STACK_PAGE) + i pages; the first begins at sp. */
struct pf_stack_short {
	struct pf_stack_sample sample;
	__u8 stack[PF_STACK_PAGES * PF_STACK_PAGE];
};

struct pf_stack_deep {
	struct pf_stack_sample sample;
	__u8 stack[PF_STACK_PAGES_DEEP * PF_STACK_PAGE];
};

struct pf_stack_chain {
	struct pf_stack_sample sample;
	__u64 chain[PF_STACK_CHAIN];
};

/* A thread's own, written by it alone. */
struct pf_stack_thread {
	__u64 address; /* of the pending sample */
	__u64 part_at; /* this CPU's part of the counters is so far from the address in the mm */
	__u32 faults;  /* not told to the process yet */
	__u32 batch;   /* ... until there are so many */
	__u32 gap;     /* of the process; 0 = nothing is sampled */
	__u32 left;    /* --every: faults to the next sample */
	__u32 weight;  /* of the last sample */
	__u32 serial;
	__u32 mark; /* minor + major when the pending sample was taken */
	__u32 cpu;
	__u8 pending; /* enum pf_pending */
	__u8 moved;   /* enum pf_moved */
	__u8 copying; /* reads its own stack: a fault of that is ours */
	__u8 watch;   /* pf_stack_watch when the pending sample was taken */
	__u32 told;   /* minor + major when it last looked after its process, that fault included */
	__s32 part[PF_MM_COUNTERS]; /* what the counters were when they last moved */
	__s32 pages[PF_MM_COUNTERS];
	__s64 central[PF_MM_COUNTERS];
};

/* A process's, with its leader, written by all its threads. */
struct pf_stack_process {
	__u64 seen;
	__u64 window_ns; /* begin */
	__u32 window_faults;
	__u32 window_samples;
	__u32 gap;     /* mean number of faults from sample to sample; 0 = cold */
	__u16 known;   /* user space was told of it */
	__u16 sampled; /* ... and has had a sample */
};

_Static_assert(sizeof(struct pf_stack_head) == 32, "both sides agree");
_Static_assert(sizeof(struct pf_stack_event) == 72, "both sides agree");
_Static_assert(sizeof(struct pf_stack_settled) == 56, "both sides agree");
_Static_assert(sizeof(struct pf_stack_sample) == 896, "both sides agree");
_Static_assert(sizeof(struct pf_stack_thread) == 120, "no hole");
_Static_assert(sizeof(struct pf_stack_process) == 32, "both sides agree");

#endif
