/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counts page faults of each thread, by mode, access and class. What a fault
 * did is read from the memory counters it moves, not guessed from its address.
 * Adds nothing up: a count is the thread's own until somebody looks. The loader
 * takes the programs of one backend, and the one on rss_stat if it has use for it.
 */
#include "bpf/pf_abi.h"
#include "bpf/filter.bpf.h"
#include "bpf/counters.bpf.h"
#include "bpf/slots.bpf.h"
#include "bpf/classes.bpf.h"
#include "bpf/sampling.bpf.h"
#include "bpf/exception.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

__u64 pf_uncounted = 0; /* events for which there was no memory to count them in */
__u64 pf_caught = 0;	/* ... that were counted although a program had been left out */

static __always_inline struct pf_counts *pf_own_counts(struct task_struct *task)
{
	struct pf_counts *own = pf_counts_of(task, false);

	if (own)
		return own;
	own = pf_counts_of(task, true);
	if (!own)
		__sync_fetch_and_add(&pf_uncounted, 1);
	return own;
}

/* Before 32 bits are full. A class has no more than both modes have. */
static __noinline int pf_relieve(struct pf_counts *own)
{
	struct task_struct *task = pf_current();
	struct pf_events events = {};

	if (!own)
		return 0;
	pf_take_counts(own, &events);
	if (!pf_give_leader(PF_READ(task, group_leader), &events))
		__sync_fetch_and_add(&pf_uncounted, events.n[PF_EV_USER] + events.n[PF_EV_KERNEL]);
	return 0;
}

static __always_inline void pf_count_as(struct pf_counts *own, enum pf_event mode, __u32 access,
					__u32 weight)
{
	own->n[mode] += weight;
	if (access & PF_ACCESS_WRITE)
		own->n[PF_EV_WRITE] += weight;
	else if (access & PF_ACCESS_EXEC)
		own->n[PF_EV_EXEC] += weight;
	if (own->n[mode] >= PF_COUNT_MOVE)
		pf_relieve(own);
}

static __always_inline void pf_count(struct pf_counts *own, enum pf_event mode, __u32 access)
{
	pf_count_as(own, mode, access, pf_weight(own));
}

/* From here on the memory counters tell the class of this fault, beside what it has moved before. */
static __always_inline void pf_arm(struct pf_counts *own, __u32 accounted, unsigned long address,
				   __u8 pending, __u8 moved)
{
	own->address = address;
	own->moved = moved;
	own->mark = accounted;
	barrier();
	own->pending = pending;
}

/* ---- at the exception, before the kernel has done anything about it -------- */

static __always_inline void pf_exception(enum pf_event mode, unsigned long address, __u32 access)
{
	struct task_struct *task = pf_current();
	struct pf_counts *own;
	__u8 pending = PF_PENDING;

	if (!pf_wanted(task) || !pf_drawn_by_all())
		return;
	own = pf_own_counts(task);
	if (!own)
		return;
	pf_settle(own, task);
	if (!pf_drawn_by_process(own, task))
		return;
	pf_count(own, mode, access);
	if (!pf_classes)
		return;
	if (pf_breaks(task, address, access))
		pending |= PF_PENDING_BREAK;
	pf_arm(own, pf_accounted(task), address, pending, 0);
}

/* The storage's pending fault is settled before: its class is not told here. */
static __always_inline struct pf_slot *pf_take_slot(struct task_struct *task)
{
	struct pf_slot *slot = pf_slot_at(task);

	if (!slot || slot->task || (task->flags & PF_KERNEL_PF_EXITING) ||
	    __sync_val_compare_and_swap(&slot->task, 0, PF_SLOT_TAKEN))
		return NULL;
	slot->start_ns = task->group_leader->start_boottime;
	slot->pass = slot->alive = pf_pass_number;
	__sync_lock_test_and_set(&slot->task, (__u64)task);
	return slot;
}

const volatile __u32 pf_slot_faults = 256;

/* As many faults, for the second time since the last pass? */
static __always_inline bool pf_is_hot(struct pf_counts *own)
{
	__u8 pass = pf_pass_number, before = own->generation;

	if ((own->n[PF_EV_USER] + own->n[PF_EV_KERNEL] + 1) % pf_slot_faults)
		return false;
	own->generation = pass;
	return before == pass;
}

/* Of a thread without slot, which may get one here. */
static __noinline struct pf_counts *pf_stored_counts(struct task_struct *task)
{
	struct pf_counts *own = pf_own_counts(task);
	struct pf_slot *slot;

	if (!own || !pf_is_hot(own))
		return own;
	pf_settle(own, task);
	slot = pf_take_slot(task);
	return slot ? &slot->counts : own;
}

/*
 * The same for the usual case, that every fault of everybody is counted and has
 * a class: nothing is asked whose answer is known then.
 */
static __always_inline void pf_exception_of_all(enum pf_event mode, unsigned long address,
						__u32 access)
{
	struct task_struct *task = pf_current();
	struct pf_slot *slot = pf_slot_of(task);
	struct pf_counts *own = slot ? &slot->counts : pf_stored_counts(task);
	__u32 accounted = pf_accounted(task);
	__u8 pending = PF_PENDING;

	if (!own)
		return;
	pf_settle_at(own, accounted, 1);
	pf_count_as(own, mode, access, 1);
	if (pf_breaks(task, address, access))
		pending |= PF_PENDING_BREAK;
	pf_arm(own, accounted, address, pending, 0);
}

/* With an exchange, which kernels that have no slots may not know (5.12, 5ffa25502b5a). */
SEC("tp_btf/page_fault_user")
int BPF_PROG(pf_fault_user_a, unsigned long address, struct pt_regs *regs, unsigned long error_code)
{
	pf_exception_of_all(PF_EV_USER, address, pf_access_of(error_code));
	return 0;
}

SEC("tp_btf/page_fault_kernel")
int BPF_PROG(pf_fault_kern_a, unsigned long address, struct pt_regs *regs, unsigned long error_code)
{
	if (pf_on_user_memory(address))
		pf_exception_of_all(PF_EV_KERNEL, address, pf_access_of(error_code));
	return 0;
}

SEC("tp_btf/page_fault_user")
int BPF_PROG(pf_fault_user, unsigned long address, struct pt_regs *regs, unsigned long error_code)
{
	pf_exception(PF_EV_USER, address, pf_access_of(error_code));
	return 0;
}

SEC("tp_btf/page_fault_kernel")
int BPF_PROG(pf_fault_kernel, unsigned long address, struct pt_regs *regs, unsigned long error_code)
{
	if (pf_on_user_memory(address))
		pf_exception(PF_EV_KERNEL, address, pf_access_of(error_code));
	return 0;
}

/* events/exceptions/page_fault_user/format, the same since 3.13. */
struct pf_exception_args {
	__u64 common;
	unsigned long address;
	unsigned long ip;
	unsigned long error_code;
};

SEC("tracepoint/exceptions/page_fault_user")
int pf_tp_user(struct pf_exception_args *args)
{
	pf_exception(PF_EV_USER, args->address, pf_access_of(args->error_code));
	return 0;
}

SEC("tracepoint/exceptions/page_fault_kernel")
int pf_tp_kernel(struct pf_exception_args *args)
{
	if (pf_on_user_memory(args->address))
		pf_exception(PF_EV_KERNEL, args->address, pf_access_of(args->error_code));
	return 0;
}

/* The kernel's own count of page-fault exceptions, one event for each. Tells no access. */
SEC("perf_event")
int pf_perf_fault(struct bpf_perf_event_data *ctx)
{
	unsigned long address = ctx->addr;

	if (pf_in_user_mode(ctx))
		pf_exception(PF_EV_USER, address, 0);
	else if (pf_on_user_memory(address))
		pf_exception(PF_EV_KERNEL, address, 0);
	return 0;
}

/* ---- around handle_mm_fault ------------------------------------------------ */

const volatile bool pf_around = false;	  /* these programs: faults end in sight */
const volatile bool pf_by_thread = false; /* threads gather changes of the memory counters */

#define PF_FLAG(name)                                                                              \
	(bpf_core_enum_value_exists(enum fault_flag, name)                                         \
		 ? bpf_core_enum_value(enum fault_flag, name)                                      \
		 : name)

/* What the mapping says; it is locked now, and may be gone when a fault is to be tried again. */
static __always_inline __u8 pf_pending_in(struct vm_area_struct *vma, unsigned int flags,
					  bool retried)
{
	__u32 kind = pf_kind_of(vma->vm_flags, vma->vm_ops);
	__u8 pending = PF_PENDING;

	if (flags & PF_FLAG(FAULT_FLAG_USER))
		pending |= PF_PENDING_USER;
	if (flags & PF_FLAG(FAULT_FLAG_WRITE))
		pending |= PF_PENDING_WRITE;
	if (flags & PF_FLAG(FAULT_FLAG_INSTRUCTION))
		pending |= PF_PENDING_EXEC;
	if (!(kind & PF_MAPPING_PRIVATE))
		return pending;
	if (kind & PF_MAPPING_OBJECT)
		pending |= PF_PENDING_OBJECT;
	/* Tried again, the page may have come meanwhile: that it was there is not known. */
	if ((pending & PF_PENDING_WRITE) && !retried)
		pending |= PF_PENDING_BREAK;
	return pending;
}

/* Only on kernels on which threads gather their changes of the memory counters. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct pf_gathered);
} pf_gathered SEC(".maps");

static __always_inline struct pf_gathered *pf_gathered_of(struct task_struct *task, bool create)
{
	struct pf_entry *e;

	if (!pf_hashed)
		return bpf_task_storage_get(&pf_gathered, task, NULL,
					    create ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
	e = pf_entry_of(task, create);
	return e ? &e->gathered : NULL;
}

/* Constant indices: CO-RE relocates no others. */
static __always_inline void pf_read_gathered(struct task_struct *task, struct pf_gathered *to)
{
	struct task_struct___by_thread *thread = (void *)task;

	to->count[0] = PF_READ(thread, rss_stat.count[0]);
	to->count[1] = PF_READ(thread, rss_stat.count[1]);
	to->count[2] = PF_READ(thread, rss_stat.count[2]);
	to->count[3] = PF_READ(thread, rss_stat.count[3]);
	to->events = PF_READ(thread, rss_stat.events);
}

/*
 * Which counters has the fault moved? Those of which the thread has gathered
 * another number now; if it passed them on meanwhile, another than none. And
 * those that were moved directly: seen by rss_stat, except once for each that
 * was passed on.
 */
static __always_inline __u8 pf_gathered_moves(struct task_struct *task, __u8 seen)
{
	struct pf_gathered *before = pf_gathered_of(task, false), now = {};
	__u8 moved = 0;
	bool passed_on;

	if (!before)
		return 0;
	moved = before->tried;
	pf_read_gathered(task, &now);
	passed_on = now.events < before->events;
	for (int i = 0; i < PF_MM_COUNTERS; i++) {
		__s32 base = passed_on ? 0 : before->count[i];
		__u8 direct = passed_on && before->count[i] ? 0x10 : 0x01;

		if (now.count[i] != base || (seen & direct << i))
			moved |= 1 << i;
	}
	return moved;
}

static __always_inline void pf_count_ended(struct pf_counts *own, struct task_struct *task,
					   __u8 pending)
{
	enum pf_event class = PF_EV_OTHER;
	__u8 moved = own->moved;
	__u32 access = 0;

	if (pf_by_thread)
		moved = pf_gathered_moves(task, moved);
	if (own->mark != pf_accounted(task))
		class = pf_class(pending, moved);
	if (class < PF_EVENTS)
		own->n[class] += pf_weight(own);
	if (pending & PF_PENDING_WRITE)
		access |= PF_ACCESS_WRITE;
	if (pending & PF_PENDING_EXEC)
		access |= PF_ACCESS_EXEC;
	pf_count(own, pf_pending_mode(pending), access);
}

/*
 * A kernel that lets programs be preempted leaves one out while another task is
 * in it on that CPU. If it was the one at the end of the last fault, that fault
 * is still here. Not where threads gather changes (pf_ends is not set there):
 * what the thread has gathered since then cannot be told apart.
 */
static __always_inline void pf_count_missed(struct pf_counts *own, struct task_struct *task)
{
	if (pf_settle_end(own, task))
		__sync_fetch_and_add(&pf_caught, 1);
	own->pending = 0;
}

/* Without registers it is get_user_pages: memory is made, but nobody took a fault. */
static __always_inline bool pf_begin(struct vm_area_struct *vma, unsigned long address,
				     unsigned int flags, struct pt_regs *regs)
{
	struct task_struct *task = pf_current();
	struct pf_gathered *gathered;
	struct pf_counts *own;
	__u8 pending, moved;
	bool retried;

	if (!regs || !pf_on_user_memory(address) || !pf_wanted(task) || !pf_drawn_by_all())
		return false;
	own = pf_own_counts(task);
	if (!own)
		return false;
	pending = own->pending;
	if ((pending & PF_PENDING) && own->address == address && own->mark == pf_accounted(task))
		return false; /* the other of the two has begun it */
	retried = pending == PF_PENDING_RETRY && own->address == address;
	pf_count_missed(own, task);
	if (!pf_drawn_by_process(own, task))
		return false;
	if (pf_by_thread) {
		gathered = pf_gathered_of(task, true);
		if (!gathered) {
			__sync_fetch_and_add(&pf_uncounted, 1);
			return false;
		}
		pf_read_gathered(task, gathered);
		if (!retried)
			gathered->tried = 0;
	}
	moved = retried && !pf_by_thread ? own->moved : 0;
	pf_arm(own, pf_accounted(task), address, pf_pending_in(vma, flags, retried), moved);
	return true;
}

/*
 * Once more, for when the other is left out as another task is in it. Attached
 * first, the kernel runs it last. Not where events are drawn: one that lost the
 * first draw would get another.
 */
SEC("fentry/handle_mm_fault")
int BPF_PROG(pf_mm_fault_2, struct vm_area_struct *vma, unsigned long address, unsigned int flags,
	     struct pt_regs *regs)
{
	if (pf_begin(vma, address, flags, regs))
		__sync_fetch_and_add(&pf_caught, 1);
	return 0;
}

SEC("fentry/handle_mm_fault")
int BPF_PROG(pf_mm_fault, struct vm_area_struct *vma, unsigned long address, unsigned int flags,
	     struct pt_regs *regs)
{
	pf_begin(vma, address, flags, regs);
	return 0;
}

/* What it moved so far is its doing: before 5.19 a shared page is mapped, then tried again (89b15332af7c). */
static __always_inline void pf_await_retry(struct pf_counts *own, struct task_struct *task)
{
	struct pf_gathered *gathered = pf_by_thread ? pf_gathered_of(task, false) : NULL;

	if (gathered)
		gathered->tried = pf_gathered_moves(task, own->moved);
	own->pending = PF_PENDING_RETRY;
}

SEC("fexit/handle_mm_fault")
int BPF_PROG(pf_mm_fault_end, struct vm_area_struct *vma, unsigned long address, unsigned int flags,
	     struct pt_regs *regs, unsigned int ret)
{
	struct task_struct *task = pf_current();
	struct pf_counts *own;
	__u8 pending;

	if (!regs)
		return 0;
	own = pf_counts_of(task, false);
	if (!own || !(own->pending & PF_PENDING))
		return 0;
	pending = own->pending;
	own->pending = 0;
	if (ret & bpf_core_enum_value(enum vm_fault_reason, VM_FAULT_RETRY))
		pf_await_retry(own, task);
	else
		pf_count_ended(own, task, pending);
	return 0;
}

/* ---- a memory counter moves ------------------------------------------------ */

/*
 * By the pending fault of this thread, unless it is another's memory, given
 * back by reclaim, or the fault is over. Which counters move decides, in
 * whatever order and by how much they do.
 */
static __always_inline struct pf_counts *pf_mover(struct task_struct *task, struct mm_struct *mm)
{
	struct pf_counts *own;
	struct pf_slot *slot;

	if (PF_READ(task, mm) != mm ||
	    (PF_READ(task, flags) & (PF_KERNEL_PF_EXITING | PF_KERNEL_PF_MEMALLOC)))
		return NULL;
	slot = pf_n_slots ? pf_slot_of(task) : NULL;
	own = slot ? &slot->counts : pf_counts_of(task, false);
	if (!own || !(own->pending & PF_PENDING) || own->mark != pf_accounted(task))
		return NULL;
	return own;
}

SEC("tp_btf/rss_stat")
int BPF_PROG(pf_rss_stat, struct mm_struct *mm, int member)
{
	struct task_struct *task = pf_current();
	struct pf_counts *own;
	__u8 moved;

	/*
	 * There is no such member. This is for the verifier: it does not load where
	 * threads gather changes, as only one in 64 would be seen there.
	 */
	if (member >= PF_MM_COUNTERS)
		return mm->rss_stat[0].count;
	own = pf_mover(task, mm);
	if (!own)
		return 0;
	moved = own->moved | 1 << (member & 3);
	if (moved == PF_MOVED_ANON && !pf_around && pf_in_object(task, mm, own->address))
		own->pending |= PF_PENDING_OBJECT;
	barrier();
	own->moved = moved;
	return 0;
}

/* Where threads gather them: what they pass on, and what is moved directly, as by huge pages. */
SEC("tp_btf/rss_stat")
int BPF_PROG(pf_rss_passed, struct mm_struct *mm, int member)
{
	struct pf_counts *own = pf_mover(pf_current(), mm);
	__u8 bit = 1 << (member & 3);

	if (own)
		own->moved |= own->moved & bit ? bit << 4 : bit;
	return 0;
}
