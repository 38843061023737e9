/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What kind of mapping is an address in? Found in the tree of mappings as the
 * kernel's own lookup without lock finds it, and remembered while the kernel's
 * number for the state of the mappings says that none has changed.
 */
#ifndef PF_BPF_MAPPING_BPF_H
#define PF_BPF_MAPPING_BPF_H

#include "bpf/pf_abi.h"

enum pf_mapping_kind {
	PF_MAPPING_KNOWN = 1 << 0,
	PF_MAPPING_PRIVATE = 1 << 1, /* a write to a page makes it the process's own */
	PF_MAPPING_OBJECT = 1 << 2,  /* of a file, shared memory, a device: not anonymous */
};

/*
 * The last mapping looked up on this CPU. Every change of an mm's mappings
 * moves its number before a fault can be taken in one that was changed: they
 * stay locked until then. tgid and exec id tell one mm from the next in the
 * same memory.
 */
struct pf_mapping {
	__u64 mm;
	__u64 exec_id;
	__u64 start;
	__u64 end;
	__u32 tgid;
	__u32 sequence;
	__u32 kind;
	__u32 writing; /* by a program that another one on this CPU interrupts */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pf_mapping);
} pf_mappings SEC(".maps");

/*
 * What the low bits of a pointer to a node say: lib/maple_tree.c. Only the
 * tree's own pointer can be that of something else.
 */
#define PF_MAPLE_IS_ROOT(entry) (((entry)&3) == 2 && (entry) > 4096)
#define PF_MAPLE_NODE(entry)	((entry) & ~255UL)
#define PF_MAPLE_TYPE(entry)	(((entry) >> 3) & 15)
#define PF_MAPLE_LEAF		1
#define PF_MAPLE_ARANGE		3
#define PF_MAPLE_PIVOTS		15
#define PF_MAPLE_PIVOTS_ARANGE	9
#define PF_MAPLE_LEVELS		10 /* nodes of five mappings in each: more than an mm can have */

/* Index of the slot below which the address is; nodes that are not full end with a pivot of 0. */
static __always_inline int pf_maple_slot(unsigned long node, unsigned int type,
					 unsigned long address)
{
	unsigned long pivot[PF_MAPLE_PIVOTS];
	int n = type == PF_MAPLE_ARANGE ? PF_MAPLE_PIVOTS_ARANGE : PF_MAPLE_PIVOTS;
	int i;

	if (bpf_probe_read_kernel(pivot, sizeof(pivot),
				  (void *)node +
					  bpf_core_field_offset(struct maple_range_64, pivot)))
		return -1;
	for (i = 0; i < PF_MAPLE_PIVOTS; i++) {
		if (i >= n || pivot[i] >= address || (i && !pivot[i]))
			break;
	}
	return i;
}

/* 0 = not found. */
static __noinline unsigned long pf_find_mapping(unsigned long entry, unsigned long address)
{
	if (!PF_MAPLE_IS_ROOT(entry))
		return 0;
	for (int level = 0; level < PF_MAPLE_LEVELS; level++) {
		unsigned int type = PF_MAPLE_TYPE(entry), offset;
		unsigned long node = PF_MAPLE_NODE(entry);
		int slot;

		if (!entry || !type || type > PF_MAPLE_ARANGE)
			return 0;
		slot = pf_maple_slot(node, type, address);
		if (slot < 0)
			return 0;
		offset = type == PF_MAPLE_ARANGE
				 ? bpf_core_field_offset(struct maple_arange_64, slot)
				 : bpf_core_field_offset(struct maple_range_64, slot);
		if (bpf_probe_read_kernel(&entry, sizeof(entry),
					  (void *)node + offset + slot * sizeof(entry)))
			return 0;
		if (type == PF_MAPLE_LEAF)
			return entry;
	}
	return 0;
}

static __always_inline __u32 pf_kind_of(unsigned long flags, const void *ops)
{
	__u32 kind = PF_MAPPING_KNOWN;

	/* Huge pages of hugetlbfs move no counter; a page guarded by userfaultfd is not copied. */
	if (!(flags & (PF_KERNEL_VM_SHARED | PF_KERNEL_VM_HUGETLB | PF_KERNEL_VM_UFFD_WP)))
		kind |= PF_MAPPING_PRIVATE;
	if (ops)
		kind |= PF_MAPPING_OBJECT;
	return kind;
}

/* Fills start, end, kind. What is found without a lock may be another's by now: it is asked. */
static __always_inline bool pf_look_up(struct mm_struct *mm, unsigned long address,
				       struct pf_mapping *found)
{
	struct vm_area_struct *vma =
		(void *)pf_find_mapping((unsigned long)mm->mm_mt.ma_root, address);

	if (!vma || BPF_CORE_READ(vma, vm_mm) != mm)
		return false;
	found->start = BPF_CORE_READ(vma, vm_start);
	found->end = BPF_CORE_READ(vma, vm_end);
	found->kind = pf_kind_of(BPF_CORE_READ(vma, vm_flags), BPF_CORE_READ(vma, vm_ops));
	return found->start <= address && address < found->end;
}

/* False = this kernel has none, or the mappings are being changed: nothing is remembered. */
static __always_inline bool pf_mappings_sequence(struct mm_struct *mm, __u32 *sequence)
{
	struct mm_struct___counted *counted = (void *)mm;
	struct mm_struct___locked *locked = (void *)mm;

	if (bpf_core_field_exists(counted->mm_lock_seq.sequence)) {
		*sequence = counted->mm_lock_seq.sequence;
		return !(*sequence & 1);
	}
	if (bpf_core_field_exists(locked->mm_lock_seq)) {
		*sequence = locked->mm_lock_seq;
		return true;
	}
	return false;
}

static __always_inline bool pf_remembers(const struct pf_mapping *m, struct task_struct *task,
					 struct mm_struct *mm, __u32 sequence,
					 unsigned long address)
{
	return m->mm == (__u64)mm && m->sequence == sequence && m->tgid == (__u32)task->tgid &&
	       m->exec_id == task->self_exec_id && m->start <= address && address < m->end;
}

/* Asks the tree, and remembers the answer. Not inlined: the way without it shall need little stack. */
static __noinline __u32 pf_ask_mapping(struct pf_mapping *last, struct task_struct *task,
				       struct mm_struct *mm, unsigned long address)
{
	struct pf_mapping found = {};
	__u32 sequence = 0;
	bool steady;

	if (!task || !mm)
		return 0;
	steady = pf_mappings_sequence(mm, &sequence);
	if (!pf_look_up(mm, address, &found))
		return 0;
	if (!last || last->writing || !steady)
		return found.kind;
	last->writing = 1;
	barrier();
	last->mm = (__u64)mm;
	last->exec_id = task->self_exec_id;
	last->start = found.start;
	last->end = found.end;
	last->tgid = task->tgid;
	last->sequence = sequence;
	last->kind = found.kind;
	barrier();
	last->writing = 0;
	return found.kind;
}

/* enum pf_mapping_kind; 0 = not found. For the current task. */
static __always_inline __u32 pf_mapping_kind(struct task_struct *task, struct mm_struct *mm,
					     unsigned long address)
{
	__u32 zero = 0, sequence = 0;
	struct pf_mapping *last = bpf_map_lookup_elem(&pf_mappings, &zero);

	if (last && !last->writing && pf_mappings_sequence(mm, &sequence) &&
	    pf_remembers(last, task, mm, sequence, address))
		return last->kind;
	return pf_ask_mapping(last, task, mm, address);
}

#endif
