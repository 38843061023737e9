/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong with a rule's condition, and which part of it. */
#ifndef PF_LIB_LEAK_RULE_ERROR_H
#define PF_LIB_LEAK_RULE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct pf_rule_error {
	size_t at; /* bytes into the condition */
	size_t len;
	bool unknown;	/* it is a name that nobody knows: what stands around it may be sound */
	char text[400]; /* one line; holds pieces of the condition as they are */
};

/* Fill *err (may be NULL) and return -EINVAL. */
int pf_rule_refuse(struct pf_rule_error *err, size_t at, size_t len, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
int pf_rule_vrefuse(struct pf_rule_error *err, size_t at, size_t len, const char *fmt, va_list ap)
	__attribute__((format(printf, 4, 0)));

#endif
