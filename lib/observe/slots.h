/* SPDX-License-Identifier: BSD-2-Clause */
/* Slots for threads that fault a lot (bpf/slots.bpf.h): how many, and whose thread has died. */
#ifndef PF_LIB_OBSERVE_SLOTS_H
#define PF_LIB_OBSERVE_SLOTS_H

#include <stddef.h>
#include <stdint.h>

struct pf_slot;

/* For this machine: enough for threads that run at the same time not to meet often. */
uint32_t pf_slots_wanted(void);

/* The map's memory; NULL with errno set. */
struct pf_slot *pf_slots_map(int fd, uint32_t n);
void pf_slots_unmap(struct pf_slot *slots, uint32_t n);

/*
 * After a pass: free the slots of threads that died without their end being
 * seen. Returns how many events are lost with them: those of threads that were
 * alive in pass `since`, the first with a program at their ends, or came later;
 * 0 = there is no such program, and nobody expects their events.
 */
uint64_t pf_slots_sweep(struct pf_slot *slots, uint32_t n, uint32_t pass, uint32_t since);

#endif
