/* SPDX-License-Identifier: BSD-2-Clause */
/* Mappings and programs as an enemy would make them: the first byte chooses. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/proc/allocator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pf_allocator_marks marks = { 0 };
	struct pf_allocator_facts facts;
	struct pf_span rest, line;

	if (!size)
		return 0;
	if (data[0] % 2) {
		pf_allocator_see_program(&marks, data + 1, size - 1);
	} else {
		rest = pf_span_of((const char *)data + 1, size - 1);
		while (pf_span_line(&rest, &line))
			pf_allocator_see_mapping(&marks, line);
	}
	facts = pf_allocator_conclude(&marks);
	if (facts.allocator >= PF_ALLOCATORS || facts.language >= PF_LANGUAGES)
		abort();
	if (!facts.allocator && (facts.linked_static || facts.no_profiler))
		abort();
	return 0;
}
