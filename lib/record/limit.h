/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much memory a process may still take, and what stops it. Measured by
 * proc, used by leak for the time left; neither includes the other.
 */
#ifndef PF_LIB_RECORD_LIMIT_H
#define PF_LIB_RECORD_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/record/field.h"

#define PF_LIMIT_SOURCE_LEN 192

/* A limit that somebody set for the process or its cgroups: a wall, or where it is slowed down. */
struct pf_budget {
	int64_t bytes; /* 0 = none */
	int64_t left_bytes;
	const char *source; /* "memory.high", "RLIMIT_AS"; a constant */
};

struct pf_limit {
	int64_t limit_bytes;	/* the limit itself; PF_UNKNOWN = none could be read */
	int64_t headroom_bytes; /* what is left below it, >= 0; PF_UNKNOWN as above */
	/* "cgroup /a/b memory.max", "RLIMIT_AS", "MemAvailable+SwapFree"; "" when unknown.
	 * Holds a cgroup's name as its owner wrote it: raw bytes, the middle cut out if long. */
	char source[PF_LIMIT_SOURCE_LEN];
	struct pf_budget budget; /* the tightest of less than half of the machine */
};

/* What a program says that its own memory will not exceed. */
struct pf_ceiling {
	int64_t bytes;	    /* PF_UNKNOWN = it says nothing */
	bool heap;	    /* a collected heap, in which a leak stays below it; else a cache */
	const char *source; /* "-Xmx", "maxmemory", "JVM in a cgroup"; a constant */
};

#endif
