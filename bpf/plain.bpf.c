/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counts fault events where nothing newer than Linux 4.14 is to be had: no type
 * information of the kernel and so no kernel structure, no variables and no
 * constants outside the maps, no loop, no call between functions, the first
 * instruction set. tests/lint/plain-bpf holds the object to that.
 *
 * So it knows a process only by its number, and counts in a table by that
 * number. Which of them are alive, whose they are and what they use is read
 * from /proc by lib/observe/plain.c, which also takes the dead ones out.
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <bpf/bpf_helpers.h>

#include "bpf/plain_abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* By pid in the initial namespace. All memory at once: a program at a fault may not ask for more. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024); /* set by the loader */
	__type(key, __u32);
	__type(value, struct pf_plain_count);
} pf_plain_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pf_plain_options);
} pf_plain_opts SEC(".maps");

/* Events that found the table full. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} pf_plain_lost SEC(".maps");

static __always_inline void pf_lose_event(void)
{
	__u32 zero = 0;
	__u64 *lost = bpf_map_lookup_elem(&pf_plain_lost, &zero);

	if (lost)
		__sync_fetch_and_add(lost, 1);
}

/* Two threads may both add: the second finds the first one's entry. */
static __always_inline struct pf_plain_count *pf_add_process(__u32 tgid)
{
	struct pf_plain_count none = {}, *count;
	struct pf_plain_options *opts;
	__u32 zero = 0;

	opts = bpf_map_lookup_elem(&pf_plain_opts, &zero);
	if (!opts || opts->only_named)
		return NULL;
	bpf_map_update_elem(&pf_plain_counts, &tgid, &none, BPF_NOEXIST);
	count = bpf_map_lookup_elem(&pf_plain_counts, &tgid);
	if (!count)
		pf_lose_event();
	return count;
}

static __always_inline void pf_count_event(bool user)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct pf_plain_count *count = bpf_map_lookup_elem(&pf_plain_counts, &tgid);

	if (!count)
		count = pf_add_process(tgid);
	if (!count)
		return;
	if (user)
		__sync_fetch_and_add(&count->user, 1);
	else
		__sync_fetch_and_add(&count->kernel, 1);
}

/* As in events/exceptions/page_fault_kernel/format. */
struct pf_exception {
	__u64 common;
	__u64 address;
	__u64 ip;
	__u64 error_code;
};

SEC("tracepoint/exceptions/page_fault_user")
int pf_plain_user(struct pf_exception *ctx)
{
	pf_count_event(true);
	return 0;
}

/* Kernel mode faults on its own addresses too (vmalloc, bad pointers): not our business. */
SEC("tracepoint/exceptions/page_fault_kernel")
int pf_plain_kernel(struct pf_exception *ctx)
{
	if ((__s64)ctx->address >= 0)
		pf_count_event(false);
	return 0;
}

/* Registers can only be read whole, hence volatile: the compiler would read the byte it needs. */
static __always_inline bool pf_user_mode(struct bpf_perf_event_data *ctx)
{
#if defined(__TARGET_ARCH_x86)
	return *(volatile unsigned long *)&ctx->regs.cs & 3;
#elif defined(__TARGET_ARCH_arm64)
	return !(*(volatile __u64 *)&ctx->regs.pstate & 0xf);
#else
#error "how does this architecture tell user mode from kernel mode?"
#endif
}

/* The software event page-faults: on user addresses only, wherever they are touched from. */
SEC("perf_event")
int pf_plain_perf(struct bpf_perf_event_data *ctx)
{
	pf_count_event(pf_user_mode(ctx));
	return 0;
}
