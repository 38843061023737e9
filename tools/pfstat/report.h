/* SPDX-License-Identifier: BSD-2-Clause */
/* What pfstat prints: each moment, and the sum at the end. */
#ifndef PF_TOOLS_PFSTAT_REPORT_H
#define PF_TOOLS_PFSTAT_REPORT_H

#include <stdint.h>

#include "lib/cli/run.h"
#include "lib/proc/psi.h"
#include "tools/pfstat/rows.h"

struct pfstat_report {
	struct pfstat_rows rows;
	struct pf_run *run; /* everything is appended to run->out.buf */
	struct pf_psi psi;  /* of the last moment; unknown in replay */
	uint64_t warned;    /* lines marked, over all moments */
	uint64_t shown;	    /* moments printed */
};

/* 0 or -ENOMEM. */
int pfstat_report_moment(struct pfstat_report *r, const struct pf_moment *m); /* report.c */
int pfstat_report_end(struct pfstat_report *r);				      /* final.c */

/* -o prom (prom.c) */
void pfstat_report_metrics(struct pfstat_report *r, const struct pf_moment *m);

#endif
