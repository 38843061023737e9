/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What code a process has mapped: reads its maps, opens the files behind them
 * while they are there, and hands both to the symbolizer. Files are opened
 * through /proc/PID/map_files, so that other mount namespaces and files that
 * were deleted make no difference.
 */
#ifndef PF_TOOLS_PFSTACK_MAPPINGS_H
#define PF_TOOLS_PFSTACK_MAPPINGS_H

#include <stdint.h>

#include "lib/proc/scan.h"
#include "lib/stack/symbolizer.h"
#include "tools/pfstack/procs.h"

#define PFSTACK_MAPS_BYTES_MAX (16u << 20) /* of a longer file nothing is taken */

struct pfstack_mappings {
	struct pf_symbolizer *symbolizer;
	struct pf_readbuf text;
	struct pf_map_range *ranges; /* of the process read last */
	size_t n_ranges;
	uint64_t unread;   /* processes whose maps could not be read */
	uint64_t unopened; /* mappings of files that could not be opened */
	int why;	   /* of the last one of these, -errno */
};

/* The capabilities (lib/base/caps.h) that this takes. */
uint64_t pfstack_mappings_caps(void);

/* Read them now. 0 or -errno; what was known of the process before then stays. */
int pfstack_mappings_read(struct pfstack_mappings *m, struct pfstack_proc *proc);

/* Again, because something was not in them; unless that was done just now. 0 = it was done. */
int pfstack_mappings_again(struct pfstack_mappings *m, struct pfstack_proc *proc);

/* The module that is the program of a process, if it is known; PF_MODULE_NONE. */
uint32_t pfstack_mappings_program(struct pfstack_mappings *m, int64_t pid);

void pfstack_mappings_free(struct pfstack_mappings *m);

#endif
