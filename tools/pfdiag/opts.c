/* SPDX-License-Identifier: BSD-2-Clause */
/* pfdiag's command line. Checks and stores; acts on nothing. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/parse.h"
#include "lib/base/text.h"
#include "tools/pfdiag/check.h"
#include "tools/pfdiag/opts.h"

#define TOP_S 5.0 /* how long top faulters are watched */

/* How long all may take: of a busy machine is told what can be told until then. */
#define WITHIN_S       14.0
#define WITHIN_QUICK_S 1.8
#define WITHIN_MAX_S   3600
#define REST_S	       9.0 /* besides watching */

enum { OPT_LIST = 0x200, OPT_ONLY, OPT_SKIP, OPT_QUICK, OPT_WITHIN, OPT_ROOT };

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "What is checked:", 1 },
	{ "list", OPT_LIST, NULL, 0, "Print every check with what it is for, and check nothing",
	  0 },
	{ "only", OPT_ONLY, "ID[,ID...]", 0, "Only these checks, or groups of them", 0 },
	{ "skip", OPT_SKIP, "ID[,ID...]", 0, "Not these checks, or groups of them", 0 },
	{ "quick", OPT_QUICK, NULL, 0, "Only what takes no time: nothing is measured", 0 },
	{ "within", OPT_WITHIN, "SECONDS", 0,
	  "What is not done by then is left out, and said so (14, with --quick 1.8; with --only "
	  "as long as it takes)",
	  0 },
	{ "pid", 'p', "PID[,PID...]", 0,
	  "Check these processes: what is found if one of them leaks", 0 },
	{ "duration", 'd', "SECONDS", 0, "How long the top faulters are watched (5)", 0 },
	{ "root", OPT_ROOT, "DIR", 0,
	  "Read /proc, /sys, /etc and /boot below DIR, as of another machine: only checks that read "
	  "files",
	  0 },
	{ 0 },
};

static const char doc[] =
	"Will it work here, and how well? Checks what pftools need of this machine by trying it, "
	"and says what is missing, what follows from that, and what mends it."
	"\v"
	"EXAMPLES:\n"
	"  pfdiag                      # everything, in some seconds\n"
	"  pfdiag --quick              # what takes no time\n"
	"  pfdiag --only fentry        # one check, as an error message names it\n"
	"  pfdiag --only rights,btf    # a group of checks, and one\n"
	"  pfdiag -p 1234              # one process: allocator, unwinding, limits\n"
	"  pfdiag --list               # all checks and what they are for\n"
	"  pfdiag -o json | jq -r 'select(.status == \"warn\").found'\n"
	"  pfdiag -o prom -O /var/lib/node_exporter/pfdiag.prom --quick\n"
	"\n"
	"Exit status: 0 all is well, 1 warnings, 2 failures, 3 nothing could be told. "
	"Changes nothing: what it loads it unloads. See pfdiag(8).";

static int by_name(bool *set, const char *word, size_t len)
{
	int id = pf_check_of(word, len);
	size_t in_group = 0;

	if (id >= 0) {
		set[id] = true;
		return 0;
	}
	for (size_t i = 0; i < PF_CHECKS_N; i++) {
		if (strlen(pfdiag_checks[i].group) == len &&
		    !memcmp(pfdiag_checks[i].group, word, len)) {
			set[i] = true;
			in_group++;
		}
	}
	return in_group ? 0 : -1;
}

static void __attribute__((noreturn))
unknown(struct argp_state *state, const char *option, const char *word)
{
	const char *words[2 * PF_CHECKS_N + 1];
	const char *near;
	char accepts[128];
	size_t n = 0;

	for (size_t i = 0; i < PF_CHECKS_N; i++) {
		words[n++] = pf_check_name((enum pf_check_id)i);
		words[n++] = pfdiag_checks[i].group;
	}
	words[n] = NULL;
	near = pf_nearest(word, words);
	snprintf(accepts, sizeof(accepts), "%s%s%sgive names that --list shows",
		 near ? "did you mean " : "", near ? near : "", near ? "? Or " : "");
	pf_bad_value(state, option, word, accepts);
}

static void parse_names(struct argp_state *state, const char *option, const char *arg, bool *set)
{
	const char *at = arg;
	char word[64];

	for (;;) {
		size_t len = strcspn(at, ",");

		if (by_name(set, at, len)) {
			snprintf(word, sizeof(word), "%.*s", (int)(len < 63 ? len : 63), at);
			unknown(state, option, word);
		}
		if (!at[len])
			return;
		at += len + 1;
	}
}

static double usual_limit(const struct pfdiag_opts *o)
{
	if (o->only)
		return INFINITY;
	if (o->quick)
		return WITHIN_QUICK_S;
	return fmax(WITHIN_S, o->common.duration_s + REST_S);
}

static void end(struct argp_state *state, struct pfdiag_opts *o)
{
	if (isnan(o->within_s))
		o->within_s = usual_limit(o);
	if (o->root && o->common.n_pids)
		argp_error(state, "--pid is about a process of this machine: it does not go with "
				  "--root");
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct pfdiag_opts *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->common;
		return 0;
	case OPT_LIST:
		o->list = true;
		return 0;
	case OPT_ONLY:
		o->only = true;
		parse_names(state, "--only", arg, o->chosen);
		return 0;
	case OPT_SKIP:
		parse_names(state, "--skip", arg, o->left_out);
		return 0;
	case OPT_QUICK:
		o->quick = true;
		return 0;
	case OPT_WITHIN:
		o->within_s = pf_arg_duration(state, "--within", arg, 0, WITHIN_MAX_S);
		return 0;
	case OPT_ROOT:
		o->root = pf_arg_text(state, "--root", arg);
		return 0;
	case 'p':
		pf_arg_pids(state, &o->common, arg);
		return 0;
	case 'd':
		o->common.duration_s = pf_arg_duration(state, "--duration", arg, 0.1, 3600);
		return 0;
	case ARGP_KEY_ARG:
		pf_bad_value(state, "argument", arg, "none is expected");
	case ARGP_KEY_END:
		end(state, o);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void pfdiag_parse(struct pfdiag_opts *opts, int argc, char **argv)
{
	static const struct pf_cli cli = {
		.options = options,
		.parser = parse_option,
		.doc = doc,
		.usage_status = PFDIAG_UNKNOWN,
		.no_intervals = true,
	};

	memset(opts, 0, sizeof(*opts));
	pf_common_init(&opts->common, "pfdiag", 1);
	opts->common.formats = 1u << PF_FORMAT_TABLE | 1u << PF_FORMAT_JSON | 1u << PF_FORMAT_PROM;
	opts->common.duration_s = TOP_S;
	opts->within_s = NAN;
	pf_cli_parse(&cli, argc, argv, &opts->common, opts);
}
