/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a capture gives and what unwinding makes of it: registers and a copy of
 * the stack in, a chain of places in code out. Plain data, no names yet.
 */
#ifndef PF_LIB_STACK_TRACE_H
#define PF_LIB_STACK_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#define PF_FRAMES_MAX 127 /* of one chain */

/* Whose registers; a 32-bit program's are none of these and cannot be unwound. */
enum pf_abi {
	PF_ABI_X86_64 = 1,
	PF_ABI_ARM64 = 2,
#ifdef __aarch64__
	PF_ABI_NATIVE = PF_ABI_ARM64,
#else
	PF_ABI_NATIVE = PF_ABI_X86_64,
#endif
};

/*
 * User registers at the fault, by DWARF's numbers: x86_64 0-15 rax rdx rcx rbx
 * rsi rdi rbp rsp r8...r15, 16 the return address column = rip; arm64 0-30
 * x0...x30, 31 sp, 32 pc.
 */
#define PF_REGS_MAX   33
#define PF_X86_64_RBP 6
#define PF_X86_64_RSP 7
#define PF_X86_64_RIP 16
#define PF_ARM64_FP   29
#define PF_ARM64_LR   30
#define PF_ARM64_SP   31
#define PF_ARM64_PC   32

struct pf_regs {
	uint64_t r[PF_REGS_MAX];
};

/* A part of the stack as it was copied. Parts go upwards and do not overlap; holes between them
 * are memory that could not be read. */
struct pf_stack_part {
	uint64_t address;
	uint32_t len;	  /* bytes */
	const void *data; /* borrowed for the call */
};

#define PF_STACK_PARTS_MAX 16
#define PF_STACK_BYTES_MAX (32 << 10) /* of all parts together */

/*
 * Where a place in code belongs. Ids of modules are the symbolizer's
 * (lib/stack/symbolizer.h): a file or the vdso has the same id in every
 * process, a process's JIT map has one of its own.
 */
#define PF_MODULE_NONE	 0 /* not known: address is the ip */
#define PF_MODULE_KERNEL UINT32_MAX

struct pf_frame {
	uint64_t ip;	  /* as it was in the process: for a caller, where it is returned to */
	uint64_t address; /* as the module's own symbols count. The place itself, for a caller the
			   * call: the last byte before where it is returned to */
	uint32_t module;
	uint32_t zero; /* frames are compared by their bytes */
};

/* Why a chain ends where it does. */
enum pf_trace_stop {
	PF_STOP_ROOT,	/* no caller: a start routine, by its unwind table */
	PF_STOP_DEPTH,	/* as many frames as were asked for; there are more */
	PF_STOP_COPY,	/* beyond the copy of the stack, or in a hole of it */
	PF_STOP_MAP,	/* the next address is in no range of the process's map table */
	PF_STOP_TABLE,	/* no unwind table there, and no frame pointer that leads on */
	PF_STOP_BROKEN, /* the tables led nowhere, or in circles */
	PF_STOP_LOST,	/* the helper died of it, or there is none: only the first ip */
	PF_TRACE_STOPS,
};

struct pf_trace {
	uint32_t n;
	uint32_t stop;			       /* enum pf_trace_stop */
	struct pf_frame frames[PF_FRAMES_MAX]; /* innermost first */
};

/* There are callers that are not shown. */
static inline bool pf_trace_truncated(const struct pf_trace *t)
{
	return t->stop != PF_STOP_ROOT;
}

/* "root", "depth", "copy", "map", "table", "broken", "lost". */
const char *pf_trace_stop_name(enum pf_trace_stop stop);

/* Addresses that the kernel has given of its own stack, innermost first. */
void pf_trace_kernel(struct pf_trace *t, const uint64_t *ips, uint32_t n);

#endif
