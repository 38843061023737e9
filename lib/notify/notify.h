/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Telling alerts to channels. Takes alert records as JSON (the schema of
 * `pfleak --json-schema`), decides which channel wants which, and hands them
 * on: to syslog, to a command, or to pf-notify, the program without privileges
 * that speaks HTTP. Never waits, except in pf_notify__finish; what cannot be
 * handed on is counted. Knows no model: what is worth telling is decided by
 * lib/leak/tell.h.
 */
#ifndef PF_LIB_NOTIFY_NOTIFY_H
#define PF_LIB_NOTIFY_NOTIFY_H

#include <stdint.h>
#include <jansson.h>

#include "lib/notify/channel.h"

struct pf_error;
struct pf_notify;

/* Instead of sending: what would go where, secrets hidden. `to` is a URL, a program, a socket. */
typedef void (*pf_notify_print_fn)(void *ctx, const struct pf_channel *c, const char *to,
				   const json_t *body);

struct pf_notify_config {
	const struct pf_channel *channels; /* checked; must outlive the object */
	size_t n_channels;
	const char *user;  /* pf-notify's, when we are root; NULL = "pf-notify" if there is such a
			    * user, else nobody */
	double drain_s;	   /* what waits at the end may take so long, 5 */
	double interval_s; /* between calls of pf_notify__moment */
	pf_notify_print_fn dry_run; /* NULL = send */
	void *ctx;
};

/* What is told now. */
struct pf_notice {
	const json_t *alert; /* the record; borrowed */
	double since_ts;     /* when it was first told in this state, or in the one that ended */
	unsigned int told;   /* bits of the states this alert was told in so far, this one too: a
			      * channel hears of an end only if it heard of what ends */
	int level_before;    /* enum pf_alert_level at which it was told last; -1 = it was not */
	bool again;	     /* told before, and it still fires: for channels that forget */
};

/* Of one channel. */
struct pf_notify_stats {
	uint64_t handed; /* notices accepted for it */
	uint64_t delivered;
	uint64_t failed;  /* given up, or the command's status was not 0 */
	uint64_t dropped; /* no room, or too many at once */
	uint64_t waiting; /* neither yet */
};

/* NULL with *err filled. Starts pf-notify if a channel needs it. */
struct pf_notify *pf_notify__new(const struct pf_notify_config *config, struct pf_error *err);
void pf_notify__free(struct pf_notify *n); /* NULL-safe; kills what still runs */

void pf_notify__tell(struct pf_notify *n, const struct pf_notice *notice);

/* Bits of the states that some channel wants. */
unsigned int pf_notify__states(const struct pf_notify *n);

/* How often somebody wants firing alerts again, in seconds; 0 = nobody does. */
double pf_notify__keep_alive_s(const struct pf_notify *n);

/*
 * Once per moment: feeds pf-notify, takes in its answers, looks after commands
 * and after pf-notify itself, which is started again when it died or is stuck.
 */
void pf_notify__moment(struct pf_notify *n);

/* No more alerts: waits up to config.drain_s for what is on its way. */
void pf_notify__finish(struct pf_notify *n);

/* i counts config.channels. */
void pf_notify__stats(const struct pf_notify *n, size_t i, struct pf_notify_stats *stats);
uint64_t pf_notify__restarts(const struct pf_notify *n);

#endif
