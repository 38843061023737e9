/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owner and mode of a file and of all that its path goes through: the path is
 * walked as the kernel does it, one name after the other.
 */
#include "lib/base/trust.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/error.h"

#define LINKS_MAX 40 /* as the kernel */

/* Half way along a path. */
struct walk {
	uid_t owner;
	char here[PATH_MAX]; /* the way so far, without links; "" = the root */
	char rest[PATH_MAX];
	unsigned int links;
	struct stat st; /* of here */
	struct pf_error *err;
};

static bool is_owned(const struct stat *st, uid_t owner)
{
	return !st->st_uid || st->st_uid == owner;
}

static int check_stat(const struct stat *st, const char *path, uid_t owner, struct pf_error *err)
{
	/* In a sticky directory others cannot replace what is not theirs. */
	const bool sticky = S_ISDIR(st->st_mode) && st->st_mode & S_ISVTX;

	if (!is_owned(st, owner))
		return pf_fail(err, EPERM, "%s belongs to another user (uid %u)", path, st->st_uid);
	if (st->st_mode & (S_IWGRP | S_IWOTH) && !sticky)
		return pf_fail(err, EPERM, "%s may be written by others (mode %04o)", path,
			       st->st_mode & 07777);
	return 0;
}

/* ---- the way ---------------------------------------------------------------- */

static int too_long(struct walk *w)
{
	return pf_fail(w->err, ENAMETOOLONG, "the path is too long");
}

static int look(struct walk *w)
{
	const char *path = *w->here ? w->here : "/";

	if (lstat(path, &w->st))
		return pf_fail(w->err, errno, "cannot look at %s: %s", path, strerror(errno));
	/* A link has no mode; others can replace it only where they can do so with a directory. */
	if (!S_ISLNK(w->st.st_mode))
		return check_stat(&w->st, path, w->owner, w->err);
	if (!is_owned(&w->st, w->owner))
		return pf_fail(w->err, EPERM,
			       "the symbolic link %s belongs to another user (uid %u)", path,
			       w->st.st_uid);
	return 0;
}

/* The last name of the way so far is taken off. */
static void go_up(struct walk *w)
{
	char *slash = strrchr(w->here, '/');

	if (slash)
		*slash = '\0';
}

/* From here on the way is where the link leads, and what was left. */
static int follow(struct walk *w)
{
	char to[PATH_MAX], rest[PATH_MAX];
	ssize_t len = readlink(w->here, to, sizeof(to) - 1);

	if (len < 0)
		return pf_fail(w->err, errno, "cannot read the link %s: %s", w->here,
			       strerror(errno));
	if (++w->links > LINKS_MAX)
		return pf_fail(w->err, ELOOP, "%s: too many symbolic links", w->here);
	to[len] = '\0';
	if (snprintf(rest, sizeof(rest), "%s/%s", to, w->rest) >= (int)sizeof(rest))
		return too_long(w);
	memcpy(w->rest, rest, sizeof(rest));
	if (*to == '/')
		w->here[0] = '\0';
	else
		go_up(w);
	return 0;
}

/* Take the next name off the rest. False = there is none. */
static bool next_name(struct walk *w, char name[NAME_MAX + 1])
{
	const char *from = w->rest + strspn(w->rest, "/");
	size_t len = strcspn(from, "/");

	snprintf(name, NAME_MAX + 1, "%.*s", (int)len, from);
	memmove(w->rest, from + len, strlen(from + len) + 1);
	return len;
}

static int enter(struct walk *w, const char *name)
{
	size_t len = strlen(w->here);
	int ret;

	if (!strcmp(name, "."))
		return 0;
	if (!strcmp(name, "..")) {
		go_up(w);
		return look(w);
	}
	if (snprintf(w->here + len, sizeof(w->here) - len, "/%s", name) >=
	    (int)(sizeof(w->here) - len))
		return too_long(w);
	ret = look(w);
	return ret || !S_ISLNK(w->st.st_mode) ? ret : follow(w);
}

/* Absolute, so that the directories above the working one are seen, too. */
static int begin(struct walk *w, const char *path)
{
	char base[PATH_MAX] = "";

	if (*path != '/' && !getcwd(base, sizeof(base)))
		return pf_fail(w->err, errno, "cannot find the working directory: %s",
			       strerror(errno));
	if (snprintf(w->rest, sizeof(w->rest), "%s/%s", base, path) >= (int)sizeof(w->rest))
		return too_long(w);
	return look(w);
}

static int walk(struct walk *w, const char *path)
{
	char name[NAME_MAX + 1];
	int ret = begin(w, path);

	while (!ret && next_name(w, name))
		ret = enter(w, name);
	return ret;
}

int pf_trust_check(int fd, const char *path, uid_t owner, struct pf_error *err)
{
	struct walk w = { .owner = owner, .err = err };
	const char *name = path ? path : "standard input";
	struct stat st;
	int ret;

	if (fstat(fd, &st))
		return pf_fail(err, errno, "cannot look at %s: %s", name, strerror(errno));
	ret = check_stat(&st, name, owner, err);
	if (ret || !path || !S_ISREG(st.st_mode))
		return ret;
	ret = walk(&w, path);
	if (!ret && (w.st.st_dev != st.st_dev || w.st.st_ino != st.st_ino))
		return pf_fail(err, EPERM, "%s leads somewhere else by now", path);
	return ret;
}
