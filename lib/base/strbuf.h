/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A growable string. It never fails half-way: after an allocation failure
 * `failed` is set, further appends do nothing, and the caller checks once.
 */
#ifndef PF_LIB_BASE_STRBUF_H
#define PF_LIB_BASE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>

struct pf_strbuf {
	char *data; /* NUL-terminated when len > 0; NULL when nothing was appended */
	size_t len;
	size_t cap;
	bool failed;
};

#define PF_STRBUF_INIT                                                                             \
	{                                                                                          \
		0                                                                                  \
	}

void pf_strbuf_reset(struct pf_strbuf *b); /* empties it, keeps the memory */
void pf_strbuf_free(struct pf_strbuf *b);
/* Room for so much more, made at once: what is large is not copied as it grows. */
void pf_strbuf_reserve(struct pf_strbuf *b, size_t more);
void pf_strbuf_addch(struct pf_strbuf *b, char c);
void pf_strbuf_addmem(struct pf_strbuf *b, const void *mem, size_t len);
void pf_strbuf_adds(struct pf_strbuf *b, const char *s);
void pf_strbuf_addf(struct pf_strbuf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
