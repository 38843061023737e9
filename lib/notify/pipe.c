/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines in, lines out, nobody waits; see the header. */
#include "lib/notify/pipe.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define CHUNK	   (16 << 10)
#define CHUNKS_MAX 64 /* per call: a sender without end must not hold us */

/* From here on the line is too long: forget it, and what is to come of it. */
static void skip_line(struct pf_pipe_in *p, pf_pipe_line_fn fn, void *ctx)
{
	pf_strbuf_reset(&p->buf);
	p->skipping = true;
	fn(ctx, NULL, 0);
}

static void end_line(struct pf_pipe_in *p, pf_pipe_line_fn fn, void *ctx)
{
	if (p->buf.failed)
		fn(ctx, NULL, 0);
	else if (!p->skipping)
		fn(ctx, p->buf.len ? p->buf.data : "", p->buf.len);
	p->skipping = false;
	pf_strbuf_reset(&p->buf);
}

static void take(struct pf_pipe_in *p, const char *data, size_t len, pf_pipe_line_fn fn, void *ctx)
{
	while (len) {
		const char *end = memchr(data, '\n', len);
		size_t part = end ? (size_t)(end - data) : len;

		if (!p->skipping && p->buf.len + part > p->line_max)
			skip_line(p, fn, ctx);
		if (!p->skipping)
			pf_strbuf_addmem(&p->buf, data, part);
		if (!end)
			return;
		end_line(p, fn, ctx);
		data = end + 1;
		len -= part + 1;
	}
}

int pf_pipe_in_read(struct pf_pipe_in *p, pf_pipe_line_fn fn, void *ctx)
{
	char chunk[CHUNK];

	for (int i = 0; i < CHUNKS_MAX; i++) {
		ssize_t n = read(p->fd, chunk, sizeof(chunk));

		if (n == 0)
			return 1;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		take(p, chunk, (size_t)n, fn, ctx);
	}
	return 0;
}

void pf_pipe_in_free(struct pf_pipe_in *p)
{
	pf_strbuf_free(&p->buf);
}

int pf_pipe_out_flush(struct pf_pipe_out *p)
{
	while (pf_pipe_out_waiting(p)) {
		ssize_t n = write(p->fd, p->buf.data + p->sent, pf_pipe_out_waiting(p));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		p->sent += (size_t)n;
	}
	/* What was sent may have held secrets, and a burst is no reason to stay big. */
	if (p->buf.data)
		explicit_bzero(p->buf.data, p->buf.len);
	pf_strbuf_free(&p->buf);
	p->sent = 0;
	return 0;
}

void pf_pipe_out_free(struct pf_pipe_out *p)
{
	if (p->buf.data)
		explicit_bzero(p->buf.data, p->buf.len);
	pf_strbuf_free(&p->buf);
	p->sent = 0;
}
