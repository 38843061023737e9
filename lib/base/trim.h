/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory given back that only starting up has needed. */
#ifndef PF_LIB_BASE_TRIM_H
#define PF_LIB_BASE_TRIM_H

/*
 * Free heap, and the pages of code and constants of this program and its
 * libraries: loading the BPF programs touches most of libbpf and libelf once.
 * What is used again comes back from the page cache, a minor fault each.
 */
void pf_trim(void);

#endif
