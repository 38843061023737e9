/* SPDX-License-Identifier: BSD-2-Clause */
/* What pfleak prints for Prometheus: the machine, the suspects, and its own cost. */
#ifndef PF_TOOLS_PFLEAK_PROM_H
#define PF_TOOLS_PFLEAK_PROM_H

#include "lib/cli/run.h"
#include "lib/leak/leak.h"
#include "tools/pfleak/opts.h"

struct pfleak_deliver;
struct pfleak_prom;

/* *opts must outlive it. NULL = no memory. */
struct pfleak_prom *pfleak_prom__new(const struct pfleak_opts *opts);
void pfleak_prom__free(struct pfleak_prom *p); /* NULL-safe */

/* One sample of this moment and what is thought of its process; NULL = not followed. 0, -ENOMEM. */
int pfleak_prom__see(struct pfleak_prom *p, const struct pf_sample *s, const struct pf_verdict *v);

/* A watch, an alert or its end was reported. */
void pfleak_prom__event(struct pfleak_prom *p, const struct pf_verdict *v);

/*
 * The moment is over: one exposition to run->out.buf, and the next moment
 * begins. deliver is NULL without channels. 0, -ENOMEM.
 */
int pfleak_prom__write(struct pfleak_prom *p, struct pf_run *run, const struct pf_leak *leak,
		       const struct pfleak_deliver *deliver, const struct pf_moment *m);

#endif
