/* SPDX-License-Identifier: BSD-2-Clause */
/* pfstat's command line. */
#ifndef PF_TOOLS_PFSTAT_OPTS_H
#define PF_TOOLS_PFSTAT_OPTS_H

#include <stdbool.h>

#include "lib/cli/common.h"

enum pfstat_by { BY_PID, BY_COMM, BY_CGROUP, BY_CONTAINER, BY_USER };

struct pfstat_opts {
	struct pf_common common;
	enum pfstat_by by;
	bool total;
	bool hist;
	double warn_per_s; /* 0 = no warnings */
	bool label_pid;	   /* prom: a series per process */
};

extern const char *const pfstat_by_words[]; /* indexed by enum pfstat_by, NULL-terminated */

/* Fills *opts from the command line, or ends the program. */
void pfstat_parse(struct pfstat_opts *opts, int argc, char **argv);

#endif
