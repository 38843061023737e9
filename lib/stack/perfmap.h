/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The map that a JIT compiler leaves for profilers, /tmp/perf-PID.map: lines of
 * "START SIZE name", hexadecimal. Compilers use addresses again: what was
 * written last is what counts. Anything may be in it.
 */
#ifndef PF_LIB_STACK_PERFMAP_H
#define PF_LIB_STACK_PERFMAP_H

#include <stddef.h>
#include <stdint.h>

struct pf_perfmap;

#define PF_PERFMAP_MAX (64u << 20) /* bytes of text that are read; what is behind is not known */

/* fd stays the caller's. NULL without memory. */
struct pf_perfmap *pf_perfmap__new(int fd);
void pf_perfmap__free(struct pf_perfmap *p);

/* Reads what the file holds now, if it has changed. */
void pf_perfmap__refresh(struct pf_perfmap *p);

/* The name of the code at an address, raw bytes, and where it starts; NULL. Valid until the next
 * __refresh. */
const char *pf_perfmap__find(const struct pf_perfmap *p, uint64_t address, uint64_t *start);

#endif
