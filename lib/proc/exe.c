/* SPDX-License-Identifier: BSD-2-Clause */
/* The name of the file a process runs. Reads the link, never what it points to. */
#include "lib/proc/exe.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/proc/scan.h"

int pf_proc_exe(int root_fd, pid_t pid, char *dst, size_t size)
{
	char path[32];
	char target[PATH_MAX];
	struct pf_span name;
	const char *slash;
	ssize_t n;

	if (!size)
		return -ENAMETOOLONG;
	*dst = '\0';
	snprintf(path, sizeof(path), "%d/exe", pid);
	n = readlinkat(root_fd, path, target, sizeof(target));
	if (n < 0)
		return -errno;
	/* A cut link would give the name of a directory. */
	if ((size_t)n == sizeof(target))
		return -ENAMETOOLONG;
	name = pf_span_of(target, (size_t)n);
	pf_span_chop(&name, " (deleted)");
	slash = memrchr(name.p, '/', pf_span_len(name));
	if (slash)
		name.p = slash + 1;
	if (pf_span_len(name) >= size)
		return -ENAMETOOLONG;
	memcpy(dst, name.p, pf_span_len(name));
	dst[pf_span_len(name)] = '\0';
	return (int)pf_span_len(name);
}
