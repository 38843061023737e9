/* SPDX-License-Identifier: BSD-2-Clause */
/* What receivers get: to the letter for a plain alert, sound for hostile ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/notify/payload.h"
#include "lib/record/json.h"

#define KEY "web1/b00t/42/1773000000/"

static json_t *plain(const char *state)
{
	json_t *a = json_pack(
		"{s:i,s:s,s:f,s:s,s:s,s:i,s:f,s:s,s:s,s:s,s:n,s:n,s:s,s:s,s:i,s:s,s:s,s:i,s:s,s:f,"
		"s:f,s:I,s:I,s:f,s:{s:i}}",
		"v", 1, "type", "alert", "ts", 1773001234.5, "host", "web1", "boot_id", "b00t",
		"pid", 42, "start_ts", 1773000000.0, "comm", "leaky", "exe", "/usr/bin/leaky",
		"cgroup", "/system.slice/leaky.service", "container", "rule", "state", state,
		"reason", "the floor of its memory rose", "confidence", 87, "class", "linear",
		"level", "warning", "severity", 4, "severity_label", "Medium", "growth_bytes_per_s",
		104857.6, "time_left_s", 7200.0, "rss_bytes", (json_int_t)600 << 20, "vsz_bytes",
		(json_int_t)1 << 30, "fault_rate", 25.5, "signals", "growth", 60);

	assert_non_null(a);
	return a;
}

/* Takes the object. */
static void assert_json(json_t *obj, const char *want)
{
	char *text;

	assert_non_null(obj);
	text = json_dumps(obj, JSON_COMPACT | JSON_REAL_PRECISION(15));
	assert_string_equal(text, want);
	free(text);
	json_decref(obj);
}

static void test_webhook(void **state)
{
	json_t *a = plain("firing"), *obj = pf_payload_webhook(a);

	(void)state;
	assert_true(json_equal(json_object_get(obj, "alert"), a));
	json_object_del(obj, "alert");
	assert_json(obj, "{\"type\":\"memory_leak_detected\",\"pid\":42,\"process\":\"leaky\","
			 "\"severity\":\"Medium\",\"confidence\":87,\"metrics\":{\"rss_mb\":600.0,"
			 "\"vsz_mb\":1024.0,\"fault_rate\":25.5},\"timestamp\":1773001234.5,"
			 "\"state\":\"firing\",\"level\":\"warning\",\"host\":\"web1\","
			 "\"rule\":null,\"reason\":\"the floor of its memory rose\","
			 "\"key\":\"" KEY "\"}");
	json_decref(a);
}

static void test_webhook_of_an_empty_record(void **state)
{
	json_t *a = json_object(), *obj = pf_payload_webhook(a);

	(void)state;
	assert_json(obj, "{\"type\":\"memory_leak_suspected\",\"pid\":null,\"process\":null,"
			 "\"severity\":null,\"confidence\":null,\"metrics\":{\"rss_mb\":null,"
			 "\"vsz_mb\":null,\"fault_rate\":null},\"timestamp\":null,\"state\":null,"
			 "\"level\":null,\"host\":null,\"rule\":null,\"reason\":null,"
			 "\"key\":\"////\",\"alert\":{}}");
	json_decref(a);
}

static void test_pagerduty(void **state)
{
	struct pf_channel c;
	json_t *a = plain("firing"), *over = plain("resolved"), *obj;

	(void)state;
	pf_channel_init(&c, PF_CHANNEL_PAGERDUTY);
	c.http.secret = strdup("r0uting");
	c.severity[PF_LEVEL_WARNING] = strdup("error");
	obj = pf_payload_pagerduty(a, &c);
	assert_true(
		json_equal(json_object_get(json_object_get(obj, "payload"), "custom_details"), a));
	json_object_del(json_object_get(obj, "payload"), "custom_details");
	assert_json(obj,
		    "{\"routing_key\":\"r0uting\",\"event_action\":\"trigger\","
		    "\"dedup_key\":\"" KEY "\",\"client\":\"pfleak\",\"payload\":{\"summary\":"
		    "\"ALERT pid 42 (leaky) confidence 87, warning: the floor of its memory rose; "
		    "RSS 600M\",\"source\":\"web1\",\"severity\":\"error\",\"timestamp\":"
		    "\"2026-03-08T20:20:34.500Z\",\"component\":\"leaky\",\"group\":"
		    "\"/system.slice/leaky.service\",\"class\":\"linear\"}}");
	/* The end has its words, too: they say why. */
	obj = pf_payload_pagerduty(over, &c);
	assert_string_equal(json_string_value(json_object_get(obj, "event_action")), "resolve");
	assert_string_equal(json_string_value(json_object_get(obj, "dedup_key")), KEY);
	assert_true(json_equal(json_object_get(json_object_get(obj, "payload"), "custom_details"),
			       over));
	json_decref(obj);
	json_decref(a);
	json_decref(over);
	pf_channel_free(&c);
}

static void test_alertmanager(void **state)
{
	json_t *a = plain("firing");
	const struct pf_notice notice = { .alert = a, .since_ts = 1773001000 };

	(void)state;
	assert_json(
		pf_payload_alertmanager(&notice, PF_LEVEL_WARNING, 1773001474),
		"{\"labels\":{\"alertname\":\"MemoryLeak\",\"severity\":\"warning\",\"instance\":"
		"\"web1\",\"boot_id\":\"b00t\",\"pid\":\"42\",\"start\":\"1773000000\",\"process\":"
		"\"leaky\",\"exe\":\"/usr/bin/leaky\",\"cgroup\":\"/system.slice/leaky.service\"},"
		"\"annotations\":{\"summary\":\"ALERT pid 42 (leaky) confidence 87, warning: the "
		"floor of its memory rose; RSS 600M\",\"description\":\"the floor of its memory "
		"rose\",\"confidence\":\"87\",\"class\":\"linear\",\"rss_bytes\":\"629145600\","
		"\"growth_per_minute\":\"6.0M\",\"time_left\":\"2h00m\",\"severity_label\":"
		"\"Medium\"},\"startsAt\":\"2026-03-08T20:16:40.000Z\",\"endsAt\":"
		"\"2026-03-08T20:24:34.000Z\"}");
	json_decref(a);
}

/* Its labels are what Alertmanager knows an alert by. */
static void test_labels_stay(void **state)
{
	json_t *a = plain("firing"), *later = plain("resolved"), *x, *y;
	const struct pf_notice first = { .alert = a }, last = { .alert = later };

	(void)state;
	json_object_set_new(later, "rss_bytes", json_integer(1));
	json_object_set_new(later, "confidence", json_integer(20));
	json_object_set_new(later, "reason", json_string("the process exited"));
	json_object_set_new(later, "ts", json_real(1773009999));
	x = pf_payload_alertmanager(&first, PF_LEVEL_WARNING, 0);
	y = pf_payload_alertmanager(&last, PF_LEVEL_WARNING, 0);
	assert_true(json_equal(json_object_get(x, "labels"), json_object_get(y, "labels")));
	json_decref(x);
	json_decref(y);
	json_decref(a);
	json_decref(later);
}

static void test_key(void **state)
{
	char key[PF_ALERT_KEY_MAX + 1], other[PF_ALERT_KEY_MAX + 1], rule[1001];
	json_t *a = plain("firing");

	(void)state;
	assert_string_equal(pf_payload_key(key, a), KEY);
	json_object_set_new(a, "rule", json_string("r"));
	assert_string_equal(pf_payload_key(key, a), KEY "r");
	/* a long one is cut between characters, and still tells apart */
	for (int i = 0; i < 1000; i += 2)
		memcpy(rule + i, "\xc3\xa4", 3);
	json_object_set_new(a, "rule", json_string(rule));
	pf_payload_key(key, a);
	assert_true(strlen(key) <= PF_ALERT_KEY_MAX && strlen(key) > PF_ALERT_KEY_MAX - 3);
	rule[998] = 'x';
	rule[999] = '\0';
	json_object_set_new(a, "rule", json_string(rule));
	pf_payload_key(other, a);
	assert_string_not_equal(key, other);
	assert_int_equal(strncmp(key, other, 200), 0);
	assert_string_equal(pf_text_utf8(rule, sizeof(rule), key), key);
	json_decref(a);
}

/* ---- hostile --------------------------------------------------------------- */

static bool is_printable(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	}
	return true;
}

static void check_strings(const json_t *value, size_t longest)
{
	const char *text = json_string_value(value), *name;
	json_t *member;

	if (text)
		assert_true(is_printable(text) && *text && strlen(text) <= longest);
	json_object_foreach((json_t *)value, name, member) check_strings(member, longest);
}

static void check_environment(const json_t *a)
{
	char **env = pf_payload_environment(a);

	assert_non_null(env);
	assert_string_equal(env[1], "HOME=/");
	for (char **e = env; *e; e++) {
		assert_true(is_printable(*e));
		assert_true(!strncmp(*e, "PFLEAK_", 7) || e - env < 3);
	}
	free(env);
}

static void check_hostile(const char *name)
{
	struct pf_channel c;
	json_t *a = plain("firing"), *obj;
	const struct pf_notice notice = { .alert = a };
	char *text, line[600];

	pf_json_add_string(a, "comm", name);
	pf_json_add_string(a, "cgroup", name);
	pf_json_add_string(a, "container", name);
	pf_json_add_string(a, "exe", name);
	pf_json_add_string(a, "rule", name);
	pf_json_add_string(a, "host", name);
	pf_channel_init(&c, PF_CHANNEL_PAGERDUTY);
	c.http.secret = strdup("k");

	obj = pf_payload_webhook(a);
	text = json_dumps(obj, 0);
	assert_non_null(text);
	assert_true(is_printable(text)); /* escaped by JSON itself */
	free(text);
	json_decref(obj);
	obj = pf_payload_pagerduty(a, &c);
	json_object_del(json_object_get(obj, "payload"), "custom_details");
	check_strings(json_object_get(obj, "payload"), 1024);
	assert_true(json_string_length(json_object_get(obj, "dedup_key")) <= 255);
	json_decref(obj);
	obj = pf_payload_alertmanager(&notice, PF_LEVEL_WARNING, 0);
	check_strings(json_object_get(obj, "labels"), 1024);
	check_strings(json_object_get(obj, "annotations"), 1024);
	json_decref(obj);
	pf_payload_line(line, sizeof(line), a);
	assert_true(is_printable(line));
	text = strdup(line);
	assert_string_equal(pf_text_utf8(line, sizeof(line), text), text);
	free(text);
	check_environment(a);
	pf_channel_free(&c);
	json_decref(a);
}

static void test_hostile_names(void **state)
{
	static const char *const names[] = {
		"\"}],\"x\":[{\"",
		"\x1b]0;owned\x07\x1b[2J",
		"line\r\nHost: evil\n\n",
		"\xff\xfe\xc3(\xf0\x9f",
		"$(reboot)`reboot`;reboot|reboot",
		"\xe2\x80\xae"
		"txt.exe",
		"=cmd|' /C calc'!A0",
		" ",
	};
	static char big[10241];

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(names); i++)
		check_hostile(names[i]);
	memset(big, '\x1b', sizeof(big) - 1);
	check_hostile(big);
	for (size_t i = 0; i + 3 < sizeof(big); i += 3)
		memcpy(big + i, "\xe2\x82\xac", 3);
	big[sizeof(big) - 1] = '\0';
	check_hostile(big);
}

static const char *variable(char **env, const char *name)
{
	size_t len = strlen(name);

	for (; *env; env++) {
		if (!strncmp(*env, name, len) && (*env)[len] == '=')
			return *env + len + 1;
	}
	return NULL;
}

static void test_environment(void **state)
{
	json_t *a = plain("firing"), *back;
	char **env = pf_payload_environment(a);

	(void)state;
	assert_string_equal(variable(env, "PFLEAK_PID"), "42");
	assert_string_equal(variable(env, "PFLEAK_COMM"), "leaky");
	assert_string_equal(variable(env, "PFLEAK_STATE"), "firing");
	assert_string_equal(variable(env, "PFLEAK_RSS_BYTES"), "629145600");
	assert_string_equal(variable(env, "PFLEAK_TS"), "1773001234.5");
	assert_string_equal(variable(env, "PFLEAK_KEY"), KEY);
	assert_null(variable(env, "PFLEAK_RULE"));
	back = json_loads(variable(env, "PFLEAK_JSON"), 0, NULL);
	assert_true(json_equal(back, a));
	json_decref(back);
	free(env);
	json_decref(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_webhook),
		cmocka_unit_test(test_webhook_of_an_empty_record),
		cmocka_unit_test(test_pagerduty),
		cmocka_unit_test(test_alertmanager),
		cmocka_unit_test(test_labels_stay),
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
