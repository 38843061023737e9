/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * YAML text as a tree with places. Takes the part of YAML that a configuration
 * needs: one document of maps, lists and scalars. Tags, several documents,
 * keys that come twice and anything unbounded are errors; JSON is YAML.
 * Knows no key.
 */
#ifndef PF_LIB_CONFIG_YAML_H
#define PF_LIB_CONFIG_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/config/complaint.h"
#include "lib/record/arena.h"

#define PF_YAML_SIZE_MAX  (1u << 20) /* bytes */
#define PF_YAML_NODES_MAX 10000	     /* an alias counts what it stands for */
#define PF_YAML_DEPTH_MAX 16
#define PF_YAML_KEYS_MAX  256 /* in one map */

enum pf_yaml_kind { PF_YAML_SCALAR, PF_YAML_MAP, PF_YAML_LIST };

struct pf_yaml_node {
	enum pf_yaml_kind kind;
	struct pf_place place; /* where it begins; of a text block: of its first line */
	const char *text;      /* scalars: NUL-terminated, valid UTF-8 */
	bool plain;	       /* no quotes around it */
	bool verbatim;	       /* lines in the file are lines of the text */
	bool folded;	       /* lines in the file are joined to one */
	unsigned int indent;   /* blanks before each further line of a verbatim text */
	size_t n;	       /* maps and lists */
	struct pf_yaml_item *items;
	size_t weight; /* nodes in it, itself included */
};

struct pf_yaml_item {
	const char *key; /* NULL in lists */
	struct pf_place place;
	const struct pf_yaml_node *node;
};

/*
 * The tree of a text of len bytes, in the arena; place.file is `file`, which must live as long.
 * An empty text is an empty map. NULL after a complaint.
 */
const struct pf_yaml_node *pf_yaml_parse(struct pf_arena *arena, const char *file, const char *text,
					 size_t len, struct pf_complaints *complaints);

/* null, ~ or nothing: as if the key were not written. */
bool pf_yaml_is_null(const struct pf_yaml_node *node);

/* "text", "a map", "a list" */
const char *pf_yaml_kind_name(const struct pf_yaml_node *node);

/* Where a byte of a scalar's text is in its file. */
struct pf_place pf_yaml_place_in(const struct pf_yaml_node *node, size_t offset);

#endif
