/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records to user space: reserve, or count the drop. */
#ifndef PF_BPF_RING_BPF_H
#define PF_BPF_RING_BPF_H

#include "bpf/pf_abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 128 * 1024); /* set by the loader */
} pf_ring SEC(".maps");

__u64 pf_ring_lost = 0; /* records that found the ring full */

static __always_inline void *pf_ring_reserve(__u64 size)
{
	void *rec = bpf_ringbuf_reserve(&pf_ring, size, 0);

	if (!rec)
		__sync_fetch_and_add(&pf_ring_lost, 1);
	return rec;
}

/*
 * Waking the reader costs more than everything else here, so it is woken only
 * when a quarter of the ring is waiting; it also looks by itself every interval.
 */
static __always_inline void pf_ring_submit(void *rec)
{
	__u64 waiting = bpf_ringbuf_query(&pf_ring, BPF_RB_AVAIL_DATA);
	__u64 size = bpf_ringbuf_query(&pf_ring, BPF_RB_RING_SIZE);

	bpf_ringbuf_submit(rec, waiting * 4 >= size ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

#endif
