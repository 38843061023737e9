/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The heaviest of stacks that pfstack has recorded, and the function that they
 * point to: for pfleak, which tells them with its alert. Keeps a few, whatever
 * the recording holds. Names are printable, as a report has them.
 */
#ifndef PF_LIB_STACK_HEAVIEST_H
#define PF_LIB_STACK_HEAVIEST_H

#include <stddef.h>
#include <stdint.h>

#include "lib/stack/label.h"

struct pf_error;

#define PF_HEAVIEST	 5
#define PF_SITE_DEPTH	 32   /* frames from the leaf that are looked at for the function */
#define PF_SITE_FILE_MAX 1024 /* of a longer name the end is cut off */

struct pf_heaviest_stack {
	int64_t bytes;
	int64_t kept_bytes; /* PF_UNKNOWN where the mode does not tell it */
	char *frames;	    /* "root;...;leaf", owned */
};

/*
 * The function that takes what stays: in the heaviest stack the innermost one
 * that is none of the kernel's, of a C or C++ library or of an allocator, and
 * whose name does not say that it only hands out memory ("alloc", "strdup",
 * "operator new"). From there it goes on to the caller as long as others call the function
 * too and two thirds of its bytes are by this caller: then it is one through
 * which everybody takes memory.
 */
struct pf_site {
	char function[PF_LABEL_MAX]; /* "" = none can be told */
	char file[PF_SITE_FILE_MAX]; /* "" = not known; raw bytes */
	int64_t line;		     /* PF_UNKNOWN */
};

struct pf_heaviest {
	struct pf_heaviest_stack top[PF_HEAVIEST]; /* heaviest first, as pfstack orders them */
	size_t n_top;
	int64_t bytes;	  /* of all stacks */
	uint64_t stacks;  /* there were */
	uint64_t skipped; /* lines that are none of a recording */
	struct pf_site site;
};

/* Of the recording at path. 0, or -errno with *err filled. Free in any case. */
int pf_heaviest_read(const char *path, struct pf_heaviest *out, struct pf_error *err);
void pf_heaviest_free(struct pf_heaviest *h);

#endif
