/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When things happen. Knows nothing of what is done then.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/cli/loop.h"
#include "lib/cli/stop.h"

enum { FD_TIMER, FD_WATCHED, FD_KEYS, FDS };

struct pf_loop {
	struct pollfd fds[FDS];
	uint64_t interval_ns;
	uint64_t next_ns;
	uint64_t end_ns; /* 0 = none */
	bool raw_keys;
	struct termios keys_before;
};

struct pf_loop *pf_loop__new(struct pf_error *err)
{
	struct pf_loop *l = calloc(1, sizeof(*l));

	if (!l) {
		pf_fail(err, ENOMEM, "out of memory");
		return NULL;
	}
	for (int i = 0; i < FDS; i++)
		l->fds[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	l->fds[FD_TIMER].fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (l->fds[FD_TIMER].fd < 0) {
		pf_fail(err, errno, "cannot make a timer: %s", strerror(errno));
		pf_loop__free(l);
		return NULL;
	}
	return l;
}

void pf_loop__free(struct pf_loop *l)
{
	if (!l)
		return;
	if (l->raw_keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &l->keys_before);
	if (l->fds[FD_TIMER].fd >= 0)
		close(l->fds[FD_TIMER].fd);
	free(l);
}

static int arm(struct pf_loop *l)
{
	uint64_t at = l->end_ns && l->end_ns < l->next_ns ? l->end_ns : l->next_ns;
	struct itimerspec when = {
		.it_value = { .tv_sec = (time_t)(at / 1000000000),
			      .tv_nsec = (long)(at % 1000000000) },
	};

	return timerfd_settime(l->fds[FD_TIMER].fd, TFD_TIMER_ABSTIME, &when, NULL) ? -errno : 0;
}

int pf_loop__start(struct pf_loop *l, double interval_s, double duration_s)
{
	uint64_t now = pf_boottime_ns();

	l->interval_ns = (uint64_t)(interval_s * 1e9);
	l->next_ns = now + l->interval_ns;
	l->end_ns = duration_s > 0 ? now + (uint64_t)(duration_s * 1e9) : 0;
	return arm(l);
}

void pf_loop__watch_fd(struct pf_loop *l, int fd)
{
	l->fds[FD_WATCHED].fd = fd;
}

void pf_loop__watch_keys(struct pf_loop *l)
{
	struct termios raw;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &l->keys_before))
		return;
	raw = l->keys_before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw))
		return;
	l->raw_keys = true;
	l->fds[FD_KEYS].fd = STDIN_FILENO;
}

/* -1 = nothing that matters, here and below */
static int take_key(struct pf_loop *l)
{
	char key;

	if (read(STDIN_FILENO, &key, 1) != 1) {
		l->fds[FD_KEYS].fd = -1;
		return -1;
	}
	return key == 'q' || key == 'Q' ? PF_LOOP_STOP : -1;
}

/* Late by more than an interval (stopped, suspended, overloaded): the missed ticks are one. */
static int take_tick(struct pf_loop *l)
{
	uint64_t expired, now = pf_boottime_ns();
	bool end = l->end_ns && now >= l->end_ns;

	if (read(l->fds[FD_TIMER].fd, &expired, sizeof(expired)) != (ssize_t)sizeof(expired))
		return -1;
	while (l->next_ns <= now)
		l->next_ns += l->interval_ns * (1 + (now - l->next_ns) / l->interval_ns);
	if (end)
		return PF_LOOP_LAST;
	arm(l);
	return PF_LOOP_TICK;
}

static int take(struct pf_loop *l)
{
	if (l->fds[FD_TIMER].revents)
		return take_tick(l);
	if (l->fds[FD_KEYS].fd >= 0 && l->fds[FD_KEYS].revents)
		return take_key(l);
	return l->fds[FD_WATCHED].revents ? PF_LOOP_READY : -1;
}

enum pf_loop_event pf_loop__wait(struct pf_loop *l)
{
	int event = -1;
	sigset_t open;

	pf_stop_hold(&open);
	while (event < 0) {
		if (pf_stop_pending())
			event = PF_LOOP_STOP;
		else if (pf_stop_take_hangup())
			event = PF_LOOP_HANGUP;
		else if (ppoll(l->fds, FDS, NULL, &open) > 0)
			event = take(l);
	}
	pf_stop_release(&open);
	return (enum pf_loop_event)event;
}
