/* SPDX-License-Identifier: BSD-2-Clause */
/* Records with stacks (bpf/stacks_abi.h) in the words of capture.h. What is given points into them. */
#ifndef PF_LIB_OBSERVE_CAPTURE_RECORD_H
#define PF_LIB_OBSERVE_CAPTURE_RECORD_H

#include <stddef.h>

#include "lib/observe/capture.h"

struct pf_stack_event;
struct pf_stack_head;
struct pf_stack_sample;

void pf_capture_take_head(const struct pf_stack_head *from, struct pf_capture_head *to);
/* size: of the record, with the stack or the chain that follows. */
void pf_capture_take_sample(const struct pf_stack_sample *r, size_t size,
			    struct pf_capture_sample *s);
void pf_capture_take_event(const struct pf_stack_event *r, struct pf_capture_news *n);

#endif
