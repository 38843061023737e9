/* SPDX-License-Identifier: BSD-2-Clause */
/* Keeping pf-notify going; see the header. Knows no alert: bodies are bytes here. */
#include "lib/notify/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/installed.h"
#include "lib/base/log.h"
#include "lib/base/spawn.h"
#include "lib/notify/pipe.h"
#include "lib/notify/wire.h"

#define PROGRAM "pf-notify"

#define PIPE_BYTES   (1 << 20) /* as much as a user may have: a burst goes out in one moment */
#define BACKLOG_MAX  (2 << 20) /* bytes that wait for the pipe; what comes then is dropped */
#define ANSWER_MAX   (16 << 10)
#define STUCK_S	     10.0 /* no answer to a ping for so long */
#define AGAIN_S	     1.0  /* before it is started again; doubled each time it does not last */
#define AGAIN_MAX_S  300.0
#define GOOD_AFTER_S 60.0 /* it lasted: the next start need not wait long */
#define NOBODY	     65534

struct pf_helper {
	const struct pf_channel *channels;
	struct pf_notify_stats *stats;
	bool *complained; /* one per channel: said once per spell of trouble */
	size_t n;

	char path[PATH_MAX];
	struct pf_user user;
	bool has_user;

	pid_t pid; /* 0 = is not running */
	struct pf_pipe_in in;
	struct pf_pipe_out out;
	uint64_t next_id;
	uint64_t ping_id; /* that is not answered; 0 = none */
	double pinged_s;
	double started_s;
	double again_s; /* wait before the next start */
	double start_s; /* when that is due */
	uint64_t restarts;
	bool finishing;
};

static double now_s(void)
{
	return (double)pf_boottime_ns() / 1e9;
}

static bool is_ours(const struct pf_channel *c)
{
	return c->type == PF_CHANNEL_WEBHOOK || c->type == PF_CHANNEL_PAGERDUTY ||
	       c->type == PF_CHANNEL_ALERTMANAGER;
}

/* ---- where it is, and as whom ---------------------------------------------- */

static int find_program(char path[PATH_MAX], struct pf_error *err)
{
	int ret = pf_installed_helper(path, PATH_MAX, PROGRAM);

	if (!ret)
		return 0;
	return pf_fail(err, -ret,
		       "cannot run " PROGRAM
		       ": %s (webhook, pagerduty and alertmanager need it: is "
		       "pftools installed whole?)",
		       strerror(-ret));
}

/* Root does not talk to the network as root. */
static int find_user(struct pf_helper *h, const char *name, struct pf_error *err)
{
	if (geteuid() != 0)
		return name ? pf_fail(err, EPERM, "only root can run " PROGRAM " as user '%s'",
				      name)
			    : 0;
	h->has_user = true;
	if (name)
		return pf_user_find(&h->user, name, err);
	if (!pf_user_find(&h->user, PROGRAM, NULL) || !pf_user_find(&h->user, "nobody", NULL))
		return 0;
	h->user = (struct pf_user){ .uid = NOBODY, .gid = NOBODY };
	return 0;
}

/* ---- what is said to it ---------------------------------------------------- */

static void say(struct pf_helper *h, const struct pf_wire *m)
{
	if (h->pid)
		pf_wire_write(m, &h->out.buf);
}

static char *bearer(const struct pf_channel *c)
{
	char *line = NULL;

	if (c->type == PF_CHANNEL_PAGERDUTY || !c->http.secret)
		return NULL;
	return asprintf(&line, "Authorization: Bearer %s", c->http.secret) < 0 ? NULL : line;
}

/* The header lines of a channel; those beyond the first are the caller's to free. */
static size_t header_lines(const struct pf_channel *c, char *lines[PF_WIRE_HEADERS_MAX])
{
	size_t n = 0;
	char *token = bearer(c);

	if (token)
		lines[n++] = token;
	for (size_t i = 0; i < c->http.n_headers && n + 1 < PF_WIRE_HEADERS_MAX; i++) {
		if (asprintf(&lines[n], "%s: %s", c->http.headers[i].name,
			     c->http.headers[i].value) > 0)
			n++;
	}
	return n;
}

static void introduce(struct pf_helper *h, unsigned int i)
{
	const struct pf_channel *c = &h->channels[i];
	const struct pf_channel_http *http = &c->http;
	char *lines[PF_WIRE_HEADERS_MAX];
	size_t n = header_lines(c, lines);
	struct pf_wire m = { .op = PF_WIRE_CHANNEL,
			     .channel = i,
			     .name = c->name,
			     .url = http->url,
			     .headers = { "Content-Type: application/json" },
			     .n_headers = 1 + n,
			     .ca_file = http->ca_file,
			     .proxy = http->proxy,
			     .connect_timeout_s = http->connect_timeout_s,
			     .timeout_s = http->timeout_s,
			     .terms = { http->queue, http->attempts, http->retry_s,
					http->retry_max_s } };

	for (size_t k = 0; k < n; k++)
		m.headers[1 + k] = lines[k];
	say(h, &m);
	for (size_t k = 0; k < n; k++) {
		explicit_bzero(lines[k], strlen(lines[k]));
		free(lines[k]);
	}
}

/* ---- its life -------------------------------------------------------------- */

static void close_pipes(struct pf_helper *h)
{
	if (h->in.fd >= 0)
		close(h->in.fd);
	if (h->out.fd >= 0)
		close(h->out.fd);
	h->in.fd = h->out.fd = -1;
	pf_pipe_in_free(&h->in);
	pf_pipe_out_free(&h->out);
	h->in.skipping = false;
}

static int start(struct pf_helper *h)
{
	char *const argv[] = { h->path, NULL };
	char locale[] = "LC_ALL=C.UTF-8";
	char *const envp[] = { locale, NULL };
	int to[2] = { -1, -1 }, from[2] = { -1, -1 };
	int ret = pf_spawn_pipe(to, 1);

	if (!ret)
		ret = pf_spawn_pipe(from, 0);
	if (!ret) {
		const struct pf_spawn s = { .path = h->path,
					    .argv = argv,
					    .envp = envp,
					    .fds = { to[0], from[1], from[1] },
					    .user = h->has_user ? &h->user : NULL,
					    .confined = true };

		(void)fcntl(to[1], F_SETPIPE_SZ, PIPE_BYTES); /* less will do */
		ret = pf_spawn(&s);
	}
	h->out.fd = to[1];
	h->in.fd = from[0];
	if (to[0] >= 0)
		close(to[0]);
	if (from[1] >= 0)
		close(from[1]);
	if (ret < 0) {
		close_pipes(h);
		return ret;
	}
	h->pid = ret;
	h->started_s = now_s();
	h->ping_id = 0;
	for (unsigned int i = 0; i < h->n; i++) {
		if (is_ours(&h->channels[i]))
			introduce(h, i);
	}
	return 0;
}

/* What it had taken is gone with it. */
static void count_lost(struct pf_helper *h)
{
	for (size_t i = 0; i < h->n; i++) {
		if (!is_ours(&h->channels[i]))
			continue;
		h->stats[i].failed += h->stats[i].waiting;
		h->stats[i].waiting = 0;
	}
}

static void plan_restart(struct pf_helper *h)
{
	double now = now_s();

	h->again_s = now - h->started_s >= GOOD_AFTER_S || h->again_s == 0
			     ? AGAIN_S
			     : fmin(2 * h->again_s, AGAIN_MAX_S);
	h->start_s = now + h->again_s;
}

static const char *status_text(char *dst, size_t size, int status)
{
	if (WIFSIGNALED(status))
		snprintf(dst, size, "was ended by signal %d", WTERMSIG(status));
	else
		snprintf(dst, size, "ended with status %d", WEXITSTATUS(status));
	return dst;
}

/* It is gone, its zombie taken in. */
static void bury(struct pf_helper *h, int status)
{
	char what[64];

	h->pid = 0;
	close_pipes(h);
	if (!h->finishing) {
		plan_restart(h);
		pf_warn(PROGRAM " %s: %s", status_text(what, sizeof(what), status),
			"what it held is lost; it is started again");
	}
	count_lost(h);
}

static void kill_it(struct pf_helper *h)
{
	int status = 0;

	pf_spawn_kill(h->pid);
	while (waitpid(h->pid, &status, 0) < 0 && errno == EINTR)
		;
	bury(h, status);
}

/* ---- what it says ---------------------------------------------------------- */

static void take_trouble(struct pf_helper *h, const struct pf_wire *m)
{
	bool first = !h->complained[m->channel];

	pf_log(first ? PF_LOG_WARN : PF_LOG_INFO, "channel '%s': %s; again in %.1fs",
	       h->channels[m->channel].name, m->text ? m->text : "failed", m->again_s);
	h->complained[m->channel] = true;
}

static void take_failure(struct pf_helper *h, const struct pf_wire *m)
{
	bool first = !h->complained[m->channel];

	pf_log(first ? PF_LOG_WARN : PF_LOG_INFO, "channel '%s': given up: %s",
	       h->channels[m->channel].name, m->text ? m->text : "failed");
	h->complained[m->channel] = true;
}

static void take_result(struct pf_helper *h, const struct pf_wire *m)
{
	struct pf_notify_stats *stats = &h->stats[m->channel];

	if (stats->waiting)
		stats->waiting--;
	switch (m->outcome) {
	case PF_OUTCOME_DELIVERED:
		stats->delivered++;
		if (h->complained[m->channel])
			pf_warn("channel '%s': works again", h->channels[m->channel].name);
		h->complained[m->channel] = false;
		break;
	case PF_OUTCOME_REPLACED:
		stats->handed--; /* the one that came counts for both */
		break;
	case PF_OUTCOME_FAILED:
		stats->failed++;
		take_failure(h, m);
		break;
	default:
		stats->dropped++;
	}
}

static void take(struct pf_helper *h, const struct pf_wire *m)
{
	bool known = m->channel < h->n && is_ours(&h->channels[m->channel]);

	switch (m->op) {
	case PF_WIRE_READY:
		pf_info(PROGRAM " is up, pid %d, TLS by %s", h->pid, m->text ? m->text : "nobody");
		break;
	case PF_WIRE_PONG:
		h->ping_id = m->id == h->ping_id ? 0 : h->ping_id;
		break;
	case PF_WIRE_TROUBLE:
		if (known)
			take_trouble(h, m);
		break;
	case PF_WIRE_RESULT:
		if (known)
			take_result(h, m);
		break;
	case PF_WIRE_REFUSED:
		pf_warn(PROGRAM " refuses: %s", m->text ? m->text : "");
		break;
	default:
		break;
	}
}

/* It may say something that is no message: the loader does, when a library is missing. */
static void take_line(void *ctx, const char *line, size_t len)
{
	struct pf_helper *h = ctx;
	struct pf_wire m;

	if (!line || !len)
		return;
	if (line[0] != '{' || pf_wire_read(&m, line, len, NULL)) {
		pf_warn(PROGRAM ": %.*s", (int)(len > 500 ? 500 : len), line);
		return;
	}
	take(h, &m);
	pf_wire_free(&m);
}

/* ---- for the caller -------------------------------------------------------- */

struct pf_helper *pf_helper__new(const struct pf_channel *channels, struct pf_notify_stats *stats,
				 size_t n, const char *user, struct pf_error *err)
{
	struct pf_helper *h = calloc(1, sizeof(*h));
	int ret;

	if (!h || !(h->complained = calloc(n, sizeof(*h->complained)))) {
		pf_fail(err, ENOMEM, "out of memory");
		pf_helper__free(h);
		return NULL;
	}
	h->channels = channels;
	h->stats = stats;
	h->n = n;
	h->in = (struct pf_pipe_in){ .fd = -1, .line_max = ANSWER_MAX };
	h->out.fd = -1;
	ret = find_program(h->path, err);
	if (!ret)
		ret = find_user(h, user, err);
	if (!ret) {
		ret = start(h);
		if (ret)
			pf_fail(err, -ret, "cannot start %s: %s", h->path, strerror(-ret));
	}
	if (!ret)
		return h;
	pf_helper__free(h);
	return NULL;
}

void pf_helper__free(struct pf_helper *h)
{
	if (!h)
		return;
	h->finishing = true;
	if (h->pid)
		kill_it(h);
	free(h->complained);
	free(h);
}

void pf_helper__post(struct pf_helper *h, size_t i, const char *key, const char *body,
		     double expires_s)
{
	const struct pf_wire m = { .op = PF_WIRE_POST,
				   .id = ++h->next_id,
				   .channel = (unsigned int)i,
				   .key = key,
				   .body = body,
				   .expires_s = expires_s };
	size_t len = strlen(body);

	h->stats[i].handed++;
	if (!h->pid || len > PF_WIRE_LINE_MAX / 2 ||
	    pf_pipe_out_waiting(&h->out) + len > BACKLOG_MAX) {
		h->stats[i].dropped++;
		return;
	}
	say(h, &m);
	h->stats[i].waiting++;
}

static bool is_stuck(const struct pf_helper *h)
{
	return h->ping_id && now_s() - h->pinged_s >= STUCK_S;
}

static void ping(struct pf_helper *h)
{
	const struct pf_wire m = { .op = PF_WIRE_PING, .id = ++h->next_id };

	if (h->ping_id)
		return;
	h->ping_id = m.id;
	h->pinged_s = now_s();
	say(h, &m);
}

/* A helper that closes its pipes and lives on is none. */
static bool is_closed(struct pf_helper *h)
{
	return pf_pipe_in_read(&h->in, take_line, h) != 0;
}

static void look_after(struct pf_helper *h)
{
	bool closed = is_closed(h);
	int status;

	if (waitpid(h->pid, &status, WNOHANG) == h->pid) {
		bury(h, status);
	} else if (closed) {
		kill_it(h);
	} else if (is_stuck(h)) {
		pf_warn(PROGRAM " has not answered for %.0fs and is killed", STUCK_S);
		kill_it(h);
	}
}

static void revive(struct pf_helper *h)
{
	int ret;

	if (now_s() < h->start_s)
		return;
	h->restarts++;
	ret = start(h);
	if (!ret)
		return;
	pf_warn("cannot start %s: %s", h->path, strerror(-ret));
	plan_restart(h);
}

void pf_helper__moment(struct pf_helper *h)
{
	if (h->pid)
		look_after(h);
	if (!h->pid)
		revive(h);
	if (!h->pid)
		return;
	ping(h);
	pf_pipe_out_flush(&h->out); /* a closed pipe shows when it is buried */
}

/* Until it is gone or the time is over; what it says is taken in. */
void pf_helper__finish(struct pf_helper *h, double drain_s)
{
	const struct pf_wire m = { .op = PF_WIRE_FINISH, .drain_s = drain_s };
	double end_s = now_s() + drain_s + 1; /* it keeps the time itself */
	bool closed = !h->pid;
	double left_s;

	h->finishing = true;
	say(h, &m);
	while (!closed && (left_s = end_s - now_s()) > 0) {
		bool more = pf_pipe_out_waiting(&h->out);
		struct pollfd fds[] = { { .fd = h->in.fd, .events = POLLIN },
					{ .fd = more ? h->out.fd : -1, .events = POLLOUT } };

		if (pf_pipe_out_flush(&h->out))
			pf_pipe_out_free(&h->out);
		poll(fds, PF_ARRAY_SIZE(fds), (int)ceil(1000 * left_s));
		closed = is_closed(h);
	}
	if (h->pid)
		kill_it(h);
}

uint64_t pf_helper__restarts(const struct pf_helper *h)
{
	return h->restarts;
}
