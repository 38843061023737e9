/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The allocator and runtime of a process that is alerted, asked of the helper
 * pf-allocator, which has no privileges while it looks at foreign files. Sampling
 * waits for it, but not long: a second an alert, and of a moment no more than
 * half its interval.
 */
#ifndef PF_TOOLS_PFLEAK_IDENTIFY_H
#define PF_TOOLS_PFLEAK_IDENTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/child.h"
#include "lib/proc/allocator.h"

#define PFLEAK_SLOW_MAX 4 /* helpers that have not ended; with so many, none is started */

struct pfleak_identify {
	double interval_s;
	double spent_s; /* waited in this moment */
	struct pf_child *slow[PFLEAK_SLOW_MAX];
	bool told; /* that it cannot be run */
};

/* A moment begins: its time is there again, and slow helpers are looked after. */
void pfleak_identify_moment(struct pfleak_identify *i);

/* All unknown where it cannot be told, or not in time. */
struct pf_allocator_facts pfleak_identify(struct pfleak_identify *i, int64_t pid);

void pfleak_identify_free(struct pfleak_identify *i);

#endif
