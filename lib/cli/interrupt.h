/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SIGINT and SIGTERM where there is no loop to wait in: a replay, which may be
 * blocked in a read. Interrupts the read and leaves a flag, the only one.
 */
#ifndef PF_LIB_CLI_INTERRUPT_H
#define PF_LIB_CLI_INTERRUPT_H

#include <stdbool.h>

/* From now on both signals set the flag; SIGPIPE is ignored. */
void pf_interrupt_catch(void);
bool pf_interrupt_pending(void);

#endif
