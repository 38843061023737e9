/* SPDX-License-Identifier: BSD-2-Clause */
/* A list of chunks, filled from the front. Refuses to free single pieces. */
#include "lib/record/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE (16 * 1024)

struct pf_arena_chunk {
	struct pf_arena_chunk *next;
	size_t used;
	size_t size;
	_Alignas(max_align_t) char data[];
};

static struct pf_arena_chunk *new_chunk(struct pf_arena *a, size_t size)
{
	struct pf_arena_chunk *c;

	if (size < CHUNK_SIZE)
		size = CHUNK_SIZE;
	if (size > SIZE_MAX - sizeof(*c))
		return NULL;
	c = malloc(sizeof(*c) + size);
	if (!c)
		return NULL;
	c->next = a->chunks;
	c->used = 0;
	c->size = size;
	a->chunks = c;
	return c;
}

void *pf_arena_alloc(struct pf_arena *a, size_t size)
{
	const size_t align = _Alignof(max_align_t);
	struct pf_arena_chunk *c = a->chunks;
	void *piece;

	if (size > SIZE_MAX - align)
		return NULL;
	size = (size + align - 1) / align * align;
	if (!c || c->size - c->used < size)
		c = new_chunk(a, size);
	if (!c)
		return NULL;
	piece = c->data + c->used;
	c->used += size;
	return piece;
}

char *pf_arena_strdup(struct pf_arena *a, const char *s)
{
	size_t size = strlen(s) + 1;
	char *copy = pf_arena_alloc(a, size);

	return copy ? memcpy(copy, s, size) : NULL;
}

void pf_arena_reset(struct pf_arena *a)
{
	while (a->chunks && a->chunks->next) {
		struct pf_arena_chunk *next = a->chunks->next;

		free(a->chunks);
		a->chunks = next;
	}
	if (a->chunks)
		a->chunks->used = 0;
}

void pf_arena_free(struct pf_arena *a)
{
	pf_arena_reset(a);
	free(a->chunks);
	a->chunks = NULL;
}

void pf_arena_wipe(struct pf_arena *a)
{
	for (struct pf_arena_chunk *c = a->chunks; c; c = c->next)
		explicit_bzero(c->data, c->used);
	pf_arena_free(a);
}
