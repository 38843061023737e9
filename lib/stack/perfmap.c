/* SPDX-License-Identifier: BSD-2-Clause */
/* Perf maps: read whole, sorted once, looked up by address. */
#include "lib/stack/perfmap.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_BACK 64 /* older code that may reach over newer code's start */

struct code {
	uint64_t start;
	uint64_t size;
	const char *name; /* in the text */
	uint32_t order;
};

struct pf_perfmap {
	int fd;
	char *text;
	size_t len;
	struct timespec mtime;
	struct code *code;
	size_t n;
	size_t cap;
};

struct pf_perfmap *pf_perfmap__new(int fd)
{
	struct pf_perfmap *p = calloc(1, sizeof(*p));

	if (p)
		p->fd = fd;
	return p;
}

void pf_perfmap__free(struct pf_perfmap *p)
{
	if (!p)
		return;
	free(p->text);
	free(p->code);
	free(p);
}

/* A hexadecimal number up to a blank, which is taken. */
static bool take_hex(char **at, uint64_t *out)
{
	char *end;

	if (strncmp(*at, "0x", 2) == 0)
		*at += 2;
	/* strtoull would take blanks and signs. */
	if (!strchr("0123456789abcdefABCDEF", **at) || !**at)
		return false;
	errno = 0;
	*out = strtoull(*at, &end, 16);
	if (errno || *end != ' ')
		return false;
	*at = end + 1;
	return true;
}

/* Lines of another form are none, as those for which there is no memory. */
static void take_line(struct pf_perfmap *p, char *line)
{
	struct code c = { .order = (uint32_t)p->n };
	struct code *more;

	if (!take_hex(&line, &c.start) || !take_hex(&line, &c.size) || !*line || !c.size ||
	    c.start + c.size < c.start)
		return;
	c.name = line;
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 1024;

		more = reallocarray(p->code, cap, sizeof(*more));
		if (!more)
			return;
		p->code = more;
		p->cap = cap;
	}
	p->code[p->n++] = c;
}

static int by_start(const void *a, const void *b)
{
	const struct code *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* The last line may be half written: it is taken when it has its end. */
static void take_text(struct pf_perfmap *p)
{
	char *line = p->text, *end;

	p->n = 0;
	while ((end = memchr(line, '\n', (size_t)(p->text + p->len - line)))) {
		*end = '\0';
		take_line(p, line);
		line = end + 1;
	}
	if (p->n)
		qsort(p->code, p->n, sizeof(*p->code), by_start);
}

static size_t read_all(int fd, char *dst, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = pread(fd, dst + len, size - len, (off_t)len);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	return len;
}

void pf_perfmap__refresh(struct pf_perfmap *p)
{
	struct stat st;
	size_t size;
	char *text;

	if (fstat(p->fd, &st) || st.st_size <= 0)
		return;
	size = st.st_size < (off_t)PF_PERFMAP_MAX ? (size_t)st.st_size : PF_PERFMAP_MAX;
	if (size == p->len && st.st_mtim.tv_sec == p->mtime.tv_sec &&
	    st.st_mtim.tv_nsec == p->mtime.tv_nsec)
		return;
	text = realloc(p->text, size + 1);
	if (!text)
		return;
	p->text = text;
	p->len = read_all(p->fd, text, size);
	text[p->len] = '\0';
	p->mtime = st.st_mtim;
	take_text(p);
}

const char *pf_perfmap__find(const struct pf_perfmap *p, uint64_t address, uint64_t *start)
{
	const struct code *best = NULL;
	size_t low = 0, high = p->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (p->code[mid].start <= address)
			low = mid + 1;
		else
			high = mid;
	}
	for (size_t i = low; i-- > 0 && low - i <= LOOK_BACK;) {
		const struct code *c = &p->code[i];

		if (address - c->start < c->size && (!best || c->order > best->order))
			best = c;
	}
	if (!best)
		return NULL;
	*start = best->start;
	return best->name;
}
