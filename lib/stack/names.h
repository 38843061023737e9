/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names in one ELF file: functions by its symbol tables (its own, the
 * compressed one in .gnu_debugdata, a separate debug file's), inlined functions
 * and source lines by its debug information. Nothing that is not in the file
 * or was not handed over is opened.
 */
#ifndef PF_LIB_STACK_NAMES_H
#define PF_LIB_STACK_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pf_build_id;
struct pf_names;

/* fd stays the caller's and must outlive it. NULL without memory. */
struct pf_names *pf_names__new(int fd);
void pf_names__free(struct pf_names *n);

/* A separate debug file; after it, the file that it shares parts with. Both take fd. What __find
 * gave before is not valid any more. */
void pf_names__set_debug(struct pf_names *n, int fd);
void pf_names__set_shared(struct pf_names *n, int fd);

/* The build id of the file that its debug information shares parts with; len 0 = none. */
void pf_names__shared_id(struct pf_names *n, struct pf_build_id *id);

struct pf_name {
	const char *name; /* mangled; NULL = not known. Strings live as long as n */
	uint64_t start;	  /* of the function that has code of its own; not of an inlined one */
	const char *file;
	uint32_t line;
	bool inlined;
};

/*
 * The functions at an address, innermost first: the last one is not inlined.
 * Without `lines` it is that one alone, by the symbol tables. 0 = nothing known.
 */
size_t pf_names__find(struct pf_names *n, uint64_t address, bool lines, struct pf_name *out,
		      size_t max);

/*
 * The other way round: names are sorted, each once; seen is called for each
 * function of theirs that others may call (not local to the file), in no order.
 * Returns how many symbols there are in all.
 */
size_t pf_names__each(struct pf_names *n, const char *const *names, size_t count,
		      void (*seen)(void *ctx, size_t which, uint64_t address, uint64_t size),
		      void *ctx);

#endif
