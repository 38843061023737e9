/* SPDX-License-Identifier: BSD-2-Clause */
/* Owner and mode of a file and of every directory above it. */
#include "lib/base/trust.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"

static int check_stat(const struct stat *st, const char *path, struct pf_error *err)
{
	/* In a sticky directory others cannot replace what is not theirs. */
	const bool sticky = S_ISDIR(st->st_mode) && st->st_mode & S_ISVTX;

	if (st->st_uid && st->st_uid != geteuid())
		return pf_fail(err, EPERM, "%s belongs to another user (uid %u)", path, st->st_uid);
	if (st->st_mode & (S_IWGRP | S_IWOTH) && !sticky)
		return pf_fail(err, EPERM, "%s may be written by others (mode %04o)", path,
			       st->st_mode & 07777);
	return 0;
}

/* The directories on the way, the last one first. */
static int check_above(char *path, struct pf_error *err)
{
	struct stat st;

	for (char *slash = strrchr(path, '/'); slash; slash = strrchr(path, '/')) {
		slash[slash == path] = '\0';
		if (stat(path, &st))
			return pf_fail(err, errno, "cannot look at %s: %s", path, strerror(errno));
		if (check_stat(&st, path, err))
			return -err->code;
		if (slash == path)
			break;
	}
	return 0;
}

int pf_trust_check(int fd, const char *path, struct pf_error *err)
{
	_cleanup_free_ char *real = NULL;
	struct stat st;

	if (fstat(fd, &st))
		return pf_fail(err, errno, "cannot look at %s: %s", path, strerror(errno));
	if (check_stat(&st, path, err))
		return -err->code;
	if (!S_ISREG(st.st_mode))
		return 0;
	real = realpath(path, NULL);
	if (!real)
		return pf_fail(err, errno, "cannot find %s: %s", path, strerror(errno));
	return check_above(real, err);
}
