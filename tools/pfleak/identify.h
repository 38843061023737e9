/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The allocator and runtime of a process that is alerted, asked of the helper
 * pf-allocator, which has no privileges while it looks at foreign files. It is
 * asked when the watch begins, so that the answer is there when the alert
 * fires; where it is not, sampling waits for it, but not long: a second an
 * alert, and of a moment no more than half its interval.
 */
#ifndef PF_TOOLS_PFLEAK_IDENTIFY_H
#define PF_TOOLS_PFLEAK_IDENTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/child.h"
#include "lib/proc/allocator.h"

#define PFLEAK_SUBJECTS_MAX 32 /* processes asked about lately */
#define PFLEAK_ASKING_MAX   4  /* ... at once */

struct pfleak_subject {
	int64_t pid; /* 0 = free */
	double start_ts;
	uint64_t turn;		/* when it was asked about last */
	struct pf_child *asked; /* NULL = answered */
	struct pf_allocator_facts facts;
};

struct pfleak_identify {
	double interval_s;
	double spent_s; /* waited in this moment */
	uint64_t turn;
	struct pfleak_subject subjects[PFLEAK_SUBJECTS_MAX];
	bool told; /* that it cannot be run */
};

/* A moment begins: its time is there again, and answers are taken in. */
void pfleak_identify_moment(struct pfleak_identify *i);

/* The process may be asked about later; it became what it is now. */
void pfleak_identify_begin(struct pfleak_identify *i, int64_t pid, double start_ts);

/* All unknown where it cannot be told, or not in time. */
struct pf_allocator_facts pfleak_identify(struct pfleak_identify *i, int64_t pid, double start_ts);

/* What is known already: false where it was not asked, or not answered. */
bool pfleak_identify_known(struct pfleak_identify *i, int64_t pid, double start_ts,
			   struct pf_allocator_facts *facts);

void pfleak_identify_free(struct pfleak_identify *i);

#endif
