/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong with a configuration: counted and handed on. Prints nothing. */
#include "lib/config/complaint.h"

#include <stdarg.h>
#include <stdio.h>

void pf_complain_about(struct pf_complaints *c, const struct pf_complaint *complaint)
{
	c->n++;
	if (c->tell)
		c->tell(c->ctx, complaint);
}

void pf_complain(struct pf_complaints *c, const struct pf_place *place, const char *fmt, ...)
{
	struct pf_complaint complaint = { .place = *place };
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	complaint.text = text;
	pf_complain_about(c, &complaint);
}
