/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way out: buffers to streams. Refuses to lose bytes: what a signal or a
 * full non-blocking pipe interrupts is gone on with, unless somebody is in a
 * hurry and the reader does not move.
 */
#include "lib/report/report.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/base/parse.h"
#include "lib/base/strbuf.h"

#define DEFAULT_COLUMNS 80

/* In a hurry: how long a reader may take for a piece that a pipe takes at once when it has room. */
#define HURRY_MS    2000
#define HURRY_BYTES 512 /* POSIX: no pipe's PIPE_BUF is smaller */

static int wait_writable(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int n = poll(&p, 1, timeout_ms);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	return n == 0 ? -EINTR : 0;
}

/* stdio would drop its buffer on EINTR and EAGAIN, so this goes past it. */
static int write_fd(int fd, const char *data, size_t len, bool (*hurry)(void))
{
	while (len > 0) {
		bool now = hurry && hurry();
		int rc = now ? wait_writable(fd, HURRY_MS) : 0;
		ssize_t n;

		if (rc)
			return rc;
		n = write(fd, data, now && len > HURRY_BYTES ? HURRY_BYTES : len);
		if (n < 0 && errno == EAGAIN)
			rc = wait_writable(fd, -1);
		else if (n < 0 && errno != EINTR)
			rc = -errno;
		if (rc)
			return rc;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* For streams without a descriptor, as open_memstream makes them. */
static int write_stream(FILE *f, const char *data, size_t len)
{
	if (fwrite(data, 1, len, f) != len || fflush(f))
		return errno ? -errno : -EIO;
	return 0;
}

static int write_out(FILE *f, const char *data, size_t len, bool (*hurry)(void))
{
	int fd = fileno(f);

	if (len == 0)
		return 0;
	errno = 0;
	if (fd < 0)
		return write_stream(f, data, len);
	if (fflush(f))
		return errno ? -errno : -EIO;
	return write_fd(fd, data, len, hurry);
}

int pf_report_flush(struct pf_strbuf *buf, FILE *f, bool (*hurry)(void))
{
	int rc = buf->failed ? -ENOMEM : write_out(f, buf->data, buf->len, hurry);

	pf_strbuf_reset(buf);
	return rc;
}

size_t pf_terminal_columns(int fd)
{
	struct winsize size = { 0 };
	uint64_t columns;

	if (!isatty(fd))
		return 0;
	if (pf_parse_u64(getenv("COLUMNS"), 1, UINT16_MAX, &columns) == 0)
		return (size_t)columns;
	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return DEFAULT_COLUMNS;
}
