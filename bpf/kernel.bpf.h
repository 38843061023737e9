/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The few kernel types we read, with only the members we read. CO-RE finds
 * their real offsets at load time, so no vmlinux.h and no particular kernel is
 * needed to build. Where a member moved or changed, the flavour (___suffix)
 * names the kernel change behind it.
 */
#ifndef PF_BPF_KERNEL_BPF_H
#define PF_BPF_KERNEL_BPF_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

struct list_head {
	struct list_head *next;
};

struct seqcount {
	unsigned int sequence;
};

/* Since 5.9 (267580db047e) a spinlock-associated seqcount wraps the plain one. */
struct seqcount_spinlock {
	struct seqcount seqcount;
};

typedef struct {
	struct seqcount_spinlock seqcount;
} seqlock_t;

struct pid_namespace;

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[];
};

typedef struct {
	unsigned int val;
} kuid_t;

struct cred {
	kuid_t uid;
};

/* 64-bit id since 5.5 (67c0496e87d1). */
struct kernfs_node {
	__u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
};

struct css_set {
	struct cgroup_subsys_state *subsys[1];
	struct cgroup *dfl_cgrp;
};

enum cgroup_subsys_id {
	memory_cgrp_id,
};

/* RSS counters are per-CPU since 6.2 (f1a7941243c1) ... */
struct percpu_counter {
	__s64 count;
	__s32 *counters;
};

/* Since 6.1 (d4af56c5c7c6) the mappings of an mm are in a maple tree. */
struct maple_range_64 {
	unsigned long pivot[15];
	void *slot[16];
};

struct maple_arange_64 {
	unsigned long pivot[9];
	void *slot[10];
};

struct maple_tree {
	void *ma_root;
};

struct mm_struct {
	unsigned long total_vm;
	unsigned long start_stack;
	struct percpu_counter rss_stat[4];
	struct maple_tree mm_mt;
};

/* A number that moves with every change of the mappings: since 6.4 (5e31275cc997) ... */
struct mm_struct___locked {
	int mm_lock_seq;
};

/* ... and a sequence count since 6.14 (eb449bd96954), odd while they are being changed. */
struct mm_struct___counted {
	struct seqcount mm_lock_seq;
};

struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_end;
	struct mm_struct *vm_mm;
	unsigned long vm_flags;
	const void *vm_ops;
};

/* ... before, a plain count each, and a part of it in each thread. */
typedef struct {
	__s64 counter;
} atomic_long_t;

struct mm_rss_stat {
	atomic_long_t count[4];
};

struct mm_struct___by_thread {
	struct mm_rss_stat rss_stat;
};

struct task_rss_stat {
	int events;
	int count[4];
};

struct task_struct___by_thread {
	struct task_rss_stat rss_stat;
};

/* Flags of handle_mm_fault: an enum since 5.16 (36090def7bad), the same values before. */
enum fault_flag {
	FAULT_FLAG_WRITE = 1 << 0,
	FAULT_FLAG_USER = 1 << 6,
	FAULT_FLAG_INSTRUCTION = 1 << 8,
};

enum vm_fault_reason {
	VM_FAULT_RETRY = 0x000400,
};

struct signal_struct {
	atomic_t live;
	int nr_threads;
	struct list_head thread_head;
	struct pid *pids[2]; /* PIDTYPE_PID, PIDTYPE_TGID (2c4704756cab, 4.19) */
	seqlock_t stats_lock;
	unsigned long min_flt;
	unsigned long maj_flt;
};

/* Its own members are an architecture's: x86 has fsbase, arm64 uw.tp_value. */
struct thread_struct {
	unsigned long fsbase;
};

struct task_struct {
	unsigned int flags;
	int exit_state;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct list_head thread_node;
	struct pid *thread_pid;
	__u64 start_boottime;
	unsigned long min_flt;
	unsigned long maj_flt;
	const struct cred *cred;
	char comm[16];
	struct mm_struct *mm;
	struct signal_struct *signal;
	__u64 self_exec_id;
	struct css_set *cgroups;
	struct thread_struct thread;
};

struct bpf_array {
	void *pptrs[1];
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id;
	__u64 seq_num;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

#define PF_KERNEL_PIDTYPE_TGID 1
#define PF_KERNEL_PF_EXITING   0x00000004
#define PF_KERNEL_PF_MEMALLOC  0x00000800 /* reclaims memory, also in the middle of a fault */
#define PF_KERNEL_PF_KTHREAD   0x00200000

#define PF_KERNEL_VM_SHARED  0x00000008
#define PF_KERNEL_VM_UFFD_WP 0x00001000
#define PF_KERNEL_VM_HUGETLB 0x00400000

/* X86_PF_*: bits of the error code that the processor gives with a page fault. */
#define PF_KERNEL_X86_PROT  0x01 /* the page was there */
#define PF_KERNEL_X86_WRITE 0x02
#define PF_KERNEL_X86_INSTR 0x10

#endif
