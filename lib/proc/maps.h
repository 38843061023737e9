/* SPDX-License-Identifier: BSD-2-Clause */
/* A line of /proc/PID/maps. Pure: bytes in, numbers out; nothing here opens a file. */
#ifndef PF_LIB_PROC_MAPS_H
#define PF_LIB_PROC_MAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/proc/scan.h"

struct pf_maps_line {
	uint64_t start; /* addresses; end is the first one beyond */
	uint64_t end;
	uint64_t offset; /* in the file, bytes */
	uint64_t inode;	 /* 0 = no file */
	bool exec;
	struct pf_span name; /* as the kernel writes it: a newline is \012; may be empty */
};

/* False: it is not of that form; *out is then undefined. */
bool pf_maps_line(struct pf_span line, struct pf_maps_line *out);

#endif
