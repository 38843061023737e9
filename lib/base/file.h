/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files we write. Never through a symbolic link, never over somebody else's
 * file in a world-writable directory, mode 0600 unless asked otherwise.
 */
#ifndef PF_LIB_BASE_FILE_H
#define PF_LIB_BASE_FILE_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

struct pf_error;

/* Open for appending, created with `mode`. NULL on failure with *err filled. */
FILE *pf_file_append(const char *path, mode_t mode, struct pf_error *err);

/*
 * Replace path by `len` bytes in one step: written to a temporary file in the
 * same directory, flushed to disk, renamed. On failure the old file stays and
 * the temporary one is gone. Returns 0 or -errno with *err filled.
 */
int pf_file_replace(const char *path, const void *data, size_t len, mode_t mode,
		    struct pf_error *err);

/* A file in its directory could be made and removed now, as pf_file_replace does. */
bool pf_file_can_replace(const char *path);

/* Both name one regular file. */
bool pf_file_same(const char *a, const char *b);

#endif
