/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A storm of processes that die at once, read as the tools read it, and once
 * with nobody reading: what was shown and what was counted as lost must come to
 * all of them.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/base/isolate.h"
#include "tools/pfdiag/check.h"

#define STORM	600
#define LIMIT_S 15.0

struct storm {
	struct pf_observe_config config;
	bool reading; /* while it goes on */
	bool done;
	char text[400];
	int64_t died;
	int64_t shown;
	int64_t lost;
};

static int64_t count_exits(const struct pf_interval *in, int64_t parent)
{
	int64_t n = 0;

	for (size_t i = 0; i < in->n; i++)
		n += in->samples[i].exited && in->samples[i].ppid == parent;
	return n;
}

/* Each is waited for before the next is born: the machine holds one at a time. */
static int64_t let_die(void)
{
	int64_t n = 0;

	for (int i = 0; i < STORM; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		n += pid > 0 && waitpid(pid, NULL, 0) == pid;
	}
	return n;
}

/* Drain as the tools do, until the parent of the dying says that it is done. */
static void read_along(struct pf_observe *o, int done)
{
	struct pollfd fds[] = { { .fd = done, .events = POLLIN },
				{ .fd = pf_observe__fd(o), .events = POLLIN } };

	while (poll(fds, 2, -1) > 0 && !fds[0].revents)
		pf_observe__drain(o);
}

static void __attribute__((noreturn)) be_parent(int to)
{
	int64_t died = let_die();

	(void)!write(to, &died, sizeof(died));
	_exit(0);
}

static bool rage(struct storm *s, struct pf_observe *o, struct pf_error *err)
{
	struct pf_interval in;
	int ends[2];
	pid_t parent;

	if (pipe(ends))
		return false;
	parent = fork();
	if (parent == 0)
		be_parent(ends[1]);
	close(ends[1]);
	if (s->reading)
		read_along(o, ends[0]);
	if (read(ends[0], &s->died, sizeof(s->died)) != (ssize_t)sizeof(s->died))
		return false;
	close(ends[0]);
	waitpid(parent, NULL, 0);
	if (pf_observe__next(o, &in, err))
		return false;
	s->shown = count_exits(&in, parent);
	s->lost = (int64_t)in.losses.events + (int64_t)in.losses.processes;
	return true;
}

static void storm(void *ctx)
{
	struct storm *s = ctx;
	struct pf_error err = { 0 };
	struct pf_observe *o = pf_observe__open(&s->config, &err);

	s->done = o && rage(s, o, &err);
	snprintf(s->text, sizeof(s->text), "%s", err.text);
	pf_observe__close(o);
}

static bool run(struct pfdiag *d, struct storm *s, bool reading)
{
	struct pf_isolated end;

	memset(s, 0, sizeof(*s));
	s->reading = reading;
	pfdiag_way_config(d, PF_CHECK_PFLEAK, &s->config);
	return pf_isolate(storm, s, pfdiag_limit_s(d, LIMIT_S), &end) && s->done;
}

static void say(struct pf_check *c, const struct storm *s, const char *how)
{
	pfdiag_add(c,
		   "%sof %" PRId64 " that died %s %" PRId64 " were shown, %" PRId64
		   " counted as lost",
		   *c->found ? "\n" : "", s->died, how, s->shown, s->lost);
	pf_check_value(c, (double)s->shown, s->reading ? "read_shown" : "unread_shown");
	pf_check_value(c, (double)s->lost, s->reading ? "read_lost" : "unread_lost");
	if (s->shown + s->lost < s->died)
		pf_check_judge(c, PF_CHECK_FAIL);
	else if (s->reading && s->lost && c->verdict == PF_CHECK_OK)
		pf_check_judge(c, PF_CHECK_WARN);
}

void pfdiag_loss(struct pfdiag *d, struct pf_check *c)
{
	const struct pf_trial *t = pfdiag_way(d, PF_CHECK_PFLEAK);
	struct storm *s;

	if (!t->works || strcmp(t->snapshot, "iter") != 0) {
		pfdiag_found(c, PF_CHECK_SKIP,
			     "nobody tells of processes that die: the snapshot is "
			     "from /proc");
		pfdiag_try(c, "pfdiag --only iter,ring-buffer");
		return;
	}
	s = pf_isolate_shared(sizeof(*s));
	pfdiag_found(c, PF_CHECK_OK, "%s", "");
	for (int reading = 1; s && reading >= 0; reading--) {
		if (run(d, s, reading))
			say(c, s, reading ? "while they were read" : "with nobody reading");
		else
			pfdiag_add(c, "%scould not be tried: %s", *c->found ? "\n" : "",
				   *s->text ? s->text : "no answer");
	}
	if (!c->n_values && pfdiag_time_is_over(d))
		pfdiag_no_time(c);
	else if (!c->n_values)
		pf_check_judge(c, PF_CHECK_SKIP);
	if (c->verdict == PF_CHECK_FAIL)
		pfdiag_why(c,
			   "Processes vanish without a word: please report it, with the output of "
			   "pfdiag.");
	if (c->verdict == PF_CHECK_WARN) {
		pfdiag_why(c,
			   "In a storm of short-lived processes some are counted, but not named.");
		pfdiag_try(c, "pfleak: set performance.ring_buffer_size_mb in its configuration");
	}
	pf_isolate_unshare(s, sizeof(*s));
}
