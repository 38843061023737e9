/* SPDX-License-Identifier: BSD-2-Clause */
/* The process that is looked at, and what was asked about it so far. */
#ifndef PF_TOOLS_PFDIAG_SUBJECT_H
#define PF_TOOLS_PFDIAG_SUBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/proc/allocator.h"
#include "lib/proc/code.h"
#include "lib/proc/procfs.h"

/* Something asked of a helper without privileges, once. */
struct pfdiag_question {
	bool asked;
	bool answered;
	char why[400]; /* not */
};

struct pfdiag_subject {
	int64_t pid;
	uint64_t until_ns; /* boot time: no helper works longer */
	int code;	   /* -errno: it cannot be looked at; 0 */
	struct pf_proc_stat stat;
	struct pfdiag_question of_allocator;
	struct pfdiag_question of_code;
	struct pf_allocator_facts facts;
	struct pf_code program;
};

void pfdiag_subject_open(struct pfdiag_subject *s, const char *proc, int64_t pid,
			 uint64_t until_ns);
void pfdiag_subject_close(struct pfdiag_subject *s);

/* NULL: the helper gave no answer, and *why has words, as long as the subject is open. */
const struct pf_allocator_facts *pfdiag_subject_allocator(struct pfdiag_subject *s,
							  const char **why);
const struct pf_code *pfdiag_subject_code(struct pfdiag_subject *s, const char **why);

#endif
