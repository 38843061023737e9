/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of a plain or gzip file, a pipe or standard input. Data is handed on
 * as it arrives, so a live pipe is not held up until a block is full; that,
 * and telling a truncated file from a damaged one, is why this drives inflate
 * itself instead of calling gzread.
 */
#ifndef PF_LIB_RECORD_LINES_H
#define PF_LIB_RECORD_LINES_H

#include <stddef.h>
#include <stdint.h>

struct pf_error;
struct pf_lines;

enum pf_line {
	PF_LINE_END = 0,
	PF_LINE_WHOLE,
	PF_LINE_LONG,	 /* more than max bytes: thrown away, *line is NULL */
	PF_LINE_PARTIAL, /* the input ended, or broke, before the newline */
};

/* path "-" = standard input. NULL on failure with *err filled. */
struct pf_lines *pf_lines__open(const char *path, size_t max, struct pf_error *err);

/*
 * Next line without its newline, not NUL-terminated, valid until the next
 * call. Returns an enum pf_line, or -errno with *err filled: -EBADMSG for
 * truncated or damaged gzip, -EINTR (call again to go on) when a signal came.
 */
int pf_lines__next(struct pf_lines *l, const char **line, size_t *len, struct pf_error *err);

/* 1-based number of the line last returned; 0 before the first. */
uint64_t pf_lines__number(const struct pf_lines *l);
void pf_lines__close(struct pf_lines *l);

#endif
