/* SPDX-License-Identifier: BSD-2-Clause */
/* The same readings from /proc, where BPF is not to be had. */
#ifndef PF_LIB_OBSERVE_PROCPASS_H
#define PF_LIB_OBSERVE_PROCPASS_H

#include "bpf/pf_abi.h"

struct pf_error;
struct pf_observe_config;
struct pf_procpass;

/* config must outlive it. NULL with *err filled, errno set. */
struct pf_procpass *pf_procpass__open(const struct pf_observe_config *config, struct pf_error *err);
void pf_procpass__close(struct pf_procpass *p);

/*
 * Call fn for every process that the configuration wants. Totals come summed
 * over threads, as dead_*. 0 or -errno with *err filled.
 */
int pf_procpass__run(struct pf_procpass *p, void (*fn)(void *ctx, const struct pf_task_head *head),
		     void *ctx, struct pf_error *err);

#endif
