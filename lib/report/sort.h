/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows in order: the first few of many, by any column. */
#ifndef PF_LIB_REPORT_SORT_H
#define PF_LIB_REPORT_SORT_H

#include <stddef.h>

#include "lib/record/field.h"

/* Order of rows that are equal in the column; like strcmp. */
typedef int (*pf_tie_fn)(const void *row_a, const void *row_b);

/*
 * Put the first `top` rows (0 = all) in front, in order: numbers largest
 * first, unknown last, text by the alphabet. What is behind them is in no
 * order. Returns how many rows are in order.
 */
size_t pf_rows_top(const void **rows, size_t n, size_t top, const struct pf_field *field,
		   pf_tie_fn tie);

#endif
