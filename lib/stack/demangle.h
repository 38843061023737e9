/* SPDX-License-Identifier: BSD-2-Clause */
/* C++'s and Rust's (both of its ways) mangled names in their source's words. */
#ifndef PF_LIB_STACK_DEMANGLE_H
#define PF_LIB_STACK_DEMANGLE_H

#include <stddef.h>

/*
 * Writes at most size bytes with the NUL: the name without its parameters, or
 * as it is if it is not mangled, but for a symbol's version ("@@GLIBC_2.34");
 * "..." at the end of what was cut. Returns dst.
 */
char *pf_demangle(char *dst, size_t size, const char *name);

#endif
