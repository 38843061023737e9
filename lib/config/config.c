/* SPDX-License-Identifier: BSD-2-Clause */
/* Puts a configuration together. What its keys are is schema.c's. */
#include "lib/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/config/apply.h"
#include "lib/config/internal.h"
#include "lib/config/profile.h"
#include "lib/base/trust.h"
#include "lib/config/value.h"
#include "lib/record/alert.h"

static const char *const top_keys[] = { "profile", "profiles", NULL };

/* What a load needs besides what it makes. */
struct load {
	struct pf_config *c;
	const struct pf_config_source *source;
	struct pf_complaints *complaints;
	const struct pf_yaml_node *tree;
	struct pf_error untrusted; /* who else may change the file */
};

static struct pf_place whole_file(const struct load *l)
{
	return (struct pf_place){ l->source->file, 0, 0 };
}

/* ---- the file --------------------------------------------------------------- */

/* Ends early with one byte more than may be: then it is too long. */
static int read_all(int fd, struct pf_strbuf *b)
{
	char piece[4096];
	ssize_t n;

	while (b->len <= PF_YAML_SIZE_MAX && !b->failed) {
		n = read(fd, piece, sizeof(piece));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : 0;
		pf_strbuf_addmem(b, piece, (size_t)n);
	}
	explicit_bzero(piece, sizeof(piece));
	return b->failed ? -ENOMEM : 0;
}

static void wipe(struct pf_strbuf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	pf_strbuf_free(b);
}

static bool is_regular(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode);
}

static int open_file(const struct pf_config_source *source)
{
	if (source->is_stdin)
		return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	return open(source->file,
		    O_RDONLY | O_CLOEXEC | O_NOCTTY | (source->again ? O_NONBLOCK : 0));
}

static void read_file(struct load *l)
{
	_cleanup_close_ int fd = open_file(l->source);
	_cleanup_(wipe) struct pf_strbuf text = PF_STRBUF_INIT;
	const struct pf_place place = whole_file(l);
	int ret;

	if (fd < 0) {
		pf_complain(l->complaints, &place, "cannot open the configuration: %s",
			    strerror(errno));
		return;
	}
	if (l->source->again && l->source->is_stdin) {
		pf_complain(l->complaints, &place, "it cannot be read again: give --config a file");
		return;
	}
	if (l->source->again && !is_regular(fd)) {
		pf_complain(l->complaints, &place,
			    "it is not a regular file, hence cannot be read again");
		return;
	}
	pf_trust_check(fd, l->source->is_stdin ? NULL : l->source->file, geteuid(), &l->untrusted);
	ret = read_all(fd, &text);
	if (ret)
		pf_complain(l->complaints, &place, "cannot read the configuration: %s",
			    strerror(-ret));
	else
		l->tree = pf_yaml_parse(&l->c->arena, l->source->file, text.data ? text.data : "",
					text.len, l->complaints);
}

static void check_tree(struct load *l)
{
	if (!l->tree || l->tree->kind == PF_YAML_MAP)
		return;
	if (!pf_yaml_is_null(l->tree))
		pf_complain(l->complaints, &l->tree->place,
			    "a configuration is a map of keys, this is %s",
			    pf_yaml_kind_name(l->tree));
	l->tree = NULL;
}

/* ---- layers ----------------------------------------------------------------- */

static const struct pf_yaml_node *top_node(const struct load *l, const char *key)
{
	for (size_t i = 0; l->tree && i < l->tree->n; i++) {
		if (!strcmp(l->tree->items[i].key, key) && !pf_yaml_is_null(l->tree->items[i].node))
			return l->tree->items[i].node;
	}
	return NULL;
}

static void choose_profile(struct load *l)
{
	const struct pf_yaml_node *node = top_node(l, "profile");
	struct pf_config *c = l->c;

	c->profile = (struct pf_origin){ .layer = PF_LAYER_DEFAULT };
	c->settings.profile = "default";
	if (node && node->kind != PF_YAML_SCALAR) {
		pf_complain(l->complaints, &node->place, "profile: give the name of one profile");
	} else if (node) {
		c->settings.profile = node->text;
		c->profile = (struct pf_origin){ .layer = PF_LAYER_FILE, .place = node->place };
	}
	if (l->source->profile) {
		c->settings.profile = l->source->profile;
		c->profile = (struct pf_origin){ .layer = PF_LAYER_OPTION, .name = "--profile" };
	}
}

static void apply_option(struct load *l, const struct pf_config_option *o)
{
	const struct pf_key *key = pf_schema_find(&pf_settings_table, o->path);
	struct pf_error err = { 0 };

	if (!key)
		pf_fail(&err, EINVAL, "there is no key '%s'", o->path);
	else
		pf_value_set(key, o->text, &l->c->settings, &l->c->arena, &err);
	if (err.code)
		pf_complain(l->complaints, &(struct pf_place){ 0 }, "%s: %s", o->option, err.text);
	else
		l->c->origins[key - pf_settings_table.keys] =
			(struct pf_origin){ .layer = PF_LAYER_OPTION, .name = o->option };
}

/* Defaults that go by the type. */
static void complete_channel(struct pf_channel_settings *c)
{
	static const char pagerduty[] = "https://events.pagerduty.com/v2/enqueue";

	if (!c->states)
		c->states = 1u << PF_ALERT_FIRING | 1u << PF_ALERT_RESOLVED;
	if (c->timeout_s == 0 && c->type != PF_WORD_SYSLOG)
		c->timeout_s = c->type == PF_WORD_COMMAND ? 30 : 10;
	if (c->type == PF_WORD_PAGERDUTY && !c->url.value)
		c->url = (struct pf_secret){ .value = pagerduty, .shown = pagerduty };
}

static void complete_channels(const struct pf_entries *channels)
{
	struct pf_channel_settings *c = channels->entry;

	for (size_t i = 0; i < channels->n; i++)
		complete_channel(&c[i]);
}

static void apply_layers(struct load *l)
{
	struct pf_config *c = l->c;
	struct pf_apply apply = { .arena = &c->arena,
				  .complaints = l->complaints,
				  .layer = PF_LAYER_FILE,
				  .skip = top_keys };
	/* --profile has no place: then the complaint says the option. */
	const struct pf_place asked = c->profile.place;

	pf_apply_defaults(&pf_settings_table, &c->settings, &c->arena, c->origins);
	pf_profile_apply(&apply, l->tree, c->settings.profile, &asked, &c->settings, c->origins);
	if (l->tree)
		pf_apply_map(&apply, &pf_settings_table, l->tree, &c->settings, c->origins);
	for (size_t i = 0; i < l->source->n_options; i++)
		apply_option(l, &l->source->options[i]);
	complete_channels(&c->settings.alerting.channels);
}

/* ---- the whole -------------------------------------------------------------- */

static struct pf_place place_of_key(const struct load *l, const char *path)
{
	const struct pf_origin *origin = pf_config__origin(l->c, path);

	return origin->place.file ? origin->place : whole_file(l);
}

static void check_order(struct load *l, double low, double high, const char *low_key,
			const char *high_key)
{
	struct pf_place place = place_of_key(l, high_key);

	if (low >= high)
		pf_complain(l->complaints, &place, "%s (%.15g) must be more than %s (%.15g)",
			    high_key, high, low_key, low);
}

static void check_rule_names(struct load *l)
{
	const struct pf_rule_settings *rule = l->c->settings.alerting.rules.entry;

	for (size_t i = 0; i < l->c->settings.alerting.rules.n; i++) {
		for (size_t j = 0; j < i && rule[i].name; j++) {
			if (rule[j].name && !strcmp(rule[i].name, rule[j].name))
				pf_complain(l->complaints, &rule[i].origin.place,
					    "the rule '%s' is in line %u already", rule[i].name,
					    rule[j].origin.place.line);
		}
	}
}

static bool runs_programs(const struct pf_settings *s)
{
	const struct pf_channel_settings *channel = s->alerting.channels.entry;

	if (s->stack_traces.directory && s->stack_traces.enabled)
		return true;
	for (size_t i = 0; i < s->alerting.channels.n; i++) {
		if (channel[i].type == PF_WORD_COMMAND)
			return true;
	}
	return false;
}

static void check_trust(struct load *l)
{
	struct pf_place place = whole_file(l);

	if (l->untrusted.code && runs_programs(&l->c->settings))
		pf_complain(l->complaints, &place,
			    "it makes pfleak run programs, and somebody else may change it: %s; "
			    "it must belong to root or you and be writable by no one else",
			    l->untrusted.text);
}

/* The short keys stand for channels of their own; --print-config shows only what was written. */
static void add_channels(struct load *l)
{
	struct pf_settings *s = &l->c->settings;
	const struct pf_entries *written = &s->alerting.channels;
	const size_t size = sizeof(struct pf_channel_settings);
	struct pf_channel_settings *channel = pf_arena_alloc(&l->c->arena, (written->n + 2) * size);
	size_t n = written->n;

	if (!channel) {
		pf_complain(l->complaints, &(struct pf_place){ 0 }, "out of memory");
		return;
	}
	memset(channel, 0, (n + 2) * size);
	if (n)
		memcpy(channel, written->entry, n * size);
	if (s->alerting.webhook_url.value) {
		pf_apply_defaults(&pf_channel_table, &channel[n], &l->c->arena, NULL);
		channel[n].origin = *pf_config__origin(l->c, "alerting.webhook_url");
		channel[n].type = PF_WORD_WEBHOOK;
		channel[n++].url = s->alerting.webhook_url;
	}
	if (s->alerting.pagerduty_key.value) {
		pf_apply_defaults(&pf_channel_table, &channel[n], &l->c->arena, NULL);
		channel[n].origin = *pf_config__origin(l->c, "alerting.pagerduty_key");
		channel[n].type = PF_WORD_PAGERDUTY;
		channel[n++].service_key = s->alerting.pagerduty_key;
	}
	s->channels = (struct pf_entries){ channel, n };
	complete_channels(&s->channels);
}

static void check_all(struct load *l)
{
	const struct pf_settings *s = &l->c->settings;

	check_order(l, (double)s->alerting.watch_threshold,
		    (double)s->alerting.confidence_threshold, "alerting.watch_threshold",
		    "alerting.confidence_threshold");
	check_order(l, s->thresholds.fault_rate_warning, s->thresholds.fault_rate_critical,
		    "thresholds.fault_rate_warning", "thresholds.fault_rate_critical");
	check_rule_names(l);
	check_trust(l);
}

struct pf_config *pf_config__load(const struct pf_config_source *source,
				  struct pf_complaints *complaints)
{
	struct load l = { .c = calloc(1, sizeof(*l.c)),
			  .source = source,
			  .complaints = complaints };
	const size_t before = complaints->n;

	if (!l.c) {
		pf_complain(complaints, &(struct pf_place){ 0 }, "out of memory");
		return NULL;
	}
	l.c->file = source->file;
	if (source->file)
		read_file(&l);
	if (complaints->n != before) {
		pf_config__free(l.c);
		return NULL;
	}
	check_tree(&l);
	choose_profile(&l);
	apply_layers(&l);
	if (complaints->n == before) /* else an order may be that of a default */
		check_all(&l);
	add_channels(&l);
	return l.c;
}

void pf_config__free(struct pf_config *c)
{
	if (!c)
		return;
	pf_arena_wipe(&c->arena);
	free(c);
}

const struct pf_settings *pf_config__settings(const struct pf_config *c)
{
	return &c->settings;
}

const struct pf_origin *pf_config__origin(const struct pf_config *c, const char *path)
{
	const struct pf_key *key = pf_schema_find(&pf_settings_table, path);

	return key ? &c->origins[key - pf_settings_table.keys] : NULL;
}

bool pf_config__same(const struct pf_config *a, const struct pf_config *b, const char *path)
{
	const struct pf_key *key = pf_schema_find(&pf_settings_table, path);

	return !key || pf_value_same(key, &a->settings, &b->settings);
}

char *pf_origin_text(char *dst, size_t size, const struct pf_origin *o)
{
	char where[256] = "";

	if (o->place.file)
		snprintf(where, sizeof(where), "%s:%u", o->place.file, o->place.line);
	switch (o->layer) {
	case PF_LAYER_DEFAULT:
		snprintf(dst, size, "default");
		break;
	case PF_LAYER_PROFILE:
		snprintf(dst, size, "profile %s%s%s", o->name, *where ? ", " : "", where);
		break;
	case PF_LAYER_FILE:
		snprintf(dst, size, "%s", where);
		break;
	case PF_LAYER_OPTION:
		snprintf(dst, size, "%s", o->name);
		break;
	}
	return dst;
}
