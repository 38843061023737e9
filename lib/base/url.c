/* SPDX-License-Identifier: BSD-2-Clause */
/* Splits an address and refuses what is none; see the header. */
#include "lib/base/url.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "lib/base/parse.h"

#define PORT_MAX 65535

static const char *after_scheme(const char *text)
{
	if (!strncasecmp(text, "http://", 7))
		return text + 7;
	return strncasecmp(text, "https://", 8) ? NULL : text + 8;
}

static bool has_only_url_characters(const char *text)
{
	for (; *text; text++) {
		if (*text <= ' ' || *text > '~' || strchr("\"<>\\^`{|}", *text))
			return false;
	}
	return true;
}

/* Where the port's digits begin; NULL = none is given. */
static const char *port_of(const struct pf_url *url)
{
	const char *end = url->host + url->host_len;
	const char *bracket = memrchr(url->host, ']', url->host_len);
	const char *from = bracket ? bracket : url->host;
	const char *colon = memchr(from, ':', (size_t)(end - from));

	return colon ? colon + 1 : NULL;
}

static bool is_port(const char *digits, size_t len)
{
	char text[6];
	uint64_t port;

	if (len >= sizeof(text))
		return false;
	memcpy(text, digits, len);
	text[len] = '\0';
	return !pf_parse_u64(text, 1, PORT_MAX, &port);
}

const char *pf_url_split(struct pf_url *url, const char *text)
{
	const char *begin = after_scheme(text), *at, *port;

	if (!begin)
		return "give an address like https://host/path";
	if (!has_only_url_characters(text))
		return "there is a character in it that no address has: write it as %XX";
	url->rest = begin + strcspn(begin, "/?#");
	at = memrchr(begin, '@', (size_t)(url->rest - begin));
	url->user = at ? begin : NULL;
	url->user_len = at ? (size_t)(at + 1 - begin) : 0;
	url->host = begin + url->user_len;
	url->host_len = (size_t)(url->rest - url->host);
	if (!url->host_len || *url->host == ':')
		return "there is no host in it: give an address like https://host/path";
	port = port_of(url);
	if (port && !is_port(port, (size_t)(url->rest - port)))
		return "a port is a number from 1 to 65535";
	return NULL;
}
