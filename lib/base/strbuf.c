/* SPDX-License-Identifier: BSD-2-Clause */
/* A growable string: doubles its memory, never shrinks it before it is freed. */
#include "lib/base/strbuf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define FIRST_CAP  256
#define HUGE_BYTES ((size_t)2 << 20)

static bool grow(struct pf_strbuf *b, size_t more)
{
	size_t cap = b->cap ? b->cap : FIRST_CAP;
	char *data = NULL;

	while (cap - b->len <= more && cap <= SIZE_MAX / 2)
		cap *= 2;
	if (cap - b->len > more)
		data = realloc(b->data, cap);
	if (!data) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

/* Room for `more` bytes and the NUL after them. */
static bool make_room(struct pf_strbuf *b, size_t more)
{
	if (b->failed)
		return false;
	return more < b->cap - b->len || grow(b, more);
}

void pf_strbuf_reset(struct pf_strbuf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->data)
		b->data[0] = '\0';
}

void pf_strbuf_free(struct pf_strbuf *b)
{
	free(b->data);
	*b = (struct pf_strbuf)PF_STRBUF_INIT;
}

/* Half of the time in what is large goes into its page faults: ask for few. Only a wish. */
static void want_huge_pages(struct pf_strbuf *b)
{
	uintptr_t begin = ((uintptr_t)b->data + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES;
	uintptr_t end = ((uintptr_t)b->data + b->cap) / HUGE_BYTES * HUGE_BYTES;

	if (begin < end)
		madvise((void *)begin, end - begin, MADV_HUGEPAGE);
}

void pf_strbuf_reserve(struct pf_strbuf *b, size_t more)
{
	size_t before = b->cap;

	if (!make_room(b, more))
		return;
	if (b->cap > before && more >= 2 * HUGE_BYTES)
		want_huge_pages(b);
	b->data[b->len] = '\0';
}

void pf_strbuf_addch(struct pf_strbuf *b, char c)
{
	if (!make_room(b, 1))
		return;
	b->data[b->len++] = c;
	b->data[b->len] = '\0';
}

void pf_strbuf_addmem(struct pf_strbuf *b, const void *mem, size_t len)
{
	if (len == 0 || !make_room(b, len))
		return;
	memcpy(b->data + b->len, mem, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void pf_strbuf_adds(struct pf_strbuf *b, const char *s)
{
	pf_strbuf_addmem(b, s, strlen(s));
}

void pf_strbuf_addf(struct pf_strbuf *b, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0)
		b->failed = true;
	if (len <= 0 || !make_room(b, (size_t)len))
		return;
	va_start(ap, fmt);
	vsnprintf(b->data + b->len, (size_t)len + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)len;
}
