/* SPDX-License-Identifier: BSD-2-Clause */
/* A configuration as YAML that says where each value comes from. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/config/apply.h"
#include "lib/config/config.h"
#include "lib/config/internal.h"
#include "lib/config/schema.h"
#include "lib/config/value.h"

#define COMMENT_COLUMN 44

static void indent(struct pf_strbuf *out, unsigned int depth)
{
	for (unsigned int i = 0; i < depth; i++)
		pf_strbuf_adds(out, "  ");
}

/* Finish a line that began at `begin`. */
static void add_origin(struct pf_strbuf *out, size_t begin, const struct pf_origin *origin)
{
	char text[512], shown[sizeof(text) * PF_TEXT_GROWTH];
	size_t width = out->len - begin;

	pf_strbuf_addf(out, "%*s  # %s\n",
		       width < COMMENT_COLUMN ? (int)(COMMENT_COLUMN - width) : 0, "",
		       pf_text_printable(shown, sizeof(shown),
					 pf_origin_text(text, sizeof(text), origin)));
}

/* A text of several lines as such, where that brings back the same text. */
static bool prints_as_block(const char *text)
{
	size_t len = strlen(text);
	_cleanup_free_ char *safe = malloc(len * PF_TEXT_GROWTH + 1);

	if (!safe || !strchr(text, '\n') || strchr(" \n", *text) ||
	    (len > 1 && !strcmp(text + len - 2, "\n\n")))
		return false;
	return !strcmp(pf_text_label(safe, len * PF_TEXT_GROWTH + 1, text), text);
}

static void print_block(struct pf_strbuf *out, const char *text, unsigned int depth)
{
	pf_strbuf_adds(out, text[strlen(text) - 1] == '\n' ? "|\n" : "|-\n");
	while (*text) {
		size_t len = strcspn(text, "\n");

		if (len)
			indent(out, depth);
		pf_strbuf_addmem(out, text, len);
		pf_strbuf_addch(out, '\n');
		text += len + (text[len] == '\n');
	}
}

static bool is_from_secret_file(const struct pf_key *key, const void *record)
{
	return pf_value_is_secret(key) &&
	       ((const struct pf_secret *)((const char *)record + key->offset))->path;
}

static void print_value(struct pf_strbuf *out, const struct pf_key *key, const char *name,
			const void *record, unsigned int depth)
{
	const void *member = (const char *)record + key->offset;

	if (is_from_secret_file(key, record)) {
		pf_strbuf_addf(out, "%s_file: ", name);
		pf_value_quote(out, ((const struct pf_secret *)member)->path);
		return;
	}
	pf_strbuf_addf(out, "%s: ", name);
	if (key->type == PF_KEY_CODE && prints_as_block(((const struct pf_code *)member)->text))
		print_block(out, ((const struct pf_code *)member)->text, depth + 1);
	else
		pf_value_print(key, record, out);
}

/* ---- groups ----------------------------------------------------------------- */

/* Print the line of the group a key is in, where the key before was in another. Returns its name
 * within the group; *depth grows by one where there is a group. */
static const char *enter_group(struct pf_strbuf *out, const struct pf_key *key,
			       const struct pf_key *before, unsigned int *depth)
{
	const char *dot = strchr(key->path, '.');
	size_t len = dot ? (size_t)(dot - key->path) + 1 : 0;

	if (!dot)
		return key->path;
	if (!before || strncmp(before->path, key->path, len)) {
		indent(out, *depth);
		pf_strbuf_addf(out, "%.*s:\n", (int)len - 1, key->path);
	}
	++*depth;
	return dot + 1;
}

/* ---- lists ------------------------------------------------------------------ */

static bool belongs(const struct pf_key_table *table, const struct pf_key *key, const void *entry)
{
	const struct pf_key *type = pf_schema_find(table, "type");

	return !type || !key->of ||
	       key->of & 1u << *(const int *)((const char *)entry + type->offset);
}

/* Of a key of an entry: what was written there, or the default. */
static void add_entry_origin(struct pf_strbuf *out, size_t begin, const struct pf_key *key,
			     const struct pf_origin *entry)
{
	const struct pf_yaml_item *item = pf_apply_written(key, entry->node);
	struct pf_origin origin = { .layer = PF_LAYER_DEFAULT };

	if (item) {
		origin = *entry;
		origin.place = item->place;
	}
	add_origin(out, begin, &origin);
}

static void print_entry(struct pf_strbuf *out, const struct pf_key_table *table, const void *entry,
			unsigned int depth)
{
	const struct pf_key *before = NULL;

	for (size_t i = 0; i < table->n; i++) {
		const struct pf_key *key = &table->keys[i];
		unsigned int deep = depth + 2;
		const char *name;
		size_t begin;

		if (!belongs(table, key, entry) || pf_value_is_unset(key, entry))
			continue;
		name = enter_group(out, key, before, &deep);
		begin = out->len; /* behind the line of the group */
		if (before)
			indent(out, deep);
		else
			pf_strbuf_addf(out, "%*s- ", (int)depth * 2 + 2, "");
		print_value(out, key, name, entry, deep);
		if (!out->data || out->data[out->len - 1] != '\n')
			add_entry_origin(out, begin, key, entry);
		before = key;
	}
}

static void print_list(struct pf_strbuf *out, const struct pf_key *key, const void *settings,
		       unsigned int depth)
{
	const struct pf_entries *entries = (const void *)((const char *)settings + key->offset);

	for (size_t i = 0; i < entries->n; i++)
		print_entry(out, key->entry, (const char *)entries->entry + i * key->entry->size,
			    depth);
}

/* ---- the whole -------------------------------------------------------------- */

static void print_key(struct pf_strbuf *out, const struct pf_config *c, const struct pf_key *key,
		      const struct pf_key *before)
{
	const bool is_list = key->type == PF_KEY_LIST && !pf_value_is_unset(key, &c->settings);
	unsigned int depth = 0;
	const char *name = enter_group(out, key, before, &depth);
	size_t begin = out->len;

	indent(out, depth);
	if (is_list)
		pf_strbuf_addf(out, "%s:", name);
	else
		print_value(out, key, name, &c->settings, depth);
	add_origin(out, begin, &c->origins[key - pf_settings_table.keys]);
	if (is_list)
		print_list(out, key, &c->settings, depth);
}

void pf_config__print(const struct pf_config *c, struct pf_strbuf *out)
{
	char text[512], shown[sizeof(text) * PF_TEXT_GROWTH], name[256];

	pf_strbuf_addf(out, "# profile %s (%s)\n",
		       pf_text_printable(name, sizeof(name), c->settings.profile),
		       pf_text_printable(shown, sizeof(shown),
					 pf_origin_text(text, sizeof(text), &c->profile)));
	for (size_t i = 0; i < pf_settings_table.n; i++)
		print_key(out, c, &pf_settings_table.keys[i],
			  i ? &pf_settings_table.keys[i - 1] : NULL);
}
