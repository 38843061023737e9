/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stacks by name in a hash table, their texts kept once. What is compared is
 * one string of bytes: comm, then what each frame is called, with lengths
 * before them, so that no name can pretend to be two.
 */
#include "lib/stack/stacks.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#define HASH_NONFATAL_OOM 1 /* without memory an addition fails, not the program */
#include <uthash.h>

#include "lib/base/cleanup.h"
#include "lib/base/strbuf.h"
#include "lib/record/arena.h"

#define BYTES_MAX (64u << 20) /* of keys, frames and texts; then stacks are folded */

struct entry {
	struct pf_stack stack;
	struct pf_stack_frame *frames;
	char *key;
	UT_hash_handle hh;
};

struct text {
	UT_hash_handle hh;
	char chars[];
};

struct pf_stacks {
	struct pf_arena arena;
	size_t bytes;
	struct entry *entries;
	struct text *texts;
	struct pf_strbuf key; /* where one is put together */
	const struct pf_stack **sorted;
	bool is_diff;
	int64_t total;
	int64_t kept;
	int64_t samples;
	uint64_t folded;
};

struct pf_stacks *pf_stacks__new(void)
{
	return calloc(1, sizeof(struct pf_stacks));
}

void pf_stacks__free(struct pf_stacks *s)
{
	if (!s)
		return;
	HASH_CLEAR(hh, s->entries);
	HASH_CLEAR(hh, s->texts);
	pf_arena_free(&s->arena);
	pf_strbuf_free(&s->key);
	free(s->sorted);
	free(s);
}

size_t pf_stacks__count(const struct pf_stacks *s)
{
	return HASH_COUNT(s->entries);
}

int64_t pf_stacks__bytes(const struct pf_stacks *s)
{
	return s->total;
}

int64_t pf_stacks__kept(const struct pf_stacks *s)
{
	return s->kept;
}

int64_t pf_stacks__samples(const struct pf_stacks *s)
{
	return s->samples;
}

uint64_t pf_stacks__folded(const struct pf_stacks *s)
{
	return s->folded;
}

/* ---- keys ------------------------------------------------------------------ */

static void add_text(struct pf_strbuf *key, const char *text)
{
	const uint32_t len = text ? (uint32_t)strlen(text) : UINT32_MAX;

	pf_strbuf_addmem(key, &len, sizeof(len));
	if (text)
		pf_strbuf_addmem(key, text, len);
}

static void add_frame(struct pf_strbuf *key, const struct pf_stack_frame *f)
{
	add_text(key, f->symbol);
	add_text(key, f->module);
	pf_strbuf_addch(key, f->kernel ? 'k' : 'u');
	if (f->symbol)
		return;
	pf_strbuf_addmem(key, &f->offset, sizeof(f->offset));
	/* Without a module ip is all there is. */
	if (!f->module)
		pf_strbuf_addmem(key, &f->ip, sizeof(f->ip));
}

static int make_key(struct pf_stacks *s, const struct pf_stack *stack)
{
	pf_strbuf_reset(&s->key);
	add_text(&s->key, stack->comm);
	for (size_t i = 0; i < stack->n_frames; i++)
		add_frame(&s->key, &stack->frames[i]);
	return s->key.failed ? -ENOMEM : 0;
}

/* ---- adding ---------------------------------------------------------------- */

static void *take(struct pf_stacks *s, size_t size)
{
	void *piece = pf_arena_alloc(&s->arena, size);

	if (piece)
		s->bytes += size;
	return piece;
}

/* False: no memory. The one copy of a text is in *out. */
static bool keep(struct pf_stacks *s, const char **out)
{
	const size_t len = *out ? strlen(*out) : 0;
	struct text *t;

	if (!*out)
		return true;
	HASH_FIND(hh, s->texts, *out, len, t);
	if (!t) {
		t = take(s, sizeof(*t) + len + 1);
		if (!t)
			return false;
		memset(t, 0, sizeof(*t));
		memcpy(t->chars, *out, len + 1);
		HASH_ADD_KEYPTR(hh, s->texts, t->chars, len, t);
		if (!t->hh.tbl)
			return false;
	}
	*out = t->chars;
	return true;
}

static bool keep_frames(struct pf_stacks *s, struct entry *e, const struct pf_stack *record)
{
	e->frames = take(s, (record->n_frames ? record->n_frames : 1) * sizeof(*e->frames));
	if (!e->frames)
		return false;
	for (size_t i = 0; i < record->n_frames; i++) {
		struct pf_stack_frame *f = &e->frames[i];

		*f = record->frames[i];
		if (!keep(s, &f->symbol) || !keep(s, &f->module) || !keep(s, &f->build_id) ||
		    !keep(s, &f->file))
			return false;
	}
	return true;
}

static struct entry *add_entry(struct pf_stacks *s, const struct pf_stack *record)
{
	struct entry *e = take(s, sizeof(*e));

	if (!e)
		return NULL;
	*e = (struct entry){ .stack = *record };
	e->key = take(s, s->key.len);
	if (!e->key || !keep_frames(s, e, record) || !keep(s, &e->stack.mode) ||
	    !keep(s, &e->stack.class))
		return NULL;
	memcpy(e->key, s->key.data, s->key.len);
	e->stack.frames = e->frames;
	HASH_ADD_KEYPTR(hh, s->entries, e->key, s->key.len, e);
	return e->hh.tbl ? e : NULL;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* Frames of the same name; what else differs is not known of all. */
static void merge_frame(struct pf_stack_frame *f, const struct pf_stack_frame *more)
{
	if (f->ip != more->ip)
		f->ip = 0;
	if (f->offset != more->offset)
		f->offset = PF_UNKNOWN;
	if (f->line != more->line || !same_text(f->file, more->file))
		f->line = PF_UNKNOWN;
	if (!same_text(f->file, more->file))
		f->file = NULL;
	if (!same_text(f->build_id, more->build_id))
		f->build_id = NULL;
}

static int64_t sum(int64_t a, int64_t b)
{
	int64_t out;

	if (a == PF_UNKNOWN || b == PF_UNKNOWN)
		return a == PF_UNKNOWN ? b : a;
	return __builtin_add_overflow(a, b, &out) ? (b > 0 ? INT64_MAX : INT64_MIN + 1) : out;
}

static void merge(struct entry *e, const struct pf_stack *more)
{
	struct pf_stack *s = &e->stack;

	if (s->pid != more->pid || s->start_ts != more->start_ts) {
		s->pid = PF_UNKNOWN;
		s->start_ts = NAN;
	}
	if (!same_text(s->class, more->class))
		s->class = NULL;
	if (!same_text(s->mode, more->mode))
		s->mode = NULL;
	if (more->ts > s->ts)
		s->ts = more->ts;
	if (!(s->age_s >= more->age_s))
		s->age_s = more->age_s;
	s->truncated |= more->truncated;
	s->bytes = sum(s->bytes, more->bytes);
	s->kept_bytes = sum(s->kept_bytes, more->kept_bytes);
	s->samples = sum(s->samples, more->samples);
	for (size_t i = 0; i < s->n_frames; i++)
		merge_frame(&e->frames[i], &more->frames[i]);
}

static int add_or_merge(struct pf_stacks *s, const struct pf_stack *record)
{
	struct entry *e;
	int ret = make_key(s, record);

	if (ret)
		return ret;
	HASH_FIND(hh, s->entries, s->key.data, s->key.len, e);
	if (e)
		merge(e, record);
	else if (!add_entry(s, record))
		return -ENOMEM;
	return 0;
}

static bool is_full(const struct pf_stacks *s)
{
	return HASH_COUNT(s->entries) >= PF_STACKS_MAX || s->bytes >= BYTES_MAX;
}

static bool is_there(struct pf_stacks *s, const struct pf_stack *record)
{
	struct entry *e = NULL;

	if (!make_key(s, record))
		HASH_FIND(hh, s->entries, s->key.data, s->key.len, e);
	return e;
}

int pf_stacks__add(struct pf_stacks *s, const struct pf_stack *record)
{
	struct pf_stack own = *record;
	int ret;

	free(s->sorted);
	s->sorted = NULL;
	if (is_full(s) && !is_there(s, record)) {
		s->folded++;
		own.n_frames = 0;
		own.truncated = true;
	}
	ret = add_or_merge(s, &own);
	if (ret)
		return ret;
	s->total = sum(s->total, own.bytes);
	s->kept = sum(s->kept, own.kept_bytes);
	s->samples = sum(s->samples, own.samples);
	return 0;
}

/* ---- in order -------------------------------------------------------------- */

static int64_t size_of(const struct pf_stack *s)
{
	return s->bytes < 0 ? -s->bytes : s->bytes;
}

static int by_size(const void *a, const void *b)
{
	const struct pf_stack *x = *(const struct pf_stack *const *)a;
	const struct pf_stack *y = *(const struct pf_stack *const *)b;

	/* PF_UNKNOWN is less than anything known. */
	if (x->kept_bytes != y->kept_bytes)
		return x->kept_bytes < y->kept_bytes ? 1 : -1;
	if (size_of(x) != size_of(y))
		return size_of(x) < size_of(y) ? 1 : -1;
	if (x->samples != y->samples)
		return x->samples < y->samples ? 1 : -1;
	return strcmp(x->comm, y->comm);
}

const struct pf_stack *const *pf_stacks__sorted(struct pf_stacks *s, size_t *n)
{
	struct entry *e, *next;

	*n = 0;
	if (!s->entries)
		return NULL;
	if (!s->sorted)
		s->sorted = calloc(HASH_COUNT(s->entries), sizeof(const struct pf_stack *));
	if (!s->sorted)
		return NULL;
	HASH_ITER (hh, s->entries, e, next) {
		if (!s->is_diff || e->stack.bytes)
			s->sorted[(*n)++] = &e->stack;
	}
	if (*n)
		qsort(s->sorted, *n, sizeof(const struct pf_stack *), by_size);
	return s->sorted;
}

/* ---- differences ----------------------------------------------------------- */

static int add_all(struct pf_stacks *to, struct pf_stacks *from, int sign)
{
	struct entry *e, *next;
	int ret = 0;

	HASH_ITER (hh, from->entries, e, next) {
		struct pf_stack part = e->stack;

		if (part.bytes != PF_UNKNOWN)
			part.bytes *= sign;
		if (part.samples != PF_UNKNOWN)
			part.samples *= sign;
		part.kept_bytes = PF_UNKNOWN; /* two windows, two halves */
		if (!ret)
			ret = pf_stacks__add(to, &part);
	}
	return ret;
}

struct pf_stacks *pf_stacks__diff(struct pf_stacks *a, struct pf_stacks *b)
{
	struct pf_stacks *d = pf_stacks__new();

	if (!d)
		return NULL;
	d->is_diff = true;
	if (!add_all(d, b, 1) && !add_all(d, a, -1))
		return d;
	pf_stacks__free(d);
	return NULL;
}
