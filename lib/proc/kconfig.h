/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the running kernel was built: from proc_root/config.gz, or the file that
 * distributions keep beside it. Where neither is there, it is unknown: an option
 * that no file tells of is not "off".
 */
#ifndef PF_LIB_PROC_KCONFIG_H
#define PF_LIB_PROC_KCONFIG_H

#include <stddef.h>

struct pf_kconfig;

/*
 * boot_root: "/boot"; modules_root: "/lib/modules"; release as uname -r has it.
 * NULL with errno set: ENOENT (no file), EBADMSG (none that is a configuration),
 * ENOMEM.
 */
struct pf_kconfig *pf_kconfig__open(const char *proc_root, const char *boot_root,
				    const char *modules_root, const char *release);
void pf_kconfig__close(struct pf_kconfig *k); /* NULL-safe */

/* Which file it was. */
const char *pf_kconfig__path(const struct pf_kconfig *k);

/* "y", "m", a number or a text in quotes; "n" where it is not set. Name without CONFIG_. */
const char *pf_kconfig__get(const struct pf_kconfig *k, const char *name, char *dst, size_t size);

#endif
