/* SPDX-License-Identifier: BSD-2-Clause */
/* Records with stacks, as the programs write them, in the words of capture.h. Keeps nothing. */
#include <string.h>

#include "bpf/stacks_abi.h"
#include "lib/observe/capture_record.h"
#include "lib/observe/capture_regs.h"

void pf_capture_take_head(const struct pf_stack_head *from, struct pf_capture_head *to)
{
	to->pid = from->pid;
	to->tid = (uint32_t)from->tid;
	to->tgid = (uint32_t)from->tgid;
	to->start_ns = from->start_ns;
	to->ts_ns = from->ts_ns;
}

/* What is below the place of the fault is the exception and ourselves. */
static void take_kernel(const struct pf_stack_sample *r, struct pf_capture_sample *s)
{
	size_t n = r->kernel_bytes > 0 ? (size_t)r->kernel_bytes / sizeof(r->kernel[0]) : 0;
	size_t at = 0;

	while (at < n && r->kernel[at] != r->kernel_ip)
		at++;
	if (at == n)
		at = 0;				    /* not told where: all of it */
	s->kernel = (const void *)(r->kernel + at); /* __u64, by another name */
	s->n_kernel = n - at;
}

/* Pieces that follow one another are one part. */
static void take_parts(const struct pf_stack_sample *r, const uint8_t *stack, unsigned int pages,
		       struct pf_capture_sample *s)
{
	uint64_t base = r->sp & ~(uint64_t)(PF_STACK_PAGE - 1);
	bool open = false;

	for (unsigned int i = 0; i < pages; i++) {
		uint32_t skip = i ? 0 : (uint32_t)(r->sp - base);

		if (!(r->copied & 1u << i)) {
			open = false;
			continue;
		}
		if (open) {
			s->parts[s->n_parts - 1].len += PF_STACK_PAGE;
			continue;
		}
		s->parts[s->n_parts++] = (struct pf_capture_part){
			.address = base + i * PF_STACK_PAGE + skip,
			.len = PF_STACK_PAGE - skip,
			.data = stack + (size_t)i * PF_STACK_PAGE + skip,
		};
		open = true;
	}
}

static void take_chain(const struct pf_stack_chain *r, struct pf_capture_sample *s)
{
	s->chain = (const void *)r->chain;
	s->n_chain =
		r->sample.chain_bytes > 0 ? (size_t)r->sample.chain_bytes / sizeof(r->chain[0]) : 0;
}

void pf_capture_take_sample(const struct pf_stack_sample *r, size_t size,
			    struct pf_capture_sample *s)
{
	*s = (struct pf_capture_sample){ .uid = r->uid,
					 .serial = r->serial,
					 .weight = r->weight,
					 .seen = r->seen,
					 .address = r->address,
					 .user = r->flags & PF_STACK_USER };
	pf_capture_take_head(&r->head, &s->head);
	memcpy(s->comm, r->comm, sizeof(r->comm));
	s->abi = pf_capture_regs(r, s->regs);
	take_kernel(r, s);
	if ((r->flags & PF_STACK_CHAINED) && size >= sizeof(struct pf_stack_chain))
		take_chain((const void *)r, s);
	else if (size >= sizeof(struct pf_stack_deep))
		take_parts(r, ((const struct pf_stack_deep *)r)->stack, PF_STACK_PAGES_DEEP, s);
	else if (size >= sizeof(struct pf_stack_short))
		take_parts(r, ((const struct pf_stack_short *)r)->stack, PF_STACK_PAGES, s);
}

void pf_capture_take_event(const struct pf_stack_event *r, struct pf_capture_news *n)
{
	static const enum pf_capture_event events[] = {
		[PF_STACK_HOT] = PF_CAPTURE_HOT,     [PF_STACK_COLD] = PF_CAPTURE_COLD,
		[PF_STACK_EXEC] = PF_CAPTURE_EXEC,   [PF_STACK_EXIT] = PF_CAPTURE_EXIT,
		[PF_STACK_NAMED] = PF_CAPTURE_NAMED, [PF_STACK_SEEN] = PF_CAPTURE_SEEN
	};

	*n = (struct pf_capture_news){ .event = events[r->head.kind],
				       .uid = r->uid,
				       .seen = r->seen };
	pf_capture_take_head(&r->head, &n->head);
	memcpy(n->comm, r->comm, sizeof(r->comm));
	if (r->window_ns)
		n->rate_per_s = (double)r->window_faults * 1e9 / (double)r->window_ns;
}
