/* SPDX-License-Identifier: BSD-2-Clause */
/* Giving up what a helper program that meets foreign input has no use for. */
#ifndef PF_LIB_BASE_CONFINE_H
#define PF_LIB_BASE_CONFINE_H

#include <stddef.h>

struct pf_error;

/* The sanitizers map terabytes, and look into the process from another one. */
#if defined(__SANITIZE_ADDRESS__)
#define PF_CONFINE_WATCHED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PF_CONFINE_WATCHED 1
#endif
#endif
#ifndef PF_CONFINE_WATCHED
#define PF_CONFINE_WATCHED 0
#endif

struct pf_confine {
	size_t memory_bytes;
	unsigned int files; /* descriptors */
};

/*
 * For good: no capabilities, no new privileges by exec, no core dumps, no
 * files written, no tracer of our own user, bounded memory and descriptors.
 * Descriptors above 2 are closed. Whoever starts us has done most of it
 * already; this is for whoever has not. 0 or -errno with *err filled.
 */
int pf_confine(const struct pf_confine *most, struct pf_error *err);

#endif
