/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows in order. Looks at one field and, where that is equal, asks the caller. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/report/cell.h"
#include "lib/report/sort.h"

#define SELECT_MAX 64 /* up to so many are picked in one look; more are sorted with all */

struct order {
	const struct pf_field *field;
	pf_tie_fn tie;
};

static double number(const struct pf_field *f, const void *row)
{
	if (pf_cell_is_unknown(f, row))
		return NAN;
	if (f->type == PF_REAL || f->type == PF_TIME)
		return pf_field_real(f, row);
	if (f->type == PF_BOOL)
		return *(const bool *)((const char *)row + f->offset);
	return (double)pf_field_int(f, row);
}

static int by_field(const struct pf_field *f, const void *a, const void *b)
{
	double x, y;

	if (pf_cell_is_text(f)) {
		const char *s = pf_cell_text(f, a), *t = pf_cell_text(f, b);

		return s && t ? strcmp(s, t) : !s - !t;
	}
	x = number(f, a);
	y = number(f, b);
	if (isnan(x) || isnan(y))
		return !!isnan(x) - !!isnan(y);
	return (x < y) - (x > y);
}

static int compare(const void *a, const void *b, void *ctx)
{
	const struct order *o = ctx;
	const void *x = *(const void *const *)a, *y = *(const void *const *)b;
	int order = by_field(o->field, x, y);

	return order || !o->tie ? order : o->tie(x, y);
}

/* rows[0..have) are the first so far; put `row` among them if it belongs there. */
static size_t insert(const void **rows, size_t have, size_t top, const void *row, struct order *o)
{
	size_t at = have;

	if (have == top && compare(&row, &rows[top - 1], o) >= 0)
		return have;
	if (have == top)
		at--;
	for (; at && compare(&row, &rows[at - 1], o) < 0; at--)
		rows[at] = rows[at - 1];
	rows[at] = row;
	return have < top ? have + 1 : have;
}

size_t pf_rows_top(const void **rows, size_t n, size_t top, const struct pf_field *field,
		   pf_tie_fn tie)
{
	struct order o = { field, tie };
	size_t have = 0;

	if (!top || top > SELECT_MAX) {
		if (n)
			qsort_r(rows, n, sizeof(*rows), compare, &o);
		return top && top < n ? top : n;
	}
	/* The front never grows past the row that is being looked at. */
	for (size_t i = 0; i < n; i++)
		have = insert(rows, have, top, rows[i], &o);
	return have;
}
