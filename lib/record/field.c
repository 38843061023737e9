/* SPDX-License-Identifier: BSD-2-Clause */
/* What a field table can do without knowing the record. */
#include "lib/record/field.h"

#include <math.h>
#include <stdbool.h>

void pf_fields_init(const struct pf_field *fields, size_t n, void *record)
{
	for (size_t i = 0; i < n; i++) {
		char *member = (char *)record + fields[i].offset;

		switch (fields[i].type) {
		case PF_INT:
			*(int64_t *)member = PF_UNKNOWN;
			break;
		case PF_REAL:
		case PF_TIME:
			*(double *)member = NAN;
			break;
		case PF_BOOL:
			*(bool *)member = false;
			break;
		case PF_CHARS:
		case PF_NAME:
			*member = '\0';
			break;
		case PF_STRING:
			*(const char **)member = NULL;
			break;
		}
	}
}
