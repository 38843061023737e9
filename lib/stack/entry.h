/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where to put a probe at a function so that it is cheap: on the first
 * instruction that the kernel carries out by itself, where it would else run it
 * alone, by a second trap. Looks at the function's first bytes, as far as they
 * are run one after the other, and follows where its arguments are. Pure:
 * foreign bytes in, a place out.
 *
 * x86_64 (arch/x86/kernel/uprobes.c): push of a register, nop of one byte,
 * jump, conditional jump and call by distance. arm64
 * (arch/arm64/kernel/probes/decode-insn.c): nop (6.14), adr, adrp, ldr of a
 * literal, b, bl, b.cond, cbz, cbnz, tbz, tbnz.
 */
#ifndef PF_LIB_STACK_ENTRY_H
#define PF_LIB_STACK_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/stack/trace.h"

#define PF_ENTRY_ARGS 4
#define PF_ENTRY_CODE 16384 /* bytes of a function that are looked at */

struct pf_entry_choice {
	uint32_t at;		    /* bytes from the function's start; 0 where nothing is better */
	bool cheap;		    /* the kernel needs no second trap there */
	int8_t args[PF_ENTRY_ARGS]; /* registers that have the arguments there; -1 = gone */
};

/*
 * needs: bit i = argument i must still be in a register. returns: the return
 * is to be trapped, too: the kernel looks for where it goes as a call has left
 * it. All of the function is looked at for ways back to where the probe is,
 * where one call would be counted twice.
 */
void pf_entry_choose(enum pf_abi abi, const unsigned char *code, size_t len, unsigned int needs,
		     bool returns, struct pf_entry_choice *out);

#endif
