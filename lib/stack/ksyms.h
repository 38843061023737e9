/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of the kernel's own code, from /proc/kallsyms. The table is not kept:
 * one pass over it answers any number of addresses, and little memory is held.
 */
#ifndef PF_LIB_STACK_KSYMS_H
#define PF_LIB_STACK_KSYMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pf_ksyms;

#define PF_KSYM_NAME_MAX   511
#define PF_KSYM_MODULE_MAX 63

struct pf_ksym {
	uint64_t address; /* in: what is looked for */
	uint64_t start;	  /* out; with name "" not known */
	char name[PF_KSYM_NAME_MAX + 1];
	char module[PF_KSYM_MODULE_MAX + 1]; /* "[nf_tables]"; "" = the kernel itself */
};

/*
 * Opens below proc_root: what it may see is decided now, not when it is read.
 * NULL: no memory. A file that cannot be opened knows no names.
 */
struct pf_ksyms *pf_ksyms__new(const char *proc_root);
void pf_ksyms__free(struct pf_ksyms *k);

/* The kernel shows addresses as zero (kptr_restrict), or shows nothing. Known after a __find. */
bool pf_ksyms__hidden(const struct pf_ksyms *k);

/* Fills in those n, in ascending order of address. */
void pf_ksyms__find(struct pf_ksyms *k, struct pf_ksym *wanted, size_t n);

#endif
