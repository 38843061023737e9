/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processes seen, from readings to samples. Readings are per thread, may
 * miss a thread that moves during the pass, but never see a count twice: so
 * the highest total of all passes is never too high and in the end exact, and
 * what is reported is its increase.
 */
#ifndef PF_LIB_OBSERVE_TABLE_H
#define PF_LIB_OBSERVE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/pf_abi.h"
#include "lib/observe/observe.h"
#include "lib/record/sample.h"

struct pf_table;

enum pf_deaths {
	PF_DEATHS_BY_RECORD, /* exit records come */
	PF_DEATHS_BY_ZOMBIE, /* they do not: a zombie's first sight is its end */
	PF_DEATHS_UNTOLD,    /* nobody wants to know */
};

struct pf_table_config {
	size_t max_processes;
	unsigned int tells;    /* enum pf_tells; 0 = nothing is traced */
	uint32_t sample_every; /* 0 = by each process's rate; then set_step is called, */
	/* when the step of a process (global pid) changes: false = it stays at 0 */
	bool (*set_step)(void *ctx, uint32_t tgid, uint8_t step);
	void *set_step_ctx;
	enum pf_deaths deaths;
	bool exe;	    /* fill sample.exe */
	bool only_baseline; /* after it nobody is added: another with a named pid is not the one meant */
	const char *proc_root; /* NULL: names of programs and cgroups are not to be had */
};

/* NULL with errno set. */
struct pf_table *pf_table__new(const struct pf_table_config *config);
void pf_table__free(struct pf_table *t);

/* A pass begins: until the end, hand-overs are kept back for the next one. */
void pf_table__begin(struct pf_table *t);
/* One reading of the pass; only the head unless head->flags has PF_REC_FULL. */
void pf_table__task(struct pf_table *t, const struct pf_task_head *head);
/* A record of the ring: exit or hand-over. May come at any time. */
void pf_table__event(struct pf_table *t, const struct pf_task_rec *rec);
/* The pass ends and is the baseline: no samples. */
void pf_table__baseline(struct pf_table *t, uint64_t now_ns);
/* The pass ends: samples are built and valid until the next end. 0 or -ENOMEM. */
int pf_table__end(struct pf_table *t, uint64_t now_ns, struct pf_interval *interval);

/* Processes that live; one with this pid among them? Both look at all. */
size_t pf_table__alive(const struct pf_table *t);
bool pf_table__has(const struct pf_table *t, int64_t pid);

#endif
