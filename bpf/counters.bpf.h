/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Event counts in each thread's own storage: no sharing between threads, so no
 * atomics and no cache line that bounces; the kernel frees them with the task,
 * so no stale entry and no recycled pid can be read.
 */
#ifndef PF_BPF_COUNTERS_BPF_H
#define PF_BPF_COUNTERS_BPF_H

#include "bpf/pf_abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct pf_counts);
} pf_counts SEC(".maps");

#endif
