/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child that takes known faults when told to, and knows how many the kernel
 * counted for it. It rehearses first, so that nothing but its work faults.
 */
#ifndef PF_TOOLS_PFDIAG_WORK_H
#define PF_TOOLS_PFDIAG_WORK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum pfdiag_work_kind {
	PFDIAG_WORK_CLASSES, /* some faults of each class */
	PFDIAG_WORK_TIMED,   /* many first touches, timed */
};

/* What it did in a round. */
struct pfdiag_done {
	int64_t anon; /* pages touched so */
	int64_t shmem;
	int64_t file; /* 0 where it has no file to map; so is cow */
	int64_t cow;
	int64_t kernel;	     /* of them in kernel mode */
	int64_t counted;     /* minor + major that the kernel counted meanwhile */
	double ns_per_fault; /* PFDIAG_WORK_TIMED: the fastest of some bursts */
};

struct pfdiag_worker {
	pid_t pid;
	int to;
	int from;
};

/* 0 or -errno. Dies with its parent. */
int pfdiag_work_start(struct pfdiag_worker *w, enum pfdiag_work_kind kind);
/* One round. False: it has died, or does not answer within limit_s. */
bool pfdiag_work_round(struct pfdiag_worker *w, struct pfdiag_done *done, double limit_s);
void pfdiag_work_end(struct pfdiag_worker *w);

#endif
