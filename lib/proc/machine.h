/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's memory and processors. */
#ifndef PF_LIB_PROC_MACHINE_H
#define PF_LIB_PROC_MACHINE_H

#include <stddef.h>
#include <stdint.h>

struct pf_machine {
	int64_t mem_total_bytes; /* PF_UNKNOWN where meminfo has no such line; so are the next */
	int64_t mem_available_bytes;
	int64_t swap_total_bytes;
	int64_t swap_free_bytes;
	int64_t cpus_online;
	int64_t page_bytes;
};

/* 0, or -errno when proc_root/meminfo cannot be read; CPUs and page size are filled all the same. */
int pf_machine_read(const char *proc_root, struct pf_machine *out);

/* The four memory lines; the rest of *out is left alone. */
void pf_parse_meminfo(const char *buf, size_t len, struct pf_machine *out);

#endif
