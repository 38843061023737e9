/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Folded stacks, one a line: "comm;root frame;...;leaf frame BYTES". Reads what
 * pfstack wrote of foreign names: anything may be in a frame. Keeps the
 * heaviest few.
 */
#ifndef PF_LIB_RECORD_FOLDED_H
#define PF_LIB_RECORD_FOLDED_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PF_FOLDED_TOP	   5
#define PF_FOLDED_LINE_MAX 16384 /* of a longer line nothing is kept */

struct pf_folded_stack {
	int64_t bytes;
	char *frames; /* "root;...;leaf", without comm; owned */
};

struct pf_folded {
	struct pf_folded_stack top[PF_FOLDED_TOP]; /* heaviest first */
	size_t n_top;
	int64_t bytes;	  /* of all stacks */
	uint64_t stacks;  /* lines read */
	uint64_t skipped; /* lines of another form */
};

/* The whole stream. 0, -ENOMEM, or -errno of reading. Free in any case. */
int pf_folded_read(FILE *f, struct pf_folded *out);
void pf_folded_free(struct pf_folded *folded);

#endif
