/* SPDX-License-Identifier: BSD-2-Clause */
/* Owner of bpf/tasks.bpf.c: the pass over all tasks and the exit records. */
#ifndef PF_LIB_OBSERVE_TASKS_H
#define PF_LIB_OBSERVE_TASKS_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/pf_abi.h"

struct pf_error;
struct pf_faults;
struct pf_observe_config;
struct pf_tasks;

/* faults: whose maps to share, or NULL; borrowed during the call. NULL with *err filled. */
struct pf_tasks *pf_tasks__open(const struct pf_observe_config *config,
				const struct pf_faults *faults, struct pf_error *err);
void pf_tasks__close(struct pf_tasks *t);

/* Call fn for every thread of the pass. 0 or -errno with *err filled. */
int pf_tasks__pass(struct pf_tasks *t, void (*fn)(void *ctx, const struct pf_task_head *head),
		   void *ctx, struct pf_error *err);

/* Exit records, from the moment this returns; a pass must have been made before. */
int pf_tasks__watch_exits(struct pf_tasks *t, void (*fn)(void *ctx, const struct pf_task_rec *rec),
			  void *ctx, struct pf_error *err);
int pf_tasks__ring_fd(const struct pf_tasks *t); /* -1 = exits are not watched */

/* What exit records come through: "ring", or "perf" (a buffer of each CPU); NULL = not watched. */
const char *pf_tasks__buffer(const struct pf_tasks *t);
void pf_tasks__drain(struct pf_tasks *t);
uint64_t pf_tasks__lost(const struct pf_tasks *t);

/* Faults that the last pass, or their dying threads, have ended: their end was left out. */
uint64_t pf_tasks__ended(const struct pf_tasks *t);

/* Of the last pass; entries of a hash table of threads, and slots, are marked with it. */
uint32_t pf_tasks__pass_number(const struct pf_tasks *t);

/* Did it meet the machine's threads, not only those of an inner pid namespace? */
bool pf_tasks__meets_all(const struct pf_tasks *t);

/* The process with this pid is dead: its number may come again for another. */
void pf_tasks__forget_pid(struct pf_tasks *t, const struct pf_task_rec *rec);

struct pf_bpf_cost;
void pf_tasks__cost(const struct pf_tasks *t, struct pf_bpf_cost *cost);

#endif
