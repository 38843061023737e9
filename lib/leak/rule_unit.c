/* SPDX-License-Identifier: BSD-2-Clause */
/* Units of the rules' language. */
#include "lib/leak/rule_unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/cleanup.h"

#define EXPONENT_MAX 4

static void add_power(char *dst, size_t size, const char *name, int exponent, const char *before)
{
	size_t len = strlen(dst);

	if (exponent == 1)
		snprintf(dst + len, size - len, "%s%s", before, name);
	else if (exponent > 1)
		snprintf(dst + len, size - len, "%s%s^%d", before, name, exponent);
}

char *pf_unit_text(char *dst, size_t size, const struct pf_unit *u)
{
	snprintf(dst, size, "%s", "");
	add_power(dst, size, "bytes", u->bytes, "");
	add_power(dst, size, "faults", u->faults, *dst ? " " : "");
	add_power(dst, size, "seconds", u->seconds, *dst ? " " : "");
	if (!*dst)
		snprintf(dst, size, "%s", u->bare ? "a number" : "a ratio");
	add_power(dst, size, "byte", -u->bytes, " per ");
	add_power(dst, size, "fault", -u->faults, " per ");
	add_power(dst, size, "second", -u->seconds, " per ");
	return dst;
}

static bool is_ratio(const struct pf_unit *u)
{
	return !u->bytes && !u->seconds && !u->faults;
}

/* Numbers and ratios leave the other's scale alone: 50% * rss_mb still counts megabytes. */
static double scale_of(const struct pf_unit *a, const struct pf_unit *b, int sign)
{
	double scale = sign > 0 ? b->scale : 1 / b->scale;

	if (b->bare || (!a->bare && is_ratio(b) && !is_ratio(a)))
		return a->scale;
	return a->bare || is_ratio(a) ? scale : a->scale * scale;
}

bool pf_unit_multiply(struct pf_unit *out, const struct pf_unit *a, const struct pf_unit *b,
		      int sign)
{
	*out = (struct pf_unit){
		.bytes = (signed char)(a->bytes + sign * b->bytes),
		.seconds = (signed char)(a->seconds + sign * b->seconds),
		.faults = (signed char)(a->faults + sign * b->faults),
		.bare = a->bare && b->bare,
		.scale = scale_of(a, b, sign),
	};
	return abs(out->bytes) <= EXPONENT_MAX && abs(out->seconds) <= EXPONENT_MAX &&
	       abs(out->faults) <= EXPONENT_MAX;
}

bool pf_unit_find(const char *name, size_t len, struct pf_unit *out)
{
	/* m is minutes, M megabytes; elsewhere the case does not matter. */
	static const struct {
		const char *name;
		bool exact;
		struct pf_unit unit;
	} units[] = {
		{ "ms", true, { .seconds = 1, .scale = 1e-3 } },
		{ "s", true, { .seconds = 1, .scale = 1 } },
		{ "m", true, { .seconds = 1, .scale = 60 } },
		{ "min", true, { .seconds = 1, .scale = 60 } },
		{ "h", true, { .seconds = 1, .scale = 3600 } },
		{ "d", true, { .seconds = 1, .scale = 86400 } },
		{ "B", false, { .bytes = 1, .scale = 1 } },
		{ "K", false, { .bytes = 1, .scale = 1024 } },
		{ "KB", false, { .bytes = 1, .scale = 1024 } },
		{ "KiB", false, { .bytes = 1, .scale = 1024 } },
		{ "M", true, { .bytes = 1, .scale = 1048576 } },
		{ "MB", false, { .bytes = 1, .scale = 1048576 } },
		{ "MiB", false, { .bytes = 1, .scale = 1048576 } },
		{ "G", false, { .bytes = 1, .scale = 1073741824 } },
		{ "GB", false, { .bytes = 1, .scale = 1073741824 } },
		{ "GiB", false, { .bytes = 1, .scale = 1073741824 } },
		{ "T", false, { .bytes = 1, .scale = 1099511627776 } },
		{ "TB", false, { .bytes = 1, .scale = 1099511627776 } },
		{ "TiB", false, { .bytes = 1, .scale = 1099511627776 } },
		{ "%", true, { .scale = 0.01 } },
	};

	for (size_t i = 0; i < PF_ARRAY_SIZE(units); i++) {
		if (strlen(units[i].name) != len ||
		    (units[i].exact ? strncmp : strncasecmp)(units[i].name, name, len))
			continue;
		*out = units[i].unit;
		return true;
	}
	return false;
}
