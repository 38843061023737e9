/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each symbol is a candidate for the first address that is not below it; when
 * all are read, addresses after that one get it, too, unless they have a
 * nearer one.
 */
#include "lib/stack/ksyms.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

#define LINE_MAX_BYTES 1024
/* From the last symbol on there may be anything: no function is so long. */
#define REACH_BYTES (1u << 20)

struct pf_ksyms {
	int fd;
	bool hidden;
};

struct pf_ksyms *pf_ksyms__new(const char *proc_root)
{
	struct pf_ksyms *k = calloc(1, sizeof(*k));
	char path[PATH_MAX];

	if (!k)
		return NULL;
	snprintf(path, sizeof(path), "%s/kallsyms", proc_root);
	k->fd = open(path, O_RDONLY | O_CLOEXEC);
	return k;
}

void pf_ksyms__free(struct pf_ksyms *k)
{
	if (!k)
		return;
	if (k->fd >= 0)
		close(k->fd);
	free(k);
}

bool pf_ksyms__hidden(const struct pf_ksyms *k)
{
	return k->hidden;
}

/* The first of the wanted that is not below the address; n = none. */
static size_t first_from(const struct pf_ksym *wanted, size_t n, uint64_t address)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (wanted[mid].address < address)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* A word up to a blank, of at most size - 1 bytes. */
static void copy_word(char *dst, size_t size, const char *src)
{
	size_t len = strcspn(src, " \t\n");

	if (len >= size)
		len = size - 1;
	memcpy(dst, src, len);
	dst[len] = '\0';
}

/* "ffffffff81000000 T _text" or "ffffffffc0000000 t name\t[module]". True: it shows an address. */
static bool take_line(const char *line, struct pf_ksym *wanted, size_t n)
{
	char *rest;
	const uint64_t address = strtoull(line, &rest, 16);
	const char *module;
	struct pf_ksym *k;
	size_t i;

	if (rest == line || rest[0] != ' ' || !strchr("tTwW", rest[1]) || rest[2] != ' ' ||
	    !address)
		return false;
	i = first_from(wanted, n, address);
	k = &wanted[i];
	if (i == n || (k->name[0] && k->start >= address))
		return true;
	k->start = address;
	copy_word(k->name, sizeof(k->name), rest + 3);
	module = strchr(rest + 3, '[');
	copy_word(k->module, sizeof(k->module), module ? module : "");
	return true;
}

static void spread(struct pf_ksym *wanted, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		const struct pf_ksym *before = &wanted[i - 1];

		if (before->name[0] && (!wanted[i].name[0] || wanted[i].start < before->start)) {
			uint64_t address = wanted[i].address;

			wanted[i] = *before;
			wanted[i].address = address;
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (wanted[i].address - wanted[i].start > REACH_BYTES)
			wanted[i].name[0] = '\0';
	}
}

void pf_ksyms__find(struct pf_ksyms *k, struct pf_ksym *wanted, size_t n)
{
	_cleanup_fclose_ FILE *f = NULL;
	char line[LINE_MAX_BYTES];
	bool shown = false;
	int fd;

	for (size_t i = 0; i < n; i++)
		wanted[i].name[0] = wanted[i].module[0] = '\0';
	if (k->fd < 0 || lseek(k->fd, 0, SEEK_SET) < 0) {
		k->hidden = true;
		return;
	}
	fd = fcntl(k->fd, F_DUPFD_CLOEXEC, 0);
	f = fd < 0 ? NULL : fdopen(fd, "r");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f))
		shown |= take_line(line, wanted, n);
	k->hidden = !shown;
	spread(wanted, n);
}
