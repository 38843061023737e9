/* SPDX-License-Identifier: BSD-2-Clause */
/* The file a process runs, by its link in /proc. Only its name: nothing is opened. */
#ifndef PF_LIB_PROC_EXE_H
#define PF_LIB_PROC_EXE_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Base name of root_fd/pid/exe, " (deleted)" taken off; raw bytes. Returns its
 * length, or -errno: -EACCES (another user's process), -ENOENT or -ESRCH (a
 * kernel thread, a zombie, or gone), -ENAMETOOLONG (the name does not fit). dst
 * is "" on failure.
 */
int pf_proc_exe(int root_fd, pid_t pid, char *dst, size_t size);

#endif
