/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records as JSON Lines: one object per line, "v":1 and "type" first. Writing
 * goes through jansson; text is made valid UTF-8 first.
 */
#ifndef PF_LIB_RECORD_JSON_H
#define PF_LIB_RECORD_JSON_H

#include <stddef.h>
#include <jansson.h>

#include "lib/record/field.h"

struct pf_strbuf;

/* A new object {"v":1,"type":type} (type NULL: an empty one); NULL without memory. */
json_t *pf_json_new(const char *type);

/* Add the fields of *record to obj. Returns 0 or -ENOMEM. */
int pf_json_add_fields(json_t *obj, const struct pf_field *fields, size_t n, const void *record);

/* Single values by the same rules (null for unknown, U+FFFD for bad bytes). 0 or -ENOMEM. */
int pf_json_add_int(json_t *obj, const char *key, int64_t value);
int pf_json_add_real(json_t *obj, const char *key, double value, int decimals);
int pf_json_add_string(json_t *obj, const char *key, const char *value);

/* Append obj as one line with its newline to out, and drop the reference. 0 or -ENOMEM. */
int pf_json_line(json_t *obj, struct pf_strbuf *out);

#endif
