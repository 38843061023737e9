/* SPDX-License-Identifier: BSD-2-Clause */
/* The process that is looked at, and what was asked about it so far. */
#ifndef PF_TOOLS_PFDIAG_SUBJECT_H
#define PF_TOOLS_PFDIAG_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/proc/allocator.h"
#include "lib/proc/code.h"
#include "lib/proc/procfs.h"

struct pfdiag_subject {
	int64_t pid;
	int code; /* -errno: it cannot be looked at; 0 */
	struct pf_proc_stat stat;
	bool asked_allocator;
	bool asked_code;
	int allocator_code; /* positive: the helper gave no answer; so is the next */
	int code_code;
	struct pf_allocator_facts facts;
	struct pf_code program;
};

void pfdiag_subject_open(struct pfdiag_subject *s, const char *proc, int64_t pid);
void pfdiag_subject_close(struct pfdiag_subject *s);

/* Asked of a helper without privileges, once. NULL: it gave no answer, and *why has words. */
const struct pf_allocator_facts *pfdiag_subject_allocator(struct pfdiag_subject *s, char *why,
							  size_t size);
const struct pf_code *pfdiag_subject_code(struct pfdiag_subject *s, char *why, size_t size);

#endif
