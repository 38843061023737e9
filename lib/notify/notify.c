/* SPDX-License-Identifier: BSD-2-Clause */
/* Which channel hears of what, and handing it on; see the header. Judges nothing. */
#include "lib/notify/notify.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/notify/command.h"
#include "lib/notify/helper.h"
#include "lib/notify/payload.h"
#include "lib/notify/syslog.h"

/* An alert is worth so many keep-alives before Alertmanager takes it for over. */
#define KEEP_ALIVES	4
#define BATCH_MAX	32 /* alerts in one request */
#define NAP_S		0.02
#define TEXT_LINE_BYTES 1024

/* Of one channel: what its type needs, and alerts that wait to be sent together. */
struct outlet {
	struct pf_command *command;
	struct pf_syslog syslog;
	bool complained;
	json_t *batch;		/* alertmanager: an array, or NULL */
	unsigned int n_batches; /* in this moment */
};

struct pf_notify {
	struct pf_notify_config config;
	struct pf_helper *helper; /* NULL = no channel needs it */
	struct outlet *outlets;
	struct pf_notify_stats *stats;
};

static bool is_http(const struct pf_channel *c)
{
	return c->type == PF_CHANNEL_WEBHOOK || c->type == PF_CHANNEL_PAGERDUTY ||
	       c->type == PF_CHANNEL_ALERTMANAGER;
}

/* ---- begin and end --------------------------------------------------------- */

static int open_outlet(struct pf_notify *n, size_t i, struct pf_error *err)
{
	const struct pf_channel *c = &n->config.channels[i];

	n->outlets[i].syslog.fd = -1;
	if (c->type == PF_CHANNEL_SYSLOG)
		pf_syslog_init(&n->outlets[i].syslog, c);
	if (c->type != PF_CHANNEL_COMMAND || n->config.dry_run)
		return 0;
	n->outlets[i].command = pf_command__new(c, &n->stats[i], err);
	return n->outlets[i].command ? 0 : -err->code;
}

static int open_all(struct pf_notify *n, struct pf_error *err)
{
	const struct pf_notify_config *config = &n->config;
	bool http = false;
	int ret = 0;

	for (size_t i = 0; !ret && i < config->n_channels; i++) {
		ret = open_outlet(n, i, err);
		http |= is_http(&config->channels[i]);
	}
	if (ret || !http || config->dry_run)
		return ret;
	n->helper =
		pf_helper__new(config->channels, n->stats, config->n_channels, config->user, err);
	return n->helper ? 0 : -err->code;
}

struct pf_notify *pf_notify__new(const struct pf_notify_config *config, struct pf_error *err)
{
	struct pf_notify *n = calloc(1, sizeof(*n));

	if (n) {
		n->config = *config;
		n->outlets = calloc(config->n_channels + 1, sizeof(*n->outlets));
		n->stats = calloc(config->n_channels + 1, sizeof(*n->stats));
	}
	if (!n || !n->outlets || !n->stats)
		pf_fail(err, ENOMEM, "out of memory");
	else if (!open_all(n, err))
		return n;
	pf_notify__free(n);
	return NULL;
}

void pf_notify__free(struct pf_notify *n)
{
	if (!n)
		return;
	for (size_t i = 0; n->outlets && i < n->config.n_channels; i++) {
		pf_command__free(n->outlets[i].command);
		if (n->config.channels[i].type == PF_CHANNEL_SYSLOG)
			pf_syslog_close(&n->outlets[i].syslog);
		json_decref(n->outlets[i].batch);
	}
	pf_helper__free(n->helper);
	free(n->outlets);
	free(n->stats);
	free(n);
}

/* ---- handing on ------------------------------------------------------------ */

static int priority_of(const json_t *alert)
{
	static const int by_level[PF_LEVELS] = { LOG_INFO, LOG_WARNING, LOG_CRIT };

	return pf_payload_state(alert) == PF_ALERT_FIRING ? by_level[pf_payload_level(alert)]
							  : LOG_NOTICE;
}

static void tell_syslog(struct pf_notify *n, size_t i, const json_t *alert)
{
	struct outlet *o = &n->outlets[i];
	char line[TEXT_LINE_BYTES];
	int ret = pf_syslog_send(&o->syslog, priority_of(alert),
				 pf_payload_line(line, sizeof(line), alert));

	n->stats[i].handed++;
	if (!ret) {
		n->stats[i].delivered++;
		o->complained = false;
		return;
	}
	n->stats[i].failed++;
	if (!o->complained)
		pf_warn("channel '%s': %s: %s", n->config.channels[i].name, o->syslog.path,
			ret == -EAGAIN ? "the logger does not keep up" : strerror(-ret));
	o->complained = true;
}

/* Takes the body. key and expires_s as of pf_helper__post. */
static void post(struct pf_notify *n, size_t i, const char *key, json_t *body, double expires_s)
{
	char *text = body ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;

	json_decref(body);
	if (text) {
		pf_helper__post(n->helper, i, key, text, expires_s);
		explicit_bzero(text, strlen(text));
	} else {
		n->stats[i].handed++;
		n->stats[i].dropped++;
	}
	free(text);
}

static double keep_alive_ahead_s(const struct pf_notify *n, size_t i)
{
	return KEEP_ALIVES * fmax(n->config.channels[i].keep_alive_s, n->config.interval_s);
}

/* Appends what it is by now; before that, if it was told at another level, that this one is over. */
static void add_alertmanager(const struct pf_notify *n, size_t i, const struct pf_notice *notice,
			     json_t *list)
{
	const enum pf_alert_level level = pf_payload_level(notice->alert);
	const bool over = pf_payload_state(notice->alert) == PF_ALERT_RESOLVED;
	const int before = notice->level_before;
	double now_ts = pf_realtime_s(); /* not the record's: that may be of a replay */

	if (before >= (int)n->config.channels[i].min_level && before != (int)level)
		json_array_append_new(
			list, pf_payload_alertmanager(notice, (enum pf_alert_level)before, now_ts));
	json_array_append_new(
		list, pf_payload_alertmanager(notice, level,
					      over ? now_ts : now_ts + keep_alive_ahead_s(n, i)));
}

static void send_batch(struct pf_notify *n, size_t i)
{
	struct outlet *o = &n->outlets[i];
	json_t *batch = o->batch;
	char key[32];

	o->batch = NULL;
	if (!batch)
		return;
	/* What is still waiting from a minute ago says nothing that this one does not. */
	snprintf(key, sizeof(key), "keep-alive %u", o->n_batches++);
	post(n, i, key, batch, keep_alive_ahead_s(n, i));
}

static void tell_alertmanager(struct pf_notify *n, size_t i, const struct pf_notice *notice)
{
	struct outlet *o = &n->outlets[i];
	char key[PF_ALERT_KEY_MAX + 1];
	json_t *list;

	if (!notice->again) {
		list = json_array();
		add_alertmanager(n, i, notice, list);
		post(n, i, pf_payload_key(key, notice->alert), list, keep_alive_ahead_s(n, i));
		return;
	}
	if (!o->batch)
		o->batch = json_array();
	add_alertmanager(n, i, notice, o->batch);
	if (json_array_size(o->batch) >= BATCH_MAX)
		send_batch(n, i);
}

static void tell_channel(struct pf_notify *n, size_t i, const struct pf_notice *notice)
{
	const struct pf_channel *c = &n->config.channels[i];

	switch (c->type) {
	case PF_CHANNEL_SYSLOG:
		tell_syslog(n, i, notice->alert);
		break;
	case PF_CHANNEL_COMMAND:
		n->stats[i].handed++;
		pf_command__tell(n->outlets[i].command, notice->alert);
		break;
	case PF_CHANNEL_WEBHOOK:
		post(n, i, NULL, pf_payload_webhook(notice->alert), 0);
		break;
	case PF_CHANNEL_PAGERDUTY:
		post(n, i, NULL, pf_payload_pagerduty(notice->alert, c), 0);
		break;
	case PF_CHANNEL_ALERTMANAGER:
		tell_alertmanager(n, i, notice);
		break;
	case PF_CHANNEL_TYPES:
		break;
	}
}

/* ---- what would be sent ---------------------------------------------------- */

static json_t *dry_alertmanager(const struct pf_notify *n, size_t i, const struct pf_notice *notice)
{
	json_t *list = json_array();

	add_alertmanager(n, i, notice, list);
	return list;
}

static json_t *dry_body(struct pf_notify *n, size_t i, const struct pf_notice *notice)
{
	const struct pf_channel *c = &n->config.channels[i];
	char line[TEXT_LINE_BYTES];
	json_t *body;

	switch (c->type) {
	case PF_CHANNEL_WEBHOOK:
		return pf_payload_webhook(notice->alert);
	case PF_CHANNEL_PAGERDUTY:
		body = pf_payload_pagerduty(notice->alert, c);
		json_object_set_new(body, "routing_key", json_string(PF_SECRET_SHOWN));
		return body;
	case PF_CHANNEL_ALERTMANAGER:
		return dry_alertmanager(n, i, notice);
	case PF_CHANNEL_COMMAND:
		return json_incref((json_t *)notice->alert);
	default:
		return json_string(pf_payload_line(line, sizeof(line), notice->alert));
	}
}

static void print_channel(struct pf_notify *n, size_t i, const struct pf_notice *notice)
{
	const struct pf_channel *c = &n->config.channels[i];
	json_t *body = dry_body(n, i, notice);
	char shown[512];
	const char *to = c->type == PF_CHANNEL_COMMAND ? c->argv[0] : n->outlets[i].syslog.path;

	if (is_http(c))
		to = pf_channel_url_shown(shown, sizeof(shown), c->http.url);
	n->stats[i].handed++;
	n->config.dry_run(n->config.ctx, c, to, body);
	json_decref(body);
}

/* ---- for the caller -------------------------------------------------------- */

static bool wants(const struct pf_channel *c, const struct pf_notice *notice)
{
	enum pf_alert_state state = pf_payload_state(notice->alert);

	if (pf_payload_level(notice->alert) < c->min_level || !(c->states & 1u << state))
		return false;
	if (notice->again)
		return c->type == PF_CHANNEL_ALERTMANAGER;
	return state != PF_ALERT_RESOLVED || c->states & notice->told & ~(1u << state);
}

void pf_notify__tell(struct pf_notify *n, const struct pf_notice *notice)
{
	for (size_t i = 0; i < n->config.n_channels; i++) {
		if (!wants(&n->config.channels[i], notice))
			continue;
		if (n->config.dry_run)
			print_channel(n, i, notice);
		else
			tell_channel(n, i, notice);
	}
}

unsigned int pf_notify__states(const struct pf_notify *n)
{
	unsigned int states = 0;

	for (size_t i = 0; i < n->config.n_channels; i++)
		states |= n->config.channels[i].states;
	return states;
}

double pf_notify__keep_alive_s(const struct pf_notify *n)
{
	double least_s = INFINITY;

	for (size_t i = 0; i < n->config.n_channels; i++) {
		if (n->config.channels[i].type == PF_CHANNEL_ALERTMANAGER)
			least_s = fmin(least_s, n->config.channels[i].keep_alive_s);
	}
	return isfinite(least_s) ? least_s : 0;
}

static void look_after_commands(struct pf_notify *n)
{
	for (size_t i = 0; i < n->config.n_channels; i++) {
		if (n->outlets[i].command)
			pf_command__moment(n->outlets[i].command);
	}
}

void pf_notify__moment(struct pf_notify *n)
{
	for (size_t i = 0; i < n->config.n_channels; i++) {
		send_batch(n, i);
		n->outlets[i].n_batches = 0;
	}
	look_after_commands(n);
	if (n->helper)
		pf_helper__moment(n->helper);
}

static bool commands_wait(const struct pf_notify *n)
{
	for (size_t i = 0; i < n->config.n_channels; i++) {
		const struct pf_notify_stats *s = &n->stats[i];

		if (n->outlets[i].command && s->handed > s->delivered + s->failed + s->dropped)
			return true;
	}
	return false;
}

void pf_notify__finish(struct pf_notify *n)
{
	const struct timespec nap = { .tv_nsec = (long)(1e9 * NAP_S) };
	uint64_t end_ns = pf_boottime_ns() + (uint64_t)(1e9 * n->config.drain_s);

	pf_notify__moment(n);
	if (n->helper)
		pf_helper__finish(n->helper, n->config.drain_s);
	for (look_after_commands(n); commands_wait(n) && pf_boottime_ns() < end_ns;
	     look_after_commands(n))
		nanosleep(&nap, NULL);
}

void pf_notify__stats(const struct pf_notify *n, size_t i, struct pf_notify_stats *stats)
{
	*stats = n->stats[i];
	stats->waiting = stats->handed - stats->delivered - stats->failed - stats->dropped;
}

uint64_t pf_notify__restarts(const struct pf_notify *n)
{
	return n->helper ? pf_helper__restarts(n->helper) : 0;
}
