/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a page-fault exception tells before the kernel has done anything about it. */
#ifndef PF_BPF_EXCEPTION_BPF_H
#define PF_BPF_EXCEPTION_BPF_H

#include <linux/bpf_perf_event.h>

#include "bpf/pf_abi.h"
#include "bpf/task.bpf.h"
#include "bpf/mapping.bpf.h"

enum pf_access {
	PF_ACCESS_WRITE = 1 << 0,
	PF_ACCESS_EXEC = 1 << 1,
	PF_ACCESS_PRESENT = 1 << 2, /* the page was there */
};

/* A write to a page that is there: the mapping tells whether it breaks a sharing. */
static __always_inline bool pf_breaks(struct task_struct *task, unsigned long address, __u32 access)
{
	struct mm_struct *mm = task->mm;

	if (!(access & PF_ACCESS_PRESENT) || !(access & PF_ACCESS_WRITE) || !mm)
		return false;
	return pf_mapping_kind(task, mm, address) & PF_MAPPING_PRIVATE;
}

/* Kernel mode faults on its own addresses too (vmalloc, bad pointers): not our business. */
static __always_inline bool pf_on_user_memory(unsigned long address)
{
	return (long)address >= 0 && !(PF_READ(pf_current(), flags) & PF_KERNEL_PF_KTHREAD);
}

/* What the processor says of the fault: x86 only, and so are these tracepoints for us. */
static __always_inline __u32 pf_access_of(unsigned long error_code)
{
	__u32 access = 0;

	if (error_code & PF_KERNEL_X86_PROT)
		access |= PF_ACCESS_PRESENT;
	if (error_code & PF_KERNEL_X86_WRITE)
		access |= PF_ACCESS_WRITE;
	if (error_code & PF_KERNEL_X86_INSTR)
		access |= PF_ACCESS_EXEC;
	return access;
}

static __always_inline bool pf_in_user_mode(struct bpf_perf_event_data *ctx)
{
#if defined(__TARGET_ARCH_x86)
	return ctx->regs.cs & 3;
#elif defined(__TARGET_ARCH_arm64)
	return !(ctx->regs.pstate & 0xf);
#else
#error "say how this architecture's registers tell user mode"
#endif
}

static __always_inline bool pf_in_object(struct task_struct *task, struct mm_struct *mm,
					 unsigned long address)
{
	const __u32 both = PF_MAPPING_PRIVATE | PF_MAPPING_OBJECT;

	return (pf_mapping_kind(task, mm, address) & both) == both;
}

#endif
