/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A channel: where alerts are told besides standard output, and on what terms.
 * Configuration only; it sends nothing.
 *
 * Make one with pf_channel_init, fill in what was configured, have it checked,
 * hand the list to pf_notify__new. Strings are the channel's own and freed with
 * it. Secrets are in `secret`, in header values and often in URLs: print a
 * channel through pf_channel_url_shown and PF_SECRET_SHOWN only.
 */
#ifndef PF_LIB_NOTIFY_CHANNEL_H
#define PF_LIB_NOTIFY_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/record/alert.h"

#define PF_SECRET_SHOWN "***"

enum pf_channel_type {
	PF_CHANNEL_SYSLOG,
	PF_CHANNEL_COMMAND,
	PF_CHANNEL_WEBHOOK,
	PF_CHANNEL_PAGERDUTY,
	PF_CHANNEL_ALERTMANAGER,
	PF_CHANNEL_TYPES,
};

/* Sent as "name: value". */
struct pf_http_header {
	char *name;
	char *value; /* may be a secret */
};

/* What webhook, pagerduty and alertmanager share. */
struct pf_channel_http {
	char *url;    /* http:// or https://; of alertmanager it may be a base */
	char *secret; /* pagerduty: the service's routing key; others: a bearer token; or NULL */
	struct pf_http_header *headers; /* besides Content-Type; or NULL */
	size_t n_headers;
	char *ca_file; /* PEM, instead of the system's; read by pf-notify's user; or NULL */
	char *proxy;   /* http:// or https:// URL; NULL = none, the environment is not asked */
	double connect_timeout_s; /* 5 */
	double timeout_s;	  /* one attempt, 10 */
	unsigned int attempts;	  /* at most so many, 5 */
	double retry_s;		  /* before the second; doubled each time, with jitter, 1 */
	double retry_max_s;	  /* longest wait, a server's Retry-After included, 60 */
	unsigned int queue;	  /* so many wait at most, the oldest makes room, 128 */
};

struct pf_channel {
	enum pf_channel_type type;
	char *name; /* for messages; made from the type when NULL */

	/* which alerts */
	enum pf_alert_level min_level; /* info */
	unsigned int states; /* bits 1u << enum pf_alert_state; firing and resolved. "resolved"
			      * is only told of alerts that were told */

	struct pf_channel_http http;

	/* pagerduty: its severity for each of our levels; NULL = the same word */
	char *severity[PF_LEVELS];

	/* alertmanager: firing alerts are sent again after so long, 60 */
	double keep_alive_s;

	/* command */
	char **argv;		  /* NULL-terminated; argv[0] an absolute path; no shell */
	char *user;		  /* run as; NULL = as pfleak */
	double command_timeout_s; /* then its process group is killed, 30 */
	unsigned int at_once;	  /* more are not started, and counted, 4 */

	/* syslog */
	char *facility; /* "daemon" when NULL; as in syslog.conf: "user", "local0" */
	char *socket;	/* "/dev/log" when NULL */
};

/* "syslog", "command", "webhook", "pagerduty", "alertmanager" */
const char *pf_channel_type_name(enum pf_channel_type type);
/* The type of that name, -1 for none. */
int pf_channel_type_of(const char *name);
/* NULL-terminated list of the names, for "did you mean". */
const char *const *pf_channel_type_names(void);

/* Defaults of the type. */
void pf_channel_init(struct pf_channel *c, enum pf_channel_type type);
void pf_channel_free(struct pf_channel *c); /* what it points to; leaves it zeroed */

/* 0 or -ENOMEM. */
int pf_channel_add_header(struct pf_channel *c, const char *name, const char *value);

/* Who hears of what is wrong with a channel. */
struct pf_channel_faults {
	/* key as the configuration spells it; part: of a map, the name in it, else NULL; why: in
	 * words, of which none is a secret */
	void (*tell)(void *ctx, const char *key, const char *part, const char *why);
	void *ctx;
	unsigned int n; /* told; begin with 0 */
};

/*
 * Whole and sound: has what its type needs, URLs are http or https, nothing
 * can break a header line or a request, numbers are in range. Fills in the
 * name. Tells all that is wrong: 0, or -EINVAL (-ENOMEM) if anything was.
 */
int pf_channel_check(struct pf_channel *c, struct pf_channel_faults *faults);

/* The code of a facility as in syslog.conf, -1 for none. */
int pf_syslog_facility(const char *name);

/*
 * A URL fit to be printed: scheme, host and port; user, path and query, where
 * tokens hide, as PF_SECRET_SHOWN. Returns dst.
 */
char *pf_channel_url_shown(char *dst, size_t size, const char *url);

#endif
