/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UTF-8 by its definition (RFC 3629), not by the locale's: a tool run from
 * cron in the C locale must show the same bytes as one run from a terminal.
 * Overlong forms, surrogates and values above U+10FFFF are invalid; each byte
 * that is not part of a valid character is replaced on its own.
 */
#include "lib/base/text.h"

#include <fnmatch.h>
#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Bytes of the character at s and its value; 0 when s starts none. Needs s[0] != 0. */
static size_t decode(const unsigned char *s, uint32_t *cp)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len;
	uint32_t c;

	if (s[0] < 0x80) {
		*cp = s[0];
		return 1;
	}
	len = s[0] >= 0xf8 ? 0 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc0 ? 2 : 0;
	if (len == 0)
		return 0;
	c = s[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80) /* true for the NUL, too */
			return 0;
		c = c << 6 | (s[i] & 0x3fu);
	}
	if (c < smallest[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*cp = c;
	return len;
}

/* Append a piece whole or not at all; false when it does not fit. */
static bool put(char *dst, size_t size, size_t *pos, const char *piece, size_t len)
{
	if (len >= size - *pos)
		return false;
	memcpy(dst + *pos, piece, len);
	*pos += len;
	return true;
}

char *pf_text_utf8(char *dst, size_t size, const char *src)
{
	size_t pos = 0;

	if (size == 0)
		return dst;
	while (*src) {
		uint32_t cp;
		size_t len = decode((const unsigned char *)src, &cp);

		if (!put(dst, size, &pos, len ? src : REPLACEMENT, len ? len : 3))
			break;
		src += len ? len : 1;
	}
	dst[pos] = '\0';
	return dst;
}

/* What a terminal would obey or a reader would be fooled by. */
static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x61c || /* C0, DEL, C1, ALM */
	       (c >= 0x200b && c <= 0x200f) ||			     /* zero width, LRM, RLM */
	       (c >= 0x2028 && c <= 0x202e) ||			     /* separators, embeddings */
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||	     /* isolates, BOM */
	       (c >= 0xfff9 && c <= 0xfffb) ||			     /* interlinear annotation */
	       (c >= 0xe0000 && c <= 0xe007f);			     /* tags */
}

static const char *short_escape(uint32_t c)
{
	switch (c) {
	case '\n':
		return "\\n";
	case '\t':
		return "\\t";
	case '\r':
		return "\\r";
	case '\\':
		return "\\\\";
	}
	return NULL;
}

/* The visible form of an escaped character; its length. */
static size_t escape(char out[16], uint32_t c)
{
	const char *plain = short_escape(c);

	if (plain)
		return (size_t)snprintf(out, 16, "%s", plain);
	return (size_t)snprintf(out, 16, c < 0x80 ? "\\x%02x" : "\\u%04x", (unsigned)c);
}

/* The loop behind both: `plain` are the characters that stay though they would be escaped. */
static char *make_safe(char *dst, size_t size, const char *src, const char *plain)
{
	size_t pos = 0;

	if (size == 0)
		return dst;
	while (*src) {
		char esc[16] = "";
		uint32_t cp = 0;
		size_t len = decode((const unsigned char *)src, &cp);
		bool ok;

		if (len == 0)
			ok = put(dst, size, &pos, REPLACEMENT, 3);
		else if ((cp == '\\' || is_control(cp)) && !(len == 1 && strchr(plain, *src)))
			ok = put(dst, size, &pos, esc, escape(esc, cp));
		else
			ok = put(dst, size, &pos, src, len);
		if (!ok)
			break;
		src += len ? len : 1;
	}
	dst[pos] = '\0';
	return dst;
}

char *pf_text_printable(char *dst, size_t size, const char *src)
{
	return make_safe(dst, size, src, "");
}

char *pf_text_label(char *dst, size_t size, const char *src)
{
	return make_safe(dst, size, src, "\n\\");
}

/* One character forward: its bytes and columns. An invalid byte counts as one column. */
static size_t step(const char *s, size_t *columns)
{
	uint32_t cp = 0;
	size_t len = decode((const unsigned char *)s, &cp);
	int width = 1;

	if (len > 1) {
		width = wcwidth((wchar_t)cp);
		/* In the C locale wcwidth knows nothing beyond ASCII. */
		if (width < 0)
			width = 1;
	}
	*columns = (size_t)width;
	return len ? len : 1;
}

size_t pf_text_width(const char *utf8)
{
	size_t total = 0;
	size_t columns;

	while (*utf8) {
		utf8 += step(utf8, &columns);
		total += columns;
	}
	return total;
}

char *pf_text_fit(char *dst, size_t size, const char *utf8, size_t columns)
{
	size_t width = 0; /* of what was passed */
	size_t end = 0;	  /* bytes passed */
	size_t keep = 0;  /* bytes that leave a column and a byte for the mark */
	bool cut;

	if (size == 0)
		return dst;
	while (utf8[end]) {
		size_t w;
		size_t len = step(utf8 + end, &w);

		if (width + w > columns || end + len >= size)
			break;
		width += w;
		end += len;
		if (width < columns && end + 1 < size)
			keep = end;
	}
	cut = utf8[end];
	if (!cut)
		keep = end;
	memmove(dst, utf8, keep);
	if (cut && columns > 0 && keep + 1 < size)
		dst[keep++] = '+';
	dst[keep] = '\0';
	return dst;
}

bool pf_text_glob(const char *pattern, const char *name)
{
	int rc = fnmatch(pattern, name, 0);
	locale_t c, before;

	if (rc == 0 || rc == FNM_NOMATCH)
		return rc == 0;
	/* Some C libraries fail on bytes that the locale cannot decode: match bytes then. */
	c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (!c)
		return false;
	before = uselocale(c);
	rc = fnmatch(pattern, name, 0);
	uselocale(before);
	freelocale(c);
	return rc == 0;
}
