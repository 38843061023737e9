/* SPDX-License-Identifier: BSD-2-Clause */
/* Fills in what is wrong with a condition. */
#include "lib/leak/rule_error.h"

#include <errno.h>
#include <stdio.h>

int pf_rule_vrefuse(struct pf_rule_error *err, size_t at, size_t len, const char *fmt, va_list ap)
{
	if (!err)
		return -EINVAL;
	err->at = at;
	err->len = len;
	err->unknown = false;
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	return -EINVAL;
}

int pf_rule_refuse(struct pf_rule_error *err, size_t at, size_t len, const char *fmt, ...)
{
	va_list ap;
	int ret;

	va_start(ap, fmt);
	ret = pf_rule_vrefuse(err, at, len, fmt, ap);
	va_end(ap);
	return ret;
}
