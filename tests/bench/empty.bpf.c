/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What any program at a fault, and at a change of a memory counter, costs: they do nothing. */
#include "bpf/kernel.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/page_fault_user")
int BPF_PROG(pf_empty, unsigned long address)
{
	return 0;
}

SEC("tp_btf/rss_stat")
int BPF_PROG(pf_empty_rss, struct mm_struct *mm, int member)
{
	return 0;
}
