/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the path of a cgroup tells of containers, pods and units, and which of
 * the lines of /proc/PID/cgroup to believe. Pure: bytes in, names out; no file
 * is opened.
 *
 * What a path does not say is not guessed: the field stays empty.
 */
#ifndef PF_LIB_PROC_CGPATH_H
#define PF_LIB_PROC_CGPATH_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/proc/scan.h"

#define PF_CGROUP_PATH_MAX 4096 /* the kernel's PATH_MAX bounds what it prints */
#define PF_CGROUP_NAME_MAX 256	/* a component, NUL included: NAME_MAX + 1 */

/*
 * runtime: docker, containerd, cri-o, podman, ecs, garden, lxc, systemd-nspawn
 * where the path names it; kubepods where only the pod's directory shows (the
 * cgroupfs driver gives bare ids); systemd for a unit outside any container;
 * "" for a bare container id in an unknown place, and where there is neither.
 *
 * container: the innermost container's id as its runtime prints it, the name
 * for lxc and systemd-nspawn, the unit as systemctl spells it for systemd.
 *
 * pod: uid of the Kubernetes pod around it (or podman's pod id).
 */
struct pf_cgroup_parts {
	char runtime[16];
	char container[PF_CGROUP_NAME_MAX];
	char pod[72];
};

/*
 * Never fails: unknown parts are "", and all are for a path that is longer than
 * PF_CGROUP_PATH_MAX. path need not be NUL-terminated.
 */
void pf_parse_cgroup_path(const char *path, size_t len, struct pf_cgroup_parts *out);

/* Where a process is, by hierarchy; without " (deleted)". p = NULL: no such line. */
struct pf_cgroup_lines {
	struct pf_span unified; /* 0:: */
	struct pf_span memory;	/* v1 memory controller */
	struct pf_span systemd; /* v1 name=systemd */
	struct pf_span other;	/* the deepest of the other v1 hierarchies */
};

/* Of a /proc/PID/cgroup. Borrows from buf. Lines of another form are skipped. */
void pf_parse_cgroup_file(const char *buf, size_t len, struct pf_cgroup_lines *out);

/*
 * The one path that stands for the process: v1 memory's, as memory is what
 * these tools are about, or the unified one's. On hybrid machines not every
 * hierarchy goes as deep as the others, so a path below that one ("/" has all
 * below it) is preferred: 0::, then name=systemd, then the rest. p = NULL when
 * there is no line at all.
 */
struct pf_span pf_cgroup_choose(const struct pf_cgroup_lines *lines);

#endif
