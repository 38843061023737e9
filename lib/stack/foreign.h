/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening files that strangers chose: perf maps in a process's own root, and
 * separate debug files. Only regular files, never through a link of theirs,
 * never waiting.
 */
#ifndef PF_LIB_STACK_FOREIGN_H
#define PF_LIB_STACK_FOREIGN_H

#include <stdint.h>
#include <sys/types.h>

struct pf_build_id;

/*
 * /tmp/perf-NSPID.map as process `pid` sees it: its user's or root's, or
 * -EPERM. A descriptor or -errno: -ENOENT none, -ELOOP a link, -EINVAL no
 * regular file.
 */
int pf_foreign_perfmap(const char *proc_root, int64_t pid, int64_t nspid, uid_t uid);

/*
 * What stands under a path that the kernel gave for a mapping, in the root of
 * process `pid`: such a path has no links in it. A descriptor or -errno: -ELOOP
 * a link, -EINVAL no regular file, -ENOSYS before 5.6.
 */
int pf_foreign_file(const char *proc_root, int64_t pid, const char *path);

/* The memory of process `pid`, to be read. Stays the one it is now, whatever the process runs later;
 * keeps nothing of it alive. Takes CAP_SYS_PTRACE for other users' processes. A descriptor or
 * -errno. */
int pf_foreign_memory(const char *proc_root, int64_t pid);

/* DIR/.build-id/xx/yyyy.debug; DIR is the machine's own, hence trusted. A descriptor or -errno. */
int pf_foreign_debug(const char *debug_root, const struct pf_build_id *id);

/* Hexadecimal, of 2 x PF_BUILD_ID_MAX characters at most; "" for none. Returns dst. */
char *pf_build_id_hex(char *dst, size_t size, const struct pf_build_id *id);

#endif
