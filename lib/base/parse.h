/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Strict parsing of what people type. The whole string must be consumed; no
 * sign, blank or exponent is accepted where it makes no sense. All return 0,
 * -EINVAL (not of that form) or -ERANGE (outside min..max); *out is written
 * only on success.
 */
#ifndef PF_LIB_BASE_PARSE_H
#define PF_LIB_BASE_PARSE_H

#include <stdint.h>

/* Decimal digits only. */
int pf_parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out);

/* Decimal number with an optional fraction: "1", "0.5", ".5". No inf, nan, hex. */
int pf_parse_double(const char *s, double min, double max, double *out);

/* Seconds: a decimal number with an optional unit ms, s (default), m, h or d. */
int pf_parse_duration(const char *s, double min_s, double max_s, double *out_s);

/*
 * Bytes: a decimal number with an optional unit B, K, KB, KiB, M, MB, MiB, G,
 * GB, GiB, T, TB, TiB (any case). Every unit is a power of 1024, as everywhere
 * in this project.
 */
int pf_parse_size(const char *s, uint64_t min, uint64_t max, uint64_t *out_bytes);

/*
 * The entry of a NULL-terminated list of words that is nearest to s, or NULL
 * when none is near enough to be what was meant. For "did you mean".
 */
const char *pf_nearest(const char *s, const char *const *words);

#endif
