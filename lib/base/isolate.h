/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A function run in a child process with a limit of time, so that its crash or
 * hang is a finding and not ours. What it says on standard error is kept, what
 * it allocates, opens and loads goes with it.
 */
#ifndef PF_LIB_BASE_ISOLATE_H
#define PF_LIB_BASE_ISOLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PF_ISOLATED_LOG 16384

struct pf_isolated {
	int error;	  /* positive errno: it could not be started; the rest is 0 then */
	bool late;	  /* killed when its time was over ... */
	bool interrupted; /* ... or when we got a signal */
	int signal;	  /* that ended it; 0 = it returned */
	double took_s;
	char log[PF_ISOLATED_LOG]; /* the end of what it said, whole lines */
};

/* Memory that both sides see, zeroed; NULL with errno set. */
void *pf_isolate_shared(size_t size);
void pf_isolate_unshare(void *shared, size_t size);

/*
 * Run fn(ctx) in a child in a process group of its own, which dies with it and
 * with us. Answers go through memory from pf_isolate_shared. True when fn
 * returned.
 */
bool pf_isolate(void (*fn)(void *ctx), void *ctx, double limit_s, struct pf_isolated *out);

/* The same in two steps, for what goes on while we do something else. */
struct pf_isolating {
	pid_t pid; /* 0 = none */
	int from;
	int error;
	uint64_t began_ns;
};

void pf_isolate_start(struct pf_isolating *i, void (*fn)(void *ctx), void *ctx);
/* Wait for it until limit_s after its start. Once for each start. */
bool pf_isolate_finish(struct pf_isolating *i, double limit_s, struct pf_isolated *out);

#endif
