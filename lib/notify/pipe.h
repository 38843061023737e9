/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines through a pipe that must not make anybody wait: both ends of the way
 * to pf-notify. Descriptors are the caller's and non-blocking.
 */
#ifndef PF_LIB_NOTIFY_PIPE_H
#define PF_LIB_NOTIFY_PIPE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/strbuf.h"

struct pf_pipe_in {
	int fd;
	size_t line_max;      /* longer lines are not handed out */
	struct pf_strbuf buf; /* a line that is not whole yet */
	bool skipping;	      /* the rest of one that is too long */
};

/* Of each whole line, without its newline; line NULL = one that was too long. */
typedef void (*pf_pipe_line_fn)(void *ctx, const char *line, size_t len);

/*
 * Read what is there, at most a few pipes full. 0 = no more for now, 1 = the
 * other end is closed, -errno.
 */
int pf_pipe_in_read(struct pf_pipe_in *p, pf_pipe_line_fn fn, void *ctx);
void pf_pipe_in_free(struct pf_pipe_in *p);

struct pf_pipe_out {
	int fd;
	struct pf_strbuf buf; /* append whole lines */
	size_t sent;	      /* bytes of buf that are out */
};

/* Bytes that wait. */
static inline size_t pf_pipe_out_waiting(const struct pf_pipe_out *p)
{
	return p->buf.len - p->sent;
}

/* Write what the pipe takes. 0, or -errno (-EPIPE: the other end is closed). */
int pf_pipe_out_flush(struct pf_pipe_out *p);
void pf_pipe_out_free(struct pf_pipe_out *p);

#endif
