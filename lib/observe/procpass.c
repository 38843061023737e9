/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Readings from /proc in the form the task iterator gives them. Knows nothing
 * that /proc does not tell: no fault events, no exec, no cgroup ids.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/observe/bpf_util.h"
#include "lib/observe/observe.h"
#include "lib/observe/procpass.h"
#include "lib/observe/rss.h"
#include "lib/proc/procfs.h"

/* Before 6.2 a thread passes on its changes every 65 faults, mostly of a page each. */
#define THREAD_PART_PAGES 65

struct pf_procpass {
	const struct pf_observe_config *config;
	struct pf_procfs *procfs;
	int64_t page_bytes;
	uint64_t held_back_pages; /* by all CPUs */
	void (*fn)(void *ctx, const struct pf_task_head *head);
	void *ctx;
};

static int read_fail(const struct pf_observe_config *config, int code, struct pf_error *err)
{
	char what[128];

	snprintf(what, sizeof(what), "read %s", config->proc_root);
	return pf_step_fail(err, code, what);
}

struct pf_procpass *pf_procpass__open(const struct pf_observe_config *config, struct pf_error *err)
{
	struct pf_procpass *p = calloc(1, sizeof(*p));
	struct pf_error why = { 0 }; /* of it the code only: the words are for us to find */
	int ret;

	if (!p) {
		pf_fail(err, ENOMEM, "out of memory");
		return NULL;
	}
	p->config = config;
	p->page_bytes = getpagesize();
	p->held_back_pages = pf_rss_plan_here(PF_RSS_AUTO).held_back_pages;
	p->procfs = pf_procfs__open(config->proc_root, &why);
	if (p->procfs)
		return p;
	ret = read_fail(config, errno, err);
	free(p);
	errno = -ret;
	return NULL;
}

void pf_procpass__close(struct pf_procpass *p)
{
	if (!p)
		return;
	pf_procfs__close(p->procfs);
	free(p);
}

static bool wanted(const struct pf_observe_config *config, const struct pf_proc_stat *stat)
{
	if (stat->kthread || (config->uid >= 0 && stat->uid != config->uid))
		return false;
	for (size_t i = 0; i < config->n_pids; i++) {
		if (config->pids[i] == stat->pid)
			return true;
	}
	return config->n_pids == 0;
}

static int64_t pages(const struct pf_procpass *p, int64_t bytes)
{
	return bytes == PF_UNKNOWN ? 0 : bytes / p->page_bytes;
}

/* Which of both ways this kernel has /proc does not tell: the larger error. */
static uint64_t rss_error_pages(const struct pf_procpass *p, const struct pf_proc_stat *stat)
{
	uint64_t by_thread = (uint64_t)stat->num_threads * THREAD_PART_PAGES;

	return by_thread > p->held_back_pages ? by_thread : p->held_back_pages;
}

static int take(void *ctx, const struct pf_proc_stat *stat)
{
	struct pf_procpass *p = ctx;
	struct pf_task_rec rec = {
		.head = {
			.size = sizeof(rec),
			.flags = PF_REC_FULL | PF_REC_RELEASED,
			.pid = (__s32)stat->pid,
			.nr_threads = (__s32)stat->num_threads,
			.start_ns = stat->start_ns,
			.dead_min = (__u64)stat->minflt,
			.dead_maj = (__u64)stat->majflt,
		},
		.nspid = (__s32)stat->nspid,
		.ppid = (__s32)stat->ppid,
		.uid = (__u32)stat->uid,
		.rss_error_pages = rss_error_pages(p, stat),
		.vsz_pages = (__u64)pages(p, stat->vsz_bytes),
	};

	if (!wanted(p->config, stat))
		return 0;
	if (stat->has_mm)
		rec.head.flags |= PF_REC_HAS_MM;
	else
		rec.head.flags |= PF_REC_ZOMBIE;
	rec.rss_pages[PF_MM_ANON] = pages(p, stat->rss_anon_bytes);
	rec.rss_pages[PF_MM_FILE] = pages(p, stat->rss_file_bytes);
	rec.rss_pages[PF_MM_SHMEM] = pages(p, stat->rss_shmem_bytes);
	rec.rss_pages[PF_MM_SWAP] = pages(p, stat->swap_bytes);
	memcpy(rec.comm, stat->comm, sizeof(rec.comm) - 1);
	p->fn(p->ctx, &rec.head);
	return 0;
}

int pf_procpass__run(struct pf_procpass *p, void (*fn)(void *ctx, const struct pf_task_head *head),
		     void *ctx, struct pf_error *err)
{
	int ret;

	p->fn = fn;
	p->ctx = ctx;
	ret = pf_procfs__each(p->procfs, take, p, NULL);
	return ret ? read_fail(p->config, ret, err) : 0;
}
