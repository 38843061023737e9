/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where a CPU's own part of a per-CPU value is, for values that are not ours. */
#ifndef PF_BPF_RULER_BPF_H
#define PF_BPF_RULER_BPF_H

#include "bpf/kernel.bpf.h"

/*
 * How far each CPU's memory is from the address that stands for all of theirs.
 * The kernel's own table of that is out of reach where kallsyms leaves out data,
 * but a per-CPU array of ours has both addresses.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} pf_cpu_ruler SEC(".maps");

/* A pointer as a plain number: what the verifier knows of it does not survive the copy. */
static __always_inline __u64 pf_number_of(const void *pointer)
{
	const void *volatile held = pointer;
	__u64 number = 0;

	bpf_probe_read_kernel(&number, sizeof(number), (const void *)&held);
	return number;
}

/* Of the address that stands for all CPUs' memory. */
static __always_inline __u64 pf_ruler_base(void)
{
	__u64 base = 0, array = pf_number_of(&pf_cpu_ruler);

	bpf_probe_read_kernel(&base, sizeof(base),
			      (void *)array + bpf_core_field_offset(struct bpf_array, pptrs));
	return base;
}

#endif
