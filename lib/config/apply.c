/* SPDX-License-Identifier: BSD-2-Clause */
/* A tree of YAML into a struct. Knows no key by name. */
#include "lib/config/apply.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/config/secret.h"
#include "lib/config/value.h"

#define PATH_LEN 160
#define KEYS_MAX 64 /* of one table */

/* Where a walk through a table is. */
struct walk {
	const struct pf_apply *apply;
	const struct pf_key_table *table;
	void *record;
	struct pf_origin *origins;
};

static void no_memory(const struct walk *w, const struct pf_place *place)
{
	pf_complain(w->apply->complaints, place, "out of memory");
}

/* ---- defaults --------------------------------------------------------------- */

static void set_all(const struct pf_key_table *table, void *record, struct pf_arena *arena,
		    struct pf_origin *origins, bool production)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct pf_key *key = &table->keys[i];
		const char *text = production ? key->production : key->fallback;

		if (text)
			pf_value_set(key, text, record, arena, NULL);
		if (text && origins)
			origins[i] = (struct pf_origin){
				.layer = production ? PF_LAYER_PROFILE : PF_LAYER_DEFAULT,
				.name = production ? "production" : NULL,
			};
	}
}

void pf_apply_defaults(const struct pf_key_table *table, void *record, struct pf_arena *arena,
		       struct pf_origin *origins)
{
	set_all(table, record, arena, origins, false);
}

void pf_apply_production(const struct pf_key_table *table, void *record, struct pf_arena *arena,
			 struct pf_origin *origins)
{
	set_all(table, record, arena, origins, true);
}

/* ---- one key ---------------------------------------------------------------- */

static struct pf_origin origin_at(const struct pf_apply *a, const struct pf_place *place)
{
	return (struct pf_origin){ .layer = a->layer, .name = a->name, .place = *place };
}

static void set_scalar(const struct walk *w, const struct pf_key *key,
		       const struct pf_yaml_node *node)
{
	struct pf_error err = { 0 };

	if (pf_value_is_secret(key) && w->apply->check_only)
		return;
	if (pf_value_set(key, node->text, w->record, w->apply->arena, &err))
		pf_complain(w->apply->complaints, &node->place, "%s: %s", key->path, err.text);
}

/* The value of KEY_file: where the secret is. */
static void set_from_file(const struct walk *w, const struct pf_key *key,
			  const struct pf_yaml_node *node)
{
	struct pf_secret *secret = (void *)((char *)w->record + key->offset);
	struct pf_error err = { 0 };

	if (w->apply->check_only)
		return;
	if (*node->text != '/')
		pf_fail(&err, EINVAL, "give the absolute path of a file");
	else
		pf_secret_read(secret, node->text, key->type == PF_KEY_URL, w->apply->arena, &err);
	if (err.code)
		pf_complain(w->apply->complaints, &node->place, "%s_file: %s", key->path, err.text);
}

static void set_code(const struct walk *w, const struct pf_key *key,
		     const struct pf_yaml_node *node)
{
	struct pf_code *code = (void *)((char *)w->record + key->offset);

	*code = (struct pf_code){ node->text, node };
}

static void set_argv(const struct walk *w, const struct pf_key *key,
		     const struct pf_yaml_node *node)
{
	struct pf_words *words = (void *)((char *)w->record + key->offset);
	const char **word = pf_arena_alloc(w->apply->arena, (node->n + 1) * sizeof(*word));

	if (!word) {
		no_memory(w, &node->place);
		return;
	}
	for (size_t i = 0; i < node->n; i++) {
		const struct pf_yaml_node *item = node->items[i].node;

		if (item->kind != PF_YAML_SCALAR || (i == 0 && *item->text != '/')) {
			pf_complain(w->apply->complaints, &item->place,
				    i ? "%s: an argument is text"
				      : "%s: begin with the absolute path of a program",
				    key->path);
			return;
		}
		word[i] = item->text;
	}
	word[node->n] = NULL;
	if (!node->n)
		pf_complain(w->apply->complaints, &node->place, "%s: it must not be empty",
			    key->path);
	*words = (struct pf_words){ word, node->n };
}

static void set_set(const struct walk *w, const struct pf_key *key, const struct pf_yaml_node *node)
{
	unsigned int *bits = (void *)((char *)w->record + key->offset);
	struct pf_key word = *key;
	struct pf_error err = { 0 };
	int index;

	word.offset = 0;
	*bits = 0;
	for (size_t i = 0; i < node->n; i++) {
		const struct pf_yaml_node *item = node->items[i].node;

		word.type = PF_KEY_WORD;
		if (item->kind != PF_YAML_SCALAR)
			pf_fail(&err, EINVAL, "each is a word");
		else if (!pf_value_set(&word, item->text, &index, w->apply->arena, &err))
			*bits |= 1u << index;
		if (err.code)
			pf_complain(w->apply->complaints, &item->place, "%s: %s", key->path,
				    err.text);
		err.code = 0;
	}
	if (!node->n)
		pf_complain(w->apply->complaints, &node->place, "%s: it must not be empty",
			    key->path);
}

static void set_pairs(const struct walk *w, const struct pf_key *key,
		      const struct pf_yaml_node *node)
{
	struct pf_pairs *pairs = (void *)((char *)w->record + key->offset);
	struct pf_pair *pair = pf_arena_alloc(w->apply->arena, (node->n + 1) * sizeof(*pair));

	if (!pair) {
		no_memory(w, &node->place);
		return;
	}
	for (size_t i = 0; i < node->n && !w->apply->check_only; i++) {
		const struct pf_yaml_node *item = node->items[i].node;
		struct pf_error err = { 0 };

		pair[i] = (struct pf_pair){ .name = node->items[i].key };
		if (item->kind != PF_YAML_SCALAR)
			pf_fail(&err, EINVAL, "one value is wanted, this is %s",
				pf_yaml_kind_name(item));
		else
			pf_secret_set(&pair[i].value, item->text, w->apply->arena, &err);
		if (err.code)
			pf_complain(w->apply->complaints, &item->place, "%s: %s", key->path,
				    err.text);
	}
	*pairs = (struct pf_pairs){ pair, w->apply->check_only ? 0 : node->n };
}

/* ---- lists ------------------------------------------------------------------ */

static int type_of(const struct pf_key_table *table, const void *record)
{
	const struct pf_key *key = pf_schema_find(table, "type");

	return key ? *(const int *)((const char *)record + key->offset) : 0;
}

static const char *type_name(const struct pf_key_table *table, int type)
{
	const struct pf_key *key = pf_schema_find(table, "type");

	return key ? key->words[type] : table->name;
}

/* Which keys were written for the entry, and do they go with its type? */
static void check_entry(const struct walk *w, const struct pf_yaml_node *map,
			const struct pf_origin *given)
{
	const int type = type_of(w->table, w->record);
	const struct pf_key *type_key = pf_schema_find(w->table, "type");

	if (type_key && !given[type_key - w->table->keys].place.file) {
		pf_complain(w->apply->complaints, &map->place, "this %s has no type",
			    w->table->name);
		return;
	}
	for (size_t i = 0; i < w->table->n; i++) {
		const struct pf_key *key = &w->table->keys[i];
		const struct pf_place *place = &given[i].place;

		if (place->file && key->of && !(key->of & 1u << type))
			pf_complain(w->apply->complaints, place,
				    "%s has no meaning for a %s of type %s", key->path,
				    w->table->name, type_name(w->table, type));
		if (!place->file && key->needs & 1u << type)
			pf_complain(w->apply->complaints, &map->place,
				    "this %s needs the key '%s': %s", w->table->name, key->path,
				    key->help);
	}
}

static void set_entry(const struct walk *outer, const struct pf_key *key,
		      const struct pf_yaml_node *node, void *record)
{
	struct pf_origin given[KEYS_MAX] = { { 0 } };
	const struct pf_apply apply = {
		.arena = outer->apply->arena,
		.complaints = outer->apply->complaints,
		.layer = outer->apply->layer,
		.name = outer->apply->name,
		.check_only = outer->apply->check_only,
	};
	const struct walk w = { &apply, key->entry, record, given };

	if (node->kind != PF_YAML_MAP) {
		pf_complain(apply.complaints, &node->place, "each %s is a map, this is %s",
			    key->entry->name, pf_yaml_kind_name(node));
		return;
	}
	pf_apply_defaults(key->entry, record, apply.arena, NULL);
	*(struct pf_origin *)record = origin_at(&apply, &node->place);
	((struct pf_origin *)record)->node = node;
	pf_apply_map(&apply, key->entry, node, record, given);
	check_entry(&w, node, given);
}

static void set_list(const struct walk *w, const struct pf_key *key,
		     const struct pf_yaml_node *node)
{
	struct pf_entries *entries = (void *)((char *)w->record + key->offset);
	size_t size = key->entry->size;
	char *entry;

	if (node->n > key->entry->entries_max) {
		pf_complain(w->apply->complaints, &node->place, "%s: at most %zu are accepted",
			    key->path, key->entry->entries_max);
		return;
	}
	entry = pf_arena_alloc(w->apply->arena, node->n * size + 1);
	if (!entry) {
		no_memory(w, &node->place);
		return;
	}
	memset(entry, 0, node->n * size);
	for (size_t i = 0; i < node->n; i++)
		set_entry(w, key, node->items[i].node, entry + i * size);
	*entries = (struct pf_entries){ entry, node->n };
}

/* ---- maps ------------------------------------------------------------------- */

static enum pf_yaml_kind kind_of(const struct pf_key *key)
{
	switch (key->type) {
	case PF_KEY_LIST:
	case PF_KEY_ARGV:
	case PF_KEY_SET:
		return PF_YAML_LIST;
	case PF_KEY_PAIRS:
		return PF_YAML_MAP;
	default:
		return PF_YAML_SCALAR;
	}
}

static const char *kind_wanted(enum pf_yaml_kind kind)
{
	return kind == PF_YAML_LIST ? "a list" : kind == PF_YAML_MAP ? "a map" : "one value";
}

static void set_node(const struct walk *w, const struct pf_key *key,
		     const struct pf_yaml_node *node)
{
	switch (key->type) {
	case PF_KEY_CODE:
		set_code(w, key, node);
		break;
	case PF_KEY_SET:
		set_set(w, key, node);
		break;
	case PF_KEY_ARGV:
		set_argv(w, key, node);
		break;
	case PF_KEY_PAIRS:
		set_pairs(w, key, node);
		break;
	case PF_KEY_LIST:
		set_list(w, key, node);
		break;
	default:
		set_scalar(w, key, node);
		break;
	}
}

static void take_key(const struct walk *w, const struct pf_key *key,
		     const struct pf_yaml_item *item, bool from_file)
{
	struct pf_origin *origin = w->origins ? &w->origins[key - w->table->keys] : NULL;
	enum pf_yaml_kind wanted = from_file ? PF_YAML_SCALAR : kind_of(key);

	const bool again = origin && origin->place.file && origin->layer == w->apply->layer &&
			   origin->name == w->apply->name;
	const unsigned int before = again ? origin->place.line : 0;

	if (origin)
		*origin = origin_at(w->apply, &item->place);
	if (item->node->kind != wanted) {
		pf_complain(w->apply->complaints, &item->node->place,
			    "%s: %s is wanted, this is %s", key->path, kind_wanted(wanted),
			    pf_yaml_kind_name(item->node));
		return;
	}
	if (again)
		pf_complain(w->apply->complaints, &item->place,
			    "'%s' says what line %u says already", item->key, before);
	if (from_file)
		set_from_file(w, key, item->node);
	else
		set_node(w, key, item->node);
}

static void refuse_key(const struct walk *w, const char *path, const struct pf_yaml_item *item)
{
	const char *hint = pf_schema_hint(path);
	char other[PATH_LEN];

	if (hint)
		pf_complain(w->apply->complaints, &item->place, "there is no key '%s': %s", path,
			    hint);
	else if (pf_schema_suggest(w->table, path, other, sizeof(other)))
		pf_complain(w->apply->complaints, &item->place,
			    "there is no key '%s': did you mean '%s'?", path, other);
	else
		pf_complain(w->apply->complaints, &item->place,
			    "there is no key '%s' (pfleak.conf(5) lists all)", path);
}

/* The key whose secret the file "path" names, by its name and "_file". */
static const struct pf_key *key_of_file(const struct pf_key_table *table, const char *path)
{
	char stem[PATH_LEN];
	size_t len = strlen(path);
	const struct pf_key *key;

	if (len < 6 || strcmp(path + len - 5, "_file"))
		return NULL;
	snprintf(stem, sizeof(stem), "%.*s", (int)(len - 5), path);
	key = pf_schema_find(table, stem);
	return key && pf_value_is_secret(key) ? key : NULL;
}

static bool is_skipped(const struct walk *w, const char *path)
{
	for (const char *const *s = w->apply->skip; s && *s; s++) {
		if (!strcmp(*s, path))
			return true;
	}
	return false;
}

static void take_map(const struct walk *w, const char *prefix, const struct pf_yaml_node *map);

static void take_item(const struct walk *w, const char *prefix, const struct pf_yaml_item *item)
{
	char path[PATH_LEN];
	const struct pf_key *key, *file;

	snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix ? "." : "", item->key);
	if (is_skipped(w, path))
		return;
	key = pf_schema_find(w->table, path);
	file = key ? NULL : key_of_file(w->table, path);
	if (!key && !file && !pf_schema_is_group(w->table, path)) {
		refuse_key(w, path, item);
		return;
	}
	if (pf_yaml_is_null(item->node))
		return;
	if (key || file)
		take_key(w, key ? key : file, item, file);
	else if (item->node->kind != PF_YAML_MAP)
		pf_complain(w->apply->complaints, &item->node->place,
			    "%s: a map is wanted, this is %s", path, pf_yaml_kind_name(item->node));
	else
		take_map(w, path, item->node);
}

static void take_map(const struct walk *w, const char *prefix, const struct pf_yaml_node *map)
{
	for (size_t i = 0; i < map->n; i++)
		take_item(w, prefix, &map->items[i]);
}

void pf_apply_map(const struct pf_apply *a, const struct pf_key_table *table,
		  const struct pf_yaml_node *map, void *record, struct pf_origin *origins)
{
	const struct walk w = { a, table, record, origins };

	take_map(&w, "", map);
}

/* ---- what was written ------------------------------------------------------- */

static const struct pf_yaml_item *item_of(const struct pf_yaml_node *map, const char *key,
					  size_t len)
{
	for (size_t i = 0; map && map->kind == PF_YAML_MAP && i < map->n; i++) {
		const struct pf_yaml_item *item = &map->items[i];

		if (strlen(item->key) == len && !strncmp(item->key, key, len) &&
		    !pf_yaml_is_null(item->node))
			return item;
	}
	return NULL;
}

static const struct pf_yaml_item *item_at(const struct pf_yaml_node *map, const char *path)
{
	const struct pf_yaml_item *item = NULL;
	size_t len = strcspn(path, ".");

	for (item = item_of(map, path, len); item && path[len]; item = item_of(map, path, len)) {
		path += len + 1;
		len = strcspn(path, ".");
		map = item->node;
	}
	return item;
}

const struct pf_yaml_item *pf_apply_written(const struct pf_key *key,
					    const struct pf_yaml_node *map)
{
	const struct pf_yaml_item *item = item_at(map, key->path);
	char file[PATH_LEN];

	if (!item && key->alias)
		item = item_at(map, key->alias);
	if (item || !pf_value_is_secret(key))
		return item;
	snprintf(file, sizeof(file), "%s_file", key->path);
	return item_at(map, file);
}
