/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Structs to bytes and back, by one walk for both directions: what is written
 * and what is read cannot disagree. Never fails half-way: after the first thing
 * that does not fit, `failed` is set, nothing more is read or written, and the
 * caller checks once. Nothing that is read is trusted: lengths are held against
 * what is there, small numbers against their limit.
 *
 * Numbers are in the machine's own order; whoever keeps bytes for another one
 * marks them (lib/leak/state.c does).
 */
#ifndef PF_LIB_BASE_PACK_H
#define PF_LIB_BASE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pf_strbuf;

struct pf_pack {
	struct pf_strbuf *out;	  /* writes there; NULL = reads */
	const unsigned char *at;  /* reads from here ... */
	const unsigned char *end; /* ... to here */
	double shift_s;		  /* added to each time that is read */
	bool failed;
	bool no_memory; /* ... for what was read */
};

/* A part with its length in front, so that a reader can leave it out. */
struct pf_pack_part {
	size_t begin;		    /* writing: where the length is */
	const unsigned char *after; /* reading: what follows it */
	const unsigned char *end;   /* ... and where that ends */
};

static inline bool pf_pack_reads(const struct pf_pack *k)
{
	return !k->out;
}

void pf_pack_mem(struct pf_pack *k, void *mem, size_t len);
/* For what reads: zeroed memory of the caller's; NULL, and failed, when there is none. */
void *pf_pack_alloc(struct pf_pack *k, size_t size);

/* One number. What cannot be read becomes 0. */
void pf_pack_u32(struct pf_pack *k, uint32_t *v);
void pf_pack_u64(struct pf_pack *k, uint64_t *v);
void pf_pack_i64(struct pf_pack *k, int64_t *v);
void pf_pack_f32(struct pf_pack *k, float *v);
void pf_pack_f64(struct pf_pack *k, double *v);
/* Seconds on the clock that shift_s is for; infinite and NaN stay so. */
void pf_pack_time(struct pf_pack *k, double *v);

/* For enums, flags and small counts: writes v, or reads one below limit; returns what it is. */
unsigned int pf_pack_small(struct pf_pack *k, unsigned int v, unsigned int limit);
static inline bool pf_pack_bool(struct pf_pack *k, bool v)
{
	return pf_pack_small(k, v, 2);
}

/* A NUL-terminated string in an array of that size. */
void pf_pack_name(struct pf_pack *k, char *name, size_t size);
/* One of its own, or NULL; at most max bytes are read. Reading replaces *text, which is not freed. */
void pf_pack_text(struct pf_pack *k, char **text, size_t max);

/* Between open and close lies a part. A reader that has not read all of it goes on behind it. */
void pf_pack_open(struct pf_pack *k, struct pf_pack_part *part);
void pf_pack_close(struct pf_pack *k, const struct pf_pack_part *part);

/* Reading: bytes left, in the part that is open. */
static inline size_t pf_pack_left(const struct pf_pack *k)
{
	return (size_t)(k->end - k->at);
}

#endif
