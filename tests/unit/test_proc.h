/* SPDX-License-Identifier: BSD-2-Clause */
/* Directories that look like /proc, made and removed by a test. */
#ifndef PF_TESTS_UNIT_TEST_PROC_H
#define PF_TESTS_UNIT_TEST_PROC_H

#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define TEST_DATA "tests/data/proc/"

struct tree {
	char root[64];
};

static inline void tree_make(struct tree *t)
{
	snprintf(t->root, sizeof(t->root), "/tmp/pf-test-proc-XXXXXX");
	assert_non_null(mkdtemp(t->root));
}

static inline int tree_remove_one(const char *path, const struct stat *st, int type,
				  struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void tree_remove(struct tree *t)
{
	assert_int_equal(nftw(t->root, tree_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static inline const char *tree_path(const struct tree *t, const char *name, char dst[PATH_MAX])
{
	snprintf(dst, PATH_MAX, "%s/%s", t->root, name);
	return dst;
}

/* Write a file below the root, making its directories. */
static inline void tree_put_bytes(const struct tree *t, const char *name, const char *data,
				  size_t len)
{
	char path[PATH_MAX];
	FILE *f;

	tree_path(t, name, path);
	for (char *p = path + strlen(t->root) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(path, 0700);
		*p = '/';
	}
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static inline void tree_put(const struct tree *t, const char *name, const char *text)
{
	tree_put_bytes(t, name, text, strlen(text));
}

#endif
