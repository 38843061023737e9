/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libiberty knows the manglings, and bounds how deep it goes into a name. A
 * name that is longer than any real one is not tried: what it stands for may
 * be exponentially longer.
 */
#include "lib/stack/demangle.h"

#include <libiberty/demangle.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANGLED_MAX 4096

/* Output is taken in pieces and kept as far as there is room. */
struct piece {
	char *dst;
	size_t size;
	size_t len; /* wanted so far */
};

static void take(const char *text, size_t n, void *ctx)
{
	struct piece *p = ctx;

	for (size_t i = 0; i < n; i++, p->len++) {
		if (p->len + 1 < p->size)
			p->dst[p->len] = text[i];
	}
}

static void finish(struct piece *p)
{
	if (p->len < p->size)
		p->dst[p->len] = '\0';
	else if (p->size > 3)
		memcpy(p->dst + p->size - 4, "...", 4);
}

static int is_mangled(const char *name)
{
	return strncmp(name, "_Z", 2) == 0 || strncmp(name, "_R", 2) == 0 ||
	       strncmp(name, "__Z", 3) == 0;
}

char *pf_demangle(char *dst, size_t size, const char *name)
{
	struct piece p = { .dst = dst, .size = size };

	if (is_mangled(name) && strlen(name) <= MANGLED_MAX) {
		if (rust_demangle_callback(name, DMGL_NO_OPTS, take, &p) && p.len) {
			finish(&p);
			return dst;
		}
		p.len = 0;
		if (cplus_demangle_v3_callback(name, DMGL_ANSI, take, &p) && p.len) {
			finish(&p);
			return dst;
		}
		p.len = 0;
	}
	take(name, strcspn(name, "@"), &p);
	finish(&p);
	return dst;
}
