/* SPDX-License-Identifier: BSD-2-Clause */
/* Words of command lines that limit memory; see the header. Opens nothing. */
#include "lib/proc/ceiling.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/parse.h"

#define MEGABYTES "M"
#define SIZE_LEN  32
#define BYTES_MIN (1 << 20)
#define BYTES_MAX ((uint64_t)1 << 50)

enum place { WORD, NEXT_WORD, VARIABLE };

struct declaration {
	const char *program; /* what the command's name begins with; NULL = any */
	const char *word;    /* begins with this; NEXT_WORD: is this */
	const char *before;  /* of the size in the word: "malloc," */
	enum place place;
	const char *unit; /* of a bare number; "" = bytes */
	bool heap;
	const char *source;
};

static const struct declaration all[] = {
	{ NULL, "-Xmx", "", WORD, "", true, "-Xmx" },
	{ NULL, "--max-old-space-size=", "", WORD, MEGABYTES, true, "--max-old-space-size" },
	{ NULL, "--max_old_space_size=", "", WORD, MEGABYTES, true, "--max-old-space-size" },
	{ NULL, "GOMEMLIMIT=", "", VARIABLE, "", true, "GOMEMLIMIT" },
	{ "redis", "--maxmemory", "", NEXT_WORD, "", false, "maxmemory" },
	{ "valkey", "--maxmemory", "", NEXT_WORD, "", false, "maxmemory" },
	{ "memcached", "-m", "", NEXT_WORD, MEGABYTES, false, "-m" },
	{ "memcached", "--memory-limit=", "", WORD, MEGABYTES, false, "--memory-limit" },
	{ "mariadbd", "--innodb-buffer-pool-size=", "", WORD, "", false,
	  "innodb-buffer-pool-size" },
	{ "mysqld", "--innodb-buffer-pool-size=", "", WORD, "", false, "innodb-buffer-pool-size" },
	{ "varnishd", "-s", "malloc,", NEXT_WORD, "", false, "-s malloc" },
};

static bool begins(const char *s, size_t len, const char *with)
{
	size_t n = strlen(with);

	return len >= n && !memcmp(s, with, n);
}

/* The size that `s` is, up to its end or a comma. */
static bool take_size(const struct declaration *d, const char *s, size_t len,
		      struct pf_ceiling *out)
{
	char text[SIZE_LEN];
	uint64_t bytes;
	const char *comma = memchr(s, ',', len);
	size_t n = comma ? (size_t)(comma - s) : len;
	bool bare = n > 0 && s[n - 1] >= '0' && s[n - 1] <= '9';

	if (n + sizeof(MEGABYTES) > sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%.*s%s", (int)n, s, bare ? d->unit : "");
	if (pf_parse_size(text, BYTES_MIN, BYTES_MAX, &bytes))
		return false;
	*out = (struct pf_ceiling){ (int64_t)bytes, d->heap, d->source };
	return true;
}

static void take_after(const struct declaration *d, const char *s, size_t len, size_t skip,
		       struct pf_ceiling *out)
{
	if (!begins(s + skip, len - skip, d->before))
		return;
	skip += strlen(d->before);
	take_size(d, s + skip, len - skip, out);
}

/* One string at a time: its length, and where the next begins. */
static size_t string_length(const char *s, const char *end)
{
	const char *nul = memchr(s, '\0', (size_t)(end - s));

	return nul ? (size_t)(nul - s) : (size_t)(end - s);
}

static bool is_program(const struct declaration *d, const char *name, size_t len)
{
	const char *slash = len ? memrchr(name, '/', len) : NULL;

	if (!d->program)
		return true;
	return slash ? begins(slash + 1, (size_t)(name + len - slash - 1), d->program)
		     : begins(name, len, d->program);
}

/* The last word counts, as it does for the programs. */
static void look(const struct declaration *d, const char *s, size_t len, struct pf_ceiling *out)
{
	const char *end = s + len;
	bool next = false;

	for (size_t n; s < end; s += n + 1) {
		n = string_length(s, end);
		if (next)
			take_after(d, s, n, 0, out);
		next = d->place == NEXT_WORD && n == strlen(d->word) && begins(s, n, d->word);
		if (d->place != NEXT_WORD && begins(s, n, d->word))
			take_after(d, s, n, strlen(d->word), out);
	}
}

/* Words between blanks in a variable of the environment. */
static void look_in_variable(const struct declaration *d, const char *s, size_t len,
			     struct pf_ceiling *out)
{
	const char *end = s + len;

	while (s < end) {
		const char *blank = memchr(s, ' ', (size_t)(end - s));
		size_t n = (size_t)((blank ? blank : end) - s);

		look(d, s, n, out);
		s += n + 1;
	}
}

static bool holds_options(const char *s, size_t n, size_t *skip)
{
	static const char *const names[] = { "JAVA_TOOL_OPTIONS=", "NODE_OPTIONS=" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		*skip = strlen(names[i]);
		if (begins(s, n, names[i]))
			return true;
	}
	return false;
}

static void look_in_environ(const struct declaration *d, const char *s, size_t len,
			    struct pf_ceiling *out)
{
	const char *end = s + len;

	for (size_t n, skip; s < end; s += n + 1) {
		n = string_length(s, end);
		if (d->place == VARIABLE)
			look(d, s, n, out);
		else if (d->place == WORD && !d->program && holds_options(s, n, &skip))
			look_in_variable(d, s + skip, n - skip, out);
	}
}

void pf_parse_ceiling(const char *cmdline, size_t cmdline_len, const char *environ,
		      size_t environ_len, struct pf_ceiling *out)
{
	size_t name = string_length(cmdline, cmdline + cmdline_len);

	*out = (struct pf_ceiling){ PF_UNKNOWN, false, NULL };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const struct declaration *d = &all[i];

		if (!is_program(d, cmdline, name))
			continue;
		look_in_environ(d, environ, environ_len, out);
		if (d->place != VARIABLE)
			look(d, cmdline, cmdline_len, out);
	}
}
