/* SPDX-License-Identifier: BSD-2-Clause */
/* What pfstat prints: each moment, and the sum at the end. */
#ifndef PF_TOOLS_PFSTAT_REPORT_H
#define PF_TOOLS_PFSTAT_REPORT_H

#include "lib/cli/output.h"
#include "lib/cli/source.h"
#include "lib/proc/psi.h"
#include "tools/pfstat/columns.h"
#include "tools/pfstat/group.h"

struct pfstat_report {
	const struct pfstat_opts *opts;
	const struct pfstat_columns *columns;
	const struct pfstat_groups *groups;
	struct pf_output *out;
	struct pf_source *source;
	struct pf_psi psi; /* of the last moment; unknown in replay */
	const void **rows;
	size_t rows_cap;
	uint64_t warned; /* lines marked, over all moments */
	uint64_t shown;	 /* moments printed */
};

/* All append to out->buf; the caller flushes. 0 or -ENOMEM. */
int pfstat_report_start(struct pfstat_report *r);
int pfstat_report_moment(struct pfstat_report *r, const struct pf_moment *m);
int pfstat_report_end(struct pfstat_report *r, const struct pf_losses *losses);

/* --columns help, --json-schema */
int pfstat_report_columns(struct pfstat_report *r);
int pfstat_report_schema(struct pfstat_report *r);

/* -o prom (prom.c) */
void pfstat_report_metrics(struct pfstat_report *r, const struct pf_moment *m);

void pfstat_report_free(struct pfstat_report *r);

/* The moment's lines in order, at most opts->top; sets *n. NULL without memory. */
const void *const *pfstat_report_rows(struct pfstat_report *r, size_t *n);

#endif
