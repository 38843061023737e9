/* SPDX-License-Identifier: BSD-2-Clause */
/* Being told to stop, or to look again. Does nothing about it. */
#include <stddef.h>

#include "lib/cli/stop.h"

enum { STOP = 1, HANGUP = 2 };

static volatile sig_atomic_t told; /* of these */

static const int stops[] = { SIGINT, SIGTERM, SIGHUP };

/* The others wait while one is handled, so nothing is lost between reading and writing. */
static void note_stop(int signo)
{
	(void)signo;
	told |= STOP;
}

static void note_hangup(int signo)
{
	(void)signo;
	told |= HANGUP;
}

static void fill_set(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++)
		sigaddset(set, stops[i]);
}

void pf_stop_catch(bool hangup_stops)
{
	struct sigaction action = { .sa_handler = note_stop };

	/* no SA_RESTART: blocking calls must end */
	fill_set(&action.sa_mask);
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++)
		sigaction(stops[i], &action, NULL);
	if (hangup_stops)
		return;
	action.sa_handler = note_hangup;
	sigaction(SIGHUP, &action, NULL);
}

bool pf_stop_pending(void)
{
	return told & STOP;
}

bool pf_stop_take_hangup(void)
{
	sigset_t open;
	bool hangup;

	pf_stop_hold(&open);
	hangup = told & HANGUP;
	told &= ~HANGUP;
	pf_stop_release(&open);
	return hangup;
}

void pf_stop_hold(sigset_t *open)
{
	sigset_t set;

	fill_set(&set);
	sigprocmask(SIG_BLOCK, &set, open);
}

void pf_stop_release(const sigset_t *open)
{
	sigprocmask(SIG_SETMASK, open, NULL);
}
