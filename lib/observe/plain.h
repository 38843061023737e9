/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owner of bpf/plain.bpf.c: fault events by process where the kernel has no
 * type information, joined to the readings from /proc. Tells the mode of an
 * event, user or kernel, and nothing else of it.
 */
#ifndef PF_LIB_OBSERVE_PLAIN_H
#define PF_LIB_OBSERVE_PLAIN_H

#include <stdint.h>

#include "bpf/pf_abi.h"

struct pf_bpf_cost;
struct pf_error;
struct pf_observe_config;
struct pf_plain;

/*
 * Load and attach for config->backend, of which it can be tracepoint and perf,
 * or auto for the first of these that works. config must outlive it. NULL with
 * *err filled and errno set: in a child pid namespace the kernel's numbers are
 * not those in /proc, and it refuses.
 */
struct pf_plain *pf_plain__open(const struct pf_observe_config *config, struct pf_error *err);
void pf_plain__close(struct pf_plain *p);

const char *pf_plain__backend(const struct pf_plain *p);

/*
 * As pf_procpass__run, with struct pf_events behind the record of each process
 * that had any. Takes the dead out of the table. 0 or -errno with *err filled.
 */
int pf_plain__pass(struct pf_plain *p, void (*fn)(void *ctx, const struct pf_task_head *head),
		   void *ctx, struct pf_error *err);

/* As pf_cpus__fd and pf_cpus__follow; -1 = nothing to watch. */
int pf_plain__fd(const struct pf_plain *p);
void pf_plain__follow_cpus(struct pf_plain *p);

/* Events that found the table full, and how often a CPU had no event. */
uint64_t pf_plain__uncounted(const struct pf_plain *p);
uint64_t pf_plain__gaps(const struct pf_plain *p);
void pf_plain__cost(const struct pf_plain *p, struct pf_bpf_cost *cost);

#endif
