/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What memory is left for a process: the tightest of what its cgroups, its
 * resource limits and the machine allow.
 *
 *   cgroup  limit - usage + file cache (active and inactive: the kernel drops
 *           it before it kills), for the process's own cgroup and every
 *           ancestor; v2 memory.max, v1 memory.limit_in_bytes
 *   rlimit  RLIMIT_AS - VmSize, RLIMIT_DATA - VmData (soft limits)
 *   machine MemAvailable + SwapFree
 *
 * memory.high is no limit (it slows, it does not kill), nor is swap inside a
 * cgroup counted. What cannot be read does not limit.
 *
 * The budget is the tightest of what somebody set: cgroups' limits, memory.high
 * as well, and rlimits; none where it is half of the machine's memory or more.
 */
#ifndef PF_LIB_PROC_LIMITS_H
#define PF_LIB_PROC_LIMITS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/record/limit.h"

struct pf_error;
struct pf_limits;
struct pf_machine;

#define PF_LIMITS_ANCESTORS 64 /* cgroups looked at between a process and the root */

/*
 * proc_root = "/proc". sys_prefix is put before the mount points that
 * proc_root/self/mountinfo names; NULL or "" on a live system. NULL on failure
 * with *err filled, errno set.
 */
struct pf_limits *pf_limits__open(const char *proc_root, const char *sys_prefix,
				  struct pf_error *err);
void pf_limits__close(struct pf_limits *l);

/*
 * The tightest limit of pid. machine: read in this interval; NULL leaves the
 * machine out. 0; -ESRCH (the process is gone) or -ENODATA (nothing could be
 * read); *out is all unknown then.
 */
int pf_limits__read(struct pf_limits *l, pid_t pid, const struct pf_machine *machine,
		    struct pf_limit *out);

/*
 * The limit pid declares for itself, or what a heap's runtime makes of the limits around it
 * (ceiling.h); bytes PF_UNKNOWN: none, or it cannot be read. The environment may be refused: then
 * the command line alone tells. machine as above.
 */
void pf_limits__ceiling(struct pf_limits *l, pid_t pid, const struct pf_machine *machine,
			struct pf_ceiling *out);

/*
 * A number that pid shares with other incarnations and siblings of the same program only: made of
 * the path of its executable, its command line, and its cgroup without what is numbered there. 0 =
 * cannot tell: it is gone, or its executable is not to be seen.
 */
uint64_t pf_limits__kind(struct pf_limits *l, pid_t pid, const char *cgroup);

/* ---- the parsers, on bytes from anywhere ---------------------------------- */

/* Soft limits of /proc/PID/limits; PF_UNKNOWN = unlimited or no such line. */
struct pf_rlimits {
	int64_t as_bytes;
	int64_t data_bytes;
};

void pf_parse_rlimits(const char *buf, size_t len, struct pf_rlimits *out);

/* A single number in a file; "max", and v1's "no limit" (any value of 2^62 and more): PF_UNKNOWN. */
int64_t pf_parse_memory_limit(const char *buf, size_t len);

/* memory.stat: bytes of file cache, of the whole subtree where v1 tells (total_*). 0 if none. */
int64_t pf_parse_memory_stat(const char *buf, size_t len);

#endif
