/* SPDX-License-Identifier: BSD-2-Clause */
/* What to do next about a process that leaks, by its allocator and runtime. */
#ifndef PF_TOOLS_PFLEAK_ADVICE_H
#define PF_TOOLS_PFLEAK_ADVICE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/proc/allocator.h"

#define PFLEAK_ADVICE_MAX 1024

/*
 * One or two sentences, the command first, with the process's id put in. No
 * names in it, so nothing hostile. Returns dst.
 */
char *pfleak_advice(char *dst, size_t size, const struct pf_allocator_facts *f, int64_t pid);

#endif
