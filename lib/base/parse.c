/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers as people type them, in the C locale's form whatever the locale.
 * Refuses what strtod and strtoul would let through: signs, blanks,
 * exponents, hex, inf, nan, trailing text.
 */
#include "lib/base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/cleanup.h"

#define DIGITS "0123456789"

/* Value of len digits; -ERANGE when 64 bits cannot hold it. */
static int digits_u64(const char *s, size_t len, uint64_t *out)
{
	uint64_t v = 0;

	for (size_t i = 0; i < len; i++) {
		if (__builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s[i] - '0'), &v))
			return -ERANGE;
	}
	*out = v;
	return 0;
}

int pf_parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out)
{
	size_t len = s ? strspn(s, DIGITS) : 0;
	uint64_t v;

	if (len == 0 || s[len])
		return -EINVAL;
	if (digits_u64(s, len, &v) || v < min || v > max)
		return -ERANGE;
	*out = v;
	return 0;
}

/* Length of the "1", "0.5" or ".5" that s starts with; 0 when it starts with none. */
static size_t number_length(const char *s)
{
	size_t whole = strspn(s, DIGITS);
	size_t fraction;

	if (s[whole] != '.')
		return whole;
	fraction = strspn(s + whole + 1, DIGITS);
	return fraction ? whole + 1 + fraction : 0;
}

/* strtod of len characters; infinity when a double cannot hold the number. */
static double c_strtod(const char *s, size_t len)
{
	locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	char number[512];
	double v;

	if (!c || len >= sizeof(number))
		return INFINITY;
	/* Apart from what follows: strtod would take "1e" or "0x" further. */
	memcpy(number, s, len);
	number[len] = '\0';
	v = strtod_l(number, NULL, c);
	freelocale(c);
	return v;
}

static int in_range(double v, double min, double max, double *out)
{
	if (!isfinite(v) || v < min || v > max)
		return -ERANGE;
	*out = v;
	return 0;
}

int pf_parse_double(const char *s, double min, double max, double *out)
{
	size_t len = s ? number_length(s) : 0;

	if (len == 0 || s[len])
		return -EINVAL;
	return in_range(c_strtod(s, len), min, max, out);
}

int pf_parse_duration(const char *s, double min_s, double max_s, double *out_s)
{
	static const struct {
		const char *name;
		double per_s;
		double seconds;
	} units[] = {
		{ "", 1, 1 },	{ "ms", 1000, 1 },   { "s", 1, 1 },
		{ "m", 1, 60 }, { "h", 1, 60 * 60 }, { "d", 1, 24 * 60 * 60 },
	};
	size_t len = s ? number_length(s) : 0;

	if (len == 0)
		return -EINVAL;
	for (size_t i = 0; i < PF_ARRAY_SIZE(units); i++) {
		/* Divided, as a thousandth is no double: 500ms is 0.5 exactly. */
		if (strcmp(s + len, units[i].name) == 0)
			return in_range(c_strtod(s, len) / units[i].per_s * units[i].seconds, min_s,
					max_s, out_s);
	}
	return -EINVAL;
}

/* Binary places of a unit of bytes, -1 for an unknown one. */
static int unit_shift(const char *unit)
{
	static const char *const letters[] = { "k", "m", "g", "t" };

	if (!*unit || !strcasecmp(unit, "b"))
		return 0;
	for (int i = 0; i < (int)PF_ARRAY_SIZE(letters); i++) {
		if (strncasecmp(unit, letters[i], 1) != 0)
			continue;
		if (!unit[1] || !strcasecmp(unit + 1, "b") || !strcasecmp(unit + 1, "ib"))
			return 10 * (i + 1);
	}
	return -1;
}

/* In integers where there is no fraction: a double would round above 2^53. */
static int scale(const char *s, size_t len, int shift, uint64_t *out)
{
	double v;

	if (!memchr(s, '.', len)) {
		if (digits_u64(s, len, out) || *out > UINT64_MAX >> shift)
			return -ERANGE;
		*out <<= shift;
		return 0;
	}
	v = floor(ldexp(c_strtod(s, len), shift) + 0.5);
	if (!(v < 0x1p64))
		return -ERANGE;
	*out = (uint64_t)v;
	return 0;
}

int pf_parse_size(const char *s, uint64_t min, uint64_t max, uint64_t *out_bytes)
{
	size_t len = s ? number_length(s) : 0;
	int shift = len ? unit_shift(s + len) : -1;
	uint64_t bytes;

	if (shift < 0)
		return -EINVAL;
	if (shift == 0 && memchr(s, '.', len)) /* there is no part of a byte */
		return -EINVAL;
	if (scale(s, len, shift, &bytes) || bytes < min || bytes > max)
		return -ERANGE;
	*out_bytes = bytes;
	return 0;
}

#define WORD_MAX 64

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Edits (insert, delete, change, swap of neighbours) from a to b, any case. */
static unsigned int distance(const char *a, size_t la, const char *b, size_t lb)
{
	unsigned int row[3][WORD_MAX + 1];

	for (size_t j = 0; j <= lb; j++)
		row[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned int *cur = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];

		cur[0] = (unsigned int)i;
		for (size_t j = 1; j <= lb; j++) {
			cur[j] = min3(up[j] + 1, cur[j - 1] + 1,
				      up[j - 1] + !same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) &&
			    same(a[i - 2], b[j - 1]) && up2[j - 2] + 1 < cur[j])
				cur[j] = up2[j - 2] + 1;
		}
	}
	return row[la % 3][lb];
}

const char *pf_nearest(const char *s, const char *const *words)
{
	size_t len = strlen(s);
	unsigned int best = len < 6 ? 2 : (unsigned int)len / 3 + 1; /* this far is too far */
	const char *nearest = NULL;
	const char *longer = NULL;

	if (len == 0 || len > WORD_MAX)
		return NULL;
	for (; *words; words++) {
		size_t word_len = strlen(*words);
		unsigned int d;

		if (word_len > WORD_MAX)
			continue;
		d = distance(s, len, *words, word_len);
		if (d < best && d < word_len) {
			best = d;
			nearest = *words;
		}
		if (!longer && len > 1 && strncasecmp(s, *words, len) == 0)
			longer = *words;
	}
	/* "rss" means "rss_bytes", many edits away, unless a typing error is closer. */
	return nearest && best <= 1 ? nearest : longer ? longer : nearest;
}
