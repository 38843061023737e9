/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From registers and a copy of the stack to the chain of callers: by unwind
 * tables, and by frame pointers where code has none. Works on what it is
 * given, touches no process.
 */
#ifndef PF_LIB_STACK_UNWIND_H
#define PF_LIB_STACK_UNWIND_H

#include <stddef.h>
#include <stdint.h>

#include "lib/stack/symbolizer.h"
#include "lib/stack/trace.h"

struct pf_hotspot;
struct pf_module;

/* The code of a process. */
struct pf_code {
	enum pf_abi abi;
	const struct pf_map_range *ranges; /* as pf_ranges_sort leaves them */
	size_t n;
	/* The file of that id; NULL = it cannot be read. */
	struct pf_module *(*module)(void *ctx, uint32_t id);
	void *ctx;
	struct pf_hotspot *hotspot; /* the JVM in it; NULL = none */
};

/* One sample; `process` is not looked at. */
void pf_unwind(const struct pf_code *code, const struct pf_unwind_sample *sample,
	       struct pf_trace *out);

#endif
