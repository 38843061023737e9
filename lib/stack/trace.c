/* SPDX-License-Identifier: BSD-2-Clause */
/* Words for traces, and traces of the kernel's making. */
#include "lib/stack/trace.h"

#include <stddef.h>

const char *pf_trace_stop_name(enum pf_trace_stop stop)
{
	static const char *const names[PF_TRACE_STOPS] = {
		[PF_STOP_ROOT] = "root", [PF_STOP_DEPTH] = "depth", [PF_STOP_COPY] = "copy",
		[PF_STOP_MAP] = "map",	 [PF_STOP_TABLE] = "table", [PF_STOP_BROKEN] = "broken",
		[PF_STOP_LOST] = "lost",
	};

	return stop < PF_TRACE_STOPS ? names[stop] : "broken";
}

void pf_trace_kernel(struct pf_trace *t, const uint64_t *ips, uint32_t n)
{
	t->n = n < PF_FRAMES_MAX ? n : PF_FRAMES_MAX;
	t->stop = n <= PF_FRAMES_MAX ? PF_STOP_ROOT : PF_STOP_DEPTH;
	for (uint32_t i = 0; i < t->n; i++)
		t->frames[i] = (struct pf_frame){ .ip = ips[i],
						  .address = ips[i] - (i ? 1 : 0),
						  .module = PF_MODULE_KERNEL };
}
