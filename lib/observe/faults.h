/* SPDX-License-Identifier: BSD-2-Clause */
/* Owner of bpf/faults.bpf.c: the programs that count fault events. */
#ifndef PF_LIB_OBSERVE_FAULTS_H
#define PF_LIB_OBSERVE_FAULTS_H

#include <stdint.h>

struct pf_error;
struct pf_observe_config;
struct pf_bpf_cost;
struct pf_faults;

/* Load, not yet attached. NULL with *err filled. */
struct pf_faults *pf_faults__open(const struct pf_observe_config *config, struct pf_error *err);
int pf_faults__attach(struct pf_faults *f, struct pf_error *err);
void pf_faults__close(struct pf_faults *f);

/* What it can tell of an event: enum pf_tells. */
unsigned int pf_faults__tells(const struct pf_faults *f);

/* Maps that the pass over the tasks reads. */
enum pf_fault_map { PF_FAULT_MAP_COUNTS, PF_FAULT_MAP_DEAD, PF_FAULT_MAP_TGIDS };
int pf_faults__map_fd(const struct pf_faults *f, enum pf_fault_map which);

/* Events that were not counted. */
uint64_t pf_faults__uncounted(const struct pf_faults *f);
void pf_faults__cost(const struct pf_faults *f, struct pf_bpf_cost *cost);

#endif
