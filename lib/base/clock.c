/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the two clocks; converts nothing between them. */
#include "lib/base/clock.h"

#include <time.h>

uint64_t pf_boottime_ns(void)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

double pf_realtime_s(void)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
