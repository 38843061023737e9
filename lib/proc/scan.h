/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading small kernel text files: bounded reads into one reused buffer, and
 * spans to take them apart without copying. Everything in these files is
 * foreign: no function here looks past a span's end or trusts a number.
 */
#ifndef PF_LIB_PROC_SCAN_H
#define PF_LIB_PROC_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Text from p up to, not including, end; never NUL-terminated. */
struct pf_span {
	const char *p;
	const char *end;
};

static inline struct pf_span pf_span_of(const char *buf, size_t len)
{
	return len ? (struct pf_span){ buf, buf + len } : (struct pf_span){ "", "" };
}

static inline size_t pf_span_len(struct pf_span s)
{
	return (size_t)(s.end - s.p);
}

/* Take the next line (without its newline), or the next word between blanks, from the front of
 * *rest. False when there is none; *out is then unchanged. */
bool pf_span_line(struct pf_span *rest, struct pf_span *out);
bool pf_span_word(struct pf_span *rest, struct pf_span *out);

/* Take everything up to `sep`, and the separator. Without one, nothing is taken: false. */
bool pf_span_until(struct pf_span *rest, char sep, struct pf_span *out);

/* Take `prefix`, or a final `suffix`, if it is there. */
bool pf_span_skip(struct pf_span *rest, const char *prefix);
bool pf_span_chop(struct pf_span *s, const char *suffix);

bool pf_span_is(struct pf_span s, const char *text);

/*
 * Skip blanks and take a decimal number (with an optional '-' for the signed
 * one). False, and nothing is taken, where no number is or it does not fit.
 */
bool pf_span_u64(struct pf_span *rest, uint64_t *out);
bool pf_span_i64(struct pf_span *rest, int64_t *out);

/* As pf_span_u64, but a value above INT64_MAX becomes INT64_MAX. */
bool pf_span_count(struct pf_span *rest, int64_t *out);

/* Kernel kilobytes or pages to bytes, held at INT64_MAX. Negative counts are 0. */
int64_t pf_scale_bytes(int64_t count, int64_t unit);

/* A buffer that is reused from file to file; zeroed = empty. */
struct pf_readbuf {
	char *data;
	size_t cap;
};

/*
 * Read dirfd/path whole. Returns its length (data[length] is NUL), or -errno:
 * -EFBIG when the file is longer than max bytes, -ENOMEM. The buffer grows up
 * to max + 2. pf_readbuf__record takes what one read(2) gives, which is all of
 * a file that the kernel makes as a single record (stat, status, cgroup,
 * meminfo); pf_readbuf__file reads on to the end (mountinfo); pf_readbuf__below
 * takes a record below a directory that is given by its name.
 */
ssize_t pf_readbuf__record(struct pf_readbuf *b, int dirfd, const char *path, size_t max);
ssize_t pf_readbuf__file(struct pf_readbuf *b, int dirfd, const char *path, size_t max);
ssize_t pf_readbuf__below(struct pf_readbuf *b, const char *root, const char *path, size_t max);
void pf_readbuf__free(struct pf_readbuf *b);

#endif
