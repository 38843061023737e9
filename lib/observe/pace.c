/* SPDX-License-Identifier: BSD-2-Clause */
/* Rates to steps. Keeps nothing. */
#include "bpf/pf_abi.h"
#include "lib/observe/pace.h"

uint8_t pf_pace_step(double faults_per_s)
{
	if (faults_per_s > PF_PACE_STEP_2_PER_S)
		return 2;
	return faults_per_s > PF_PACE_STEP_1_PER_S ? 1 : 0;
}

int64_t pf_pace_every(uint8_t step)
{
	static const int64_t every[] = { 1, PF_SAMPLE_STEP_1, PF_SAMPLE_STEP_2 };

	return step < sizeof(every) / sizeof(every[0]) ? every[step] : 1;
}
