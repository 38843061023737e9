/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The current task, and its members, on kernels that know its type and on those that do not. */
#ifndef PF_BPF_TASK_BPF_H
#define PF_BPF_TASK_BPF_H

#include "bpf/kernel.bpf.h"

/*
 * Since 5.11 (3ca1032ab7ab) the verifier knows what the current task is, and
 * its members are loads. Before, they are copied. The other branch is removed.
 */
#define PF_TASK_IS_TYPED bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)

static __always_inline struct task_struct *pf_current(void)
{
	if (PF_TASK_IS_TYPED)
		return bpf_get_current_task_btf();
	return (struct task_struct *)bpf_get_current_task();
}

/* A member, or a member of a member, of what pf_current gave. */
#define PF_READ(from, member)                                                                      \
	({                                                                                         \
		typeof((from)->member) __value;                                                    \
		if (PF_TASK_IS_TYPED)                                                              \
			__value = (from)->member;                                                  \
		else                                                                               \
			bpf_core_read(&__value, sizeof(__value), &(from)->member);                 \
		__value;                                                                           \
	})

#endif
