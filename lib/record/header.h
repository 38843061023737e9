/* SPDX-License-Identifier: BSD-2-Clause */
/* The header and summary records that frame a run's samples. */
#ifndef PF_LIB_RECORD_HEADER_H
#define PF_LIB_RECORD_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "lib/record/field.h"

struct pf_header {
	const char *tool;
	const char *version;
	double ts;
	char host[256];
	char boot_id[40];
	char kernel[72];
	char arch[72];
	const char *backend;  /* "tp_btf", "counters" */
	const char *snapshot; /* "iter", "proc" */
	int64_t memory_bytes; /* of the machine, swap included */
	double interval_s;
	int64_t sample;	     /* 1 in N; 0 = by each process's rate; unknown = no tracing */
	const char *options; /* the command line as typed, quoted */
};

extern const struct pf_field pf_header_fields[];
extern const size_t pf_header_n_fields;

/* Fill host, boot_id (below proc_root), kernel and arch; unreadable ones stay empty. */
void pf_header_fill_host(struct pf_header *h, const char *proc_root);

#endif
