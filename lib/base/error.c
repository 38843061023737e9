/* SPDX-License-Identifier: BSD-2-Clause */
/* Fills an error's code and words. Prints nothing: that is the tool's part. */
#include "lib/base/error.h"

#include <stdarg.h>
#include <stdio.h>

int pf_fail(struct pf_error *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err || err->code)
		return -code;
	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return -code;
}
