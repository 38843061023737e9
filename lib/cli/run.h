/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a tool, the same for all: open output and source, begin, a call
 * per moment, end, close; the output is flushed after each, a reader that goes
 * away ends it quietly, and what fails is reported once.
 */
#ifndef PF_LIB_CLI_RUN_H
#define PF_LIB_CLI_RUN_H

#include <stdbool.h>

#include "lib/cli/output.h"
#include "lib/cli/source.h"
#include "lib/record/json.h"

struct pf_common;

struct pf_run {
	const struct pf_common *common;
	struct pf_output out;	  /* callbacks append to out.buf */
	struct pf_source *source; /* NULL while describing */
	struct pf_losses losses;  /* as of the last moment */
};

/* Callbacks return 0 or -errno; ctx is the tool. */
struct pf_run_ops {
	struct pf_source_need need;
	/* Print about the tool itself (--columns help, --json-schema); nothing else is called. */
	int (*describe)(void *ctx, struct pf_run *run);
	int (*begin)(void *ctx, struct pf_run *run);
	int (*moment)(void *ctx, struct pf_run *run, const struct pf_moment *m);
	/* SIGHUP came, where need.survives_hangup. */
	int (*hangup)(void *ctx, struct pf_run *run);
	int (*end)(void *ctx, struct pf_run *run);
};

/* 0, or -errno with the reason already reported. */
int pf_run(struct pf_run *run, const struct pf_common *common, const struct pf_run_ops *ops,
	   void *ctx);

/* For summary records: what the run itself cost; JSON null without --overhead. NULL = no memory. */
json_t *pf_run_overhead_json(const struct pf_run *run);
/* The same in words, one or two lines; nothing without --overhead. */
void pf_run_overhead_text(struct pf_run *run);
/* A "summary" record with time, duration, counts and losses (both references are taken). */
int pf_run_summary_json(struct pf_run *run, json_t *counts, json_t *losses);

#endif
