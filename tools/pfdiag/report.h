/* SPDX-License-Identifier: BSD-2-Clause */
/* What pfdiag prints: text, JSON, metrics. */
#ifndef PF_TOOLS_PFDIAG_REPORT_H
#define PF_TOOLS_PFDIAG_REPORT_H

#include "lib/cli/output.h"
#include "tools/pfdiag/check.h"

struct pfdiag_report {
	struct pf_output out;
	const struct pfdiag *diag;
	const char *group; /* of the check before */
	int64_t pid;
	size_t counts[PF_CHECK_STATUSES];
	double began_ts;
	struct pf_check *all; /* for metrics, which are put together at the end */
	size_t n;
	size_t cap;
};

/* All append to out.buf and return 0 or -ENOMEM. */
int pfdiag_report_begin(struct pfdiag_report *r);
int pfdiag_report_check(struct pfdiag_report *r, const struct pf_check *c);
int pfdiag_report_end(struct pfdiag_report *r);
void pfdiag_report_free(struct pfdiag_report *r);

void pfdiag_report_list(struct pf_strbuf *out);
int pfdiag_report_schema(struct pf_strbuf *out);

/* 0 ok, 1 warnings, 2 failures, 3 nothing could be told. */
int pfdiag_report_status(const struct pfdiag_report *r);

#endif
