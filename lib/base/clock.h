/* SPDX-License-Identifier: BSD-2-Clause */
/* The clocks we read. Rates and ages use boot time, which no one can set. */
#ifndef PF_LIB_BASE_CLOCK_H
#define PF_LIB_BASE_CLOCK_H

#include <stdint.h>

uint64_t pf_boottime_ns(void); /* since boot, suspend included */
double pf_realtime_s(void);    /* Unix seconds, may jump */

#endif
