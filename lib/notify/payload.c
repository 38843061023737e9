/* SPDX-License-Identifier: BSD-2-Clause */
/* What receivers want to read; see the header. Sends nothing, knows no network. */
#include "lib/notify/payload.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/cleanup.h"
#include "lib/base/hash.h"
#include "lib/base/strbuf.h"
#include "lib/base/text.h"
#include "lib/base/units.h"
#include "lib/record/json.h"

#define MB 1048576.0

#define SUMMARY_MAX 1024 /* PagerDuty's */
#define LABEL_MAX   1024
#define HASH_LEN    17 /* "-" and 16 digits */

/* ---- what a record says ---------------------------------------------------- */

static const char *text_of(const json_t *alert, const char *key)
{
	const char *s = json_string_value(json_object_get(alert, key));

	return s ? s : "";
}

static double number_of(const json_t *alert, const char *key)
{
	const json_t *value = json_object_get(alert, key);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

enum pf_alert_state pf_payload_state(const json_t *alert)
{
	int state = pf_alert_state_of(text_of(alert, "state"));

	return state < 0 ? PF_ALERT_NONE : (enum pf_alert_state)state;
}

enum pf_alert_level pf_payload_level(const json_t *alert)
{
	int level = pf_alert_level_of(text_of(alert, "level"));

	return level < 0 ? PF_LEVEL_INFO : (enum pf_alert_level)level;
}

/* As a number's text, "" when unknown. */
static char *whole(char dst[24], const json_t *alert, const char *key)
{
	double value = number_of(alert, key);

	if (isfinite(value) && fabs(value) < 0x1p53)
		snprintf(dst, 24, "%.0f", value);
	else
		dst[0] = '\0';
	return dst;
}

/* What was cut off somewhere ends with a whole character, so that it stays valid UTF-8. */
static void end_whole(char *s)
{
	size_t len = strlen(s), lead = len, need;

	while (lead && ((unsigned char)s[lead - 1] & 0xc0) == 0x80)
		lead--;
	if (!lead || (unsigned char)s[lead - 1] < 0xc0)
		return;
	lead--;
	need = (unsigned char)s[lead] >= 0xf0 ? 4 : (unsigned char)s[lead] >= 0xe0 ? 3 : 2;
	if (len - lead < need)
		s[lead] = '\0';
}

char *pf_payload_key(char dst[PF_ALERT_KEY_MAX + 1], const json_t *alert)
{
	_cleanup_(pf_strbuf_free) struct pf_strbuf key = PF_STRBUF_INIT;
	char pid[24], start[24];

	pf_strbuf_addf(&key, "%s/%s/%s/%s/%s", text_of(alert, "host"), text_of(alert, "boot_id"),
		       whole(pid, alert, "pid"), whole(start, alert, "start_ts"),
		       text_of(alert, "rule"));
	if (key.failed || key.len <= PF_ALERT_KEY_MAX) {
		snprintf(dst, PF_ALERT_KEY_MAX + 1, "%s", key.failed ? "" : key.data);
		return dst;
	}
	/* Too long: as much as fits, and what tells it from others that begin so. */
	snprintf(dst, PF_ALERT_KEY_MAX - HASH_LEN + 1, "%s", key.data);
	end_whole(dst);
	snprintf(dst + strlen(dst), HASH_LEN + 1, "-%016llx",
		 (unsigned long long)pf_hash_mem(PF_HASH_INIT, key.data, strlen(key.data)));
	return dst;
}

/* A string member made printable; *to is freed by the caller. */
static const char *printable(char **to, const json_t *alert, const char *key)
{
	const char *raw = text_of(alert, key);
	size_t size = strlen(raw) * PF_TEXT_GROWTH + 1;

	*to = malloc(size);
	return *to ? pf_text_printable(*to, size, raw) : "";
}

char *pf_payload_line(char *dst, size_t size, const json_t *alert)
{
	_cleanup_free_ char *comm = NULL, *reason = NULL, *rule = NULL;
	double rss = number_of(alert, "rss_bytes");
	char pid[24], confidence[24], bytes[16];
	const char *name = printable(&rule, alert, "rule");

	snprintf(dst, size, "%s pid %s (%s) %s%s%sconfidence %s, %s: %s%s%s",
		 pf_alert_headline(pf_payload_state(alert)), whole(pid, alert, "pid"),
		 printable(&comm, alert, "comm"), name[0] ? "rule " : "", name, name[0] ? ", " : "",
		 whole(confidence, alert, "confidence"),
		 pf_alert_level_name(pf_payload_level(alert)), printable(&reason, alert, "reason"),
		 isfinite(rss) ? "; RSS " : "",
		 isfinite(rss) ? pf_fmt_bytes(bytes, sizeof(bytes), (int64_t)rss) : "");
	if (size)
		end_whole(dst);
	return dst;
}

/* RFC 3339 in UTC; "" for what is no time. */
static char *rfc3339(char dst[40], double ts)
{
	char day[32];
	time_t whole_s;
	struct tm tm;
	int ms;

	dst[0] = '\0';
	if (!(ts >= 0 && ts < 253402300799.0)) /* year 9999 */
		return dst;
	whole_s = (time_t)ts;
	ms = (int)((ts - (double)whole_s) * 1000);
	if (gmtime_r(&whole_s, &tm) && strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm))
		snprintf(dst, 40, "%s.%03dZ", day, ms);
	return dst;
}

/* ---- building -------------------------------------------------------------- */

/* An object that is being made: after a failure it is NULL and stays it. */
static void put(json_t **obj, const char *key, json_t *value)
{
	if (*obj && json_object_set_new(*obj, key, value)) {
		json_decref(*obj);
		*obj = NULL;
	} else if (!*obj) {
		json_decref(value);
	}
}

static void put_string(json_t **obj, const char *key, const char *value)
{
	if (*obj && pf_json_add_string(*obj, key, value)) {
		json_decref(*obj);
		*obj = NULL;
	}
}

/* What ends up on screens. Receivers drop an empty value, or refuse it: it is left out. */
static void put_some(json_t **obj, const char *key, const char *value)
{
	char text[LABEL_MAX];

	if (value[0])
		put_string(obj, key, pf_text_printable(text, sizeof(text), value));
}

static void put_time(json_t **obj, const char *key, double ts)
{
	char text[40];

	put_some(obj, key, rfc3339(text, ts));
}

/* A member of the record as it is there; null when it is not. */
static void put_same(json_t **obj, const char *key, const json_t *alert, const char *from)
{
	json_t *value = json_object_get(alert, from);

	put(obj, key, value ? json_incref(value) : json_null());
}

static void put_megabytes(json_t **obj, const char *key, const json_t *alert, const char *from)
{
	double bytes = number_of(alert, from);

	put(obj, key, isfinite(bytes) ? json_real(round(bytes / MB * 10) / 10) : json_null());
}

/* ---- webhook --------------------------------------------------------------- */

static const char *event_type(enum pf_alert_state state)
{
	switch (state) {
	case PF_ALERT_FIRING:
		return "memory_leak_detected";
	case PF_ALERT_RESOLVED:
		return "memory_leak_resolved";
	default:
		return "memory_leak_suspected";
	}
}

static json_t *metrics_of(const json_t *alert)
{
	json_t *obj = json_object();

	put_megabytes(&obj, "rss_mb", alert, "rss_bytes");
	put_megabytes(&obj, "vsz_mb", alert, "vsz_bytes");
	put_same(&obj, "fault_rate", alert, "fault_rate");
	return obj;
}

json_t *pf_payload_webhook(const json_t *alert)
{
	char key[PF_ALERT_KEY_MAX + 1];
	json_t *obj = json_object();

	put_string(&obj, "type", event_type(pf_payload_state(alert)));
	put_same(&obj, "pid", alert, "pid");
	put_same(&obj, "process", alert, "comm");
	put_same(&obj, "severity", alert, "severity_label");
	put_same(&obj, "confidence", alert, "confidence");
	put(&obj, "metrics", metrics_of(alert));
	put_same(&obj, "timestamp", alert, "ts");
	put_same(&obj, "state", alert, "state");
	put_same(&obj, "level", alert, "level");
	put_same(&obj, "host", alert, "host");
	put_same(&obj, "rule", alert, "rule");
	put_same(&obj, "reason", alert, "reason");
	put_string(&obj, "key", pf_payload_key(key, alert));
	put(&obj, "alert", json_copy((json_t *)alert));
	return obj;
}

/* ---- PagerDuty ------------------------------------------------------------- */

static json_t *pagerduty_details(const json_t *alert, const struct pf_channel *c)
{
	enum pf_alert_level level = pf_payload_level(alert);
	const char *severity = c->severity[level] ? c->severity[level] : pf_alert_level_name(level);
	const char *host = text_of(alert, "host");
	char summary[SUMMARY_MAX];
	json_t *obj = json_object();

	put_string(&obj, "summary", pf_payload_line(summary, sizeof(summary), alert));
	put_some(&obj, "source", host[0] ? host : "unknown host");
	put_string(&obj, "severity", severity);
	put_time(&obj, "timestamp", number_of(alert, "ts"));
	put_some(&obj, "component", text_of(alert, "comm"));
	put_some(&obj, "group", text_of(alert, "cgroup"));
	put_some(&obj, "class", text_of(alert, "class"));
	put(&obj, "custom_details", json_copy((json_t *)alert));
	return obj;
}

json_t *pf_payload_pagerduty(const json_t *alert, const struct pf_channel *c)
{
	bool over = pf_payload_state(alert) == PF_ALERT_RESOLVED;
	char key[PF_ALERT_KEY_MAX + 1];
	json_t *obj = json_object();

	put_string(&obj, "routing_key", c->http.secret);
	put_string(&obj, "event_action", over ? "resolve" : "trigger");
	put_string(&obj, "dedup_key", pf_payload_key(key, alert));
	put_string(&obj, "client", "pfleak");
	put(&obj, "payload", pagerduty_details(alert, c));
	return obj;
}

/* ---- Alertmanager ---------------------------------------------------------- */

/* Who it is about. All but the severity are the same for all of its life. */
static json_t *labels_of(const json_t *alert, enum pf_alert_level level)
{
	const char *rule = text_of(alert, "rule");
	char number[24];
	json_t *obj = json_object();

	put_some(&obj, "alertname", rule[0] ? rule : "MemoryLeak");
	put_some(&obj, "severity", pf_alert_level_name(level));
	put_some(&obj, "instance", text_of(alert, "host"));
	put_some(&obj, "boot_id", text_of(alert, "boot_id"));
	put_some(&obj, "pid", whole(number, alert, "pid"));
	put_some(&obj, "start", whole(number, alert, "start_ts"));
	put_some(&obj, "process", text_of(alert, "comm"));
	put_some(&obj, "exe", text_of(alert, "exe"));
	put_some(&obj, "cgroup", text_of(alert, "cgroup"));
	put_some(&obj, "container", text_of(alert, "container"));
	return obj;
}

static json_t *annotations_of(const json_t *alert)
{
	double left_s = number_of(alert, "time_left_s"),
	       rate = number_of(alert, "growth_bytes_per_s");
	char summary[SUMMARY_MAX], number[24], text[24];
	json_t *obj = json_object();

	put_some(&obj, "summary", pf_payload_line(summary, sizeof(summary), alert));
	put_some(&obj, "description", text_of(alert, "reason"));
	put_some(&obj, "confidence", whole(number, alert, "confidence"));
	put_some(&obj, "class", text_of(alert, "class"));
	put_some(&obj, "rss_bytes", whole(number, alert, "rss_bytes"));
	if (isfinite(rate))
		put_some(&obj, "growth_per_minute",
			 pf_fmt_bytes(text, sizeof(text), (int64_t)fmin(rate * 60, 1e18)));
	if (isfinite(left_s))
		put_some(&obj, "time_left", pf_fmt_duration(text, sizeof(text), left_s));
	put_some(&obj, "limit", text_of(alert, "limit_source"));
	put_some(&obj, "severity_label", text_of(alert, "severity_label"));
	put_some(&obj, "allocator", text_of(alert, "allocator"));
	put_some(&obj, "runtime", text_of(alert, "language"));
	put_some(&obj, "next", text_of(alert, "next"));
	put_some(&obj, "stacks", text_of(alert, "stacks"));
	put_some(&obj, "site", text_of(alert, "site"));
	return obj;
}

json_t *pf_payload_alertmanager(const struct pf_notice *notice, enum pf_alert_level level,
				double ends_ts)
{
	json_t *obj = json_object();

	put(&obj, "labels", labels_of(notice->alert, level));
	put(&obj, "annotations", annotations_of(notice->alert));
	put_time(&obj, "startsAt", notice->since_ts);
	put_time(&obj, "endsAt", ends_ts);
	return obj;
}

/* ---- environment ----------------------------------------------------------- */

/* One after the other in a block, each ended by NUL. */
struct block {
	struct pf_strbuf text;
	size_t n;
};

static void add_variable(struct block *b, const char *name, const char *value)
{
	pf_strbuf_addf(&b->text, "%s=%s", name, value);
	pf_strbuf_addmem(&b->text, "", 1);
	b->n++;
}

static void add_value(struct block *b, const char *key, const json_t *value)
{
	char name[64] = "PFLEAK_", text[64];
	size_t len = strlen(name);
	_cleanup_free_ char *safe = NULL;
	const char *raw = json_string_value(value);

	for (; *key && len + 1 < sizeof(name); key++)
		name[len++] = (char)toupper((unsigned char)*key);
	name[len] = '\0';
	if (raw) {
		safe = malloc(strlen(raw) * PF_TEXT_GROWTH + 1);
		if (!safe)
			b->text.failed = true;
		else
			add_variable(
				b, name,
				pf_text_printable(safe, strlen(raw) * PF_TEXT_GROWTH + 1, raw));
	} else if (json_is_number(value)) {
		snprintf(text, sizeof(text), "%.15g", json_number_value(value));
		add_variable(b, name, text);
	}
}

static void add_record(struct block *b, const json_t *alert)
{
	char key[PF_ALERT_KEY_MAX + 1];
	_cleanup_free_ char *whole_record =
		json_dumps(alert, JSON_COMPACT | JSON_REAL_PRECISION(15));
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)alert, name, value)
	{
		if (strcmp(name, "v") && strcmp(name, "type"))
			add_value(b, name, value);
	}
	value = json_string(pf_payload_key(key, alert));
	add_value(b, "key", value);
	json_decref(value);
	if (whole_record)
		add_variable(b, "PFLEAK_JSON", whole_record);
	else
		b->text.failed = true;
}

/* The list of pointers first, what they point to behind it. */
static char **lay_out(const struct block *b)
{
	size_t list = (b->n + 1) * sizeof(char *);
	char **env = malloc(list + b->text.len);
	char *at;

	if (!env)
		return NULL;
	at = (char *)env + list;
	memcpy(at, b->text.data, b->text.len);
	for (size_t i = 0; i < b->n; i++) {
		env[i] = at;
		at += strlen(at) + 1;
	}
	env[b->n] = NULL;
	return env;
}

char **pf_payload_environment(const json_t *alert)
{
	struct block b = { 0 };
	char **env;

	add_variable(&b, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	add_variable(&b, "HOME", "/");
	add_variable(&b, "LC_ALL", "C.UTF-8");
	add_record(&b, alert);
	env = b.text.failed ? NULL : lay_out(&b);
	pf_strbuf_free(&b.text);
	return env;
}
