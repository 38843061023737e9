/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counts page-fault exceptions of each thread, by mode, access and class. What
 * a fault did is read from the memory counters it moves, not guessed from its
 * address. Adds nothing up: a count is the thread's own until somebody looks.
 */
#include "bpf/pf_abi.h"
#include "bpf/filter.bpf.h"
#include "bpf/counters.bpf.h"
#include "bpf/classes.bpf.h"
#include "bpf/mapping.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

__u64 pf_uncounted = 0; /* events for which there was no memory to count them in */

static __always_inline struct pf_counts *pf_own_counts(struct task_struct *task)
{
	struct pf_counts *own = pf_counts_of(task, true);

	if (!own)
		__sync_fetch_and_add(&pf_uncounted, 1);
	return own;
}

/* Before 32 bits are full. A class has no more than both modes have. */
static __noinline void pf_relieve(struct pf_counts *own)
{
	struct pf_events events = {};

	pf_take_counts(own, &events);
	if (!pf_give_leader(bpf_get_current_task_btf()->group_leader, &events))
		__sync_fetch_and_add(&pf_uncounted, events.n[PF_EV_USER] + events.n[PF_EV_KERNEL]);
}

/* From here on the memory counters tell the class of this fault. */
static __always_inline void pf_arm(struct pf_counts *own, struct task_struct *task,
				   unsigned long address, __u8 pending)
{
	own->address = address;
	own->moved = 0;
	own->mark = pf_accounted(task);
	barrier();
	own->pending = pending;
}

static __always_inline void pf_count(struct pf_counts *own, enum pf_event mode, __u32 error_code)
{
	__u32 weight = pf_weight(own);

	own->n[mode] += weight;
	if (error_code & PF_KERNEL_X86_WRITE)
		own->n[PF_EV_WRITE] += weight;
	else if (error_code & PF_KERNEL_X86_INSTR)
		own->n[PF_EV_EXEC] += weight;
	if (own->n[mode] >= PF_COUNT_MOVE)
		pf_relieve(own);
}

/* A write to a page that is there: the mapping tells whether it breaks a sharing. */
static __always_inline bool pf_breaks(struct task_struct *task, unsigned long address,
				      __u32 error_code)
{
	const __u32 write = PF_KERNEL_X86_PROT | PF_KERNEL_X86_WRITE;
	struct mm_struct *mm = task->mm;

	if ((error_code & write) != write || !mm)
		return false;
	return pf_mapping_kind(task, mm, address) & PF_MAPPING_PRIVATE;
}

/* An exception, before the kernel has done anything about it. */
static __always_inline void pf_exception(struct task_struct *task, enum pf_event mode,
					 unsigned long address, __u32 error_code)
{
	struct pf_counts *own;
	__u8 pending = PF_PENDING;

	if (!pf_wanted(task))
		return;
	own = pf_own_counts(task);
	if (!own)
		return;
	pf_settle(own, task);
	pf_count(own, mode, error_code);
	if (!pf_classes)
		return;
	if (pf_breaks(task, address, error_code))
		pending |= PF_PENDING_BREAK;
	pf_arm(own, task, address, pending);
}

SEC("tp_btf/page_fault_user")
int BPF_PROG(pf_fault_user, unsigned long address, struct pt_regs *regs, unsigned long error_code)
{
	pf_exception(bpf_get_current_task_btf(), PF_EV_USER, address, error_code);
	return 0;
}

/* Kernel mode faults on its own addresses too (vmalloc, bad pointers): not our business. */
SEC("tp_btf/page_fault_kernel")
int BPF_PROG(pf_fault_kernel, unsigned long address, struct pt_regs *regs, unsigned long error_code)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if ((long)address < 0 || (task->flags & PF_KERNEL_PF_KTHREAD))
		return 0;
	pf_exception(task, PF_EV_KERNEL, address, error_code);
	return 0;
}

/*
 * A memory counter moves: by the pending fault of this thread, unless it is
 * another's memory, given back by reclaim, or the fault is over. Which counters
 * move decides, in whatever order and by how much they do.
 */
SEC("tp_btf/rss_stat")
int BPF_PROG(pf_rss_stat, struct mm_struct *mm, int member)
{
	struct task_struct *task = bpf_get_current_task_btf();
	/* Does not load where threads gather changes: only one in 64 would be seen there. */
	__s64 per_cpu = mm->rss_stat[0].count;
	struct pf_counts *own;
	__u8 moved;

	barrier_var(per_cpu);
	if (task->mm != mm || (task->flags & (PF_KERNEL_PF_EXITING | PF_KERNEL_PF_MEMALLOC)))
		return 0;
	own = pf_counts_of(task, false);
	if (!own || !own->pending || own->mark != pf_accounted(task))
		return 0;
	moved = own->moved | 1 << (member & 3);
	if (moved == PF_MOVED_ANON &&
	    (pf_mapping_kind(task, mm, own->address) & (PF_MAPPING_PRIVATE | PF_MAPPING_OBJECT)) ==
		    (PF_MAPPING_PRIVATE | PF_MAPPING_OBJECT))
		moved |= PF_MOVED_OBJECT;
	own->moved = moved;
	return 0;
}
