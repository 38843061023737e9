/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When things happen: interval ticks by a clock nobody can set, being told to
 * stop, a key, a descriptor.
 */
#ifndef PF_LIB_CLI_LOOP_H
#define PF_LIB_CLI_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct pf_error;
struct pf_loop;

enum pf_loop_event {
	PF_LOOP_TICK,	/* an interval is over */
	PF_LOOP_STOP,	/* told to stop (stop.h), or the key q */
	PF_LOOP_READY,	/* the watched descriptor is readable */
	PF_LOOP_HANGUP, /* SIGHUP, where that does not stop */
	PF_LOOP_LAST,	/* the duration is over: one tick, then stop */
};

/* NULL with *err filled. */
struct pf_loop *pf_loop__new(struct pf_error *err);
void pf_loop__free(struct pf_loop *l); /* NULL-safe */

/* Ticks begin now; duration_s 0 = no bound. */
int pf_loop__start(struct pf_loop *l, double interval_s, double duration_s);

/* Wake on this descriptor too; -1 = none. */
void pf_loop__watch_fd(struct pf_loop *l, int fd);
/* Take keys from the terminal on standard input, unechoed, until __free. */
void pf_loop__watch_keys(struct pf_loop *l);

enum pf_loop_event pf_loop__wait(struct pf_loop *l);

#endif
