/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The limit a program declares for its own memory, as its command line and
 * environment say: a heap's, or a cache's. Nobody's configuration files are
 * read. Pure: bytes in, a number out.
 *
 *	-XmxSIZE, -XX:MaxHeapSize=SIZE,
 *	-XX:MaxRAMPercentage=PERCENT of what is around it;
 *	also in JAVA_TOOL_OPTIONS, JDK_JAVA_OPTIONS	java
 *	--max-old-space-size=MB, also in NODE_OPTIONS	node
 *	GOMEMLIMIT=SIZE					Go
 *	DOTNET_GCHeapHardLimit=HEX			.NET
 *	--maxmemory SIZE				redis, valkey
 *	-m MB, --memory-limit=MB			memcached
 *	--innodb-buffer-pool-size=SIZE			mariadbd, mysqld
 *	-s malloc,SIZE					varnishd
 *
 * Of runtimes that say nothing, three fit their heap into their cgroup's
 * limit; others run into it. As they do it themselves:
 *
 *	java	a quarter, but 124.8 MB at least; half where that is less. Half of RLIMIT_AS at most
 *		(set_heap_size in OpenJDK's arguments.cpp; seen with 17)
 *	node	half, from 256 MB to 4 GB (HeapSizeFromPhysicalMemory in V8's heap.cc; seen with 20)
 *	dotnet	three quarters, 20 MB at least (its documents on GCHeapHardLimit)
 */
#ifndef PF_LIB_PROC_CEILING_H
#define PF_LIB_PROC_CEILING_H

#include <stddef.h>

#include "lib/record/limit.h"

/* What a process has around it; PF_UNKNOWN = no such limit. */
struct pf_around {
	int64_t container_bytes; /* the least limit of its cgroups, where less than the machine's */
	int64_t machine_bytes;
	int64_t as_bytes; /* RLIMIT_AS */
};

/*
 * cmdline and environ as in /proc/PID: strings that each end with NUL; environ may be empty.
 * Nothing declared: out->bytes PF_UNKNOWN.
 */
void pf_parse_ceiling(const char *cmdline, size_t cmdline_len, const char *environ,
		      size_t environ_len, const struct pf_around *around, struct pf_ceiling *out);

#endif
