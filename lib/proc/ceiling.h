/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The limit a program declares for its own memory, as its command line and
 * environment say: a heap's, or a cache's. Nobody's configuration files are
 * read. Pure: bytes in, a number out.
 *
 *	-XmxSIZE, also in JAVA_TOOL_OPTIONS		java
 *	--max-old-space-size=MB, also in NODE_OPTIONS	node
 *	GOMEMLIMIT=SIZE					Go
 *	--maxmemory SIZE				redis, valkey
 *	-m MB, --memory-limit=MB			memcached
 *	--innodb-buffer-pool-size=SIZE			mariadbd, mysqld
 *	-s malloc,SIZE					varnishd
 */
#ifndef PF_LIB_PROC_CEILING_H
#define PF_LIB_PROC_CEILING_H

#include <stddef.h>

#include "lib/record/limit.h"

/*
 * cmdline and environ as in /proc/PID: strings that each end with NUL; environ may be empty.
 * Nothing declared: out->bytes PF_UNKNOWN.
 */
void pf_parse_ceiling(const char *cmdline, size_t cmdline_len, const char *environ,
		      size_t environ_len, struct pf_ceiling *out);

#endif
