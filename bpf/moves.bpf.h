/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * By how many pages a fault moves a process's memory counters. The kernel says
 * which counter moves, not by how much: that is read, this CPU's part and the
 * central count, before the fault and at each move. Exact in a process of one
 * thread; where another CPU passes on its part meanwhile, what is impossible is
 * cut. Only where each CPU has a part, since 6.2 (f1a7941243c1).
 */
#ifndef PF_BPF_MOVES_BPF_H
#define PF_BPF_MOVES_BPF_H

#include "bpf/ruler.bpf.h"
#include "bpf/stacks_abi.h"

struct pf_reading {
	__s64 central;
	__s32 part;
};

/* Constant indices: CO-RE does not know the real size of an element otherwise. */
static __always_inline void pf_read_counter(struct mm_struct *mm, int member, __u64 part_at,
					    struct pf_reading *to)
{
	const void *parts;

	switch (member) {
	case PF_MM_FILE:
		to->central = mm->rss_stat[0].count;
		parts = mm->rss_stat[0].counters;
		break;
	case PF_MM_ANON:
		to->central = mm->rss_stat[1].count;
		parts = mm->rss_stat[1].counters;
		break;
	case PF_MM_SWAP:
		to->central = mm->rss_stat[2].count;
		parts = mm->rss_stat[2].counters;
		break;
	default:
		to->central = mm->rss_stat[3].count;
		parts = mm->rss_stat[3].counters;
		break;
	}
	to->part = 0;
	bpf_probe_read_kernel(&to->part, sizeof(to->part), (void *)((__u64)parts + part_at));
}

/* Before the kernel does anything about the fault. */
static __always_inline void pf_moves_begin(struct pf_stack_thread *own, struct mm_struct *mm)
{
	__u32 zero = 0;
	void *here = bpf_map_lookup_elem(&pf_cpu_ruler, &zero);

	if (!here || !mm)
		return;
	own->cpu = bpf_get_smp_processor_id();
	own->part_at = pf_number_of(here) - pf_ruler_base();
#pragma unroll
	for (int i = 0; i < PF_MM_COUNTERS; i++) {
		struct pf_reading r;

		pf_read_counter(mm, i, own->part_at, &r);
		own->part[i] = r.part;
		own->central[i] = r.central;
	}
}

/*
 * The part that comes to its bound is passed on and is 0 then: only in that
 * case has the central count moved by our doing.
 */
static __always_inline __s32 pf_moved_by(__s32 part, __s64 central, const struct pf_reading *now)
{
	__s64 pages = now->part - part;

	if (now->central != central && !now->part)
		pages += now->central - central;
	if (pages > PF_STACK_PAGES_MOVED || pages < -PF_STACK_PAGES_MOVED)
		return pages > 0 ? 1 : -1;
	return pages;
}

static __always_inline void pf_note_counter(struct pf_stack_thread *own, struct mm_struct *mm,
					    int member, bool same_cpu)
{
	struct pf_reading now;

	pf_read_counter(mm, member, own->part_at, &now);
	if (same_cpu)
		own->pages[member] += pf_moved_by(own->part[member], own->central[member], &now);
	else
		own->pages[member] += 1; /* carried to another CPU in the middle: the least it is */
	own->part[member] = now.part;
	own->central[member] = now.central;
}

/* A counter has moved. */
static __always_inline void pf_moves_note(struct pf_stack_thread *own, struct mm_struct *mm,
					  int member)
{
	bool same_cpu = own->cpu == bpf_get_smp_processor_id();

	if (member == PF_MM_FILE)
		pf_note_counter(own, mm, PF_MM_FILE, same_cpu);
	else if (member == PF_MM_ANON)
		pf_note_counter(own, mm, PF_MM_ANON, same_cpu);
	else if (member == PF_MM_SWAP)
		pf_note_counter(own, mm, PF_MM_SWAP, same_cpu);
	else
		pf_note_counter(own, mm, PF_MM_SHMEM, same_cpu);
}

#endif
