/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The schema holds what it promises, and defaults are those of the parts they
 * are for. What is read and refused is tests/bats/config.bats's.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/strbuf.h"
#include "lib/config/apply.h"
#include "lib/config/config.h"
#include "lib/config/internal.h"
#include "lib/config/schema.h"
#include "lib/config/value.h"
#include "lib/leak/leak.h"
#include "lib/notify/channel.h"

static size_t member_size(const struct pf_key *key)
{
	switch (key->type) {
	case PF_KEY_BOOL:
		return sizeof(bool);
	case PF_KEY_COUNT:
	case PF_KEY_BYTES:
		return sizeof(int64_t);
	case PF_KEY_NUMBER:
	case PF_KEY_SECONDS:
		return sizeof(double);
	case PF_KEY_WORD:
	case PF_KEY_SET:
		return sizeof(int);
	case PF_KEY_TEXT:
	case PF_KEY_PATH:
		return sizeof(char *);
	case PF_KEY_SECRET:
	case PF_KEY_URL:
		return sizeof(struct pf_secret);
	case PF_KEY_CODE:
		return sizeof(struct pf_code);
	case PF_KEY_ARGV:
		return sizeof(struct pf_words);
	case PF_KEY_PAIRS:
		return sizeof(struct pf_pairs);
	case PF_KEY_LIST:
		return sizeof(struct pf_entries);
	}
	return 0;
}

/* Members lie apart, whatever was mistyped in the table. */
static void check_apart(const struct pf_key_table *table, size_t i)
{
	const struct pf_key *a = &table->keys[i];

	assert_true(a->offset + member_size(a) <= table->size);
	for (size_t j = 0; j < i; j++) {
		const struct pf_key *b = &table->keys[j];

		assert_string_not_equal(a->path, b->path);
		if (a->offset < b->offset + member_size(b) &&
		    b->offset < a->offset + member_size(a))
			fail_msg("%s and %s share a member", a->path, b->path);
	}
}

/* The text of a default is taken, within its range, and printed as itself. */
static void check_text(const struct pf_key_table *table, const struct pf_key *key, const char *text)
{
	char record[sizeof(struct pf_settings) + sizeof(struct pf_channel_settings)];
	struct pf_strbuf printed = PF_STRBUF_INIT;
	struct pf_arena arena = { 0 };
	struct pf_error err = { 0 };

	if (!text)
		return;
	assert_true(table->size <= sizeof(record));
	memset(record, 0, sizeof(record));
	if (pf_value_set(key, text, record, &arena, &err))
		fail_msg("%s: %s", key->path, err.text);
	pf_value_print(key, record, &printed);
	if (key->type == PF_KEY_TEXT || key->type == PF_KEY_PATH)
		assert_non_null(strstr(printed.data, text)); /* in quotes */
	else
		assert_string_equal(printed.data, text);
	pf_strbuf_free(&printed);
	pf_arena_free(&arena);
}

static void check_table(const struct pf_key_table *table)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct pf_key *key = &table->keys[i];
		bool unit = key->type == PF_KEY_SECONDS || key->type == PF_KEY_BYTES;

		check_apart(table, i);
		check_text(table, key, key->fallback);
		check_text(table, key, key->production);
		assert_true(key->help && key->help[strlen(key->help) - 1] == '.');
		assert_int_equal(unit, key->unit > 0);
		assert_int_equal(key->type == PF_KEY_WORD || key->type == PF_KEY_SET,
				 key->words != NULL);
		assert_int_equal(key->type == PF_KEY_LIST, key->entry != NULL);
		assert_ptr_equal(pf_schema_find(table, key->path), key);
	}
}

static void test_tables(void **state)
{
	(void)state;
	assert_true(pf_settings_table.n <= PF_SETTINGS_KEYS_MAX);
	check_table(&pf_settings_table);
	check_table(&pf_rule_table);
	check_table(&pf_channel_table);
}

/* Two places say what the defaults are; this is the one that would notice. */
static void test_defaults(void **state)
{
	const struct pf_config_source nothing = { 0 };
	struct pf_complaints complaints = { 0 };
	struct pf_config *c = pf_config__load(&nothing, &complaints);
	const struct pf_settings *s;

	(void)state;
	assert_non_null(c);
	assert_int_equal(complaints.n, 0);
	s = pf_config__settings(c);
	assert_true(s->grace_s == pf_leak_default_config.grace_s);
	assert_int_equal(s->thresholds.min_process_bytes, pf_leak_default_config.min_bytes);
	assert_int_equal(s->alerting.watch_threshold, pf_leak_default_config.watch_confidence);
	assert_int_equal(s->alerting.confidence_threshold, pf_leak_default_config.alert_confidence);
	assert_int_equal(s->performance.max_processes, pf_leak_default_config.max_processes);
	assert_true(s->performance.cleanup_interval_s == pf_leak_default_config.forget_s);
	assert_true(s->alerting.escalation_delay_s == pf_leak_default_config.escalation_s);
	assert_int_equal(s->performance.ring_buffer_bytes, 128 * 1024);
	assert_int_equal(s->channels.n, 0);
	pf_config__free(c);
}

/* The same, of channels. */
static void test_channel_defaults(void **state)
{
	struct pf_channel_settings s = { .type = 0 };
	struct pf_arena arena = { 0 };
	struct pf_channel c;

	(void)state;
	pf_apply_defaults(&pf_channel_table, &s, &arena, NULL);
	pf_channel_init(&c, PF_CHANNEL_ALERTMANAGER);
	assert_true(s.connect_timeout_s == c.http.connect_timeout_s);
	assert_int_equal(s.attempts, c.http.attempts);
	assert_true(s.retry_s == c.http.retry_s);
	assert_true(s.retry_max_s == c.http.retry_max_s);
	assert_int_equal(s.queue, c.http.queue);
	assert_true(s.keep_alive_s == c.keep_alive_s);
	assert_int_equal(s.at_once, c.at_once);
	assert_int_equal(s.min_level, c.min_level);
	pf_channel_free(&c);
	pf_arena_free(&arena);
}

static struct pf_config *with_key(const char *value)
{
	const struct pf_config_option key = { "alerting.pagerduty_key", value, "--x" };
	const struct pf_config_source source = { .options = &key, .n_options = 1 };
	struct pf_complaints complaints = { 0 };
	struct pf_config *c = pf_config__load(&source, &complaints);

	assert_non_null(c);
	assert_int_equal(complaints.n, 0);
	return c;
}

/* Shown they look alike, but a key that was changed is another. */
static void test_same_secrets(void **state)
{
	struct pf_config *a = with_key("one"), *b = with_key("two"), *c = with_key("one");

	(void)state;
	assert_false(pf_config__same(a, b, "alerting.pagerduty_key"));
	assert_true(pf_config__same(a, c, "alerting.pagerduty_key"));
	pf_config__free(a);
	pf_config__free(b);
	pf_config__free(c);
}

static void test_suggest(void **state)
{
	static const struct {
		const char *path, *meant;
	} cases[] = {
		{ "thresholds.fault_rate_warnin", "fault_rate_warning" },
		{ "threshold", "thresholds" },
		{ "rules", "alerting.rules" },
		{ "alerting.max_processes", "performance.max_processes" },
		{ "alerting.rate_limit", "rate_limit_seconds" },
		{ "gracce", "grace" },
		{ "elephants", NULL },
	};
	char meant[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool any =
			pf_schema_suggest(&pf_settings_table, cases[i].path, meant, sizeof(meant));

		assert_int_equal(any, cases[i].meant != NULL);
		if (any)
			assert_string_equal(meant, cases[i].meant);
	}
}

static void test_same(void **state)
{
	const struct pf_config_option grace = { "grace", "5m", "--grace" };
	const struct pf_config_source nothing = { 0 }, five = { .options = &grace, .n_options = 1 };
	struct pf_complaints complaints = { 0 };
	struct pf_config *a = pf_config__load(&nothing, &complaints);
	struct pf_config *b = pf_config__load(&five, &complaints);
	char text[64];

	(void)state;
	assert_true(a && b);
	assert_false(pf_config__same(a, b, "grace"));
	assert_true(pf_config__same(a, b, "log_level"));
	assert_true(pf_config__same(a, b, "alerting.rules"));
	assert_string_equal(pf_origin_text(text, sizeof(text), pf_config__origin(b, "grace")),
			    "--grace");
	assert_null(pf_config__origin(b, "no.such.key"));
	pf_config__free(a);
	pf_config__free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),		 cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_channel_defaults), cmocka_unit_test(test_same_secrets),
		cmocka_unit_test(test_suggest),		 cmocka_unit_test(test_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
