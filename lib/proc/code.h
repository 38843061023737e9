/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program file offers to those who take stacks of it: unwind tables,
 * symbols, debug info, and whether its functions keep frame pointers, told by
 * how they begin. Pure: foreign bytes in, facts out; allocates nothing.
 */
#ifndef PF_LIB_PROC_CODE_H
#define PF_LIB_PROC_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pf_code_part {
	PF_CODE_EH_FRAME = 1 << 0,    /* unwind tables that are loaded with the program */
	PF_CODE_DEBUG_FRAME = 1 << 1, /* ... and those for debuggers */
	PF_CODE_DEBUG_INFO = 1 << 2,
	PF_CODE_SYMTAB = 1 << 3,
	PF_CODE_DYNSYM = 1 << 4,
	PF_CODE_DEBUG_LINK = 1 << 5, /* names a separate debug file */
	PF_CODE_GO = 1 << 6,	     /* Go's own table of functions */
};

#define PF_CODE_BUILD_ID 41 /* 20 bytes in hexadecimal, with NUL */

struct pf_code {
	bool elf; /* 64 bits, of our byte order and machine; else nothing is told */
	unsigned int parts;
	uint32_t functions; /* whose beginning was looked at; at most PF_CODE_FUNCTIONS */
	uint32_t framed;    /* of them: those that set up a frame pointer */
	char build_id[PF_CODE_BUILD_ID];
};

#define PF_CODE_FUNCTIONS 4096

void pf_code_look(struct pf_code *out, const void *elf, size_t len);

/* "eh_frame,symtab"; "-" for none. Returns dst. */
const char *pf_code_parts(unsigned int parts, char *dst, size_t size);
unsigned int pf_code_parts_of(const char *words);

#endif
