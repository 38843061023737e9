/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What failed, in words, on its way from a library function to the one place
 * in a tool that reports it. Nothing in lib/ prints an error: it fills one.
 */
#ifndef PF_LIB_BASE_ERROR_H
#define PF_LIB_BASE_ERROR_H

struct pf_error {
	int code;	/* positive errno value, 0 = nothing happened */
	char text[400]; /* one sentence without newline: what, why, what to try */
};

/*
 * Fill *err (may be NULL) from a printf format and return -code. The first
 * failure wins: an error that is already set keeps its text.
 */
int pf_fail(struct pf_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
