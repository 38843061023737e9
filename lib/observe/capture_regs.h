/* SPDX-License-Identifier: BSD-2-Clause */
/* A thread's user registers, from the kernel's order into DWARF's. */
#ifndef PF_LIB_OBSERVE_CAPTURE_REGS_H
#define PF_LIB_OBSERVE_CAPTURE_REGS_H

#include "lib/observe/capture.h"

struct pf_stack_sample;

/* Fills regs where they are told and usable. */
enum pf_capture_abi pf_capture_regs(const struct pf_stack_sample *s,
				    uint64_t regs[PF_CAPTURE_REGS]);

#endif
