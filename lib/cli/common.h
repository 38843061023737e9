/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options every tool shares, as one argp child; a tool adds only what is
 * its own. Bad values end the program through argp_error with the tool's usage
 * status; nothing else in lib/ does.
 */
#ifndef PF_LIB_CLI_COMMON_H
#define PF_LIB_CLI_COMMON_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/observe/observe.h"

enum pf_format {
	PF_FORMAT_TABLE,
	PF_FORMAT_JSON,
	PF_FORMAT_CSV,
	PF_FORMAT_PROM,
	PF_FORMAT_FOLDED,
	PF_FORMAT_PPROF,
	PF_FORMAT_SVG,
};

enum pf_when { PF_WHEN_AUTO, PF_WHEN_ALWAYS, PF_WHEN_NEVER };

struct pf_common {
	/* set by the tool before parsing */
	const char *tool;
	double interval_s;
	unsigned int formats; /* bit set of enum pf_format it can write */

	/* which processes */
	int64_t pids[PF_OBSERVE_PIDS_MAX];
	size_t n_pids;
	const char *cgroup; /* "/path", or the beginning of a container id; NULL = all */
	const char *comm;   /* pattern; NULL = all */
	int64_t uid;	    /* -1 = all */

	/* how long */
	uint64_t count;	   /* 0 = no bound */
	double duration_s; /* 0 = no bound */
	bool once;

	/* what to show */
	size_t top;	  /* 0 = all */
	const char *sort; /* column key; NULL = the tool's own */
	enum pf_format format;
	const char *out_path; /* NULL = standard output */
	const char *columns;
	bool columns_help;
	bool json_schema;
	bool timestamps;
	enum pf_when color;
	bool watch;

	/* where it comes from */
	enum pf_backend backend;
	uint32_t sample_every; /* count one fault event in so many; 0 = not asked for: all */
	bool sample_auto;      /* by each process's rate */
	struct pf_observe_force force; /* PF_FORCE_... in the environment */
	bool exits;
	const char *record_path;
	const char *replay_path;
	bool overhead;

	char *options;	 /* the command line as typed, for the header; owned */
	int positionals; /* arguments seen so far */
};

/* Defaults; then the tool's own, then argp_parse. */
void pf_common_init(struct pf_common *c, const char *tool, double interval_s);
void pf_common_free(struct pf_common *c);

/* Was --sample given, with whatever value? */
bool pf_common_sampling(const struct pf_common *c);

/* What a tool adds to the shared options. */
struct pf_cli {
	const struct argp_option *options;
	argp_parser_t parser; /* hands &common to both child_inputs at ARGP_KEY_INIT */
	const char *doc;
	int usage_status;  /* exit status for bad usage */
	bool no_intervals; /* one report: none of the options that go with intervals */
	/* Long names of others of these that the tool does not take, NULL at the end; NULL = none. */
	const char *const *without;
	const char *args_doc; /* NULL = [INTERVAL [COUNT]], or nothing without intervals */
};

/*
 * Parse a whole command line; input is what the tool's parser gets. Bad usage
 * ends the program. Keeps a copy of argv in c->options.
 */
void pf_cli_parse(const struct pf_cli *cli, int argc, char **argv, struct pf_common *c,
		  void *input);

/* For a tool's own options: end the program, naming option, value and what it accepts. */
void pf_bad_value(struct argp_state *state, const char *option, const char *value,
		  const char *accepts) __attribute__((noreturn));
double pf_arg_duration(struct argp_state *state, const char *option, const char *value,
		       double min_s, double max_s);
uint64_t pf_arg_number(struct argp_state *state, const char *option, const char *value,
		       uint64_t min, uint64_t max);
/* Anything but nothing; returns it. */
const char *pf_arg_text(struct argp_state *state, const char *option, const char *value);
/* Events per second, more than 0. */
double pf_arg_rate(struct argp_state *state, const char *option, const char *value);
/* Add to c->pids. */
void pf_arg_pids(struct argp_state *state, struct pf_common *c, const char *value);
/* Index of value in the NULL-terminated list of words. */
int pf_arg_word(struct argp_state *state, const char *option, const char *value,
		const char *const *words);

#endif
