/* SPDX-License-Identifier: BSD-2-Clause */
/* What can be said of a channel on this machine without sending anything. */
#ifndef PF_LIB_NOTIFY_HERE_H
#define PF_LIB_NOTIFY_HERE_H

#include "lib/notify/channel.h"

/*
 * Is what a sound channel names there? Its user; its certificates; its program, which nobody else
 * may change (lib/base/trust.h), but for the user it runs as. 0, or -EINVAL if anything was told.
 */
int pf_channel_check_here(const struct pf_channel *c, struct pf_channel_faults *faults);

#endif
