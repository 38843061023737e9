/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where our other programs are: found from where this one lies, in a build tree
 * and under any prefix, or where they were installed to. Never by PATH.
 */
#ifndef PF_LIB_BASE_INSTALLED_H
#define PF_LIB_BASE_INSTALLED_H

#include <stddef.h>

/*
 * A tool lies beside this one, a helper below libexec. 0 with its path in dst;
 * -ENOENT not installed, -EACCES not ours to run, -ENAMETOOLONG.
 */
int pf_installed_tool(char *dst, size_t size, const char *name);
int pf_installed_helper(char *dst, size_t size, const char *name);

#endif
