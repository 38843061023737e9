/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Samples on their way: each waits for its stack to be unwound, and for its
 * fault to be over. A thread has one at a time whose fault is not. Bounded.
 */
#ifndef PF_TOOLS_PFSTACK_PENDING_H
#define PF_TOOLS_PFSTACK_PENDING_H

#include <stdbool.h>
#include <stdint.h>

/* Without memory an addition fails, not the program. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "lib/observe/capture.h"
#include "lib/stack/symbolizer.h"
#include "tools/pfstack/procs.h"

#define PFSTACK_PENDING_MAX 8192

struct pfstack_pending {
	uint32_t tid;
	uint32_t serial;
	struct pfstack_proc *proc;
	char comm[PF_COMM_LEN];
	double ts; /* Unix seconds */
	uint64_t address;
	uint32_t weight;
	uint64_t bytes; /* allocs: asked for */

	bool settled;
	uint32_t passes;   /* that have told nothing of it */
	const char *class; /* NULL = cannot be told */
	int64_t pages;

	bool unwound;
	bool tried_again; /* with the process's maps read anew */
	struct pf_trace user;
	struct pf_trace kernel;

	/* Until it is unwound: to do that again. */
	struct pf_unwind_sample *raw; /* followed by the bytes of its parts; owned */

	UT_hash_handle hh; /* by tid, while its fault is not over */
	bool listed;
};

struct pfstack_pendings {
	struct pfstack_pending *unsettled;
	uint32_t count;
};

/* NULL: there are too many, or no memory. */
struct pfstack_pending *pfstack_pending_new(struct pfstack_pendings *p,
					    const struct pf_capture_sample *s,
					    struct pfstack_proc *proc, uint32_t depth);
void pfstack_pending_free(struct pfstack_pendings *p, struct pfstack_pending *one);

/* The thread's one whose fault is not known to be over; NULL = none. */
struct pfstack_pending *pfstack_pending_of(struct pfstack_pendings *p, uint32_t tid);

/* Its fault is over: it is not found by its thread any more. */
void pfstack_pending_settle(struct pfstack_pendings *p, struct pfstack_pending *one,
			    const char *class, int64_t pages);

#endif
