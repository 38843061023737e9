/* SPDX-License-Identifier: BSD-2-Clause */
/* The executable ranges of a process, in order. */
#ifndef PF_LIB_STACK_RANGES_H
#define PF_LIB_STACK_RANGES_H

#include <stddef.h>
#include <stdint.h>

#include "lib/stack/symbolizer.h"

/* Sorts ranges by address and cuts overlaps off; returns how many remain. */
size_t pf_ranges_sort(struct pf_map_range *ranges, size_t n);

/* The one that has the address, of ranges so sorted; NULL. */
const struct pf_map_range *pf_ranges_find(const struct pf_map_range *ranges, size_t n, uint64_t ip);

#endif
