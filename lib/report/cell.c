/* SPDX-License-Identifier: BSD-2-Clause */
/* Values to text, raw. How a table dresses them up is the table's business. */
#include "lib/report/cell.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

bool pf_cell_is_text(const struct pf_field *f)
{
	return f->type == PF_CHARS || f->type == PF_NAME || f->type == PF_STRING;
}

const char *pf_cell_text(const struct pf_field *f, const void *row)
{
	const char *member = (const char *)row + f->offset;

	switch (f->type) {
	case PF_CHARS:
		return member;
	case PF_NAME:
		return *member ? member : NULL;
	default:
		return *(const char *const *)member;
	}
}

bool pf_cell_is_unknown(const struct pf_field *f, const void *row)
{
	switch (f->type) {
	case PF_INT:
		return pf_field_int(f, row) == PF_UNKNOWN;
	case PF_REAL:
	case PF_TIME:
		return !isfinite(pf_field_real(f, row));
	case PF_NAME:
	case PF_STRING:
		return !pf_cell_text(f, row);
	case PF_BOOL:
	case PF_CHARS:
		break;
	}
	return false;
}

/* Put together from integers, as printf would use the locale's decimal point. */
static char *real_text(char dst[PF_CELL_NUMBER], double v, int decimals)
{
	double scaled = round(fabs(v) * pow(10, decimals));
	uint64_t unit = (uint64_t)pow(10, decimals);
	size_t len;

	if (scaled >= 0x1p53) {
		snprintf(dst, PF_CELL_NUMBER, "%.0f", v);
		return dst;
	}
	snprintf(dst, PF_CELL_NUMBER, "%s%" PRIu64 ".%0*" PRIu64, v < 0 && scaled > 0 ? "-" : "",
		 (uint64_t)scaled / unit, decimals, (uint64_t)scaled % unit);
	len = strlen(dst);
	while (dst[len - 1] == '0')
		dst[--len] = '\0';
	if (dst[len - 1] == '.')
		dst[--len] = '\0';
	return dst;
}

char *pf_cell_number(char dst[PF_CELL_NUMBER], const struct pf_field *f, const void *row)
{
	switch (f->type) {
	case PF_INT:
		snprintf(dst, PF_CELL_NUMBER, "%" PRId64, pf_field_int(f, row));
		return dst;
	case PF_REAL:
		return real_text(dst, pf_field_real(f, row), 6);
	case PF_TIME:
		return real_text(dst, pf_field_real(f, row), 3);
	default:
		dst[0] = '\0';
		return dst;
	}
}
