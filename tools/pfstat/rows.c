/* SPDX-License-Identifier: BSD-2-Clause */
/* The lines of a moment: which groups, in what order. */
#include <errno.h>
#include <stdlib.h>

#include "lib/report/sort.h"
#include "tools/pfstat/rows.h"

static int bigger_first(const void *a, const void *b)
{
	const struct pfstat_row *x = a, *y = b;

	if (x->s.rss_bytes != y->s.rss_bytes)
		return x->s.rss_bytes < y->s.rss_bytes ? 1 : -1;
	return (x->s.pid > y->s.pid) - (x->s.pid < y->s.pid);
}

static int reserve_rows(struct pfstat_rows *r, size_t need)
{
	void *bigger;

	if (need <= r->cap)
		return 0;
	bigger = realloc(r->row, need * sizeof(*r->row));
	if (!bigger)
		return -ENOMEM;
	r->row = bigger;
	r->cap = need;
	return 0;
}

const void *const *pfstat_rows_top(struct pfstat_rows *r, size_t *n)
{
	size_t n_active;
	const struct pfstat_group *const *active = pfstat_groups__active(r->groups, &n_active);

	*n = 0;
	if (reserve_rows(r, n_active))
		return NULL;
	for (size_t i = 0; i < n_active; i++)
		r->row[i] = &active[i]->row;
	*n = pf_rows_top(r->row, n_active, r->opts->common.top,
			 &r->columns->col[r->columns->sort].field, bigger_first);
	return r->row;
}

void pfstat_rows_free(struct pfstat_rows *r)
{
	free(r->row);
	r->row = NULL;
	r->cap = 0;
}
