/* SPDX-License-Identifier: BSD-2-Clause */
/* Being told to stop. Does nothing about it. */
#include <stddef.h>

#include "lib/cli/stop.h"

static volatile sig_atomic_t stop;

static const int stops[] = { SIGINT, SIGTERM, SIGHUP };

static void note(int signo)
{
	(void)signo;
	stop = 1;
}

void pf_stop_catch(bool hangup_stops)
{
	struct sigaction action = { .sa_handler =
					    note }; /* no SA_RESTART: blocking calls must end */

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++)
		sigaction(stops[i], &action, NULL);
	if (!hangup_stops)
		signal(SIGHUP, SIG_IGN);
}

bool pf_stop_pending(void)
{
	return stop;
}

void pf_stop_hold(sigset_t *open)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++)
		sigaddset(&set, stops[i]);
	sigprocmask(SIG_BLOCK, &set, open);
}

void pf_stop_release(const sigset_t *open)
{
	sigprocmask(SIG_SETMASK, open, NULL);
}
