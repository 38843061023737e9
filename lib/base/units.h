/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers for people: at most `width`-friendly short forms, locale-independent. */
#ifndef PF_LIB_BASE_UNITS_H
#define PF_LIB_BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* 0 "0", 1536 "1.5K", 1073741824 "1.0G", negative with a sign. At most 6 characters + NUL. */
char *pf_fmt_bytes(char *dst, size_t size, int64_t bytes);

/* As above with an explicit '+' on growth: "+1.5K", "-3.0M", "0". */
char *pf_fmt_delta_bytes(char *dst, size_t size, int64_t bytes);

/* Events per second: "0", "0.3", "12.5", "1234", "1.2M". */
char *pf_fmt_rate(char *dst, size_t size, double per_s);

/* Seconds as "45s", "12m30s", "3h05m", "2d4h", ">99d". */
char *pf_fmt_duration(char *dst, size_t size, double seconds);

#endif
