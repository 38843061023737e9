/* SPDX-License-Identifier: BSD-2-Clause */
/* One value of a row as text: what table and CSV have in common. */
#ifndef PF_LIB_REPORT_CELL_H
#define PF_LIB_REPORT_CELL_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/record/field.h"

/* Any number that a cell can hold, with NUL. */
#define PF_CELL_NUMBER 400

bool pf_cell_is_text(const struct pf_field *f);

/* The text of a PF_CHARS, PF_NAME or PF_STRING field; NULL = unknown. */
const char *pf_cell_text(const struct pf_field *f, const void *row);

bool pf_cell_is_unknown(const struct pf_field *f, const void *row);

/* A known number in raw units, decimal point whatever the locale, no trailing zeros. */
char *pf_cell_number(char dst[PF_CELL_NUMBER], const struct pf_field *f, const void *row);

#endif
