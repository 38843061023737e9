/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses and their parts; what is none is refused in words that repeat nothing of it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/url.h"

static void test_parts(void **state)
{
	static const struct {
		const char *text, *user, *host, *rest;
	} cases[] = {
		{ "http://host", "", "host", "" },
		{ "HTTPS://Host:1/p?q#f", "", "Host:1", "/p?q#f" },
		{ "hTTp://a:b@c@host:65535?q", "a:b@c@", "host:65535", "?q" },
		{ "https://[::1]:9093/", "", "[::1]:9093", "/" },
		{ "https://[::1]", "", "[::1]", "" },
		{ "http://h/@:99999", "", "h", "/@:99999" },
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		char user[32], host[32];
		struct pf_url u;

		assert_null(pf_url_split(&u, cases[i].text));
		snprintf(user, sizeof(user), "%.*s", (int)u.user_len, u.user ? u.user : "");
		snprintf(host, sizeof(host), "%.*s", (int)u.host_len, u.host);
		assert_string_equal(user, cases[i].user);
		assert_string_equal(host, cases[i].host);
		assert_string_equal(u.rest, cases[i].rest);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ "", "like https://" },
		{ "host/path", "like https://" },
		{ "ftp://host", "like https://" },
		{ "http:/host", "like https://" },
		{ "http://", "no host" },
		{ "http:///path", "no host" },
		{ "http://user@/path", "no host" },
		{ "http://:80", "no host" },
		{ "http://host:99999", "65535" },
		{ "http://host:0", "65535" },
		{ "http://host:", "65535" },
		{ "http://host:8x", "65535" },
		{ "http://host:-1", "65535" },
		{ "http://a:b:1", "65535" },
		{ "http://[::1]:65536/", "65535" },
		{ "http://ho st", "character" },
		{ "http://host/\r\nX: y", "character" },
		{ "http://host/\xc3\xa9", "character" },
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		struct pf_url u;
		const char *why = pf_url_split(&u, cases[i].text);

		if (!why || !strstr(why, cases[i].words))
			fail_msg("'%s': %s", cases[i].text, why ? why : "accepted");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
