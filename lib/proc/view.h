/* SPDX-License-Identifier: BSD-2-Clause */
/* What the /proc before us shows: whose pids, and whether all of them. */
#ifndef PF_LIB_PROC_VIEW_H
#define PF_LIB_PROC_VIEW_H

#include <stdbool.h>

enum pf_proc_view {
	PF_PROC_OURS,	/* the pids of our pid namespace */
	PF_PROC_OTHERS, /* those of another one: under a number of ours stands somebody else */
	PF_PROC_NONE,	/* not mounted */
};

/* root: "/proc". */
enum pf_proc_view pf_proc_view(const char *root);

/*
 * Mounted with hidepid=: what other users' processes do is shown to nobody
 * without CAP_SYS_PTRACE. False where that cannot be told.
 */
bool pf_proc_hides(const char *root);

#endif
