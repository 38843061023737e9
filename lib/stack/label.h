/* SPDX-License-Identifier: BSD-2-Clause */
/* What a frame is called in reports. */
#ifndef PF_LIB_STACK_LABEL_H
#define PF_LIB_STACK_LABEL_H

#include <stddef.h>

#include "lib/record/stack.h"

#define PF_LABEL_MAX 600 /* with the NUL */

/*
 * The symbol; without one "[libfoo.so.1+0x1234]", "[0x7f0012]" or "[unknown]";
 * "_[k]" behind what runs in the kernel. Printable, and without ";". Returns
 * dst.
 */
char *pf_label_frame(char dst[PF_LABEL_MAX], const struct pf_stack_frame *f);

/* The same for a name that is given: a comm. */
char *pf_label_name(char dst[PF_LABEL_MAX], const char *name);

/* What is behind the last slash. */
const char *pf_label_base(const char *path);

#endif
