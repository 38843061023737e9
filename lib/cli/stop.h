/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Being told to stop, or to look again: SIGINT and SIGTERM stop, SIGHUP does one or the other.
 * Blocking calls end with EINTR and a flag is left, the only one; SIGPIPE is ignored, writes tell.
 */
#ifndef PF_LIB_CLI_STOP_H
#define PF_LIB_CLI_STOP_H

#include <signal.h>
#include <stdbool.h>

/* From now on. */
void pf_stop_catch(bool hangup_stops);
bool pf_stop_pending(void);
/* Was there a SIGHUP that does not stop? Once for each, or for several. */
bool pf_stop_take_hangup(void);

/* The three signals are blocked until end; in between *open is the mask for ppoll to wait with. */
void pf_stop_hold(sigset_t *open);
void pf_stop_release(const sigset_t *open);

#endif
