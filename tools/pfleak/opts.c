/* SPDX-License-Identifier: BSD-2-Clause */
/* pfleak's command line. Checks and stores; acts on nothing. */
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/parse.h"
#include "tools/pfleak/opts.h"

#define DAY_S 86400.0

enum {
	OPT_GRACE = 0x200,
	OPT_MIN_SIZE,
	OPT_CONFIDENCE,
	OPT_EXPLAIN,
	OPT_MODEL,
	OPT_LIST,
	OPT_STRICT,
	OPT_LABEL_PID,
	OPT_STACKS,
	OPT_NOTIFY,
	OPT_DRY_RUN,
	OPT_MAX,
	OPT_CONFIG,
	OPT_NO_CONFIG,
	OPT_PROFILE,
	OPT_PRINT_CONFIG,
	OPT_CHECK_CONFIG,
	OPT_STATE,
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "What pfleak adds:", 1 },
	{ "list", OPT_LIST, NULL, 0,
	  "List every process followed: live after each interval, in replay at the end", 0 },
	{ "explain", OPT_EXPLAIN, NULL, 0,
	  "Show what was asked of a process and the points it gave", 0 },
	{ "grace", OPT_GRACE, "SECONDS", 0,
	  "No alert for processes younger than this (600); less makes judging quicker and less sure",
	  0 },
	{ "min-size", OPT_MIN_SIZE, "SIZE", 0, "No alert below this RSS + swap (10M)", 0 },
	{ "confidence", OPT_CONFIDENCE, "N", 0, "Alert from this confidence on, 51 to 100 (70)",
	  0 },
	{ "model", OPT_MODEL, "NAME", 0,
	  "What judges: trend (default), classic, classifier, signals, anomaly, levels", 0 },
	{ "max-processes", OPT_MAX, "N", 0, "Follow at most this many (8192)", 0 },
	{ "label-pid", OPT_LABEL_PID, NULL, 0, "With -o prom: a series per process, not per name",
	  0 },
	{ "state", OPT_STATE, "FILE", 0,
	  "Go on from the histories and alerts in FILE, and keep them there: every 10 minutes and "
	  "at the end",
	  0 },
	{ "stacks", OPT_STACKS, "DIR", 0,
	  "Run pfstack on a process whose alert fires, and keep its stacks in DIR", 0 },
	{ "dry-run", OPT_DRY_RUN, NULL, 0,
	  "Print what the configured channels would be told, and tell them nothing", 0 },
	{ "notify", OPT_NOTIFY, NULL, 0, "With --replay: tell the channels all the same", 0 },
	{ "strict", OPT_STRICT, NULL, 0, "A watch makes the exit status 1 too", 0 },

	{ NULL, 0, NULL, 0, "Configuration:", 2 },
	{ "config", OPT_CONFIG, "FILE", 0,
	  "Read this configuration (YAML or JSON, - = standard input) instead of "
	  "/etc/pftools/pfleak.yaml",
	  0 },
	{ "no-config", OPT_NO_CONFIG, NULL, 0, "Read none", 0 },
	{ "profile", OPT_PROFILE, "NAME", 0,
	  "Begin with these values: default, production, or one of the configuration's own", 0 },
	{ "print-config", OPT_PRINT_CONFIG, NULL, 0, "Print every setting and where it comes from",
	  0 },
	{ "check-config", OPT_CHECK_CONFIG, NULL, 0,
	  "Say what is wrong with the configuration; exit status 0 or 3", 0 },
	{ 0 },
};

static const char doc[] =
	"Who is leaking memory, how sure that is, and when it runs out: follows every process "
	"each INTERVAL seconds (10), COUNT times or until stopped, and reports watches (50-69 of "
	"100) and alerts (from 70)."
	"\v"
	"EXAMPLES:\n"
	"  pfleak                          # watch the machine, a line per event\n"
	"  pfleak --list --watch           # the suspects on one screen\n"
	"  pfleak -p 1234 --list --explain # one process, and why\n"
	"  pfleak --grace 60 1             # a quick look at fast leaks\n"
	"  pfleak -d 30m 10 || mail ...    # exit status tells: 1 warning, 2 critical\n"
	"  pfleak --once --state /var/lib/pftools/leak.state # from cron, every 5 min\n"
	"  pfleak -o json -O /var/log/pfleak.jsonl\n"
	"  pfleak -o prom -O /var/lib/node_exporter/pfleak.prom\n"
	"  pfleak --replay day.jsonl.gz --explain\n"
	"  pfleak --profile production --print-config\n"
	"\n"
	"Exit status of a run that ends by itself (COUNT, -d, --once, --replay): 0 no alert, "
	"1 alert, 2 critical alert or less than an hour left, 3 could not tell. "
	"Works without privileges from /proc. See pfleak(8).";

/* What the command line says of a key; the last word counts. */
static void set(struct pfleak_opts *o, const char *path, const char *option, const char *text)
{
	size_t i = 0;

	while (i < o->n_set && strcmp(o->set[i].path, path))
		i++;
	o->n_set += i == o->n_set;
	o->set[i] = (struct pf_config_option){ path, text, option };
}

static void set_min_size(struct argp_state *state, struct pfleak_opts *o, const char *arg)
{
	uint64_t bytes;

	if (pf_parse_size(arg, 1, (uint64_t)1 << 50, &bytes))
		pf_bad_value(state, "--min-size", arg,
			     "give a size from 1 to 1024T, like 10M or 1.5G");
	/* A bare number is bytes here, and megabytes in the file. */
	snprintf(o->min_size, sizeof(o->min_size), "%" PRIu64 "B", bytes);
	set(o, "thresholds.min_process_size_mb", "--min-size", o->min_size);
}

/* The configuration's paths are absolute, as it may be read from anywhere. */
static void set_stacks(struct argp_state *state, struct pfleak_opts *o, const char *arg)
{
	char here[PATH_MAX] = "";
	int len;

	pf_arg_text(state, "--stacks", arg);
	if (*arg != '/' && !getcwd(here, sizeof(here)))
		pf_bad_value(state, "--stacks", arg,
			     "give an absolute path, the working directory is gone");
	len = snprintf(o->stacks_path, sizeof(o->stacks_path), "%s%s%s", here,
		       *arg == '/' ? "" : "/", arg);
	if (len < 0 || (size_t)len >= sizeof(o->stacks_path))
		pf_bad_value(state, "--stacks", arg, "it is too long");
	set(o, "stack_traces.directory", "--stacks", o->stacks_path);
}

static void set_model(struct argp_state *state, struct pfleak_opts *o, const char *arg)
{
	pf_arg_word(state, "--model", arg, pf_settings_models);
	set(o, "model", "--model", arg);
}

static int parse_setting(int key, char *arg, struct argp_state *state, struct pfleak_opts *o)
{
	switch (key) {
	case OPT_GRACE:
		pf_arg_duration(state, "--grace", arg, 0, 30 * DAY_S);
		set(o, "grace", "--grace", arg);
		return 0;
	case OPT_MIN_SIZE:
		set_min_size(state, o, arg);
		return 0;
	case OPT_CONFIDENCE:
		pf_arg_number(state, "--confidence", arg, 51, 100);
		set(o, "alerting.confidence_threshold", "--confidence", arg);
		return 0;
	case OPT_MODEL:
		set_model(state, o, arg);
		return 0;
	case OPT_MAX:
		pf_arg_number(state, "--max-processes", arg, 1, 1000000);
		set(o, "performance.max_processes", "--max-processes", arg);
		return 0;
	case OPT_CONFIG:
		o->config_path = pf_arg_text(state, "--config", arg);
		return 0;
	case OPT_NO_CONFIG:
		o->no_config = true;
		return 0;
	case OPT_PROFILE:
		o->profile = pf_arg_text(state, "--profile", arg);
		return 0;
	case OPT_PRINT_CONFIG:
		o->print_config = true;
		return 0;
	case OPT_CHECK_CONFIG:
		o->check_config = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* How options go together. */
static void check(struct argp_state *state, const struct pfleak_opts *o)
{
	const bool list = o->list || o->common.watch;

	if (o->common.columns && !o->common.columns_help && !list)
		argp_error(state, "--columns chooses what --list shows: it needs --list");
	if (o->common.columns && !o->common.columns_help && o->common.format == PF_FORMAT_JSON)
		argp_error(state,
			   "--columns does not go with --output json: its records are fixed");
	if (o->common.timestamps && !list)
		argp_error(state, "--timestamps is for --list: events have their time anyway");
	if (o->common.sort && !list)
		argp_error(state, "--sort orders what --list shows: it needs --list");
	if (o->notify && !o->common.replay_path)
		argp_error(state, "--notify is for --replay: otherwise channels are told anyway");
	if (o->stacks_path[0] && o->common.replay_path)
		argp_error(state, "--stacks does not go with --replay: the processes are "
				  "not there any more");
	if (o->label_pid && o->common.format != PF_FORMAT_PROM)
		argp_error(state, "--label-pid belongs to --output prom");
	if (!list && o->common.format == PF_FORMAT_CSV)
		argp_error(state, "--output csv is for --list: events are text or JSON");
	if (o->list && o->common.format == PF_FORMAT_PROM)
		argp_error(state,
			   "--list does not go with --output prom, which has the processes anyway");
	if (o->state_path && o->common.replay_path &&
	    pf_file_same(o->state_path, o->common.replay_path))
		argp_error(state, "--state and --replay name the same file");
	if (o->config_path && !strcmp(o->config_path, "-") && o->common.replay_path &&
	    !strcmp(o->common.replay_path, "-"))
		argp_error(state, "--config - and --replay - cannot both read standard input");
	if (o->no_config && o->config_path)
		argp_error(state, "--no-config and --config contradict each other");
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct pfleak_opts *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->child_inputs[1] = &o->common;
		return 0;
	case OPT_LIST:
		o->list = true;
		return 0;
	case OPT_EXPLAIN:
		o->explain = true;
		return 0;
	case OPT_STRICT:
		o->strict = true;
		return 0;
	case OPT_NOTIFY:
		o->notify = true;
		return 0;
	case OPT_DRY_RUN:
		o->dry_run = true;
		return 0;
	case OPT_STACKS:
		set_stacks(state, o, arg);
		return 0;
	case OPT_STATE:
		o->state_path = pf_arg_text(state, "--state", arg);
		return 0;
	case OPT_LABEL_PID:
		o->label_pid = true;
		return 0;
	case ARGP_KEY_END:
		check(state, o);
		return 0;
	default:
		return parse_setting(key, arg, state, o);
	}
}

void pfleak_parse(struct pfleak_opts *opts, int argc, char **argv)
{
	static const struct pf_cli cli = { .options = options,
					   .parser = parse_option,
					   .doc = doc,
					   .usage_status = PFLEAK_UNKNOWN };

	memset(opts, 0, sizeof(*opts));
	pf_common_init(&opts->common, "pfleak", 10);
	opts->common.formats = 1u << PF_FORMAT_TABLE | 1u << PF_FORMAT_JSON | 1u << PF_FORMAT_CSV |
			       1u << PF_FORMAT_PROM;
	pf_cli_parse(&cli, argc, argv, &opts->common, opts);
	opts->list |= opts->common.watch;
	if (pf_log_level() > PF_LOG_WARN)
		set(opts, "log_level", "--verbose",
		    pf_log_level() == PF_LOG_INFO ? "info" : "debug");
}

bool pfleak_lone(const struct pfleak_opts *opts)
{
	return opts->state_path && (opts->common.once || opts->common.count == 1);
}

bool pfleak_bounded(const struct pfleak_opts *opts)
{
	const struct pf_common *c = &opts->common;

	return c->count || c->duration_s > 0 || c->once || c->replay_path;
}

bool pfleak_tells(const struct pfleak_opts *opts)
{
	const struct pf_common *c = &opts->common;

	return !c->columns_help && !c->json_schema &&
	       (!c->replay_path || opts->notify || opts->dry_run);
}
