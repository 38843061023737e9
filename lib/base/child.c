/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs run for their output; see the header. */
#include "lib/base/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/spawn.h"

struct pf_child {
	pid_t pid;
	int from; /* its output; -1 = over */
	int status;
	bool ended;
	bool overdue; /* killed for its time */
	uint64_t due_ns;
	size_t len;
	char output[PF_CHILD_OUTPUT_MAX + 1];
};

/* The pid, or -errno. out: -1 = to `to`, as its messages. */
static pid_t start(const struct pf_child_order *order, int to)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C.UTF-8";
	char *const env[] = { path, locale, NULL };
	const struct pf_spawn spawn = { .path = order->path,
					.argv = (char *const *)order->argv,
					.envp = env,
					.fds = { -1, order->out < 0 ? to : order->out, to } };

	/* pf_spawn does not wait for what becomes of it: what is not there is said here. */
	return access(order->path, X_OK) ? -errno : pf_spawn(&spawn);
}

struct pf_child *pf_child__start(const struct pf_child_order *order, struct pf_error *err)
{
	struct pf_child *c = calloc(1, sizeof(*c));
	_cleanup_close_ int to = -1;
	int ends[2], ret;

	if (!c) {
		pf_fail(err, ENOMEM, "cannot run %s: out of memory", order->path);
		return NULL;
	}
	ret = pf_spawn_pipe(ends, 0);
	if (!ret) {
		c->from = ends[0];
		to = ends[1];
		c->pid = ret = start(order, to);
		if (ret < 0)
			close(c->from);
	}
	if (ret < 0) {
		free(c);
		pf_fail(err, -ret, "cannot run %s: %s", order->path, strerror(-ret));
		return NULL;
	}
	if (order->file_max) {
		const struct rlimit bound = { order->file_max, order->file_max };

		/* It has not had the time to write so much yet. */
		prlimit(c->pid, RLIMIT_FSIZE, &bound, NULL);
	}
	c->due_ns = pf_boottime_ns() + (uint64_t)(order->limit_s * 1e9);
	return c;
}

static void keep(struct pf_child *c, const char *data, size_t n)
{
	for (size_t i = 0; i < n && c->len < PF_CHILD_OUTPUT_MAX; i++)
		c->output[c->len++] = data[i] ? data[i] : ' ';
}

static void take_output(struct pf_child *c)
{
	char buf[4096];

	/* So much at a time: who writes without end shall not keep us. */
	for (int i = 0; i < 64 && c->from >= 0; i++) {
		ssize_t n = read(c->from, buf, sizeof(buf));

		if (n > 0) {
			keep(c, buf, (size_t)n);
		} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			close(c->from);
			c->from = -1;
		} else if (errno == EAGAIN) {
			return;
		}
	}
}

void pf_child__kill(struct pf_child *c)
{
	if (!c->ended)
		pf_spawn_kill(c->pid);
}

bool pf_child__poll(struct pf_child *c)
{
	if (c->ended)
		return true;
	take_output(c);
	if (waitpid(c->pid, &c->status, WNOHANG) == c->pid) {
		take_output(c);
		c->ended = true;
		/* What it started itself goes with it; its own number may be another's by now. */
		kill(-c->pid, SIGKILL);
		return true;
	}
	if (!c->overdue && pf_boottime_ns() >= c->due_ns) {
		c->overdue = true;
		pf_child__kill(c);
	}
	return false;
}

/* To the next moment at which there may be something to do, in milliseconds. */
static int pause_ms(const struct pf_child *c, uint64_t now, uint64_t until)
{
	/* Its output ends a moment before it does: then by short steps. */
	if (c->from < 0 || c->overdue)
		return 1;
	if (c->due_ns < until)
		until = c->due_ns;
	return until > now ? (int)((until - now) / 1000000) + 1 : 0;
}

bool pf_child__wait(struct pf_child *c, double limit_s)
{
	const uint64_t until = pf_boottime_ns() + (uint64_t)(limit_s * 1e9);

	while (!pf_child__poll(c)) {
		struct pollfd fd = { .fd = c->from, .events = POLLIN };
		uint64_t now = pf_boottime_ns();

		if (now >= until)
			return false;
		poll(&fd, 1, pause_ms(c, now, until));
	}
	return true;
}

const char *pf_child__output(const struct pf_child *c)
{
	return c->output;
}

bool pf_child__succeeded(const struct pf_child *c)
{
	return c->ended && WIFEXITED(c->status) && WEXITSTATUS(c->status) == 0;
}

void pf_child__words(const struct pf_child *c, char *dst, size_t size)
{
	if (c->overdue)
		snprintf(dst, size, "killed: it took too long");
	else if (!c->ended)
		snprintf(dst, size, "not ended");
	else if (WIFSIGNALED(c->status))
		snprintf(dst, size, "killed by signal %d", WTERMSIG(c->status));
	else
		snprintf(dst, size, "exit status %d", WEXITSTATUS(c->status));
}

void pf_child__free(struct pf_child *c)
{
	if (!c)
		return;
	pf_child__kill(c);
	if (!c->ended)
		waitpid(c->pid, &c->status, WNOHANG);
	if (c->from >= 0)
		close(c->from);
	free(c);
}
