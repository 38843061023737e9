/* SPDX-License-Identifier: BSD-2-Clause */
/* Two hash tables over one arena: places, and the texts that they share. */
#include "lib/stack/book.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#define HASH_NONFATAL_OOM 1 /* without memory an addition fails, not the program */
#include <uthash.h>

#include "lib/record/arena.h"

#define BYTES_MAX (32u << 20) /* of names and entries */

struct place {
	struct {
		uint64_t address;
		uint64_t module;
	} key;
	const struct pf_book_entry *entry;
	UT_hash_handle hh;
};

struct text {
	UT_hash_handle hh;
	char chars[];
};

struct pf_book {
	struct pf_arena arena;
	size_t bytes;
	struct place *places;
	struct text *texts;
};

struct pf_book *pf_book__new(void)
{
	return calloc(1, sizeof(struct pf_book));
}

static void forget(struct pf_book *b)
{
	HASH_CLEAR(hh, b->places);
	HASH_CLEAR(hh, b->texts);
	pf_arena_reset(&b->arena);
	b->bytes = 0;
}

void pf_book__free(struct pf_book *b)
{
	if (!b)
		return;
	forget(b);
	pf_arena_free(&b->arena);
	free(b);
}

bool pf_book__full(const struct pf_book *b)
{
	return b->bytes >= BYTES_MAX || HASH_COUNT(b->places) >= PF_SYMBOLS_MAX;
}

void pf_book__trim(struct pf_book *b)
{
	if (pf_book__full(b))
		forget(b);
}

static void *take(struct pf_book *b, size_t size)
{
	void *piece = pf_arena_alloc(&b->arena, size);

	if (piece)
		b->bytes += size;
	return piece;
}

/* The one copy of a text; NULL for NULL, and without memory. */
static const char *keep(struct pf_book *b, const char *chars)
{
	const size_t len = chars ? strlen(chars) : 0;
	struct text *t;

	if (!chars)
		return NULL;
	HASH_FIND(hh, b->texts, chars, len, t);
	if (t)
		return t->chars;
	t = take(b, sizeof(*t) + len + 1);
	if (!t)
		return NULL;
	memset(t, 0, sizeof(*t));
	memcpy(t->chars, chars, len + 1);
	HASH_ADD_KEYPTR(hh, b->texts, t->chars, len, t);
	return t->chars;
}

static struct place *find(const struct pf_book *b, uint64_t module, uint64_t address)
{
	struct place wanted = { .key = { address, module } }, *p;

	HASH_FIND(hh, b->places, &wanted.key, sizeof(wanted.key), p);
	return p;
}

const struct pf_book_entry *pf_book__find(const struct pf_book *b, uint64_t module,
					  uint64_t address)
{
	const struct place *p = find(b, module, address);

	return p ? p->entry : NULL;
}

int pf_book__enter(struct pf_book *b, uint64_t module, uint64_t address, bool lines,
		   const struct pf_book_name *names, uint32_t n)
{
	struct pf_book_entry *e;
	struct place *p;

	if (pf_book__full(b))
		return -ENOSPC;
	e = take(b, sizeof(*e) + n * sizeof(*names));
	p = find(b, module, address);
	if (e && !p) {
		p = take(b, sizeof(*p));
		if (p) {
			*p = (struct place){ .key = { address, module } };
			HASH_ADD(hh, b->places, key, sizeof(p->key), p);
		}
	}
	if (!e || !p)
		return -ENOMEM;
	e->n = n;
	e->lines = lines;
	for (uint32_t i = 0; i < n; i++) {
		e->names[i] = names[i];
		e->names[i].name = keep(b, names[i].name);
		e->names[i].module = keep(b, names[i].module);
		e->names[i].file = keep(b, names[i].file);
	}
	p->entry = e;
	return 0;
}
