/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options every tool shares. Checks each by itself here and how they go
 * together at the end; opens nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "version.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/parse.h"
#include "lib/base/strbuf.h"
#include "lib/base/text.h"
#include "lib/cli/common.h"
#include "lib/cli/privileges.h"

#define DAY_S	     86400.0
#define INTERVAL_MIN 0.01
#define TOP_MAX	     1000000
#define SAMPLE_MAX   1000000

enum {
	OPT_COLUMNS = 0x100,
	OPT_JSON_SCHEMA,
	OPT_BACKEND,
	OPT_SAMPLE,
	OPT_NO_EXITS,
	OPT_COLOR,
	OPT_RECORD,
	OPT_REPLAY,
	OPT_ONCE,
	OPT_WATCH,
	OPT_OVERHEAD,
	OPT_USAGE,
};

static const char *const format_words[] = { "table",  "json",  "csv", "prom",
					    "folded", "pprof", "svg", NULL };
static const char *const format_help[] = {
	"table", "json (one object a line)", "csv", "prom", "folded", "pprof", "svg"
};
static const char *const when_words[] = { "auto", "always", "never", NULL };
static const char *const backend_words[] = { "auto", "fexit",	 "tp_btf", "tracepoint",
					     "perf", "counters", NULL };
static const char *const snapshot_words[] = { "auto", "iter", "proc", NULL };
static const char *const storage_words[] = { "auto", "task", "hash", NULL };
static const char *const slots_words[] = { "auto", "none", "one", "soon", NULL };
static const char *const buffer_words[] = { "auto", "ring", "perf", NULL };
static const char *const object_words[] = { "auto", "core", "plain", NULL };
static const char *const rss_words[] = { "auto", "percpu", "central", "strange", NULL };

/* What a report takes, whether it comes once or each interval. */
static const struct argp_option report_options[] = {
	{ NULL, 0, NULL, 0, "Output:", 30 },
	{ "output", 'o', "FORMAT", 0, "table, json (one object a line), csv, prom", 0 },
	{ "output-file", 'O', "FILE", 0,
	  "Write there instead of standard output: appended, with prom replaced in one step", 0 },
	{ "json-schema", OPT_JSON_SCHEMA, NULL, 0, "Print the JSON Schema of the records", 0 },
	{ "color", OPT_COLOR, "WHEN", 0,
	  "auto (on a terminal; NO_COLOR is honoured), always, never", 0 },

	{ NULL, 0, NULL, 0, "General:", 50 },
	{ "verbose", 'v', NULL, 0, "Say what is being used; twice for the libraries' messages", 0 },
	{ "help", 'h', NULL, 0, "Print this help", 0 },
	{ "usage", OPT_USAGE, NULL, 0, "Print a short usage message", 0 },
	{ "version", 'V', NULL, 0, "Print the version", 0 },
	{ 0 },
};

/* What goes with intervals besides. */
static const struct argp_option interval_options[] = {
	{ NULL, 0, NULL, 0, "Which processes:", 10 },
	{ "pid", 'p', "PID[,PID...]", 0, "Only these processes; ends when all of them have", 0 },
	{ "cgroup", 'c', "CGROUP", 0,
	  "Only this cgroup (/path, with what is below it) or container (first characters of its id)",
	  0 },
	{ "comm", 'C', "NAME", 0, "Only processes of this name (pattern with * ? [])", 0 },
	{ "user", 'u', "USER", 0, "Only this user's processes (name or number)", 0 },

	{ NULL, 0, NULL, 0, "How long:", 20 },
	{ "duration", 'd', "SECONDS", 0, "Stop after this time (also 90s, 5m, 2h)", 0 },
	{ "once", OPT_ONCE, NULL, 0, "One interval, then stop", 0 },

	{ "top", 'n', "TOP", 0, "At most this many lines an interval, 0 = all (20)", 30 },
	{ "sort", 's', "KEY", 0, "Sort by this column, largest first", 30 },
	{ "columns", OPT_COLUMNS, "LIST", 0,
	  "Columns in this order; +KEY and -KEY change the default; 'help' lists all", 30 },
	{ "timestamps", 'T', NULL, 0, "Begin each line of a table with the time", 30 },
	{ "watch", OPT_WATCH, NULL, 0, "Redraw one screen; q ends it", 30 },

	{ NULL, 0, NULL, 0, "Source:", 40 },
	{ "backend", OPT_BACKEND, "NAME", 0,
	  "What counts fault events: auto, fexit, tp_btf, tracepoint, perf; counters = nothing, only "
	  "the kernel's totals, at no cost per fault",
	  0 },
	{ "sample", OPT_SAMPLE, "N", 0,
	  "Count one fault event in N, drawn at random, and scale; auto = all of a process's events "
	  "below 2000 a second, one in 10 above, one in 100 above 5000",
	  0 },
	{ "no-exits", OPT_NO_EXITS, NULL, 0, "No word on processes that die between intervals", 0 },
	{ "record", OPT_RECORD, "FILE", 0, "Also append every sample to FILE, as JSON", 0 },
	{ "replay", OPT_REPLAY, "FILE", 0,
	  "Take samples from a recording (plain or gzip, - = standard input); needs no privileges",
	  0 },
	{ "overhead", OPT_OVERHEAD, NULL, 0, "Show the tool's own cost at the end", 0 },
	{ 0 },
};

void pf_bad_value(struct argp_state *state, const char *option, const char *value,
		  const char *accepts)
{
	char shown[256];

	argp_error(state, "%s: '%s' is not accepted: %s", option,
		   pf_text_printable(shown, sizeof(shown), value), accepts);
	exit(argp_err_exit_status); /* argp_error does not return without ARGP_NO_EXIT */
}

double pf_arg_duration(struct argp_state *state, const char *option, const char *value,
		       double min_s, double max_s)
{
	char accepts[128];
	double s;

	if (!pf_parse_duration(value, min_s, max_s, &s))
		return s;
	snprintf(accepts, sizeof(accepts),
		 "give seconds from %.10g to %.10g (or like 500ms, 5m, 2h, 1d)", min_s, max_s);
	pf_bad_value(state, option, value, accepts);
}

uint64_t pf_arg_number(struct argp_state *state, const char *option, const char *value,
		       uint64_t min, uint64_t max)
{
	char accepts[128];
	uint64_t n;

	if (!pf_parse_u64(value, min, max, &n))
		return n;
	snprintf(accepts, sizeof(accepts), "give a whole number from %llu to %llu",
		 (unsigned long long)min, (unsigned long long)max);
	pf_bad_value(state, option, value, accepts);
}

double pf_arg_rate(struct argp_state *state, const char *option, const char *value)
{
	double rate;

	if (!pf_parse_double(value, 0.001, 1e9, &rate))
		return rate;
	pf_bad_value(state, option, value, "give a number per second, from 0.001 to 1000000000");
}

int pf_arg_word(struct argp_state *state, const char *option, const char *value,
		const char *const *words)
{
	_cleanup_(pf_strbuf_free) struct pf_strbuf list = PF_STRBUF_INIT;

	for (int i = 0; words[i]; i++) {
		if (!strcmp(words[i], value))
			return i;
		pf_strbuf_addf(&list, "%s%s", i ? ", " : "give one of: ", words[i]);
	}
	pf_bad_value(state, option, value, list.data ? list.data : "");
}

static bool has_pid(const struct pf_common *c, int64_t pid)
{
	for (size_t i = 0; i < c->n_pids; i++) {
		if (c->pids[i] == pid)
			return true;
	}
	return false;
}

void pf_arg_pids(struct argp_state *state, struct pf_common *c, const char *arg)
{
	_cleanup_free_ char *list = strdup(arg);
	char *save = NULL, *word;

	if (!list || !*arg || arg[strlen(arg) - 1] == ',' || strstr(arg, ",,") || *arg == ',')
		pf_bad_value(state, "--pid", arg, "give process ids separated by commas");
	for (word = strtok_r(list, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		int64_t pid = (int64_t)pf_arg_number(state, "--pid", word, 1, 4194304);

		if (has_pid(c, pid))
			continue;
		if (c->n_pids == PF_OBSERVE_PIDS_MAX)
			argp_error(state, "--pid: at most %d processes can be named",
				   PF_OBSERVE_PIDS_MAX);
		c->pids[c->n_pids++] = pid;
	}
}

static int64_t parse_user(struct argp_state *state, const char *arg)
{
	const struct passwd *pw;
	uint64_t uid;

	if (!pf_parse_u64(arg, 0, UINT32_MAX - 1, &uid))
		return (int64_t)uid;
	pw = *arg ? getpwnam(arg) : NULL;
	if (!pw)
		pf_bad_value(state, "--user", arg, "give the name or number of a user known here");
	return pw->pw_uid;
}

const char *pf_arg_text(struct argp_state *state, const char *option, const char *arg)
{
	if (!*arg)
		pf_bad_value(state, option, arg, "it must not be empty");
	return arg;
}

static enum pf_format parse_format(struct argp_state *state, const struct pf_common *c,
				   const char *arg)
{
	const char *words[PF_ARRAY_SIZE(format_words)] = { NULL };
	size_t n = 0;

	for (size_t i = 0; format_words[i]; i++) {
		if (c->formats & (1u << i))
			words[n++] = format_words[i];
	}
	pf_arg_word(state, "--output", arg, words);
	return (enum pf_format)pf_arg_word(state, "--output", arg, format_words);
}

static void positional(struct argp_state *state, struct pf_common *c, const char *arg)
{
	if (c->positionals == 0) {
		c->interval_s = pf_arg_duration(state, "INTERVAL", arg, INTERVAL_MIN, DAY_S);
	} else if (c->positionals == 1) {
		c->count = pf_arg_number(state, "COUNT", arg, 1, UINT32_MAX);
	} else {
		pf_bad_value(state, "argument", arg, "only INTERVAL and COUNT are expected");
	}
	c->positionals++;
}

static void parse_sample(struct argp_state *state, struct pf_common *c, const char *arg)
{
	uint64_t every = 1;

	c->sample_auto = !strcmp(arg, "auto");
	if (!c->sample_auto && pf_parse_u64(arg, 1, SAMPLE_MAX, &every))
		pf_bad_value(state, "--sample", arg,
			     "give a whole number from 1 (count all) to 1000000, or auto");
	c->sample_every = (uint32_t)every;
}

bool pf_common_sampling(const struct pf_common *c)
{
	return c->sample_every > 0;
}

/* How options go together; each alone was checked when it came. */
static void check(struct argp_state *state, const struct pf_common *c)
{
	if (c->replay_path && c->record_path && pf_file_same(c->replay_path, c->record_path))
		argp_error(state, "--record and --replay name the same file");
	if (c->replay_path && c->out_path && pf_file_same(c->replay_path, c->out_path))
		argp_error(state, "--output-file and --replay name the same file");
	if (c->watch && c->format != PF_FORMAT_TABLE)
		argp_error(state, "--watch draws a table: it does not go with --output");
	if (c->watch && c->out_path)
		argp_error(state, "--watch needs a terminal: it does not go with --output-file");
	if (c->replay_path && c->backend != PF_BACKEND_AUTO)
		argp_error(state, "--backend chooses what to trace: it does not go with --replay");
	if (c->replay_path && pf_common_sampling(c))
		argp_error(state, "--sample chooses what to count: it does not go with --replay");
	if (c->backend == PF_BACKEND_COUNTERS && pf_common_sampling(c))
		argp_error(state, "--sample thins out fault events, and the backend counters sees "
				  "none: the kernel's own totals are always complete");
	if (c->replay_path && c->overhead)
		argp_error(state, "--overhead measures tracing: it does not go with --replay");
	if (c->columns && c->format == PF_FORMAT_PROM)
		argp_error(state,
			   "--columns does not go with --output prom: its metrics are fixed");
}

/* What was asked for is printed. */
static void __attribute__((noreturn)) leave(void)
{
	if (fflush(stdout) && errno != EPIPE) {
		pf_err("cannot write standard output: %s", strerror(errno));
		exit(1);
	}
	exit(0);
}

static void __attribute__((noreturn))
tell(int key, struct argp_state *state, const struct pf_common *c)
{
	if (key == 'V')
		printf("%s (pftools) %s\n", c->tool, PF_VERSION);
	else if (key == 'h')
		argp_state_help(state, stdout,
				ARGP_HELP_STD_HELP & ~(unsigned int)ARGP_HELP_EXIT_OK);
	else
		argp_state_help(state, stdout, ARGP_HELP_USAGE);
	leave();
}

static error_t parse_report(int key, char *arg, struct argp_state *state)
{
	struct pf_common *c = state->input;

	switch (key) {
	case 'o':
		c->format = parse_format(state, c, arg);
		return 0;
	case 'O':
		c->out_path = pf_arg_text(state, "--output-file", arg);
		return 0;
	case OPT_JSON_SCHEMA:
		c->json_schema = true;
		return 0;
	case OPT_COLOR:
		c->color = (enum pf_when)pf_arg_word(state, "--color", arg, when_words);
		return 0;
	case 'v':
		pf_log_set_level(pf_log_level() < PF_LOG_INFO ? PF_LOG_INFO : PF_LOG_DEBUG);
		return 0;
	case 'h':
	case OPT_USAGE:
	case 'V':
		tell(key, state, c);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int parse_source(int key, char *arg, struct argp_state *state, struct pf_common *c)
{
	switch (key) {
	case OPT_BACKEND:
		c->backend = (enum pf_backend)pf_arg_word(state, "--backend", arg, backend_words);
		return 0;
	case OPT_SAMPLE:
		parse_sample(state, c, arg);
		return 0;
	case OPT_NO_EXITS:
		c->exits = false;
		return 0;
	case OPT_RECORD:
		c->record_path = pf_arg_text(state, "--record", arg);
		return 0;
	case OPT_REPLAY:
		c->replay_path = pf_arg_text(state, "--replay", arg);
		return 0;
	case OPT_OVERHEAD:
		c->overhead = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int parse_lines(int key, char *arg, struct argp_state *state, struct pf_common *c)
{
	switch (key) {
	case 'n':
		c->top = pf_arg_number(state, "--top", arg, 0, TOP_MAX);
		return 0;
	case 's':
		c->sort = pf_arg_text(state, "--sort", arg);
		return 0;
	case OPT_COLUMNS:
		c->columns_help = !strcmp(arg, "help");
		c->columns = pf_arg_text(state, "--columns", arg);
		return 0;
	case 'T':
		c->timestamps = true;
		return 0;
	case OPT_WATCH:
		c->watch = true;
		return 0;
	default:
		return parse_source(key, arg, state, c);
	}
}

static error_t parse_interval(int key, char *arg, struct argp_state *state)
{
	struct pf_common *c = state->input;

	switch (key) {
	case 'p':
		pf_arg_pids(state, c, arg);
		return 0;
	case 'd':
		c->duration_s =
			pf_arg_duration(state, "--duration", arg, INTERVAL_MIN, 366 * DAY_S);
		return 0;
	case 'c':
		c->cgroup = pf_arg_text(state, "--cgroup", arg);
		return 0;
	case 'C':
		c->comm = pf_arg_text(state, "--comm", arg);
		return 0;
	case 'u':
		c->uid = parse_user(state, arg);
		return 0;
	case OPT_ONCE:
		c->once = true;
		return 0;
	case ARGP_KEY_ARG:
		positional(state, c, arg);
		return 0;
	case ARGP_KEY_END:
		check(state, c);
		return 0;
	default:
		return parse_lines(key, arg, state, c);
	}
}

/* Only the formats that the tool can write. */
static char *help_filter(int key, const char *text, void *input)
{
	const struct pf_common *c = input;
	struct pf_strbuf b = PF_STRBUF_INIT;

	if (key == 'O' && c && (c->formats & (1u << PF_FORMAT_PPROF)))
		return strdup(
			"Write there instead of standard output: appended, with pprof and "
			"svg replaced in one step; times as in strftime(3), %p = the process");
	if (key == 'O' && c && !(c->formats & (1u << PF_FORMAT_PROM)))
		return strdup("Append there instead of writing to standard output");
	if (key != 'o' || !c)
		return (char *)text;
	for (size_t i = 0; format_words[i]; i++) {
		if (c->formats & (1u << i))
			pf_strbuf_addf(&b, "%s%s", b.len ? ", " : "", format_help[i]);
	}
	return b.data;
}

static const struct argp report_argp = {
	.options = report_options,
	.parser = parse_report,
	.help_filter = help_filter,
};

void pf_common_init(struct pf_common *c, const char *tool, double interval_s)
{
	memset(c, 0, sizeof(*c));
	c->tool = tool;
	c->interval_s = interval_s;
	c->formats = 1u << PF_FORMAT_TABLE | 1u << PF_FORMAT_JSON | 1u << PF_FORMAT_CSV |
		     1u << PF_FORMAT_PROM;
	c->uid = -1;
	c->top = 20;
	c->exits = true;
}

void pf_common_free(struct pf_common *c)
{
	free(c->options);
	c->options = NULL;
}

/* The command line with blanks between; an argument with blanks is put in quotes. */
static char *join(int argc, char **argv)
{
	struct pf_strbuf b = PF_STRBUF_INIT;

	for (int i = 1; i < argc; i++) {
		const char *quote = strpbrk(argv[i], " \t\n") ? "'" : "";

		pf_strbuf_addf(&b, "%s%s%s%s", i > 1 ? " " : "", quote, argv[i], quote);
	}
	if (b.failed) {
		pf_strbuf_free(&b);
		return NULL;
	}
	return b.data ? b.data : strdup("");
}

/* Index of the word that a variable of the environment holds; 0 = it is not set, or no such word. */
static int environment_word(const char *name, const char *const *words)
{
	_cleanup_(pf_strbuf_free) struct pf_strbuf list = PF_STRBUF_INIT;
	const char *value = getenv(name);
	char shown[256];

	for (int i = 0; value && words[i]; i++) {
		if (!strcmp(value, words[i]))
			return i;
		pf_strbuf_addf(&list, "%s%s", i ? ", " : "", words[i]);
	}
	if (value)
		pf_warn("%s: '%s' is none of %s: not used", name,
			pf_text_printable(shown, sizeof(shown), value), list.data ? list.data : "");
	return 0;
}

/* For tests and for machines where a choice misbehaves: see HACKING.md. */
static void read_environment(struct pf_observe_force *force)
{
	force->snapshot = (enum pf_snapshot)environment_word("PF_FORCE_SNAPSHOT", snapshot_words);
	force->storage = (enum pf_storage)environment_word("PF_FORCE_STORAGE", storage_words);
	force->slots = (enum pf_slots)environment_word("PF_FORCE_SLOTS", slots_words);
	force->buffer = (enum pf_buffer)environment_word("PF_FORCE_BUFFER", buffer_words);
	force->object = (enum pf_object)environment_word("PF_FORCE_OBJECT", object_words);
	force->rss = (enum pf_rss)environment_word("PF_FORCE_RSS", rss_words);
}

/*
 * Started with a standard descriptor closed, the next file we open would take
 * its place and get our output. Open for reading, so that writing fails.
 */
static void hold_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

static bool takes(const struct pf_cli *cli, const struct argp_option *option)
{
	for (const char *const *name = cli->without; name && *name; name++) {
		if (option->name && !strcmp(option->name, *name))
			return false;
	}
	return true;
}

/* A heading without options behind it is left out, too. */
static void choose_options(const struct pf_cli *cli, struct argp_option *chosen)
{
	size_t n = 0;

	for (size_t i = 0; i < PF_ARRAY_SIZE(interval_options); i++) {
		const struct argp_option *option = &interval_options[i];

		if (!option->name && n && !chosen[n - 1].name)
			n--;
		if (takes(cli, option))
			chosen[n++] = *option;
	}
}

static const char *args_doc(const struct pf_cli *cli)
{
	if (cli->args_doc)
		return cli->args_doc;
	return cli->no_intervals ? NULL : "[INTERVAL [COUNT]]";
}

void pf_cli_parse(const struct pf_cli *cli, int argc, char **argv, struct pf_common *c, void *input)
{
	struct argp_option chosen[PF_ARRAY_SIZE(interval_options)];
	const struct argp intervals = { .options = chosen, .parser = parse_interval };
	const struct argp_child children[] = {
		{ &report_argp, 0, NULL, 0 },
		{ cli->no_intervals ? NULL : &intervals, 0, NULL, 0 },
		{ 0 },
	};
	const struct argp argp = {
		.options = cli->options,
		.parser = cli->parser,
		.args_doc = args_doc(cli),
		.doc = cli->doc,
		.children = children,
	};

	choose_options(cli, chosen);
	pf_privileges_begin();
	hold_standard_descriptors();
	setlocale(LC_CTYPE, ""); /* how wide characters are; numbers stay as they are */
	argp_err_exit_status = cli->usage_status;
	c->options = join(argc, argv);
	argv[0] = (char *)c->tool; /* what messages begin with, wherever it was called from */
	read_environment(&c->force);
	argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, input);
}
