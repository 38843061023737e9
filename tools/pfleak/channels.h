/* SPDX-License-Identifier: BSD-2-Clause */
/* Channels as they were configured, made into what lib/notify takes. */
#ifndef PF_TOOLS_PFLEAK_CHANNELS_H
#define PF_TOOLS_PFLEAK_CHANNELS_H

#include "lib/config/settings.h"
#include "lib/notify/channel.h"

struct pf_error;

struct pfleak_channels {
	struct pf_channel *list; /* NULL when there are none */
	size_t n;
};

/* 0, or -EINVAL (-ENOMEM) with *err naming the channel and what is wrong with it. */
int pfleak_channels_make(struct pfleak_channels *channels, const struct pf_settings *settings,
			 struct pf_error *err);

/* All that is wrong with them, each with its place; here: what they name on this machine, too. */
void pfleak_channels_check(const struct pf_settings *settings, bool here,
			   struct pf_complaints *complaints);

void pfleak_channels_free(struct pfleak_channels *channels);

#endif
