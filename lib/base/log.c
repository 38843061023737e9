/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One message, one line, on stderr. Refuses to pass anything on that a
 * terminal would obey; a message longer than the buffer ends in "...".
 */
#include "lib/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/text.h"

#define MESSAGE_MAX 2048

static enum pf_log_level max_level = PF_LOG_WARN;

void pf_log_set_level(enum pf_log_level max)
{
	max_level = max;
}

enum pf_log_level pf_log_level(void)
{
	return max_level;
}

/* libbpf ends its messages with a newline, we do not: take it off either way. */
static void trim_end(char *s)
{
	size_t len = strlen(s);

	while (len > 0 && (s[len - 1] == '\n' || s[len - 1] == '\r' || s[len - 1] == ' '))
		s[--len] = '\0';
}

void pf_vlog(enum pf_log_level level, const char *fmt, va_list ap)
{
	char safe[MESSAGE_MAX * PF_TEXT_GROWTH];
	char raw[MESSAGE_MAX];
	int saved_errno = errno;
	int len;

	if (level > max_level)
		return;
	len = vsnprintf(raw, sizeof(raw), fmt, ap);
	if (len < 0)
		return;
	if ((size_t)len >= sizeof(raw))
		memcpy(raw + sizeof(raw) - sizeof("..."), "...", sizeof("..."));
	trim_end(raw);
	pf_text_printable(safe, sizeof(safe), raw);
	/* One call, so that lines of two processes on one terminal stay whole. */
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, safe);
	errno = saved_errno;
}

void pf_log(enum pf_log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	pf_vlog(level, fmt, ap);
	va_end(ap);
}
