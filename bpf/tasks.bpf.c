/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One pass over all tasks: memory and fault counters, and the last words of
 * processes that die between two passes. Nothing here runs at a page fault.
 *
 * The kernel adds a dying thread's counts to its process's and unhashes the
 * thread in one section of signal->stats_lock. Reading both sides between two
 * equal, even sequence numbers therefore sees each count exactly once; user
 * space builds the process's total from that.
 */
#include "bpf/pf_abi.h"
#include "bpf/filter.bpf.h"
#include "bpf/counters.bpf.h"
#include "bpf/slots.bpf.h"
#include "bpf/classes.bpf.h"
#include "bpf/memory.bpf.h"
#include "bpf/namespace.bpf.h"
#include "bpf/ring.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PF_SEQ_TRIES	  4
#define PF_WALK_STEPS	  (1 << 17) /* threads and new starts */
#define PF_WALK_STEPS_OLD 512	    /* threads; the verifier follows every step */

const volatile bool pf_counting = false;      /* the fault programs are loaded too */
const volatile bool pf_mem_hierarchy = false; /* the memory controller has its own hierarchy */

/* Faults whose end was left out: told at the thread's own end, and told by this pass, for now. */
__u64 pf_ended_late = 0;
__u64 pf_ended_open = 0;

/*
 * Own and dead threads' counts, each seen once. "Released" is read after the
 * dead ones' sum: a thread that is still hashed then is not in it.
 */
static __always_inline void pf_read_faults(struct task_struct *task, struct pf_task_head *head)
{
	struct signal_struct *signal = task->signal;

	head->flags |= PF_REC_UNSTABLE;
	for (int i = 0; i < PF_SEQ_TRIES; i++) {
		unsigned int seq = signal->stats_lock.seqcount.seqcount.sequence;

		barrier();
		head->dead_min = signal->min_flt;
		head->dead_maj = signal->maj_flt;
		head->own_min = task->min_flt;
		head->own_maj = task->maj_flt;
		head->nr_threads = signal->nr_threads;
		if (!task->thread_pid)
			head->flags |= PF_REC_RELEASED;
		barrier();
		if (!(seq & 1) && seq == signal->stats_lock.seqcount.seqcount.sequence) {
			head->flags &= ~PF_REC_UNSTABLE;
			break;
		}
	}
}

/*
 * The cgroup ids of the last set of cgroups seen. Most tasks share theirs with
 * the one before, and following the pointers costs more than all the rest.
 * Forgotten at the beginning of a pass: the set may be freed and used again.
 */
struct {
	__u64 set;
	__u64 id;
	__u64 mem_id;
} pf_last_cgroups = {};

static __always_inline __u64 pf_memory_cgroup(struct css_set *set)
{
	struct cgroup_subsys_state *css = NULL;
	int index = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);

	bpf_probe_read_kernel(&css, sizeof(css),
			      (void *)set + bpf_core_field_offset(struct css_set, subsys) +
				      index * sizeof(css));
	return BPF_CORE_READ(css, cgroup, kn, id);
}

static __always_inline void pf_read_cgroups(struct task_struct *task, struct pf_task_rec *rec)
{
	struct css_set *set = task->cgroups;

	rec->cgroup_id = set->dfl_cgrp->kn->id;
	rec->mem_cgroup_id = pf_mem_hierarchy ? pf_memory_cgroup(set) : 0;
}

/* For the pass, of which there is only one at a time. */
static __always_inline void pf_read_cgroups_cached(struct task_struct *task,
						   struct pf_task_rec *rec)
{
	__u64 set = (__u64)task->cgroups;

	if (set != pf_last_cgroups.set) {
		pf_read_cgroups(task, rec);
		pf_last_cgroups.set = set;
		pf_last_cgroups.id = rec->cgroup_id;
		pf_last_cgroups.mem_id = rec->mem_cgroup_id;
	}
	rec->cgroup_id = pf_last_cgroups.id;
	rec->mem_cgroup_id = pf_last_cgroups.mem_id;
}

/* Everything but counts, memory and cgroups. The name and identity are the leader's. */
static __always_inline void pf_read_identity(struct task_struct *task, struct pf_task_rec *rec)
{
	struct task_struct *leader = task->group_leader, *parent = task->real_parent;
	struct pid *pid = pf_pid_of(task);
	unsigned int depth = BPF_CORE_READ(pid, level);
	__u64 ns;

	rec->tgid = task->tgid;
	rec->uid = task->cred->uid.val;
	rec->exec_id = task->self_exec_id;
	rec->nspid = task->tgid;
	if (depth)
		pf_upid_at(pid, depth, &rec->nspid, &ns);
	rec->ppid = pf_reader_level ? pf_pid_for_reader(parent) : parent->tgid;
	bpf_probe_read_kernel(rec->comm, sizeof(rec->comm), &leader->comm);
}

/* Named by -p? Then the other programs are told its pid as they see it. */
static __always_inline bool pf_named_here(struct task_struct *task, int pid)
{
	__u32 key = pid, tgid = task->tgid;
	__u8 yes = 1;

	if (pf_by_uid && task->cred->uid.val != pf_uid)
		return false;
	if (!pf_by_pid)
		return true;
	if (!bpf_map_lookup_elem(&pf_named, &key))
		return false;
	if (!bpf_map_lookup_elem(&pf_tgids, &tgid))
		bpf_map_update_elem(&pf_tgids, &tgid, &yes, BPF_ANY);
	return true;
}

/* A full record with all that can follow it. A head alone uses the beginning of `full`. */
struct pf_message {
	struct pf_task_rec full;
	struct pf_events own;
	struct pf_events dead;
};

/*
 * The process of which the dead threads' events were told last. Whoever adds a
 * process up takes them from its first record in a pass: a thread that dies
 * later in the pass is then missed, not seen twice.
 */
__u32 pf_last_tgid = 0;

static __always_inline void pf_read_dead(struct task_struct *task, struct pf_task_head *head,
					 struct pf_events *to)
{
	struct pf_dead *dead;

	if (pf_last_tgid == (__u32)task->tgid)
		return;
	pf_last_tgid = task->tgid;
	dead = pf_dead_of(task->group_leader, false);
	if (!dead)
		return;
	for (int i = 0; i < PF_EVENTS; i++)
		to->n[i] = dead->n[i];
	barrier();
	head->flags |= PF_REC_EVENTS | PF_REC_DEAD;
}

static __always_inline void pf_mark_alive(struct task_struct *task)
{
	struct pf_entry *e = pf_entry_of(task, false);

	if (e)
		e->pass = pf_pass_number;
}

/* A thread that has left it meanwhile is dead, and has left its counts to somebody: none are its own. */
static __always_inline void pf_read_slot(struct task_struct *task, struct pf_task_head *head,
					 struct pf_events *own)
{
	struct pf_slot *slot = pf_slot_of(task);

	if (!slot)
		return;
	if (!task->exit_state) /* later its end has been told, if ever */
		slot->pass = pf_pass_number;
	if (!(task->flags & PF_KERNEL_PF_EXITING))
		slot->alive = pf_pass_number;
	pf_peek(&slot->counts, task, own);
	barrier();
	if (slot->task != (__u64)task)
		__builtin_memset(own, 0, sizeof(*own));
	head->flags |= PF_REC_EVENTS;
}

static __always_inline void pf_read_events(struct task_struct *task, struct pf_task_head *head,
					   struct pf_events *own, struct pf_events *dead)
{
	struct pf_counts *counts;

	if (!pf_counting)
		return;
	if (pf_hashed)
		pf_mark_alive(task);
	pf_read_dead(task, head, dead);
	counts = pf_counts_of(task, false);
	if (!counts)
		return;
	if (pf_peek(counts, task, own))
		pf_ended_open++;
	head->flags |= PF_REC_EVENTS;
	if (pf_n_slots)
		pf_read_slot(task, head, own);
}

/* What stands behind the head, or the whole record. */
static __always_inline __u32 pf_events_size(__u32 flags)
{
	if (!(flags & PF_REC_EVENTS))
		return 0;
	return flags & PF_REC_DEAD ? 2 * sizeof(struct pf_events) : sizeof(struct pf_events);
}

static __always_inline void pf_write(struct seq_file *seq, struct pf_message *m, __u32 fixed)
{
	__u32 events = pf_events_size(m->full.head.flags);

	m->full.head.size = fixed + events;
	bpf_seq_write(seq, &m->full, fixed);
	if (events == sizeof(struct pf_events))
		bpf_seq_write(seq, &m->own, sizeof(struct pf_events));
	else if (events)
		bpf_seq_write(seq, &m->own, 2 * sizeof(struct pf_events));
}

static __always_inline void pf_begin_pass(bool has_loop)
{
	pf_last_cgroups.set = 0;
	pf_last_tgid = 0;
	pf_ended_open = 0;
	pf_pass_number++;
	pf_layout = pf_find_layout();
	pf_note_reader();
	if (has_loop && pf_sum_cpus && pf_layout == PF_LAYOUT_BY_CPU)
		pf_measure_cpus();
}

static __always_inline int pf_pass(struct bpf_iter__task *ctx, bool has_loop)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	struct pf_message m;
	struct pf_task_rec *rec = &m.full;
	int pid;

	if (ctx->meta->seq_num == 0)
		pf_begin_pass(has_loop);
	if (!task || (task->flags & PF_KERNEL_PF_KTHREAD))
		return 0;
	pid = pf_reader_level ? pf_pid_for_reader(task) : task->tgid;
	if (!pid || !pf_named_here(task, pid))
		return 0;

	__builtin_memset(&m, 0, sizeof(m));
	rec->head.pid = pid;
	rec->head.start_ns = task->group_leader->start_boottime;
	pf_read_faults(task, &rec->head);
	pf_read_events(task, &rec->head, &m.own, &m.dead);
	if (task != task->group_leader && task->group_leader->mm) {
		pf_write(seq, &m, sizeof(rec->head));
		return 0;
	}
	rec->head.flags |= PF_REC_FULL;
	pf_read_identity(task, rec);
	pf_read_cgroups_cached(task, rec);
	pf_read_memory(task, rec);
	pf_refine_memory(task, rec, has_loop);
	if (task->exit_state && rec->head.nr_threads <= 1)
		rec->head.flags |= PF_REC_ZOMBIE;
	pf_write(seq, &m, sizeof(*rec));
	return 0;
}

SEC("iter/task")
int pf_task_pass(struct bpf_iter__task *ctx)
{
	return pf_pass(ctx, true);
}

/* For kernels without bpf_loop (5.17, e6f2dd0f8067): they refuse a program that has it anywhere. */
SEC("iter/task")
int pf_task_pass_o(struct bpf_iter__task *ctx)
{
	return pf_pass(ctx, false);
}

/* A walk over the threads of a dying process. */
struct pf_walk {
	struct signal_struct *signal;
	struct list_head *end;
	struct list_head *node;
	__u64 min;
	__u64 maj;
	unsigned int seq;
	bool done;
};

static __always_inline unsigned int pf_stats_sequence(struct signal_struct *signal)
{
	return BPF_CORE_READ(signal, stats_lock.seqcount.seqcount.sequence);
}

static __always_inline void pf_walk_begin(struct pf_walk *w)
{
	struct signal_struct *signal = w->signal;

	w->seq = pf_stats_sequence(signal);
	w->min = BPF_CORE_READ(signal, min_flt);
	w->maj = BPF_CORE_READ(signal, maj_flt);
	w->node = BPF_CORE_READ(signal, thread_head.next);
}

static __always_inline void pf_walk_add(struct pf_walk *w)
{
	struct list_head *node = w->node;
	struct task_struct *thread;

	thread = (void *)node - bpf_core_field_offset(struct task_struct, thread_node);
	w->min += BPF_CORE_READ(thread, min_flt);
	w->maj += BPF_CORE_READ(thread, maj_flt);
	w->node = BPF_CORE_READ(node, next);
}

/* At the end of the list: has it been the same all the time? */
static __always_inline bool pf_walk_held(const struct pf_walk *w)
{
	return !(w->seq & 1) && w->seq == pf_stats_sequence(w->signal);
}

/*
 * Before 6.8 (ab5cfac139ab) the verifier follows only the first call, and cuts
 * out what that cannot come to: so it begins with a node that may be any.
 */
static long pf_walk_step(__u32 i, struct pf_walk *w)
{
	if (w->node != w->end) {
		pf_walk_add(w);
	} else if (pf_walk_held(w)) {
		w->done = true;
		return 1;
	} else {
		pf_walk_begin(w);
	}
	return 0;
}

static __always_inline void pf_walk_bounded(struct pf_walk *w)
{
	pf_walk_begin(w);
	for (int i = 0; i < PF_WALK_STEPS_OLD && w->node != w->end; i++)
		pf_walk_add(w);
	w->done = w->node == w->end && pf_walk_held(w);
}

/*
 * Total of a process whose last thread is on its way out: the released ones'
 * sum and every thread still in the list. A thread that is released during the
 * walk moves the sequence number, and the walk starts again.
 */
static __always_inline void pf_sum_threads(struct task_struct *task, struct pf_task_rec *rec,
					   bool has_loop)
{
	struct pf_walk w = { .signal = task->signal };

	w.end = (void *)w.signal + bpf_core_field_offset(struct signal_struct, thread_head);
	if (has_loop) {
		pf_walk_begin(&w);
		bpf_loop(PF_WALK_STEPS, pf_walk_step, &w, 0);
	} else {
		pf_walk_bounded(&w);
		if (!w.done)
			pf_walk_bounded(&w);
	}
	rec->head.own_min = w.min;
	rec->head.own_maj = w.maj;
	if (!w.done)
		__sync_fetch_and_add(&pf_ring_lost, 1); /* too low: a loss like any other */
}

/* A record of the ring is always whole: with one struct pf_events. */
struct pf_last_words {
	struct pf_task_rec rec;
	struct pf_events events;
};

static __always_inline void pf_send(struct task_struct *task, __u32 flags,
				    const struct pf_events *events, void *ctx, bool has_loop)
{
	int pid = pf_pid_for_reader(task);
	struct pf_last_words words = { .events = *events };
	struct pf_task_rec *rec = &words.rec;

	if (!pid)
		return; /* not in the reader's namespace */
	rec->head.size = sizeof(words);
	rec->head.flags = flags | PF_REC_FULL | PF_REC_EVENTS;
	rec->head.pid = pid;
	rec->head.start_ns = task->group_leader->start_boottime;
	pf_read_identity(task, rec);
	pf_read_cgroups(task, rec);
	if (flags & PF_REC_EXIT) {
		pf_read_memory(task, rec);
		pf_sum_threads(task, rec, has_loop);
	}
	pf_ring_send(ctx, &words, sizeof(words));
}

/* The next thread finds no counts there, and no pending fault. */
static __always_inline void pf_leave_slot(struct task_struct *task, struct pf_events *to)
{
	struct pf_slot *slot = pf_slot_of(task);

	if (!slot)
		return;
	pf_settle(&slot->counts, task);
	pf_take_counts(&slot->counts, to);
	__sync_lock_test_and_set(&slot->task, 0);
}

/* Whatever is taken here is gone from the storage: nothing is ever told twice. */
static __always_inline void pf_take_own(struct task_struct *task, struct pf_events *to)
{
	struct pf_counts *own = pf_counts_of(task, false);

	if (!own)
		return;
	if (pf_settle_end(own, task))
		__sync_fetch_and_add(&pf_ended_late, 1);
	pf_settle(own, task);
	pf_take_counts(own, to);
}

/*
 * Without atomic exchange (5.12, 5ffa25502b5a): which of two threads that are
 * both the last takes what the dead have left? The first to put the leader here.
 * It is needed for a moment only, so the kernel may drop what is old.
 */
struct pf_claim {
	__u64 start_ns;
	__u32 tgid;
	__u32 exec_id; /* an exec gives the process another leader */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 512);
	__type(key, struct pf_claim);
	__type(value, __u8);
} pf_claims SEC(".maps");

static __always_inline bool pf_claim_dead(struct task_struct *leader)
{
	struct pf_claim claim = { .start_ns = leader->start_boottime,
				  .tgid = leader->tgid,
				  .exec_id = leader->self_exec_id };
	__u8 yes = 1;

	return !bpf_map_update_elem(&pf_claims, &claim, &yes, BPF_NOEXIST);
}

/* Gone from the storage, so that a pass does not see it again. */
static __always_inline void pf_take_dead(struct task_struct *leader, struct pf_events *to,
					 bool exchanges)
{
	struct pf_dead *dead = pf_dead_of(leader, false);

	if (!dead || (!exchanges && !pf_claim_dead(leader)))
		return;
	for (int i = 0; i < PF_EVENTS; i++) {
		__u64 n = dead->n[i];

		if (exchanges)
			n = __sync_lock_test_and_set(&dead->n[i], 0);
		else if (n)
			__sync_fetch_and_add(&dead->n[i], -n);
		to->n[i] += n;
	}
}

/* The hash table is not swept by the kernel. */
static __always_inline void pf_forget(struct task_struct *task)
{
	__u32 tid = task->pid;

	if (pf_hashed)
		bpf_map_delete_elem(&pf_entries, &tid);
}

/* Kept with the leader while it lives; false = the reader has to be told. */
static __always_inline bool pf_keep(struct task_struct *leader, const struct pf_events *events)
{
	if (leader->flags & PF_KERNEL_PF_EXITING)
		return false;
	return pf_give_leader(leader, events);
}

/*
 * A dying thread's events go to the leader's storage. When the leader itself
 * dies they go to the reader, with all it kept: an exec may release the leader
 * before the process ends. Two threads may both find that they were the last:
 * each tells what it took, and the reader adds.
 */
static __always_inline int pf_exit(void *ctx, struct task_struct *task, bool has_loop,
				   bool exchanges)
{
	struct task_struct *leader = task->group_leader;
	bool last = task->signal->live.counter == 0;
	struct pf_events events = {};

	if ((task->flags & PF_KERNEL_PF_KTHREAD) || !pf_wanted(task))
		return 0;
	if (pf_counting) {
		pf_take_own(task, &events);
		if (exchanges && pf_n_slots)
			pf_leave_slot(task, &events);
		if (last || task == leader)
			pf_take_dead(leader, &events, exchanges);
		pf_forget(task);
	}
	if (last)
		pf_send(task, PF_REC_EXIT, &events, ctx, has_loop);
	else if ((events.n[PF_EV_USER] || events.n[PF_EV_KERNEL]) &&
		 (task == leader || !pf_keep(leader, &events)))
		pf_send(task, PF_REC_HANDOVER, &events, ctx, has_loop);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(pf_task_exit, struct task_struct *dying)
{
	return pf_exit(ctx, dying, true, true);
}

/* A program with bpf_loop or an exchange anywhere is refused whole by kernels that lack them. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(pf_task_exit_o, struct task_struct *dying)
{
	return pf_exit(ctx, dying, false, false);
}
