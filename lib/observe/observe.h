/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel tells: one call, one moment. Chooses by probing where the
 * snapshot of all processes comes from (BPF task iterator, else /proc) and what
 * counts fault events, and says what it chose. Knows nothing of leaks, columns
 * or options.
 */
#ifndef PF_LIB_OBSERVE_OBSERVE_H
#define PF_LIB_OBSERVE_OBSERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/record/sample.h"

struct pf_error;
struct pf_observe;

enum pf_backend {
	PF_BACKEND_AUTO,       /* the most precise that works */
	PF_BACKEND_FEXIT,      /* programs around handle_mm_fault */
	PF_BACKEND_TP_BTF,     /* the exceptions tracepoints, typed */
	PF_BACKEND_TRACEPOINT, /* the same, classic */
	PF_BACKEND_PERF,       /* the software event page-faults */
	PF_BACKEND_COUNTERS,   /* the kernel's own totals: nothing runs at a fault */
};

enum pf_snapshot {
	PF_SNAPSHOT_AUTO,
	PF_SNAPSHOT_ITER, /* BPF task iterator */
	PF_SNAPSHOT_PROC, /* /proc */
};

enum pf_storage {
	PF_STORAGE_AUTO,
	PF_STORAGE_TASK, /* counters in the task's own storage */
	PF_STORAGE_HASH, /* counters in a hash map, swept of the dead */
};

enum pf_slots {
	PF_SLOTS_AUTO,
	PF_SLOTS_NONE,
	PF_SLOTS_ONE,  /* for which all threads compete */
	PF_SLOTS_SOON, /* for every thread, from its second fault on */
};

enum pf_buffer {
	PF_BUFFER_AUTO,
	PF_BUFFER_RING, /* one ring buffer */
	PF_BUFFER_PERF, /* a perf buffer for each CPU */
};

enum pf_object {
	PF_OBJECT_AUTO,
	PF_OBJECT_CORE,	 /* needs the kernel's BTF */
	PF_OBJECT_PLAIN, /* needs nothing newer than 4.14 */
};

enum pf_rss {
	PF_RSS_AUTO,
	PF_RSS_PERCPU,	/* every CPU's part of a process's RSS is added */
	PF_RSS_CENTRAL, /* the central count alone */
	PF_RSS_STRANGE, /* as if the kernel kept it in a way that is not known */
};

/* Ways to insist on, for tests. All zero = choose by probing. */
struct pf_observe_force {
	enum pf_snapshot snapshot;
	enum pf_storage storage;
	enum pf_slots slots;
	enum pf_buffer buffer;
	enum pf_object object;
	enum pf_rss rss;
};

/* What the fault programs can tell of an event: bits. */
enum pf_tells {
	PF_TELLS_MODE = 1 << 0,	  /* user, kernel */
	PF_TELLS_ACCESS = 1 << 1, /* read, write, exec */
	PF_TELLS_CLASS = 1 << 2,  /* anon, file, shmem, swapin */
	PF_TELLS_COW = 1 << 3,	  /* cow, other */
};

/* Ways that were tried and do not work here, in their order: the most precise first. */
#define PF_TRIED_MAX 12

struct pf_tried {
	size_t n;
	struct {
		char way[64];  /* "tp_btf", "perf, without cow, other and access" */
		char why[400]; /* what failed, and why */
	} ways[PF_TRIED_MAX];
};

struct pf_observe_config {
	enum pf_backend backend;
	struct pf_observe_force force;
	uint32_t sample_every;	/* count one in this many fault events and scale; 1 = all */
	bool sample_auto;	/* by each process's rate; sample_every does not matter then */
	bool exits;		/* report processes that die between two moments */
	bool exe;		/* fill sample.exe */
	bool overhead;		/* have the kernel time our programs (taxes every BPF program) */
	const int64_t *pids;	/* only these; borrowed during open */
	size_t n_pids;		/* 0 = all, at most PF_OBSERVE_PIDS_MAX */
	int64_t uid;		/* only this user's; -1 = all */
	size_t max_processes;	/* bound on the table */
	size_t ring_bytes;	/* room for records that wait, 0 = 64 KiB; made a power of two */
	const char *proc_root;	/* "/proc" */
	struct pf_tried *tried; /* filled during open; NULL = not wanted */
};

#define PF_OBSERVE_PIDS_MAX 1024

/*
 * Load, attach, take the baseline: the first interval begins when this
 * returns. NULL on failure with *err filled. Where less than asked for is to
 * be had and that was not forced, it goes on with less and notes it.
 */
struct pf_observe *pf_observe__open(const struct pf_observe_config *config, struct pf_error *err);

/* What has to be said about the choice, one sentence each, NULL when there are no more. */
const char *pf_observe__note(const struct pf_observe *o, size_t i);

const char *pf_observe__backend(const struct pf_observe *o);  /* as --backend has it */
const char *pf_observe__snapshot(const struct pf_observe *o); /* "iter", "proc" */

/* Where event counts are kept and what exit records come through; "none" where there are none. */
const char *pf_observe__storage(const struct pf_observe *o); /* "task", "hash" */
const char *pf_observe__buffer(const struct pf_observe *o);  /* "ring", "perf" */

/* What can be told of a fault event: enum pf_tells; 0 where none is seen. */
unsigned int pf_observe__tells(const struct pf_observe *o);

/* /proc/PID is the process with that pid in a sample: not where /proc is another namespace's. */
bool pf_observe__proc_matches(const struct pf_observe *o);

/* Capabilities (lib/base/caps.h) without which the calls below would do less. */
uint64_t pf_observe__caps(const struct pf_observe *o);

/*
 * Becomes readable when exit records pile up, or CPUs come and go: call
 * pf_observe__drain then, or something is lost (and counted). -1 = nothing to
 * watch.
 */
int pf_observe__fd(const struct pf_observe *o);
void pf_observe__drain(struct pf_observe *o);

/* Take the moment. Samples are valid until the next call. 0 or -errno with *err filled. */
int pf_observe__next(struct pf_observe *o, struct pf_interval *interval, struct pf_error *err);

/* All processes named in config.pids have died. */
bool pf_observe__all_gone(const struct pf_observe *o);

/* The tool's own cost since open. */
struct pf_overhead {
	double wall_s;
	double cpu_s;	   /* this process, user + system; passes over the tasks included */
	int64_t rss_bytes; /* this process now */
	int64_t bpf_ns;	   /* run time of the programs at faults and exits; unknown = not timed */
	int64_t bpf_runs;
	int64_t map_bytes;     /* memory of the maps, without task storage elements */
	int64_t storage_bytes; /* estimate for task storage elements; 0 without tracing */
};

void pf_observe__overhead(const struct pf_observe *o, struct pf_overhead *out);

/* NULL-safe; detaches everything. */
void pf_observe__close(struct pf_observe *o);

#endif
