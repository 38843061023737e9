/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the cgroup hierarchies are mounted, from /proc/self/mountinfo. */
#ifndef PF_LIB_PROC_MOUNTS_H
#define PF_LIB_PROC_MOUNTS_H

#include <limits.h>
#include <stddef.h>

#include "lib/proc/scan.h"

struct pf_cgroup_mount {
	char point[PATH_MAX]; /* "" = not mounted */
	char root[PATH_MAX];  /* the cgroup that shows there, "/" outside containers */
};

struct pf_cgroup_mounts {
	struct pf_cgroup_mount unified; /* cgroup2 */
	struct pf_cgroup_mount memory;	/* v1 with the memory controller */
	struct pf_cgroup_mount systemd; /* v1 name=systemd */
};

/*
 * Lines that are not of the form proc(5) describes, or whose paths are too
 * long, are skipped. Of several mounts of a hierarchy the one that shows most
 * of it (the shortest root) wins, then the last, which hides the others.
 */
void pf_parse_mountinfo(const char *buf, size_t len, struct pf_cgroup_mounts *out);

/* Of this process itself, below the root that proc_fd is. 0, or -errno with *out empty. */
int pf_cgroup_mounts_read(int proc_fd, struct pf_cgroup_mounts *out);

#define PF_CGROUP_DIR_MAX 12288 /* 3 * PATH_MAX */

/*
 * The directory of a cgroup path into dst[PF_CGROUP_DIR_MAX]: prefix + mount
 * point + what of the path is below the mount's root. *base = length of the
 * first two. Returns the whole length, or -errno: -ENOENT (not mounted, or
 * outside of what is), -EINVAL (".." in it: the reader is in a cgroup namespace
 * and the path leaves it), -ENAMETOOLONG.
 */
int pf_cgroup_dir(const struct pf_cgroup_mount *m, const char *prefix, struct pf_span path,
		  char *dst, size_t *base);

#endif
