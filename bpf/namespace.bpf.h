/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which pid does a process have where its records are read? */
#ifndef PF_BPF_NAMESPACE_BPF_H
#define PF_BPF_NAMESPACE_BPF_H

#include "bpf/pf_abi.h"

/*
 * Namespace of the process that reads the pass, and its depth. Only a pass runs
 * in its context, so the first one must be made before the exit program is
 * attached.
 */
__u32 pf_reader_level = 0;
__u64 pf_reader_ns = 0;

/* Processes named by -p, by pid in the reader's namespace; the pass answers with pf_tgids. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PF_MAX_PIDS);
	__type(key, __u32);
	__type(value, __u8);
} pf_named SEC(".maps");

/* Copied, not loaded: a typed pointer takes no computed offset, and pf_upid_at computes one. */
static __always_inline struct pid *pf_pid_of(struct task_struct *task)
{
	return BPF_CORE_READ(task, signal, pids[PF_KERNEL_PIDTYPE_TGID]);
}

static __always_inline void pf_upid_at(struct pid *pid, unsigned int level, int *nr, __u64 *ns)
{
	void *slot;

	*nr = 0;
	*ns = 0;
	if (!pid || level > BPF_CORE_READ(pid, level))
		return;
	slot = (void *)pid + bpf_core_field_offset(struct pid, numbers) +
	       level * bpf_core_type_size(struct upid);
	bpf_probe_read_kernel(nr, sizeof(*nr), slot + bpf_core_field_offset(struct upid, nr));
	bpf_probe_read_kernel(ns, sizeof(*ns), slot + bpf_core_field_offset(struct upid, ns));
}

/* The process's pid as the reader sees it; 0 = not in its namespace. Depth alone does not tell. */
static __always_inline int pf_pid_for_reader(struct task_struct *task)
{
	__u64 ns;
	int nr;

	pf_upid_at(pf_pid_of(task), pf_reader_level, &nr, &ns);
	return ns == pf_reader_ns ? nr : 0;
}

static __always_inline void pf_note_reader(void)
{
	/* Not bpf_get_current_task_btf, which came with 5.11 (3ca1032ab7ab). */
	struct task_struct *task = (void *)bpf_get_current_task();
	struct pid *reader = BPF_CORE_READ(task, thread_pid);
	__u64 ns;
	int nr;

	pf_reader_level = BPF_CORE_READ(reader, level);
	pf_upid_at(reader, pf_reader_level, &nr, &ns);
	pf_reader_ns = ns;
}

#endif
