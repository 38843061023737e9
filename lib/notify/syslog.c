/* SPDX-License-Identifier: BSD-2-Clause */
/* A datagram per line, in the form that loggers take from local programs; see the header. */
#include "lib/notify/syslog.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "lib/notify/channel.h"

#define LINE_MAX_BYTES 2048

void pf_syslog_init(struct pf_syslog *s, const struct pf_channel *c)
{
	s->path = c->socket ? c->socket : "/dev/log";
	s->facility = c->facility ? pf_syslog_facility(c->facility) : LOG_DAEMON;
	s->fd = -1;
}

void pf_syslog_close(struct pf_syslog *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static int open_socket(struct pf_syslog *s)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return -errno;
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", s->path);
	if (!connect(s->fd, (const struct sockaddr *)&to, sizeof(to)))
		return 0;
	return -errno;
}

/* "<27>Mar  8 20:25:00 pfleak[123]: ...": English months, whatever the locale. */
static size_t format(char *dst, size_t size, int priority, const char *line)
{
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t now = time(NULL);
	struct tm tm = { 0 };
	int len;

	localtime_r(&now, &tm);
	len = snprintf(dst, size, "<%d>%s %2d %02d:%02d:%02d pfleak[%d]: %s", priority,
		       months[tm.tm_mon], tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, getpid(),
		       line);
	return len < 0 ? 0 : (size_t)len < size ? (size_t)len : size - 1;
}

int pf_syslog_send(struct pf_syslog *s, int priority, const char *line)
{
	char text[LINE_MAX_BYTES];
	size_t len = format(text, sizeof(text), s->facility | priority, line);
	int ret = 0;

	/* Once more with a new socket: the logger may have been started again. */
	for (int attempt = 0; attempt < 2; attempt++) {
		ret = s->fd < 0 ? open_socket(s) : 0;
		if (!ret && send(s->fd, text, len, MSG_NOSIGNAL) < 0)
			ret = -errno;
		if (!ret || ret == -EAGAIN)
			return ret;
		pf_syslog_close(s);
	}
	return ret;
}
