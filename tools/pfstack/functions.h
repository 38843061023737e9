/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which functions hand out and take back memory, by name, and which of a
 * process's files has the ones that its calls go to. Looks into no file: that
 * is for the symbolizer's child.
 */
#ifndef PF_TOOLS_PFSTACK_FUNCTIONS_H
#define PF_TOOLS_PFSTACK_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/observe/allocs.h"
#include "lib/stack/symbolizer.h"

struct pf_error;
struct pfstack_mappings;
struct pfstack_proc;

/* Code of a function that was found, as frames count. */
struct pfstack_function {
	uint32_t module;
	uint64_t start;
	uint64_t end;
};

struct pfstack_functions {
	struct pf_allocs_probe probes[PF_ALLOCS_PROBES_MAX];
	size_t n;
	struct pfstack_function code[PF_ALLOCS_PROBES_MAX]; /* of those that allocate */
	size_t n_code;
	uint32_t module; /* whose malloc it is */
	size_t dear;	 /* probes at which the kernel takes a second trap */
};

/* Of the process whose maps were read last. 0 or -errno with *err filled. */
int pfstack_functions_find(struct pfstack_functions *f, struct pfstack_mappings *m,
			   const struct pfstack_proc *proc, struct pf_error *err);

/* Is this place in a function that allocates? */
bool pfstack_functions_has(const struct pfstack_functions *f, const struct pf_frame *frame);

#endif
