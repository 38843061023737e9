/* SPDX-License-Identifier: BSD-2-Clause */
/* Paths of our own programs. Runs nothing. */
#include "lib/base/installed.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "paths.h"
#include "lib/base/cleanup.h"

static int runnable(const char *path)
{
	return access(path, X_OK) ? -errno : 0;
}

/* The directory of this program's file. */
static int own_directory(char *dst, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", dst, size);
	char *slash;

	if (n < 0)
		return -errno;
	if ((size_t)n == size)
		return -ENAMETOOLONG;
	dst[n] = '\0';
	slash = strrchr(dst, '/');
	if (!slash)
		return -ENOENT;
	*slash = '\0';
	return 0;
}

static int beside(char *dst, size_t size, const char *way, const char *name)
{
	char directory[PATH_MAX];
	int ret = own_directory(directory, sizeof(directory));
	int len;

	if (ret)
		return ret;
	len = snprintf(dst, size, "%s/%s%s", directory, way, name);
	return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : runnable(dst);
}

int pf_installed_tool(char *dst, size_t size, const char *name)
{
	return beside(dst, size, "", name);
}

int pf_installed_helper(char *dst, size_t size, const char *name)
{
	static const char *const ways[] = { "../libexec/", "../libexec/pftools/" };
	int len;

	for (size_t i = 0; i < PF_ARRAY_SIZE(ways); i++) {
		if (!beside(dst, size, ways[i], name))
			return 0;
	}
	len = snprintf(dst, size, "%s/%s", PF_LIBEXECDIR, name);
	return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : runnable(dst);
}
