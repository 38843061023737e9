/* SPDX-License-Identifier: BSD-2-Clause */
/* Which samples the user asked for; the kernel may have dropped some before. */
#ifndef PF_LIB_CLI_SELECT_H
#define PF_LIB_CLI_SELECT_H

#include <stdbool.h>

#include "lib/record/sample.h"

struct pf_common;

bool pf_select(const struct pf_common *c, const struct pf_sample *s);

#endif
