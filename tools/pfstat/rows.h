/* SPDX-License-Identifier: BSD-2-Clause */
/* The lines of a moment: which groups, in what order. */
#ifndef PF_TOOLS_PFSTAT_ROWS_H
#define PF_TOOLS_PFSTAT_ROWS_H

#include <stddef.h>

#include "tools/pfstat/columns.h"
#include "tools/pfstat/group.h"

struct pfstat_rows {
	const struct pfstat_opts *opts;
	const struct pfstat_columns *columns;
	const struct pfstat_groups *groups;
	const void **row;
	size_t cap;
};

/* The moment's lines in order, at most opts->top; sets *n. NULL without memory, or when none. */
const void *const *pfstat_rows_top(struct pfstat_rows *r, size_t *n);
void pfstat_rows_free(struct pfstat_rows *r);

#endif
