/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a record of a stack holds, whatever it was taken for: who, registers, a copy of the stack. */
#ifndef PF_BPF_STACK_BPF_H
#define PF_BPF_STACK_BPF_H

#include "bpf/stacks_abi.h"
#include "bpf/namespace.bpf.h"
#include "bpf/task.bpf.h"

static __always_inline void pf_fill_head(struct pf_stack_head *head, struct task_struct *task,
					 enum pf_stack_kind kind)
{
	struct task_struct *leader = PF_READ(task, group_leader);

	head->kind = kind;
	head->pid = pf_reader_level ? pf_pid_for_reader(task) : PF_READ(task, tgid);
	head->tgid = PF_READ(task, tgid);
	head->tid = PF_READ(task, pid);
	head->start_ns = PF_READ(leader, start_boottime);
	head->ts_ns = bpf_ktime_get_boot_ns();
}

static __always_inline void pf_fill_event(struct pf_stack_event *e, struct task_struct *task,
					  enum pf_stack_kind kind)
{
	struct task_struct *leader = PF_READ(task, group_leader);
	const struct cred *cred = PF_READ(task, cred);

	pf_fill_head(&e->head, task, kind);
	e->uid = BPF_CORE_READ(cred, uid.val);
	bpf_probe_read_kernel(e->comm, sizeof(e->comm), &leader->comm);
}

/* What is the same of all samples; without registers, without a stack. */
static __always_inline void pf_begin_sample(struct pf_stack_sample *s, struct task_struct *task,
					    __u32 flags)
{
	struct task_struct *leader = task->group_leader;

	pf_fill_head(&s->head, task, PF_STACK_SAMPLE);
	s->kernel_ip = 0;
	s->flags = flags;
	s->kernel_bytes = 0;
	s->chain_bytes = 0;
	s->copied = 0;
	s->uid = task->cred->uid.val;
	s->zero = 0;
	s->sp = 0;
	bpf_probe_read_kernel(s->comm, sizeof(s->comm), &leader->comm);
}

#if defined(__TARGET_ARCH_x86)
#define PF_REGS_BYTES (21 * sizeof(__u64)) /* struct pt_regs: r15 first, ss last */
#define PF_REG_SP     19
#define PF_REG_IP     16
#define PF_REG_CS     17
#elif defined(__TARGET_ARCH_arm64)
#define PF_REGS_BYTES (34 * sizeof(__u64)) /* struct user_pt_regs: x0 first, pstate last */
#define PF_REG_SP     31
#define PF_REG_IP     32
#define PF_REG_STATE  33
#else
#error "say where this architecture's registers are"
#endif

static __always_inline __u32 pf_regs_flags(const __u64 *regs)
{
#if defined(__TARGET_ARCH_x86)
	return regs[PF_REG_CS] == 0x33 ? PF_STACK_HAS_REGS : PF_STACK_HAS_REGS | PF_STACK_32BIT;
#else
	return regs[PF_REG_STATE] & 0x10 ? PF_STACK_HAS_REGS | PF_STACK_32BIT : PF_STACK_HAS_REGS;
#endif
}

/* Since 5.15 (dd6e10fbd9fb) the helper tells a task's user registers, whatever the mode. */
static __always_inline void pf_take_regs(struct pf_stack_sample *s, struct task_struct *task,
					 const void *user_regs)
{
	const void *regs = user_regs;

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		regs = (const void *)bpf_task_pt_regs(task);
	if (!regs || bpf_probe_read_kernel(s->regs, PF_REGS_BYTES, regs))
		return;
	s->flags |= pf_regs_flags(s->regs);
	s->sp = s->regs[PF_REG_SP];
}

static __always_inline bool pf_above_sp(unsigned long address, unsigned long sp)
{
	return address - sp < PF_STACK_PAGES_DEEP * PF_STACK_PAGE;
}

/*
 * Where the first frame begins, if that is near; else far away. Of a process's
 * first thread the kernel knows it, of others what stands above it is theirs.
 */
static __always_inline unsigned long pf_stack_top(struct task_struct *task, unsigned long sp)
{
	unsigned long start = task->mm->start_stack;

	if (pf_above_sp(start, sp))
		return start;
#if defined(__TARGET_ARCH_x86)
	if (pf_above_sp(task->thread.fsbase, sp))
		return task->thread.fsbase;
#endif
	return -1UL;
}

/*
 * Piece by piece, as one may not be there: the page that a fault is about to
 * bring, when the stack grows. After two that are not there it is over; to try
 * one costs as much as to copy it. Returns how many were not.
 */
static __always_inline int pf_copy_stack(struct pf_stack_sample *s, __u8 *stack, int pages,
					 struct task_struct *task)
{
	unsigned long base = s->sp & ~(PF_STACK_PAGE - 1UL), top;
	__u32 before = s->sp & (PF_STACK_PAGE - 1);
	int missing = 0;

	if ((s->flags & (PF_STACK_HAS_REGS | PF_STACK_32BIT)) != PF_STACK_HAS_REGS)
		return 0;
	top = pf_stack_top(task, s->sp);
	if (!bpf_probe_read_user(stack + before, PF_STACK_PAGE - before, (void *)(base + before)))
		s->copied = 1;
	else
		missing = 1;
	for (int i = 1; i < pages && missing < 2 && base + i * PF_STACK_PAGE <= top; i++) {
		if (bpf_probe_read_user(stack + i * PF_STACK_PAGE, PF_STACK_PAGE,
					(void *)(base + i * PF_STACK_PAGE)))
			missing++;
		else
			s->copied |= 1 << i;
	}
	return missing;
}

#endif
