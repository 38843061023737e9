/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Samples put together by process, name, cgroup, container or user: what they
 * did in this interval and since the start. Bounded: of those that ended only
 * the busiest are remembered one by one, the rest as a sum.
 */
#ifndef PF_TOOLS_PFSTAT_GROUP_H
#define PF_TOOLS_PFSTAT_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/cli/source.h"
#include "lib/record/sample.h"
#include "tools/pfstat/opts.h"

/* A row of a report. The sample is the process's, or a sum with pid unknown. */
struct pfstat_row {
	struct pf_sample s;
	const char *by;
	const char *name; /* the group's; NULL = a process of its own */
	int64_t processes;
	const char *user; /* name of s.uid */
	bool warn;
};

/* Since the start of the run; counts are PF_UNKNOWN where no sample told. */
struct pfstat_sum {
	int64_t faults;
	int64_t minor;
	int64_t major;
	int64_t user;
	int64_t kernel;
	int64_t anon;
	int64_t file;
	int64_t shmem;
	int64_t swapin;
	int64_t cow;
	int64_t other;
	int64_t read;
	int64_t write;
	int64_t exec;
	int64_t growth_bytes; /* of RSS, while they lived: death does not take it back */
	double seconds;	      /* in how much time */
	int64_t processes;
};

struct pfstat_group {
	struct pfstat_row row; /* valid when active in the last moment */
	struct pfstat_sum sum;
	int64_t rss_bytes; /* at its last moment; PF_UNKNOWN */
	bool active;
	bool ended; /* it was a process, and it died */
};

struct pfstat_groups;

/*
 * users: look up the names of users, which may ask the network. For metrics
 * (-o prom) groups are of equal comm and cgroup. NULL without memory.
 */
struct pfstat_groups *pfstat_groups__new(const struct pfstat_opts *o, bool users);
void pfstat_groups__free(struct pfstat_groups *g);

/* Put the moment in. 0 or -ENOMEM. */
int pfstat_groups__add(struct pfstat_groups *g, const struct pf_moment *m);

/* The groups seen in the last moment, in no order; valid until the next add. */
const struct pfstat_group *const *pfstat_groups__active(const struct pfstat_groups *g, size_t *n);

/* All groups since the start; the array is the caller's to free. NULL without memory or when none. */
const struct pfstat_group **pfstat_groups__all(const struct pfstat_groups *g, size_t *n);

/* Sum of the ended ones that are no longer remembered one by one. */
const struct pfstat_sum *pfstat_groups__others(const struct pfstat_groups *g);

/* The whole machine (what was selected of it): in the last moment, and since the start. */
const struct pfstat_row *pfstat_groups__machine(const struct pfstat_groups *g);
const struct pfstat_sum *pfstat_groups__machine_sum(const struct pfstat_groups *g);

/* Samples that are in the machine's sum only, because there were too many groups. */
uint64_t pfstat_groups__unfollowed(const struct pfstat_groups *g);

#endif
