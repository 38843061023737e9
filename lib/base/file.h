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

/*
 * The same for a file that only we write, as pf_file_lock makes sure: the temporary file is
 * path.new, and what a run that was killed has left of it goes first.
 */
int pf_file_replace_locked(const char *path, const void *data, size_t len, mode_t mode,
			   struct pf_error *err);

/*
 * Append all of a regular file to out. Refuses what replacing it would refuse, and more than max
 * bytes (-EFBIG). 0 or -errno with *err filled; -ENOENT: there is none, and nothing in *err.
 */
struct pf_strbuf;
int pf_file_read(const char *path, size_t max, struct pf_strbuf *out, struct pf_error *err);

/*
 * Be the only one to use path, until the descriptor that this returns is closed or we end, however
 * that happens; path.lock is made for it and stays. -errno with *err filled: -EBUSY names who has
 * it. Not inherited by children.
 */
int pf_file_lock(const char *path, struct pf_error *err);

/* Give it the name path + suffix, in place of what has that. 0 or -errno with *err filled. */
int pf_file_set_aside(const char *path, const char *suffix, struct pf_error *err);

/* A file in its directory could be made and removed now, as pf_file_replace does. */
bool pf_file_can_replace(const char *path);

/* Both name one regular file. */
bool pf_file_same(const char *a, const char *b);

#endif
