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

/*
 * By the thread itself, at its next fault or its end. A fault that was never
 * accounted has failed: what moved since then was not its doing.
 */
static __always_inline void pf_settle(struct pf_counts *own, struct task_struct *task)
{
	enum pf_event class = PF_EV_OTHER;
	__u8 pending = own->pending;

	if (!pf_classes || !(pending & PF_PENDING))
		return;
	own->pending = 0;
	barrier();
	if (own->mark != pf_accounted(task))
		class = pf_class(pending, own->moved);
	if (class < PF_EVENTS)
		own->n[class] += pf_weight(own);
}

/*
 * The counts of a thread as another sees them, a pending fault that is over
 * included. Meanwhile the thread may settle it or take the next one: then it
 * is left out, to be seen later rather than twice.
 */
static __always_inline void pf_peek(struct pf_counts *own, struct task_struct *task,
				    struct pf_events *events)
{
	__u32 before = own->n[PF_EV_USER] + own->n[PF_EV_KERNEL];
	enum pf_event class;
	__u8 pending;
	bool over;

	barrier();
	for (int i = 0; i < PF_EVENTS; i++)
		events->n[i] = own->n[i];
	if (!pf_classes)
		return;
	barrier();
	over = own->mark != pf_accounted(task);
	barrier();
	pending = own->pending;
	class = pf_class(pending, own->moved);
	barrier();
	if (over && (pending & PF_PENDING) && class < PF_EVENTS &&
	    before == own->n[PF_EV_USER] + own->n[PF_EV_KERNEL])
		events->n[class] += pf_weight(own);
}

#endif
