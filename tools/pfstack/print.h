/* SPDX-License-Identifier: BSD-2-Clause */
/* Stacks in the format asked for. */
#ifndef PF_TOOLS_PFSTACK_PRINT_H
#define PF_TOOLS_PFSTACK_PRINT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/cli/output.h"
#include "lib/stack/stacks.h"
#include "tools/pfstack/opts.h"

/* All formats but JSON, for which the records do. when: of the table, after "stacks"; NULL. 0 or -ENOMEM. */
int pfstack_print(struct pf_stacks *s, const struct pfstack_opts *opts, struct pf_output *out,
		  const char *when);

/* From a to b, as --diff has them. 0 or -ENOMEM. */
int pfstack_print_diff(struct pf_stacks *a, struct pf_stacks *b, const struct pfstack_opts *opts,
		       struct pf_output *out);

/* The JSON Schema of the records. 0 or -ENOMEM. */
int pfstack_print_schema(struct pf_strbuf *out);

/* Records as lines of JSON, of which the heaviest are printed. */
struct pfstack_line {
	int64_t kept_bytes;
	int64_t bytes;
	char *text; /* owned */
};

struct pfstack_lines {
	struct pfstack_line *line;
	size_t n;
	size_t cap;
};

int pfstack_lines_add(struct pfstack_lines *l, const struct pf_stack *s); /* 0 or -ENOMEM */
/* top 0 = all. 0 or -ENOMEM. */
int pfstack_lines_print(struct pfstack_lines *l, size_t top, struct pf_strbuf *out);
void pfstack_lines_free(struct pfstack_lines *l);

#endif
