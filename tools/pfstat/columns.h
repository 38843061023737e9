/* SPDX-License-Identifier: BSD-2-Clause */
/* pfstat's columns: the sample's fields as the record declares them, and a few of its own. */
#ifndef PF_TOOLS_PFSTAT_COLUMNS_H
#define PF_TOOLS_PFSTAT_COLUMNS_H

#include <stddef.h>

#include "lib/report/column.h"
#include "tools/pfstat/opts.h"

#define PFSTAT_COLUMNS_MAX 64

struct pfstat_columns {
	struct pf_column col[PFSTAT_COLUMNS_MAX];
	size_t n;
	struct pf_column_set set;   /* what is shown of a row */
	struct pf_column_set whole; /* what JSON holds of a sum */
	size_t sort;
	bool users;    /* the names of users are shown */
	bool programs; /* those of programs */
};

/* Choose by the options. 0, or -EINVAL with *err naming what is wrong. */
struct pf_error;
int pfstat_columns(struct pfstat_columns *c, const struct pfstat_opts *o, struct pf_error *err);

#endif
