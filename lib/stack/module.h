/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One ELF file with code in it, as another user may have made it: where its
 * parts are loaded, its build id, its unwind tables. Read through elfutils,
 * in a process that may die of it.
 */
#ifndef PF_LIB_STACK_MODULE_H
#define PF_LIB_STACK_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/stack/trace.h"

struct pf_cfi;
struct pf_module;
struct pf_names;

#define PF_BUILD_ID_MAX 32 /* bytes; a longer one counts as none */

struct pf_build_id {
	uint8_t len; /* 0 = none */
	uint8_t bytes[PF_BUILD_ID_MAX];
};

/* Before all else, once. */
void pf_module_init(void);

/*
 * Takes fd, in any case. NULL: no ELF file of 64 bits in our byte order, for a
 * machine that we know, with loaded parts; or no memory.
 */
struct pf_module *pf_module__open(int fd);
void pf_module__close(struct pf_module *m); /* NULL-safe */

enum pf_abi pf_module__abi(const struct pf_module *m);
const struct pf_build_id *pf_module__build_id(const struct pf_module *m);

/* The address, in the file's own count, of a byte of the file that is loaded as code. False: it
 * is not. */
bool pf_module__address(const struct pf_module *m, uint64_t offset, uint64_t *address);

/* The other way round: where in the file, and how much of that part is left from there. */
bool pf_module__offset(const struct pf_module *m, uint64_t address, uint64_t *offset,
		       uint64_t *left);
/* Bytes of the file; how many there were. */
size_t pf_module__read(const struct pf_module *m, uint64_t offset, void *dst, size_t size);

/* Where an object or function of that name is that others may use, in the file's own count. False:
 * there is none. */
bool pf_module__symbol(const struct pf_module *m, const char *name, uint64_t *address);

/* Its unwind tables; NULL without memory. */
struct pf_cfi *pf_module__cfi(struct pf_module *m);

/* Where the program begins: the 64 bytes from its entry on, which no one calls. */
bool pf_module__is_entry(const struct pf_module *m, uint64_t address);

/* Its names (lib/stack/names.h), made at the first call; NULL without memory. */
struct pf_names *pf_module__names(struct pf_module *m);

#endif
