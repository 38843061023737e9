/* SPDX-License-Identifier: BSD-2-Clause */
/* Ranges: sorted once, searched by halves. */
#include "lib/stack/ranges.h"

#include <stdlib.h>

static int by_start(const void *a, const void *b)
{
	const struct pf_map_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

size_t pf_ranges_sort(struct pf_map_range *ranges, size_t n)
{
	size_t kept = 0;

	if (n)
		qsort(ranges, n, sizeof(*ranges), by_start);
	for (size_t i = 0; i < n; i++) {
		struct pf_map_range r = ranges[i];

		if (kept && r.start < ranges[kept - 1].end) {
			r.offset += ranges[kept - 1].end - r.start;
			r.start = ranges[kept - 1].end;
		}
		if (r.start < r.end)
			ranges[kept++] = r;
	}
	return kept;
}

const struct pf_map_range *pf_ranges_find(const struct pf_map_range *ranges, size_t n, uint64_t ip)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (ip >= ranges[mid].end)
			low = mid + 1;
		else if (ip < ranges[mid].start)
			high = mid;
		else
			return &ranges[mid];
	}
	return NULL;
}
