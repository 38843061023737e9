/* SPDX-License-Identifier: BSD-2-Clause */
/* Which distribution this is, by os-release(5), and its words for installing. */
#ifndef PF_LIB_PROC_OSRELEASE_H
#define PF_LIB_PROC_OSRELEASE_H

enum pf_os_family {
	PF_OS_UNKNOWN,
	PF_OS_DEBIAN,
	PF_OS_FEDORA,
	PF_OS_SUSE,
	PF_OS_ARCH,
	PF_OS_ALPINE,
	PF_OS_FAMILIES,
};

struct pf_os {
	enum pf_os_family family;
	char id[64];   /* "debian"; "" = not told */
	char name[96]; /* PRETTY_NAME */
};

/* root/etc/os-release, else root/usr/lib/os-release. 0 or -errno. */
int pf_os_read(const char *root, struct pf_os *out);

/* A new kernel of the distribution's: "apt-get install linux-image-amd64", ... in words where unknown. */
const char *pf_os_kernel_command(const struct pf_os *os);

/* Adds an argument to the kernel's command line for the next boot; "%s" is the argument. */
const char *pf_os_boot_argument(const struct pf_os *os);

/* Installs debug info for a package; in words where there is no single command. */
const char *pf_os_debug_command(const struct pf_os *os);

#endif
