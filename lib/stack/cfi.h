/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a file's unwind tables (.eh_frame, .debug_frame) say of each place in
 * its code, made ready for use and kept: looking at a place again costs a look
 * into a hash table.
 */
#ifndef PF_LIB_STACK_CFI_H
#define PF_LIB_STACK_CFI_H

#include <elfutils/libdw.h>
#include <libelf.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/stack/trace.h"

/* How the caller's value of a register is found. */
enum pf_rule_how {
	PF_RULE_SAME,
	PF_RULE_UNDEFINED,
	PF_RULE_SAVED, /* in memory at CFA + offset */
	PF_RULE_CFA,   /* CFA + offset itself */
	PF_RULE_BASE,  /* register `base` + offset: only for the CFA */
	PF_RULE_EXPR,  /* by the operations: an address to load from, or a value */
};

struct pf_rule {
	uint8_t reg; /* whose */
	uint8_t how;
	uint8_t base;
	uint32_t n_ops;
	int64_t offset;
	const Dwarf_Op *ops;
};

/* Registers without a rule keep their value, as far as that is known. */
struct pf_cfi_row {
	struct pf_rule cfa;
	bool signal;	/* the caller was interrupted, not calling */
	bool outermost; /* there is no caller */
	uint8_t ra;	/* register that has the return address */
	uint8_t n;
	struct pf_rule rules[];
};

struct pf_cfi;

/* elf stays the caller's and must outlive it. NULL without memory. */
struct pf_cfi *pf_cfi__new(Elf *elf, enum pf_abi abi);
void pf_cfi__free(struct pf_cfi *c);

/* NULL: nothing is said of this place (the file's own count of addresses), or not in a way that
 * has meaning. Valid until the next call. */
const struct pf_cfi_row *pf_cfi__row(struct pf_cfi *c, uint64_t address);

#endif
