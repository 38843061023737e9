/* SPDX-License-Identifier: BSD-2-Clause */
/* Which values a profile stands for. */
#include "lib/config/profile.h"

#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/parse.h"
#include "lib/base/strbuf.h"

#define PRODUCTION "production"
#define DEFAULT	   "default"

#define NAMES_SHOWN 20

static const char *const extends_key[] = { "extends", NULL };

struct chain {
	const struct pf_yaml_item *own[PF_PROFILES_DEPTH]; /* the chosen one first */
	size_t n;
	bool production; /* what the last one extends */
};

static const struct pf_yaml_node *find(const struct pf_yaml_node *map, const char *key)
{
	for (size_t i = 0; map && map->kind == PF_YAML_MAP && i < map->n; i++) {
		if (!strcmp(map->items[i].key, key))
			return map->items[i].node;
	}
	return NULL;
}

static const struct pf_yaml_item *find_profile(const struct pf_yaml_node *profiles,
					       const char *name)
{
	for (size_t i = 0; profiles && profiles->kind == PF_YAML_MAP && i < profiles->n; i++) {
		if (!strcmp(profiles->items[i].key, name))
			return &profiles->items[i];
	}
	return NULL;
}

static void refuse_name(const struct pf_apply *a, const struct pf_yaml_node *profiles,
			const char *name, const struct pf_place *place)
{
	const char *words[PF_YAML_KEYS_MAX + 3] = { DEFAULT, PRODUCTION };
	size_t n = 2;
	_cleanup_(pf_strbuf_free) struct pf_strbuf list = PF_STRBUF_INIT;
	const char *near;

	for (size_t i = 0; profiles && profiles->kind == PF_YAML_MAP && i < profiles->n; i++)
		words[n++] = profiles->items[i].key;
	near = pf_nearest(name, words);
	for (size_t i = 0; i < n && i < NAMES_SHOWN; i++)
		pf_strbuf_addf(&list, "%s%s", i ? ", " : "", words[i]);
	pf_complain(a->complaints, place, "there is no profile '%s': %s%s%s%s%s", name,
		    near ? "did you mean '" : "", near ? near : "",
		    near ? "'? There are " : "there are ", list.data ? list.data : "",
		    n > NAMES_SHOWN ? ", ..." : "");
}

static bool is_in(const struct chain *c, const struct pf_yaml_item *profile)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->own[i] == profile)
			return true;
	}
	return false;
}

/* Follow `extends` from name to a built-in one. */
static void follow(const struct pf_apply *a, const struct pf_yaml_node *profiles, const char *name,
		   const struct pf_place *place, struct chain *c)
{
	struct pf_place at = *place;

	while (strcmp(name, DEFAULT) && strcmp(name, PRODUCTION)) {
		const struct pf_yaml_item *own = find_profile(profiles, name);
		const struct pf_yaml_node *base = own ? find(own->node, "extends") : NULL;

		if (!own) {
			refuse_name(a, profiles, name, &at);
			return;
		}
		if (is_in(c, own) || c->n == PF_PROFILES_DEPTH) {
			pf_complain(a->complaints, &at, "the profile '%s' %s", name,
				    is_in(c, own) ? "extends itself in the end"
						  : "extends too many others");
			return;
		}
		c->own[c->n++] = own;
		if (!base || pf_yaml_is_null(base))
			return;
		if (base->kind != PF_YAML_SCALAR) {
			pf_complain(a->complaints, &base->place,
				    "extends: give the name of one profile");
			return;
		}
		name = base->text;
		at = base->place;
	}
	c->production = !strcmp(name, PRODUCTION);
}

static void apply_own(const struct pf_apply *a, const struct pf_yaml_item *profile, void *settings,
		      struct pf_origin *origins)
{
	const struct pf_apply own = {
		.arena = a->arena,
		.complaints = a->complaints,
		.layer = PF_LAYER_PROFILE,
		.name = profile->key,
		.check_only = a->check_only,
		.skip = extends_key,
	};

	if (!strcmp(profile->key, DEFAULT) || !strcmp(profile->key, PRODUCTION))
		pf_complain(a->complaints, &profile->place,
			    "the profile '%s' is built in: give yours another name", profile->key);
	if (pf_yaml_is_null(profile->node))
		return;
	if (profile->node->kind != PF_YAML_MAP)
		pf_complain(a->complaints, &profile->node->place,
			    "the profile '%s' is a map of settings, this is %s", profile->key,
			    pf_yaml_kind_name(profile->node));
	else
		pf_apply_map(&own, &pf_settings_table, profile->node, settings, origins);
}

/* Those that are not chosen are checked all the same, into nowhere. */
static void check_others(const struct pf_apply *a, const struct pf_yaml_node *profiles,
			 const struct chain *chosen)
{
	struct pf_apply check = *a;

	check.check_only = true;
	for (size_t i = 0; i < profiles->n; i++) {
		const struct pf_yaml_item *profile = &profiles->items[i];
		struct pf_settings nowhere = { 0 };
		struct chain c = { .n = 0 };

		if (is_in(chosen, profile))
			continue;
		if (strcmp(profile->key, DEFAULT) && strcmp(profile->key, PRODUCTION))
			follow(a, profiles, profile->key, &profile->place, &c);
		apply_own(&check, profile, &nowhere, NULL);
	}
}

void pf_profile_apply(const struct pf_apply *apply, const struct pf_yaml_node *file,
		      const char *name, const struct pf_place *place, void *settings,
		      struct pf_origin *origins)
{
	const struct pf_yaml_node *profiles = find(file, "profiles");
	struct chain chosen = { .n = 0 };

	if (profiles && profiles->kind != PF_YAML_MAP && !pf_yaml_is_null(profiles))
		pf_complain(apply->complaints, &profiles->place,
			    "profiles: a map of profiles is wanted, this is %s",
			    pf_yaml_kind_name(profiles));
	follow(apply, profiles, name, place, &chosen);
	if (chosen.production)
		pf_apply_production(&pf_settings_table, settings, apply->arena, origins);
	for (size_t i = chosen.n; i-- > 0;)
		apply_own(apply, chosen.own[i], settings, origins);
	if (profiles && profiles->kind == PF_YAML_MAP)
		check_others(apply, profiles, &chosen);
}
