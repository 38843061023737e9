/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs and smaps as an enemy would make them: the first byte chooses. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/proc/code.h"
#include "lib/proc/smaps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_code(const uint8_t *data, size_t size)
{
	struct pf_code code;

	pf_code_look(&code, data, size);
	if (code.framed > code.functions || code.functions > PF_CODE_FUNCTIONS)
		abort();
	if (strlen(code.build_id) >= sizeof(code.build_id))
		abort();
}

static void try_smaps(const uint8_t *data, size_t size)
{
	struct pf_span rest = pf_span_of((const char *)data, size), line;
	struct pf_smaps s = { 0 };

	while (pf_span_line(&rest, &line))
		pf_smaps_see(&s, line);
	for (int k = 0; k < PF_MAP_KINDS; k++) {
		if (s.rss_bytes[k] < 0 || s.size_bytes[k] < 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] % 2)
		try_code(data + 1, size - 1);
	else
		try_smaps(data + 1, size - 1);
	return 0;
}
