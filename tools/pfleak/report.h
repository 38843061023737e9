/* SPDX-License-Identifier: BSD-2-Clause */
/* What pfleak prints: events as they happen, the list, the sum at the end. */
#ifndef PF_TOOLS_PFLEAK_REPORT_H
#define PF_TOOLS_PFLEAK_REPORT_H

#include "lib/cli/output.h"
#include "lib/cli/source.h"
#include "lib/leak/leak.h"
#include "tools/pfleak/columns.h"

struct pfleak_report {
	const struct pfleak_opts *opts;
	const struct pfleak_columns *columns;
	struct pf_leak *leak;
	struct pf_output *out;
	struct pf_source *source;
	bool failed; /* no memory for something that had to be printed */
};

/* All append to out->buf; the caller flushes. 0 or -ENOMEM. */
int pfleak_report_start(struct pfleak_report *r);
/* A watch, an alert or its end. */
void pfleak_report_event(struct pfleak_report *r, const struct pf_verdict *v);
int pfleak_report_list(struct pfleak_report *r, const struct pf_moment *m);
int pfleak_report_end(struct pfleak_report *r, const struct pf_losses *losses);

/* --columns help, --json-schema */
int pfleak_report_columns(struct pfleak_report *r);
int pfleak_report_schema(struct pfleak_report *r);

#endif
