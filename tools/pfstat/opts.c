/* SPDX-License-Identifier: BSD-2-Clause */
/* pfstat's command line. Checks and stores; acts on nothing. */
#include <stddef.h>
#include <string.h>

#include "tools/pfstat/opts.h"

enum { OPT_BY = 0x200, OPT_TOTAL, OPT_HIST, OPT_WARN, OPT_LABEL_PID };

const char *const pfstat_by_words[] = { "pid", "comm", "cgroup", "container", "user", NULL };

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "What pfstat adds:", 1 },
	{ "by", OPT_BY, "KEY", 0, "One line per pid, comm, cgroup, container or user", 0 },
	{ "total", OPT_TOTAL, NULL, 0, "Add the sum of all processes, and memory pressure", 0 },
	{ "hist", OPT_HIST, NULL, 0, "Add a histogram of the processes' fault rates", 0 },
	{ "warn", OPT_WARN, "RATE", 0,
	  "Mark and count processes with more than RATE faults a second; 100 is a good start", 0 },
	{ "label-pid", OPT_LABEL_PID, NULL, 0, "With -o prom: a series per process, not per name",
	  0 },
	{ 0 },
};

static const char doc[] =
	"Who faults, how fast, and what grows: page faults and memory of every process, "
	"each INTERVAL seconds (1), COUNT times or until Ctrl-C."
	"\v"
	"EXAMPLES:\n"
	"  pfstat                      # top 20 by fault rate, every second\n"
	"  pfstat 5 12                 # a minute in steps of five seconds\n"
	"  pfstat -s rss_delta_bytes   # who grows fastest\n"
	"  pfstat -p 1234 -T           # one process, with the time\n"
	"  pfstat --by cgroup --total  # per cgroup, and the machine\n"
	"  pfstat --warn 500 --watch   # a screen that marks more than 500/s\n"
	"  pfstat -o json -n 0 10      # all processes, one JSON object a line\n"
	"  pfstat -o prom -O /var/lib/node_exporter/pfstat.prom 15\n"
	"  pfstat --record day.jsonl -d 24h 60 >/dev/null\n"
	"  pfstat --replay day.jsonl --by comm\n"
	"\n"
	"Needs root or CAP_BPF+CAP_PERFMON to see fault events and short-lived processes; "
	"without, it reads /proc and says so. See pfstat(8).";

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct pfstat_opts *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->child_inputs[1] = &o->common;
		return 0;
	case OPT_BY:
		o->by = (enum pfstat_by)pf_arg_word(state, "--by", arg, pfstat_by_words);
		return 0;
	case OPT_TOTAL:
		o->total = true;
		return 0;
	case OPT_HIST:
		o->hist = true;
		return 0;
	case OPT_WARN:
		o->warn_per_s = pf_arg_rate(state, "--warn", arg);
		return 0;
	case OPT_LABEL_PID:
		o->label_pid = true;
		return 0;
	case ARGP_KEY_END:
		if (o->label_pid && o->common.format != PF_FORMAT_PROM)
			argp_error(state, "--label-pid belongs to --output prom");
		if (o->by != BY_PID && o->common.format == PF_FORMAT_PROM)
			argp_error(state, "--by does not go with --output prom: its labels are "
					  "comm and cgroup");
		if (o->hist && o->common.format != PF_FORMAT_TABLE &&
		    o->common.format != PF_FORMAT_JSON)
			argp_error(state, "--hist goes with --output table and json only");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void pfstat_parse(struct pfstat_opts *opts, int argc, char **argv)
{
	static const struct pf_cli cli = {
		.options = options, .parser = parse_option, .doc = doc, .usage_status = 2
	};

	memset(opts, 0, sizeof(*opts));
	pf_common_init(&opts->common, "pfstat", 1);
	pf_cli_parse(&cli, argc, argv, &opts->common, opts);
}
