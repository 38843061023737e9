/* SPDX-License-Identifier: BSD-2-Clause */
/* /proc/meminfo and what sysconf tells. Reads nothing per process. */
#include "lib/proc/machine.h"

#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/proc/scan.h"
#include "lib/record/field.h"

#define FILE_MAX (1 << 16)

static void take_line(struct pf_span line, struct pf_machine *out)
{
	const struct {
		const char *key;
		int64_t *value;
	} keys[] = {
		{ "MemTotal:", &out->mem_total_bytes },
		{ "MemAvailable:", &out->mem_available_bytes },
		{ "SwapTotal:", &out->swap_total_bytes },
		{ "SwapFree:", &out->swap_free_bytes },
	};
	int64_t kb;

	for (size_t i = 0; i < PF_ARRAY_SIZE(keys); i++) {
		if (pf_span_skip(&line, keys[i].key) && pf_span_count(&line, &kb))
			*keys[i].value = pf_scale_bytes(kb, 1024);
	}
}

void pf_parse_meminfo(const char *buf, size_t len, struct pf_machine *out)
{
	struct pf_span rest = pf_span_of(buf, len);
	struct pf_span line;

	out->mem_total_bytes = PF_UNKNOWN;
	out->mem_available_bytes = PF_UNKNOWN;
	out->swap_total_bytes = PF_UNKNOWN;
	out->swap_free_bytes = PF_UNKNOWN;
	while (pf_span_line(&rest, &line))
		take_line(line, out);
}

int pf_machine_read(const char *proc_root, struct pf_machine *out)
{
	struct pf_readbuf buf = { 0 };
	ssize_t n = pf_readbuf__below(&buf, proc_root, "meminfo", FILE_MAX);

	pf_parse_meminfo(buf.data, n > 0 ? (size_t)n : 0, out);
	pf_readbuf__free(&buf);
	out->cpus_online = sysconf(_SC_NPROCESSORS_ONLN);
	out->page_bytes = sysconf(_SC_PAGESIZE);
	return n < 0 ? (int)n : 0;
}
