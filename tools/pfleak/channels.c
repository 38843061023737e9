/* SPDX-License-Identifier: BSD-2-Clause */
/* From settings to channels. What is not set keeps the channel's own default. */
#include "tools/pfleak/channels.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/config/apply.h"
#include "lib/notify/here.h"

_Static_assert(PF_WORD_SYSLOG == (int)PF_CHANNEL_SYSLOG &&
		       PF_WORD_COMMAND == (int)PF_CHANNEL_COMMAND &&
		       PF_WORD_WEBHOOK == (int)PF_CHANNEL_WEBHOOK &&
		       PF_WORD_PAGERDUTY == (int)PF_CHANNEL_PAGERDUTY &&
		       PF_WORD_ALERTMANAGER == (int)PF_CHANNEL_ALERTMANAGER,
	       "one order in settings and channels");

/* A copy of what is set; false without memory. */
static bool set_string(char **to, const char *value)
{
	if (!value)
		return true;
	*to = strdup(value);
	return *to;
}

static void set_seconds(double *to, double value)
{
	if (value > 0)
		*to = value;
}

static void set_number(unsigned int *to, int64_t value)
{
	if (value > 0)
		*to = (unsigned int)value;
}

static bool set_headers(struct pf_channel *c, const struct pf_pairs *headers)
{
	for (size_t i = 0; i < headers->n; i++) {
		if (pf_channel_add_header(c, headers->pair[i].name, headers->pair[i].value.value))
			return false;
	}
	return true;
}

static bool set_http(struct pf_channel *c, const struct pf_channel_settings *s)
{
	struct pf_channel_http *h = &c->http;
	bool key = c->type == PF_CHANNEL_PAGERDUTY;

	set_seconds(&h->connect_timeout_s, s->connect_timeout_s);
	set_seconds(&h->timeout_s, s->timeout_s);
	set_seconds(&h->retry_s, s->retry_s);
	set_seconds(&h->retry_max_s, s->retry_max_s);
	set_number(&h->attempts, s->attempts);
	set_number(&h->queue, s->queue);
	return set_string(&h->url, s->url.value) && set_string(&h->proxy, s->proxy.value) &&
	       set_string(&h->ca_file, s->ca_file) &&
	       set_string(&h->secret, key ? s->service_key.value : s->token.value) &&
	       set_headers(c, &s->headers);
}

static bool set_command(struct pf_channel *c, const struct pf_channel_settings *s)
{
	set_seconds(&c->command_timeout_s, s->timeout_s);
	set_number(&c->at_once, s->at_once);
	c->argv = calloc(s->command.n + 1, sizeof(*c->argv));
	for (size_t i = 0; c->argv && i < s->command.n; i++) {
		if (!set_string(&c->argv[i], s->command.word[i]))
			return false;
	}
	return c->argv && set_string(&c->user, s->user);
}

static bool set_severities(struct pf_channel *c, const struct pf_channel_settings *s)
{
	for (size_t i = 0; i < PF_LEVELS; i++) {
		if (!set_string(&c->severity[i], pf_pagerduty_words[s->severity[i]]))
			return false;
	}
	return true;
}

/* "webhook", and "webhook-2" for the second that has no name of its own. */
static bool set_name(struct pf_channel *c, const struct pf_channel_settings *s,
		     const struct pfleak_channels *before)
{
	int number = 1;

	if (s->name)
		return set_string(&c->name, s->name);
	for (size_t i = 0; i < before->n; i++)
		number += before->list[i].type == c->type;
	if (number == 1)
		return set_string(&c->name, pf_channel_type_name(c->type));
	return asprintf(&c->name, "%s-%d", pf_channel_type_name(c->type), number) > 0;
}

static bool set_all(struct pf_channel *c, const struct pf_channel_settings *s,
		    const struct pfleak_channels *before)
{
	bool whole;

	pf_channel_init(c, (enum pf_channel_type)s->type);
	c->min_level = (enum pf_alert_level)s->min_level;
	if (s->states)
		c->states = s->states;
	set_seconds(&c->keep_alive_s, s->keep_alive_s);
	whole = set_name(c, s, before) && set_string(&c->facility, s->facility) &&
		set_string(&c->socket, s->socket);
	if (c->type == PF_CHANNEL_COMMAND)
		return whole && set_command(c, s);
	if (c->type == PF_CHANNEL_PAGERDUTY)
		whole = whole && set_severities(c, s);
	return whole && (c->type == PF_CHANNEL_SYSLOG || set_http(c, s));
}

/* ---- all of them -------------------------------------------------------------- */

/* What is made so far is freed with the rest by the caller. */
static int make_all(struct pfleak_channels *channels, const struct pf_settings *settings)
{
	const struct pf_channel_settings *s = settings->channels.entry;

	memset(channels, 0, sizeof(*channels));
	if (!settings->channels.n)
		return 0;
	channels->list = calloc(settings->channels.n, sizeof(*channels->list));
	for (size_t i = 0; channels->list && i < settings->channels.n; i++) {
		const bool whole = set_all(&channels->list[i], &s[i], channels);

		channels->n++;
		if (!whole)
			return -ENOMEM;
	}
	return channels->list ? 0 : -ENOMEM;
}

struct first_fault {
	const struct pf_channel *channel;
	struct pf_error *err;
};

static void take_first(void *ctx, const char *key, const char *part, const char *why)
{
	struct first_fault *first = ctx;

	(void)part;
	pf_fail(first->err, EINVAL, "channel '%s': %s: %s", first->channel->name, key, why);
}

int pfleak_channels_make(struct pfleak_channels *channels, const struct pf_settings *settings,
			 struct pf_error *err)
{
	struct first_fault first = { .err = err };
	struct pf_channel_faults faults = { .tell = take_first, .ctx = &first };
	int ret = make_all(channels, settings);

	for (size_t i = 0; !ret && i < channels->n; i++) {
		first.channel = &channels->list[i];
		ret = pf_channel_check(&channels->list[i], &faults);
	}
	if (ret == -ENOMEM)
		pf_fail(err, ENOMEM, "out of memory");
	if (ret)
		pfleak_channels_free(channels);
	return ret;
}

/* ---- what is wrong with them ---------------------------------------------------- */

struct complainer {
	const struct pf_channel *channel;
	const struct pf_origin *origin;
	struct pf_complaints *complaints;
};

/* Of the key, or of the part of it; else where the channel begins. */
static struct pf_place place_of(const struct pf_origin *origin, const char *name, const char *part)
{
	const struct pf_key *key = pf_schema_find(&pf_channel_table, name);
	const struct pf_yaml_item *item = key ? pf_apply_written(key, origin->node) : NULL;
	const struct pf_yaml_node *map = item ? item->node : NULL;

	for (size_t i = 0; part && map && map->kind == PF_YAML_MAP && i < map->n; i++) {
		if (!strcmp(map->items[i].key, part))
			return map->items[i].place;
	}
	return map ? map->place : origin->place;
}

static void complain(void *ctx, const char *key, const char *part, const char *why)
{
	const struct complainer *c = ctx;
	const struct pf_place place = place_of(c->origin, key, part);

	pf_complain(c->complaints, &place, "channel '%s': %s%s%s: %s", c->channel->name, key,
		    part ? "." : "", part ? part : "", why);
}

void pfleak_channels_check(const struct pf_settings *settings, bool here,
			   struct pf_complaints *complaints)
{
	const struct pf_channel_settings *s = settings->channels.entry;
	struct complainer c = { .complaints = complaints };
	struct pf_channel_faults faults = { .tell = complain, .ctx = &c };
	struct pfleak_channels channels;
	int ret = make_all(&channels, settings);

	for (size_t i = 0; ret != -ENOMEM && i < channels.n; i++) {
		c.channel = &channels.list[i];
		c.origin = &s[i].origin;
		ret = pf_channel_check(&channels.list[i], &faults);
		if (!ret && here)
			pf_channel_check_here(&channels.list[i], &faults);
	}
	if (ret == -ENOMEM)
		pf_complain(complaints, &(struct pf_place){ 0 }, "out of memory");
	pfleak_channels_free(&channels);
}

void pfleak_channels_free(struct pfleak_channels *channels)
{
	for (size_t i = 0; i < channels->n; i++)
		pf_channel_free(&channels->list[i]);
	free(channels->list);
	memset(channels, 0, sizeof(*channels));
}
