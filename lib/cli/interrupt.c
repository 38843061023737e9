/* SPDX-License-Identifier: BSD-2-Clause */
/* SIGINT and SIGTERM where there is no loop to wait in. */
#include <signal.h>
#include <stddef.h>

#include "lib/cli/interrupt.h"

static volatile sig_atomic_t interrupted;

static void note(int signo)
{
	(void)signo;
	interrupted = 1;
}

void pf_interrupt_catch(void)
{
	struct sigaction action = { .sa_handler = note }; /* no SA_RESTART: reads must end */

	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool pf_interrupt_pending(void)
{
	return interrupted;
}
