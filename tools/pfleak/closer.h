/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A closer look at a process when its alert fires: what its memory is handed
 * out by, what to do next, and where its stacks will be. Only of processes of
 * this machine that are alive; everything else is empty.
 */
#ifndef PF_TOOLS_PFLEAK_CLOSER_H
#define PF_TOOLS_PFLEAK_CLOSER_H

#include "tools/pfleak/advice.h"
#include "tools/pfleak/stacks.h"

struct pf_strbuf;
struct pfleak_report;

struct pfleak_closer {
	const char *allocator; /* NULL = unknown, here and below */
	const char *linkage;   /* "dynamic", "static": of the allocator */
	const char *language;
	const char *next;   /* the next step */
	const char *stacks; /* file in which they will be, or are */
	const char *site;   /* what they point to, printable */
	char advice[PFLEAK_ADVICE_MAX];
};

/* Its lines below an event. */
void pfleak_add_closer(struct pf_strbuf *b, const struct pfleak_closer *c);

/* An event of its own: stacks that were taken, or why there are none. */
void pfleak_report_stacks(struct pfleak_report *r, const struct pfleak_stacks_result *result);

#endif
