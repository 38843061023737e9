/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One value: from the text somebody wrote to the member of a struct, checked
 * against its key, and back to text that reads the same. Lists, argument lists
 * and code are apply.c's.
 */
#ifndef PF_LIB_CONFIG_VALUE_H
#define PF_LIB_CONFIG_VALUE_H

#include <stdbool.h>

#include "lib/base/strbuf.h"
#include "lib/config/schema.h"
#include "lib/record/arena.h"

struct pf_error;

/* For keys whose text may be a secret: nothing of it goes into messages. */
bool pf_value_is_secret(const struct pf_key *key);

/*
 * Store the text in the member of *record that the key describes. 0, or -errno with *err saying
 * what is accepted (and, unless it is a secret, what came).
 */
int pf_value_set(const struct pf_key *key, const char *text, void *record, struct pf_arena *arena,
		 struct pf_error *err);

/* The member is what "not set" looks like. */
bool pf_value_is_unset(const struct pf_key *key, const void *record);

/* Append the value as YAML that pf_value_set takes to the same; a secret as it may be shown. */
void pf_value_print(const struct pf_key *key, const void *record, struct pf_strbuf *out);

/* Do two structs say the same there? Secrets are compared as they are, not as they are shown. */
bool pf_value_same(const struct pf_key *key, const void *a, const void *b);

/* Append text in double quotes, anything that is not printable escaped. */
void pf_value_quote(struct pf_strbuf *out, const char *text);

#endif
