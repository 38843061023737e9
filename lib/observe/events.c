/* SPDX-License-Identifier: BSD-2-Clause */
/* Adds up fault events. Knows one process at a time, and nothing of the kernel. */
#include <string.h>

#include "lib/observe/events.h"

static size_t fixed_size(const struct pf_task_head *head)
{
	return head->flags & PF_REC_FULL ? sizeof(struct pf_task_rec) : sizeof(*head);
}

const struct pf_events *pf_events_own(const struct pf_task_head *head)
{
	if (!(head->flags & PF_REC_EVENTS))
		return NULL;
	return (const void *)((const char *)head + fixed_size(head));
}

const struct pf_events *pf_events_dead(const struct pf_task_head *head)
{
	const struct pf_events *own = pf_events_own(head);

	return own && (head->flags & PF_REC_DEAD) ? own + 1 : NULL;
}

bool pf_events_fit(const struct pf_task_head *head)
{
	size_t size = fixed_size(head);

	if (head->flags & PF_REC_EVENTS)
		size += sizeof(struct pf_events);
	if (head->flags & PF_REC_DEAD)
		size += sizeof(struct pf_events);
	return head->size == size;
}

static void add(uint64_t *to, const struct pf_events *events)
{
	for (int i = 0; events && i < PF_EVENTS; i++)
		to[i] += events->n[i];
}

void pf_events_begin(struct pf_event_totals *t, const struct pf_task_head *head)
{
	memset(t->dead, 0, sizeof(t->dead));
	add(t->dead, pf_events_dead(head));
	pf_events_restart(t);
}

void pf_events_restart(struct pf_event_totals *t)
{
	memcpy(t->sum, t->dead, sizeof(t->sum));
}

void pf_events_add(struct pf_event_totals *t, const struct pf_task_head *head)
{
	add(t->sum, pf_events_own(head));
}

void pf_events_hand(struct pf_event_totals *t, const struct pf_task_head *head, bool in_pass)
{
	add(in_pass ? t->handed_next : t->handed, pf_events_own(head));
}

static void lift(struct pf_event_totals *t, int which, uint64_t value)
{
	if (value > t->total[which])
		t->total[which] = value;
}

/*
 * Reads are what is left. Their sum never falls either: writes are looked at
 * after all events, so that it is rather too low than too high.
 */
static void lift_all(struct pf_event_totals *t, const uint64_t now[PF_EVENTS])
{
	uint64_t all = now[PF_EV_USER] + now[PF_EV_KERNEL];
	uint64_t no_read = now[PF_EV_WRITE] + now[PF_EV_EXEC];

	for (int i = 0; i < PF_EVENTS; i++)
		lift(t, i, now[i]);
	if (all > no_read)
		lift(t, PF_EV_READ, all - no_read);
}

void pf_events_final(struct pf_event_totals *t)
{
	uint64_t now[PF_EVENTS];

	for (int i = 0; i < PF_EVENTS; i++)
		now[i] = t->handed[i] + t->handed_next[i];
	lift_all(t, now);
}

void pf_events_end(struct pf_event_totals *t, bool seen)
{
	uint64_t now[PF_EVENTS];

	for (int i = 0; i < PF_EVENTS; i++)
		now[i] = t->sum[i] + t->handed[i];
	if (seen)
		lift_all(t, now);
	for (int i = 0; i < PF_EVENTS; i++)
		t->handed[i] += t->handed_next[i];
	memset(t->handed_next, 0, sizeof(t->handed_next));
}

void pf_events_forget(struct pf_event_totals *t)
{
	memcpy(t->reported, t->total, sizeof(t->reported));
}

bool pf_events_news(const struct pf_event_totals *t)
{
	return memcmp(t->reported, t->total, sizeof(t->reported)) != 0;
}

void pf_events_take(struct pf_event_totals *t, int64_t increase[PF_EVENT_SUMS])
{
	for (int i = 0; i < PF_EVENT_SUMS; i++)
		increase[i] = (int64_t)(t->total[i] - t->reported[i]);
	pf_events_forget(t);
}
