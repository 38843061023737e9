/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --sample auto: how many of a process's fault events are counted, by its rate
 * in the interval before. The rate is the kernel's exact one: what is sampled
 * does not decide how it is sampled.
 */
#ifndef PF_LIB_OBSERVE_PACE_H
#define PF_LIB_OBSERVE_PACE_H

#include <stdint.h>

/* Faults a second above which one event in 10, one in 100 is counted. */
#define PF_PACE_STEP_1_PER_S 2000.0
#define PF_PACE_STEP_2_PER_S 5000.0

/* The step for a rate: 0, 1, 2. */
uint8_t pf_pace_step(double faults_per_s);

/* One in how many events is counted at that step. */
int64_t pf_pace_every(uint8_t step);

#endif
