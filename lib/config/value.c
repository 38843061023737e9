/* SPDX-License-Identifier: BSD-2-Clause */
/* One value, from text and to text. */
#include "lib/config/value.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/parse.h"
#include "lib/base/text.h"
#include "lib/base/units.h"
#include "lib/config/secret.h"
#include "lib/config/settings.h"

bool pf_value_is_secret(const struct pf_key *key)
{
	return key->type == PF_KEY_SECRET || key->type == PF_KEY_URL;
}

static void *member(const struct pf_key *key, void *record)
{
	return (char *)record + key->offset;
}

static const void *const_member(const struct pf_key *key, const void *record)
{
	return (const char *)record + key->offset;
}

/* ---- reading ---------------------------------------------------------------- */

static int refuse(struct pf_error *err, const char *text, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(struct pf_error *err, const char *text, const char *fmt, ...)
{
	char accepts[256], shown[64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(accepts, sizeof(accepts), fmt, ap);
	va_end(ap);
	return pf_fail(err, EINVAL, "'%s' is not accepted: give %s",
		       pf_text_utf8(shown, sizeof(shown), text), accepts);
}

static int set_bool(const struct pf_key *key, const char *text, void *record, struct pf_error *err)
{
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on" };

	for (size_t i = 0; i < PF_ARRAY_SIZE(words); i++) {
		if (strcasecmp(words[i], text))
			continue;
		*(bool *)member(key, record) = i % 2;
		return 0;
	}
	return refuse(err, text, "true or false");
}

static int set_count(const struct pf_key *key, const char *text, void *record, struct pf_error *err)
{
	uint64_t n;

	if (pf_parse_u64(text, (uint64_t)key->min, (uint64_t)key->max, &n))
		return refuse(err, text, "a whole number from %.15g to %.15g", key->min, key->max);
	*(int64_t *)member(key, record) = (int64_t)n;
	return 0;
}

static int set_number(const struct pf_key *key, const char *text, void *record,
		      struct pf_error *err)
{
	double v;

	if (pf_parse_double(text, key->min, key->max, &v))
		return refuse(err, text, "a number from %.15g to %.15g", key->min, key->max);
	*(double *)member(key, record) = v;
	return 0;
}

static const char *name_of_seconds(double unit)
{
	return unit == 60 ? "minutes" : "seconds";
}

static int set_seconds(const struct pf_key *key, const char *text, void *record,
		       struct pf_error *err)
{
	double v;

	/* Without a unit it is the key's own. */
	if (!pf_parse_double(text, key->min / key->unit, key->max / key->unit, &v))
		v *= key->unit;
	else if (pf_parse_double(text, 0, INFINITY, &(double){ 0 }) != -EINVAL ||
		 pf_parse_duration(text, key->min, key->max, &v))
		return refuse(err, text, "%s from %.15g to %.15g, or like 90s, 5m, 2h",
			      name_of_seconds(key->unit), key->min / key->unit,
			      key->max / key->unit);
	*(double *)member(key, record) = v;
	return 0;
}

static int set_bytes(const struct pf_key *key, const char *text, void *record, struct pf_error *err)
{
	char from[16], to[16];
	uint64_t bytes;
	double v;

	if (!pf_parse_double(text, key->min / key->unit, key->max / key->unit, &v))
		bytes = (uint64_t)llround(v * key->unit);
	else if (pf_parse_double(text, 0, INFINITY, &v) != -EINVAL ||
		 pf_parse_size(text, (uint64_t)key->min, (uint64_t)key->max, &bytes))
		return refuse(err, text, "megabytes or a size like 512K, 10M, 1.5G, from %s to %s",
			      pf_fmt_bytes(from, sizeof(from), (int64_t)key->min),
			      pf_fmt_bytes(to, sizeof(to), (int64_t)key->max));
	*(int64_t *)member(key, record) = (int64_t)bytes;
	return 0;
}

static int set_word(const struct pf_key *key, const char *text, void *record, struct pf_error *err)
{
	_cleanup_(pf_strbuf_free) struct pf_strbuf list = PF_STRBUF_INIT;
	const char *near = pf_nearest(text, key->words);

	for (int i = 0; key->words[i]; i++) {
		if (!*key->words[i]) /* holds a place, is no choice */
			continue;
		if (!strcasecmp(key->words[i], text)) {
			*(int *)member(key, record) = i;
			return 0;
		}
		pf_strbuf_addf(&list, "%s%s", list.len ? ", " : "", key->words[i]);
	}
	return refuse(err, text, "%s%s%s%s%s", key->words[1] ? "one of " : "",
		      list.data ? list.data : "", near ? " (did you mean '" : "", near ? near : "",
		      near ? "'?)" : "");
}

static int set_text(const struct pf_key *key, const char *text, void *record,
		    struct pf_arena *arena, struct pf_error *err)
{
	const char *copy;

	if (!*text)
		return pf_fail(err, EINVAL, "it must not be empty");
	if (key->type == PF_KEY_PATH && *text != '/')
		return refuse(err, text, "an absolute path");
	copy = pf_arena_strdup(arena, text);
	if (!copy)
		return pf_fail(err, ENOMEM, "out of memory");
	*(const char **)member(key, record) = copy;
	return 0;
}

int pf_value_set(const struct pf_key *key, const char *text, void *record, struct pf_arena *arena,
		 struct pf_error *err)
{
	switch (key->type) {
	case PF_KEY_BOOL:
		return set_bool(key, text, record, err);
	case PF_KEY_COUNT:
		return set_count(key, text, record, err);
	case PF_KEY_NUMBER:
		return set_number(key, text, record, err);
	case PF_KEY_SECONDS:
		return set_seconds(key, text, record, err);
	case PF_KEY_BYTES:
		return set_bytes(key, text, record, err);
	case PF_KEY_WORD:
		return set_word(key, text, record, err);
	case PF_KEY_TEXT:
	case PF_KEY_PATH:
		return set_text(key, text, record, arena, err);
	case PF_KEY_SECRET:
		return pf_secret_set(member(key, record), text, arena, err);
	case PF_KEY_URL:
		return pf_secret_set_url(member(key, record), text, arena, err);
	case PF_KEY_SET:
	case PF_KEY_CODE:
	case PF_KEY_ARGV:
	case PF_KEY_PAIRS:
	case PF_KEY_LIST:
		break;
	}
	return pf_fail(err, EINVAL, "text is not accepted here");
}

/* ---- writing ---------------------------------------------------------------- */

bool pf_value_is_unset(const struct pf_key *key, const void *record)
{
	const void *m = const_member(key, record);

	switch (key->type) {
	case PF_KEY_TEXT:
	case PF_KEY_PATH:
		return !*(const char *const *)m;
	case PF_KEY_SECRET:
	case PF_KEY_URL:
		return !((const struct pf_secret *)m)->value;
	case PF_KEY_CODE:
		return !((const struct pf_code *)m)->text;
	case PF_KEY_ARGV:
		return !((const struct pf_words *)m)->n;
	case PF_KEY_PAIRS:
		return !((const struct pf_pairs *)m)->n;
	case PF_KEY_LIST:
		return !((const struct pf_entries *)m)->n;
	case PF_KEY_SET:
		return !*(const unsigned int *)m;
	case PF_KEY_COUNT:
		return !key->fallback && !*(const int64_t *)m;
	case PF_KEY_NUMBER:
	case PF_KEY_SECONDS:
		return !key->fallback && *(const double *)m == 0;
	default:
		return false;
	}
}

/* YAML knows the escapes that pf_text_printable makes, but for the quote itself. */
void pf_value_quote(struct pf_strbuf *out, const char *text)
{
	size_t size = strlen(text) * PF_TEXT_GROWTH + 1;
	_cleanup_free_ char *safe = malloc(size);

	if (!safe) {
		out->failed = true;
		return;
	}
	pf_text_printable(safe, size, text);
	pf_strbuf_addch(out, '"');
	for (const char *c = safe; *c; c++) {
		if (*c == '"')
			pf_strbuf_addch(out, '\\');
		pf_strbuf_addch(out, *c);
	}
	pf_strbuf_addch(out, '"');
}

static void print_bytes(const struct pf_key *key, int64_t bytes, struct pf_strbuf *out)
{
	double units = (double)bytes / key->unit;
	char text[32];

	/* In the key's unit where three decimals say it exactly. */
	snprintf(text, sizeof(text), "%.3f", units);
	if (strtod(text, NULL) == units)
		pf_strbuf_addf(out, "%.15g", units);
	else
		pf_strbuf_addf(out, "%" PRId64 "B", bytes);
}

static void print_set(const struct pf_key *key, unsigned int bits, struct pf_strbuf *out)
{
	const char *comma = "";

	pf_strbuf_addch(out, '[');
	for (unsigned int i = 0; key->words[i]; i++) {
		if (!(bits & 1u << i))
			continue;
		pf_strbuf_addf(out, "%s%s", comma, key->words[i]);
		comma = ", ";
	}
	pf_strbuf_addch(out, ']');
}

static void print_pairs(const struct pf_pairs *pairs, struct pf_strbuf *out)
{
	pf_strbuf_addch(out, '{');
	for (size_t i = 0; i < pairs->n; i++) {
		pf_strbuf_adds(out, i ? ", " : "");
		pf_value_quote(out, pairs->pair[i].name);
		pf_strbuf_adds(out, ": ");
		pf_value_quote(out, pairs->pair[i].value.shown);
	}
	pf_strbuf_addch(out, '}');
}

static void print_argv(const struct pf_words *words, struct pf_strbuf *out)
{
	pf_strbuf_addch(out, '[');
	for (size_t i = 0; i < words->n; i++) {
		pf_strbuf_adds(out, i ? ", " : "");
		pf_value_quote(out, words->word[i]);
	}
	pf_strbuf_addch(out, ']');
}

void pf_value_print(const struct pf_key *key, const void *record, struct pf_strbuf *out)
{
	const void *m = const_member(key, record);

	if (pf_value_is_unset(key, record)) {
		pf_strbuf_adds(out, key->type == PF_KEY_LIST ? "[]" : "null");
		return;
	}
	switch (key->type) {
	case PF_KEY_BOOL:
		pf_strbuf_adds(out, *(const bool *)m ? "true" : "false");
		break;
	case PF_KEY_COUNT:
		pf_strbuf_addf(out, "%" PRId64, *(const int64_t *)m);
		break;
	case PF_KEY_NUMBER:
		pf_strbuf_addf(out, "%.15g", *(const double *)m);
		break;
	case PF_KEY_SECONDS:
		pf_strbuf_addf(out, "%.15g", *(const double *)m / key->unit);
		break;
	case PF_KEY_BYTES:
		print_bytes(key, *(const int64_t *)m, out);
		break;
	case PF_KEY_WORD:
		pf_strbuf_adds(out, key->words[*(const int *)m]);
		break;
	case PF_KEY_TEXT:
	case PF_KEY_PATH:
		pf_value_quote(out, *(const char *const *)m);
		break;
	case PF_KEY_SECRET:
	case PF_KEY_URL:
		pf_value_quote(out, ((const struct pf_secret *)m)->shown);
		break;
	case PF_KEY_CODE:
		pf_value_quote(out, ((const struct pf_code *)m)->text);
		break;
	case PF_KEY_ARGV:
		print_argv(m, out);
		break;
	case PF_KEY_SET:
		print_set(key, *(const unsigned int *)m, out);
		break;
	case PF_KEY_PAIRS:
		print_pairs(m, out);
		break;
	case PF_KEY_LIST:
		break;
	}
}

/* ---- comparing -------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool same_words(const struct pf_words *a, const struct pf_words *b)
{
	for (size_t i = 0; a->n == b->n && i < a->n; i++) {
		if (!same_text(a->word[i], b->word[i]))
			return false;
	}
	return a->n == b->n;
}

static bool same_pairs(const struct pf_pairs *a, const struct pf_pairs *b)
{
	for (size_t i = 0; a->n == b->n && i < a->n; i++) {
		if (!same_text(a->pair[i].name, b->pair[i].name) ||
		    !same_text(a->pair[i].value.value, b->pair[i].value.value))
			return false;
	}
	return a->n == b->n;
}

static bool same_entry(const struct pf_key_table *table, const void *a, const void *b)
{
	for (size_t i = 0; i < table->n; i++) {
		if (!pf_value_same(&table->keys[i], a, b))
			return false;
	}
	return true;
}

static bool same_entries(const struct pf_key_table *table, const struct pf_entries *a,
			 const struct pf_entries *b)
{
	for (size_t i = 0; a->n == b->n && i < a->n; i++) {
		if (!same_entry(table, (const char *)a->entry + i * table->size,
				(const char *)b->entry + i * table->size))
			return false;
	}
	return a->n == b->n;
}

bool pf_value_same(const struct pf_key *key, const void *a, const void *b)
{
	const void *x = const_member(key, a), *y = const_member(key, b);

	switch (key->type) {
	case PF_KEY_BOOL:
		return *(const bool *)x == *(const bool *)y;
	case PF_KEY_COUNT:
	case PF_KEY_BYTES:
		return *(const int64_t *)x == *(const int64_t *)y;
	case PF_KEY_NUMBER:
	case PF_KEY_SECONDS:
		return *(const double *)x == *(const double *)y;
	case PF_KEY_WORD:
		return *(const int *)x == *(const int *)y;
	case PF_KEY_SET:
		return *(const unsigned int *)x == *(const unsigned int *)y;
	case PF_KEY_TEXT:
	case PF_KEY_PATH:
		return same_text(*(const char *const *)x, *(const char *const *)y);
	case PF_KEY_SECRET:
	case PF_KEY_URL:
		return same_text(((const struct pf_secret *)x)->value,
				 ((const struct pf_secret *)y)->value);
	case PF_KEY_CODE:
		return same_text(((const struct pf_code *)x)->text,
				 ((const struct pf_code *)y)->text);
	case PF_KEY_ARGV:
		return same_words(x, y);
	case PF_KEY_PAIRS:
		return same_pairs(x, y);
	case PF_KEY_LIST:
		return same_entries(key->entry, x, y);
	}
	return false;
}
