/* SPDX-License-Identifier: BSD-2-Clause */
/* Which system calls remain for whoever reads foreign files. */
#ifndef PF_LIBEXEC_SYMBOLIZE_FILTER_H
#define PF_LIBEXEC_SYMBOLIZE_FILTER_H

/*
 * From here on only: memory that is not code, reading files that are open,
 * answering, ending. All other calls fail with EPERM, so that a library that
 * tries one goes on without. 0 or -errno.
 */
int filter_calls(void);

#endif
