/* SPDX-License-Identifier: BSD-2-Clause */
/* Arithmetic about per-CPU counters. Reads no counter: bpf/memory.bpf.h does. */
#include <unistd.h>

#include "bpf/pf_abi.h"
#include "lib/observe/rss.h"
#include "lib/proc/scan.h"

#define BATCH_MIN     32
#define WORTH_BYTES   (1ULL << 20)  /* an error that matters */
#define PROCESS_BYTES (10ULL << 20) /* a process that matters */

uint64_t pf_rss_held_back_pages(uint64_t cpus_online)
{
	uint64_t batch = cpus_online * 2 > BATCH_MIN ? cpus_online * 2 : BATCH_MIN;

	return batch * cpus_online;
}

struct pf_rss_plan pf_rss_plan(enum pf_rss way, uint64_t cpus_online, uint32_t cpus_possible,
			       uint64_t page_bytes)
{
	struct pf_rss_plan plan = { .held_back_pages = pf_rss_held_back_pages(cpus_online) };
	bool worth = plan.held_back_pages > WORTH_BYTES / page_bytes;

	if (way != PF_RSS_PERCPU && (way != PF_RSS_AUTO || !worth))
		return plan;
	if (cpus_possible <= PF_SUM_CPUS_MAX)
		plan.sum_cpus = cpus_possible;
	if (way == PF_RSS_AUTO)
		plan.sum_pages = PROCESS_BYTES / page_bytes;
	return plan;
}

uint32_t pf_rss_count_cpus(const char *list, size_t len)
{
	struct pf_span rest = pf_span_of(list, len);
	uint64_t first, last;

	if (!pf_span_u64(&rest, &first) || first)
		return 0;
	last = 0;
	if (pf_span_skip(&rest, "-") && !pf_span_u64(&rest, &last))
		return 0;
	pf_span_skip(&rest, "\n");
	return pf_span_len(rest) || last >= UINT32_MAX ? 0 : (uint32_t)last + 1;
}

struct pf_rss_plan pf_rss_plan_here(enum pf_rss way)
{
	struct pf_readbuf buf = { 0 };
	ssize_t n = pf_readbuf__below(&buf, "/sys/devices/system/cpu", "possible", 4096);
	uint32_t possible = n > 0 ? pf_rss_count_cpus(buf.data, (size_t)n) : 0;
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	pf_readbuf__free(&buf);
	return pf_rss_plan(way, online > 0 ? (uint64_t)online : 1, possible,
			   (uint64_t)getpagesize());
}
