/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of one line, as /proc/sys and /sys have them, under a settable root. */
#ifndef PF_LIB_PROC_LINE_H
#define PF_LIB_PROC_LINE_H

#include <stddef.h>
#include <stdint.h>

/* The first line of root/path without its newline, as much as fits. 0, or -errno with dst "". */
int pf_proc_line(const char *root, const char *path, char *dst, size_t size);

/* A line that is a whole number. 0, or -errno: -EBADMSG where it is none. */
int pf_proc_number(const char *root, const char *path, int64_t *out);

/* The word in brackets of a line that offers several ("always [madvise] never"). 0 or -errno. */
int pf_proc_choice(const char *root, const char *path, char *dst, size_t size);

#endif
