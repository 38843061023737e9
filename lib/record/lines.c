/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One buffer, filled by read() or by inflate(), cut at newlines. The buffer
 * grows to the longest accepted line and no further: a longer one is dropped
 * piece by piece while it streams past.
 */
#include "lib/record/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "lib/base/error.h"

#define CHUNK (32 * 1024)

struct pf_lines {
	char *path;
	int fd;
	size_t max;
	uint64_t number;

	bool started; /* the first bytes told plain from gzip */
	bool gzip;
	bool in_member; /* gzip: between a member's header and its trailer */
	bool ended;
	bool dropping;	/* inside a line that is too long */
	uint64_t whole; /* number of the last line that had its newline */
	int broken;	/* errno that ended the input, and why: */
	const char *why;

	z_stream z;
	unsigned char in[CHUNK]; /* gzip: compressed bytes */

	char *buf; /* bytes start..end hold what was not returned yet */
	size_t cap;
	size_t start;
	size_t end;
	size_t seen; /* there is no newline between start and seen */
};

static int open_input(const char *path)
{
	struct stat st;
	int fd;

	if (strcmp(path, "-") == 0)
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	else
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		close(fd);
		errno = EISDIR;
		return -1;
	}
	return fd;
}

struct pf_lines *pf_lines__open(const char *path, size_t max, struct pf_error *err)
{
	struct pf_lines *l = calloc(1, sizeof(*l));

	if (l) {
		l->fd = -1;
		l->max = max;
		l->path = strdup(path);
	}
	if (!l || !l->path || inflateInit2(&l->z, 15 + 16) != Z_OK) {
		pf_fail(err, ENOMEM, "cannot read '%s': out of memory", path);
		pf_lines__close(l);
		return NULL;
	}
	l->fd = open_input(path);
	if (l->fd < 0) {
		pf_fail(err, errno, "cannot open '%s' for reading: %s", path, strerror(errno));
		pf_lines__close(l);
		return NULL;
	}
	return l;
}

void pf_lines__close(struct pf_lines *l)
{
	if (!l)
		return;
	if (l->fd >= 0)
		close(l->fd);
	inflateEnd(&l->z);
	free(l->buf);
	free(l->path);
	free(l);
}

uint64_t pf_lines__number(const struct pf_lines *l)
{
	return l->number;
}

/* Space for at least CHUNK more bytes behind l->end. */
static int make_room(struct pf_lines *l)
{
	size_t cap;
	char *buf;

	if (l->start > 0) {
		memmove(l->buf, l->buf + l->start, l->end - l->start);
		l->end -= l->start;
		l->seen -= l->start;
		l->start = 0;
	}
	if (l->cap - l->end >= CHUNK)
		return 0;
	cap = l->cap ? l->cap * 2 : 2 * CHUNK;
	buf = realloc(l->buf, cap);
	if (!buf)
		return -ENOMEM;
	l->buf = buf;
	l->cap = cap;
	return 0;
}

static ssize_t read_some(struct pf_lines *l, void *dst, size_t size)
{
	ssize_t n = read(l->fd, dst, size);

	return n < 0 ? -errno : n;
}

/* Look at the first two bytes, which a pipe may deliver one by one. */
static int start(struct pf_lines *l)
{
	while (l->z.avail_in < 2) {
		ssize_t n = read_some(l, l->in + l->z.avail_in, sizeof(l->in) - l->z.avail_in);

		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		l->z.avail_in += (unsigned int)n;
	}
	l->z.next_in = l->in;
	l->started = true;
	l->gzip = l->z.avail_in >= 2 && l->in[0] == 0x1f && l->in[1] == 0x8b;
	l->in_member = l->gzip;
	if (!l->gzip) {
		memcpy(l->buf + l->end, l->in, l->z.avail_in);
		l->end += l->z.avail_in;
		l->ended = l->z.avail_in == 0;
	}
	return 0;
}

static int fill_plain(struct pf_lines *l)
{
	ssize_t n = read_some(l, l->buf + l->end, l->cap - l->end);

	if (n < 0)
		return (int)n;
	l->end += (size_t)n;
	l->ended = n == 0;
	return 0;
}

/* Remembered now, put in words when the lines before it have been returned. */
static int bad_gzip(struct pf_lines *l, const char *what)
{
	l->why = what;
	return -EBADMSG;
}

/* Between members: gzip files may be concatenated, tapes pad them with zeros. */
static void next_member(struct pf_lines *l)
{
	while (l->z.avail_in > 0 && *l->z.next_in == 0) {
		l->z.next_in++;
		l->z.avail_in--;
	}
	if (l->z.avail_in > 0) {
		inflateReset(&l->z);
		l->in_member = true;
	}
}

static int refill_gzip(struct pf_lines *l)
{
	ssize_t n = read_some(l, l->in, sizeof(l->in));

	if (n < 0)
		return (int)n;
	if (n == 0 && l->in_member)
		return bad_gzip(l, "truncated gzip");
	l->ended = n == 0;
	l->z.next_in = l->in;
	l->z.avail_in = (unsigned int)n;
	return 0;
}

static int fill_gzip(struct pf_lines *l)
{
	size_t room = l->cap - l->end;
	int rc;

	if (l->z.avail_in == 0) {
		rc = refill_gzip(l);
		if (rc || l->ended)
			return rc;
	}
	if (!l->in_member) {
		next_member(l);
		return 0;
	}
	l->z.next_out = (unsigned char *)l->buf + l->end;
	l->z.avail_out = (unsigned int)room;
	rc = inflate(&l->z, Z_NO_FLUSH);
	l->end += room - l->z.avail_out;
	if (rc == Z_STREAM_END)
		l->in_member = false;
	else if (rc == Z_MEM_ERROR)
		return -ENOMEM;
	else if (rc != Z_OK && rc != Z_BUF_ERROR)
		return bad_gzip(l, "damaged gzip");
	return 0;
}

static int fill(struct pf_lines *l)
{
	int rc = make_room(l);

	if (rc)
		return rc;
	if (!l->started)
		return start(l);
	return l->gzip ? fill_gzip(l) : fill_plain(l);
}

/* The bytes up to `end`, as a line; the byte at `end` is its newline, if it has one. */
static int cut(struct pf_lines *l, size_t end, int kind, const char **line, size_t *len)
{
	bool whole = kind == PF_LINE_WHOLE;

	*len = end - l->start;
	*line = l->buf + l->start;
	if (l->dropping || *len > l->max) {
		kind = PF_LINE_LONG;
		*line = NULL;
		*len = 0;
	}
	l->dropping = false;
	l->start = l->seen = end < l->end ? end + 1 : end;
	l->number++;
	if (whole)
		l->whole = l->number;
	return kind;
}

static int report_break(const struct pf_lines *l, struct pf_error *err)
{
	return pf_fail(err, l->broken, "cannot read '%s' any further: %s after line %llu", l->path,
		       l->why ? l->why : strerror(l->broken), (unsigned long long)l->whole);
}

/* What to return once the input has no more bytes. */
static int at_end(struct pf_lines *l, const char **line, size_t *len, struct pf_error *err)
{
	if (l->end > l->start || l->dropping)
		return cut(l, l->end, PF_LINE_PARTIAL, line, len);
	return l->broken ? report_break(l, err) : PF_LINE_END;
}

int pf_lines__next(struct pf_lines *l, const char **line, size_t *len, struct pf_error *err)
{
	*line = NULL;
	*len = 0;
	for (;;) {
		char *newline = NULL;
		int rc;

		if (l->end > l->seen)
			newline = memchr(l->buf + l->seen, '\n', l->end - l->seen);
		if (newline)
			return cut(l, (size_t)(newline - l->buf), PF_LINE_WHOLE, line, len);
		l->seen = l->end;
		if (l->end - l->start > l->max) {
			l->dropping = true;
			l->start = l->seen = l->end = 0;
		}
		if (l->ended || l->broken)
			return at_end(l, line, len, err);
		rc = fill(l);
		if (rc == -EINTR)
			return pf_fail(err, EINTR, "interrupted");
		if (rc)
			l->broken = -rc;
	}
}
