/* SPDX-License-Identifier: BSD-2-Clause */
/* Defaults and soundness of channels; see the header. Sends nothing. */
#include "lib/notify/channel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <syslog.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/url.h"

#define ALERTMANAGER_PATH "/api/v2/alerts"
#define HEADERS_MAX	  60 /* pf-notify takes a few more, ours among them */

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

static void refuse(struct pf_channel_faults *f, const char *key, const char *part, const char *why)
{
	f->n++;
	f->tell(f->ctx, key, part, why);
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

/* Those are the protocol's, or have a key of their own. */
static const char *reserved(const char *name, const struct pf_channel *c)
{
	static const char *const ours[] = {
		"Connection", "Content-Length",	   "Content-Type",     "Expect",
		"Host",	      "Keep-Alive",	   "Proxy-Connection", "TE",
		"Trailer",    "Transfer-Encoding", "Upgrade"
	};

	for (size_t i = 0; i < PF_ARRAY_SIZE(ours); i++) {
		if (!strcasecmp(name, ours[i]))
			return "this header is pf-notify's own: it says how the request is sent";
	}
	if (!strcasecmp(name, "Authorization") && c->http.secret)
		return "there is a token already: give one of the two";
	return NULL;
}

static const char *why_no_header(const struct pf_http_header *h, const struct pf_channel *c)
{
	if (!is_header_name(h->name))
		return "a name has letters, digits and - only, no colon";
	if (!is_header_value(h->value))
		return "a value may not have control characters";
	return reserved(h->name, c);
}

static void check_headers(const struct pf_channel *c, struct pf_channel_faults *f)
{
	for (size_t i = 0; i < c->http.n_headers; i++) {
		const char *why = why_no_header(&c->http.headers[i], c);

		if (why)
			refuse(f, "headers", c->http.headers[i].name, why);
	}
	if (c->http.n_headers > HEADERS_MAX)
		refuse(f, "headers", NULL, "at most 60 are accepted");
}

/* All whose key, range and words are of one kind. */
static void check_range(struct pf_channel_faults *f, const char *key, double value, double least,
			double most, const char *accepts)
{
	if (!(value >= least && value <= most))
		refuse(f, key, NULL, accepts);
}

static void check_numbers(const struct pf_channel_http *h, struct pf_channel_faults *f)
{
	check_range(f, "connect_timeout", h->connect_timeout_s, 0.1, 300, "give 0.1s to 5m");
	check_range(f, "timeout", h->timeout_s, 0.1, 300, "give 0.1s to 5m");
	check_range(f, "attempts", h->attempts, 1, 100, "give 1 to 100");
	check_range(f, "retry", h->retry_s, 0.01, 3600, "give 0.01s to 1h");
	check_range(f, "retry_max", h->retry_max_s, h->retry_s, 3600,
		    "give the value of retry to 1h");
	check_range(f, "queue", h->queue, 1, 10000, "give 1 to 10000");
}

static void check_address(struct pf_channel_faults *f, const char *key, const char *text)
{
	struct pf_url parts;
	const char *why = pf_url_split(&parts, text);

	if (why)
		refuse(f, key, NULL, why);
}

static void check_http(const struct pf_channel *c, struct pf_channel_faults *f)
{
	const struct pf_channel_http *h = &c->http;

	if (h->url)
		check_address(f, "url", h->url);
	else
		refuse(f, "url", NULL, "is missing");
	if (h->proxy)
		check_address(f, "proxy", h->proxy);
	if (h->secret && !is_header_value(h->secret))
		refuse(f, c->type == PF_CHANNEL_PAGERDUTY ? "service_key" : "token", NULL,
		       "may not have control characters");
	if (h->ca_file && h->ca_file[0] != '/')
		refuse(f, "ca_file", NULL, "give an absolute path");
	check_headers(c, f);
	check_numbers(h, f);
}

static bool is_pagerduty_severity(const char *s)
{
	return !strcmp(s, "critical") || !strcmp(s, "error") || !strcmp(s, "warning") ||
	       !strcmp(s, "info");
}

static void check_pagerduty(const struct pf_channel *c, struct pf_channel_faults *f)
{
	if (!c->http.secret || !c->http.secret[0])
		refuse(f, "service_key", NULL, "is missing");
	for (size_t i = 0; i < PF_LEVELS; i++) {
		if (c->severity[i] && !is_pagerduty_severity(c->severity[i]))
			refuse(f, "severity_mapping", pf_alert_level_name((enum pf_alert_level)i),
			       "PagerDuty knows critical, error, warning and info");
	}
	check_http(c, f);
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

static void check_command(const struct pf_channel *c, struct pf_channel_faults *f)
{
	if (!c->argv || !c->argv[0])
		refuse(f, "command", NULL, "is missing: give a list of program and arguments");
	else if (c->argv[0][0] != '/')
		refuse(f, "command", NULL, "the program is given as an absolute path");
	check_range(f, "timeout", c->command_timeout_s, 0.1, 3600, "give 0.1s to 1h");
	check_range(f, "at_once", c->at_once, 1, 64, "give 1 to 64");
}

static void check_syslog(const struct pf_channel *c, struct pf_channel_faults *f)
{
	if (c->facility && pf_syslog_facility(c->facility) < 0)
		refuse(f, "facility", NULL,
		       "is not known: daemon, user, auth, authpriv, cron, local0 to local7");
	if (c->socket && (c->socket[0] != '/' ||
			  strlen(c->socket) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)))
		refuse(f, "socket", NULL, "give an absolute path of at most 107 bytes");
}

static void check_type(const struct pf_channel *c, struct pf_channel_faults *f)
{
	switch (c->type) {
	case PF_CHANNEL_SYSLOG:
		check_syslog(c, f);
		return;
	case PF_CHANNEL_COMMAND:
		check_command(c, f);
		return;
	case PF_CHANNEL_WEBHOOK:
		check_http(c, f);
		return;
	case PF_CHANNEL_PAGERDUTY:
		check_pagerduty(c, f);
		return;
	case PF_CHANNEL_ALERTMANAGER:
		check_http(c, f);
		check_range(f, "keep_alive", c->keep_alive_s, 0.1, 3600, "give 0.1s to 1h");
		return;
	case PF_CHANNEL_TYPES:
		break;
	}
	refuse(f, "type", NULL, "is not known");
}

int pf_channel_check(struct pf_channel *c, struct pf_channel_faults *f)
{
	const unsigned int before = f->n;

	if (!c->name)
		c->name = strdup(pf_channel_type_name(c->type));
	if (!c->name)
		return -ENOMEM;
	if (!(c->states & ~(1u << PF_ALERT_RESOLVED)))
		refuse(f, "states", NULL, "give at least one of watch, pending, firing");
	check_type(c, f);
	if (f->n != before)
		return -EINVAL;
	return c->type == PF_CHANNEL_ALERTMANAGER ? complete_alertmanager_url(c) : 0;
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
