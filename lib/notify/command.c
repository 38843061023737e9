/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands for alerts; see the header. No shell, and no word of an alert in an argument. */
#include "lib/notify/command.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <utlist.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/notify/payload.h"

struct waiting {
	json_t *alert;
	struct waiting *prev, *next;
};

struct running {
	pid_t pid; /* 0 = free */
	double end_s;
	bool killed;
};

struct pf_command {
	const struct pf_channel *channel;
	struct pf_notify_stats *stats;
	struct pf_user user;
	struct waiting *waiting; /* oldest first */
	unsigned int n_waiting;
	bool complained; /* of a failure; the next success ends the spell */
	struct running running[];
};

static double now_s(void)
{
	return (double)pf_boottime_ns() / 1e9;
}

struct pf_command *pf_command__new(const struct pf_channel *c, struct pf_notify_stats *stats,
				   struct pf_error *err)
{
	struct pf_command *k = calloc(1, sizeof(*k) + c->at_once * sizeof(k->running[0]));

	if (!k) {
		pf_fail(err, ENOMEM, "out of memory");
		return NULL;
	}
	k->channel = c;
	k->stats = stats;
	if (!c->user || !pf_user_find(&k->user, c->user, err))
		return k;
	free(k);
	return NULL;
}

static void forget(struct pf_command *k, struct waiting *w)
{
	DL_DELETE(k->waiting, w);
	k->n_waiting--;
	json_decref(w->alert);
	free(w);
}

void pf_command__free(struct pf_command *k)
{
	if (!k)
		return;
	while (k->waiting)
		forget(k, k->waiting);
	for (unsigned int i = 0; i < k->channel->at_once; i++) {
		if (!k->running[i].pid)
			continue;
		pf_spawn_kill(k->running[i].pid);
		waitpid(k->running[i].pid, NULL, 0);
	}
	free(k);
}

/* ---- one that runs --------------------------------------------------------- */

static void complain(struct pf_command *k, const char *what)
{
	if (k->complained)
		pf_info("channel '%s': %s", k->channel->name, what);
	else
		pf_warn("channel '%s': %s", k->channel->name, what);
	k->complained = true;
}

static void judge(struct pf_command *k, const struct running *r, int status)
{
	char what[100];

	if (WIFEXITED(status) && !WEXITSTATUS(status)) {
		k->stats->delivered++;
		k->complained = false;
		return;
	}
	k->stats->failed++;
	if (r->killed)
		snprintf(what, sizeof(what), "the command took longer than %gs and was killed",
			 k->channel->command_timeout_s);
	else if (WIFSIGNALED(status))
		snprintf(what, sizeof(what), "the command was ended by signal %d",
			 WTERMSIG(status));
	else if (WEXITSTATUS(status) == PF_SPAWN_FAILED)
		snprintf(what, sizeof(what),
			 "the command could not be run, or ended with status %d", PF_SPAWN_FAILED);
	else
		snprintf(what, sizeof(what), "the command ended with status %d",
			 WEXITSTATUS(status));
	complain(k, what);
}

static void look_after(struct pf_command *k, struct running *r)
{
	siginfo_t info = { 0 };
	int status;

	/* Its number stays taken until the group is gone, too. */
	waitid(P_PID, (id_t)r->pid, &info, WEXITED | WNOHANG | WNOWAIT);
	if (info.si_pid == r->pid) {
		pf_spawn_kill(r->pid); /* whatever it left behind */
		if (waitpid(r->pid, &status, 0) == r->pid)
			judge(k, r, status);
		r->pid = 0;
	} else if (!r->killed && now_s() >= r->end_s) {
		r->killed = true;
		pf_spawn_kill(r->pid);
	}
}

static pid_t start(const struct pf_command *k, const json_t *alert)
{
	const struct pf_channel *c = k->channel;
	_cleanup_free_ char **env = pf_payload_environment(alert);
	const struct pf_spawn s = { .path = c->argv[0],
				    .argv = c->argv,
				    .envp = env,
				    .fds = { -1, -1, -1 },
				    .user = c->user ? &k->user : NULL };

	return env ? pf_spawn(&s) : -ENOMEM;
}

static void run_for(struct pf_command *k, struct running *r, const json_t *alert)
{
	pid_t pid = start(k, alert);

	if (pid > 0) {
		*r = (struct running){ pid, now_s() + k->channel->command_timeout_s, false };
		return;
	}
	k->stats->failed++;
	complain(k, strerror(-pid));
}

void pf_command__moment(struct pf_command *k)
{
	for (unsigned int i = 0; i < k->channel->at_once; i++) {
		struct running *r = &k->running[i];

		if (r->pid)
			look_after(k, r);
		if (r->pid || !k->waiting)
			continue;
		run_for(k, r, k->waiting->alert);
		forget(k, k->waiting);
	}
}

void pf_command__tell(struct pf_command *k, const json_t *alert)
{
	struct waiting *w = calloc(1, sizeof(*w));

	if (!w) {
		k->stats->dropped++;
		return;
	}
	if (k->n_waiting >= k->channel->http.queue) {
		forget(k, k->waiting);
		k->stats->dropped++;
	}
	w->alert = json_incref((json_t *)alert);
	DL_APPEND(k->waiting, w);
	k->n_waiting++;
	pf_command__moment(k);
}
