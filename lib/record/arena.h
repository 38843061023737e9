/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that is given out in small pieces and taken back all at once: what
 * belongs to one moment of a replay, or to one configuration.
 */
#ifndef PF_LIB_RECORD_ARENA_H
#define PF_LIB_RECORD_ARENA_H

#include <stddef.h>

struct pf_arena_chunk;

struct pf_arena {
	struct pf_arena_chunk *chunks; /* newest first */
};

/* Aligned for any pointer or number, not zeroed; never moves. NULL without memory. */
void *pf_arena_alloc(struct pf_arena *a, size_t size);
char *pf_arena_strdup(struct pf_arena *a, const char *s);

/* Takes everything back; one chunk stays for the next round. */
void pf_arena_reset(struct pf_arena *a);
void pf_arena_free(struct pf_arena *a);
/* The same, after overwriting all that was in it. */
void pf_arena_wipe(struct pf_arena *a);

#endif
