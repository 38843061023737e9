/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Named stacks added up by name: what a report is made of, whether it comes
 * from a run or from a recording. Two stacks are one when comm and all frames
 * (symbol, module, kernel or not) are equal; without a symbol the offset
 * counts, too. Knows no process and no kernel.
 */
#ifndef PF_LIB_STACK_STACKS_H
#define PF_LIB_STACK_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/record/stack.h"

struct pf_strbuf;
struct pf_stacks;

#define PF_STACKS_MAX 65536 /* beyond it, stacks of a comm become its one entry without frames */

struct pf_stacks *pf_stacks__new(void); /* NULL without memory */
void pf_stacks__free(struct pf_stacks *s);

/* Adds a record; everything is copied. 0 or -ENOMEM. */
int pf_stacks__add(struct pf_stacks *s, const struct pf_stack *record);

size_t pf_stacks__count(const struct pf_stacks *s);

/*
 * All of them, as records: largest first, by bytes or, in a diff, by change
 * (those that did not change are left out). What differs among the parts of
 * one is unknown in it: pid, class, mode; of a frame ip, offset, line. Borrowed
 * until the next __add. NULL without memory or when there are none.
 */
const struct pf_stack *const *pf_stacks__sorted(struct pf_stacks *s, size_t *n);

int64_t pf_stacks__bytes(const struct pf_stacks *s);   /* of all */
int64_t pf_stacks__kept(const struct pf_stacks *s);    /* kept_bytes of all; 0 = not told */
int64_t pf_stacks__samples(const struct pf_stacks *s); /* of all */
uint64_t pf_stacks__folded(const struct pf_stacks *s); /* records there was no room for */

/* What grew (positive bytes) and shrank from a to b, stack by stack. NULL without memory. */
struct pf_stacks *pf_stacks__diff(struct pf_stacks *a, struct pf_stacks *b);

/* ---- outputs: appended to out; 0 or -ENOMEM -------------------------------- */

struct pf_stacks_look {
	size_t top;	   /* stacks at most; 0 = all */
	size_t columns;	   /* cut lines to this width; 0 = never */
	bool color;	   /* ANSI colours */
	bool diff;	   /* bytes are changes: signs, two colours in the flame graph */
	bool kept;	   /* kept_bytes, and shares of them, beside the bytes */
	bool lines;	   /* file:line where known */
	const char *title; /* of the flame graph */
	const char *note;  /* below it, one sentence (the limits of growth mode, losses); NULL */
};

/* For people: each stack with its bytes, share and samples, then its frames, innermost first. */
int pf_stacks_table(struct pf_stacks *s, const struct pf_stacks_look *look, struct pf_strbuf *out);

/* "comm;root;...;leaf BYTES", kernel frames with _[k] behind; ";" in names becomes ":". */
int pf_stacks_folded(struct pf_stacks *s, struct pf_strbuf *out);

/* gzip-compressed profile.proto: sample types samples/count and memory/bytes (for pprof). */
struct pf_profile_times {
	double start_ts;
	double duration_s;
};
int pf_stacks_pprof(struct pf_stacks *s, const struct pf_profile_times *times,
		    struct pf_strbuf *out);

/* A flame graph: one SVG document that needs nothing else. Zooms, searches. */
int pf_stacks_svg(struct pf_stacks *s, const struct pf_stacks_look *look, struct pf_strbuf *out);

#endif
