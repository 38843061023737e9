/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows as JSON Lines, and the schema that describes them. */
#include "lib/report/report.h"

#include <errno.h>
#include <stdlib.h>
#include <jansson.h>

#include "lib/base/strbuf.h"
#include "lib/record/json.h"

/* Sets the row's values in obj, which keeps its keys from row to row. */
static int add_row(struct pf_strbuf *out, json_t *obj, const struct pf_column *cols,
		   const struct pf_column_set *set, const void *row)
{
	for (size_t i = 0; i < set->n; i++) {
		int rc = pf_json_add_fields(obj, &cols[set->index[i]].field, 1, row);

		if (rc)
			return rc;
	}
	return pf_json_line(json_incref(obj), out);
}

int pf_json_rows(struct pf_strbuf *out, const char *type, const struct pf_column *cols,
		 const struct pf_column_set *set, const struct pf_rows *rows)
{
	json_t *obj = pf_json_new(type);
	int rc = obj ? 0 : -ENOMEM;

	for (size_t r = 0; r < rows->n && !rc; r++)
		rc = add_row(out, obj, cols, set, rows->row[r]);
	json_decref(obj);
	return rc;
}

/* The JSON types a field can have; what may be unknown may be null. */
static json_t *types_of(enum pf_type type)
{
	switch (type) {
	case PF_INT:
		return json_pack("[ss]", "integer", "null");
	case PF_REAL:
	case PF_TIME:
		return json_pack("[ss]", "number", "null");
	case PF_NAME:
	case PF_STRING:
		return json_pack("[ss]", "string", "null");
	case PF_BOOL:
		return json_string("boolean");
	case PF_CHARS:
		break;
	}
	return json_string("string");
}

static json_t *property(const struct pf_field *f)
{
	json_t *p = json_pack("{s:o, s:s}", "type", types_of(f->type), "description", f->help);

	if (p && *f->unit && json_object_set_new(p, "x-unit", json_string(f->unit))) {
		json_decref(p);
		return NULL;
	}
	return p;
}

json_t *pf_json_schema(const char *type, const struct pf_field *fields, size_t n)
{
	json_t *properties =
		json_pack("{s:{s:i}, s:{s:s}}", "v", "const", 1, "type", "const", type);

	for (size_t i = 0; properties && i < n; i++) {
		if (json_object_set_new(properties, fields[i].key, property(&fields[i]))) {
			json_decref(properties);
			return NULL;
		}
	}
	return json_pack("{s:s, s:s+, s:s, s:o, s:[ss], s:b}", "$schema",
			 "https://json-schema.org/draft/2020-12/schema", "title", "pftools record ",
			 type, "type", "object", "properties", properties, "required", "v", "type",
			 "additionalProperties", 1);
}

int pf_json_schema_text(struct pf_strbuf *out, struct json_t *schema)
{
	char *text = schema ? json_dumps(schema, JSON_INDENT(2)) : NULL;

	json_decref(schema);
	if (!text)
		return -ENOMEM;
	pf_strbuf_adds(out, text);
	pf_strbuf_addch(out, '\n');
	free(text);
	return out->failed ? -ENOMEM : 0;
}
