/* SPDX-License-Identifier: BSD-2-Clause */
/* May somebody else change what a file says? Then it had better not name programs, or be one. */
#ifndef PF_LIB_BASE_TRUST_H
#define PF_LIB_BASE_TRUST_H

#include <sys/types.h>

struct pf_error;

/*
 * fd is open on path (O_PATH will do). 0 when only root and the user `owner` can change the file or
 * lead the path to another: every directory and every symbolic link on the way is looked at, not
 * only what they lead to. Else -EPERM (or another -errno) with *err saying who can, and where.
 * A pipe has no place, and what is given as a descriptor (path NULL) neither: only its owner and
 * mode count.
 */
int pf_trust_check(int fd, const char *path, uid_t owner, struct pf_error *err);

#endif
