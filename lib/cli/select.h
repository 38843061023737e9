/* SPDX-License-Identifier: BSD-2-Clause */
/* Which samples the user asked for; the kernel may have dropped some before. */
#ifndef PF_LIB_CLI_SELECT_H
#define PF_LIB_CLI_SELECT_H

#include <stdbool.h>

#include "lib/record/sample.h"

struct pf_common;
struct pf_error;

/* Are the processes there that were named? 0, or -ESRCH with *err filled. */
int pf_select_check(const struct pf_common *c, struct pf_error *err);

bool pf_select(const struct pf_common *c, const struct pf_sample *s);

#endif
