/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processes whose faults are sampled, by pid and start time, and what is
 * known of each. Bounded: dead ones make room, and who finds none is counted.
 */
#ifndef PF_TOOLS_PFSTACK_PROCS_H
#define PF_TOOLS_PFSTACK_PROCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Without memory an addition fails, not the program. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "lib/record/sample.h"

#define PFSTACK_PROCESSES_MAX 4096

struct pfstack_proc_key {
	int64_t pid; /* in our pid namespace */
	uint64_t start_ns;
};

struct pfstack_proc {
	struct pfstack_proc_key key;
	uint32_t tgid; /* in the initial pid namespace */
	uint32_t uid;
	char comm[PF_COMM_LEN];
	double start_ts; /* Unix seconds */
	bool wanted;	 /* by --comm, --cgroup and --user */
	bool cold;	 /* below the rate, not sampled */
	bool gone;	 /* has ended */
	bool said;	 /* the user was told of it ... */
	uint64_t said_ns;
	uint32_t waiting; /* samples of it that are not accounted for yet */

	uint32_t maps; /* the symbolizer's id of its map table; 0 = none */
	uint64_t maps_ns;
	uint64_t maps_took_ns;

	bool deep; /* its stacks are copied deeper */

	/* faults: since we look on, at the last sample, at the beginning of this period */
	uint64_t seen;
	uint64_t seen_before;
	uint64_t unsampled;   /* before it was hot */
	double weight;	      /* of the samples of this period */
	double period_scale;  /* of the last period: see pfstack_proc_period */
	uint32_t weight_most; /* of one sample */
	uint64_t samples;

	int64_t rss_first; /* bytes; PF_UNKNOWN where it could not be read */
	int64_t rss_last;
	int64_t rss_base; /* growth: what rss_last is compared with */
	int pagemap;	  /* growth: open file; -1 = none */

	UT_hash_handle hh;
};

/* Of those that were sampled, ended and made room. */
struct pfstack_past {
	uint64_t processes;
	uint64_t faults;
	uint64_t unsampled; /* beside these */
	uint64_t samples;
};

struct pfstack_procs {
	struct pfstack_proc *table;
	struct pfstack_past past;
	uint64_t refused; /* records of processes for which there was no room */
};

struct pfstack_proc *pfstack_procs_find(struct pfstack_procs *p, int64_t pid, uint64_t start_ns);

/*
 * The one there is, or a new one with nothing in it but the key. NULL: no room,
 * unless pfstack_procs_sweep makes some, or no memory.
 */
struct pfstack_proc *pfstack_procs_get(struct pfstack_procs *p, int64_t pid, uint64_t start_ns);
bool pfstack_procs_full(const struct pfstack_procs *p);

/* Those that have ended and wait for nothing are past; drop is told of each. */
void pfstack_procs_sweep(struct pfstack_procs *p,
			 void (*drop)(void *ctx, const struct pfstack_proc *proc), void *ctx);
void pfstack_procs_free(struct pfstack_procs *p);

/* Another sample: its weight, and the process's faults so far. */
void pfstack_proc_sampled(struct pfstack_proc *proc, uint32_t weight, uint64_t seen);

/* Its faults so far, those after its last sample with them. */
void pfstack_proc_seen(struct pfstack_proc *proc, uint64_t seen);

/*
 * By how much the weights of this period have to be multiplied so that they add
 * up to the faults that the kernel has counted. Begins the next one.
 */
double pfstack_proc_period(struct pfstack_proc *proc);

/* Its RSS now, from /proc; PF_UNKNOWN when it is gone. */
int64_t pfstack_proc_rss(const struct pfstack_proc *proc);

#endif
