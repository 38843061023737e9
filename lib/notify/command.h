/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A command for each alert: bounded in number, waiting ones too, and in time.
 * The alert is in its environment (pf_payload_environment), which has nothing
 * of ours; its descriptors are /dev/null. Counts, never waits.
 */
#ifndef PF_LIB_NOTIFY_COMMAND_H
#define PF_LIB_NOTIFY_COMMAND_H

#include <stdint.h>
#include <jansson.h>

#include "lib/base/spawn.h"
#include "lib/notify/channel.h"
#include "lib/notify/notify.h"

struct pf_command;

/* *c must outlive it. NULL with *err filled: no such user, no memory. */
struct pf_command *pf_command__new(const struct pf_channel *c, struct pf_notify_stats *stats,
				   struct pf_error *err);
void pf_command__free(struct pf_command *k); /* NULL-safe; kills what runs */

/* Run it for this alert, now or when one that runs has ended. */
void pf_command__tell(struct pf_command *k, const json_t *alert);

/* Take in those that ended, kill those over their time, start those that wait. */
void pf_command__moment(struct pf_command *k);

#endif
