/* SPDX-License-Identifier: BSD-2-Clause */
/* Every key there is. Reads nothing and stores nothing. */
#include "lib/config/schema.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/parse.h"
#include "lib/config/settings.h"
#include "lib/record/alert.h"

#define MB  (1024.0 * 1024.0)
#define DAY 86400.0

static const char *const log_words[] = { "error", "warning", "info", "debug", NULL };
static const char *const level_words[] = { "info", "warning", "critical", NULL };
static const char *const method_words[] = { "POST", NULL };
/* In the order of enum pf_alert_state, but that nobody is told of "none". */
static const char *const state_words[] = { "", "watch", "pending", "firing", "resolved", NULL };
const char *const pf_settings_models[] = { "trend",   "classic", "classifier", "signals",
					   "anomaly", "levels",	 NULL };
const char *const pf_pagerduty_words[] = { "info", "warning", "error", "critical", NULL };
const char *const pf_channel_words[] = { "syslog",    "command",      "webhook",
					 "pagerduty", "alertmanager", NULL };

/* clang-format off: tables read better as such */

#define ONLY(type) (1u << PF_WORD_##type)
#define HTTP	   (ONLY(WEBHOOK) | ONLY(PAGERDUTY) | ONLY(ALERTMANAGER))

#define AT(member) .offset = offsetof(struct pf_rule_settings, member)
static const struct pf_key rule_keys[] = {
	{ "name", PF_KEY_TEXT, AT(name), .needs = ~0u,
	  .help = "Name of the rule: in the alert, and what tells its alerts from others'." },
	{ "condition", PF_KEY_CODE, AT(condition), .needs = ~0u,
	  .help = "What must hold; see RULES." },
	{ "severity", PF_KEY_WORD, AT(level), .words = level_words, .fallback = "warning",
	  .alias = "level", .help = "Level of its alerts." },
	{ "duration", PF_KEY_SECONDS, AT(duration_s), 0, 7 * DAY, 1, .fallback = "0",
	  .alias = "for", .help = "How long it must hold before it fires; pending until then." },
	{ "message", PF_KEY_TEXT, AT(message),
	  .help = "Words for the alert, in front of the figures." },
};
#undef AT

#define AT(member) .offset = offsetof(struct pf_channel_settings, member)
static const struct pf_key channel_keys[] = {
	{ "type", PF_KEY_WORD, AT(type), .words = pf_channel_words, .needs = ~0u,
	  .help = "What kind of place it is." },
	{ "name", PF_KEY_TEXT, AT(name), .help = "What messages call it." },
	{ "min_level", PF_KEY_WORD, AT(min_level), .words = level_words, .fallback = "info",
	  .help = "Alerts below this level are not sent." },
	{ "states", PF_KEY_SET, AT(states), .words = state_words,
	  .help = "Which states of an alert are sent." },

	{ "url", PF_KEY_URL, AT(url), .of = HTTP, .needs = ONLY(WEBHOOK) | ONLY(ALERTMANAGER),
	  .help = "Address to post to." },
	{ "method", PF_KEY_WORD, AT(method), .words = method_words, .of = ONLY(WEBHOOK),
	  .fallback = "POST", .help = "POST is the only one." },
	{ "service_key", PF_KEY_SECRET, AT(service_key), .of = ONLY(PAGERDUTY),
	  .needs = ONLY(PAGERDUTY), .help = "Integration key (routing key) of the service." },
	{ "token", PF_KEY_SECRET, AT(token), .of = ONLY(WEBHOOK) | ONLY(ALERTMANAGER),
	  .help = "Sent as a bearer token." },
	{ "headers", PF_KEY_PAIRS, AT(headers), .of = HTTP,
	  .help = "Sent with each request; the values are secrets." },
	{ "ca_file", PF_KEY_PATH, AT(ca_file), .of = HTTP,
	  .help = "Certificates to go by instead of the system's." },
	{ "proxy", PF_KEY_URL, AT(proxy), .of = HTTP, .help = "Proxy to go through." },
	{ "connect_timeout", PF_KEY_SECONDS, AT(connect_timeout_s), 0.1, 300, 1, .of = HTTP,
	  .fallback = "5", .help = "To connect." },
	{ "timeout", PF_KEY_SECONDS, AT(timeout_s), 0.1, 3600, 1, .of = HTTP | ONLY(COMMAND),
	  .help = "Of one attempt, or of the command." },
	{ "attempts", PF_KEY_COUNT, AT(attempts), 1, 100, .of = HTTP, .fallback = "5",
	  .help = "After so many it is given up." },
	{ "retry", PF_KEY_SECONDS, AT(retry_s), 0.01, 3600, 1, .of = HTTP, .fallback = "1",
	  .help = "Before the second attempt; doubled each time." },
	{ "retry_max", PF_KEY_SECONDS, AT(retry_max_s), 0.01, 3600, 1, .of = HTTP, .fallback = "60",
	  .help = "Longest time between two attempts." },
	{ "queue", PF_KEY_COUNT, AT(queue), 1, 10000, .of = HTTP, .fallback = "128",
	  .help = "So many wait at most; the oldest makes room." },
	{ "severity_mapping.critical", PF_KEY_WORD, AT(severity[PF_LEVEL_CRITICAL]),
	  .words = pf_pagerduty_words, .fallback = "critical", .of = ONLY(PAGERDUTY),
	  .help = "What a critical alert is called there." },
	{ "severity_mapping.warning", PF_KEY_WORD, AT(severity[PF_LEVEL_WARNING]),
	  .words = pf_pagerduty_words, .fallback = "warning", .of = ONLY(PAGERDUTY),
	  .help = "What a warning is called there." },
	{ "severity_mapping.info", PF_KEY_WORD, AT(severity[PF_LEVEL_INFO]),
	  .words = pf_pagerduty_words, .fallback = "info", .of = ONLY(PAGERDUTY),
	  .help = "What an alert of level info is called there." },
	{ "keep_alive", PF_KEY_SECONDS, AT(keep_alive_s), 0.1, 3600, 1, .of = ONLY(ALERTMANAGER),
	  .fallback = "60", .help = "Firing alerts are sent again after this time." },

	{ "command", PF_KEY_ARGV, AT(command), .of = ONLY(COMMAND), .needs = ONLY(COMMAND),
	  .help = "Program and arguments; details come in PFLEAK_* variables." },
	{ "user", PF_KEY_TEXT, AT(user), .of = ONLY(COMMAND), .help = "Run it as this user." },
	{ "at_once", PF_KEY_COUNT, AT(at_once), 1, 64, .of = ONLY(COMMAND), .fallback = "4",
	  .help = "So many run at the same time at most." },

	{ "facility", PF_KEY_TEXT, AT(facility), .of = ONLY(SYSLOG), .fallback = "daemon",
	  .help = "As in syslog.conf(5)." },
	{ "socket", PF_KEY_PATH, AT(socket), .of = ONLY(SYSLOG), .fallback = "/dev/log",
	  .help = "Where the log daemon is." },
};
#undef AT

#define AT(member) .offset = offsetof(struct pf_settings, member)
static const struct pf_key settings_keys[] = {
	{ "log_level", PF_KEY_WORD, AT(log_level), .words = log_words, .fallback = "warning",
	  .help = "How much is said on standard error; info as with -v, debug as with -vv." },
	{ "grace", PF_KEY_SECONDS, AT(grace_s), 0, 30 * DAY, 1, .fallback = "600",
	  .help = "No alert for processes younger than this, as --grace." },

	{ "model", PF_KEY_WORD, AT(model), .words = pf_settings_models, .fallback = "trend",
	  .help = "What judges, as --model." },

	{ "thresholds.fault_rate_warning", PF_KEY_NUMBER, AT(thresholds.fault_rate_warning), 0, 1e9,
	  .fallback = "500", .production = "300",
	  .help = "Faults per second, for rules and models to compare with." },
	{ "thresholds.fault_rate_critical", PF_KEY_NUMBER, AT(thresholds.fault_rate_critical), 0,
	  1e9, .fallback = "1000", .production = "800",
	  .help = "Faults per second, for rules and models to compare with." },
	{ "thresholds.rss_growth_percent", PF_KEY_NUMBER, AT(thresholds.rss_growth_percent), 0, 1e6,
	  .fallback = "200", .production = "150",
	  .help = "Growth of RSS since first sight, for rules and models to compare with." },
	{ "thresholds.monitoring_window_sec", PF_KEY_SECONDS, AT(thresholds.monitoring_window_s), 1,
	  DAY, 1, .fallback = "60", .production = "120",
	  .help = "Window over which rules see rates and growth." },
	{ "thresholds.min_process_size_mb", PF_KEY_BYTES, AT(thresholds.min_process_bytes), 1,
	  1024 * MB *MB, MB, .fallback = "10", .production = "50",
	  .help = "No watch and no alert below this RSS + swap, as --min-size." },

	{ "sampling.enabled", PF_KEY_BOOL, AT(sampling.enabled), .fallback = "false",
	  .help = "Where fault events are counted, count some of them only." },
	{ "sampling.rate", PF_KEY_COUNT, AT(sampling.rate), 1, 1000000, .fallback = "1000",
	  .help = "One in so many, as --sample." },

	{ "stack_traces.enabled", PF_KEY_BOOL, AT(stack_traces.enabled), .fallback = "true",
	  .help = "Take stacks of a process that alerts, where a directory is named." },
	{ "stack_traces.max_depth", PF_KEY_COUNT, AT(stack_traces.max_depth), 1, 127,
	  .fallback = "127", .help = "Frames of a stack that are kept." },
	{ "stack_traces.directory", PF_KEY_PATH, AT(stack_traces.directory),
	  .help = "Where their files go, as --stacks." },

	{ "alerting.confidence_threshold", PF_KEY_COUNT, AT(alerting.confidence_threshold), 2, 100,
	  .fallback = "70", .production = "80",
	  .help = "Alert from this confidence on, as --confidence." },
	{ "alerting.watch_threshold", PF_KEY_COUNT, AT(alerting.watch_threshold), 1, 99,
	  .fallback = "50", .help = "Watch from this confidence on." },
	{ "alerting.rate_limit_seconds", PF_KEY_SECONDS, AT(alerting.rate_limit_s), 0, 7 * DAY, 1,
	  .fallback = "300", .production = "600",
	  .help = "Least time between two new notifications about one process." },
	{ "alerting.escalation_delay_minutes", PF_KEY_SECONDS, AT(alerting.escalation_delay_s), 0,
	  7 * DAY, 60, .fallback = "0", .production = "10",
	  .help = "An alert is sent only when it has lasted this long." },
	{ "alerting.webhook_url", PF_KEY_URL, AT(alerting.webhook_url),
	  .help = "Short for a channel of type webhook." },
	{ "alerting.pagerduty_key", PF_KEY_SECRET, AT(alerting.pagerduty_key),
	  .help = "Short for a channel of type pagerduty." },
	{ "alerting.rules", PF_KEY_LIST, AT(alerting.rules), .entry = &pf_rule_table,
	  .help = "Rules; see RULES." },
	{ "alerting.channels", PF_KEY_LIST, AT(alerting.channels), .entry = &pf_channel_table,
	  .help = "Where alerts are sent besides the output; see CHANNELS." },

	{ "performance.max_processes", PF_KEY_COUNT, AT(performance.max_processes), 1, 1000000,
	  .fallback = "8192", .help = "Processes followed at most, as --max-processes." },
	{ "performance.ring_buffer_size_mb", PF_KEY_BYTES, AT(performance.ring_buffer_bytes),
	  64 * 1024, 1024 * MB, MB, .fallback = "0.125",
	  .help = "Room for the records of processes that died since the last look; "
		  "rounded up to a power of two." },
	{ "performance.cleanup_interval_sec", PF_KEY_SECONDS, AT(performance.cleanup_interval_s), 1,
	  DAY, 1, .fallback = "300", .help = "A process not seen for this long is forgotten." },
};
#undef AT
/* clang-format on */

const struct pf_key_table pf_rule_table = { rule_keys, PF_ARRAY_SIZE(rule_keys),
					    sizeof(struct pf_rule_settings), "rule", 64 };
const struct pf_key_table pf_channel_table = { channel_keys, PF_ARRAY_SIZE(channel_keys),
					       sizeof(struct pf_channel_settings), "channel", 16 };
const struct pf_key_table pf_settings_table = { settings_keys, PF_ARRAY_SIZE(settings_keys),
						sizeof(struct pf_settings), "configuration", 0 };

const char *pf_schema_hint(const char *path)
{
	static const struct {
		const char *path, *hint;
	} hints[] = {
		{ "production_config", "it is built in: write 'profile: production'" },
		{ "<<", "merge keys are not accepted: a profile can extend another" },
	};

	if (!strncmp(path, "//", 2))
		return "comments begin with '#', neither YAML nor JSON has //";
	for (size_t i = 0; i < PF_ARRAY_SIZE(hints); i++) {
		if (!strcmp(hints[i].path, path))
			return hints[i].hint;
	}
	return NULL;
}

const struct pf_key *pf_schema_find(const struct pf_key_table *table, const char *path)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct pf_key *key = &table->keys[i];

		if (!strcmp(key->path, path) || (key->alias && !strcmp(key->alias, path)))
			return key;
	}
	return NULL;
}

bool pf_schema_is_group(const struct pf_key_table *table, const char *path)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < table->n; i++) {
		if (!strncmp(table->keys[i].path, path, len) && table->keys[i].path[len] == '.')
			return true;
	}
	return false;
}

/* ---- did you mean ----------------------------------------------------------- */

#define WORDS_MAX 64
#define WORD_MAX  64

struct words {
	char text[WORDS_MAX][WORD_MAX];
	const char *word[WORDS_MAX + 1];
	size_t n;
};

static void add_word(struct words *w, const char *text, size_t len)
{
	if (w->n == WORDS_MAX || len >= WORD_MAX)
		return;
	memcpy(w->text[w->n], text, len);
	w->text[w->n][len] = '\0';
	w->word[w->n] = w->text[w->n];
	w->n++;
}

/* The words that may stand where the last part of the path does. */
static void neighbours(const struct pf_key_table *table, const char *path, size_t stem,
		       struct words *w)
{
	for (size_t i = 0; i < table->n; i++) {
		const char *key = table->keys[i].path;

		if (!strncmp(key, path, stem))
			add_word(w, key + stem, strcspn(key + stem, "."));
	}
}

static const struct pf_key *elsewhere(const struct pf_key_table *table, const char *word)
{
	for (size_t i = 0; i < table->n; i++) {
		const char *dot = strrchr(table->keys[i].path, '.');

		if (!strcmp(dot ? dot + 1 : table->keys[i].path, word))
			return &table->keys[i];
	}
	return NULL;
}

bool pf_schema_suggest(const struct pf_key_table *table, const char *path, char *dst, size_t size)
{
	const char *dot = strrchr(path, '.');
	size_t stem = dot ? (size_t)(dot - path) + 1 : 0;
	const struct pf_key *there = elsewhere(table, path + stem);
	struct words w = { .n = 0 };
	const char *word;

	if (there) {
		snprintf(dst, size, "%s", there->path);
		return true;
	}
	neighbours(table, path, stem, &w);
	word = pf_nearest(path + stem, w.word);
	if (word)
		snprintf(dst, size, "%s", word);
	return word;
}
