/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages for people, on stderr, prefixed with the program's name. Data goes
 * to stdout and never through here. The level is the one piece of process-wide
 * state: libbpf's print callback has no context to carry it.
 */
#ifndef PF_LIB_BASE_LOG_H
#define PF_LIB_BASE_LOG_H

#include <stdarg.h>

enum pf_log_level {
	PF_LOG_ERROR, /* the run fails */
	PF_LOG_WARN,  /* the run goes on, with less: always shown */
	PF_LOG_INFO,  /* -v */
	PF_LOG_DEBUG, /* -vv */
};

void pf_log_set_level(enum pf_log_level max);
enum pf_log_level pf_log_level(void);

/* One line; control characters in it are escaped, so names are safe. */
void pf_log(enum pf_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void pf_vlog(enum pf_log_level level, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

#define pf_err(...)   pf_log(PF_LOG_ERROR, __VA_ARGS__)
#define pf_warn(...)  pf_log(PF_LOG_WARN, __VA_ARGS__)
#define pf_info(...)  pf_log(PF_LOG_INFO, __VA_ARGS__)
#define pf_debug(...) pf_log(PF_LOG_DEBUG, __VA_ARGS__)

#endif
