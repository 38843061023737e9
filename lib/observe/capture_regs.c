/* SPDX-License-Identifier: BSD-2-Clause */
/* The one place that knows how an architecture's kernel lays out the registers of a thread. */
#include <string.h>

#include "bpf/stacks_abi.h"
#include "lib/base/cleanup.h"
#include "lib/observe/capture_regs.h"

#if defined(__x86_64__)
/* struct pt_regs: r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip cs flags sp ss.
 * DWARF (System V ABI, AMD64): ax dx cx bx si di bp sp r8...r15, return address. */
static const unsigned char order[] = { 10, 12, 11, 5, 13, 14, 4, 19, 9, 8, 7, 6, 3, 2, 1, 0, 16 };
#define ABI PF_CAPTURE_X86_64
#elif defined(__aarch64__)
/* struct user_pt_regs: x0...x30, sp, pc, pstate, as DWARF has them but the last. */
static const unsigned char order[] = { 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
				       11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
				       22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32 };
#define ABI PF_CAPTURE_ARM64
#else
#error "say how this architecture's kernel orders the registers"
#endif

_Static_assert(sizeof(order) <= PF_CAPTURE_REGS, "room for all");

enum pf_capture_abi pf_capture_regs(const struct pf_stack_sample *s, uint64_t regs[PF_CAPTURE_REGS])
{
	memset(regs, 0, PF_CAPTURE_REGS * sizeof(regs[0]));
	if (!(s->flags & PF_STACK_HAS_REGS))
		return PF_CAPTURE_NO_REGS;
	if (s->flags & PF_STACK_32BIT)
		return PF_CAPTURE_32BIT;
	for (size_t i = 0; i < PF_ARRAY_SIZE(order); i++)
		regs[i] = s->regs[order[i]];
	return ABI;
}
