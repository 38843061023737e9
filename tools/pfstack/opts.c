/* SPDX-License-Identifier: BSD-2-Clause */
/* pfstack's command line. Checks and stores; opens nothing. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/parse.h"
#include "lib/base/strbuf.h"
#include "tools/pfstack/opts.h"

#define DEFAULT_HZ	 49
#define GROWTH_HZ	 199 /* only a part of the samples stays */
#define DEFAULT_EVERY	 1000
#define DEFAULT_MIN_RATE 500
#define DEFAULT_DEPTH	 127
#define SUMMARY_S	 30
#define GROWTH_S	 30
#define ALLOCS_HZ	 500 /* of what is freed at once nothing stays */
#define ALLOCS_S	 10
#define ALLOCS_AUTO_S	 60

enum {
	OPT_MODE = 0x200,
	OPT_HZ,
	OPT_EVERY,
	OPT_MIN_RATE,
	OPT_UNWIND,
	OPT_DEPTH,
	OPT_NO_LINES,
	OPT_BACKEND,
	OPT_DIFF,
	OPT_RECORD,
	OPT_REPLAY,
	OPT_WINDOW,
};

const char *const pfstack_mode_words[] = { "faults", "growth", "allocs", NULL };
static const char *const unwind_words[] = { "dwarf", "fp", NULL };
static const char *const backend_words[] = { "auto", "tp_btf", "perf", NULL };
static const enum pf_backend backends[] = { PF_BACKEND_AUTO, PF_BACKEND_TP_BTF, PF_BACKEND_PERF };

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "What pfstack adds:", 1 },
	{ "mode", OPT_MODE, "MODE", 0,
	  "faults: what code takes page faults, and how much memory they bring (default); growth: "
	  "what code's memory stays, and gets more from one half of the time to the next; allocs: "
	  "what one process allocates and does not free",
	  0 },
	{ "hz", OPT_HZ, "N", 0,
	  "Take about N samples a second of each process (49; growth 199; allocs 500)", 0 },
	{ "every", OPT_EVERY, "N", OPTION_ARG_OPTIONAL,
	  "Take each thread's every Nth fault instead (1000); allocs: an allocation every N bytes",
	  0 },
	{ "min-size", 'z', "BYTES", 0, "allocs: only allocations of BYTES and more (0)", 0 },
	{ "max-size", 'Z', "BYTES", 0, "allocs: only allocations of BYTES and less", 0 },
	{ "window", OPT_WINDOW, "auto", 0,
	  "allocs: end when the order of the stacks stays, at the latest after --duration (60)",
	  0 },
	{ "min-rate", OPT_MIN_RATE, "RATE", 0,
	  "Without --pid: look at processes from RATE faults a second on (500)", 0 },
	{ "unwind", OPT_UNWIND, "HOW", 0,
	  "dwarf: by unwind tables, from a copy of the stack (default); fp: by frame pointers, "
	  "for programs that have them",
	  0 },
	{ "depth", OPT_DEPTH, "N", 0, "At most N frames of a stack, 1 to 127 (127)", 0 },
	{ "no-lines", OPT_NO_LINES, NULL, 0,
	  "Do not look up source files, lines and inlined functions", 0 },
	{ "backend", OPT_BACKEND, "NAME", 0,
	  "What tells of faults: auto, tp_btf (exceptions tracepoints), perf (software event)", 0 },
	{ "top", 'n', "TOP", 0, "At most this many stacks, or processes, in a table; 0 = all (20)",
	  0 },
	{ "record", OPT_RECORD, "FILE", 0, "Also append all stacks to FILE, as JSON with names",
	  0 },
	{ "replay", OPT_REPLAY, "FILE", 0,
	  "Report on a recording (plain or gzip, - = standard input); needs no privileges", 0 },
	{ "diff", OPT_DIFF, "A", 0, "Show what changed from recording A to recording B", 0 },
	{ 0 },
};

static const char doc[] =
	"Which code makes it grow: stacks of page faults, of the processes named or of all that "
	"take many; a summary each INTERVAL seconds (30), and a report at the end."
	"\v"
	"EXAMPLES:\n"
	"  pfstack -p 1234 -d 10       # ten seconds of one process\n"
	"  pfstack                     # whoever takes 500 faults/s, until Ctrl-C\n"
	"  pfstack -p 1234 -d 60 --mode growth  # what stays, and gets more\n"
	"  pfstack -p 1234 --mode allocs        # what is not freed, of ten seconds\n"
	"  pfstack -C redis-server -d 30 -o svg -O redis.svg  # a flame graph\n"
	"  pfstack -p 1234 -d 10 -o folded | sort -k2 -n      # one line a stack\n"
	"  pfstack -p 1234 -d 10 -o pprof -O memory-%Y%m%d-%p.pb.gz\n"
	"  pfstack -p 1234 -d 10 --record a.jsonl -o json     # keep it\n"
	"  pfstack --replay a.jsonl -o svg -O a.svg           # no root\n"
	"  pfstack --diff a.jsonl b.jsonl\n"
	"\n"
	"Needs root, or the capabilities that pfstack(8) lists.";

static void parse_mode(struct argp_state *state, struct pfstack_opts *o, const char *arg)
{
	o->mode = (enum pfstack_mode)pf_arg_word(state, "--mode", arg, pfstack_mode_words);
}

static uint64_t parse_size(struct argp_state *state, const char *option, const char *arg)
{
	uint64_t bytes;

	if (pf_parse_size(arg, 0, UINT64_C(1) << 60, &bytes))
		pf_bad_value(state, option, arg, "give bytes, as 4096, 64K or 1M");
	return bytes;
}

static int parse_allocs(int key, char *arg, struct argp_state *state, struct pfstack_opts *o)
{
	static const char *const windows[] = { "auto", NULL };

	switch (key) {
	case 'z':
		o->least_bytes = parse_size(state, "--min-size", arg);
		return 0;
	case 'Z':
		o->most_bytes = parse_size(state, "--max-size", arg);
		return 0;
	case OPT_WINDOW:
		pf_arg_word(state, "--window", arg, windows);
		o->window_auto = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int parse_sampling(int key, char *arg, struct argp_state *state, struct pfstack_opts *o)
{
	switch (key) {
	case OPT_HZ:
		o->hz = (uint32_t)pf_arg_number(state, "--hz", arg, 1, 10000);
		return 0;
	case OPT_EVERY:
		o->every = arg ? (uint32_t)pf_arg_number(state, "--every", arg, 1, 1000000)
			       : DEFAULT_EVERY;
		return 0;
	case OPT_MIN_RATE:
		o->min_rate = (uint32_t)pf_arg_number(state, "--min-rate", arg, 1, 100000000);
		return 0;
	case OPT_UNWIND:
		o->frame_pointers = pf_arg_word(state, "--unwind", arg, unwind_words) == 1;
		return 0;
	case OPT_DEPTH:
		o->depth = (uint32_t)pf_arg_number(state, "--depth", arg, 1, DEFAULT_DEPTH);
		return 0;
	case OPT_BACKEND:
		o->common.backend = backends[pf_arg_word(state, "--backend", arg, backend_words)];
		return 0;
	default:
		return parse_allocs(key, arg, state, o);
	}
}

static bool binary(enum pf_format format)
{
	return format == PF_FORMAT_PPROF;
}

static void check_allocs(struct argp_state *state, const struct pfstack_opts *o)
{
	const struct pf_common *c = &o->common;
	const bool allocs = o->mode == MODE_ALLOCS;

	if (!allocs && (o->least_bytes || o->most_bytes != UINT64_MAX || o->window_auto))
		argp_error(state, "%s with --mode allocs",
			   o->window_auto ? "--window goes" : "--min-size and --max-size go");
	if (!allocs)
		return;
	if (o->least_bytes > o->most_bytes)
		argp_error(state, "--min-size is more than --max-size");
	if (c->n_pids != 1)
		argp_error(state, "--mode allocs looks at one process: give one --pid");
	if (c->positionals)
		argp_error(state, "--mode allocs has one window: --duration says how long");
	if (c->backend != PF_BACKEND_AUTO)
		argp_error(state, "--backend is for faults: it does not go with --mode allocs");
}

static void check_sampling(struct argp_state *state, const struct pfstack_opts *o)
{
	if (o->hz && o->every)
		argp_error(state, "--hz and --every both say what to sample: give one");
	if (o->min_rate && o->common.n_pids)
		argp_error(state, "--min-rate says whom to sample, and so does --pid: give one");
}

static void check(struct argp_state *state, const struct pfstack_opts *o)
{
	const struct pf_common *c = &o->common;

	if (o->diff_from && !o->diff_to)
		argp_error(state, "--diff takes two recordings: --diff A B");
	if (o->diff_from && c->replay_path)
		argp_error(state, "--diff and --replay both say what to read: give one");
	if ((o->diff_from || c->replay_path) && c->record_path)
		argp_error(state, "--record writes what is sampled: it does not go with %s",
			   o->diff_from ? "--diff" : "--replay");
	if ((o->diff_from || c->replay_path) && c->n_pids)
		argp_error(state, "--pid says what to sample: it does not go with %s",
			   o->diff_from ? "--diff" : "--replay");
	if (o->diff_from && c->format == PF_FORMAT_PPROF)
		argp_error(state,
			   "--diff goes with --output table, json, folded and svg: a profile "
			   "is compared by pprof itself (-diff_base)");
	if (binary(c->format) && !c->out_path && isatty(STDOUT_FILENO))
		argp_error(state, "--output pprof is not for a terminal: give --output-file");
}

/* Times as in strftime(3); %p is the process, or where none or several are named this one. */
static char *fill_path(const struct pf_common *c)
{
	struct pf_strbuf pattern = PF_STRBUF_INIT;
	int64_t pid = c->n_pids == 1 ? c->pids[0] : getpid();
	time_t now = time(NULL);
	char path[4096] = "";
	struct tm tm;

	for (const char *s = c->out_path; *s; s++) {
		if (s[0] == '%' && s[1] == 'p') {
			pf_strbuf_addf(&pattern, "%" PRId64, pid);
			s++;
		} else if (s[0] == '%' && s[1]) {
			pf_strbuf_addch(&pattern, *s++);
			pf_strbuf_addch(&pattern, *s);
		} else {
			pf_strbuf_adds(&pattern, s[0] == '%' ? "%%" : (char[]){ s[0], '\0' });
		}
	}
	if (!pattern.failed && localtime_r(&now, &tm))
		strftime(path, sizeof(path), pattern.data, &tm);
	pf_strbuf_free(&pattern);
	return strdup(path);
}

static void finish(struct argp_state *state, struct pfstack_opts *o)
{
	struct pf_common *c = &o->common;

	static const uint32_t rates[] = {
		[MODE_FAULTS] = DEFAULT_HZ, [MODE_GROWTH] = GROWTH_HZ, [MODE_ALLOCS] = ALLOCS_HZ
	};

	check(state, o);
	check_sampling(state, o);
	if (!o->diff_from && !c->replay_path && !c->json_schema)
		check_allocs(state, o);
	if (!o->hz)
		o->hz = rates[o->mode];
	if (!o->min_rate)
		o->min_rate = DEFAULT_MIN_RATE;
	if (o->mode == MODE_ALLOCS && !c->duration_s)
		c->duration_s = o->window_auto ? ALLOCS_AUTO_S : ALLOCS_S;
	if (o->mode == MODE_GROWTH && !c->duration_s && !c->count)
		c->interval_s = c->positionals ? c->interval_s : GROWTH_S;
	if (!c->out_path)
		return;
	o->out_path = fill_path(c);
	if (!o->out_path || !*o->out_path)
		pf_bad_value(state, "--output-file", c->out_path,
			     "its name comes out empty or too long");
	c->out_path = o->out_path;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct pfstack_opts *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->child_inputs[1] = &o->common;
		return 0;
	case OPT_MODE:
		parse_mode(state, o, arg);
		return 0;
	case OPT_NO_LINES:
		o->lines = false;
		return 0;
	case 'n':
		o->common.top = pf_arg_number(state, "--top", arg, 0, 1000000);
		return 0;
	case OPT_RECORD:
		o->common.record_path = pf_arg_text(state, "--record", arg);
		return 0;
	case OPT_REPLAY:
		o->common.replay_path = pf_arg_text(state, "--replay", arg);
		return 0;
	case OPT_DIFF:
		o->diff_from = pf_arg_text(state, "--diff", arg);
		return 0;
	case ARGP_KEY_ARG:
		if (!o->diff_from || o->diff_to)
			return ARGP_ERR_UNKNOWN;
		o->diff_to = pf_arg_text(state, "--diff", arg);
		return 0;
	case ARGP_KEY_END:
		finish(state, o);
		return 0;
	default:
		return parse_sampling(key, arg, state, o);
	}
}

void pfstack_parse(struct pfstack_opts *opts, int argc, char **argv)
{
	static const char *const without[] = { "once",	   "sort",   "columns", "timestamps",
					       "watch",	   "sample", "backend", "no-exits",
					       "overhead", "top",    "record",	"replay",
					       NULL };
	static const struct pf_cli cli = {
		.options = options,
		.parser = parse_option,
		.doc = doc,
		.usage_status = 2,
		.without = without,
		.args_doc = "[INTERVAL [COUNT]]\n--diff A B",
	};

	memset(opts, 0, sizeof(*opts));
	pf_common_init(&opts->common, "pfstack", SUMMARY_S);
	opts->common.formats = 1u << PF_FORMAT_TABLE | 1u << PF_FORMAT_JSON |
			       1u << PF_FORMAT_FOLDED | 1u << PF_FORMAT_PPROF | 1u << PF_FORMAT_SVG;
	opts->depth = DEFAULT_DEPTH;
	opts->lines = true;
	opts->most_bytes = UINT64_MAX;
	pf_cli_parse(&cli, argc, argv, &opts->common, opts);
}

void pfstack_opts_free(struct pfstack_opts *opts)
{
	free(opts->out_path);
	pf_common_free(&opts->common);
}
