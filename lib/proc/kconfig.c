/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the kernel's configuration whole, plain or compressed. Judges no option. */
#include "lib/proc/kconfig.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "lib/proc/scan.h"

#define TEXT_MAX (4u << 20) /* today's are 300 KiB */

struct pf_kconfig {
	char path[PATH_MAX];
	char *text;
	size_t len;
};

/* The whole file, be it compressed or not. Length, or -errno. */
static ssize_t slurp(const char *path, char **text)
{
	gzFile f = gzopen(path, "re");
	char *data;
	int n;

	if (!f)
		return errno ? -errno : -ENOMEM;
	data = malloc(TEXT_MAX);
	n = data ? gzread(f, data, TEXT_MAX) : -1;
	gzclose(f);
	if (n > 0) {
		*text = data;
		return n;
	}
	free(data);
	return data ? -EBADMSG : -ENOMEM;
}

static int take(struct pf_kconfig *k)
{
	ssize_t n = slurp(k->path, &k->text);

	if (n < 0)
		return (int)n;
	k->len = (size_t)n;
	if (memmem(k->text, k->len, "CONFIG_", 7)) {
		char *fit = realloc(k->text, k->len);

		k->text = fit ? fit : k->text;
		return 0;
	}
	free(k->text);
	k->text = NULL;
	return -EBADMSG;
}

struct pf_kconfig *pf_kconfig__open(const char *proc_root, const char *boot_root,
				    const char *modules_root, const char *release)
{
	struct pf_kconfig *k = calloc(1, sizeof(*k));
	int ret = -ENOENT;

	if (!k)
		return NULL;
	for (int i = 0; i < 3 && (ret == -ENOENT || ret == -EBADMSG); i++) {
		int now;

		if (i == 0)
			snprintf(k->path, sizeof(k->path), "%s/config.gz", proc_root);
		else if (i == 1)
			snprintf(k->path, sizeof(k->path), "%s/config-%s", boot_root, release);
		else
			snprintf(k->path, sizeof(k->path), "%s/%s/config", modules_root, release);
		now = take(k);
		if (!now)
			return k;
		/* One that is there but no good says more than one that is missing. */
		if (now != -ENOENT || ret == -ENOENT)
			ret = now;
	}
	free(k);
	errno = -ret;
	return NULL;
}

void pf_kconfig__close(struct pf_kconfig *k)
{
	if (!k)
		return;
	free(k->text);
	free(k);
}

const char *pf_kconfig__path(const struct pf_kconfig *k)
{
	return k->path;
}

const char *pf_kconfig__get(const struct pf_kconfig *k, const char *name, char *dst, size_t size)
{
	struct pf_span rest = pf_span_of(k->text, k->len), line;

	snprintf(dst, size, "n");
	while (pf_span_line(&rest, &line)) {
		if (pf_span_skip(&line, "CONFIG_") && pf_span_skip(&line, name) &&
		    pf_span_skip(&line, "=")) {
			snprintf(dst, size, "%.*s", (int)pf_span_len(line), line.p);
			return dst;
		}
	}
	return dst;
}
