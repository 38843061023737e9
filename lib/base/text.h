/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of other processes are hostile: these make them safe to show. All
 * write at most size bytes with the NUL, never split a character, and return
 * dst.
 */
#ifndef PF_LIB_BASE_TEXT_H
#define PF_LIB_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* The longest escape or replacement one input byte can become. */
#define PF_TEXT_GROWTH 4

/* Invalid UTF-8 becomes U+FFFD; everything else stays as it is. */
char *pf_text_utf8(char *dst, size_t size, const char *src);

/*
 * For terminals and logs: invalid UTF-8 becomes U+FFFD, control characters
 * (C0, DEL, C1, bidirectional overrides, line separators) become \xHH or
 * \uHHHH, newline, tab and return \n \t \r, and a backslash \\.
 */
char *pf_text_printable(char *dst, size_t size, const char *src);

/*
 * For formats that have their own escapes, as metrics labels: as above, but
 * newline and backslash stay. Doing it twice changes nothing, so the result is
 * what rows can be merged by.
 */
char *pf_text_label(char *dst, size_t size, const char *src);

/* Columns a terminal uses for a printable UTF-8 string, by the C library's wcwidth. */
size_t pf_text_width(const char *utf8);

/*
 * Cut a printable UTF-8 string to at most `columns`; the last one becomes '+'
 * when cut. dst may be utf8 itself.
 */
char *pf_text_fit(char *dst, size_t size, const char *utf8, size_t columns);

/* Shell-style pattern (fnmatch) against a process name. */
bool pf_text_glob(const char *pattern, const char *name);

#endif
