/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes as /proc tells of them: the snapshot for those who may not load
 * BPF. One pass over a directory, two small files per process, no history
 * beyond what saves a third. Processes come and go meanwhile: that is counted,
 * not an error.
 *
 * Not done here: names of cgroups (cgroup.h), differences between passes.
 */
#ifndef PF_LIB_PROC_PROCFS_H
#define PF_LIB_PROC_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/record/field.h"
#include "lib/record/sample.h"

struct pf_error;
struct pf_procfs;

struct pf_proc_stat {
	int64_t pid;		/* as the /proc mount's pid namespace counts */
	int64_t nspid;		/* in the process's innermost pid namespace */
	int64_t ppid;		/* 0 = outside that mount's namespace */
	int64_t uid;		/* real user id */
	uint64_t start_ns;	/* since boot; in steps of a clock tick (10 ms) */
	char comm[PF_COMM_LEN]; /* raw bytes, may be anything */
	char state;		/* 'R', 'S', 'D', 'Z', ... */
	bool kthread;
	bool has_mm; /* false: kernel thread, or dead and waiting to be reaped; memory is 0 */
	int64_t num_threads;
	int64_t minflt; /* of all threads, the dead ones included */
	int64_t majflt;
	int64_t vsz_bytes;
	int64_t rss_anon_bytes;
	int64_t rss_file_bytes;	 /* with shared memory where the kernel (< 4.5) cannot split it */
	int64_t rss_shmem_bytes; /* PF_UNKNOWN there */
	int64_t swap_bytes;	 /* PF_UNKNOWN where status has no VmSwap */
};

/* What became of the directory's entries in one pass. */
struct pf_procfs_pass {
	uint64_t seen;	   /* handed to the callback */
	uint64_t vanished; /* gone before they could be read */
	uint64_t denied;   /* hidden by hidepid or a security module */
	uint64_t broken;   /* not of the form proc(5) describes */
};

/* root = "/proc", or a directory that looks like it. NULL on failure with *err filled, errno set. */
struct pf_procfs *pf_procfs__open(const char *root, struct pf_error *err);
void pf_procfs__close(struct pf_procfs *p);

/* Descriptor of the root directory, owned by p. */
int pf_procfs__fd(const struct pf_procfs *p);

/*
 * One process. 0, -ESRCH (gone, or never there), -EACCES or -EPERM (hidden),
 * -EBADMSG (not of the form proc(5) describes), -ENOMEM.
 */
int pf_procfs__read(struct pf_procfs *p, pid_t pid, struct pf_proc_stat *out);

/*
 * Every process, each once, in the directory's order. The callback stops the
 * pass by a value other than 0, which is returned; *stat is valid during the
 * call. 0 or -errno of the directory. pass may be NULL.
 *
 * Where stat and statm show that a process did nothing since the last pass,
 * what only status tells (uid, nspid, the split of shared pages, swap) is
 * taken from memory; every process is read anew at least each sixteenth pass.
 */
typedef int (*pf_procfs_fn)(void *ctx, const struct pf_proc_stat *stat);
int pf_procfs__each(struct pf_procfs *p, pf_procfs_fn fn, void *ctx, struct pf_procfs_pass *pass);

/* Unix seconds at boot as the clock stands now: start_ts = start_ns / 1e9 + this. */
double pf_boot_offset_s(void);

#endif
