/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A process's resident memory, in either of the ways that kernels keep it, and
 * by how much the figures may be off.
 *
 * Both ways have a central count, and parts that are passed on to it now and
 * then: a part of each CPU since 6.2 (f1a7941243c1), of each thread before. The
 * parts are added here without the kernel's lock: one that is passed on just
 * then would be missed or seen twice. But that moves the central count, so
 * where it stands still, the sum is right.
 */
#ifndef PF_BPF_MEMORY_BPF_H
#define PF_BPF_MEMORY_BPF_H

#include "bpf/pf_abi.h"
#include "bpf/ruler.bpf.h"

#define PF_SUM_THREADS	    (1 << 17) /* whose parts are added, at most */
#define PF_SUM_THREADS_OLD  256	      /* ... where the verifier follows each of them */
#define PF_ORPHANED_THREADS 64
/* A thread passes on its part every 65 faults; each may map 16 pages of a file. */
#define PF_THREAD_PART_PAGES (65 * 16)

const volatile __u32 pf_sum_cpus = 0;	     /* add the parts of so many CPUs; 0 = of none */
const volatile __u64 pf_sum_from_pages = 0;  /* ... for processes of this size */
const volatile __u64 pf_held_back_pages = 0; /* what all CPUs together may have of one counter */

__u32 pf_layout = PF_LAYOUT_UNSEEN; /* told by the pass */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* set by the loader: pf_sum_cpus */
	__type(key, __u32);
	__type(value, __u64);
} pf_cpu_offsets SEC(".maps");

static __always_inline enum pf_layout pf_find_layout(void)
{
	if (bpf_core_field_exists(struct mm_struct, rss_stat[0].counters))
		return PF_LAYOUT_BY_CPU;
	if (bpf_core_field_exists(struct mm_struct___by_thread, rss_stat.count[0].counter))
		return PF_LAYOUT_BY_THREAD;
	return PF_LAYOUT_UNKNOWN;
}

/* The sum being made. Not on the stack, which is short, as there is one pass at a time. */
struct {
	__s64 pages[PF_MM_COUNTERS];
	__u64 counters[PF_MM_COUNTERS]; /* per-CPU addresses */
	__u64 node;			/* in the next thread, up to the end of the list */
	__u64 end;
} pf_sum = {};

/* Constant indices: CO-RE does not know the real size of an element otherwise. */
static __always_inline void pf_read_central(struct mm_struct *mm, __s64 *rss)
{
	struct mm_struct___by_thread *old = (void *)mm;

	if (pf_find_layout() == PF_LAYOUT_BY_CPU) {
		rss[PF_MM_FILE] = mm->rss_stat[0].count;
		rss[PF_MM_ANON] = mm->rss_stat[1].count;
		rss[PF_MM_SWAP] = mm->rss_stat[2].count;
		rss[PF_MM_SHMEM] = mm->rss_stat[3].count;
	} else if (pf_find_layout() == PF_LAYOUT_BY_THREAD) {
		/* Copied: before 5.15 the verifier follows no type name into an array. */
		rss[PF_MM_FILE] = BPF_CORE_READ(old, rss_stat.count[0].counter);
		rss[PF_MM_ANON] = BPF_CORE_READ(old, rss_stat.count[1].counter);
		rss[PF_MM_SWAP] = BPF_CORE_READ(old, rss_stat.count[2].counter);
		rss[PF_MM_SHMEM] = BPF_CORE_READ(old, rss_stat.count[3].counter);
	}
}

static __always_inline bool pf_same_rss(const __s64 *a, const __s64 *b)
{
	return a[PF_MM_FILE] == b[PF_MM_FILE] && a[PF_MM_ANON] == b[PF_MM_ANON] &&
	       a[PF_MM_SWAP] == b[PF_MM_SWAP] && a[PF_MM_SHMEM] == b[PF_MM_SHMEM];
}

static long pf_measure_cpu(__u32 cpu, __u64 *base)
{
	__u32 key = cpu, zero = 0;
	__u64 *offset = bpf_map_lookup_elem(&pf_cpu_offsets, &key);
	void *here = bpf_map_lookup_percpu_elem(&pf_cpu_ruler, &zero, cpu);

	if (offset && here)
		*offset = pf_number_of(here) - *base;
	return 0;
}

/* At the beginning of each pass, though they never change. */
static __always_inline void pf_measure_cpus(void)
{
	__u64 base = pf_ruler_base();

	bpf_loop(pf_sum_cpus, pf_measure_cpu, &base, 0);
}

static long pf_add_cpu(__u32 cpu, void *unused)
{
	__u32 key = cpu;
	__u64 *offset = bpf_map_lookup_elem(&pf_cpu_offsets, &key);

	if (!offset)
		return 1;
	for (int i = 0; i < PF_MM_COUNTERS; i++) {
		__s32 part = 0;

		bpf_probe_read_kernel(&part, sizeof(part), (void *)(pf_sum.counters[i] + *offset));
		pf_sum.pages[i] += part;
	}
	return 0;
}

static __always_inline void pf_add_cpus(struct mm_struct *mm)
{
	pf_sum.counters[PF_MM_FILE] = (__u64)mm->rss_stat[0].counters;
	pf_sum.counters[PF_MM_ANON] = (__u64)mm->rss_stat[1].counters;
	pf_sum.counters[PF_MM_SWAP] = (__u64)mm->rss_stat[2].counters;
	pf_sum.counters[PF_MM_SHMEM] = (__u64)mm->rss_stat[3].counters;
	bpf_loop(pf_sum_cpus, pf_add_cpu, NULL, 0);
}

/* Returns 1 at the end of the list. */
static __always_inline int pf_add_next_thread(void)
{
	struct list_head *node = (void *)pf_sum.node;
	struct task_struct___by_thread *thread =
		(void *)node - bpf_core_field_offset(struct task_struct, thread_node);

	if (pf_sum.node == pf_sum.end)
		return 1;
	pf_sum.pages[PF_MM_FILE] += BPF_CORE_READ(thread, rss_stat.count[0]);
	pf_sum.pages[PF_MM_ANON] += BPF_CORE_READ(thread, rss_stat.count[1]);
	pf_sum.pages[PF_MM_SWAP] += BPF_CORE_READ(thread, rss_stat.count[2]);
	pf_sum.pages[PF_MM_SHMEM] += BPF_CORE_READ(thread, rss_stat.count[3]);
	pf_sum.node = (__u64)BPF_CORE_READ(node, next);
	return 0;
}

static long pf_add_thread(__u32 i, void *unused)
{
	return pf_add_next_thread();
}

/* False = there are more threads than are looked at. */
static __always_inline bool pf_add_threads(struct task_struct *task, bool has_loop)
{
	struct signal_struct *signal = task->signal;

	pf_sum.node = (__u64)BPF_CORE_READ(signal, thread_head.next);
	pf_sum.end = (__u64)signal + bpf_core_field_offset(struct signal_struct, thread_head);
	if (has_loop) {
		bpf_loop(PF_SUM_THREADS, pf_add_thread, NULL, 0);
	} else {
		for (int i = 0; i < PF_SUM_THREADS_OLD; i++) {
			if (pf_add_next_thread())
				break;
		}
	}
	return pf_sum.node == pf_sum.end;
}

/* A process of many threads may have all it has in parts, so there the address space decides. */
static __always_inline bool pf_worth_summing(struct mm_struct *mm, const struct pf_task_rec *rec)
{
	const __s64 *rss = rec->rss_pages;
	__s64 pages = rss[PF_MM_FILE] + rss[PF_MM_ANON] + rss[PF_MM_SHMEM];

	return pages >= (__s64)pf_sum_from_pages ||
	       (rec->head.nr_threads > 1 && mm->total_vm >= pf_sum_from_pages);
}

/* False = no parts were added, or not all of them. */
static __always_inline bool pf_add_parts(struct task_struct *task, struct mm_struct *mm,
					 struct pf_task_rec *rec, bool has_loop)
{
	if (pf_find_layout() == PF_LAYOUT_BY_THREAD)
		return pf_add_threads(task, has_loop);
	if (!has_loop || !pf_sum_cpus || !pf_worth_summing(mm, rec))
		return false;
	pf_add_cpus(mm);
	return true;
}

/* What the central counts may lack. */
static __always_inline __u64 pf_parts_pages(const struct pf_task_rec *rec)
{
	if (pf_find_layout() == PF_LAYOUT_BY_CPU)
		return pf_held_back_pages;
	return (__u64)rec->head.nr_threads * PF_THREAD_PART_PAGES;
}

/* Central counts only: for the last words of a process, which are few and quick. */
static __always_inline void pf_read_memory(struct task_struct *task, struct pf_task_rec *rec)
{
	struct mm_struct *mm = task->mm;

	if (!mm)
		return;
	rec->vsz_pages = mm->total_vm;
	pf_read_central(mm, rec->rss_pages);
	rec->rss_error_pages = pf_parts_pages(rec);
	/* Gone meanwhile: what was read may be another's. */
	if (task->mm == mm)
		rec->head.flags |= PF_REC_HAS_MM;
}

/* After a leader's death each of its threads tells all, and a walk for each would take long. */
static __always_inline bool pf_may_walk(struct task_struct *task, const struct pf_task_rec *rec)
{
	return task == task->group_leader || rec->head.nr_threads <= PF_ORPHANED_THREADS;
}

/* After pf_read_memory: add the parts, where they matter and while the central counts stand still. */
static __always_inline void pf_refine_memory(struct task_struct *task, struct pf_task_rec *rec,
					     bool has_loop)
{
	struct mm_struct *mm = task->mm;
	__s64 after[PF_MM_COUNTERS] = {};

	if (!mm || !(rec->head.flags & PF_REC_HAS_MM) || !pf_may_walk(task, rec))
		return;
	__builtin_memcpy(pf_sum.pages, rec->rss_pages, sizeof(pf_sum.pages));
	if (!pf_add_parts(task, mm, rec, has_loop))
		return;
	pf_read_central(mm, after);
	if (!pf_same_rss(rec->rss_pages, after) || task->mm != mm)
		return;
	__builtin_memcpy(rec->rss_pages, pf_sum.pages, sizeof(rec->rss_pages));
	rec->rss_error_pages = 0;
}

#endif
