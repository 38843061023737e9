/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bounded reads of kernel text files and the spans that take them apart. Knows
 * no file's format, keeps no descriptor open.
 */
#include "lib/proc/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

#define FIRST_CAP 4096

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool pf_span_line(struct pf_span *rest, struct pf_span *out)
{
	if (rest->p == rest->end)
		return false;
	if (pf_span_until(rest, '\n', out))
		return true;
	*out = *rest;
	rest->p = rest->end;
	return true;
}

bool pf_span_word(struct pf_span *rest, struct pf_span *out)
{
	const char *p = rest->p;
	const char *start;

	while (p < rest->end && is_blank(*p))
		p++;
	if (p == rest->end)
		return false;
	start = p;
	while (p < rest->end && !is_blank(*p))
		p++;
	*out = (struct pf_span){ start, p };
	rest->p = p;
	return true;
}

bool pf_span_until(struct pf_span *rest, char sep, struct pf_span *out)
{
	size_t len = pf_span_len(*rest);
	const char *at = len ? memchr(rest->p, sep, len) : NULL;

	if (!at)
		return false;
	*out = (struct pf_span){ rest->p, at };
	rest->p = at + 1;
	return true;
}

bool pf_span_skip(struct pf_span *rest, const char *prefix)
{
	size_t len = strlen(prefix);

	if (pf_span_len(*rest) < len || memcmp(rest->p, prefix, len) != 0)
		return false;
	rest->p += len;
	return true;
}

bool pf_span_chop(struct pf_span *s, const char *suffix)
{
	size_t len = strlen(suffix);

	if (pf_span_len(*s) < len || memcmp(s->end - len, suffix, len) != 0)
		return false;
	s->end -= len;
	return true;
}

bool pf_span_is(struct pf_span s, const char *text)
{
	size_t len = strlen(text);

	return pf_span_len(s) == len && !memcmp(s.p, text, len);
}

bool pf_span_u64(struct pf_span *rest, uint64_t *out)
{
	const char *p = rest->p;
	uint64_t value = 0;

	while (p < rest->end && is_blank(*p))
		p++;
	if (p == rest->end || !is_digit(*p))
		return false;
	for (; p < rest->end && is_digit(*p); p++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return false;
	}
	*out = value;
	rest->p = p;
	return true;
}

bool pf_span_i64(struct pf_span *rest, int64_t *out)
{
	struct pf_span s = *rest;
	bool negative;
	uint64_t value;

	while (s.p < s.end && is_blank(*s.p))
		s.p++;
	negative = pf_span_skip(&s, "-");
	/* "- 5" is no number */
	if (s.p == s.end || !is_digit(*s.p) || !pf_span_u64(&s, &value) || value > INT64_MAX)
		return false;
	*out = negative ? -(int64_t)value : (int64_t)value;
	*rest = s;
	return true;
}

bool pf_span_count(struct pf_span *rest, int64_t *out)
{
	uint64_t value;

	if (!pf_span_u64(rest, &value))
		return false;
	*out = value > INT64_MAX ? INT64_MAX : (int64_t)value;
	return true;
}

int64_t pf_scale_bytes(int64_t count, int64_t unit)
{
	int64_t bytes;

	if (count < 0)
		return 0;
	return __builtin_mul_overflow(count, unit, &bytes) ? INT64_MAX : bytes;
}

/* Room for at least one more than `used` bytes and the NUL, but for no more than `limit` in all. */
static int grow(struct pf_readbuf *b, size_t used, size_t limit)
{
	size_t cap = b->cap ? b->cap * 2 : FIRST_CAP;
	char *data;

	if (used + 1 >= limit)
		return -EFBIG;
	if (used + 1 < b->cap)
		return 0;
	if (cap > limit)
		cap = limit;
	data = realloc(b->data, cap);
	if (!data)
		return -ENOMEM;
	b->data = data;
	b->cap = cap;
	return 0;
}

static ssize_t read_some(int fd, char *dst, size_t size)
{
	ssize_t n;

	do {
		n = read(fd, dst, size);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* A read that fills the buffer is no sign of the end: there may be more. */
static ssize_t read_fd(struct pf_readbuf *b, int fd, size_t max, bool record)
{
	const size_t limit = max + 2; /* the byte too many that tells, and the NUL */
	size_t len = 0;
	size_t room;
	ssize_t n;
	int err;

	do {
		err = grow(b, len, limit);
		if (err)
			return err;
		room = (b->cap < limit ? b->cap : limit) - 1 - len;
		n = read_some(fd, b->data + len, room);
		if (n < 0)
			return n;
		len += (size_t)n;
	} while (n > 0 && (!record || (size_t)n == room));
	b->data[len] = '\0';
	return (ssize_t)len;
}

static ssize_t read_at(struct pf_readbuf *b, int dirfd, const char *path, size_t max, bool record)
{
	/* O_NONBLOCK: under a root that is no procfs the path may be a FIFO. */
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	return read_fd(b, fd, max, record);
}

ssize_t pf_readbuf__record(struct pf_readbuf *b, int dirfd, const char *path, size_t max)
{
	return read_at(b, dirfd, path, max, true);
}

ssize_t pf_readbuf__file(struct pf_readbuf *b, int dirfd, const char *path, size_t max)
{
	return read_at(b, dirfd, path, max, false);
}

ssize_t pf_readbuf__below(struct pf_readbuf *b, const char *root, const char *path, size_t max)
{
	_cleanup_close_ int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return -errno;
	return pf_readbuf__record(b, dir, path, max);
}

void pf_readbuf__free(struct pf_readbuf *b)
{
	free(b->data);
	*b = (struct pf_readbuf){ 0 };
}
