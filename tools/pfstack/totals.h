/* SPDX-License-Identifier: BSD-2-Clause */
/* What came in, by process and in all, against what the kernel says of its memory; what was lost. */
#ifndef PF_TOOLS_PFSTACK_TOTALS_H
#define PF_TOOLS_PFSTACK_TOTALS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/strbuf.h"
#include "tools/pfstack/collect.h"

enum { CLASS_ANON, CLASS_FILE, CLASS_SHMEM, CLASS_SWAPIN, CLASS_COW, CLASS_UNKNOWN, CLASSES };

struct pfstack_totals {
	const struct pfstack_proc *proc; /* NULL = of all */
	uint64_t processes;
	uint64_t faults;
	uint64_t unsampled; /* before the process was hot; not in faults */
	uint64_t samples;
	int64_t bytes; /* of all classes: estimated */
	int64_t by_class[CLASSES];
	int64_t change; /* growth: bytes of all stacks, of those that grow and of those that do not */
};

/* One for each process with samples or named by --pid, *n of them; the caller frees it. NULL without memory, or n 0. */
struct pfstack_totals *pfstack_totals_by_process(const struct pfstack_collect *c, size_t *n);
void pfstack_totals_of_all(struct pfstack_totals *t, const struct pfstack_collect *c);

/* For people, a line or two. */
void pfstack_totals_line(const struct pfstack_totals *t, const struct pfstack_collect *c,
			 enum pfstack_mode mode, struct pf_strbuf *out);

/* Those that made room for others are one line, if there are any. */
void pfstack_totals_past(const struct pfstack_collect *c, struct pf_strbuf *out);

/* allocs: of the one process, and what its end was. */
void pfstack_totals_heap(const struct pfstack_collect *c, struct pf_strbuf *out);

struct pfstack_losses {
	uint64_t samples;   /* the ring was full, or too many were on their way */
	uint64_t events;    /* word of processes, or of what a fault did */
	uint64_t faults;    /* not counted at all */
	uint64_t unsettled; /* samples whose class and size never came */
	uint64_t processes; /* no room */
	uint64_t stacks;    /* samples without room for their chain */
	uint64_t unread;    /* processes whose maps, or page tables, could not be read */
	uint64_t unopened;  /* mappings whose file could not be opened */
	uint64_t restarts;  /* of the child */
	uint64_t files;	    /* that it died of: no names of theirs */
	uint64_t names;	    /* places in code without room for theirs */
	uint64_t pages;	    /* growth: not remembered */
	uint64_t live;	    /* allocs: samples beyond those that can be alive at a time */
};

void pfstack_losses_of(struct pfstack_losses *l, const struct pfstack_collect *c);
/* Are there kernel frames without names, as this machine does not show its addresses? */
bool pfstack_kernel_hidden(const struct pfstack_collect *c);

/* In words, separated by "; "; nothing where nothing was lost. */
void pfstack_losses_words(const struct pfstack_losses *l, struct pf_strbuf *out);

#endif
