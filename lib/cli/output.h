/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a tool's reports go: standard output, a file that grows, a file that is replaced. */
#ifndef PF_LIB_CLI_OUTPUT_H
#define PF_LIB_CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/strbuf.h"

struct pf_common;
struct pf_error;

struct pf_output {
	const struct pf_common *common;
	FILE *f;   /* NULL where the file is replaced each time */
	bool gone; /* the reader went away, or takes nothing and we are to stop: end quietly */
	bool terminal;
	bool color;
	size_t columns;	      /* of the terminal; 0 = none */
	struct pf_strbuf buf; /* fill, then flush */
};

/* 0 or -errno with *err filled. */
int pf_output_open(struct pf_output *o, const struct pf_common *c, struct pf_error *err);

/*
 * Write the buffer and empty it. 0, or -errno: with `gone` set, end quietly;
 * else *err is filled.
 */
int pf_output_flush(struct pf_output *o, struct pf_error *err);

/* Begin a screen from the top (--watch): clears, and forgets the buffer. */
void pf_output_screen(struct pf_output *o);
/* A line of printable text, cut to the terminal. */
void pf_output_line(struct pf_output *o, const char *text);
/* Lines a screen has; 24 when unknown. */
size_t pf_output_rows(const struct pf_output *o);

/* Capabilities (lib/base/caps.h) that later flushes take. */
uint64_t pf_output_caps(const struct pf_output *o);

/* Closes; a write that failed late is reported. 0 or -errno with *err filled. */
int pf_output_close(struct pf_output *o, struct pf_error *err);

#endif
