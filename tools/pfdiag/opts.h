/* SPDX-License-Identifier: BSD-2-Clause */
/* What pfdiag was asked to do. */
#ifndef PF_TOOLS_PFDIAG_OPTS_H
#define PF_TOOLS_PFDIAG_OPTS_H

#include <stdbool.h>

#include "lib/cli/common.h"
#include "lib/record/check.h"

enum { PFDIAG_OK, PFDIAG_WARN, PFDIAG_FAIL, PFDIAG_UNKNOWN }; /* exit status */

struct pfdiag_opts {
	struct pf_common common;
	bool list;
	bool quick;
	double within_s;	    /* infinite = as long as it takes */
	const char *root;	    /* files below it instead of this machine; NULL = this one */
	bool chosen[PF_CHECKS_N];   /* --only; all where `only` is not set */
	bool left_out[PF_CHECKS_N]; /* --skip */
	bool only;
};

void pfdiag_parse(struct pfdiag_opts *opts, int argc, char **argv);

#endif
