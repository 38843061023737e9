/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traces counted: how much each chain of calls of each process brought in,
 * before anything has a name. Equal chains are one entry. Bounded: beyond the
 * maxima a sample goes to its process's entry without frames, so that totals
 * still add up, and is counted as folded away; of one process too many it is
 * counted as lost.
 */
#ifndef PF_LIB_STACK_TRACES_H
#define PF_LIB_STACK_TRACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/record/stack.h"
#include "lib/stack/trace.h"

struct pf_symbolizer;
struct pf_traces;

#define PF_TRACES_MAX	     16384	 /* entries */
#define PF_TRACES_BYTES_MAX  (32u << 20) /* of their frames */
#define PF_TRACES_OWNERS_MAX 16384	 /* each with an entry of what has no room, beside those */

/* Whose: entries of different owners or classes are kept apart. */
struct pf_trace_owner {
	int64_t pid;
	uint64_t start_ns;
	double start_ts;
	char comm[PF_COMM_LEN];
	const char *class; /* a constant, compared by address; NULL = cannot tell */
};

/* An entry. What is added to bytes and samples is the caller's to say: growth takes away, too. */
struct pf_trace_sum {
	const struct pf_trace_owner *owner;
	const struct pf_frame *frames; /* user frames, innermost first; then n_kernel kernel ones */
	uint32_t n_user;
	uint32_t n_kernel;
	uint32_t stop; /* enum pf_trace_stop of the user part */
	uint32_t index;
	bool folded;   /* stands for chains that there was no room for */
	int64_t bytes; /* from here on the caller's */
	int64_t samples;
	double first_ts; /* 0 at first */
	double last_ts;
	int64_t mark[4]; /* 0 at first: for modes that compare intervals */
};

struct pf_traces *pf_traces__new(void); /* NULL without memory */
void pf_traces__free(struct pf_traces *t);
void pf_traces__clear(struct pf_traces *t); /* entries are gone, their memory is kept */

/*
 * The entry for this chain, made if there is none. user or kernel may be NULL.
 * Stays where it is until __clear or __free. NULL without memory at all, or for
 * an owner when there are PF_TRACES_OWNERS_MAX others: counted as lost.
 */
struct pf_trace_sum *pf_traces__find(struct pf_traces *t, const struct pf_trace_owner *owner,
				     const struct pf_trace *user, const struct pf_trace *kernel);

/* The same by its index, which tables can hold where a pointer is too large; NULL beyond the last. */
size_t pf_traces__count(const struct pf_traces *t);
struct pf_trace_sum *pf_traces__at(struct pf_traces *t, size_t i);

struct pf_traces_losses {
	uint64_t folded; /* samples without room for their chain */
	uint64_t lost;	 /* samples without memory for anything, or of an owner too many */
};
struct pf_traces_losses pf_traces__losses(const struct pf_traces *t);

/*
 * Entries with their names, as records: handed out one after the other, in no
 * order. Entries with neither bytes nor samples are left out. `mode` is the
 * record's; age_s is from first_ts to now_ts. `lines` as in
 * pf_symbolizer__resolve. The record is borrowed for the call. The first
 * result other than 0 ends it and is returned; else 0 or -ENOMEM.
 */
#define PF_TRACE_KEPT 3

struct pf_traces_naming {
	struct pf_symbolizer *symbolizer;
	const char *mode;
	double now_ts;
	bool lines;
	bool kept; /* mark[PF_TRACE_KEPT] is the record's kept_bytes */
	int (*stack)(void *ctx, const struct pf_stack *s);
	void *ctx;
};

int pf_traces__name(struct pf_traces *t, const struct pf_traces_naming *naming);

#endif
