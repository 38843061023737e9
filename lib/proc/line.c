/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads small files whole; keeps none open. */
#include "lib/proc/line.h"

#include <errno.h>
#include <string.h>

#include "lib/proc/scan.h"

#define FILE_MAX 65536

static int copy(struct pf_span s, char *dst, size_t size)
{
	size_t len = pf_span_len(s);

	if (len >= size)
		len = size - 1;
	memcpy(dst, s.p, len);
	dst[len] = '\0';
	return 0;
}

int pf_proc_line(const char *root, const char *path, char *dst, size_t size)
{
	struct pf_readbuf buf = { 0 };
	ssize_t n = pf_readbuf__below(&buf, root, path, FILE_MAX);
	struct pf_span rest = pf_span_of(buf.data, n > 0 ? (size_t)n : 0), line = rest;

	*dst = '\0';
	if (n > 0) {
		pf_span_line(&rest, &line);
		copy(line, dst, size);
	}
	pf_readbuf__free(&buf);
	return n < 0 ? (int)n : 0;
}

int pf_proc_number(const char *root, const char *path, int64_t *out)
{
	char line[64];
	struct pf_span s;
	int64_t value;
	int ret = pf_proc_line(root, path, line, sizeof(line));

	if (ret)
		return ret;
	s = pf_span_of(line, strlen(line));
	if (!pf_span_i64(&s, &value) || pf_span_len(s))
		return -EBADMSG;
	*out = value;
	return 0;
}

int pf_proc_choice(const char *root, const char *path, char *dst, size_t size)
{
	char line[256];
	struct pf_span rest, word;
	int ret = pf_proc_line(root, path, line, sizeof(line));

	*dst = '\0';
	if (ret)
		return ret;
	rest = pf_span_of(line, strlen(line));
	if (pf_span_until(&rest, '[', &word) && pf_span_until(&rest, ']', &word))
		return copy(word, dst, size);
	return -EBADMSG;
}
