/* SPDX-License-Identifier: BSD-2-Clause */
/* pfleak's command line. */
#ifndef PF_TOOLS_PFLEAK_OPTS_H
#define PF_TOOLS_PFLEAK_OPTS_H

#include <stdbool.h>

#include "lib/cli/common.h"
#include "lib/config/config.h"

#define PFLEAK_SET_MAX 8

struct pfleak_opts {
	struct pf_common common;
	const char *config_path; /* NULL: PFLEAK_CONFIG where there is one */
	const char *profile;	 /* NULL: what the configuration says */
	bool no_config;
	bool print_config;
	bool check_config;
	struct pf_config_option set[PFLEAK_SET_MAX]; /* options that set a key of it */
	size_t n_set;
	char min_size[32];	/* what set points to */
	char stacks_path[4096]; /* absolute; what set points to, as min_size */
	const char *state_path; /* NULL: nothing is kept from run to run */
	bool notify;		/* tell channels in replay, too */
	bool dry_run;		/* print what channels would be told, tell them nothing */
	bool explain;
	bool list;
	bool strict;	/* a watch counts for the exit status */
	bool label_pid; /* metrics: a series per process */
};

/* Exit status: what monitoring plugins mean by it. */
enum pfleak_status {
	PFLEAK_OK = 0,
	PFLEAK_WARNING = 1,
	PFLEAK_CRITICAL = 2,
	PFLEAK_UNKNOWN = 3,
};

/* Fills *opts from the command line, or ends the program. */
void pfleak_parse(struct pfleak_opts *opts, int argc, char **argv);

/* One moment of many runs: what is kept in between makes the history. */
bool pfleak_lone(const struct pfleak_opts *opts);

/* The run ends by itself: its exit status tells what was found. */
bool pfleak_bounded(const struct pfleak_opts *opts);

/* Channels are told, or shown what they would be: nobody is told of what a recording has, unless
 * that is asked for. */
bool pfleak_tells(const struct pfleak_opts *opts);

#endif
