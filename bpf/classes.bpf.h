/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Of which class is a fault? Told by the memory counters that it moved before
 * the kernel put it into the thread's minor or major count, and where none
 * moved or only that of anonymous memory, by the mapping it was in. Where the
 * fault's end is not seen, it is pending until the thread's next one, or until
 * somebody looks at the thread.
 */
#ifndef PF_BPF_CLASSES_BPF_H
#define PF_BPF_CLASSES_BPF_H

#include "bpf/class.bpf.h"
#include "bpf/counters.bpf.h"

const volatile bool pf_classes = false; /* faults become pending, to be settled here */
const volatile bool pf_ends = false;	/* ... or are ended by a program, which may be left out */

/* Which events are counted is for bpf/sampling.bpf.h to say. */
const volatile __u32 pf_sample_every = 1;   /* one in this many events ... */
const volatile bool pf_sample_auto = false; /* ... or as the process's step says */

/* For how many events does one stand that was counted? */
static __always_inline __u32 pf_weight(const struct pf_counts *own)
{
	if (!pf_sample_auto)
		return pf_sample_every;
	return own->step == 0 ? 1 : own->step == 1 ? PF_SAMPLE_STEP_1 : PF_SAMPLE_STEP_2;
}

/* What fexit has not counted yet of a pending fault. PF_EVENTS = a read. */
static __always_inline enum pf_event pf_pending_mode(__u8 pending)
{
	return pending & PF_PENDING_USER ? PF_EV_USER : PF_EV_KERNEL;
}

static __always_inline enum pf_event pf_pending_access(__u8 pending)
{
	if (pending & PF_PENDING_WRITE)
		return PF_EV_WRITE;
	return pending & PF_PENDING_EXEC ? PF_EV_EXEC : PF_EVENTS;
}

/*
 * By the thread itself, at its next fault or its end. A fault that was never
 * accounted has failed: what moved since then was not its doing.
 */
static __always_inline void pf_settle_at(struct pf_counts *own, __u32 accounted, __u32 weight)
{
	enum pf_event class = PF_EV_OTHER;
	__u8 pending = own->pending;

	if (!(pending & PF_PENDING))
		return;
	own->pending = 0;
	barrier();
	if (own->mark != accounted)
		class = pf_class(pending, own->moved);
	if (class < PF_EVENTS)
		own->n[class] += weight;
}

static __always_inline void pf_settle(struct pf_counts *own, struct task_struct *task)
{
	if (pf_classes)
		pf_settle_at(own, pf_accounted(task), pf_weight(own));
}

/* By the thread itself, too, and for fexit: a fault that is over, and its end was left out. */
static __always_inline bool pf_settle_end(struct pf_counts *own, struct task_struct *task)
{
	__u8 pending = own->pending;
	enum pf_event class = pf_class(pending, own->moved), access = pf_pending_access(pending);
	__u32 weight = pf_weight(own);

	if (!pf_ends || !(pending & PF_PENDING) || own->mark == pf_accounted(task))
		return false;
	own->pending = 0;
	barrier();
	if (class < PF_EVENTS)
		own->n[class] += weight;
	if (access < PF_EVENTS)
		own->n[access] += weight;
	own->n[pf_pending_mode(pending)] += weight;
	return true;
}

/*
 * Adds the counts of a thread as another sees them, a pending fault that is over
 * included. Meanwhile the thread may settle it or take the next one: then it
 * is left out, to be seen later rather than twice. True = there is one that a
 * program should have ended, and may be about to.
 */
static __always_inline bool pf_peek(struct pf_counts *own, struct task_struct *task,
				    struct pf_events *events)
{
	__u32 before = own->n[PF_EV_USER] + own->n[PF_EV_KERNEL];
	__u32 weight = pf_weight(own);
	enum pf_event class, access;
	__u8 pending;
	bool over;

	barrier();
	for (int i = 0; i < PF_EVENTS; i++)
		events->n[i] += own->n[i];
	if (!pf_classes && !pf_ends)
		return false;
	barrier();
	over = own->mark != pf_accounted(task);
	barrier();
	pending = own->pending;
	class = pf_class(pending, own->moved);
	barrier();
	if (!over || !(pending & PF_PENDING) || before != own->n[PF_EV_USER] + own->n[PF_EV_KERNEL])
		return false;
	if (class < PF_EVENTS)
		events->n[class] += weight;
	if (!pf_ends)
		return false;
	events->n[pf_pending_mode(pending)] += weight;
	access = pf_pending_access(pending);
	if (access < PF_EVENTS)
		events->n[access] += weight;
	return true;
}

#endif
