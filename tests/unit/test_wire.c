/* SPDX-License-Identifier: BSD-2-Clause */
/* What pfleak and pf-notify say to each other: there and back, refusals, and lines through a pipe. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/strbuf.h"
#include "lib/notify/pipe.h"
#include "lib/notify/wire.h"

/* Through the line and back. */
static void there_and_back(const struct pf_wire *m, struct pf_wire *back)
{
	struct pf_strbuf line = PF_STRBUF_INIT;
	struct pf_error err = { 0 };

	assert_int_equal(pf_wire_write(m, &line), 0);
	assert_int_equal(line.data[line.len - 1], '\n');
	assert_null(memchr(line.data, '\n', line.len - 1));
	if (pf_wire_read(back, line.data, line.len - 1, &err))
		fail_msg("%s: %s", err.text, line.data);
	assert_int_equal(back->op, m->op);
	pf_strbuf_free(&line);
}

static void test_channel(void **state)
{
	const struct pf_wire m = {
		.op = PF_WIRE_CHANNEL,
		.channel = 3,
		.name = "web\nhook",
		.url = "https://example.org/\"quoted\"",
		.headers = { "A: b", "Authorization: Bearer s3cret" },
		.n_headers = 2,
		.proxy = "http://proxy",
		.connect_timeout_s = 5,
		.timeout_s = 10,
		.terms = { 128, 5, 0.5, 60 },
	};
	struct pf_wire back;

	(void)state;
	there_and_back(&m, &back);
	assert_int_equal(back.channel, 3);
	assert_string_equal(back.name, m.name);
	assert_string_equal(back.url, m.url);
	assert_int_equal(back.n_headers, 2);
	assert_string_equal(back.headers[1], m.headers[1]);
	assert_null(back.ca_file);
	assert_string_equal(back.proxy, m.proxy);
	assert_true(back.terms.queue == 128 && back.terms.attempts == 5 &&
		    back.terms.retry_s == 0.5 && back.terms.retry_max_s == 60);
	pf_wire_free(&back);
}

static void test_post_and_result(void **state)
{
	const struct pf_wire post = { .op = PF_WIRE_POST,
				      .id = 1ull << 40,
				      .channel = 63,
				      .body = "{\"a\":\"\xc3\xa4\n\"}",
				      .expires_s = 240 };
	const struct pf_wire result = { .op = PF_WIRE_RESULT,
					.id = 9,
					.outcome = PF_OUTCOME_EXPIRED,
					.attempts = 4,
					.status = 503 };
	struct pf_wire back;

	(void)state;
	there_and_back(&post, &back);
	assert_true(back.id == 1ull << 40);
	assert_string_equal(back.body, post.body);
	assert_null(back.key);
	pf_wire_free(&back);
	there_and_back(&result, &back);
	assert_int_equal(back.outcome, PF_OUTCOME_EXPIRED);
	assert_int_equal(back.status, 503);
	assert_null(back.text);
	pf_wire_free(&back);
}

static void test_refusals(void **state)
{
	static const char *const lines[] = {
		"",
		"[]",
		"{}",
		"{\"op\":\"steal\"}",
		"{\"op\":7}",
		"{\"op\":\"ping\"}",
		"{\"op\":\"ping\",\"id\":-1}",
		"{\"op\":\"ping\",\"id\":1.5}",
		"{\"op\":\"ping\",\"id\":1e30}",
		"{\"op\":\"ping\",\"id\":1,\"id\":2}",
		"{\"op\":\"post\",\"id\":1,\"channel\":64,\"body\":\"\",\"expires_s\":0}",
		"{\"op\":\"post\",\"id\":1,\"channel\":0,\"body\":{},\"expires_s\":0}",
		"{\"op\":\"post\",\"id\":1,\"channel\":0,\"body\":\"a\\u0000b\",\"expires_s\":0}",
		"{\"op\":\"post\",\"id\":1,\"channel\":0,\"body\":\"\",\"expires_s\":-1}",
		"{\"op\":\"post\",\"id\":1,\"channel\":0,\"body\":\"\",\"key\":5,\"expires_s\":0}",
		"{\"op\":\"finish\",\"drain_s\":1e9}",
		"{\"op\":\"finish\",\"drain_s\":\"5\"}",
		"{\"op\":\"result\",\"id\":1,\"channel\":0,\"outcome\":\"great\",\"attempts\":1,\"status\":2}",
		"{\"op\":\"ping\",\"id\":1} trailing",
	};
	struct pf_wire m;

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(lines); i++) {
		struct pf_error err = { 0 };

		if (pf_wire_read(&m, lines[i], strlen(lines[i]), &err) != -EINVAL)
			fail_msg("taken: %s", lines[i]);
		assert_true(err.text[0]);
		assert_null(m.root);
	}
}

/* A header that is two would be a header of somebody else's making. */
static void test_header_of_two_lines(void **state)
{
	const struct pf_wire m = { .op = PF_WIRE_CHANNEL,
				   .name = "n",
				   .url = "http://x",
				   .headers = { "A: b\r\nB: c" },
				   .n_headers = 1,
				   .connect_timeout_s = 1,
				   .timeout_s = 1,
				   .terms = { 1, 1, 1, 1 } };
	struct pf_strbuf line = PF_STRBUF_INIT;
	struct pf_wire back;

	(void)state;
	assert_int_equal(pf_wire_write(&m, &line), 0);
	assert_int_equal(pf_wire_read(&back, line.data, line.len - 1, NULL), -EINVAL);
	pf_strbuf_free(&line);
}

/* ---- pipes ----------------------------------------------------------------- */

struct lines {
	char text[256];
	size_t n, too_long;
};

static void note(void *ctx, const char *line, size_t len)
{
	struct lines *l = ctx;

	l->n++;
	if (!line) {
		l->too_long++;
		return;
	}
	assert_int_equal(strlen(line), len);
	strncat(l->text, line, sizeof(l->text) - strlen(l->text) - 2);
	strcat(l->text, "|");
}

static void put(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void test_lines_in(void **state)
{
	struct pf_pipe_in in = { .line_max = 10 };
	struct lines l = { 0 };
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	in.fd = fds[0];
	assert_int_equal(pf_pipe_in_read(&in, note, &l), 0);
	put(fds[1], "one\ntw");
	assert_int_equal(pf_pipe_in_read(&in, note, &l), 0);
	assert_string_equal(l.text, "one|");
	put(fds[1], "o\n\n0123456789\n0123456789+\nnext\n0123456789");
	put(fds[1], "0123456789");
	assert_int_equal(pf_pipe_in_read(&in, note, &l), 0);
	assert_string_equal(l.text, "one|two||0123456789|next|");
	assert_int_equal(l.too_long, 2); /* once each, however long */
	put(fds[1], "0123456789\nend\npart");
	close(fds[1]);
	assert_int_equal(pf_pipe_in_read(&in, note, &l), 1);
	assert_string_equal(l.text, "one|two||0123456789|next|end|");
	assert_int_equal(l.too_long, 2);
	pf_pipe_in_free(&in);
	close(fds[0]);
}

static void test_lines_out(void **state)
{
	struct pf_pipe_out out = { 0 };
	static char big[200000], got[sizeof(big)];
	size_t n = 0;
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	out.fd = fds[1];
	memset(big, 'x', sizeof(big));
	pf_strbuf_addmem(&out.buf, big, sizeof(big));
	while (n < sizeof(big)) {
		ssize_t part;

		assert_int_equal(pf_pipe_out_flush(&out), 0);
		part = read(fds[0], got + n, sizeof(got) - n);
		assert_true(part > 0);
		n += (size_t)part;
	}
	assert_memory_equal(big, got, sizeof(big));
	assert_int_equal(pf_pipe_out_flush(&out), 0);
	assert_int_equal(pf_pipe_out_waiting(&out), 0);
	close(fds[0]);
	signal(SIGPIPE, SIG_IGN);
	pf_strbuf_adds(&out.buf, "x");
	assert_int_equal(pf_pipe_out_flush(&out), -EPIPE);
	pf_pipe_out_free(&out);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_channel),	 cmocka_unit_test(test_post_and_result),
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_header_of_two_lines),
		cmocka_unit_test(test_lines_in), cmocka_unit_test(test_lines_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
