/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * YAML text as a tree, from libyaml's events: they come one by one, so that a
 * bound is met before memory is taken for what lies beyond it.
 */
#include "lib/config/yaml.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <yaml.h>

#include "lib/base/cleanup.h"

#define ANCHORS_MAX 64

/* A map or list that is still open. Items are collected here and copied when it ends. */
struct open_node {
	struct pf_yaml_node *node;
	struct pf_yaml_item *items;
	size_t cap;
	const char *key; /* of the value that comes next; NULL = a key is due */
	struct pf_place key_place;
};

struct anchor {
	const char *name;
	const struct pf_yaml_node *node; /* NULL while it is open */
};

struct reader {
	struct pf_arena *arena;
	struct pf_complaints *complaints;
	const char *file;
	const char *text;
	size_t len;
	yaml_parser_t parser;
	struct open_node open[PF_YAML_DEPTH_MAX];
	size_t depth;
	struct anchor anchors[ANCHORS_MAX];
	size_t n_anchors;
	size_t weight;
	const struct pf_yaml_node *root;
};

static struct pf_place place_of(const struct reader *r, const yaml_mark_t *mark)
{
	return (struct pf_place){ r->file, (unsigned int)mark->line + 1,
				  (unsigned int)mark->column + 1 };
}

/* ---- what libyaml refuses --------------------------------------------------- */

static struct pf_place place_of_offset(const struct reader *r, size_t offset)
{
	struct pf_place place = { r->file, 1, 1 };

	for (size_t i = 0; i < offset && i < r->len; i++) {
		place.column += (r->text[i] & 0xc0) != 0x80;
		if (r->text[i] == '\n') {
			place.line++;
			place.column = 1;
		}
	}
	return place;
}

/* The founding example is JSON with comments, which is neither JSON nor YAML. */
static bool has_slashes(const struct reader *r, size_t line)
{
	const char *at = r->text, *end = r->text + r->len, *eol;

	for (; line && at; line--) {
		at = memchr(at, '\n', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
	if (!at)
		return false;
	eol = memchr(at, '\n', (size_t)(end - at));
	for (eol = eol ? eol : end; at + 2 < eol; at++) {
		if ((*at == ' ' || *at == '\t' || *at == ',') && at[1] == '/' && at[2] == '/')
			return true;
	}
	return false;
}

static int refuse_syntax(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	struct pf_place place = place_of(r, &p->problem_mark);
	size_t line = p->problem_mark.line;
	const char *hint = "";

	if (p->error == YAML_MEMORY_ERROR) {
		pf_complain(r->complaints, &place, "out of memory");
		return -ENOMEM;
	}
	if (p->error == YAML_READER_ERROR) {
		place = place_of_offset(r, p->problem_offset);
		pf_complain(r->complaints, &place,
			    "this is not UTF-8 text without control characters (%s)", p->problem);
		return -EINVAL;
	}
	if (has_slashes(r, line) || (line && has_slashes(r, line - 1)))
		hint = "; comments begin with '#', neither YAML nor JSON has //";
	pf_complain(r->complaints, &place, "this is not YAML: %s%s%s%s",
		    p->context ? p->context : "", p->context ? ", " : "",
		    p->problem ? p->problem : "it cannot be read", hint);
	return -EINVAL;
}

/* ---- building --------------------------------------------------------------- */

static int no_memory(struct reader *r)
{
	pf_complain(r->complaints, &(struct pf_place){ r->file, 0, 0 }, "out of memory");
	return -ENOMEM;
}

static char *copy_text(struct reader *r, const yaml_char_t *text, size_t len)
{
	char *copy = pf_arena_alloc(r->arena, len + 1);

	if (copy) {
		memcpy(copy, text, len);
		copy[len] = '\0';
	}
	return copy;
}

static int add_weight(struct reader *r, const struct pf_place *place, size_t weight)
{
	r->weight += weight;
	if (r->weight <= PF_YAML_NODES_MAX)
		return 0;
	pf_complain(r->complaints, place, "too much: at most %d values, aliases counted in full",
		    PF_YAML_NODES_MAX);
	return -E2BIG;
}

static struct pf_yaml_node *new_node(struct reader *r, enum pf_yaml_kind kind,
				     const yaml_event_t *event)
{
	struct pf_yaml_node *node = pf_arena_alloc(r->arena, sizeof(*node));

	if (node)
		*node = (struct pf_yaml_node){ .kind = kind,
					       .place = place_of(r, &event->start_mark),
					       .weight = 1 };
	return node;
}

static int reserve_item(struct open_node *o)
{
	size_t cap = o->cap ? o->cap * 2 : 16;
	void *bigger;

	if (o->node->n < o->cap)
		return 0;
	bigger = realloc(o->items, cap * sizeof(*o->items));
	if (!bigger)
		return -ENOMEM;
	o->items = bigger;
	o->cap = cap;
	return 0;
}

/* A finished value goes to the map or list that is open, or is the whole document. */
static int give(struct reader *r, const struct pf_yaml_node *node)
{
	struct open_node *o = r->depth ? &r->open[r->depth - 1] : NULL;

	if (!o) {
		r->root = node;
		return 0;
	}
	if (reserve_item(o))
		return no_memory(r);
	o->items[o->node->n++] = (struct pf_yaml_item){
		.key = o->key,
		.place = o->key ? o->key_place : node->place,
		.node = node,
	};
	o->node->weight += node->weight;
	o->key = NULL;
	return 0;
}

static bool wants_key(const struct reader *r)
{
	return r->depth && r->open[r->depth - 1].node->kind == PF_YAML_MAP &&
	       !r->open[r->depth - 1].key;
}

static int take_key(struct reader *r, const struct pf_yaml_node *node)
{
	struct open_node *o = &r->open[r->depth - 1];

	if (o->node->n == PF_YAML_KEYS_MAX) {
		pf_complain(r->complaints, &node->place, "at most %d keys fit into a map",
			    PF_YAML_KEYS_MAX);
		return -E2BIG;
	}
	for (size_t i = 0; i < o->node->n; i++) {
		if (strcmp(o->items[i].key, node->text))
			continue;
		pf_complain(r->complaints, &node->place,
			    "the key '%s' comes twice: it is in line %u already", node->text,
			    o->items[i].place.line);
		return -EEXIST;
	}
	o->key = node->text;
	o->key_place = node->place;
	return 0;
}

/* ---- anchors ---------------------------------------------------------------- */

static struct anchor *find_anchor(struct reader *r, const yaml_char_t *name)
{
	for (size_t i = r->n_anchors; i-- > 0;) {
		if (!strcmp(r->anchors[i].name, (const char *)name))
			return &r->anchors[i];
	}
	return NULL;
}

/* The node may be open still: then what it is known by is filled when it ends. */
static int set_anchor(struct reader *r, const yaml_char_t *name, const struct pf_place *place,
		      const struct pf_yaml_node *node)
{
	struct anchor *a = find_anchor(r, name);

	if (!a && r->n_anchors == ANCHORS_MAX) {
		pf_complain(r->complaints, place, "at most %d anchors are accepted", ANCHORS_MAX);
		return -E2BIG;
	}
	if (!a) {
		a = &r->anchors[r->n_anchors];
		a->name = copy_text(r, name, strlen((const char *)name));
		if (!a->name)
			return no_memory(r);
		r->n_anchors++;
	}
	a->node = node;
	return 0;
}

static int take_alias(struct reader *r, const yaml_event_t *event)
{
	const struct pf_place place = place_of(r, &event->start_mark);
	const struct anchor *a = find_anchor(r, event->data.alias.anchor);
	int ret;

	if (!a) {
		pf_complain(r->complaints, &place, "there is no anchor '&%s' before this alias",
			    (const char *)event->data.alias.anchor);
		return -EINVAL;
	}
	for (size_t i = 0; i < r->depth; i++) {
		if (r->open[i].node == a->node) {
			pf_complain(r->complaints, &place, "the alias '*%s' is part of itself",
				    a->name);
			return -ELOOP;
		}
	}
	if (wants_key(r)) {
		pf_complain(r->complaints, &place, "an alias is no key");
		return -EINVAL;
	}
	ret = add_weight(r, &place, a->node->weight);
	return ret ? ret : give(r, a->node);
}

/* ---- events ----------------------------------------------------------------- */

static int check_tag(struct reader *r, const yaml_event_t *event, const yaml_char_t *tag)
{
	const struct pf_place place = place_of(r, &event->start_mark);

	/* "!" alone says "text", as quotes do. */
	if (!tag || !strcmp((const char *)tag, "!"))
		return add_weight(r, &place, 1);
	pf_complain(r->complaints, &place, "tags are not accepted ('%s')", (const char *)tag);
	return -EINVAL;
}

/* How far the lines of a text block are indented: what the file has before its first words. */
static unsigned int block_indent(const struct reader *r, size_t line, const char *text)
{
	const char *at = r->text, *end = r->text + r->len;
	size_t blank_lines = strspn(text, "\n"), spaces = 0;

	for (line += blank_lines; line && at < end; line--) {
		const char *eol = memchr(at, '\n', (size_t)(end - at));

		at = eol ? eol + 1 : end;
	}
	while (at + spaces < end && at[spaces] == ' ')
		spaces++;
	return (unsigned int)(spaces - strspn(text + blank_lines, " "));
}

/* libyaml's marks count them, not bytes. */
static size_t characters(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

static void place_block(const struct reader *r, struct pf_yaml_node *node,
			const yaml_event_t *event)
{
	const bool one_line = event->start_mark.line == event->end_mark.line;

	node->folded = !one_line && event->data.scalar.style != YAML_LITERAL_SCALAR_STYLE;
	switch (event->data.scalar.style) {
	case YAML_LITERAL_SCALAR_STYLE:
		node->verbatim = true;
		node->indent = block_indent(r, event->start_mark.line + 1, node->text);
		node->place.line++;
		node->place.column = node->indent + 1;
		break;
	case YAML_PLAIN_SCALAR_STYLE:
		node->verbatim = one_line;
		break;
	case YAML_SINGLE_QUOTED_SCALAR_STYLE:
	case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
		/* Exact where each character stands for itself. */
		node->verbatim = one_line && event->end_mark.index - event->start_mark.index ==
						     characters(node->text) + 2;
		node->place.column += node->verbatim;
		break;
	default:
		break;
	}
}

static int take_scalar(struct reader *r, const yaml_event_t *event)
{
	struct pf_yaml_node *node = new_node(r, PF_YAML_SCALAR, event);
	int ret = check_tag(r, event, event->data.scalar.tag);

	if (ret)
		return ret;
	if (!node)
		return no_memory(r);
	node->plain = event->data.scalar.plain_implicit &&
		      event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	node->text = copy_text(r, event->data.scalar.value, event->data.scalar.length);
	if (!node->text)
		return no_memory(r);
	if (strlen(node->text) != event->data.scalar.length) {
		pf_complain(r->complaints, &node->place, "a NUL character is not accepted");
		return -EINVAL;
	}
	if (event->data.scalar.anchor) {
		ret = set_anchor(r, event->data.scalar.anchor, &node->place, node);
		if (ret)
			return ret;
	}
	if (wants_key(r))
		return take_key(r, node);
	place_block(r, node, event);
	return give(r, node);
}

static int begin_node(struct reader *r, enum pf_yaml_kind kind, const yaml_event_t *event)
{
	const bool map = kind == PF_YAML_MAP;
	const yaml_char_t *anchor =
		map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
	struct pf_yaml_node *node = new_node(r, kind, event);
	int ret = check_tag(r, event,
			    map ? event->data.mapping_start.tag : event->data.sequence_start.tag);

	if (ret)
		return ret;
	if (!node)
		return no_memory(r);
	if (wants_key(r)) {
		pf_complain(r->complaints, &node->place, "a key is text, not %s",
			    pf_yaml_kind_name(node));
		return -EINVAL;
	}
	if (r->depth == PF_YAML_DEPTH_MAX) {
		pf_complain(r->complaints, &node->place, "nested too deep: at most %d levels",
			    PF_YAML_DEPTH_MAX);
		return -E2BIG;
	}
	r->open[r->depth++] = (struct open_node){ .node = node };
	return anchor ? set_anchor(r, anchor, &node->place, node) : 0;
}

static int end_node(struct reader *r)
{
	struct open_node *o = &r->open[--r->depth];
	struct pf_yaml_node *node = o->node;

	if (node->n) {
		node->items = pf_arena_alloc(r->arena, node->n * sizeof(*node->items));
		if (node->items)
			memcpy(node->items, o->items, node->n * sizeof(*node->items));
	}
	free(o->items);
	o->items = NULL;
	return node->n && !node->items ? no_memory(r) : give(r, node);
}

static int take_document(struct reader *r, const yaml_event_t *event)
{
	const struct pf_place place = place_of(r, &event->start_mark);

	if (!r->root)
		return 0;
	pf_complain(r->complaints, &place, "one document is accepted, here begins another");
	return -EINVAL;
}

static int take(struct reader *r, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		return take_document(r, event);
	case YAML_SCALAR_EVENT:
		return take_scalar(r, event);
	case YAML_ALIAS_EVENT:
		return take_alias(r, event);
	case YAML_MAPPING_START_EVENT:
		return begin_node(r, PF_YAML_MAP, event);
	case YAML_SEQUENCE_START_EVENT:
		return begin_node(r, PF_YAML_LIST, event);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		return end_node(r);
	default:
		return 0;
	}
}

static int read_events(struct reader *r)
{
	bool end = false;
	int ret = 0;

	while (!ret && !end) {
		yaml_event_t event;

		if (!yaml_parser_parse(&r->parser, &event))
			return refuse_syntax(r);
		ret = take(r, &event);
		end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	return ret;
}

static const struct pf_yaml_node *empty_map(struct reader *r)
{
	struct pf_yaml_node *node = pf_arena_alloc(r->arena, sizeof(*node));

	if (!node) {
		no_memory(r);
		return NULL;
	}
	*node = (struct pf_yaml_node){ .kind = PF_YAML_MAP, .place = { r->file, 1, 1 } };
	return node;
}

const struct pf_yaml_node *pf_yaml_parse(struct pf_arena *arena, const char *file, const char *text,
					 size_t len, struct pf_complaints *complaints)
{
	struct reader r = {
		.arena = arena, .complaints = complaints, .file = file, .text = text, .len = len
	};
	int ret;

	if (len > PF_YAML_SIZE_MAX) {
		pf_complain(complaints, &(struct pf_place){ file, 0, 0 },
			    "too long: at most %u bytes are read", PF_YAML_SIZE_MAX);
		return NULL;
	}
	if (!yaml_parser_initialize(&r.parser)) {
		no_memory(&r);
		return NULL;
	}
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	ret = read_events(&r);
	yaml_parser_delete(&r.parser);
	for (size_t i = 0; i < r.depth; i++)
		free(r.open[i].items);
	if (ret)
		return NULL;
	return r.root ? r.root : empty_map(&r);
}

/* ---- asking the tree -------------------------------------------------------- */

bool pf_yaml_is_null(const struct pf_yaml_node *node)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL" };

	for (size_t i = 0; node->kind == PF_YAML_SCALAR && node->plain && i < PF_ARRAY_SIZE(words);
	     i++) {
		if (!strcmp(node->text, words[i]))
			return true;
	}
	return false;
}

const char *pf_yaml_kind_name(const struct pf_yaml_node *node)
{
	switch (node->kind) {
	case PF_YAML_MAP:
		return "a map";
	case PF_YAML_LIST:
		return "a list";
	case PF_YAML_SCALAR:
		break;
	}
	return pf_yaml_is_null(node) ? "nothing" : "text";
}

struct pf_place pf_yaml_place_in(const struct pf_yaml_node *node, size_t offset)
{
	struct pf_place place = node->place;

	for (size_t i = 0; node->verbatim && i < offset && node->text[i]; i++) {
		place.column += (node->text[i] & 0xc0) != 0x80;
		if (node->text[i] == '\n') {
			place.line++;
			place.column = node->indent + 1;
		}
	}
	return place;
}
