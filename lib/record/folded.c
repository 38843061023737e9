/* SPDX-License-Identifier: BSD-2-Clause */
/* The heaviest of folded stacks. Makes no name printable: who shows them does. */
#include "lib/record/folded.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "lib/base/cleanup.h"
#include "lib/base/parse.h"

/* Keep it if it is among the heaviest; takes frames. */
static void rank(struct pf_folded *out, char *frames, int64_t bytes)
{
	size_t at = out->n_top;

	while (at > 0 && out->top[at - 1].bytes < bytes)
		at--;
	if (at == PF_FOLDED_TOP) {
		free(frames);
		return;
	}
	if (out->n_top == PF_FOLDED_TOP)
		free(out->top[--out->n_top].frames);
	memmove(&out->top[at + 1], &out->top[at], (out->n_top - at) * sizeof(out->top[0]));
	out->top[at] = (struct pf_folded_stack){ bytes, frames };
	out->n_top++;
}

/* "comm;frames BYTES": cuts the line and points to its parts. */
static bool split(char *line, size_t len, char **frames, int64_t *bytes)
{
	char *blank, *semicolon;
	uint64_t n;

	if (strlen(line) != len) /* a NUL byte in it */
		return false;
	blank = strrchr(line, ' ');
	semicolon = strchr(line, ';');
	if (!blank || !semicolon || semicolon > blank)
		return false;
	if (pf_parse_u64(blank + 1, 0, INT64_MAX, &n))
		return false;
	*blank = '\0';
	*frames = semicolon + 1;
	*bytes = (int64_t)n;
	return **frames != '\0';
}

static int take(struct pf_folded *out, char *line, size_t len)
{
	char *frames, *own;
	int64_t bytes;

	if (len > PF_FOLDED_LINE_MAX || !split(line, len, &frames, &bytes) ||
	    __builtin_add_overflow(out->bytes, bytes, &out->bytes)) {
		out->skipped++;
		return 0;
	}
	out->stacks++;
	if (out->n_top == PF_FOLDED_TOP && out->top[out->n_top - 1].bytes >= bytes)
		return 0;
	own = strdup(frames);
	if (!own)
		return -ENOMEM;
	rank(out, own, bytes);
	return 0;
}

/* Length of the next line, of which as much is in `line` as fits; -1 = no more. */
static ssize_t read_line(FILE *f, char *line)
{
	ssize_t len = 0;
	int c;

	while ((c = getc_unlocked(f)) != EOF && c != '\n') {
		if (len < PF_FOLDED_LINE_MAX)
			line[len] = (char)c;
		len++;
	}
	if (c == EOF && len == 0)
		return -1;
	line[len < PF_FOLDED_LINE_MAX ? len : PF_FOLDED_LINE_MAX] = '\0';
	return len;
}

int pf_folded_read(FILE *f, struct pf_folded *out)
{
	_cleanup_free_ char *line = malloc(PF_FOLDED_LINE_MAX + 1);
	ssize_t len;
	int ret = 0;

	*out = (struct pf_folded){ 0 };
	if (!line)
		return -ENOMEM;
	while (!ret && (len = read_line(f, line)) >= 0)
		ret = take(out, line, (size_t)len);
	return ret ? ret : ferror(f) ? -EIO : 0;
}

void pf_folded_free(struct pf_folded *folded)
{
	for (size_t i = 0; i < folded->n_top; i++)
		free(folded->top[i].frames);
	folded->n_top = 0;
}
