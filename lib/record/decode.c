/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks an object's members in the order they were written and the field
 * table beside it: in our own files both have the same order, so each key is
 * found at the first look.
 */
#include "lib/record/decode.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#define PID_MAX	  16777216.0	 /* four times the kernel's own limit */
#define UID_MAX	  4294967295.0	 /* 32 bits */
#define COUNT_MAX 0x1p53	 /* up to here a double holds every whole number */
#define TIME_MAX  253402300800.0 /* the year 10000 */
#define REAL_MAX  1e15

struct range {
	double min;
	double max;
};

static int wrong(char why[PF_DECODE_WHY], const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int wrong(char why[PF_DECODE_WHY], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, PF_DECODE_WHY, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static const char *kind_of(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "true or false";
	case JSON_NULL:
		return "null";
	}
	return "something else";
}

/* The ids are the only numbers with limits of their own. */
static struct range range_of(const struct pf_field *f)
{
	static const struct {
		const char *key;
		struct range range;
	} ids[] = {
		{ "pid", { 1, PID_MAX } },	 { "nspid", { 1, PID_MAX } },
		{ "ppid", { 0, PID_MAX } },	 { "uid", { 0, UID_MAX } },
		{ "sampled", { 1, COUNT_MAX } },
	};

	if (f->type == PF_TIME)
		return (struct range){ 0, TIME_MAX };
	if (f->type == PF_REAL)
		return (struct range){ 0, REAL_MAX };
	if (*f->unit) /* counts and bytes, the many */
		return (struct range){ 0, COUNT_MAX };
	for (size_t i = 0; i < PF_ARRAY_SIZE(ids); i++) {
		if (strcmp(f->key, ids[i].key) == 0)
			return ids[i].range;
	}
	return (struct range){ 0, COUNT_MAX };
}

static int get_number(const json_t *value, const struct pf_field *f, double *out, char *why)
{
	struct range ok = range_of(f);

	if (!json_is_number(value))
		return wrong(why, "'%s' must be a number, not %s", f->key, kind_of(value));
	*out = json_number_value(value);
	if (!(*out >= ok.min && *out <= ok.max)) /* true for NaN, too */
		return wrong(why, "'%s' is %.16g, outside %.16g..%.16g", f->key, *out, ok.min,
			     ok.max);
	return 0;
}

static int get_int(const json_t *value, const struct pf_field *f, int64_t *out, char *why)
{
	double v;
	int rc = get_number(value, f, &v, why);

	if (rc)
		return rc;
	/* 12.0 is a whole number, as jq and others write it; 12.5 is not. */
	if (v != floor(v))
		return wrong(why, "'%s' must be a whole number, not %.16g", f->key, v);
	*out = (int64_t)v;
	return 0;
}

static int get_string(const json_t *value, const struct pf_field *f, char *member, char *why)
{
	if (!json_is_string(value))
		return wrong(why, "'%s' must be a string, not %s", f->key, kind_of(value));
	if (f->type == PF_CHARS || f->type == PF_NAME)
		pf_text_utf8(member, f->size, json_string_value(value));
	else if (json_string_length(value) > PF_DECODE_STRING)
		return wrong(why, "'%s' is longer than %d bytes", f->key, PF_DECODE_STRING);
	else
		*(const char **)member = json_string_value(value);
	return 0;
}

static int get_bool(const json_t *value, const struct pf_field *f, bool *out, char *why)
{
	if (!json_is_boolean(value))
		return wrong(why, "'%s' must be true or false, not %s", f->key, kind_of(value));
	*out = json_is_true(value);
	return 0;
}

static int get_field(const json_t *value, const struct pf_field *f, void *record, char *why)
{
	char *member = (char *)record + f->offset;

	if (json_is_null(value))
		return 0;
	switch (f->type) {
	case PF_INT:
		return get_int(value, f, (int64_t *)member, why);
	case PF_REAL:
	case PF_TIME:
		return get_number(value, f, (double *)member, why);
	case PF_BOOL:
		return get_bool(value, f, (bool *)member, why);
	case PF_CHARS:
	case PF_NAME:
	case PF_STRING:
		return get_string(value, f, member, why);
	}
	return 0;
}

/* The field of that name, looked for from *hint on and round once. */
static const struct pf_field *find(const struct pf_field *fields, size_t n, const char *key,
				   size_t *hint)
{
	for (size_t i = 0; i < n; i++) {
		const struct pf_field *f = &fields[(*hint + i) % n];

		if (f->key[0] == key[0] && strcmp(f->key, key) == 0) {
			*hint = (size_t)(f - fields) + 1;
			return f;
		}
	}
	return NULL;
}

int pf_decode_fields(const json_t *obj, const struct pf_field *fields, size_t n, void *record,
		     char why[PF_DECODE_WHY])
{
	/* jansson's iterator wants a changeable object, but does not change it. */
	json_t *walk = (json_t *)(uintptr_t)obj;
	size_t hint = 0;
	int rc = 0;

	pf_fields_init(fields, n, record);
	for (void *it = json_object_iter(walk); it && !rc; it = json_object_iter_next(walk, it)) {
		const struct pf_field *f = find(fields, n, json_object_iter_key(it), &hint);

		if (f)
			rc = get_field(json_object_iter_value(it), f, record, why);
	}
	return rc;
}

static int missing(const char *key, const json_t *value, char *why)
{
	return wrong(why, "'%s' %s", key, value ? "must not be null" : "is missing");
}

static int check_required(const json_t *obj, const struct pf_sample *s, char *why)
{
	const json_t *comm = json_object_get(obj, "comm");

	if (isnan(s->ts))
		return missing("ts", json_object_get(obj, "ts"), why);
	if (s->pid == PF_UNKNOWN)
		return missing("pid", json_object_get(obj, "pid"), why);
	if (isnan(s->start_ts))
		return missing("start_ts", json_object_get(obj, "start_ts"), why);
	if (!json_is_string(comm))
		return missing("comm", comm, why);
	if (s->rss_bytes == PF_UNKNOWN && s->rss_anon_bytes == PF_UNKNOWN &&
	    !json_object_get(obj, "rss_bytes") && !json_object_get(obj, "rss_anon_bytes"))
		return wrong(why, "'rss_bytes' and 'rss_anon_bytes' are both missing");
	return 0;
}

static int64_t known(int64_t v)
{
	return v == PF_UNKNOWN ? 0 : v;
}

int pf_decode_sample(const json_t *obj, struct pf_sample *s, char why[PF_DECODE_WHY])
{
	int rc;

	pf_sample_init(s);
	rc = pf_decode_fields(obj, pf_sample_fields, pf_sample_n_fields, s, why);
	if (!rc)
		rc = check_required(obj, s, why);
	if (rc)
		return rc;
	if (s->rss_bytes == PF_UNKNOWN && s->rss_anon_bytes != PF_UNKNOWN)
		s->rss_bytes =
			s->rss_anon_bytes + known(s->rss_file_bytes) + known(s->rss_shmem_bytes);
	return 0;
}

int pf_decode_header(const json_t *obj, struct pf_header *h, char why[PF_DECODE_WHY])
{
	memset(h, 0, sizeof(*h));
	return pf_decode_fields(obj, pf_header_fields, pf_header_n_fields, h, why);
}

/* ---- lines ----------------------------------------------------------------- */

static bool is_blank(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
			return false;
	}
	return true;
}

static int check_object(const json_t *obj, char why[PF_DECODE_WHY])
{
	const json_t *version = json_object_get(obj, "v");

	if (!json_is_object(obj))
		return wrong(why, "not a JSON object");
	if (version && !(json_is_number(version) && json_number_value(version) == 1))
		return wrong(why, "'v' is not 1, the only version known here");
	return 0;
}

int pf_decode_line(const char *line, size_t len, bool whole, json_t **obj, char why[PF_DECODE_WHY])
{
	json_error_t at;
	int ret;

	*obj = NULL;
	if (is_blank(line, len))
		return 0;
	*obj = json_loadb(line, len, JSON_DECODE_ANY, &at);
	if (!*obj && json_error_code(&at) == json_error_out_of_memory)
		return -ENOMEM;
	if (!*obj && !whole)
		return wrong(why, "the last line is cut off");
	/* jansson's own words would quote the input. */
	if (!*obj)
		return wrong(why, "not valid JSON at byte %d", at.position);
	ret = check_object(*obj, why);
	if (ret) {
		json_decref(*obj);
		*obj = NULL;
	}
	return ret;
}
