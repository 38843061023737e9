/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of cgroups by the kernel's ids: /proc/PID/cgroup is read once per
 * cgroup, not once per process. Bounded, and nothing wrong is kept: see
 * pf_cgroups__name().
 */
#ifndef PF_LIB_PROC_CGROUP_H
#define PF_LIB_PROC_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pf_cgroups;

#define PF_CGROUPS_DEFAULT 8192

struct pf_cgroup_name {
	const char *path;
	const char *container; /* NULL = none, or the path does not say; so are the next */
	const char *runtime;
	const char *pod;
};

/*
 * root = "/proc" or a directory like it. At most max_entries names are held
 * (0 = PF_CGROUPS_DEFAULT). NULL with errno set.
 */
struct pf_cgroups *pf_cgroups__new(const char *root, size_t max_entries);
void pf_cgroups__free(struct pf_cgroups *c);

/*
 * The name of the cgroup with kernel ids key1 (v2 hierarchy) and key2 (v1
 * memory hierarchy; 0 = none), of which process pid is, or was a moment ago, a
 * member. Both 0 (ids not known): pid's file is read each time, and its path
 * is the key.
 *
 * The process may have moved or gone since the ids were taken. Where the
 * hierarchy is mounted, the path read is checked against the id (a cgroup's id
 * is its directory's inode number); an answer that fails is not kept, so that
 * the next member can name the cgroup.
 *
 * NULL: no member could be asked, or more than max_entries cgroups are in use
 * in this interval (counted, see below). A name is valid until the next
 * pf_cgroups__sweep().
 */
const struct pf_cgroup_name *pf_cgroups__name(struct pf_cgroups *c, uint64_t key1, uint64_t key2,
					      pid_t pid);

/* An interval is over: names not asked for from now on may make room for others. */
void pf_cgroups__sweep(struct pf_cgroups *c);

struct pf_cgroups_stats {
	uint64_t reads;	   /* files read */
	uint64_t gone;	   /* ... whose process was gone or hidden */
	uint64_t moved;	   /* ... whose path was not the cgroup asked for */
	uint64_t overflow; /* not named because the table was full */
	size_t entries;
};

void pf_cgroups__stats(const struct pf_cgroups *c, struct pf_cgroups_stats *out);

/*
 * Has v1's memory controller a hierarchy of its own, as this process's cgroup
 * file tells? Then that is where containers show, and key2 is worth asking the
 * kernel for. False when the file cannot be read.
 */
bool pf_cgroup_memory_apart(const char *proc_root);

#endif
