/* SPDX-License-Identifier: BSD-2-Clause */
/* What pfstack prints: of a run, of a recording, of the difference of two. */
#ifndef PF_TOOLS_PFSTACK_REPORT_H
#define PF_TOOLS_PFSTACK_REPORT_H

#include <stdio.h>

#include "lib/base/strbuf.h"
#include "lib/cli/output.h"
#include "lib/stack/stacks.h"
#include "tools/pfstack/collect.h"
#include "tools/pfstack/opts.h"

struct pf_error;

struct pfstack_report {
	const struct pfstack_opts *opts;
	struct pf_output *out;
	FILE *record; /* NULL = no --record */
	double start_ts;
};

/* The header, where the format or the recording has one. 0 or -ENOMEM; flushes nothing. */
int pfstack_report_begin(struct pfstack_report *r, const struct pfstack_collect *c);

/* An interval is over: what came in it. 0 or -ENOMEM. */
int pfstack_report_summary(struct pfstack_report *r, struct pfstack_collect *c);

/* The run is over: what came in all of it. 0 or -errno with *err filled. */
int pfstack_report_end(struct pfstack_report *r, struct pfstack_collect *c, struct pf_error *err);

/* --replay and --diff: reads and prints. 0 or -errno with *err filled. */
int pfstack_report_recorded(struct pfstack_report *r, struct pf_error *err);

#endif
