/* SPDX-License-Identifier: BSD-2-Clause */
/* Channels: what is sound, what is refused and in what words, and what of a URL may be shown. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/notify/channel.h"
#include "lib/notify/here.h"

#define FAULTS_LEN 4096

static void set(char **to, const char *value)
{
	free(*to);
	*to = strdup(value);
}

static void make(struct pf_channel *c, enum pf_channel_type type, const char *url)
{
	pf_channel_init(c, type);
	if (url)
		set(&c->http.url, url);
}

/* A line for each fault. */
static void note(void *ctx, const char *key, const char *part, const char *why)
{
	char *text = ctx;
	size_t len = strlen(text);

	snprintf(text + len, FAULTS_LEN - len, "%s%s%s: %s\n", key, part ? "." : "",
		 part ? part : "", why);
}

static void assert_sound(struct pf_channel *c)
{
	char text[FAULTS_LEN] = "";
	struct pf_channel_faults faults = { note, text, 0 };

	if (pf_channel_check(c, &faults))
		fail_msg("refused: %s", text);
}

/* Checks and frees. words: of a line. */
static void assert_refused(struct pf_channel *c, const char *words)
{
	char text[FAULTS_LEN] = "";
	struct pf_channel_faults faults = { note, text, 0 };

	assert_int_equal(pf_channel_check(c, &faults), -EINVAL);
	assert_true(faults.n > 0);
	if (!strstr(text, words))
		fail_msg("'%s' has no '%s'", text, words);
	assert_null(strstr(text, "s3cret"));
	pf_channel_free(c);
}

static void here(struct pf_channel *c, const char *words)
{
	char text[FAULTS_LEN] = "";
	struct pf_channel_faults faults = { note, text, 0 };
	const int ret = pf_channel_check_here(c, &faults);

	assert_int_equal(ret, *words ? -EINVAL : 0);
	if (*words ? !strstr(text, words) : *text)
		fail_msg("'%s', not '%s'", text, words);
}

static void test_sound(void **state)
{
	static char program[] = "/bin/true", *argv[] = { program, NULL };
	struct pf_channel c;

	(void)state;
	make(&c, PF_CHANNEL_WEBHOOK, "https://example.org/hook");
	assert_sound(&c);
	assert_string_equal(c.name, "webhook");
	pf_channel_free(&c);
	make(&c, PF_CHANNEL_PAGERDUTY, "https://events.example.org/");
	set(&c.http.secret, "s3cret");
	assert_sound(&c);
	pf_channel_free(&c);
	make(&c, PF_CHANNEL_SYSLOG, NULL);
	assert_sound(&c);
	pf_channel_free(&c);
	make(&c, PF_CHANNEL_COMMAND, NULL);
	c.argv = argv;
	assert_sound(&c);
	c.argv = NULL;
	pf_channel_free(&c);
}

static void test_alertmanager_url(void **state)
{
	static const char *const cases[][2] = {
		{ "http://am:9093", "http://am:9093/api/v2/alerts" },
		{ "http://am:9093/", "http://am:9093/api/v2/alerts" },
		{ "http://am/prefix//", "http://am/prefix/api/v2/alerts" },
		{ "http://am:9093/api/v2/alerts", "http://am:9093/api/v2/alerts" },
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		struct pf_channel c;

		make(&c, PF_CHANNEL_ALERTMANAGER, cases[i][0]);
		assert_sound(&c);
		assert_string_equal(c.http.url, cases[i][1]);
		assert_sound(&c); /* twice changes nothing */
		assert_string_equal(c.http.url, cases[i][1]);
		pf_channel_free(&c);
	}
}

static void test_urls_refused(void **state)
{
	static const char *const urls[] = {
		"",
		"example.org",
		"file:///etc/shadow",
		"gopher://x/",
		"ftp://x/",
		"http://x:99999/",
		"http://",
		"http:///path",
		"http://x/ y",
		"http://x/\r\nEvil: 1",
		"http://x/\x80",
		"javascript:alert(1)",
		"-o/etc/passwd",
	};
	struct pf_channel c;

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(urls); i++) {
		make(&c, PF_CHANNEL_WEBHOOK, urls[i]);
		assert_refused(&c, "url: ");
		make(&c, PF_CHANNEL_WEBHOOK, "http://x/");
		set(&c.http.proxy, urls[i]);
		assert_refused(&c, "proxy: ");
	}
	make(&c, PF_CHANNEL_ALERTMANAGER, NULL);
	assert_refused(&c, "url: is missing");
}

static void test_headers_refused(void **state)
{
	static const char *const headers[][2] = {
		{ "", "x" },	 { "a b", "x" },  { "a:", "x" },	 { "a\n", "x" },
		{ "a", "x\ny" }, { "a", "x\ry" }, { "a", "s3cret\x7f" }, { "\xc3\xa4", "x" },
	};
	struct pf_channel c;

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(headers); i++) {
		make(&c, PF_CHANNEL_WEBHOOK, "http://x/");
		assert_int_equal(pf_channel_add_header(&c, headers[i][0], headers[i][1]), 0);
		assert_refused(&c, "headers.");
	}
	make(&c, PF_CHANNEL_WEBHOOK, "http://x/");
	set(&c.http.secret, "s3cret\r\nEvil: 1");
	assert_refused(&c, "token: ");
}

/* They decide where a request goes and where it ends: nobody writes them but libcurl. */
static void test_reserved_headers(void **state)
{
	static const char *const names[] = { "Host",	   "content-length", "Transfer-Encoding",
					     "CONNECTION", "Content-Type",   "Expect" };
	struct pf_channel c;

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(names); i++) {
		make(&c, PF_CHANNEL_WEBHOOK, "http://x/");
		assert_int_equal(pf_channel_add_header(&c, names[i], "s3cret"), 0);
		assert_refused(&c, "this header is pf-notify's own");
	}
	make(&c, PF_CHANNEL_WEBHOOK, "http://x/");
	assert_int_equal(pf_channel_add_header(&c, "Authorization", "s3cret"), 0);
	assert_sound(&c);
	set(&c.http.secret, "s3cret");
	assert_refused(&c, "headers.Authorization: there is a token already");
	make(&c, PF_CHANNEL_WEBHOOK, "http://x/");
	for (int i = 0; i < 61; i++)
		assert_int_equal(pf_channel_add_header(&c, "X", "x"), 0);
	assert_refused(&c, "headers: at most 60");
}

static void test_all_is_told(void **state)
{
	struct pf_channel c;
	char text[FAULTS_LEN] = "";
	struct pf_channel_faults faults = { note, text, 0 };

	(void)state;
	make(&c, PF_CHANNEL_WEBHOOK, "ftp://x/");
	set(&c.http.ca_file, "relative");
	assert_int_equal(pf_channel_add_header(&c, "Host", "x"), 0);
	c.http.attempts = 0;
	assert_int_equal(pf_channel_check(&c, &faults), -EINVAL);
	assert_int_equal(faults.n, 4);
	pf_channel_free(&c);
}

static void make_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void test_command_here(void **state)
{
	char dir[] = "/tmp/pf-channel-XXXXXX", path[64];
	char *argv[] = { path, NULL };
	struct pf_channel c;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/hook", dir);
	make(&c, PF_CHANNEL_COMMAND, NULL);
	c.argv = argv;
	here(&c, "command: cannot run ");
	make_file(path, "#!/bin/sh\n", 0644);
	here(&c, "hook is not a program");
	assert_int_equal(chmod(path, 0777), 0);
	here(&c, "hook may be written by others (mode 0777)");
	assert_int_equal(chmod(path, 0755), 0);
	here(&c, "");
	set(&c.user, "no-such-user-here");
	here(&c, "user: there is no user 'no-such-user-here'");
	unlink(path);
	snprintf(path, sizeof(path), "%s", dir);
	here(&c, "is not a program");
	rmdir(dir);
	c.argv = NULL;
	pf_channel_free(&c);
}

static void test_certificates_here(void **state)
{
	char path[] = "/tmp/pf-channel-XXXXXX";
	struct pf_channel c;

	(void)state;
	close(mkstemp(path));
	make(&c, PF_CHANNEL_WEBHOOK, "https://x/");
	here(&c, "");
	set(&c.http.ca_file, "/nowhere/ca.pem");
	here(&c, "ca_file: cannot open /nowhere/ca.pem");
	set(&c.http.ca_file, "/tmp");
	here(&c, "ca_file: /tmp is not a regular file");
	set(&c.http.ca_file, path);
	here(&c, "ca_file: there is no certificate in ");
	make_file(path, "words\n-----BEGIN CERTIFICATE-----\n", 0600);
	here(&c, "");
	unlink(path);
	pf_channel_free(&c);
}

static void test_others_refused(void **state)
{
	struct pf_channel c;

	(void)state;
	make(&c, PF_CHANNEL_PAGERDUTY, NULL);
	assert_refused(&c, "service_key: is missing");
	make(&c, PF_CHANNEL_PAGERDUTY, NULL);
	set(&c.http.secret, "s3cret");
	set(&c.severity[PF_LEVEL_INFO], "meh");
	assert_refused(&c, "severity_mapping.info: ");
	make(&c, PF_CHANNEL_COMMAND, NULL);
	assert_refused(&c, "command: is missing");
	make(&c, PF_CHANNEL_COMMAND, NULL);
	c.argv = calloc(2, sizeof(*c.argv));
	c.argv[0] = strdup("reboot");
	assert_refused(&c, "absolute path");
	make(&c, PF_CHANNEL_SYSLOG, NULL);
	set(&c.facility, "kern");
	assert_refused(&c, "facility: ");
	make(&c, PF_CHANNEL_SYSLOG, NULL);
	set(&c.socket, "log");
	assert_refused(&c, "socket: ");
	make(&c, PF_CHANNEL_WEBHOOK, "http://x/");
	c.states = 1u << PF_ALERT_RESOLVED;
	assert_refused(&c, "states: ");
	make(&c, PF_CHANNEL_WEBHOOK, "http://x/");
	c.http.timeout_s = 0;
	assert_refused(&c, "timeout: ");
	make(&c, PF_CHANNEL_WEBHOOK, "http://x/");
	c.http.retry_max_s = 0.5;
	assert_refused(&c, "retry_max: ");
	make(&c, PF_CHANNEL_WEBHOOK, "http://x/");
	c.http.queue = 0;
	assert_refused(&c, "queue: ");
}

static void test_url_shown(void **state)
{
	static const char *const cases[][2] = {
		{ "https://example.org", "https://example.org" },
		{ "https://example.org/", "https://example.org/" },
		{ "https://example.org:8443/services/T0/s3cret", "https://example.org:8443/***" },
		{ "https://example.org?key=s3cret", "https://example.org/***" },
		{ "https://user:s3cret@example.org/x", "https://***@example.org/***" },
		{ "https://s3cret@example.org", "https://***@example.org" },
		{ "HTTP://A/", "HTTP://A/" },
		{ "http://a/@s3cret", "http://a/***" },
		{ "s3cret", "***" },
	};
	char text[100];

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++)
		assert_string_equal(pf_channel_url_shown(text, sizeof(text), cases[i][0]),
				    cases[i][1]);
}

static void test_types(void **state)
{
	(void)state;
	for (int i = 0; i < PF_CHANNEL_TYPES; i++) {
		assert_int_equal(pf_channel_type_of(pf_channel_type_name((enum pf_channel_type)i)),
				 i);
		assert_string_equal(pf_channel_type_names()[i],
				    pf_channel_type_name((enum pf_channel_type)i));
	}
	assert_null(pf_channel_type_names()[PF_CHANNEL_TYPES]);
	assert_int_equal(pf_channel_type_of("mail"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound),
		cmocka_unit_test(test_alertmanager_url),
		cmocka_unit_test(test_urls_refused),
		cmocka_unit_test(test_headers_refused),
		cmocka_unit_test(test_others_refused),
		cmocka_unit_test(test_url_shown),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_reserved_headers),
		cmocka_unit_test(test_all_is_told),
		cmocka_unit_test(test_command_here),
		cmocka_unit_test(test_certificates_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
