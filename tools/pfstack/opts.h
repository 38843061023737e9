/* SPDX-License-Identifier: BSD-2-Clause */
/* pfstack's command line. */
#ifndef PF_TOOLS_PFSTACK_OPTS_H
#define PF_TOOLS_PFSTACK_OPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/cli/common.h"

enum pfstack_mode { MODE_FAULTS, MODE_GROWTH, MODE_ALLOCS };

struct pfstack_opts {
	struct pf_common common; /* interval_s is that of summaries */
	enum pfstack_mode mode;
	uint32_t hz;	      /* samples a second of each process */
	uint32_t every;	      /* each thread's every so manyth fault instead, or byte; 0 = by hz */
	uint32_t min_rate;    /* faults a second that make a process looked at */
	uint32_t depth;	      /* user frames */
	uint64_t least_bytes; /* allocs: of one allocation */
	uint64_t most_bytes;
	bool window_auto; /* allocs: until the order of stacks stays */
	bool frame_pointers;
	bool lines;	       /* look up files and lines */
	const char *diff_from; /* recordings; NULL = no --diff */
	const char *diff_to;
	char *out_path; /* common.out_path with its times and %p filled in; owned */
};

extern const char *const pfstack_mode_words[]; /* indexed by enum pfstack_mode */

/* Fills *opts from the command line, or ends the program. */
void pfstack_parse(struct pfstack_opts *opts, int argc, char **argv);
void pfstack_opts_free(struct pfstack_opts *opts);

#endif
