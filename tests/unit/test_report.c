/* SPDX-License-Identifier: BSD-2-Clause */
/* One set of rows in every format, and the way out when the reader is gone. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <jansson.h>

#include "lib/base/cleanup.h"
#include "lib/base/strbuf.h"
#include "lib/record/sample.h"
#include "lib/report/report.h"
#include "lib/report/spark.h"

struct row {
	int64_t pid;
	char comm[32];
	int64_t rss;
	int64_t change;
	int64_t faults;
	double ts;
	double age;
	double score;
	bool exited;
	const char *cgroup;
};

#define COL(member, kind, head, w, how)                                                            \
	{                                                                                          \
		.field = PF_FIELD(struct row, member, #member, kind, "", "What it is."),           \
		.header = head, .width = w, .look = how, .table = true                             \
	}

static const struct pf_column cols[] = {
	COL(pid, PF_INT, "PID", 7, PF_LOOK_PLAIN),
	COL(comm, PF_CHARS, "COMMAND", -8, PF_LOOK_PLAIN),
	COL(rss, PF_INT, "RSS", 6, PF_LOOK_BYTES),
	COL(change, PF_INT, "CHANGE", 6, PF_LOOK_DELTA),
	COL(faults, PF_INT, "FAULT/s", 7, PF_LOOK_RATE),
	COL(ts, PF_TIME, "TIME", 8, PF_LOOK_CLOCK),
	COL(age, PF_REAL, "AGE", 6, PF_LOOK_DURATION),
	COL(score, PF_REAL, "SCORE", 5, PF_LOOK_PLAIN),
	COL(exited, PF_BOOL, "EXITED", 3, PF_LOOK_PLAIN),
	COL(cgroup, PF_STRING, "CGROUP", -12, PF_LOOK_PLAIN),
};

#define N PF_ARRAY_SIZE(cols)

static const struct row good = { .pid = 42,
				 .comm = "worker",
				 .rss = 12897485,
				 .change = -1536,
				 .faults = 25,
				 .ts = 3661.5,
				 .age = 11100,
				 .score = 82.25,
				 .exited = true,
				 .cgroup = "/a b" };

static const struct row unknown = { .pid = PF_UNKNOWN,
				    .rss = PF_UNKNOWN,
				    .change = PF_UNKNOWN,
				    .faults = PF_UNKNOWN,
				    .ts = NAN,
				    .age = NAN,
				    .score = INFINITY };

static int highlight(const void *row)
{
	return row == &good ? 1 : 2;
}

/* The rows by one of the formats, to be freed. */
typedef int format(struct pf_strbuf *out, const struct pf_column_set *set,
		   const struct pf_rows *rows, const struct pf_table_style *style);

static int as_table(struct pf_strbuf *out, const struct pf_column_set *set,
		    const struct pf_rows *rows, const struct pf_table_style *style)
{
	int rc = pf_table_head(out, cols, set, style);

	return rc ? rc : pf_table_rows(out, cols, set, rows, style);
}

static int as_csv(struct pf_strbuf *out, const struct pf_column_set *set,
		  const struct pf_rows *rows, const struct pf_table_style *style)
{
	int rc = pf_csv_head(out, cols, set);

	(void)style;
	return rc ? rc : pf_csv_rows(out, cols, set, rows);
}

static int as_json(struct pf_strbuf *out, const struct pf_column_set *set,
		   const struct pf_rows *rows, const struct pf_table_style *style)
{
	(void)style;
	return pf_json_rows(out, "process", cols, set, rows);
}

static void check(format *fn, const char *list, const struct row *a, const struct row *b,
		  const struct pf_table_style *style, const char *expected)
{
	const void *row[] = { a, b };
	struct pf_rows rows = { .row = row, .n = b ? 2 : 1, .interval_s = 2 };
	struct pf_strbuf out = PF_STRBUF_INIT;
	struct pf_column_set set = { 0 };

	if (list)
		assert_int_equal(pf_columns_parse(list, cols, N, &set, NULL), 0);
	else
		pf_columns_all(cols, N, &set);
	assert_int_equal(fn(&out, &set, &rows, style), 0);
	assert_string_equal(out.data, expected);
	pf_strbuf_free(&out);
}

static void test_table(void **state)
{
	(void)state;
	check(as_table, NULL, &good, &unknown, NULL,
	      "    PID COMMAND     RSS CHANGE FAULT/s     TIME    AGE SCORE EXITED CGROUP\n"
	      "     42 worker    12.3M  -1.5K    12.5 01:01:01  3h05m 82.25    yes /a b\n"
	      "      -               -      -       -        -      -     -     no -\n");
}

static void test_table_cuts_text_only(void **state)
{
	struct row r = good;

	(void)state;
	r.pid = 1234567890123;
	strcpy(r.comm, "a-very-long-name");
	r.cgroup = "/kubepods/besteffort/pod1";
	check(as_table, "pid,comm,cgroup", &r, NULL, NULL,
	      "    PID COMMAND  CGROUP\n"
	      "1234567890123 a-very-+ /kubepods/b+\n");
	/* A heading that is wider than its column (3) makes the column wider. */
	check(as_table, "exited,age", &r, NULL, NULL,
	      "EXITED    AGE\n"
	      "   yes  3h05m\n");
}

static void test_table_hostile_names(void **state)
{
	struct row r = good;

	(void)state;
	strcpy(r.comm, "\x1b[2J\n");
	r.cgroup = "\xff\xe2\x80\xae";
	check(as_table, "comm,cgroup,pid", &r, NULL, NULL,
	      "COMMAND  CGROUP           PID\n"
	      "\\x1b[2J+ \xef\xbf\xbd\\u202e           42\n");
	strcpy(r.comm, "h\xc3\xa4ll\xc3\xb6");
	check(as_table, "comm,pid", &r, NULL, NULL,
	      "COMMAND      PID\n"
	      "h\xc3\xa4ll\xc3\xb6         42\n");
}

static void test_table_screen(void **state)
{
	struct pf_table_style narrow = { .columns = 12 };

	(void)state;
	check(as_table, "pid,comm,rss", &good, NULL, &narrow,
	      "    PID COM+\n"
	      "     42 wor+\n");
	narrow.columns = 14;
	check(as_table, "pid,comm", &good, NULL, &narrow,
	      "    PID COMMA+\n"
	      "     42 worker\n");
}

static void test_table_colours(void **state)
{
	struct pf_table_style style = { .color = true, .highlight = highlight, .columns = 11 };

	(void)state;
	check(as_table, "pid,comm", &good, &unknown, &style,
	      "\033[1m    PID CO+\033[0m\n"
	      "\033[33m     42 wo+\033[0m\n"
	      "\033[1;31m      - \033[0m\n");
	style.color = false;
	check(as_table, "pid", &good, &unknown, &style, "    PID\n     42\n      -\n");
}

static bool is_estimate(const void *row)
{
	return ((const struct row *)row)->exited;
}

/* Only what may be an estimate is marked, only where the row is one, and never what is unknown. */
static void test_table_estimates(void **state)
{
	static const struct pf_column two[] = {
		{ .field = PF_FIELD(struct row, rss, "rss", PF_INT, "", "It."),
		  .header = "RSS",
		  .width = 4 },
		{ .field = PF_FIELD(struct row, faults, "faults", PF_INT, "", "It."),
		  .header = "FAULT/s",
		  .width = 7,
		  .look = PF_LOOK_RATE,
		  .estimate = true },
	};
	static const struct row row[] = { { .rss = 1, .faults = 20, .exited = true },
					  { .rss = 1, .faults = 20 },
					  { .rss = 1, .faults = PF_UNKNOWN, .exited = true } };
	const void *const list[] = { &row[0], &row[1], &row[2] };
	struct pf_rows rows = { list, 3, 1 };
	struct pf_column_set set = { 2, { 0, 1 } };
	struct pf_table_style style = { .estimate = is_estimate };
	struct pf_strbuf b = PF_STRBUF_INIT;

	(void)state;
	assert_int_equal(pf_table_rows(&b, two, &set, &rows, &style), 0);
	assert_string_equal(b.data, "   1   ~20.0\n   1    20.0\n   1       -\n");
	pf_strbuf_free(&b);
}

static void test_rate_needs_an_interval(void **state)
{
	const void *row[] = { &good };
	struct pf_rows rows = { .row = row, .n = 1, .interval_s = 0 };
	struct pf_column_set set = { .n = 1, .index = { 4 } };
	struct pf_strbuf out = PF_STRBUF_INIT;

	(void)state;
	assert_int_equal(pf_table_rows(&out, cols, &set, &rows, NULL), 0);
	assert_string_equal(out.data, "      -\n");
	pf_strbuf_free(&out);
}

static void test_csv(void **state)
{
	(void)state;
	check(as_csv, NULL, &good, &unknown, NULL,
	      "pid,comm,rss,change,faults,ts,age,score,exited,cgroup\n"
	      "42,worker,12897485,-1536,25,3661.5,11100,82.25,true,\"/a b\"\n"
	      ",\"\",,,,,,,false,\n");
}

static void test_csv_text(void **state)
{
	static const struct {
		const char *name;
		const char *cell;
	} cases[] = {
		{ "plain", "plain" },
		{ "a,b", "\"a,b\"" },
		{ "say \"hi\"", "\"say \"\"hi\"\"\"" },
		{ "two\nlines\r", "two\\nlines\\r" },
		{ "\x1b[31m", "\\x1b[31m" },
		{ "a\xff", "a\xef\xbf\xbd" },
		{ "=1+1", "\"'=1+1\"" },
		{ "+1", "\"'+1\"" },
		{ "-1", "\"'-1\"" },
		{ "@cmd", "\"'@cmd\"" },
		{ "a=1", "a=1" },
		{ "'quoted", "\"'quoted\"" },
		{ "", "\"\"" },
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		struct row r = good;
		char expected[64];

		strcpy(r.comm, cases[i].name);
		snprintf(expected, sizeof(expected), "comm,pid\n%s,42\n", cases[i].cell);
		check(as_csv, "comm,pid", &r, NULL, NULL, expected);
	}
}

static void test_json(void **state)
{
	struct row r = good;

	(void)state;
	strcpy(r.comm, "a\n\xff");
	check(as_json, NULL, &r, &unknown, NULL,
	      "{\"v\":1,\"type\":\"process\",\"pid\":42,\"comm\":\"a\\n\xef\xbf\xbd\","
	      "\"rss\":12897485,\"change\":-1536,\"faults\":25,\"ts\":3661.5,\"age\":11100.0,"
	      "\"score\":82.25,\"exited\":true,\"cgroup\":\"/a b\"}\n"
	      "{\"v\":1,\"type\":\"process\",\"pid\":null,\"comm\":\"\",\"rss\":null,"
	      "\"change\":null,\"faults\":null,\"ts\":null,\"age\":null,\"score\":null,"
	      "\"exited\":false,\"cgroup\":null}\n");
	check(as_json, "faults", &good, NULL, NULL,
	      "{\"v\":1,\"type\":\"process\",\"faults\":25}\n");
}

/* No format may let the locale's decimal comma in. */
static void test_decimal_point(void **state)
{
	struct row r = good;

	(void)state;
	r.score = 0.1 + 0.2;
	r.ts = 1795364023.6789;
	r.age = -0.0000001;
	check(as_csv, "score,ts,age", &r, NULL, NULL, "score,ts,age\n0.3,1795364023.679,0\n");
	r.score = 1e20;
	check(as_csv, "score", &r, NULL, NULL, "score\n100000000000000000000\n");
	r.score = -2.5;
	check(as_csv, "score", &r, NULL, NULL, "score\n-2.5\n");
}

static void test_schema(void **state)
{
	json_t *schema = pf_json_schema("sample", pf_sample_fields, pf_sample_n_fields);
	json_t *properties = json_object_get(schema, "properties");
	json_t *rss = json_object_get(properties, "rss_bytes");
	char *text;

	(void)state;
	assert_non_null(rss);
	assert_string_equal(json_string_value(json_object_get(schema, "$schema")),
			    "https://json-schema.org/draft/2020-12/schema");
	assert_string_equal(json_string_value(json_object_get(schema, "type")), "object");
	assert_true(json_is_true(json_object_get(schema, "additionalProperties")));
	assert_int_equal(json_object_size(properties), pf_sample_n_fields + 2);
	text = json_dumps(json_object_get(schema, "required"), JSON_COMPACT);
	assert_string_equal(text, "[\"v\",\"type\"]");
	free(text);
	text = json_dumps(rss, JSON_COMPACT);
	assert_string_equal(text, "{\"type\":[\"integer\",\"null\"],\"description\":\"Resident "
				  "memory: anonymous + file + shared.\",\"x-unit\":\"bytes\"}");
	free(text);
	text = json_dumps(json_object_get(properties, "exited"), JSON_COMPACT);
	assert_non_null(strstr(text, "{\"type\":\"boolean\","));
	free(text);
	json_decref(schema);
}

static void test_columns_help(void **state)
{
	struct pf_column many[64];
	struct pf_strbuf out = PF_STRBUF_INIT;

	(void)state;
	assert_true(pf_sample_n_fields < PF_ARRAY_SIZE(many));
	for (size_t i = 0; i < pf_sample_n_fields; i++)
		many[i] = (struct pf_column){ .field = pf_sample_fields[i],
					      .header = "HEADING",
					      .table = i == 1 };
	assert_int_equal(pf_columns_help(&out, many, pf_sample_n_fields), 0);
	assert_non_null(strstr(out.data, "\n  ts "));
	assert_non_null(strstr(out.data, "\n* interval_s "));
	assert_non_null(strstr(out.data, "Length of the interval.\n"));
	for (char *line = strtok(out.data, "\n"); line; line = strtok(NULL, "\n")) {
		assert_true(strlen(line) <= 80);
		assert_true(line[strlen(line) - 1] != ' ');
	}
	pf_strbuf_free(&out);
}

static void test_flush(void **state)
{
	struct pf_strbuf b = PF_STRBUF_INIT;
	FILE *full = fopen("/dev/full", "w");
	char *memory = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&memory, &size);

	(void)state;
	assert_int_equal(pf_report_flush(&b, f, NULL), 0); /* nothing yet */
	pf_strbuf_adds(&b, "one\n");
	assert_int_equal(pf_report_flush(&b, f, NULL), 0);
	assert_int_equal(b.len, 0);
	pf_strbuf_adds(&b, "two\n");
	assert_int_equal(pf_report_flush(&b, f, NULL), 0);
	assert_string_equal(memory, "one\ntwo\n");
	fclose(f);
	free(memory);

	pf_strbuf_adds(&b, "lost\n");
	assert_int_equal(pf_report_flush(&b, full, NULL), -ENOSPC);
	assert_int_equal(b.len, 0);
	fclose(full);

	b.failed = true;
	assert_int_equal(pf_report_flush(&b, stdout, NULL), -ENOMEM);
	assert_false(b.failed);
	pf_strbuf_free(&b);
}

static void test_flush_keeps_order(void **state)
{
	struct pf_strbuf b = PF_STRBUF_INIT;
	char got[16] = "";
	int ends[2];
	FILE *f;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	f = fdopen(ends[1], "w");
	fputs("first ", f); /* still in stdio's buffer */
	pf_strbuf_adds(&b, "second");
	assert_int_equal(pf_report_flush(&b, f, NULL), 0);
	fclose(f);
	assert_int_equal(read(ends[0], got, sizeof(got)), 12);
	assert_string_equal(got, "first second");
	close(ends[0]);
	pf_strbuf_free(&b);
}

static void test_flush_closed_pipe(void **state)
{
	struct pf_strbuf b = PF_STRBUF_INIT;
	int ends[2];
	FILE *f;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(ends), 0);
	f = fdopen(ends[1], "w");
	close(ends[0]);
	pf_strbuf_adds(&b, "to nobody\n");
	assert_int_equal(pf_report_flush(&b, f, NULL), -EPIPE);
	fclose(f);
	pf_strbuf_free(&b);
	signal(SIGPIPE, SIG_DFL);
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* More than a pipe holds, a slow reader, and signals all the while. */
static void flush_interrupted(int flags)
{
	struct sigaction interrupt = { .sa_handler = on_alarm }; /* no SA_RESTART */
	const size_t total = 1 << 20;
	struct pf_strbuf b = PF_STRBUF_INIT;
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
	size_t got = 0;
	int ends[2], status;
	pid_t child;
	FILE *f;

	assert_int_equal(pipe(ends), 0);
	while (b.len < total)
		pf_strbuf_addf(&b, "%015zu\n", b.len);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[0]);
		fcntl(ends[1], F_SETFL, flags);
		f = fdopen(ends[1], "w");
		sigaction(SIGALRM, &interrupt, NULL);
		setitimer(ITIMER_REAL, &often, NULL);
		_exit(pf_report_flush(&b, f, NULL) ? 1 : 0);
	}
	close(ends[1]);
	for (;;) {
		char buf[16], expected[17];
		size_t n = 0;

		while (n < 16) {
			ssize_t r = read(ends[0], buf + n, 16 - n);

			assert_true(r >= 0);
			if (r == 0)
				break;
			n += (size_t)r;
		}
		if (n == 0)
			break;
		snprintf(expected, sizeof(expected), "%015zu\n", got);
		assert_memory_equal(buf, expected, 16);
		got += 16;
	}
	assert_int_equal(got, total);
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	pf_strbuf_free(&b);
}

static void test_flush_large_and_interrupted(void **state)
{
	(void)state;
	flush_interrupted(0);
	flush_interrupted(O_NONBLOCK);
}

static void test_terminal_columns(void **state)
{
	struct winsize size = { .ws_row = 24, .ws_col = 132 };
	int null = open("/dev/null", O_RDWR);
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	int tty;

	(void)state;
	unsetenv("COLUMNS");
	assert_int_equal(pf_terminal_columns(null), 0);
	close(null);
	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	tty = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(tty >= 0);
	assert_int_equal(pf_terminal_columns(tty), 80); /* no size set */
	assert_int_equal(ioctl(tty, TIOCSWINSZ, &size), 0);
	assert_int_equal(pf_terminal_columns(tty), 132);
	setenv("COLUMNS", "100", 1);
	assert_int_equal(pf_terminal_columns(tty), 100);
	setenv("COLUMNS", "wide", 1);
	assert_int_equal(pf_terminal_columns(tty), 132);
	unsetenv("COLUMNS");
	close(tty);
	close(master);
}

static void test_spark(void **state)
{
	static const float rise[] = { 0, 1, 2, 3, 4, 5, 6, 7 }, flat[] = { 100, 101, 100 };
	static const float fall[] = { 8e9f, 4e9f, 0 }, zero[] = { 0, 0 };
	float many[40] = { 0 };
	char line[PF_SPARK_SIZE];

	(void)state;
	assert_string_equal(pf_spark(line, rise, 8, true), "▁▂▃▄▅▆▇█");
	assert_string_equal(pf_spark(line, rise, 8, false), "_.-=+*%#");
	assert_string_equal(pf_spark(line, fall, 3, false), "#+_");
	assert_string_equal(pf_spark(line, flat, 3, false), "_._"); /* 1 % is little, not nothing */
	assert_string_equal(pf_spark(line, zero, 2, false), "__");
	assert_string_equal(pf_spark(line, rise, 0, true), "");
	assert_int_equal(strlen(pf_spark(line, many, 40, true)), 3 * PF_SPARK_COLUMNS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_table_cuts_text_only),
		cmocka_unit_test(test_table_hostile_names),
		cmocka_unit_test(test_table_screen),
		cmocka_unit_test(test_table_colours),
		cmocka_unit_test(test_table_estimates),
		cmocka_unit_test(test_rate_needs_an_interval),
		cmocka_unit_test(test_csv),
		cmocka_unit_test(test_csv_text),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_decimal_point),
		cmocka_unit_test(test_schema),
		cmocka_unit_test(test_columns_help),
		cmocka_unit_test(test_flush),
		cmocka_unit_test(test_flush_keeps_order),
		cmocka_unit_test(test_flush_closed_pipe),
		cmocka_unit_test(test_flush_large_and_interrupted),
		cmocka_unit_test(test_terminal_columns),
		cmocka_unit_test(test_spark),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
