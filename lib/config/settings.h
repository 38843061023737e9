/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pfleak's configuration as the program reads it: one member per key of the
 * schema (schema.c), in the units of the names here. Strings belong to the
 * pf_config they came with.
 */
#ifndef PF_LIB_CONFIG_SETTINGS_H
#define PF_LIB_CONFIG_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/config/complaint.h"

struct pf_yaml_node;

/* Who said so, from the weakest to the strongest. */
enum pf_layer {
	PF_LAYER_DEFAULT,
	PF_LAYER_PROFILE,
	PF_LAYER_FILE,
	PF_LAYER_OPTION,
};

struct pf_origin {
	enum pf_layer layer;
	const char *name;		 /* of the profile, or the option; else NULL */
	struct pf_place place;		 /* file NULL: not from a file */
	const struct pf_yaml_node *node; /* of an entry of a list: what it was made of; else NULL */
};

/* A value that is never shown. */
struct pf_secret {
	const char *value; /* NULL = not set */
	const char *shown; /* what may be shown instead: "${NAME}", "***" */
	const char *path;  /* the file it was read from; NULL = it is in the configuration */
};

/* A program's arguments. */
struct pf_words {
	const char **word; /* n of them and a NULL */
	size_t n;
};

/* Names and secret values: headers. */
struct pf_pair {
	const char *name;
	struct pf_secret value;
};

struct pf_pairs {
	struct pf_pair *pair;
	size_t n;
};

/* A piece of the rules' language, and where it is written. */
struct pf_code {
	const char *text;
	const struct pf_yaml_node *node; /* for pf_yaml_place_in */
};

/* Entries of a list. Each begins with its struct pf_origin. */
struct pf_entries {
	void *entry;
	size_t n;
};

struct pf_rule_settings {
	struct pf_origin origin;
	const char *name;
	struct pf_code condition;
	int level; /* enum pf_alert_level */
	double duration_s;
	const char *message; /* NULL = none */
};

/* In the order of the words of `type`. */
enum pf_channel_word {
	PF_WORD_SYSLOG,
	PF_WORD_COMMAND,
	PF_WORD_WEBHOOK,
	PF_WORD_PAGERDUTY,
	PF_WORD_ALERTMANAGER,
};

/* 0 or NULL: not set. What each means is in lib/notify/channel.h. */
struct pf_channel_settings {
	struct pf_origin origin;
	int type; /* enum pf_channel_word */
	const char *name;
	int min_level;	     /* enum pf_alert_level */
	unsigned int states; /* bits 1u << enum pf_alert_state */

	struct pf_secret url;
	int method;		      /* webhook: POST, nothing else */
	struct pf_secret service_key; /* pagerduty */
	struct pf_secret token;	      /* webhook, alertmanager */
	struct pf_pairs headers;
	const char *ca_file;
	struct pf_secret proxy;
	double connect_timeout_s;
	double timeout_s; /* of an attempt, or the command */
	int64_t attempts;
	double retry_s;
	double retry_max_s;
	int64_t queue;
	int severity[3]; /* pagerduty: its word for each enum pf_alert_level; an index into
			  * pf_pagerduty_words */
	double keep_alive_s;

	struct pf_words command;
	const char *user;
	int64_t at_once;

	const char *facility;
	const char *socket;
};

/* "syslog", "command", ... in the order of the enum; NULL-terminated. */
extern const char *const pf_channel_words[];
/* "trend", "classic", ... as pf_model_names has them; NULL-terminated. */
extern const char *const pf_settings_models[];
/* "info", "warning", "error", "critical" */
extern const char *const pf_pagerduty_words[];

enum pf_log_word { PF_WORD_ERROR, PF_WORD_WARNING, PF_WORD_INFO, PF_WORD_DEBUG };

struct pf_settings {
	const char *profile;
	int log_level; /* enum pf_log_word */
	double grace_s;
	int model; /* an index into pf_settings_models */

	struct {
		double fault_rate_warning; /* faults per second */
		double fault_rate_critical;
		double rss_growth_percent;
		double monitoring_window_s;
		int64_t min_process_bytes;
	} thresholds;

	struct {
		bool enabled;
		int64_t rate; /* one fault event in so many is counted */
	} sampling;

	struct {
		bool enabled;
		int64_t max_depth;
		const char *directory; /* NULL = none are taken */
	} stack_traces;

	struct {
		int64_t confidence_threshold;
		int64_t watch_threshold;
		double rate_limit_s;
		double escalation_delay_s;
		struct pf_secret webhook_url;
		struct pf_secret pagerduty_key;
		struct pf_entries rules;    /* struct pf_rule_settings */
		struct pf_entries channels; /* struct pf_channel_settings */
	} alerting;

	struct {
		int64_t max_processes;
		int64_t ring_buffer_bytes;
		double cleanup_interval_s;
	} performance;

	/* alerting.channels, and what alerting.webhook_url and .pagerduty_key stand for */
	struct pf_entries channels; /* struct pf_channel_settings */
};

#endif
