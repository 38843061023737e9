/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Short forms of numbers, put together from integers so that no locale's
 * decimal comma gets in. Refuses to cut: what does not fit a form gets the
 * next larger unit.
 */
#include "lib/base/units.h"

#include <math.h>
#include <stdio.h>

static void fmt_magnitude(char *dst, size_t size, const char *sign, uint64_t bytes)
{
	static const char *const units[] = { "", "K", "M", "G", "T", "P", "E" };
	unsigned int u = 0;
	unsigned int shift;
	uint64_t whole, tenths;

	while (u < 6 && bytes >> (10 * u) >= 1024)
		u++;
	if (u == 0) {
		snprintf(dst, size, "%s%u", sign, (unsigned int)bytes);
		return;
	}
	shift = 10 * u;
	whole = bytes >> shift;
	tenths = whole * 10 + (((bytes - (whole << shift)) * 10 + (1ull << (shift - 1))) >> shift);
	whole += bytes >> (shift - 1) & 1;
	if (tenths < 1000)
		snprintf(dst, size, "%s%u.%u%s", sign, (unsigned int)(tenths / 10),
			 (unsigned int)(tenths % 10), units[u]);
	else if (whole < 1024)
		snprintf(dst, size, "%s%u%s", sign, (unsigned int)whole, units[u]);
	else
		snprintf(dst, size, "%s1.0%s", sign, units[u + 1]);
}

static uint64_t magnitude(int64_t v)
{
	return v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
}

char *pf_fmt_bytes(char *dst, size_t size, int64_t bytes)
{
	fmt_magnitude(dst, size, bytes < 0 ? "-" : "", magnitude(bytes));
	return dst;
}

char *pf_fmt_delta_bytes(char *dst, size_t size, int64_t bytes)
{
	fmt_magnitude(dst, size, bytes < 0 ? "-" : bytes > 0 ? "+" : "", magnitude(bytes));
	return dst;
}

/* "12.3" below 100, "123" from there on. */
static void fmt_number(char *dst, size_t size, const char *sign, double v, const char *unit)
{
	unsigned int tenths;

	if (v >= 99.95) {
		snprintf(dst, size, "%s%llu%s", sign, (unsigned long long)(v + 0.5), unit);
		return;
	}
	tenths = (unsigned int)(v * 10 + 0.5);
	snprintf(dst, size, "%s%u.%u%s", sign, tenths / 10, tenths % 10, unit);
}

/* Plain up to 999999, then in M, G, T, P; more is not a rate of anything. */
static void fmt_big_rate(char *dst, size_t size, const char *sign, double v)
{
	static const char *const units[] = { "M", "G", "T", "P" };
	unsigned int u = 0;

	v /= 1e6;
	while (v >= 999.5 && u < 3) {
		v /= 1000;
		u++;
	}
	if (v >= 999.5)
		snprintf(dst, size, "%s>999P", sign);
	else
		fmt_number(dst, size, sign, v, units[u]);
}

char *pf_fmt_rate(char *dst, size_t size, double per_s)
{
	const char *sign = per_s < 0 ? "-" : "";
	double v = fabs(per_s);

	if (isnan(per_s))
		snprintf(dst, size, "-");
	else if (v == 0)
		snprintf(dst, size, "0");
	else if (v < 0.05)
		snprintf(dst, size, "%s<0.1", sign);
	else if (v < 999999.5)
		fmt_number(dst, size, sign, v, "");
	else
		fmt_big_rate(dst, size, sign, v);
	return dst;
}

static void fmt_seconds(char *dst, size_t size, const char *sign, uint64_t s)
{
	unsigned int m = (unsigned int)(s / 60);
	unsigned int h = m / 60;
	unsigned int d = h / 24;

	if (s < 60)
		snprintf(dst, size, "%s%us", sign, (unsigned int)s);
	else if (m < 60)
		snprintf(dst, size, "%s%um%02us", sign, m, (unsigned int)(s % 60));
	else if (h < 24)
		snprintf(dst, size, "%s%uh%02um", sign, h, m % 60);
	else
		snprintf(dst, size, "%s%ud%uh", sign, d, h % 24);
}

char *pf_fmt_duration(char *dst, size_t size, double seconds)
{
	const char *sign = seconds < 0 ? "-" : "";
	double v = fabs(seconds);

	if (isnan(seconds))
		snprintf(dst, size, "-");
	else if (v >= 100 * 86400.0 - 0.5)
		snprintf(dst, size, "%s>99d", sign);
	else if (v > 0 && v < 0.0005)
		snprintf(dst, size, "%s<1ms", sign);
	else if (v > 0 && v < 0.9995)
		snprintf(dst, size, "%s%ums", sign, (unsigned int)(v * 1000 + 0.5));
	else
		fmt_seconds(dst, size, sign, (uint64_t)(v + 0.5));
	return dst;
}
