/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counts page-fault exceptions of each thread, taken in user and in kernel
 * mode. Counts only: what a fault brought is read from the task's memory
 * counters, not guessed from its address.
 */
#include "bpf/pf_abi.h"
#include "bpf/filter.bpf.h"
#include "bpf/counters.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

__u64 pf_uncounted = 0; /* events for which there was no memory to count them in */

static __always_inline struct pf_counts *pf_own_counts(struct task_struct *task)
{
	struct pf_counts *own;

	own = bpf_task_storage_get(&pf_counts, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!own)
		__sync_fetch_and_add(&pf_uncounted, 1);
	return own;
}

SEC("tp_btf/page_fault_user")
int BPF_PROG(pf_fault_user, unsigned long address)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pf_counts *own;

	if (!pf_wanted(task))
		return 0;
	own = pf_own_counts(task);
	if (own)
		own->user++;
	return 0;
}

/* Kernel mode faults on its own addresses too (vmalloc, bad pointers): not our business. */
SEC("tp_btf/page_fault_kernel")
int BPF_PROG(pf_fault_kernel, unsigned long address)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pf_counts *own;

	if ((long)address < 0 || (task->flags & PF_KERNEL_PF_KTHREAD) || !pf_wanted(task))
		return 0;
	own = pf_own_counts(task);
	if (own)
		own->kernel++;
	return 0;
}
