/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FNV-1a: small numbers for strings, to tell one from another. Whoever may choose the strings can
 * make two agree: never to be trusted, only to be compared.
 */
#ifndef PF_LIB_BASE_HASH_H
#define PF_LIB_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define PF_HASH_INIT 14695981039346656037u

static inline uint64_t pf_hash_mem(uint64_t h, const void *mem, size_t len)
{
	const unsigned char *p = (const unsigned char *)mem;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 1099511628211u;
	return h;
}

#endif
