/* SPDX-License-Identifier: BSD-2-Clause */
/* What the memory of a process is made of, from /proc/PID/smaps. */
#ifndef PF_LIB_PROC_SMAPS_H
#define PF_LIB_PROC_SMAPS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/proc/scan.h"

enum pf_map_kind {
	PF_MAP_HEAP,  /* [heap]: what brk made */
	PF_MAP_STACK, /* the main thread's */
	PF_MAP_ANON,  /* other anonymous memory: mmap, stacks of threads */
	PF_MAP_FILE,  /* files: programs, libraries, data */
	PF_MAP_SHMEM, /* tmpfs, memfd, shared anonymous memory, System V */
	PF_MAP_KINDS,
};

/* "heap", "stack", ... */
const char *pf_map_kind_name(enum pf_map_kind kind);

struct pf_smaps {
	int64_t rss_bytes[PF_MAP_KINDS];
	int64_t size_bytes[PF_MAP_KINDS];
	int64_t swap_bytes;
	int64_t huge_bytes; /* of anonymous memory in transparent huge pages */
	int64_t mappings;
	enum pf_map_kind kind; /* of the mapping being read */
};

/* Zeroed at first; one line of the file, without its newline. */
void pf_smaps_see(struct pf_smaps *s, struct pf_span line);

/* The whole file of root/pid. 0 or -errno: -EACCES where it is another user's. */
int pf_smaps_read(const char *proc_root, pid_t pid, struct pf_smaps *out);

#endif
