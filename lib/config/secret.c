/* SPDX-License-Identifier: BSD-2-Clause */
/* Values that are never shown. Keeps no copy besides the one it hands out. */
#include "lib/config/secret.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/strbuf.h"
#include "lib/base/text.h"
#include "lib/base/url.h"

#define NAME_MAX_LEN 128
#define WORD_MAX     20 /* longer ones may be tokens */

/* Length of the "${NAME}" that s starts with; 0 when it starts with none. */
static size_t reference_length(const char *s)
{
	size_t len = 2;

	if (strncmp(s, "${", 2) || isdigit((unsigned char)s[2]))
		return 0;
	while (s[len] == '_' || isalnum((unsigned char)s[len]))
		len++;
	return len > 2 && len < NAME_MAX_LEN && s[len] == '}' ? len + 1 : 0;
}

static int add_reference(struct pf_strbuf *b, const char *s, size_t len, struct pf_error *err)
{
	char name[NAME_MAX_LEN];
	const char *value;

	snprintf(name, sizeof(name), "%.*s", (int)(len - 3), s + 2);
	value = getenv(name);
	if (!value || !*value)
		return pf_fail(err, ENOENT, "the environment has no %s, or it is empty", name);
	pf_strbuf_adds(b, value);
	return 0;
}

/* Put the environment's values in their places. */
static int expand(struct pf_strbuf *b, const char *text, struct pf_error *err)
{
	while (*text) {
		size_t len = reference_length(text);

		if (!len && !strncmp(text, "${", 2))
			return pf_fail(err, EINVAL,
				       "'${' begins the name of an environment variable: write "
				       "${NAME}, of letters, digits and _");
		if (!len)
			pf_strbuf_addch(b, *text);
		else if (add_reference(b, text, len, err))
			return -err->code;
		text += len ? len : 1;
	}
	return b->failed ? pf_fail(err, ENOMEM, "out of memory") : 0;
}

static bool is_printable(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	}
	return true;
}

static int keep(struct pf_secret *secret, const struct pf_strbuf *value, const char *shown,
		struct pf_arena *arena, struct pf_error *err)
{
	if (!value->len)
		return pf_fail(err, EINVAL, "it must not be empty");
	if (value->len > PF_SECRET_MAX)
		return pf_fail(err, E2BIG, "it is longer than %d bytes", PF_SECRET_MAX);
	if (!is_printable(value->data))
		return pf_fail(err, EINVAL, "there is a control character in it");
	secret->value = pf_arena_strdup(arena, value->data);
	secret->shown = pf_arena_strdup(arena, shown);
	secret->path = NULL;
	return secret->value && secret->shown ? 0 : pf_fail(err, ENOMEM, "out of memory");
}

static void wipe(struct pf_strbuf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	pf_strbuf_free(b);
}

int pf_secret_set(struct pf_secret *secret, const char *text, struct pf_arena *arena,
		  struct pf_error *err)
{
	_cleanup_(wipe) struct pf_strbuf value = PF_STRBUF_INIT;
	size_t reference = reference_length(text);

	if (!strcmp(text, PF_SECRET_SHOWN))
		return pf_fail(err, EINVAL,
			       "*** is what is shown in place of a secret: give the secret, "
			       "${NAME}, or a file");
	if (expand(&value, text, err))
		return -err->code;
	return keep(secret, &value, reference && !text[reference] ? text : PF_SECRET_SHOWN, arena,
		    err);
}

/* ---- addresses -------------------------------------------------------------- */

/* Is there nothing in it but references? */
static bool is_reference(const char *s, size_t len)
{
	size_t at = 0;

	while (at < len && reference_length(s + at))
		at += reference_length(s + at);
	return len && at == len;
}

/* What nobody takes for a token: "api", "memory-leak", "v2". */
static bool is_word(const char *s, size_t len)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz-_.";

	if (*s == 'v' && len > 1 && len <= 3 && strspn(s + 1, "0123456789") >= len - 1)
		return true;
	return len <= WORD_MAX && strspn(s, letters) >= len;
}

/* "user:password@": a secret, unless it is not written here. */
static void show_user(struct pf_strbuf *b, const char *user, size_t len)
{
	size_t colon = strcspn(user, ":");

	if (colon < len
		    ? is_reference(user, colon) && is_reference(user + colon + 1, len - colon - 2)
		    : is_reference(user, len - 1))
		pf_strbuf_addmem(b, user, len);
	else
		pf_strbuf_adds(b, PF_SECRET_SHOWN "@");
}

/* Path and query, up to the first piece that may be a token. */
static void show_rest(struct pf_strbuf *b, const char *rest)
{
	bool query = false;

	while (*rest) {
		const char before = *rest;
		size_t len = strcspn(rest + 1, "/?&=#");

		query |= before != '/';
		pf_strbuf_addch(b, before);
		rest++;
		if (len && !is_reference(rest, len) &&
		    (!is_word(rest, len) || (query && rest[len] != '='))) {
			pf_strbuf_adds(b, PF_SECRET_SHOWN);
			return;
		}
		pf_strbuf_addmem(b, rest, len);
		rest += len;
	}
}

static void show_url(struct pf_strbuf *b, const char *text)
{
	const char *slashes = strstr(text, "://");
	const char *user = slashes ? slashes + 3 : text;
	const char *path = user + strcspn(user, "/?#");
	const char *at = memrchr(user, '@', (size_t)(path - user));
	const char *host = at ? at + 1 : user;

	if (!slashes) { /* begins with a reference, or nothing is to be shown */
		pf_strbuf_adds(b, is_reference(text, strlen(text)) ? text : PF_SECRET_SHOWN);
		return;
	}
	pf_strbuf_addmem(b, text, (size_t)(user - text));
	if (at)
		show_user(b, user, (size_t)(host - user));
	pf_strbuf_addmem(b, host, (size_t)(path - host));
	show_rest(b, path);
}

/* 0, or what is wrong with it. */
static int check_url(const char *url, struct pf_error *err)
{
	struct pf_url parts;
	const char *why = url && *url ? pf_url_split(&parts, url) : "it must not be empty";

	return why ? pf_fail(err, EINVAL, "%s", why) : 0;
}

int pf_secret_set_url(struct pf_secret *secret, const char *text, struct pf_arena *arena,
		      struct pf_error *err)
{
	_cleanup_(wipe) struct pf_strbuf value = PF_STRBUF_INIT;
	_cleanup_(wipe) struct pf_strbuf shown = PF_STRBUF_INIT;

	if (strstr(text, PF_SECRET_SHOWN))
		return pf_fail(err, EINVAL,
			       "*** is what is shown in place of a secret: give the secret, "
			       "${NAME}, or a file");
	if (expand(&value, text, err))
		return -err->code;
	if (check_url(value.data, err))
		return -err->code;
	show_url(&shown, text);
	if (shown.failed)
		return pf_fail(err, ENOMEM, "out of memory");
	return keep(secret, &value, shown.data, arena, err);
}

/* ---- files ------------------------------------------------------------------ */

static int check_file(int fd, const char *path, struct pf_error *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return pf_fail(err, errno, "cannot look at %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return pf_fail(err, EINVAL, "%s is not a regular file", path);
	if (st.st_uid && st.st_uid != geteuid())
		return pf_fail(err, EPERM, "%s belongs to another user: chown it", path);
	if (st.st_mode & (S_IWGRP | S_IRWXO))
		return pf_fail(err, EPERM, "others can read or write %s (mode %04o): chmod 600 it",
			       path, st.st_mode & 07777);
	return 0;
}

int pf_secret_read(struct pf_secret *secret, const char *path, bool url, struct pf_arena *arena,
		   struct pf_error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_cleanup_(wipe) struct pf_strbuf value = PF_STRBUF_INIT;
	char data[PF_SECRET_MAX + 2];
	ssize_t n;

	if (fd < 0)
		return pf_fail(err, errno, "cannot open %s: %s", path, strerror(errno));
	if (check_file(fd, path, err))
		return -err->code;
	n = read(fd, data, sizeof(data));
	if (n < 0)
		return pf_fail(err, errno, "cannot read %s: %s", path, strerror(errno));
	if (n && data[n - 1] == '\n')
		n--;
	pf_strbuf_addmem(&value, data, (size_t)n);
	explicit_bzero(data, sizeof(data));
	if (value.failed)
		return pf_fail(err, ENOMEM, "out of memory");
	if (value.data && strlen(value.data) != value.len)
		return pf_fail(err, EINVAL, "there is a NUL character in %s", path);
	if (url && check_url(value.data, err))
		return -err->code;
	if (keep(secret, &value, PF_SECRET_SHOWN, arena, err))
		return -err->code;
	secret->path = pf_arena_strdup(arena, path);
	return secret->path ? 0 : pf_fail(err, ENOMEM, "out of memory");
}
