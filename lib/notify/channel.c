/* SPDX-License-Identifier: BSD-2-Clause */
/* Defaults and soundness of channels; see the header. Sends nothing. */
#include "lib/notify/channel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <syslog.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/url.h"

#define PAGERDUTY_URL	  "https://events.pagerduty.com/v2/enqueue"
#define ALERTMANAGER_PATH "/api/v2/alerts"

static const char *const type_names[PF_CHANNEL_TYPES + 1] = {
	[PF_CHANNEL_SYSLOG] = "syslog",
	[PF_CHANNEL_COMMAND] = "command",
	[PF_CHANNEL_WEBHOOK] = "webhook",
	[PF_CHANNEL_PAGERDUTY] = "pagerduty",
	[PF_CHANNEL_ALERTMANAGER] = "alertmanager",
};

const char *pf_channel_type_name(enum pf_channel_type type)
{
	return type_names[type];
}

const char *const *pf_channel_type_names(void)
{
	return type_names;
}

int pf_channel_type_of(const char *name)
{
	for (int i = 0; i < PF_CHANNEL_TYPES; i++) {
		if (!strcmp(name, type_names[i]))
			return i;
	}
	return -1;
}

void pf_channel_init(struct pf_channel *c, enum pf_channel_type type)
{
	*c = (struct pf_channel){
		.type = type,
		.min_level = PF_LEVEL_INFO,
		.states = 1u << PF_ALERT_FIRING | 1u << PF_ALERT_RESOLVED,
		.http = { .connect_timeout_s = 5,
			  .timeout_s = 10,
			  .attempts = 5,
			  .retry_s = 1,
			  .retry_max_s = 60,
			  .queue = 128 },
		.keep_alive_s = 60,
		.command_timeout_s = 30,
		.at_once = 4,
	};
}

static void free_words(char **words)
{
	for (size_t i = 0; words && words[i]; i++)
		free(words[i]);
	free(words);
}

/* Does not leave secrets in memory that is used again. */
static void free_secret(char *s)
{
	if (s)
		explicit_bzero(s, strlen(s));
	free(s);
}

static void free_http(struct pf_channel_http *h)
{
	free_secret(h->url);
	free_secret(h->secret);
	for (size_t i = 0; i < h->n_headers; i++) {
		free(h->headers[i].name);
		free_secret(h->headers[i].value);
	}
	free(h->headers);
	free(h->ca_file);
	free_secret(h->proxy);
}

void pf_channel_free(struct pf_channel *c)
{
	free(c->name);
	free_http(&c->http);
	for (size_t i = 0; i < PF_LEVELS; i++)
		free(c->severity[i]);
	free_words(c->argv);
	free(c->user);
	free(c->facility);
	free(c->socket);
	memset(c, 0, sizeof(*c));
}

int pf_channel_add_header(struct pf_channel *c, const char *name, const char *value)
{
	struct pf_channel_http *h = &c->http;
	struct pf_http_header *more = realloc(h->headers, (h->n_headers + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	h->headers = more;
	more[h->n_headers] = (struct pf_http_header){ strdup(name), strdup(value) };
	if (more[h->n_headers].name && more[h->n_headers].value) {
		h->n_headers++;
		return 0;
	}
	free(more[h->n_headers].name);
	free(more[h->n_headers].value);
	return -ENOMEM;
}

int pf_syslog_facility(const char *name)
{
	static const struct {
		const char *name;
		int code;
	} known[] = {
		{ "daemon", LOG_DAEMON },     { "user", LOG_USER },	{ "auth", LOG_AUTH },
		{ "authpriv", LOG_AUTHPRIV }, { "cron", LOG_CRON },	{ "local0", LOG_LOCAL0 },
		{ "local1", LOG_LOCAL1 },     { "local2", LOG_LOCAL2 }, { "local3", LOG_LOCAL3 },
		{ "local4", LOG_LOCAL4 },     { "local5", LOG_LOCAL5 }, { "local6", LOG_LOCAL6 },
		{ "local7", LOG_LOCAL7 },
	};

	for (size_t i = 0; i < PF_ARRAY_SIZE(known); i++) {
		if (!strcmp(name, known[i].name))
			return known[i].code;
	}
	return -1;
}

/* ---- checks ---------------------------------------------------------------- */

static int refuse(struct pf_error *err, const struct pf_channel *c, const char *key,
		  const char *accepts)
{
	return pf_fail(err, EINVAL, "channel '%s': %s: %s", c->name, key, accepts);
}

/* Visible ASCII and what is beyond it, no line ends: a value stays within its header. */
static bool is_header_value(const char *s)
{
	for (; *s; s++) {
		if (((unsigned char)*s < ' ' && *s != '\t') || *s == 0x7f)
			return false;
	}
	return true;
}

static bool is_header_name(const char *s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789!#$%&'*+-.^_`|~";

	return *s && !s[strspn(s, letters)];
}

static int check_headers(const struct pf_channel *c, struct pf_error *err)
{
	for (size_t i = 0; i < c->http.n_headers; i++) {
		if (!is_header_name(c->http.headers[i].name))
			return refuse(err, c, "headers",
				      "a name has letters, digits and - only, no colon");
		if (!is_header_value(c->http.headers[i].value))
			return refuse(err, c, "headers", "a value may not have control characters");
	}
	return 0;
}

static int check_numbers(const struct pf_channel *c, struct pf_error *err)
{
	const struct pf_channel_http *h = &c->http;

	if (!(h->connect_timeout_s >= 0.1 && h->connect_timeout_s <= 300))
		return refuse(err, c, "connect_timeout", "give 0.1s to 5m");
	if (!(h->timeout_s >= 0.1 && h->timeout_s <= 300))
		return refuse(err, c, "timeout", "give 0.1s to 5m");
	if (h->attempts < 1 || h->attempts > 100)
		return refuse(err, c, "attempts", "give 1 to 100");
	if (!(h->retry_s >= 0.01 && h->retry_s <= 3600))
		return refuse(err, c, "retry", "give 0.01s to 1h");
	if (!(h->retry_max_s >= h->retry_s && h->retry_max_s <= 3600))
		return refuse(err, c, "retry_max", "give the value of retry to 1h");
	if (h->queue < 1 || h->queue > 10000)
		return refuse(err, c, "queue", "give 1 to 10000");
	return 0;
}

static int check_address(const struct pf_channel *c, const char *key, const char *text,
			 struct pf_error *err)
{
	struct pf_url parts;
	const char *why = pf_url_split(&parts, text);

	return why ? refuse(err, c, key, why) : 0;
}

static int check_http(struct pf_channel *c, struct pf_error *err)
{
	struct pf_channel_http *h = &c->http;
	int ret;

	if (!h->url)
		return refuse(err, c, "url", "is missing");
	if (check_address(c, "url", h->url, err) ||
	    (h->proxy && check_address(c, "proxy", h->proxy, err)))
		return -err->code;
	if (h->secret && !is_header_value(h->secret))
		return refuse(err, c, c->type == PF_CHANNEL_PAGERDUTY ? "service_key" : "token",
			      "may not have control characters");
	if (h->ca_file && h->ca_file[0] != '/')
		return refuse(err, c, "ca_file", "give an absolute path");
	ret = check_headers(c, err);
	return ret ? ret : check_numbers(c, err);
}

static bool is_pagerduty_severity(const char *s)
{
	return !strcmp(s, "critical") || !strcmp(s, "error") || !strcmp(s, "warning") ||
	       !strcmp(s, "info");
}

static int check_pagerduty(struct pf_channel *c, struct pf_error *err)
{
	if (!c->http.url)
		c->http.url = strdup(PAGERDUTY_URL);
	if (!c->http.url)
		return pf_fail(err, ENOMEM, "out of memory");
	if (!c->http.secret || !c->http.secret[0])
		return refuse(err, c, "service_key", "is missing");
	for (size_t i = 0; i < PF_LEVELS; i++) {
		if (c->severity[i] && !is_pagerduty_severity(c->severity[i]))
			return refuse(err, c, "severity_mapping",
				      "PagerDuty knows critical, error, warning and info");
	}
	return check_http(c, err);
}

/* http://host:9093 or http://host/prefix: the path of the API is added. */
static int complete_alertmanager_url(struct pf_channel *c)
{
	const char *path = ALERTMANAGER_PATH;
	char *url = c->http.url, *whole;
	size_t len = strlen(url), tail = strlen(path);

	if (strchr(url, '?') || (len >= tail && !strcmp(url + len - tail, path)))
		return 0;
	while (len && url[len - 1] == '/')
		len--;
	if (asprintf(&whole, "%.*s%s", (int)len, url, path) < 0)
		return -ENOMEM;
	free_secret(url);
	c->http.url = whole;
	return 0;
}

static int check_alertmanager(struct pf_channel *c, struct pf_error *err)
{
	int ret = check_http(c, err);

	if (ret)
		return ret;
	if (!(c->keep_alive_s >= 0.1 && c->keep_alive_s <= 3600))
		return refuse(err, c, "keep_alive", "give 0.1s to 1h");
	if (complete_alertmanager_url(c))
		return pf_fail(err, ENOMEM, "out of memory");
	return 0;
}

static int check_command(const struct pf_channel *c, struct pf_error *err)
{
	if (!c->argv || !c->argv[0])
		return refuse(err, c, "command",
			      "is missing: give a list of program and arguments");
	if (c->argv[0][0] != '/')
		return refuse(err, c, "command", "the program is given as an absolute path");
	if (!(c->command_timeout_s >= 0.1 && c->command_timeout_s <= 3600))
		return refuse(err, c, "timeout", "give 0.1s to 1h");
	if (c->at_once < 1 || c->at_once > 64)
		return refuse(err, c, "at_once", "give 1 to 64");
	return 0;
}

static int check_syslog(const struct pf_channel *c, struct pf_error *err)
{
	if (c->facility && pf_syslog_facility(c->facility) < 0)
		return refuse(err, c, "facility",
			      "is not known: daemon, user, auth, authpriv, cron, local0 to local7");
	if (c->socket && (c->socket[0] != '/' ||
			  strlen(c->socket) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)))
		return refuse(err, c, "socket", "give an absolute path of at most 107 bytes");
	return 0;
}

int pf_channel_check(struct pf_channel *c, struct pf_error *err)
{
	if (!c->name)
		c->name = strdup(pf_channel_type_name(c->type));
	if (!c->name)
		return pf_fail(err, ENOMEM, "out of memory");
	if (!(c->states & ~(1u << PF_ALERT_RESOLVED)))
		return refuse(err, c, "states", "give at least one of watch, pending, firing");
	switch (c->type) {
	case PF_CHANNEL_SYSLOG:
		return check_syslog(c, err);
	case PF_CHANNEL_COMMAND:
		return check_command(c, err);
	case PF_CHANNEL_WEBHOOK:
		return check_http(c, err);
	case PF_CHANNEL_PAGERDUTY:
		return check_pagerduty(c, err);
	case PF_CHANNEL_ALERTMANAGER:
		return check_alertmanager(c, err);
	case PF_CHANNEL_TYPES:
		break;
	}
	return refuse(err, c, "type", "is not known");
}

char *pf_channel_url_shown(char *dst, size_t size, const char *text)
{
	struct pf_url u;

	if (pf_url_split(&u, text))
		snprintf(dst, size, PF_SECRET_SHOWN);
	else
		snprintf(dst, size, "%.*s://%s%.*s%s", (int)strcspn(text, ":"), text,
			 u.user ? PF_SECRET_SHOWN "@" : "", (int)u.host_len, u.host,
			 *u.rest && strcmp(u.rest, "/") ? "/" PF_SECRET_SHOWN : u.rest);
	return dst;
}
