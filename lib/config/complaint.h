/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is wrong with a configuration, and where. The loader hands out all it
 * finds, not only the first; whoever asked for it prints them.
 */
#ifndef PF_LIB_CONFIG_COMPLAINT_H
#define PF_LIB_CONFIG_COMPLAINT_H

#include <stddef.h>

/* A place in a file. Lines and columns count from 1; 0 = the file as a whole. */
struct pf_place {
	const char *file;
	unsigned int line;
	unsigned int column; /* in characters */
};

struct pf_complaint {
	struct pf_place place;
	const char *text;    /* one line: what is wrong, what is accepted, what to try */
	const char *excerpt; /* the line itself, for a caret below place.column; NULL = none */
	unsigned int caret;  /* characters before it in the excerpt */
};

struct pf_complaints {
	/* May be NULL. What it is given lives during the call only and is not yet printable. */
	void (*tell)(void *ctx, const struct pf_complaint *complaint);
	void *ctx;
	size_t n; /* told so far; begin with 0 */
};

void pf_complain(struct pf_complaints *c, const struct pf_place *place, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same with the line it is about. */
void pf_complain_about(struct pf_complaints *c, const struct pf_complaint *complaint);

#endif
