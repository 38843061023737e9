/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One process incarnation as the leak library follows it: who it is, its
 * history, what is thought of it, its alert. The table of them is leak.c's.
 */
#ifndef PF_LIB_LEAK_PROCESS_H
#define PF_LIB_LEAK_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "lib/leak/alert.h"
#include "lib/leak/class.h"
#include "lib/leak/history.h"
#include "lib/leak/leak.h"
#include "lib/leak/rule.h"
#include "lib/leak/trend.h"
#include "lib/record/limit.h"
#include "lib/record/sample.h"

struct pf_kin;

struct pf_process {
	int64_t pid;
	double start_ts;
	uint64_t start_ns; /* 0 = unknown, as the next two */
	uint64_t exec_id;
	uint64_t exe_hash;
	char comm[PF_COMM_LEN];
	char *exe; /* own copies, made when a watch or an alert begins */
	char *cgroup;
	char *container;

	double born_s;	/* when it started, on the samples' mono clock */
	double image_s; /* when it got its program: start or exec */
	double since_s; /* followed since */
	double last_s;
	double last_ts;
	int64_t rss_bytes;
	int64_t swap_bytes;
	int64_t vsz_bytes;
	int64_t error_bytes; /* 0 = exact or unknown */
	int64_t shmem_bytes; /* of shared memory so much counts, PF_UNKNOWN = not known yet ... */
	int64_t shmem_vsz_bytes; /* ... while VSZ is this, and more as it grows */
	double fault_rate;
	int64_t faults;
	int64_t limit_bytes; /* as last asked */
	int64_t headroom_bytes;
	struct pf_budget budget;

	struct pf_ceiling ceiling; /* as once asked */
	uint64_t kind;		   /* as once asked; 0 = unknown */
	bool ceiling_asked;
	bool kind_asked;

	bool is_new;	 /* no sample taken in yet */
	uint32_t moment; /* last seen in */
	struct pf_alert alert;
	struct pf_traits traits;
	struct pf_trend trend;
	struct pf_rule_state *rules;  /* NULL without rules, and while it is too small */
	struct pf_history *history;   /* NULL while it is too small to matter */
	struct pf_model_state *model; /* NULL as well, and with the trend model */
	UT_hash_handle hh;
};

/* What the samples are judged by, made once from the configuration. */
struct pf_terms {
	struct pf_leak_config config;
	double pace;
	double settle_s;	/* samples of younger images are not judged */
	double history_bytes;	/* no history below */
	struct pf_rules *rules; /* NULL = none */
	struct pf_kin *kin;
	pf_rule_tell tell; /* gets changes of their alerts */
	void *tell_ctx;
};

/* From the configuration; the rules stay as they are. */
void pf_terms_make(struct pf_terms *terms, const struct pf_leak_config *config);

/* Bytes that count as the process's own and cannot be dropped: anonymous, shmem, swap. NaN =
 * unknown. Parts that are unknown count nothing. */
double pf_sample_memory(const struct pf_sample *s);

/* NULL without memory. */
struct pf_process *pf_process__new(const struct pf_sample *s);
void pf_process__free(struct pf_process *p);

/* Set up *p as new does, without a history; nothing in it to be freed. */
void pf_process_init(struct pf_process *p, const struct pf_sample *s);

/* Is it the same incarnation (start within 2 s, or 20 ms by the kernel's clock)? */
bool pf_process_is(const struct pf_process *p, const struct pf_sample *s);

/*
 * Take a sample that is later than the last and judge it. The verdict's previous, state and
 * transition are set. 0 or -ENOMEM: then the sample was not judged.
 */
int pf_process_feed(struct pf_process *p, const struct pf_sample *s, const struct pf_terms *terms,
		    const struct pf_leak_hooks *hooks, struct pf_verdict *v);

/* The process is over; s may be NULL, else its last sample. */
void pf_process_finish(struct pf_process *p, const struct pf_sample *s, enum pf_alert_end end,
		       const struct pf_terms *terms, struct pf_verdict *v);

/*
 * Write p, or read it into one that is all zero; pf_process__free what failed half-way, too. Of
 * rules that were firing and are none any more, terms->tell hears that they are resolved.
 */
struct pf_pack;
void pf_process_pack(struct pf_pack *k, struct pf_process *p, const struct pf_terms *terms,
		     bool same_judge);

/* The verdict as of the last sample, without a transition. */
void pf_process_verdict(const struct pf_process *p, const struct pf_terms *terms,
			struct pf_verdict *v);

#endif
