/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state that unwinding works on: registers, and what of the stack was
 * copied. Evaluates DWARF's expressions over it. Reads no process.
 */
#ifndef PF_LIB_STACK_EVAL_H
#define PF_LIB_STACK_EVAL_H

#include <elfutils/libdw.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/stack/trace.h"

struct pf_eval_state {
	struct pf_regs regs;
	uint64_t cfa; /* of the frame whose rules are followed */
	const struct pf_stack_part *parts;
	uint32_t n_parts;
};

/*
 * `size` (1...8) bytes of the stack as a number in our byte order. 0; -ERANGE
 * beyond the copy or in a hole of it, -EFAULT below it.
 */
int pf_eval_read(const struct pf_eval_state *m, uint64_t address, unsigned int size, uint64_t *out);

/*
 * The value that the operations leave: a register's, an explicit one, or what
 * is in memory where they lead if `load`. Bounded in steps. 0; -EINVAL for
 * what has no meaning here, or as pf_eval_read.
 */
int pf_eval(const struct pf_eval_state *m, const Dwarf_Op *ops, size_t n, bool load, uint64_t *out);

#endif
