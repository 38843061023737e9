/* SPDX-License-Identifier: BSD-2-Clause */
/* Owner of bpf/faults.bpf.c: the programs that count fault events. */
#ifndef PF_LIB_OBSERVE_FAULTS_H
#define PF_LIB_OBSERVE_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

struct pf_bpf_cost;
struct pf_entry;
struct pf_error;
struct pf_observe_config;
struct pf_faults;

/*
 * Load and attach by the first backend that works, the most precise first, or
 * by the one that config asks for. NULL with *err filled: why the best one did
 * not, or the one asked for. The reasons of all go to the log.
 */
struct pf_faults *pf_faults__open(const struct pf_observe_config *config, struct pf_error *err);
void pf_faults__close(struct pf_faults *f);

/* Its name, as --backend has it. */
const char *pf_faults__backend(const struct pf_faults *f);

/* What it can tell of an event: enum pf_tells. */
unsigned int pf_faults__tells(const struct pf_faults *f);

/* Is a fault pending until it is settled, or ended (bpf/classes.bpf.h)? Threads in a hash table? */
bool pf_faults__pends(const struct pf_faults *f);
bool pf_faults__ends(const struct pf_faults *f);
bool pf_faults__hashed(const struct pf_faults *f);

/* How many slots are there for hot threads (bpf/slots.bpf.h)? 0 = they have none. */
uint32_t pf_faults__n_slots(const struct pf_faults *f);

/* Maps that the pass over the tasks reads; -1 = there is none. */
enum pf_fault_map {
	PF_FAULT_MAP_COUNTS,
	PF_FAULT_MAP_DEAD,
	PF_FAULT_MAP_ENTRIES,
	PF_FAULT_MAP_TGIDS,
	PF_FAULT_MAP_SLOTS,
};
int pf_faults__map_fd(const struct pf_faults *f, enum pf_fault_map which);

/*
 * --sample auto: put a process (global pid) at a step; 0 takes it out. False =
 * there is no room. Threads hear of it when told.
 */
bool pf_faults__set_step(struct pf_faults *f, uint32_t tgid, uint8_t step);
void pf_faults__tell_steps(struct pf_faults *f);

/*
 * Threads in a hash table, or in slots: before each pass its number is told,
 * and those that come from then on have it. After one that met every thread,
 * forget those that died: neither this pass nor the one before has marked them.
 * Which pass was the first after the ends of threads were told, if they are?
 */
void pf_faults__begin_pass(struct pf_faults *f, uint32_t pass);
void pf_faults__ends_told(struct pf_faults *f, uint32_t pass);
void pf_faults__sweep(struct pf_faults *f, uint32_t pass, bool met_all);
bool pf_entry_is_dead(const struct pf_entry *e, uint32_t pass);

/* Becomes readable when CPUs come or go; -1 = does not matter. Then, and each interval: follow. */
int pf_faults__fd(const struct pf_faults *f);
void pf_faults__follow_cpus(struct pf_faults *f);

/* Events that found no memory to be counted in, and how often a CPU had no event. */
uint64_t pf_faults__uncounted(const struct pf_faults *f);
uint64_t pf_faults__gaps(const struct pf_faults *f);

/*
 * Events that were not counted, or whose class was not, as the kernel left out
 * a program: up to the last pass. Given are those that the pass and dying
 * threads have ended in its stead.
 */
uint64_t pf_faults__left_out(struct pf_faults *f, uint64_t ended_by_others);
void pf_faults__cost(const struct pf_faults *f, struct pf_bpf_cost *cost);

#endif
