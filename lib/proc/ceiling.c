/* SPDX-License-Identifier: BSD-2-Clause */
/* Words of command lines that limit memory; see the header. Opens nothing. */
#include "lib/proc/ceiling.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/parse.h"

#define MEGABYTES "M"
#define SIZE_LEN  32
#define BYTES_MIN (1 << 20)
#define BYTES_MAX ((uint64_t)1 << 50)

#define MB ((int64_t)1 << 20)
/* What a JVM's heap may be without a word, scaled for 64 bits. */
#define JVM_BYTES (MB * 1248 / 10)
#define NODE_MIN  (256 * MB)
#define NODE_MAX  (4096 * MB)
#define NET_MIN	  (20 * MB)

enum place { WORD, NEXT_WORD, VARIABLE };
enum form { SIZE, PERCENT, HEX };

struct declaration {
	const char *program; /* what the command's name begins with; NULL = any */
	const char *word;    /* begins with this; NEXT_WORD: is this */
	const char *before;  /* of the size in the word: "malloc," */
	enum place place;
	const char *unit; /* of a bare number; "" = bytes */
	bool heap;
	const char *source;
	enum form form;
};

/* What comes later outdoes what came before. */
static const struct declaration all[] = {
	{ NULL, "-XX:MaxRAMPercentage=", "", WORD, "", true, "MaxRAMPercentage", PERCENT },
	{ NULL, "-XX:MaxHeapSize=", "", WORD, "", true, "MaxHeapSize", SIZE },
	{ NULL, "-Xmx", "", WORD, "", true, "-Xmx", SIZE },
	{ NULL, "--max-old-space-size=", "", WORD, MEGABYTES, true, "--max-old-space-size", SIZE },
	{ NULL, "--max_old_space_size=", "", WORD, MEGABYTES, true, "--max-old-space-size", SIZE },
	{ NULL, "GOMEMLIMIT=", "", VARIABLE, "", true, "GOMEMLIMIT", SIZE },
	{ NULL, "DOTNET_GCHeapHardLimit=", "", VARIABLE, "", true, "GCHeapHardLimit", HEX },
	{ "redis", "--maxmemory", "", NEXT_WORD, "", false, "maxmemory", SIZE },
	{ "valkey", "--maxmemory", "", NEXT_WORD, "", false, "maxmemory", SIZE },
	{ "memcached", "-m", "", NEXT_WORD, MEGABYTES, false, "-m", SIZE },
	{ "memcached", "--memory-limit=", "", WORD, MEGABYTES, false, "--memory-limit", SIZE },
	{ "mariadbd", "--innodb-buffer-pool-size=", "", WORD, "", false, "innodb-buffer-pool-size",
	  SIZE },
	{ "mysqld", "--innodb-buffer-pool-size=", "", WORD, "", false, "innodb-buffer-pool-size",
	  SIZE },
	{ "varnishd", "-s", "malloc,", NEXT_WORD, "", false, "-s malloc", SIZE },
};

/* One declaration looked for: its size is out's, if it makes sense. */
struct search {
	const struct declaration *d;
	const struct pf_around *around;
	struct pf_ceiling *out;
};

static bool begins(const char *s, size_t len, const char *with)
{
	size_t n = strlen(with);

	return len >= n && !memcmp(s, with, n);
}

static bool parse_hex(const char *text, uint64_t *bytes)
{
	char *end;

	if (!strcspn(text, "+- \t"))
		return false;
	*bytes = strtoull(text, &end, 16);
	return end != text && !*end && *bytes >= BYTES_MIN && *bytes <= BYTES_MAX;
}

static bool parse_percent(const struct pf_around *around, const char *text, uint64_t *bytes)
{
	int64_t of = around->container_bytes != PF_UNKNOWN ? around->container_bytes
							   : around->machine_bytes;
	double percent;

	if (of == PF_UNKNOWN || pf_parse_double(text, 0, 100, &percent))
		return false;
	*bytes = (uint64_t)(percent / 100 * (double)of);
	return *bytes >= BYTES_MIN;
}

static bool parse(const struct search *s, const char *text, uint64_t *bytes)
{
	if (s->d->form == PERCENT)
		return parse_percent(s->around, text, bytes);
	if (s->d->form == HEX)
		return parse_hex(text, bytes);
	return !pf_parse_size(text, BYTES_MIN, BYTES_MAX, bytes);
}

/* What the word is, up to its end or a comma. */
static void take_size(const struct search *s, const char *word, size_t len)
{
	char text[SIZE_LEN];
	uint64_t bytes;
	const char *comma = memchr(word, ',', len);
	size_t n = comma ? (size_t)(comma - word) : len;
	bool bare = n > 0 && word[n - 1] >= '0' && word[n - 1] <= '9';

	if (n + sizeof(MEGABYTES) > sizeof(text))
		return;
	snprintf(text, sizeof(text), "%.*s%s", (int)n, word, bare ? s->d->unit : "");
	if (parse(s, text, &bytes))
		*s->out = (struct pf_ceiling){ (int64_t)bytes, s->d->heap, s->d->source };
}

static void take_after(const struct search *s, const char *word, size_t len, size_t skip)
{
	if (!begins(word + skip, len - skip, s->d->before))
		return;
	skip += strlen(s->d->before);
	take_size(s, word + skip, len - skip);
}

/* One string at a time: its length, and where the next begins. */
static size_t string_length(const char *s, const char *end)
{
	const char *nul = memchr(s, '\0', (size_t)(end - s));

	return nul ? (size_t)(nul - s) : (size_t)(end - s);
}

/* The command's name without its directory. */
static size_t base_name(const char **name, size_t len)
{
	const char *slash = len ? memrchr(*name, '/', len) : NULL;

	if (!slash)
		return len;
	len -= (size_t)(slash + 1 - *name);
	*name = slash + 1;
	return len;
}

/* The last word counts, as it does for the programs. */
static void look(const struct search *s, const char *words, size_t len)
{
	const struct declaration *d = s->d;
	const char *end = words + len;
	bool next = false;

	for (size_t n; words < end; words += n + 1) {
		n = string_length(words, end);
		if (next)
			take_after(s, words, n, 0);
		next = d->place == NEXT_WORD && n == strlen(d->word) && begins(words, n, d->word);
		if (d->place != NEXT_WORD && begins(words, n, d->word))
			take_after(s, words, n, strlen(d->word));
	}
}

/* Words between blanks in a variable of the environment. */
static void look_in_variable(const struct search *s, const char *words, size_t len)
{
	const char *end = words + len;

	while (words < end) {
		const char *blank = memchr(words, ' ', (size_t)(end - words));
		size_t n = (size_t)((blank ? blank : end) - words);

		look(s, words, n);
		words += n + 1;
	}
}

static bool holds_options(const char *s, size_t n, size_t *skip)
{
	static const char *const names[] = { "JAVA_TOOL_OPTIONS=", "JDK_JAVA_OPTIONS=",
					     "NODE_OPTIONS=" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		*skip = strlen(names[i]);
		if (begins(s, n, names[i]))
			return true;
	}
	return false;
}

static void look_in_environ(const struct search *s, const char *environ, size_t len)
{
	const char *end = environ + len;

	for (size_t n, skip; environ < end; environ += n + 1) {
		n = string_length(environ, end);
		if (s->d->place == VARIABLE)
			look(s, environ, n);
		else if (s->d->place == WORD && !s->d->program && holds_options(environ, n, &skip))
			look_in_variable(s, environ + skip, n - skip);
	}
}

/* ---- what runtimes do by themselves ----------------------------------------- */

static int64_t most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t jvm_heap(const struct pf_around *around)
{
	int64_t room = around->container_bytes;
	int64_t heap = room / 2 < JVM_BYTES ? room / 2 : most(room / 4, JVM_BYTES);

	return around->as_bytes == PF_UNKNOWN ? heap : least(heap, around->as_bytes / 2);
}

static int64_t node_heap(const struct pf_around *around)
{
	return most(NODE_MIN, least(NODE_MAX, around->container_bytes / 2));
}

static int64_t net_heap(const struct pf_around *around)
{
	return most(NET_MIN, around->container_bytes / 4 * 3);
}

static void fit_in(const struct pf_around *around, const char *name, size_t len,
		   struct pf_ceiling *out)
{
	static const struct {
		const char *program;
		int64_t (*heap)(const struct pf_around *);
		const char *source;
	} runtimes[] = {
		{ "java", jvm_heap, "JVM in a cgroup" },
		{ "node", node_heap, "Node.js in a cgroup" },
		{ "dotnet", net_heap, ".NET in a cgroup" },
	};

	if (around->container_bytes == PF_UNKNOWN)
		return;
	for (size_t i = 0; i < sizeof(runtimes) / sizeof(runtimes[0]); i++) {
		if (len == strlen(runtimes[i].program) && begins(name, len, runtimes[i].program))
			*out = (struct pf_ceiling){ runtimes[i].heap(around), true,
						    runtimes[i].source };
	}
}

void pf_parse_ceiling(const char *cmdline, size_t cmdline_len, const char *environ,
		      size_t environ_len, const struct pf_around *around, struct pf_ceiling *out)
{
	const char *name = cmdline;
	size_t len = base_name(&name, string_length(cmdline, cmdline + cmdline_len));

	*out = (struct pf_ceiling){ PF_UNKNOWN, false, NULL };
	fit_in(around, name, len, out);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const struct search s = { &all[i], around, out };

		if (all[i].program && !begins(name, len, all[i].program))
			continue;
		look_in_environ(&s, environ, environ_len);
		if (all[i].place != VARIABLE)
			look(&s, cmdline, cmdline_len);
	}
}
