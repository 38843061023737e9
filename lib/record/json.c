/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records to JSON Lines through jansson. Refuses to write what a reader could
 * not take: non-finite numbers become null, bad bytes U+FFFD.
 */
#include "lib/record/json.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/strbuf.h"
#include "lib/base/text.h"

/*
 * Fifteen digits are what a double holds of any decimal number, so a value
 * rounded to its decimals comes out as 1795364023.68; seventeen would show
 * 1795364023.6800001.
 */
#define LINE_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(15))

#define REAL_DECIMALS 6
#define TIME_DECIMALS 3

/* Takes the reference to value, which may be NULL. */
static int add(json_t *obj, const char *key, json_t *value)
{
	return json_object_set_new_nocheck(obj, key, value) ? -ENOMEM : 0;
}

json_t *pf_json_new(const char *type)
{
	json_t *obj = json_object();

	if (obj && type &&
	    (add(obj, "v", json_integer(1)) || add(obj, "type", json_string(type)))) {
		json_decref(obj);
		return NULL;
	}
	return obj;
}

int pf_json_add_int(json_t *obj, const char *key, int64_t value)
{
	return add(obj, key, value == PF_UNKNOWN ? json_null() : json_integer(value));
}

static double round_to(double value, int decimals)
{
	static const double powers[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9 };
	double scale;

	if (decimals < 0 || (size_t)decimals >= PF_ARRAY_SIZE(powers))
		return value;
	scale = powers[decimals];
	/* From 2^53 on there are no decimals to round. */
	if (fabs(value) * scale >= 0x1p53)
		return value;
	value = round(value * scale) / scale;
	return value == 0 ? 0 : value; /* no -0.0 */
}

int pf_json_add_real(json_t *obj, const char *key, double value, int decimals)
{
	if (!isfinite(value))
		return add(obj, key, json_null());
	return add(obj, key, json_real(round_to(value, decimals)));
}

int pf_json_add_string(json_t *obj, const char *key, const char *value)
{
	_cleanup_free_ char *clean = NULL;
	json_t *text;
	size_t size;

	if (!value)
		return add(obj, key, json_null());
	text = json_string(value); /* NULL for invalid UTF-8, too */
	if (text)
		return add(obj, key, text);
	size = strlen(value) * PF_TEXT_GROWTH + 1;
	clean = malloc(size);
	if (!clean)
		return -ENOMEM;
	return add(obj, key, json_string(pf_text_utf8(clean, size, value)));
}

static int add_field(json_t *obj, const struct pf_field *f, const void *record)
{
	const char *member = (const char *)record + f->offset;

	switch (f->type) {
	case PF_INT:
		return pf_json_add_int(obj, f->key, pf_field_int(f, record));
	case PF_REAL:
		return pf_json_add_real(obj, f->key, pf_field_real(f, record), REAL_DECIMALS);
	case PF_TIME:
		return pf_json_add_real(obj, f->key, pf_field_real(f, record), TIME_DECIMALS);
	case PF_BOOL:
		return add(obj, f->key, json_boolean(*(const bool *)member));
	case PF_CHARS:
		return pf_json_add_string(obj, f->key, member);
	case PF_NAME:
		return pf_json_add_string(obj, f->key, *member ? member : NULL);
	case PF_STRING:
		return pf_json_add_string(obj, f->key, *(const char *const *)member);
	}
	return -EINVAL;
}

int pf_json_add_fields(json_t *obj, const struct pf_field *fields, size_t n, const void *record)
{
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++)
		rc = add_field(obj, &fields[i], record);
	return rc;
}

static int append(const char *bytes, size_t len, void *out)
{
	pf_strbuf_addmem(out, bytes, len);
	return 0;
}

int pf_json_line(json_t *obj, struct pf_strbuf *out)
{
	size_t before = out->len;
	int rc = obj ? json_dump_callback(obj, append, out, LINE_FLAGS) : -1;

	pf_strbuf_addch(out, '\n');
	json_decref(obj);
	if (!rc && !out->failed)
		return 0;
	/* Half a line is worse than none. */
	if (out->data) {
		out->len = before;
		out->data[before] = '\0';
	}
	return -ENOMEM;
}
