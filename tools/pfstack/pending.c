/* SPDX-License-Identifier: BSD-2-Clause */
/* Samples on their way. Asks nobody. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/proc/procfs.h"
#include "tools/pfstack/pending.h"

static size_t bytes_of(const struct pf_capture_sample *s)
{
	size_t bytes = s->n_chain * sizeof(s->chain[0]);

	for (size_t i = 0; i < s->n_parts; i++)
		bytes += s->parts[i].len;
	return bytes;
}

static void copy_regs(struct pf_unwind_sample *raw, const struct pf_capture_sample *s)
{
	_Static_assert(sizeof(raw->regs.r) == sizeof(s->regs), "by DWARF's numbers, both");

	memcpy(raw->regs.r, s->regs, sizeof(raw->regs.r));
}

/* One block: the sample, then what its pointers point to. */
static struct pf_unwind_sample *copy_sample(const struct pf_capture_sample *s, uint32_t depth)
{
	struct pf_unwind_sample *raw = calloc(1, sizeof(*raw) + bytes_of(s));
	char *at = (char *)(raw + 1);

	if (!raw)
		return NULL;
	copy_regs(raw, s);
	raw->depth = depth;
	raw->n_ips = (uint32_t)s->n_chain;
	raw->ips = s->n_chain ? memcpy(at, s->chain, s->n_chain * sizeof(s->chain[0])) : NULL;
	at += s->n_chain * sizeof(s->chain[0]);
	raw->n_parts = (uint32_t)s->n_parts;
	for (size_t i = 0; i < s->n_parts; i++) {
		raw->parts[i] = (struct pf_stack_part){ .address = s->parts[i].address,
							.len = s->parts[i].len,
							.data = memcpy(at, s->parts[i].data,
								       s->parts[i].len) };
		at += s->parts[i].len;
	}
	return raw;
}

struct pfstack_pending *pfstack_pending_new(struct pfstack_pendings *p,
					    const struct pf_capture_sample *s,
					    struct pfstack_proc *proc, uint32_t depth)
{
	struct pfstack_pending *one;

	if (p->count >= PFSTACK_PENDING_MAX)
		return NULL;
	one = calloc(1, sizeof(*one));
	if (!one)
		return NULL;
	one->tid = s->head.tid;
	one->raw = copy_sample(s, depth);
	if (one->raw)
		HASH_ADD(hh, p->unsettled, tid, sizeof(one->tid), one);
	if (!one->hh.tbl) {
		free(one->raw);
		free(one);
		return NULL;
	}
	one->listed = true;
	p->count++;
	proc->waiting++;
	one->serial = s->serial;
	one->proc = proc;
	one->ts = (double)s->head.ts_ns / 1e9 + pf_boot_offset_s();
	one->address = s->address;
	one->weight = s->weight;
	one->bytes = s->seen;
	memcpy(one->comm, s->comm, sizeof(one->comm));
	pf_trace_kernel(&one->kernel, s->kernel, (uint32_t)s->n_kernel);
	return one;
}

struct pfstack_pending *pfstack_pending_of(struct pfstack_pendings *p, uint32_t tid)
{
	struct pfstack_pending *one;

	HASH_FIND(hh, p->unsettled, &tid, sizeof(tid), one);
	return one;
}

static void unlist(struct pfstack_pendings *p, struct pfstack_pending *one)
{
	if (one->listed)
		HASH_DEL(p->unsettled, one);
	one->listed = false;
}

void pfstack_pending_settle(struct pfstack_pendings *p, struct pfstack_pending *one,
			    const char *class, int64_t pages)
{
	unlist(p, one);
	one->settled = true;
	one->class = class;
	one->pages = pages;
}

void pfstack_pending_free(struct pfstack_pendings *p, struct pfstack_pending *one)
{
	unlist(p, one);
	p->count--;
	one->proc->waiting--;
	free(one->raw);
	free(one);
}
