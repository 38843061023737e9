/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tree of YAML into a struct, key by key as a table says. What is not written
 * stays as it was: layers are applied one over the other, and that is the deep
 * merge. A list replaces the list below it.
 */
#ifndef PF_LIB_CONFIG_APPLY_H
#define PF_LIB_CONFIG_APPLY_H

#include <stdbool.h>

#include "lib/config/schema.h"
#include "lib/config/settings.h"
#include "lib/config/yaml.h"

struct pf_apply {
	struct pf_arena *arena;
	struct pf_complaints *complaints;
	enum pf_layer layer;
	const char *name;	 /* of the profile; NULL = none */
	bool check_only;	 /* look up no secret: the profile is not the chosen one */
	const char *const *skip; /* keys at the top that the caller sees to; NULL-terminated */
};

/* The table's defaults; with production where that profile says so. origins: one per key or NULL. */
void pf_apply_defaults(const struct pf_key_table *table, void *record, struct pf_arena *arena,
		       struct pf_origin *origins);
void pf_apply_production(const struct pf_key_table *table, void *record, struct pf_arena *arena,
			 struct pf_origin *origins);

/* A map into the record; what is wrong in it is complained of and left out. */
void pf_apply_map(const struct pf_apply *a, const struct pf_key_table *table,
		  const struct pf_yaml_node *map, void *record, struct pf_origin *origins);

/* Where the value of a key is in the map that an entry was made of, under whichever of its names.
 * NULL: nowhere, it is the default. */
const struct pf_yaml_item *pf_apply_written(const struct pf_key *key,
					    const struct pf_yaml_node *map);

#endif
