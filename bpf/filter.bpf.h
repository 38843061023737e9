/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Is this task wanted? Asked before any work is done for it, so that -p and -u
 * cost nothing for everybody else.
 */
#ifndef PF_BPF_FILTER_BPF_H
#define PF_BPF_FILTER_BPF_H

#include "bpf/pf_abi.h"
#include "bpf/task.bpf.h"

const volatile bool pf_by_pid = false; /* only processes in pf_tgids */
const volatile bool pf_by_uid = false;
const volatile __u32 pf_uid = 0;

/* Processes named by -p, by pid in the initial namespace. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PF_MAX_PIDS);
	__type(key, __u32);
	__type(value, __u8);
} pf_tgids SEC(".maps");

static __always_inline bool pf_wanted(struct task_struct *task)
{
	if (pf_by_uid) {
		struct cred *cred = (void *)PF_READ(task, cred);

		if (PF_READ(cred, uid.val) != pf_uid)
			return false;
	}
	if (pf_by_pid) {
		__u32 tgid = PF_READ(task, tgid);

		return bpf_map_lookup_elem(&pf_tgids, &tgid) != NULL;
	}
	return true;
}

#endif
