/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One software event page-faults for each CPU that is there, with a program on
 * it. CPUs that come later get theirs when the kernel tells of them.
 */
#ifndef PF_LIB_OBSERVE_CPUS_H
#define PF_LIB_OBSERVE_CPUS_H

#include <stdint.h>

struct bpf_program;
struct pf_cpus;
struct pf_error;

/* NULL with *err filled, errno set. */
struct pf_cpus *pf_cpus__open(const struct bpf_program *program, struct pf_error *err);
void pf_cpus__close(struct pf_cpus *c);

/* Becomes readable when CPUs come or go; -1 = the kernel does not tell. */
int pf_cpus__fd(const struct pf_cpus *c);

/* Give events to CPUs that came, take them from those that went. */
void pf_cpus__follow(struct pf_cpus *c);

/* Capabilities (lib/base/caps.h) that events for CPUs which come later take. */
uint64_t pf_cpus_caps(void);

/* How often a CPU was there without an event: how many faults it took then nobody knows. */
uint64_t pf_cpus__gaps(const struct pf_cpus *c);

#endif
