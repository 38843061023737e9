/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How far the kernel's own count of a process's memory can be trusted, and when
 * it is worth adding up what each CPU keeps to itself.
 */
#ifndef PF_LIB_OBSERVE_RSS_H
#define PF_LIB_OBSERVE_RSS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/observe/observe.h"

struct pf_rss_plan {
	uint32_t sum_cpus;	  /* add the parts of CPUs 0 to sum_cpus - 1; 0 = of none */
	uint64_t sum_pages;	  /* ... for processes that have as much as this */
	uint64_t held_back_pages; /* without them, a counter may be off by this */
};

/*
 * Pages of one counter that all CPUs together may not have passed on: since 6.2
 * (f1a7941243c1) each keeps less than a batch, which is made as the kernel's
 * lib/percpu_counter.c makes it.
 */
uint64_t pf_rss_held_back_pages(uint64_t cpus_online);

/* cpus_possible: they are numbered from 0 to this - 1; 0 = not known, then no parts are added. */
struct pf_rss_plan pf_rss_plan(enum pf_rss way, uint64_t cpus_online, uint32_t cpus_possible,
			       uint64_t page_bytes);

/* For this machine. */
struct pf_rss_plan pf_rss_plan_here(enum pf_rss way);

/* Of a list as in /sys/devices/system/cpu/possible: how many, or 0 where there is a gap or no sense in it. */
uint32_t pf_rss_count_cpus(const char *list, size_t len);

#endif
