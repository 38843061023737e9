/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which events are counted, and for how many each stands. Each is drawn by
 * itself: a fixed stride would fall in step with programs that repeat.
 */
#ifndef PF_BPF_SAMPLING_BPF_H
#define PF_BPF_SAMPLING_BPF_H

#include "bpf/classes.bpf.h"

/* Processes of which not all events are counted, by global pid: the step they are at. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PF_SAMPLE_PROCESSES);
	__type(key, __u32);
	__type(value, __u8);
} pf_steps SEC(".maps");

__u32 pf_generation = 0; /* of pf_steps; user space moves it with every change */

static __always_inline bool pf_draw(__u32 every)
{
	return every <= 1 || bpf_get_prandom_u32() < 0xffffffffU / every;
}

/* Asked before anything is looked up: an event that is left out costs the least. */
static __always_inline bool pf_drawn_by_all(void)
{
	return pf_sample_auto || pf_draw(pf_sample_every);
}

/* Asked after the pending fault was settled, which stands for as many as it did before. */
static __always_inline bool pf_drawn_by_process(struct pf_counts *own, struct task_struct *task)
{
	__u8 generation = pf_generation;

	if (!pf_sample_auto)
		return true;
	if (own->generation != generation) {
		__u32 tgid = PF_READ(task, tgid);
		__u8 *step = bpf_map_lookup_elem(&pf_steps, &tgid);

		own->step = step ? *step : 0;
		own->generation = generation;
	}
	return pf_draw(pf_weight(own));
}

#endif
