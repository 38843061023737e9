/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A private directory per test, made by setup and emptied by teardown. Holds
 * files only: refuses to descend, so a bug cannot delete anything else.
 */
#ifndef PF_TESTS_UNIT_TEMPDIR_H
#define PF_TESTS_UNIT_TEMPDIR_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tempdir {
	char path[64];
	char name[160]; /* last made by tempdir_file */
};

/* path/name, valid until the next call. */
static inline const char *tempdir_file(struct tempdir *t, const char *name)
{
	snprintf(t->name, sizeof(t->name), "%s/%s", t->path, name);
	return t->name;
}

static inline int tempdir_setup(void **state)
{
	struct tempdir *t = calloc(1, sizeof(*t));

	if (!t)
		return -1;
	strcpy(t->path, "/tmp/pf-unit-XXXXXX");
	if (!mkdtemp(t->path)) {
		free(t);
		return -1;
	}
	*state = t;
	return 0;
}

/* Entries in the directory, dot files included. */
static inline int tempdir_count(const struct tempdir *t)
{
	DIR *d = opendir(t->path);
	int n = -2; /* . and .. */

	if (!d)
		return -1;
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static inline int tempdir_teardown(void **state)
{
	struct tempdir *t = *state;
	DIR *d = opendir(t->path);
	struct dirent *e;

	chmod(t->path, 0700);
	while (d && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    unlinkat(dirfd(d), e->d_name, 0) != 0)
			unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	}
	if (d)
		closedir(d);
	rmdir(t->path);
	free(t);
	return 0;
}

#endif
