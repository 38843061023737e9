/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Watches the allocator of one process. Bytes are counted down on each CPU to
 * the next sample, with exponential gaps: what is drawn does not depend on how
 * the bytes are cut into calls. Only a sampled call is waited for at its
 * return, where its stack is taken and its address is remembered; a free that
 * finds no mark for its address ends there. A call within a sampled one is part
 * of it. Unwinds nothing.
 *
 * Two ways of being called: by sessions (since 6.13, d920179b3d48), where the
 * program says at the entry whether the return is to be trapped; or by
 * an entry and a return program each, where every return is trapped.
 */
#include "bpf/pf_abi.h"
#include "bpf/allocs_abi.h"
#include "bpf/ring.bpf.h"
#include "bpf/namespace.bpf.h"
#include "bpf/stack.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PF_RETURN 0 /* a session's entry: have the return, too */
#define PF_SKIP	  1

const volatile bool pf_alc_cookies = true; /* places come as cookies, else by address */
const volatile bool pf_alc_chain = false;  /* frame pointers, not a copy of the stack */
const volatile __s32 pf_alc_pid = 0;	   /* in the reader's namespace */
const volatile __u64 pf_alc_least = 0;	   /* bytes asked for that are looked at */
const volatile __u64 pf_alc_most = ~0ULL;
const volatile __u32 pf_alc_log2[PF_ALLOC_LOG2 + 1] = {}; /* of 1 to 2, by 2^-16 */

__u32 pf_alc_gap = 0;	/* bytes from sample to sample, mean; 1 = all, 0 = calls are counted only */
__u32 pf_alc_held = 0;	/* the gap is not to be changed here */
__u32 pf_alc_over = 0;	/* the program has ended, or is another */
__u32 pf_alc_burst = 0; /* samples since the gap was looked at */
__u32 pf_alc_serial = 0;
__s32 pf_alc_tgid = 0;	  /* global */
__u32 pf_alc_deep = 0;	  /* stacks are copied deeper */
__u64 pf_alc_samples = 0; /* calls that were drawn */
__u64 pf_alc_lost = 0;	  /* ... but found the ring full, or no memory */
__u64 pf_alc_full = 0;	  /* ... or no room in pf_alc_live */
__u64 pf_alc_failed = 0;  /* ... or returned NULL */
__u64 pf_alc_freed = 0;	  /* sampled ones */
__u32 pf_alc_marks[PF_ALLOC_MARKS] = {};
struct pf_alloc_cpu pf_alc_cpus[PF_ALLOC_CPUS] = {};

/* Address to serial. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PF_ALLOC_LIVE_MAX);
	__type(key, __u64);
	__type(value, __u64);
} pf_alc_live SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct pf_alloc_call);
} pf_alc_calls SEC(".maps");

/* By the probe's address, where there are no cookies. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PF_ALLOC_PLACES);
	__type(key, __u64);
	__type(value, struct pf_alloc_place);
} pf_alc_places SEC(".maps");

/* ---- registers ------------------------------------------------------------- */

#if defined(__TARGET_ARCH_x86)
#define PF_SP_AT_RETURN 8 /* the return address is gone */
#define PF_REG_ARG	14
#define PF_REG_RESULT	10
#else
#define PF_SP_AT_RETURN 0
#define PF_REG_ARG	0
#define PF_REG_RESULT	0
#endif

/* A context is read at constant offsets only: nothing else is to be made of this. */
#define PF_REG(n) (((const volatile __u64 *)ctx)[n])
#define PF_REG_CASE(n)                                                                             \
	case (n) + 1:                                                                              \
		asm volatile("%0 = *(u64 *)(%1 + %2)" : "=r"(value) : "r"(ctx), "i"((n)*8));       \
		return value;

static __always_inline __u64 pf_reg(struct pt_regs *ctx, __u8 which)
{
	__u64 value;

	switch (which) {
		PF_REG_CASE(0)
		PF_REG_CASE(1)
		PF_REG_CASE(2)
		PF_REG_CASE(3)
		PF_REG_CASE(4)
		PF_REG_CASE(5)
		PF_REG_CASE(6)
		PF_REG_CASE(7)
		PF_REG_CASE(8)
		PF_REG_CASE(9)
		PF_REG_CASE(10)
		PF_REG_CASE(11)
		PF_REG_CASE(12)
		PF_REG_CASE(13)
		PF_REG_CASE(14)
#if !defined(__TARGET_ARCH_x86)
		PF_REG_CASE(15)
		PF_REG_CASE(16)
		PF_REG_CASE(17)
		PF_REG_CASE(18)
		PF_REG_CASE(19)
		PF_REG_CASE(20)
		PF_REG_CASE(21)
		PF_REG_CASE(22)
		PF_REG_CASE(23)
		PF_REG_CASE(24)
		PF_REG_CASE(25)
		PF_REG_CASE(26)
		PF_REG_CASE(27)
		PF_REG_CASE(28)
#endif
	default:
		return 0;
	}
}

static __always_inline bool pf_place(struct pt_regs *ctx, struct pf_alloc_place *place)
{
	struct pf_alloc_place *found;
	__u64 cookie, ip;

	if (pf_alc_cookies) {
		cookie = bpf_get_attach_cookie(ctx);
		__builtin_memcpy(place, &cookie, sizeof(*place));
		return true;
	}
	ip = PF_REG(PF_REG_IP);
	found = bpf_map_lookup_elem(&pf_alc_places, &ip);
	if (found)
		*place = *found;
	return found;
}

/* ---- what is remembered ---------------------------------------------------- */

static __always_inline __u32 *pf_mark(__u64 address)
{
	/* The low bits are the same for all, the high ones nearly. */
	return &pf_alc_marks[((address >> 4) * 0x9e3779b97f4a7c15ULL >> 40) & (PF_ALLOC_MARKS - 1)];
}

/* 0 = it was not sampled. */
static __always_inline __u64 pf_forget(__u64 address)
{
	__u64 *found, serial;

	if (!*pf_mark(address))
		return 0;
	found = bpf_map_lookup_elem(&pf_alc_live, &address);
	if (!found)
		return 0;
	serial = *found;
	if (bpf_map_delete_elem(&pf_alc_live, &address))
		return 0; /* another thread was faster */
	__sync_fetch_and_add(pf_mark(address), -1);
	return serial;
}

static __always_inline bool pf_remember(__u64 address, __u64 serial)
{
	/* What had this address was freed in a way that we do not see. */
	pf_forget(address);
	__sync_fetch_and_add(pf_mark(address), 1);
	if (!bpf_map_update_elem(&pf_alc_live, &address, &serial, BPF_NOEXIST))
		return true;
	__sync_fetch_and_add(pf_mark(address), -1);
	__sync_fetch_and_add(&pf_alc_full, 1);
	return false;
}

/* ---- which ones ------------------------------------------------------------ */

/* -ln of a number between 0 and 1, times the gap. */
static __always_inline __s64 pf_next_gap(__u32 gap)
{
	__u32 draw = bpf_get_prandom_u32() | 1, top, high, at;
	__u64 log2; /* by 2^-16 */

	top = draw >> 16 ? 16 : 0;
	if (draw >> top >> 8)
		top += 8;
	if (draw >> top >> 4)
		top += 4;
	if (draw >> top >> 2)
		top += 2;
	if (draw >> top >> 1)
		top += 1;
	high = draw << (31 - top); /* its highest bit is the first one */
	at = high >> 23 & (PF_ALLOC_LOG2 - 1);
	log2 = ((__u64)top << 16) + pf_alc_log2[at] +
	       ((__u64)(pf_alc_log2[at + 1] - pf_alc_log2[at]) * (high & 0x7fffff) >> 23);
	/* ln 2 is 45426 / 65536 */
	return (((32ULL << 16) - log2) * 45426 >> 16) * gap >> 16;
}

/* The gap with which it was drawn; 0 = it was not. */
static __always_inline __u32 pf_drawn(struct pf_alloc_cpu *cpu, __u64 size)
{
	__u32 gap = pf_alc_gap;

	if (gap <= 1)
		return gap;
	if (cpu->gap != gap) {
		/* Such a gap has no memory: it may begin anywhere. */
		cpu->gap = gap;
		cpu->left = pf_next_gap(gap);
	}
	if ((__s64)size <= cpu->left && size <= PF_ALLOC_GAP_MAX) {
		cpu->left -= size;
		return 0;
	}
	cpu->left = pf_next_gap(gap);
	return gap;
}

/* More than what was meant, and nobody has looked since. */
static __always_inline void pf_restrain(void)
{
	__u32 gap = pf_alc_gap;

	if (pf_alc_held || __sync_fetch_and_add(&pf_alc_burst, 1) < PF_ALLOC_BURST)
		return;
	pf_alc_burst = 0;
	if (gap < PF_ALLOC_GAP_MAX)
		pf_alc_gap = gap > 1 ? gap * 2 : 64;
}

/* ---- the sample ------------------------------------------------------------ */

static __always_inline void pf_fill_alloc(struct pf_stack_sample *s, struct task_struct *task,
					  struct pt_regs *ctx, const struct pf_alloc_call *call,
					  __u64 address, __u32 serial)
{
	pf_begin_sample(s, task, PF_STACK_USER);
	s->seen = call->size;
	s->address = address;
	s->serial = serial;
	s->weight = call->gap;
	if (bpf_probe_read_kernel(s->regs, PF_REGS_BYTES, ctx))
		return;
	s->flags |= pf_regs_flags(s->regs);
	s->sp = s->regs[PF_REG_SP];
}

#define PF_SEND(type, copy)                                                                        \
	({                                                                                         \
		type *r = bpf_ringbuf_reserve(&pf_ring, sizeof(*r), 0);                            \
		bool __sent = false;                                                               \
		if (r) {                                                                           \
			pf_fill_alloc(&r->sample, task, ctx, call, address, serial);               \
			copy;                                                                      \
			__sent = pf_remember(address, serial);                                     \
			if (__sent)                                                                \
				bpf_ringbuf_submit(r, pf_ring_wakeup());                           \
			else                                                                       \
				bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);                          \
		} else {                                                                           \
			__sync_fetch_and_add(&pf_alc_lost, 1);                                     \
		}                                                                                  \
		__sent;                                                                            \
	})

static __always_inline void pf_send(struct pt_regs *ctx, struct task_struct *task,
				    const struct pf_alloc_call *call, __u64 address)
{
	__u32 serial = __sync_fetch_and_add(&pf_alc_serial, 1) + 1;

	if (pf_alc_chain)
		PF_SEND(struct pf_stack_chain, ({
				r->sample.chain_bytes = bpf_get_stack(
					ctx, r->chain, sizeof(r->chain), BPF_F_USER_STACK);
				r->sample.flags |= PF_STACK_CHAINED;
			}));
	else if (pf_alc_deep)
		PF_SEND(struct pf_stack_deep,
			pf_copy_stack(&r->sample, r->stack, PF_STACK_PAGES_DEEP, task));
	else
		PF_SEND(struct pf_stack_short,
			pf_copy_stack(&r->sample, r->stack, PF_STACK_PAGES, task));
}

/* ---- calls ----------------------------------------------------------------- */

static __always_inline struct pf_alloc_cpu *pf_cpu(void)
{
	return &pf_alc_cpus[bpf_get_smp_processor_id() & (PF_ALLOC_CPUS - 1)];
}

/* Inside of another one? Not if that was left by an exception, or by longjmp. */
static __always_inline bool pf_is_inside(const struct pf_alloc_call *call, __u64 sp, __u64 ip,
					 __u64 now)
{
	return call->active && sp <= call->sp && !(sp == call->sp && ip == call->ip) &&
	       now - call->begin_ns < PF_ALLOC_STALE_NS;
}

static __noinline int pf_begin(struct pt_regs *ctx, __u64 size, __u32 gap, __u64 old, __u64 out)
{
	const __u64 sp = PF_REG(PF_REG_SP);
	const __u64 ip = PF_REG(PF_REG_IP);
	__u64 now = bpf_ktime_get_ns();
	struct pf_alloc_call *call;

	call = bpf_task_storage_get(&pf_alc_calls, pf_current(), NULL,
				    BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!call) {
		__sync_fetch_and_add(&pf_alc_lost, 1);
		return PF_SKIP;
	}
	if (pf_is_inside(call, sp, ip, now))
		return PF_SKIP;
	call->sp = sp;
	call->ip = ip;
	call->begin_ns = now;
	call->size = size;
	call->gap = gap;
	call->out = out;
	call->old = old;
	call->old_serial = old ? pf_forget(old) : 0;
	if (!gap && !call->old_serial) {
		call->active = 0;
		return PF_SKIP;
	}
	call->active = 1;
	return PF_RETURN;
}

static __always_inline int pf_on_alloc(struct pt_regs *ctx, __u64 size, __u64 old, __u64 out)
{
	struct pf_alloc_cpu *cpu = pf_cpu();
	__u32 gap = 0;

	if (pf_alc_over)
		return PF_SKIP;
	cpu->calls++;
	cpu->bytes += size;
	if (size >= pf_alc_least && size <= pf_alc_most)
		gap = pf_drawn(cpu, size);
	if (!gap && !(old && *pf_mark(old)))
		return PF_SKIP;
	return pf_begin(ctx, size, gap, old, out);
}

static __always_inline int pf_on_free(__u64 address)
{
	if (pf_alc_over)
		return 0;
	pf_cpu()->frees++;
	if (pf_forget(address))
		__sync_fetch_and_add(&pf_alc_freed, 1);
	return 0;
}

/* What was resized is the old one still, where that has failed. */
static __always_inline void pf_end_old(struct pf_alloc_call *call, __u64 address)
{
	if (!call->old_serial)
		return;
	if (!address && call->size)
		pf_remember(call->old, call->old_serial);
	else
		__sync_fetch_and_add(&pf_alc_freed, 1);
}

static __noinline int pf_on_return(struct pt_regs *ctx)
{
	struct task_struct *task = pf_current();
	const __u64 sp = PF_REG(PF_REG_SP);
	__u64 address = PF_REG(PF_REG_RESULT);
	struct pf_alloc_call *call;

	call = bpf_task_storage_get(&pf_alc_calls, task, NULL, 0);
	if (!call || !call->active || sp != call->sp + PF_SP_AT_RETURN)
		return 0;
	call->active = 0;
	if (pf_alc_over)
		return 0;
	if (call->out) {
		__u64 failed = address & 0xffffffff; /* an int */

		address = 0;
		if (!failed)
			bpf_probe_read_user(&address, sizeof(address), (void *)call->out);
	}
	pf_end_old(call, address);
	if (!call->gap)
		return 0;
	__sync_fetch_and_add(&pf_alc_samples, 1);
	pf_restrain();
	if (address)
		pf_send(ctx, task, call, address);
	else
		__sync_fetch_and_add(&pf_alc_failed, 1);
	return 0;
}

static __always_inline int pf_on_any(struct pt_regs *ctx)
{
	struct pf_alloc_place p;
	__u64 size;

	if (!pf_place(ctx, &p))
		return PF_SKIP;
	size = pf_reg(ctx, p.size);
	if (p.times)
		size *= pf_reg(ctx, p.times);
	return pf_on_alloc(ctx, size, pf_reg(ctx, p.old), pf_reg(ctx, p.out));
}

/* ---- by sessions ----------------------------------------------------------- */

/*
 * bpf_session_is_return() had no arguments at first and has one now: libbpf takes
 * only one of them for all kernels. At the entry we are at the probe, and at the
 * return where the caller goes on.
 */
static __always_inline bool pf_is_return(struct pt_regs *ctx)
{
	return PF_REG(PF_REG_IP) != bpf_get_func_ip(ctx);
}

SEC("uprobe")
int pf_alc_malloc(struct pt_regs *ctx)
{
	if (pf_is_return(ctx))
		return pf_on_return(ctx);
	return pf_on_alloc(ctx, PF_REG(PF_REG_ARG), 0, 0);
}

SEC("uprobe")
int pf_alc_any(struct pt_regs *ctx)
{
	if (pf_is_return(ctx))
		return pf_on_return(ctx);
	return pf_on_any(ctx);
}

/* ---- by entries and returns ------------------------------------------------ */

/* A child of vfork has our memory for a while. */
static __always_inline bool pf_is_ours(void)
{
	return (__s32)(bpf_get_current_pid_tgid() >> 32) == pf_alc_tgid;
}

SEC("uprobe")
int pf_alc_malloc_e(struct pt_regs *ctx)
{
	if (pf_is_ours())
		pf_on_alloc(ctx, PF_REG(PF_REG_ARG), 0, 0);
	return 0;
}

SEC("uprobe")
int pf_alc_any_e(struct pt_regs *ctx)
{
	if (pf_is_ours())
		pf_on_any(ctx);
	return 0;
}

SEC("uprobe")
int pf_alc_return(struct pt_regs *ctx)
{
	return pf_on_return(ctx);
}

/* ---- either way ------------------------------------------------------------ */

SEC("uprobe")
int pf_alc_free(struct pt_regs *ctx)
{
	return pf_on_free(PF_REG(PF_REG_ARG));
}

SEC("uprobe")
int pf_alc_give(struct pt_regs *ctx)
{
	struct pf_alloc_place p;

	return pf_place(ctx, &p) ? pf_on_free(pf_reg(ctx, p.old)) : 0;
}

static __always_inline void pf_tell(struct task_struct *task, enum pf_stack_kind kind)
{
	struct pf_stack_event e = {};

	if (!pf_alc_tgid || task->tgid != pf_alc_tgid)
		return;
	pf_alc_over = 1;
	pf_fill_event(&e, task, kind);
	if (bpf_ringbuf_output(&pf_ring, &e, sizeof(e), BPF_RB_FORCE_WAKEUP))
		__sync_fetch_and_add(&pf_ring_lost, 1);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(pf_alc_exec, struct task_struct *task)
{
	pf_tell(task, PF_STACK_EXEC);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(pf_alc_exit, struct task_struct *task)
{
	if (task->signal->live.counter == 0)
		pf_tell(task, PF_STACK_EXIT);
	return 0;
}

/* A pass over all threads: which one is meant. */
SEC("iter/task")
int pf_alc_pass(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct pf_stack_event e = {};

	if (ctx->meta->seq_num == 0)
		pf_note_reader();
	if (!task || task != task->group_leader || (task->flags & PF_KERNEL_PF_KTHREAD) ||
	    pf_pid_for_reader(task) != pf_alc_pid)
		return 0;
	pf_alc_tgid = task->tgid;
	pf_fill_event(&e, task, PF_STACK_NAMED);
	bpf_seq_write(ctx->meta->seq, &e, sizeof(e));
	return 0;
}
