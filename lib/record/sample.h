/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sample: one process, one interval. What observe makes, leak judges and
 * report prints. Counts are those of the interval, memory is at its end.
 */
#ifndef PF_LIB_RECORD_SAMPLE_H
#define PF_LIB_RECORD_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/record/field.h"

#define PF_COMM_LEN 64 /* the kernel's names have 16 bytes; recordings may hold longer ones */

struct pf_sample {
	double ts;	   /* end of the interval, Unix seconds */
	double mono_s;	   /* the same moment on a clock that never goes back; not in JSON */
	double interval_s; /* length of the interval by that clock */

	int64_t pid;		/* in the tool's own pid namespace */
	int64_t nspid;		/* in the process's innermost pid namespace */
	int64_t ppid;		/* 0 = outside the tool's pid namespace */
	double start_ts;	/* Unix seconds; with pid and boot the identity */
	uint64_t start_ns;	/* same, boot time; 0 in replay; not in JSON */
	uint64_t exec_id;	/* changes with each exec; 0 = unknown; not in JSON */
	char comm[PF_COMM_LEN]; /* raw bytes, may be anything */
	const char *exe;	/* file name; NULL = not readable. Strings belong to the maker */
	int64_t uid;
	const char *cgroup; /* path as in /proc/PID/cgroup */
	const char *container;
	const char *runtime;
	const char *pod;

	int64_t faults; /* minor + major: the kernel's own totals */
	int64_t minor;
	int64_t major;
	int64_t user; /* fault events seen by the tracing program ... */
	int64_t kernel;
	int64_t anon; /* ... by class; PF_UNKNOWN where the backend cannot tell */
	int64_t file;
	int64_t shmem;
	int64_t swapin;
	int64_t cow;
	int64_t other;
	int64_t read; /* ... and by access: together they are user + kernel, where it can be told */
	int64_t write;
	int64_t exec;
	int64_t sampled; /* 1 in N events was counted and scaled; 1 = all; unknown = no tracing */

	int64_t rss_bytes; /* anon + file + shmem */
	int64_t rss_anon_bytes;
	int64_t rss_file_bytes;
	int64_t rss_shmem_bytes;
	int64_t rss_error_bytes; /* the kernel's own figure may be off by this much */
	int64_t swap_bytes;
	int64_t vsz_bytes;
	bool exited;		 /* died in this interval: counts are final */
	int64_t rss_delta_bytes; /* RSS since the last moment; not in JSON */
};

/* Everything unknown, strings NULL, exited false. */
void pf_sample_init(struct pf_sample *s);

/* The record's fields in the order they are written; without v and type. */
extern const struct pf_field pf_sample_fields[];
extern const size_t pf_sample_n_fields;

/* What was lost on the way, by kind; every kind is shown when it is not 0. */
struct pf_losses {
	uint64_t events;    /* exit records dropped because the ring was full, or incomplete */
	uint64_t counters;  /* fault events not counted: no room for a counter */
	uint64_t left_out;  /* ... or without class: the kernel left out one of our programs */
	uint64_t cpu_gaps;  /* times that a CPU came and was not watched at first */
	uint64_t processes; /* processes and exit records without room in the table, each time */
};

/* All samples of one moment. */
struct pf_interval {
	double ts;
	double mono_s;
	double interval_s;
	const struct pf_sample *samples; /* borrowed until the next interval is made */
	size_t n;
	struct pf_losses losses; /* since the start of the run */
};

#endif
