/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pf-notify: sends alerts over HTTP for pfleak, so that pfleak need not. Reads
 * channels and bodies as lines of JSON (lib/notify/wire.h) from standard
 * input, answers on standard output. Holds no privileges, writes no file,
 * knows nothing of alerts: a body is bytes to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/confine.h"
#include "lib/base/error.h"
#include "lib/notify/pipe.h"
#include "lib/notify/wire.h"
#include "libexec/pf-notify/http.h"
#include "version.h"

/* Answers that nobody reads: more are thrown away and said to have been. */
#define ANSWERS_MAX (256 << 10)

struct notify;

struct channel {
	struct notify *notify;
	unsigned int number;
	struct pf_http_target *target; /* NULL = not known */
	struct pf_outbox box;
};

struct notify {
	struct pf_http *http;
	struct pf_pipe_in in;
	struct pf_pipe_out out;
	struct channel channels[PF_WIRE_CHANNELS_MAX];
	double end_s; /* when to end at the latest */
	bool finishing;
	bool deaf; /* nobody reads our answers any more */
};

static double now_s(void)
{
	return (double)pf_boottime_ns() / 1e9;
}

/* ---- answers --------------------------------------------------------------- */

static void answer(struct notify *n, const struct pf_wire *m)
{
	if (!n->deaf && pf_pipe_out_waiting(&n->out) < ANSWERS_MAX)
		pf_wire_write(m, &n->out.buf);
}

static void refuse(struct notify *n, const char *why)
{
	const struct pf_wire m = { .op = PF_WIRE_REFUSED, .text = why };

	answer(n, &m);
}

static void tell_result(const struct channel *c, const struct pf_job *job, enum pf_outcome outcome,
			unsigned int status, const char *why)
{
	const struct pf_wire m = { .op = PF_WIRE_RESULT,
				   .channel = c->number,
				   .id = job->id,
				   .outcome = outcome,
				   .attempts = job->attempts,
				   .status = status,
				   .text = why[0] ? why : NULL };

	answer(c->notify, &m);
}

static void tell_trouble(const struct channel *c, unsigned int attempts,
			 const struct pf_http_result *r)
{
	double again_s = pf_outbox_due_s(&c->box) - now_s();
	const struct pf_wire m = { .op = PF_WIRE_TROUBLE,
				   .channel = c->number,
				   .attempts = attempts,
				   .status = r->status,
				   .again_s = again_s > 0 ? again_s : 0,
				   .text = r->text };

	answer(c->notify, &m);
}

/* ---- sending --------------------------------------------------------------- */

static void tell_ended(void *ctx, const struct pf_job *job, enum pf_outcome outcome)
{
	tell_result(ctx, job, outcome, 0, "");
}

static double random_part(void)
{
	uint32_t bits = 0;

	if (getrandom(&bits, sizeof(bits), GRND_NONBLOCK) != (ssize_t)sizeof(bits))
		return 0.5;
	return bits / 0x1p32;
}

static void attempted(void *ctx, const struct pf_http_result *r)
{
	struct channel *c = ctx;
	const struct pf_job *job = c->box.sending;
	const struct pf_job told = { .id = job->id, .attempts = job->attempts };
	enum pf_outcome outcome =
		pf_outbox_done(&c->box, r->how, now_s(), r->retry_after_s, random_part());

	if (outcome == PF_OUTCOME_AGAIN)
		tell_trouble(c, told.attempts, r);
	else
		tell_result(c, &told, outcome, r->status, r->text);
}

static void start_due(struct channel *c)
{
	static const struct pf_http_result no_memory = { .how = PF_OUTCOME_AGAIN,
							 .text = "out of memory" };
	struct pf_job *job = pf_outbox_next(&c->box, now_s());

	if (job && pf_http_target__post(c->target, job->body))
		attempted(c, &no_memory);
}

/* ---- what is said to us ---------------------------------------------------- */

static void add_channel(struct notify *n, const struct pf_wire *m)
{
	struct channel *c = &n->channels[m->channel];
	const struct pf_outbox_hook hook = { tell_ended, c };
	struct pf_error err = { 0 };

	if (c->target) {
		refuse(n, "a channel of that number is there");
		return;
	}
	c->notify = n;
	c->number = m->channel;
	pf_outbox_init(&c->box, &m->terms, &hook);
	c->target = pf_http_target__new(n->http, m, attempted, c, &err);
	if (!c->target)
		refuse(n, err.text);
}

static void add_post(struct notify *n, const struct pf_wire *m)
{
	struct channel *c = &n->channels[m->channel];
	double expires_s = m->expires_s > 0 ? now_s() + m->expires_s : INFINITY;
	struct pf_job *job = pf_job__new(m->id, m->key, m->body, expires_s);
	const struct pf_job failed = { .id = m->id };

	if (job && c->target) {
		pf_outbox_add(&c->box, job);
		return;
	}
	pf_job__free(job);
	c->notify = n;
	c->number = m->channel;
	tell_result(c, &failed, PF_OUTCOME_FAILED, 0,
		    c->target ? "out of memory" : "no such channel");
}

static void finish(struct notify *n, double drain_s)
{
	double end_s = now_s() + drain_s;

	n->end_s = n->finishing ? fmin(n->end_s, end_s) : end_s;
	n->finishing = true;
}

static void obey(struct notify *n, const struct pf_wire *m)
{
	const struct pf_wire pong = { .op = PF_WIRE_PONG, .id = m->id };

	switch (m->op) {
	case PF_WIRE_CHANNEL:
		add_channel(n, m);
		break;
	case PF_WIRE_POST:
		add_post(n, m);
		break;
	case PF_WIRE_PING:
		answer(n, &pong);
		break;
	case PF_WIRE_FINISH:
		finish(n, m->drain_s);
		break;
	default:
		refuse(n, "'op' is not for us");
	}
}

static void take_line(void *ctx, const char *line, size_t len)
{
	struct notify *n = ctx;
	struct pf_error err = { 0 };
	struct pf_wire m;

	if (!line) {
		refuse(n, "the line is too long");
	} else if (pf_wire_read(&m, line, len, &err)) {
		refuse(n, err.text);
	} else {
		obey(n, &m);
		pf_wire_free(&m);
	}
}

/* ---- the loop -------------------------------------------------------------- */

static bool is_idle(const struct notify *n)
{
	for (size_t i = 0; i < PF_WIRE_CHANNELS_MAX; i++) {
		if (n->channels[i].box.waiting || n->channels[i].box.sending)
			return false;
	}
	return true;
}

static bool is_over(const struct notify *n)
{
	return n->finishing &&
	       ((is_idle(n) && (n->deaf || !pf_pipe_out_waiting(&n->out))) || now_s() >= n->end_s);
}

static double next_s(const struct notify *n)
{
	double due_s = n->finishing ? n->end_s : INFINITY;

	for (size_t i = 0; i < PF_WIRE_CHANNELS_MAX; i++)
		due_s = fmin(due_s, pf_outbox_due_s(&n->channels[i].box));
	return fmax(0, due_s - now_s());
}

static void step(struct notify *n)
{
	bool more;

	for (size_t i = 0; i < PF_WIRE_CHANNELS_MAX; i++)
		start_due(&n->channels[i]);
	if (pf_pipe_out_flush(&n->out)) {
		n->deaf = true;
		pf_pipe_out_free(&n->out);
	}
	if (is_over(n)) /* what was answered last is gone: there is nothing to wait for */
		return;
	more = pf_pipe_out_waiting(&n->out);
	pf_http__wait(n->http, n->in.fd, more ? n->out.fd : -1, next_s(n));
	if (n->in.fd >= 0 && pf_pipe_in_read(&n->in, take_line, n)) {
		finish(n, PF_WIRE_DRAIN_S);
		n->in.fd = -1;
	}
}

static void close_all(struct notify *n)
{
	for (size_t i = 0; i < PF_WIRE_CHANNELS_MAX; i++) {
		pf_http_target__free(n->channels[i].target);
		pf_outbox_clear(&n->channels[i].box);
	}
	pf_http__free(n->http);
	pf_pipe_in_free(&n->in);
	pf_pipe_out_free(&n->out);
	free(n);
}

static int be_ready(struct notify *n, struct pf_error *err)
{
	struct pf_wire ready = { .op = PF_WIRE_READY };

	n->in = (struct pf_pipe_in){ .fd = STDIN_FILENO, .line_max = PF_WIRE_LINE_MAX };
	n->out.fd = STDOUT_FILENO;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	if (fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK) || fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK))
		return pf_fail(err, errno, "standard input and output: %s", strerror(errno));
	n->http = pf_http__new(err);
	if (!n->http)
		return -err->code;
	ready.text = pf_http_tls();
	answer(n, &ready);
	return 0;
}

static int serve(void)
{
	static const struct pf_confine bounds = { .memory_bytes = 256 << 20, .files = 256 };
	struct notify *n = calloc(1, sizeof(*n));
	struct pf_error err = { 0 };
	int ret = n ? pf_confine(&bounds, &err) : -ENOMEM;

	if (!ret)
		ret = be_ready(n, &err);
	if (ret) {
		fprintf(stderr, "pf-notify: %s\n", err.code ? err.text : "out of memory");
		free(n);
		return EXIT_FAILURE;
	}
	while (!is_over(n))
		step(n);
	close_all(n);
	return EXIT_SUCCESS;
}

static const char usage[] =
	"Usage: pf-notify\n"
	"Sends alerts for pfleak, which starts it: reads channels and bodies as lines of\n"
	"JSON from standard input and answers on standard output. See pf-notify(8).\n"
	"\n"
	"  -h, --help     this text\n"
	"  -V, --version  the version, and that of the TLS library\n";

int main(int argc, char **argv)
{
	const char *arg = argc == 2 ? argv[1] : "";

	if (argc == 1)
		return serve();
	if (!strcmp(arg, "-h") || !strcmp(arg, "--help"))
		return fputs(usage, stdout) < 0;
	if (!strcmp(arg, "-V") || !strcmp(arg, "--version"))
		return printf("pf-notify %s (%s)\n", PF_VERSION, pf_http_tls()) < 0;
	fputs(usage, stderr);
	return 2;
}
