/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Samples page faults with the stacks that led to them. Each thread counts its
 * faults in its own storage; now and then it looks after its process, which is
 * hot when it was named or has come above a rate. Of a hot process each fault
 * is drawn by itself with the same chance, which follows its rate. What a
 * sampled fault moved is told when it is over, by a record of its own. Unwinds
 * nothing: registers and a piece of the stack go to user space.
 *
 * A fault of a process that is not hot costs next to nothing: by the kernel's
 * own count one in sixteen is looked at, and so many others are known of.
 */
#include "bpf/pf_abi.h"
#include "bpf/stacks_abi.h"
#include "bpf/filter.bpf.h"
#include "bpf/ring.bpf.h"
#include "bpf/class.bpf.h"
#include "bpf/exception.bpf.h"
#include "bpf/namespace.bpf.h"
#include "bpf/moves.bpf.h"
#include "bpf/stack.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile bool pf_stack_classes = false; /* memory counters are seen to move */
const volatile bool pf_stack_chain = false;   /* frame pointers, not a copy of the stack */
const volatile __u32 pf_stack_hz = 49;	      /* samples a second of each hot process */
const volatile __u32 pf_stack_every = 0;      /* instead: each thread's every so manyth fault */
const volatile __u32 pf_stack_min_rate = 500; /* faults a second that make a process hot */
const volatile __u32 pf_stack_burst = 16;     /* samples in a window before the gap is looked at */
const volatile bool pf_stack_by_page = false; /* a page is drawn each time or never */
const volatile __u32 pf_page_shift = 12;

__u64 pf_stack_lost = 0;    /* samples that found the ring full */
__u64 pf_stack_unseen = 0;  /* faults for which there was no memory to count them in */
__u64 pf_stack_samples = 0; /* taken, lost ones included */
__u64 pf_stack_nested = 0;  /* faults of our own, which left out a program that was at work */

/*
 * Which processes are hot, or were, by the last bits of their pid: a fault of
 * any other is over at once. Set by each look at a hot one; user space takes
 * all back now and then.
 */
__u8 pf_stack_hot[PF_STACK_HOT_MARKS] = {};
__u64 pf_stack_hot_ns = 0; /* of the last look, not to the last tenth of a second */
__u32 pf_stack_watch = 0;  /* pf_stk_rss runs, and sees all; another number each time; 0 = not */

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct pf_stack_thread);
} pf_stk_threads SEC(".maps");

/* Of group leaders. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct pf_stack_process);
} pf_stk_procs SEC(".maps");

/* Processes whose stacks are longer than the usual copy, by global pid. User space says so. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, PF_STACK_DEEP_MAX);
	__type(key, __u32);
	__type(value, __u8);
} pf_stk_deep SEC(".maps");

static __always_inline void pf_tell(struct task_struct *task, const struct pf_stack_process *p,
				    enum pf_stack_kind kind, __u32 faults, __u64 window_ns)
{
	struct pf_stack_event e = {};

	pf_fill_event(&e, task, kind);
	if (!e.head.pid)
		return;
	e.seen = p->seen;
	e.window_faults = faults;
	e.window_ns = window_ns;
	/* Of a process that may be gone in a moment: its mappings are to be read now. */
	if (bpf_ringbuf_output(&pf_ring, &e, sizeof(e), BPF_RB_FORCE_WAKEUP))
		__sync_fetch_and_add(&pf_ring_lost, 1);
}

/* ---- how often ------------------------------------------------------------- */

static __always_inline __u32 pf_gap_for(__u64 faults, __u64 elapsed_ns)
{
	__u64 rate;

	if (elapsed_ns < 100000)
		elapsed_ns = 100000;
	rate = faults * 1000000000ULL / elapsed_ns;
	return rate > pf_stack_hz ? rate / pf_stack_hz : 1;
}

static __always_inline bool pf_may_be_hot(struct task_struct *task)
{
	return pf_stack_hot[(__u32)task->tgid % PF_STACK_HOT_MARKS];
}

__s32 pf_stack_reader = 0; /* the process that reads this, by global pid */

/* We and our helper would be looking at ourselves. */
static __always_inline bool pf_is_ours(struct task_struct *task)
{
	return task->tgid == pf_stack_reader || task->real_parent->tgid == pf_stack_reader;
}

/* A process that was not hot has come above the rate. */
static __always_inline void pf_heat(struct pf_stack_process *p, struct task_struct *task,
				    __u64 elapsed_ns)
{
	__u32 gap = pf_gap_for(p->window_faults, elapsed_ns);

	p->gap = gap < PF_STACK_GAP_HOT ? gap : PF_STACK_GAP_HOT;
	p->window_samples = 0;
	p->known = 1;
	pf_tell(task, p, PF_STACK_HOT, p->window_faults, elapsed_ns);
}

/* A second or more is over: the next one's gap is from this one's rate. */
static __always_inline void pf_next_window(struct pf_stack_process *p, struct task_struct *task,
					   __u64 now, __u64 elapsed_ns)
{
	__u32 faults = p->window_faults;
	__u64 rate = (__u64)faults * 1000000000ULL / elapsed_ns;

	p->window_ns = now;
	p->window_faults = 0;
	p->window_samples = 0;
	if (!p->gap)
		return;
	if (pf_stack_by_page) {
		/* What was not drawn meanwhile is missed when the gap is less again. */
		if (pf_gap_for(faults, elapsed_ns) > p->gap)
			p->gap = pf_gap_for(faults, elapsed_ns);
	} else if (!pf_by_pid && rate < pf_stack_min_rate) {
		p->gap = 0;
		pf_tell(task, p, PF_STACK_COLD, faults, elapsed_ns);
	} else {
		p->gap = pf_gap_for(faults, elapsed_ns);
	}
}

/* User space may be about to take it back: then the next look sets it again. */
static __always_inline void pf_stay_hot(struct task_struct *task, __u64 now)
{
	if (now - pf_stack_hot_ns >= PF_STACK_TENTH_NS)
		pf_stack_hot_ns = now;
	if (!pf_may_be_hot(task))
		pf_stack_hot[(__u32)task->tgid % PF_STACK_HOT_MARKS] = 1;
}

static __always_inline void pf_look_after(struct pf_stack_process *p, struct pf_stack_thread *own,
					  struct task_struct *task)
{
	__u64 now = bpf_ktime_get_ns(), elapsed_ns;
	__u32 faults = own->faults;

	own->faults = 0;
	own->batch = PF_STACK_BATCH;
	own->told = pf_accounted(task) + 1;
	if (!p->window_ns) {
		p->window_ns = now;
		p->gap = pf_by_pid ? 1 : 0;
	}
	__sync_fetch_and_add(&p->seen, faults);
	__sync_fetch_and_add(&p->window_faults, faults);
	elapsed_ns = now - p->window_ns;
	if ((__s64)elapsed_ns >= (__s64)PF_STACK_WINDOW_NS)
		pf_next_window(p, task, now, elapsed_ns);
	else if (!p->gap && p->window_faults >= pf_stack_min_rate && !pf_is_ours(task))
		pf_heat(p, task, elapsed_ns);
	own->gap = p->gap;
	if (p->gap)
		pf_stay_hot(task, now);
}

/*
 * One in sixteen, by a number that the kernel counts anyway, spread so that no
 * step of it is never met: a fault that is none of ours counts there, too.
 */
static __always_inline bool pf_is_looked_at(struct task_struct *task)
{
	return (pf_accounted(task) * 2654435769U) >> PF_STACK_STEP_SHIFT == 0;
}

/* While it was not hot only the kernel counted. Of a thread that is new to us: those in the mean. */
static __always_inline void pf_catch_up(struct pf_stack_thread *own, struct task_struct *task)
{
	__u32 faults = pf_accounted(task) + 1;

	if (own->batch)
		own->faults = faults - own->told;
	else
		own->faults = faults < PF_STACK_STEP ? faults : PF_STACK_STEP;
}

static __always_inline struct pf_stack_process *pf_process_of(struct task_struct *task)
{
	return bpf_task_storage_get(&pf_stk_procs, task->group_leader, NULL,
				    BPF_LOCAL_STORAGE_GET_F_CREATE);
}

/* Too many samples for a second that is not over: the rate has grown since the gap was chosen. */
static __always_inline void pf_restrain(struct pf_stack_process *p)
{
	__u32 samples = p->window_samples + 1, wanted;

	p->window_samples = samples;
	if (pf_stack_every || samples % pf_stack_burst)
		return;
	wanted = pf_gap_for(p->window_faults, bpf_ktime_get_ns() - p->window_ns);
	if (wanted <= p->gap)
		return;
	p->gap = wanted < p->gap * PF_STACK_GROW ? wanted : p->gap * PF_STACK_GROW;
}

/* Each thread begins anywhere in its stride, or threads of few faults would never be seen. */
static __always_inline bool pf_at_stride(struct pf_stack_thread *own)
{
	if (!own->left)
		own->left = 1 + bpf_get_prandom_u32() % pf_stack_every;
	if (--own->left)
		return false;
	own->left = pf_stack_every;
	return true;
}

static __always_inline bool pf_is_sampled(struct pf_stack_thread *own, unsigned long address)
{
	if (!own->gap)
		return false;
	if (pf_stack_by_page)
		return PF_STACK_DRAWN(pf_stack_lot(address >> pf_page_shift), own->gap);
	if (pf_stack_every)
		return pf_at_stride(own);
	return PF_STACK_DRAWN(bpf_get_prandom_u32(), own->gap);
}

/* ---- what a sampled fault did ---------------------------------------------- */

/* Were its moves seen, to the end? */
static __always_inline bool pf_is_told(const struct pf_stack_thread *own)
{
	return pf_stack_classes && own->watch && own->watch == (__u8)pf_stack_watch;
}

static __always_inline void pf_fill_settled(struct pf_stack_settled *s, struct pf_stack_thread *own,
					    struct task_struct *task)
{
	pf_fill_head(&s->head, task, PF_STACK_SETTLED);
	s->serial = own->serial;
	s->class = -1;
	if (!pf_is_told(own))
		return;
	s->class = PF_EV_OTHER;
	if (own->mark == pf_accounted(task))
		return; /* it has failed: what moved since then was not its doing */
	s->class = pf_class(own->pending, own->moved);
	__builtin_memcpy(s->pages, own->pages, sizeof(s->pages));
}

static __always_inline void pf_settle(struct pf_stack_thread *own, struct task_struct *task)
{
	struct pf_stack_settled s = {};

	if (!(own->pending & PF_PENDING))
		return;
	pf_fill_settled(&s, own, task);
	own->pending = 0;
	if (bpf_ringbuf_output(&pf_ring, &s, sizeof(s), BPF_RB_NO_WAKEUP))
		__sync_fetch_and_add(&pf_ring_lost, 1);
}

static __always_inline void pf_arm(struct pf_stack_thread *own, struct task_struct *task,
				   unsigned long address, __u32 access)
{
	__u8 pending = PF_PENDING;

	own->address = address;
	own->moved = 0;
	own->mark = pf_accounted(task);
	own->watch = pf_stack_watch;
	__builtin_memset(own->pages, 0, sizeof(own->pages));
	if (pf_stack_classes && own->watch) {
		if (pf_breaks(task, address, access))
			pending |= PF_PENDING_BREAK;
		pf_moves_begin(own, task->mm);
	}
	barrier();
	own->pending = pending;
}

SEC("tp_btf/rss_stat")
int BPF_PROG(pf_stk_rss, struct mm_struct *mm, int member)
{
	struct task_struct *task = pf_current();
	/* Does not load where threads gather changes: only one in 64 would be seen there. */
	__s64 per_cpu = mm->rss_stat[0].count;
	struct pf_stack_thread *own;

	barrier_var(per_cpu);
	if (!pf_may_be_hot(task) || task->mm != mm ||
	    (task->flags & (PF_KERNEL_PF_EXITING | PF_KERNEL_PF_MEMALLOC)))
		return 0;
	own = bpf_task_storage_get(&pf_stk_threads, task, NULL, 0);
	if (!own || !(own->pending & PF_PENDING) || own->mark != pf_accounted(task))
		return 0;
	own->moved |= 1 << (member & 3);
	if (own->moved == PF_MOVED_ANON && pf_in_object(task, mm, own->address))
		own->pending |= PF_PENDING_OBJECT;
	pf_moves_note(own, mm, member & 3);
	return 0;
}

/* ---- the sample ------------------------------------------------------------ */

/* A process's first sample tells how deep its stacks are to be copied: the sooner the better. */
static __always_inline __u64 pf_wakeup(struct pf_stack_process *p)
{
	if (p->sampled)
		return pf_ring_wakeup();
	p->sampled = 1;
	return BPF_RB_FORCE_WAKEUP;
}

static __always_inline void pf_copy_own(struct pf_stack_sample *s, __u8 *stack, int pages,
					struct task_struct *task, struct pf_stack_thread *own)
{
	int missing;

	own->copying = 1;
	barrier();
	missing = pf_copy_stack(s, stack, pages, task);
	barrier();
	own->copying = 0;
	if (missing && !(s->flags & PF_STACK_USER))
		__sync_fetch_and_add(&pf_stack_nested, missing);
}

struct pf_fault {
	unsigned long address;
	const void *regs; /* as the exception gave them: of the mode it was taken in */
	__u32 access;
	bool user;
};

static __always_inline void pf_fill_sample(void *ctx, struct pf_stack_sample *s,
					   struct task_struct *task, struct pf_stack_thread *own,
					   const struct pf_stack_process *p,
					   const struct pf_fault *fault)
{
	pf_begin_sample(s, task, fault->user ? PF_STACK_USER : 0);
	s->seen = p->seen;
	s->address = fault->address;
	s->serial = own->serial;
	s->weight = own->weight;
	pf_take_regs(s, task, fault->user ? fault->regs : NULL);
	if (fault->user)
		return;
	/* In user mode there is nothing below but the exception itself, always the same. */
	s->kernel_bytes = bpf_get_stack(ctx, s->kernel, sizeof(s->kernel), 0);
	if (fault->regs)
		bpf_probe_read_kernel(&s->kernel_ip, sizeof(s->kernel_ip),
				      fault->regs + PF_REG_IP * sizeof(__u64));
}

static __always_inline bool pf_take_chain(void *ctx, struct task_struct *task,
					  struct pf_stack_thread *own, struct pf_stack_process *p,
					  const struct pf_fault *fault)
{
	struct pf_stack_chain *r = bpf_ringbuf_reserve(&pf_ring, sizeof(*r), 0);

	if (!r)
		return false;
	pf_fill_sample(ctx, &r->sample, task, own, p, fault);
	own->copying = 1;
	barrier();
	r->sample.chain_bytes = bpf_get_stack(ctx, r->chain, sizeof(r->chain), BPF_F_USER_STACK);
	barrier();
	own->copying = 0;
	r->sample.flags |= PF_STACK_CHAINED;
	bpf_ringbuf_submit(r, pf_wakeup(p));
	return true;
}

static __always_inline bool pf_take_short(void *ctx, struct task_struct *task,
					  struct pf_stack_thread *own, struct pf_stack_process *p,
					  const struct pf_fault *fault)
{
	struct pf_stack_short *r = bpf_ringbuf_reserve(&pf_ring, sizeof(*r), 0);

	if (!r)
		return false;
	pf_fill_sample(ctx, &r->sample, task, own, p, fault);
	pf_copy_own(&r->sample, r->stack, PF_STACK_PAGES, task, own);
	bpf_ringbuf_submit(r, pf_wakeup(p));
	return true;
}

static __always_inline bool pf_take_deep(void *ctx, struct task_struct *task,
					 struct pf_stack_thread *own, struct pf_stack_process *p,
					 const struct pf_fault *fault)
{
	struct pf_stack_deep *r = bpf_ringbuf_reserve(&pf_ring, sizeof(*r), 0);

	if (!r)
		return false;
	pf_fill_sample(ctx, &r->sample, task, own, p, fault);
	pf_copy_own(&r->sample, r->stack, PF_STACK_PAGES_DEEP, task, own);
	bpf_ringbuf_submit(r, pf_wakeup(p));
	return true;
}

static __always_inline bool pf_take(void *ctx, struct task_struct *task,
				    struct pf_stack_thread *own, struct pf_stack_process *p,
				    const struct pf_fault *fault)
{
	__u32 tgid = task->tgid;

	if (pf_stack_chain)
		return pf_take_chain(ctx, task, own, p, fault);
	if (bpf_map_lookup_elem(&pf_stk_deep, &tgid))
		return pf_take_deep(ctx, task, own, p, fault);
	return pf_take_short(ctx, task, own, p, fault);
}

static __always_inline void pf_sample(void *ctx, struct task_struct *task,
				      struct pf_stack_thread *own, struct pf_stack_process *p,
				      const struct pf_fault *fault)
{
	own->serial++;
	__sync_fetch_and_add(&pf_stack_samples, 1);
	if (pf_take(ctx, task, own, p, fault))
		pf_arm(own, task, fault->address, fault->access);
	else
		__sync_fetch_and_add(&pf_stack_lost, 1);
	pf_restrain(p);
}

/* ---- at the exception ------------------------------------------------------ */

static __always_inline void pf_on_fault(void *ctx, const struct pf_fault *fault)
{
	struct task_struct *task = pf_current();
	struct pf_stack_thread *own;
	struct pf_stack_process *p = NULL;
	bool cold = !pf_may_be_hot(task);
	bool sampled;

	if (cold && (pf_by_pid || !pf_is_looked_at(task)))
		return;
	if (!pf_wanted(task))
		return;
	own = bpf_task_storage_get(&pf_stk_threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!own) {
		__sync_fetch_and_add(&pf_stack_unseen, 1);
		return;
	}
	if (own->copying)
		return;
	pf_settle(own, task);
	if (cold)
		pf_catch_up(own, task);
	else
		own->faults++;
	if (cold || own->faults >= own->batch) {
		p = pf_process_of(task);
		if (p)
			pf_look_after(p, own, task);
	}
	sampled = pf_is_sampled(own, fault->address);
	if (!sampled)
		return;
	own->weight = pf_stack_every ?: own->gap; /* with which it was drawn */
	if (!p)
		p = pf_process_of(task);
	if (!p)
		return;
	if (own->faults)
		pf_look_after(p, own, task);
	pf_sample(ctx, task, own, p, fault);
}

SEC("tp_btf/page_fault_user")
int BPF_PROG(pf_stk_user, unsigned long address, struct pt_regs *regs, unsigned long error_code)
{
	struct pf_fault fault = { address, regs, pf_access_of(error_code), true };

	pf_on_fault(ctx, &fault);
	return 0;
}

SEC("tp_btf/page_fault_kernel")
int BPF_PROG(pf_stk_kernel, unsigned long address, struct pt_regs *regs, unsigned long error_code)
{
	struct pf_fault fault = { address, regs, pf_access_of(error_code), false };

	if (pf_on_user_memory(address))
		pf_on_fault(ctx, &fault);
	return 0;
}

/* The kernel's own count of page-fault exceptions, where there are no such tracepoints. */
SEC("perf_event")
int pf_stk_perf(struct bpf_perf_event_data *ctx)
{
	struct pf_fault fault = { ctx->addr, NULL, 0, pf_in_user_mode(ctx) };

	if (fault.user || pf_on_user_memory(fault.address))
		pf_on_fault(ctx, &fault);
	return 0;
}

/* ---- what becomes of processes --------------------------------------------- */

SEC("tp_btf/sched_process_exec")
int BPF_PROG(pf_stk_exec, struct task_struct *task)
{
	struct pf_stack_process *p;

	if (!pf_wanted(task))
		return 0;
	p = bpf_task_storage_get(&pf_stk_procs, task->group_leader, NULL, 0);
	if (p && (p->gap || p->known))
		pf_tell(task, p, PF_STACK_EXEC, 0, 0);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(pf_stk_exit, struct task_struct *task)
{
	struct pf_stack_thread *own;
	struct pf_stack_process *p;

	if ((task->flags & PF_KERNEL_PF_KTHREAD) || !pf_wanted(task))
		return 0;
	p = bpf_task_storage_get(&pf_stk_procs, task->group_leader, NULL, 0);
	own = bpf_task_storage_get(&pf_stk_threads, task, NULL, 0);
	if (!p)
		return 0;
	if (own) {
		pf_settle(own, task);
		__sync_fetch_and_add(&p->seen, own->faults);
		own->faults = 0;
	}
	/* The last one need not have faulted since we look on. */
	if (task->signal->live.counter == 0 && (p->gap || p->known))
		pf_tell(task, p, PF_STACK_EXIT, 0, 0);
	return 0;
}

/* ---- a pass over all threads: who is named, and what is not settled yet ---- */

__u32 pf_stack_passes = 0; /* begun */

static __always_inline void pf_name(struct seq_file *seq, struct task_struct *task)
{
	__u32 pid = pf_reader_level ? pf_pid_for_reader(task) : task->tgid, tgid = task->tgid;
	struct pf_stack_event e = {};
	__u8 yes = 1;

	if (!pf_by_pid || task != task->group_leader || !bpf_map_lookup_elem(&pf_named, &pid))
		return;
	bpf_map_update_elem(&pf_tgids, &tgid, &yes, BPF_ANY);
	pf_stack_hot[tgid % PF_STACK_HOT_MARKS] = 1;
	pf_fill_event(&e, task, PF_STACK_NAMED);
	bpf_seq_write(seq, &e, sizeof(e));
}

/* Those after its last sample are told by nothing else. */
static __always_inline void pf_tell_seen(struct seq_file *seq, struct task_struct *task)
{
	struct pf_stack_event e = {};
	struct pf_stack_process *p;

	if (task != task->group_leader)
		return;
	p = bpf_task_storage_get(&pf_stk_procs, task, NULL, 0);
	if (!p || !p->gap)
		return;
	pf_fill_event(&e, task, PF_STACK_SEEN);
	e.seen = p->seen;
	if (e.head.pid)
		bpf_seq_write(seq, &e, sizeof(e));
}

SEC("iter/task")
int pf_stk_pass(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct pf_stack_settled s = {};
	struct pf_stack_thread *own;

	if (ctx->meta->seq_num == 0) {
		pf_note_reader();
		pf_stack_reader = bpf_get_current_pid_tgid() >> 32;
		pf_stack_passes++;
	}
	if (!task || (task->flags & PF_KERNEL_PF_KTHREAD))
		return 0;
	if (pf_stack_passes == 1)
		pf_name(ctx->meta->seq, task);
	else
		pf_tell_seen(ctx->meta->seq, task);
	own = bpf_task_storage_get(&pf_stk_threads, task, NULL, 0);
	if (!own || !(own->pending & PF_PENDING) || own->mark == pf_accounted(task))
		return 0;
	pf_fill_settled(&s, own, task);
	bpf_seq_write(ctx->meta->seq, &s, sizeof(s));
	return 0;
}
