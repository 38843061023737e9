/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of places that were found, kept: each place is asked for once. Bounded: what is full takes
 * no more, until all are forgotten. */
#ifndef PF_LIB_STACK_BOOK_H
#define PF_LIB_STACK_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/stack/symbolizer.h"

struct pf_book;

/* One name of a place, as pf_symbol without what belongs to the module. */
struct pf_book_name {
	const char *name; /* NULL = not known; the book's, once entered */
	uint64_t start;
	const char *module; /* of the kernel's modules; else NULL */
	const char *file;
	uint32_t line;
	bool inlined;
};

struct pf_book_entry {
	uint32_t n; /* 0 = there are none */
	bool lines; /* looked for, too */
	struct pf_book_name names[];
};

struct pf_book *pf_book__new(void); /* NULL without memory */
void pf_book__free(struct pf_book *b);

/* Forgets everything if it is full; what __find gave is gone then. */
void pf_book__trim(struct pf_book *b);
bool pf_book__full(const struct pf_book *b);

/* NULL = not entered. Two states of a module that changes are two modules. */
const struct pf_book_entry *pf_book__find(const struct pf_book *b, uint64_t module,
					  uint64_t address);

/* Enters n names (0 = there are none), copied, in place of what was there. 0, -ENOSPC or -ENOMEM. */
int pf_book__enter(struct pf_book *b, uint64_t module, uint64_t address, bool lines,
		   const struct pf_book_name *names, uint32_t n);

#endif
