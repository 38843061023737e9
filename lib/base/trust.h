/* SPDX-License-Identifier: BSD-2-Clause */
/* May somebody else change what a file says? Then it had better not name programs to run. */
#ifndef PF_LIB_BASE_TRUST_H
#define PF_LIB_BASE_TRUST_H

struct pf_error;

/*
 * fd is open on path. 0 when only root and we can change the file or put another in its place;
 * else -EPERM (or another -errno) with *err saying who can. A pipe has no place: only its owner
 * and mode count.
 */
int pf_trust_check(int fd, const char *path, struct pf_error *err);

#endif
