/* SPDX-License-Identifier: BSD-2-Clause */
/* Adds up mappings by kind. The kernel walks all page tables for it: not for every interval. */
#include "lib/proc/smaps.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"

#define LINES_MAX (32 << 20) /* 65,530 mappings have 1.6 million lines */

const char *pf_map_kind_name(enum pf_map_kind kind)
{
	static const char *const names[PF_MAP_KINDS] = { "heap", "stack", "anonymous", "files",
							 "shared" };

	return names[kind];
}

static bool begins(struct pf_span s, const char *text)
{
	return pf_span_skip(&s, text);
}

static enum pf_map_kind kind_of(struct pf_span path)
{
	if (!pf_span_len(path) || begins(path, "[anon:"))
		return PF_MAP_ANON;
	if (begins(path, "[heap]"))
		return PF_MAP_HEAP;
	if (begins(path, "[stack"))
		return PF_MAP_STACK;
	if (begins(path, "/memfd:") || begins(path, "/dev/zero") || begins(path, "/SYSV") ||
	    begins(path, "/dev/shm/") || begins(path, "[anon_shmem"))
		return PF_MAP_SHMEM;
	return PF_MAP_FILE;
}

/* "7f0c4000-7f0c5000 rw-p 00000000 00:00 0   [heap]": its keys begin with a capital. */
static bool see_head(struct pf_smaps *s, struct pf_span line)
{
	struct pf_span word, rest = line;

	if (line.p == line.end || !isxdigit((unsigned char)*line.p) ||
	    isupper((unsigned char)*line.p))
		return false;
	for (int i = 0; i < 5; i++) {
		if (!pf_span_word(&rest, &word))
			return false;
	}
	while (rest.p < rest.end && *rest.p == ' ')
		rest.p++;
	s->kind = kind_of(rest);
	s->mappings++;
	return true;
}

void pf_smaps_see(struct pf_smaps *s, struct pf_span line)
{
	const struct {
		const char *key;
		int64_t *sum;
	} keys[] = {
		{ "Size:", &s->size_bytes[s->kind] },
		{ "Rss:", &s->rss_bytes[s->kind] },
		{ "Swap:", &s->swap_bytes },
		{ "AnonHugePages:", &s->huge_bytes },
	};
	int64_t kb;

	if (see_head(s, line))
		return;
	for (size_t i = 0; i < PF_ARRAY_SIZE(keys); i++) {
		struct pf_span rest = line;

		if (pf_span_skip(&rest, keys[i].key) && pf_span_count(&rest, &kb)) {
			if (__builtin_add_overflow(*keys[i].sum, pf_scale_bytes(kb, 1024),
						   keys[i].sum))
				*keys[i].sum = INT64_MAX;
			return;
		}
	}
}

int pf_smaps_read(const char *proc_root, pid_t pid, struct pf_smaps *out)
{
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *line = NULL;
	char path[PATH_MAX + 32];
	size_t cap = 0;
	ssize_t n;

	memset(out, 0, sizeof(*out));
	snprintf(path, sizeof(path), "%s/%d/smaps", proc_root, pid);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	errno = 0;
	for (int i = 0; i < LINES_MAX && (n = getline(&line, &cap, f)) > 0; i++)
		pf_smaps_see(out, pf_span_of(line, (size_t)n - (line[n - 1] == '\n')));
	if (ferror(f))
		return errno ? -errno : -EIO;
	/* A process of others opens, and has nothing to read. */
	return out->mappings ? 0 : -ESRCH;
}
