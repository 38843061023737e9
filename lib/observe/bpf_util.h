/* SPDX-License-Identifier: BSD-2-Clause */
/* What the owners of BPF objects share: libbpf's messages, refusals in words, cost. */
#ifndef PF_LIB_OBSERVE_BPF_UTIL_H
#define PF_LIB_OBSERVE_BPF_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/record/check.h"

struct bpf_map;
struct bpf_object;
struct pf_error;

#define PF_COST_MAPS 32

struct pf_bpf_cost {
	int64_t run_ns;
	int64_t runs;
	int64_t map_bytes;
	uint32_t maps[PF_COST_MAPS]; /* whose bytes are in it: two objects may share some */
	size_t n_maps;
};

/* libbpf's own messages go to our log at -vv (debug). */
void pf_bpf_log_setup(void);

/*
 * Fill *err for a step that failed: "cannot load the task iterator: Operation
 * not permitted (needs …)". `needs` are the capabilities that the step takes
 * (lib/base/caps.h); without them it is loading: CAP_BPF and CAP_PERFMON.
 */
int pf_bpf_fail(struct pf_error *err, int code, const char *what);
int pf_bpf_fail_needs(struct pf_error *err, int code, const char *what, uint64_t needs,
		      enum pf_check_id check);

/* Loading, where that check tries the same. */
int pf_bpf_fail_see(struct pf_error *err, int code, const char *what, enum pf_check_id check);

/* The same for what is no BPF: of reasons only a limit of open files is explained. */
int pf_step_fail(struct pf_error *err, int code, const char *what);

/* The same for attaching to the classic tracepoints of page faults, which tracefs names. */
int pf_bpf_fail_tracepoints(struct pf_error *err, int code);

/*
 * Capabilities for commands of bpf(2) on what is loaded already: none since
 * 5.19 (c8644cd0efe7); before, all of it takes what loading took.
 */
uint64_t pf_bpf_command_caps(void);

/* Entries for the maps of named processes: no more memory than asked for. */
uint32_t pf_bpf_named_max(size_t n_pids);

/* Put processes into a map of those named; its keys are pids, its values a byte. 0 or -errno. */
int pf_bpf_name_pids(const struct bpf_map *map, const int64_t *pids, size_t n);

/* Add one object's programs' run time and maps' memory to *cost. Programs in `skip` are left out. */
void pf_bpf_cost_add(struct pf_bpf_cost *cost, const struct bpf_object *obj, const char *skip);

/* How often one of an object's programs was left out, as it was running on that CPU already;
 * the program `skip` does not count. */
uint64_t pf_bpf_missed(const struct bpf_object *obj, const char *skip);

/* Have the kernel time BPF programs until the descriptor is closed; -errno. */
int pf_bpf_time_programs(void);

/* Before Linux 5.12 programs that trace have none. False where that cannot be told. */
bool pf_bpf_lacks_task_storage(void);

/* bpf_loop came with 5.17 (e6f2dd0f8067). A program that has it anywhere is refused whole before. */
bool pf_bpf_has_loop(void);

#endif
