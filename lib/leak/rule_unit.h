/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a number in a rule counts. Values are kept in base units: bytes,
 * seconds, faults, ratios as fractions. A bare number ("500") has no unit of
 * its own and takes that of what it is compared with or added to, as its name
 * says it: 5 beside rss_mb is five megabytes, 80 beside anonymous_ratio is 80 %.
 */
#ifndef PF_LIB_LEAK_RULE_UNIT_H
#define PF_LIB_LEAK_RULE_UNIT_H

#include <stdbool.h>
#include <stddef.h>

struct pf_unit {
	signed char bytes; /* exponents */
	signed char seconds;
	signed char faults;
	bool bare;    /* a number without a unit; the exponents are 0 */
	double scale; /* what a bare number beside it counts, in base units */
};

#define PF_UNIT_BARE                                                                               \
	(struct pf_unit)                                                                           \
	{                                                                                          \
		.bare = true, .scale = 1                                                           \
	}

static inline bool pf_unit_same(const struct pf_unit *a, const struct pf_unit *b)
{
	return a->bytes == b->bytes && a->seconds == b->seconds && a->faults == b->faults;
}

/* "seconds", "bytes per second", "a ratio". Returns dst. */
char *pf_unit_text(char *dst, size_t size, const struct pf_unit *unit);

/* The unit of a product, or with sign -1 of a quotient. false: no sensible unit. */
bool pf_unit_multiply(struct pf_unit *out, const struct pf_unit *a, const struct pf_unit *b,
		      int sign);

/* The unit that stands behind a number: "s", "MB", "%". false: there is none of that name. */
bool pf_unit_find(const char *name, size_t len, struct pf_unit *out);

#endif
