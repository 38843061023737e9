/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Paths into another root are walked step by step without following links:
 * a link there may lead to a file of ours. Opened without blocking, so that a
 * FIFO keeps nobody.
 */
#include "lib/stack/foreign.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/stack/module.h"

#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* Takes fd. */
static int only_regular(int fd, struct stat *st)
{
	int ret = 0;

	if (fstat(fd, st))
		ret = -errno;
	else if (!S_ISREG(st->st_mode))
		ret = -EINVAL;
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

static int open_root(const char *proc_root, int64_t pid)
{
	char path[PATH_MAX];
	int root;

	snprintf(path, sizeof(path), "%s/%lld/root", proc_root, (long long)pid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? -errno : root;
}

/* By its system call: libcs have no name for it. */
int pf_foreign_file(const char *proc_root, int64_t pid, const char *path)
{
	const struct open_how how = { .flags = OPEN_FLAGS,
				      .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS };
	_cleanup_close_ int root = open_root(proc_root, pid);
	struct stat st;
	long fd;

	if (root < 0)
		return root;
	fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
	return fd < 0 ? -errno : only_regular((int)fd, &st);
}

int pf_foreign_memory(const char *proc_root, int64_t pid)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%lld/mem", proc_root, (long long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_tmp(const char *proc_root, int64_t pid)
{
	_cleanup_close_ int root = open_root(proc_root, pid);
	int tmp;

	if (root < 0)
		return root;
	tmp = openat(root, "tmp", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return tmp < 0 ? -errno : tmp;
}

int pf_foreign_perfmap(const char *proc_root, int64_t pid, int64_t nspid, uid_t uid)
{
	_cleanup_close_ int tmp = open_tmp(proc_root, pid);
	char name[64];
	struct stat st;
	int fd;

	if (tmp < 0)
		return tmp;
	snprintf(name, sizeof(name), "perf-%lld.map", (long long)nspid);
	fd = openat(tmp, name, OPEN_FLAGS | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	fd = only_regular(fd, &st);
	if (fd >= 0 && st.st_uid != uid && st.st_uid != 0) {
		close(fd);
		return -EPERM;
	}
	return fd;
}

char *pf_build_id_hex(char *dst, size_t size, const struct pf_build_id *id)
{
	dst[0] = '\0';
	for (size_t i = 0; i < id->len && i < PF_BUILD_ID_MAX && 2 * i + 3 <= size; i++)
		snprintf(dst + 2 * i, 3, "%02x", id->bytes[i]);
	return dst;
}

int pf_foreign_debug(const char *debug_root, const struct pf_build_id *id)
{
	char hex[2 * PF_BUILD_ID_MAX + 1], path[PATH_MAX];
	struct stat st;
	int len, fd;

	if (id->len < 2)
		return -ENOENT;
	pf_build_id_hex(hex, sizeof(hex), id);
	len = snprintf(path, sizeof(path), "%s/.build-id/%.2s/%s.debug", debug_root, hex, hex + 2);
	if (len < 0 || (size_t)len >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, OPEN_FLAGS);
	return fd < 0 ? -errno : only_regular(fd, &st);
}
