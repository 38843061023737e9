/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records to user space, through a ring or, before 5.8, a buffer of each CPU: sent, or the drop counted. */
#ifndef PF_BPF_RING_BPF_H
#define PF_BPF_RING_BPF_H

#include "bpf/pf_abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024); /* set by the loader */
} pf_ring SEC(".maps");

/* One place for each CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
} pf_cpu_rings SEC(".maps");

const volatile bool pf_ring_by_cpu = false; /* pf_cpu_rings, not pf_ring */

__u64 pf_ring_lost = 0; /* records that found the ring full */

/*
 * Waking the reader costs more than everything else here, so it is woken only
 * when a quarter of the ring is waiting; it also looks by itself every interval.
 * The buffers of CPUs have that set when they are opened.
 */
static __always_inline __u64 pf_ring_wakeup(void)
{
	__u64 waiting = bpf_ringbuf_query(&pf_ring, BPF_RB_AVAIL_DATA);
	__u64 size = bpf_ringbuf_query(&pf_ring, BPF_RB_RING_SIZE);

	return waiting * 4 >= size ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

/* Both fail when there is no room; the second also on a CPU that came later and has no buffer. */
static __always_inline void pf_ring_send(void *ctx, void *rec, __u64 size)
{
	long ret;

	if (pf_ring_by_cpu)
		ret = bpf_perf_event_output(ctx, &pf_cpu_rings, BPF_F_CURRENT_CPU, rec, size);
	else
		ret = bpf_ringbuf_output(&pf_ring, rec, size, pf_ring_wakeup());
	if (ret)
		__sync_fetch_and_add(&pf_ring_lost, 1);
}

#endif
