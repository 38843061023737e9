/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What tracing every allocation costs, as tracers of this kind go about it:
 * a program at malloc's entry keeps the size by thread, one at its return walks
 * the frame pointers and keeps address, size, stack and time, one at free's
 * entry forgets them; totals by stack are kept up to date on both sides.
 */
#include <linux/ptrace.h>
#include "bpf/kernel.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct block {
	__u64 bytes;
	__u64 time_ns;
	__u64 stack;
};

struct total {
	__u64 bytes;
	__u64 blocks;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, __u64);
} pf_full_sizes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1000000);
	__type(key, __u64);
	__type(value, struct block);
} pf_full_blocks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u64);
	__type(value, struct total);
} pf_full_totals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 10240);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, 127 * sizeof(__u64));
} pf_full_stacks SEC(".maps");

static void add(__u64 stack, __s64 bytes, __s64 blocks)
{
	struct total *total = bpf_map_lookup_elem(&pf_full_totals, &stack);

	if (!total) {
		struct total first = {};

		bpf_map_update_elem(&pf_full_totals, &stack, &first, BPF_NOEXIST);
		total = bpf_map_lookup_elem(&pf_full_totals, &stack);
		if (!total)
			return;
	}
	__sync_fetch_and_add(&total->bytes, bytes);
	__sync_fetch_and_add(&total->blocks, blocks);
}

SEC("uprobe")
int pf_full_malloc(struct pt_regs *ctx)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	__u64 bytes = PT_REGS_PARM1(ctx);

	bpf_map_update_elem(&pf_full_sizes, &tid, &bytes, BPF_ANY);
	return 0;
}

SEC("uretprobe")
int pf_full_return(struct pt_regs *ctx)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	__u64 address = PT_REGS_RC(ctx), *bytes;
	struct block block = {};

	bytes = bpf_map_lookup_elem(&pf_full_sizes, &tid);
	if (!bytes)
		return 0;
	block.bytes = *bytes;
	bpf_map_delete_elem(&pf_full_sizes, &tid);
	if (!address)
		return 0;
	block.time_ns = bpf_ktime_get_ns();
	block.stack = (__u64)bpf_get_stackid(ctx, &pf_full_stacks, BPF_F_USER_STACK);
	bpf_map_update_elem(&pf_full_blocks, &address, &block, BPF_ANY);
	add(block.stack, (__s64)block.bytes, 1);
	return 0;
}

SEC("uprobe")
int pf_full_free(struct pt_regs *ctx)
{
	__u64 address = PT_REGS_PARM1(ctx);
	struct block *block = bpf_map_lookup_elem(&pf_full_blocks, &address);
	struct block was;

	if (!block)
		return 0;
	was = *block;
	bpf_map_delete_elem(&pf_full_blocks, &address);
	add(was.stack, -(__s64)was.bytes, -1);
	return 0;
}
