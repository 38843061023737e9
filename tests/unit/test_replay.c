/* SPDX-License-Identifier: BSD-2-Clause */
/* Recordings as they should be, and every way in which they are not. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <sys/time.h>
#include <zlib.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/strbuf.h"
#include "lib/record/replay.h"
#include "tests/unit/tempdir.h"

#define DATA "tests/data/replay/"

/* A sample line with its ts, pid and what else is wanted. */
#define SAMPLE(ts, pid, more)                                                                      \
	"{\"v\":1,\"type\":\"sample\",\"ts\":" ts ",\"pid\":" pid                                  \
	",\"start_ts\":5.5,\"comm\":\"x\",\"rss_bytes\":1000" more "}\n"

struct heard {
	int n;
	uint64_t line[64];
	char what[64][256];
};

static void hear(void *ctx, uint64_t line, const char *what)
{
	struct heard *h = ctx;

	assert_true(h->n < 64);
	h->line[h->n] = line;
	snprintf(h->what[h->n], sizeof(h->what[0]), "%s", what);
	h->n++;
}

static void assert_heard(const struct heard *h, int i, uint64_t line, const char *part)
{
	assert_true(i < h->n);
	if (h->line[i] != line || !strstr(h->what[i], part))
		fail_msg("line %llu: '%s' is not line %llu with '%s'",
			 (unsigned long long)h->line[i], h->what[i], (unsigned long long)line,
			 part);
}

static void write_file(const char *path, const void *data, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static struct pf_replay *open_path(const char *path, struct heard *h)
{
	struct pf_error err = { 0 };
	struct pf_replay *r;

	memset(h, 0, sizeof(*h));
	r = pf_replay__open(path, hear, h, &err);
	if (!r)
		fail_msg("%s", err.text);
	return r;
}

static struct pf_replay *open_text(struct tempdir *t, const char *text, struct heard *h)
{
	const char *path = tempdir_file(t, "in");

	write_file(path, text, strlen(text));
	return open_path(path, h);
}

static void next(struct pf_replay *r, struct pf_interval *i)
{
	struct pf_error err = { 0 };
	int rc = pf_replay__next(r, i, &err);

	if (rc != 1)
		fail_msg("no moment: %d %s", rc, err.text);
	assert_int_equal(err.code, 0);
}

static void assert_end(struct pf_replay *r)
{
	struct pf_interval i;
	struct pf_error err = { 0 };

	for (int k = 0; k < 2; k++) /* the end stays the end */
		assert_int_equal(pf_replay__next(r, &i, &err), 0);
	assert_int_equal(err.code, 0);
}

/* Read it all and touch every byte handed out. Returns how it ended. */
static int drain(struct pf_replay *r, struct pf_error *err, uint64_t *samples, size_t *bytes)
{
	struct pf_interval i;
	int rc;

	*samples = 0;
	*bytes = 0;
	while ((rc = pf_replay__next(r, &i, err)) == 1) {
		*samples += i.n;
		for (size_t k = 0; k < i.n; k++) {
			const struct pf_sample *s = &i.samples[k];

			*bytes += strlen(s->comm) + (s->exe ? strlen(s->exe) : 0) +
				  (s->cgroup ? strlen(s->cgroup) : 0);
			assert_true(s->ts == i.ts && s->mono_s == i.mono_s);
		}
	}
	return rc;
}

static void test_good_file(void **state)
{
	struct heard h;
	struct pf_replay *r = open_path(DATA "good.jsonl", &h);
	const struct pf_replay_stats *stats;
	struct pf_interval i;

	(void)state;
	assert_null(pf_replay__header(r));
	for (int m = 0; m < 3; m++) {
		next(r, &i);
		assert_true(i.ts == 1772991100.25 + m);
		assert_true(i.mono_s == i.ts);
		assert_true(i.interval_s == 1);
		assert_int_equal(i.n, 2);
		assert_int_equal(i.losses.events, 0);
		assert_int_equal(i.samples[0].pid, 100);
		assert_true(i.samples[0].start_ts == 1772990100.5);
		assert_string_equal(i.samples[0].exe, "/usr/bin/worker");
		assert_int_equal(i.samples[0].rss_bytes, 1000000 + 4096 * m);
		assert_int_equal(i.samples[0].major, m);
		assert_true(i.samples[0].user == PF_UNKNOWN);
		assert_true(i.samples[0].rss_delta_bytes == PF_UNKNOWN);
		assert_null(i.samples[0].pod);
		assert_string_equal(i.samples[1].comm, "na\nme \"x\" \xc3\xa4");
		assert_int_equal(i.samples[1].exited, m == 2);
	}
	assert_true(i.samples[1].rss_bytes == PF_UNKNOWN); /* dead: the kernel dropped it */
	assert_end(r);
	assert_string_equal(pf_replay__header(r)->tool, "pfstat");
	assert_string_equal(pf_replay__header(r)->host, "example");
	assert_int_equal(pf_replay__header(r)->sample, 1);
	stats = pf_replay__stats(r);
	assert_int_equal(stats->lines, 8);
	assert_int_equal(stats->samples, 6);
	assert_int_equal(stats->other, 1);
	assert_int_equal(stats->bad_lines + stats->clock_steps + (uint64_t)h.n, 0);
	pf_replay__close(r);
}

static void test_broken_lines(void **state)
{
	static const struct {
		uint64_t line;
		const char *says;
	} expected[] = {
		{ 2, "'rss_bytes' must be a number, not a string: line skipped" },
		{ 3, "'pid' is -2, outside 1..16777216: line skipped" },
		{ 4, "'pid' is 0, outside" },
		{ 5, "'pid' is 99999999999, outside" },
		{ 6, "'pid' must be a whole number, not 1.5" },
		{ 7, "'pid' must not be null" },
		{ 8, "'pid' is missing" },
		{ 9, "'ts' is missing" },
		{ 10, "'start_ts' is missing" },
		{ 11, "'comm' is missing" },
		{ 12, "'rss_bytes' and 'rss_anon_bytes' are both missing" },
		{ 13, "'comm' must be a string, not a number" },
		{ 14, "'faults' is -1, outside 0..9007199254740992" },
		{ 15, "'faults' is 1e+300, outside" },
		{ 16, "'faults' must be a number, not an array" },
		{ 17, "'exited' must be true or false, not a string" },
		{ 18, "'cgroup' must be a string, not an object" },
		{ 19, "'type' is missing" },
		{ 20, "unknown type 'sampel'" },
		{ 21, "'type' must be a string" },
		{ 22, "'v' is not 1" },
		{ 23, "'v' is not 1" },
		{ 24, "not a JSON object" },
		{ 25, "not a JSON object" },
		{ 26, "not a JSON object" },
		{ 27, "not a JSON object" },
		{ 28, "not valid JSON at byte" },
		{ 29, "not valid JSON at byte" },
		{ 30, "'type' is missing" },
		{ 32, "'cgroup' is longer than 4096 bytes" },
		{ 33, "'interval_s' is -1, outside" },
		{ 34, "'ts' is 1e+20, outside" },
		{ 35, "the same pid and start_ts were there before" },
		{ 36, "not valid JSON at byte" },
		{ 37, "not valid JSON at byte" },
		{ 38, "not valid JSON at byte" },
		{ 39, "'host' must be a string, not a number" },
	};
	struct heard h;
	struct pf_replay *r = open_path(DATA "broken.jsonl", &h);
	struct pf_interval i;

	(void)state;
	next(r, &i);
	assert_int_equal(i.n, 2);
	assert_int_equal(i.samples[0].pid, 1);
	assert_int_equal(i.samples[1].pid, 3);
	assert_int_equal(i.samples[1].uid, 12); /* written as 12.0 */
	assert_true(i.samples[1].faults == PF_UNKNOWN);
	assert_end(r);
	assert_null(pf_replay__header(r));
	for (size_t k = 0; k < PF_ARRAY_SIZE(expected); k++) {
		assert_heard(&h, (int)k, expected[k].line, expected[k].says);
		assert_non_null(strstr(h.what[k], ": line skipped"));
	}
	assert_int_equal(h.n, PF_ARRAY_SIZE(expected));
	assert_int_equal(pf_replay__stats(r)->bad_lines, PF_ARRAY_SIZE(expected));
	assert_int_equal(pf_replay__stats(r)->lines, 40);
	pf_replay__close(r);
}

static void test_clock_set_back(void **state)
{
	struct heard h;
	struct pf_replay *r = open_path(DATA "clock.jsonl", &h);
	static const double ts[] = { 1772991100, 1772991110, 1772987520, 1772987530 };
	struct pf_interval i;

	(void)state;
	for (int m = 0; m < 4; m++) {
		next(r, &i);
		assert_true(i.ts == ts[m]);
		assert_true(i.mono_s == 1772991100 + 10 * m); /* goes on by interval_s */
		assert_true(i.samples[0].mono_s == i.mono_s);
	}
	assert_end(r);
	assert_int_equal(h.n, 1);
	assert_heard(&h, 0, 3, "time runs backwards by 3590.000 s");
	assert_int_equal(pf_replay__stats(r)->clock_steps, 1);
	assert_int_equal(pf_replay__stats(r)->bad_lines, 0);
	pf_replay__close(r);
}

/* A step backwards is as long as its interval says, else as the step before it. */
static void test_clock_steps(void **state)
{
	static const char text[] = SAMPLE("100", "1", "") SAMPLE("107", "1", "")
		SAMPLE("50", "1", "") SAMPLE("40", "1", ",\"interval_s\":3")
			SAMPLE("30", "1", ",\"interval_s\":0") SAMPLE("31.5", "1", "");
	static const double mono[] = { 100, 107, 114, 117, 120, 121.5 };
	struct heard h;
	struct pf_replay *r = open_text(*state, text, &h);
	struct pf_interval i;

	for (size_t m = 0; m < PF_ARRAY_SIZE(mono); m++) {
		next(r, &i);
		assert_true(i.mono_s == mono[m]);
	}
	assert_end(r);
	assert_int_equal(pf_replay__stats(r)->clock_steps, 3);
	pf_replay__close(r);
}

static void test_interval_is_derived(void **state)
{
	static const char text[] = SAMPLE("100", "1", "") SAMPLE("110", "1", "")
		SAMPLE("115", "1", ",\"interval_s\":0") SAMPLE("116", "1", ",\"interval_s\":null")
			SAMPLE("120", "1", ",\"interval_s\":0.5")
				SAMPLE("120", "2", ",\"interval_s\":4") SAMPLE("120", "3", "");
	struct heard h;
	struct pf_replay *r = open_text(*state, text, &h);
	struct pf_interval i;

	next(r, &i);
	assert_true(isnan(i.interval_s)); /* nothing to tell it from */
	assert_true(isnan(i.samples[0].interval_s));
	next(r, &i);
	assert_true(i.interval_s == 10 && i.samples[0].interval_s == 10);
	next(r, &i);
	assert_true(i.interval_s == 5 && i.samples[0].interval_s == 5);
	next(r, &i);
	assert_true(i.interval_s == 1);
	next(r, &i);
	assert_true(i.interval_s == 4); /* the longest: the other was born in it */
	assert_true(i.samples[0].interval_s == 0.5);
	assert_true(i.samples[2].interval_s == 4);
	assert_end(r);
	assert_int_equal(h.n, 0);
	pf_replay__close(r);
}

static void test_moments(void **state)
{
	static const char text[] =
		SAMPLE("1.5", "1", "") "{\"v\":1,\"type\":\"alert\"}\n" /* does not part a moment */
		SAMPLE("1.5", "2", "") "\n  \t\r\n" SAMPLE("1.5000001", "1", "")
			SAMPLE("1.5", "1", "");
	struct heard h;
	struct pf_replay *r = open_text(*state, text, &h);
	struct pf_interval i;

	next(r, &i);
	assert_int_equal(i.n, 2);
	next(r, &i);
	assert_int_equal(i.n, 1);
	next(r, &i);
	assert_int_equal(i.n, 1);
	assert_end(r);
	assert_int_equal(h.n, 1);
	assert_heard(&h, 0, 7, "time runs backwards");
	assert_int_equal(pf_replay__stats(r)->other, 1);
	pf_replay__close(r);
}

static void test_same_process_twice(void **state)
{
	static const char text[] = SAMPLE("1", "1", "") SAMPLE("1", "2", "") SAMPLE("1", "1", "")
		SAMPLE("1", "2", ",\"start_ts\":6") SAMPLE("2", "1", "") SAMPLE("2", "1", "");
	struct heard h;
	struct pf_replay *r = open_text(*state, text, &h);
	struct pf_interval i;

	next(r, &i);
	assert_int_equal(i.n, 3); /* the second pid 2 is another process */
	next(r, &i);
	assert_int_equal(i.n, 1);
	assert_end(r);
	assert_int_equal(h.n, 2);
	assert_heard(&h, 0, 3, "there before");
	assert_heard(&h, 1, 6, "there before");
	assert_int_equal(pf_replay__stats(r)->samples, 4);
	assert_int_equal(pf_replay__stats(r)->bad_lines, 2);
	pf_replay__close(r);
}

static void test_large_moment(void **state)
{
	struct pf_strbuf text = PF_STRBUF_INIT;
	struct heard h;
	struct pf_replay *r;
	struct pf_interval i;

	for (int m = 1; m <= 2; m++)
		for (int pid = 1; pid <= 3000; pid++)
			pf_strbuf_addf(&text,
				       "{\"type\":\"sample\",\"ts\":%d,\"pid\":%d,\"start_ts\":1,"
				       "\"comm\":\"p%d\",\"cgroup\":\"/g%d\",\"rss_bytes\":%d}\n",
				       m, pid, pid, pid, pid * m);
	r = open_text(*state, text.data, &h);
	for (int m = 1; m <= 2; m++) {
		next(r, &i);
		assert_int_equal(i.n, 3000);
		for (int k = 0; k < 3000; k++) {
			char name[16];

			snprintf(name, sizeof(name), "/g%d", k + 1);
			assert_string_equal(i.samples[k].cgroup, name);
			assert_string_equal(i.samples[k].comm + 1, name + 2);
			assert_int_equal(i.samples[k].rss_bytes, (k + 1) * m);
		}
	}
	assert_end(r);
	pf_replay__close(r);
	pf_strbuf_free(&text);
}

static void test_memory_fields(void **state)
{
#define MEM(pid, fields)                                                                           \
	"{\"type\":\"sample\",\"ts\":1,\"pid\":" pid ",\"start_ts\":1,\"comm\":\"\"," fields "}\n"
	static const char text[] =
		MEM("1", "\"rss_anon_bytes\":5,\"rss_file_bytes\":7,\"rss_shmem_bytes\":11")
			MEM("2", "\"rss_anon_bytes\":5,\"rss_file_bytes\":null")
				MEM("3", "\"rss_anon_bytes\":5,\"rss_bytes\":99")
					MEM("4", "\"rss_bytes\":null") MEM("5", "\"exited\":true");
	struct heard h;
	struct pf_replay *r = open_text(*state, text, &h);
	struct pf_interval i;

	next(r, &i);
	assert_int_equal(i.n, 4);
	assert_int_equal(i.samples[0].rss_bytes, 23);
	assert_int_equal(i.samples[1].rss_bytes, 5);
	assert_int_equal(i.samples[2].rss_bytes, 99);
	assert_true(i.samples[3].rss_bytes == PF_UNKNOWN);
	assert_heard(&h, 0, 5, "are both missing");
	pf_replay__close(r);
}

static void test_names(void **state)
{
	struct pf_strbuf text = PF_STRBUF_INIT;
	struct heard h;
	struct pf_replay *r;
	struct pf_interval i;

	/* 62 bytes and a character of two: the 63 that fit would split it. */
	pf_strbuf_adds(&text, "{\"type\":\"sample\",\"ts\":1,\"pid\":1,\"start_ts\":1,"
			      "\"rss_bytes\":1,\"comm\":\"");
	for (int k = 0; k < 62; k++)
		pf_strbuf_addch(&text, 'n');
	pf_strbuf_adds(&text, "\xc3\xa4tail\",\"exe\":\"/a\\u001b\\n\"}\n");
	pf_strbuf_adds(&text, "{\"type\":\"sample\",\"ts\":1,\"pid\":2,\"start_ts\":1,"
			      "\"rss_bytes\":1,\"comm\":\"\xff\"}\n"); /* JSON is UTF-8 */
	pf_strbuf_adds(&text, "{\"type\":\"\x1b[2J\xe2\x80\xae\"}\n");
	pf_strbuf_adds(&text, "{\"type\":\"\\u001b[2J\\u202e and a long tail behind it\"}\n");
	r = open_text(*state, text.data, &h);
	next(r, &i);
	assert_int_equal(i.n, 1);
	assert_int_equal(strlen(i.samples[0].comm), 62);
	assert_string_equal(i.samples[0].exe, "/a\x1b\n");
	assert_end(r);
	assert_int_equal(h.n, 3);
	assert_heard(&h, 0, 2, "not valid JSON");
	assert_heard(&h, 1, 3, "not valid JSON");
	assert_heard(&h, 2, 4, "unknown type '\\x1b[2J\\u202e and a long tail b"); /* no escape */
	pf_replay__close(r);
	pf_strbuf_free(&text);
}

static void test_header_again(void **state)
{
	static const char text[] = "{\"v\":1,\"type\":\"header\",\"tool\":\"one\"}\n" SAMPLE(
		"1", "1", "") "{\"v\":1,\"type\":\"header\",\"tool\":\"two\",\"interval_s\":5}\n"
			      "{\"v\":1,\"type\":\"header\",\"tool\":[]}\n" SAMPLE("2", "1", "");
	struct heard h;
	struct pf_replay *r = open_text(*state, text, &h);
	struct pf_interval i;

	next(r, &i);
	next(r, &i);
	assert_end(r);
	assert_string_equal(pf_replay__header(r)->tool, "two");
	assert_true(pf_replay__header(r)->interval_s == 5);
	assert_null(pf_replay__header(r)->options);
	assert_heard(&h, 0, 4, "'tool' must be a string");
	pf_replay__close(r);
}

static void test_last_line(void **state)
{
	static const char text[] = SAMPLE("1", "1", "") SAMPLE("2", "1", "");
	size_t len = strlen(text);
	char cut[sizeof(text)];
	struct pf_error err = { 0 };
	uint64_t samples;
	size_t bytes;

	/* Every length: what is there is read, what is cut off is reported. */
	for (size_t n = 0; n <= len; n++) {
		size_t first = len / 2;
		bool half = n > 0 && n != first && n != first - 1 && n < len - 1;
		struct heard h;
		struct pf_replay *r;

		memcpy(cut, text, n);
		cut[n] = '\0';
		r = open_text(*state, cut, &h);
		assert_int_equal(drain(r, &err, &samples, &bytes), 0);
		assert_int_equal(samples, (n >= first - 1) + (n >= len - 1));
		assert_int_equal(h.n, half);
		if (half)
			assert_heard(&h, 0, n > first ? 2 : 1, "the last line is cut off");
		pf_replay__close(r);
	}
}

/* A line of exactly `len` bytes, newline excluded, blown up by blanks. */
static void add_padded_line(struct pf_strbuf *b, const char *line, size_t len)
{
	size_t json = strlen(line) - 2; /* up to the brace */

	pf_strbuf_addmem(b, line, json);
	for (size_t i = json; i < len - 1; i++)
		pf_strbuf_addch(b, ' ');
	pf_strbuf_adds(b, "}\n");
}

static void test_long_lines(void **state)
{
	static const size_t lengths[] = { PF_REPLAY_LINE_MAX, PF_REPLAY_LINE_MAX + 1, 10 << 20 };
	struct pf_strbuf text = PF_STRBUF_INIT;
	struct heard h;
	struct pf_replay *r;
	struct pf_interval i;

	for (size_t k = 0; k < PF_ARRAY_SIZE(lengths); k++)
		add_padded_line(&text, SAMPLE("1", "1", ""), lengths[k]);
	pf_strbuf_adds(&text, SAMPLE("2", "1", ""));
	for (int k = 0; k < PF_REPLAY_LINE_MAX + 5; k++)
		pf_strbuf_addch(&text, 'x'); /* and no newline */
	r = open_text(*state, text.data, &h);
	next(r, &i);
	assert_true(i.ts == 1);
	next(r, &i);
	assert_true(i.ts == 2);
	assert_end(r);
	assert_int_equal(h.n, 3);
	assert_heard(&h, 0, 2, "longer than 1048576 bytes: line skipped");
	assert_heard(&h, 1, 3, "longer than 1048576 bytes");
	assert_heard(&h, 2, 5, "longer than 1048576 bytes");
	assert_int_equal(pf_replay__stats(r)->lines, 5);
	pf_replay__close(r);
	pf_strbuf_free(&text);
}

/* One gzip member of the text, appended to b. */
static void add_gzip(struct pf_strbuf *b, const char *text)
{
	unsigned char out[4096];
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (unsigned char *)(uintptr_t)text;
	z.avail_in = (unsigned int)strlen(text);
	z.next_out = out;
	z.avail_out = sizeof(out);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	pf_strbuf_addmem(b, out, sizeof(out) - z.avail_out);
	deflateEnd(&z);
}

static struct pf_replay *open_bytes(struct tempdir *t, const struct pf_strbuf *b, size_t len,
				    struct heard *h)
{
	const char *path = tempdir_file(t, "in.gz");

	write_file(path, b->data, len);
	return open_path(path, h);
}

static void test_gzip(void **state)
{
	struct pf_strbuf gz = PF_STRBUF_INIT;
	struct heard h;
	struct pf_replay *r;
	struct pf_interval i;

	add_gzip(&gz, SAMPLE("1", "1", "") "{\"v\":1,\"type\":\"sample\",");
	add_gzip(&gz, "");
	add_gzip(&gz, "\"ts\":2,\"pid\":1,\"start_ts\":1,\"comm\":\"x\",\"rss_bytes\":1}\n");
	pf_strbuf_addmem(&gz, "\0\0\0\0\0", 5); /* a tape's padding */
	r = open_bytes(*state, &gz, gz.len, &h);
	next(r, &i);
	next(r, &i);
	assert_true(i.ts == 2);
	assert_end(r);
	assert_int_equal(h.n, 0);
	pf_replay__close(r);
	pf_strbuf_free(&gz);
}

/* Newlines in the first len bytes of a gzip member, by inflate alone. */
static int count_newlines(const struct pf_strbuf *gz, size_t len)
{
	unsigned char out[4096];
	z_stream z = { 0 };
	int n = 0;

	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	z.next_in = (unsigned char *)gz->data;
	z.avail_in = (unsigned int)len;
	z.next_out = out;
	z.avail_out = sizeof(out);
	inflate(&z, Z_NO_FLUSH);
	for (const unsigned char *p = out; p < z.next_out; p++)
		n += *p == '\n';
	inflateEnd(&z);
	return n;
}

/* Cut at every byte: all complete lines before the break, then the error, and it stays. */
static void test_truncated_gzip(void **state)
{
	struct pf_strbuf gz = PF_STRBUF_INIT;
	uint64_t most = 0;

	add_gzip(&gz, SAMPLE("1", "1", "") SAMPLE("2", "17", "") SAMPLE("3.125", "345", ""));
	for (size_t n = 2; n < gz.len; n++) {
		struct pf_error err = { 0 }, again = { 0 };
		int newlines = count_newlines(&gz, n);
		struct pf_interval i;
		struct heard h;
		struct pf_replay *r = open_bytes(*state, &gz, n, &h);
		uint64_t samples;
		size_t bytes;
		char says[64];

		assert_int_equal(drain(r, &err, &samples, &bytes), -EBADMSG);
		snprintf(says, sizeof(says), "truncated gzip after line %d", newlines);
		if (!strstr(err.text, says))
			fail_msg("'%s' does not say '%s'", err.text, says);
		assert_in_range(samples, (uint64_t)newlines, (uint64_t)newlines + 1);
		most = samples;
		assert_int_equal(pf_replay__next(r, &i, &again), -EBADMSG);
		assert_string_equal(again.text, err.text);
		pf_replay__close(r);
	}
	assert_int_equal(most, 3);
	pf_strbuf_free(&gz);
}

static void test_damaged_gzip(void **state)
{
	struct pf_strbuf gz = PF_STRBUF_INIT;
	struct pf_error err = { 0 };
	struct heard h;
	struct pf_replay *r;
	uint64_t samples;
	size_t bytes;

	add_gzip(&gz, SAMPLE("1", "1", ""));
	gz.data[gz.len - 6] ^= 1; /* in the checksum */
	r = open_bytes(*state, &gz, gz.len, &h);
	assert_int_equal(drain(r, &err, &samples, &bytes), -EBADMSG);
	assert_int_equal(samples, 1);
	assert_non_null(strstr(err.text, "damaged gzip after line 1"));
	pf_replay__close(r);

	gz.data[gz.len - 6] ^= 1;
	pf_strbuf_adds(&gz, "trailing garbage");
	err = (struct pf_error){ 0 };
	r = open_bytes(*state, &gz, gz.len, &h);
	assert_int_equal(drain(r, &err, &samples, &bytes), -EBADMSG);
	assert_int_equal(samples, 1);
	pf_replay__close(r);
	pf_strbuf_free(&gz);
}

static void test_cannot_open(void **state)
{
	struct tempdir *t = *state;
	struct pf_error err = { 0 };

	assert_null(pf_replay__open(tempdir_file(t, "none"), hear, NULL, &err));
	assert_int_equal(err.code, ENOENT);
	assert_non_null(strstr(err.text, "/none' for reading: No such file"));
	err = (struct pf_error){ 0 };
	assert_null(pf_replay__open(t->path, hear, NULL, &err));
	assert_int_equal(err.code, EISDIR);
	pf_replay__close(NULL);
}

static void test_empty(void **state)
{
	struct heard h;
	struct pf_replay *r = open_text(*state, "", &h);

	assert_end(r);
	assert_int_equal(pf_replay__stats(r)->lines, 0);
	pf_replay__close(r);
}

/* Standard input, replaced by a pipe: its writing end. */
static int pipe_to_stdin(int *before)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	*before = dup(STDIN_FILENO);
	assert_true(dup2(ends[0], STDIN_FILENO) >= 0);
	close(ends[0]);
	return ends[1];
}

static void say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void on_alarm(int sig)
{
	(void)sig;
}

/*
 * A recorder that is still writing: a moment comes out as soon as the next
 * one begins, and a signal does not lose half a moment.
 */
static void test_live_pipe(void **state)
{
	struct sigaction interrupt = { .sa_handler = on_alarm }; /* no SA_RESTART */
	struct itimerval soon = { { 0, 20000 }, { 0, 20000 } }, never = { 0 };
	struct pf_error err = { 0 };
	struct pf_interval i;
	struct heard h;
	int before;
	int in = pipe_to_stdin(&before);
	struct pf_replay *r = open_path("-", &h);

	(void)state;
	sigaction(SIGALRM, &interrupt, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	say(in, "{\"type\":\"sam"); /* not even a line */
	assert_int_equal(pf_replay__next(r, &i, &err), -EINTR);
	say(in, "ple\",\"ts\":1,\"pid\":1,\"start_ts\":1,\"comm\":\"x\",\"rss_bytes\":1,"
		"\"exe\":\"/bin/x\"}\n");
	assert_int_equal(pf_replay__next(r, &i, &err), -EINTR);
	setitimer(ITIMER_REAL, &never, NULL);
	say(in, SAMPLE("1", "2", "") SAMPLE("2", "1", ""));
	next(r, &i);
	assert_int_equal(i.n, 2);
	assert_string_equal(i.samples[0].exe, "/bin/x");
	close(in);
	next(r, &i);
	assert_int_equal(i.n, 1);
	assert_end(r);
	pf_replay__close(r);
	assert_int_equal(h.n, 0);
	dup2(before, STDIN_FILENO);
	close(before);
}

#define IN_TEMPDIR(fn) cmocka_unit_test_setup_teardown(fn, tempdir_setup, tempdir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_file),      cmocka_unit_test(test_broken_lines),
		cmocka_unit_test(test_clock_set_back), IN_TEMPDIR(test_clock_steps),
		IN_TEMPDIR(test_interval_is_derived),  IN_TEMPDIR(test_moments),
		IN_TEMPDIR(test_same_process_twice),   IN_TEMPDIR(test_large_moment),
		IN_TEMPDIR(test_memory_fields),	       IN_TEMPDIR(test_names),
		IN_TEMPDIR(test_header_again),	       IN_TEMPDIR(test_last_line),
		IN_TEMPDIR(test_long_lines),	       IN_TEMPDIR(test_gzip),
		IN_TEMPDIR(test_truncated_gzip),       IN_TEMPDIR(test_damaged_gzip),
		IN_TEMPDIR(test_cannot_open),	       IN_TEMPDIR(test_empty),
		cmocka_unit_test(test_live_pipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
