/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a run does with its capabilities. It opens its files and loads its
 * programs, then keeps only what it can name a use for.
 *
 * Where the program file gives its user more than he has (file capabilities),
 * that is for the kernel's programs and /proc alone: files named on the command
 * line or in a configuration are opened with the user's own rights.
 */
#ifndef PF_LIB_CLI_PRIVILEGES_H
#define PF_LIB_CLI_PRIVILEGES_H

#include <stdint.h>

/* Before any file is opened. */
void pf_privileges_begin(void);

/* Around what the file's capabilities are for; both do nothing where it gave none. */
void pf_privileges_raise(void);
void pf_privileges_lower(void);

/* The capabilities (lib/base/caps.h) that replacing this file again and again takes. */
uint64_t pf_privileges_to_replace(const char *path);

/* Everything is open and loaded: give up all but these. What fails is warned of. */
void pf_privileges_keep(uint64_t caps);

#endif
