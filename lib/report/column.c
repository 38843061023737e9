/* SPDX-License-Identifier: BSD-2-Clause */
/* Choosing columns. Refuses unknown names instead of leaving them out. */
#include "lib/report/column.h"

#include <errno.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/parse.h"

static bool set_has(const struct pf_column_set *set, size_t index)
{
	for (size_t i = 0; i < set->n; i++) {
		if (set->index[i] == index)
			return true;
	}
	return false;
}

static void set_add(struct pf_column_set *set, size_t index)
{
	if (set->n < PF_ARRAY_SIZE(set->index) && !set_has(set, index))
		set->index[set->n++] = index;
}

static void set_take(struct pf_column_set *set, size_t index)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->n; i++) {
		if (set->index[i] != index)
			set->index[kept++] = set->index[i];
	}
	set->n = kept;
}

void pf_columns_default(const struct pf_column *cols, size_t n, struct pf_column_set *set)
{
	set->n = 0;
	for (size_t i = 0; i < n; i++) {
		if (cols[i].table)
			set_add(set, i);
	}
}

void pf_columns_all(const struct pf_column *cols, size_t n, struct pf_column_set *set)
{
	(void)cols;
	set->n = 0;
	for (size_t i = 0; i < n; i++)
		set_add(set, i);
}

int pf_columns_find(const struct pf_column *cols, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(cols[i].field.key, key) == 0)
			return (int)i;
	}
	return -1;
}

static int unknown_column(const char *name, const struct pf_column *cols, size_t n,
			  struct pf_error *err)
{
	const char *keys[PF_ARRAY_SIZE(((struct pf_column_set *)0)->index) + 1] = { NULL };
	const char *near;

	for (size_t i = 0; i < n && i + 1 < PF_ARRAY_SIZE(keys); i++)
		keys[i] = cols[i].field.key;
	near = pf_nearest(name, keys);
	if (near)
		return pf_fail(err, EINVAL,
			       "unknown column '%s': did you mean '%s'? (--columns help lists all)",
			       name, near);
	return pf_fail(err, EINVAL, "unknown column '%s' (--columns help lists all)", name);
}

/* One name of the list with its sign, if it has one. */
static int apply(const char *item, size_t len, const struct pf_column *cols, size_t n,
		 struct pf_column_set *set, struct pf_error *err)
{
	bool take = *item == '-';
	char name[64];
	int index;

	if (len > 0 && (take || *item == '+')) {
		item++;
		len--;
	}
	if (len == 0)
		return pf_fail(err, EINVAL, "a column's name is empty (--columns help lists all)");
	if (len >= sizeof(name))
		len = sizeof(name) - 1;
	memcpy(name, item, len);
	name[len] = '\0';
	index = pf_columns_find(cols, n, name);
	if (index < 0)
		return unknown_column(name, cols, n, err);
	if (take)
		set_take(set, (size_t)index);
	else
		set_add(set, (size_t)index);
	return 0;
}

int pf_columns_parse(const char *list, const struct pf_column *cols, size_t n,
		     struct pf_column_set *set, struct pf_error *err)
{
	struct pf_column_set chosen = *set;

	if (*list != '+' && *list != '-')
		chosen.n = 0;
	for (;;) {
		size_t len = strcspn(list, ",");
		int rc = apply(list, len, cols, n, &chosen, err);

		if (rc)
			return rc;
		if (!list[len])
			break;
		list += len + 1;
	}
	if (chosen.n == 0)
		return pf_fail(err, EINVAL, "no column is left (--columns help lists all)");
	*set = chosen;
	return 0;
}

int pf_columns_parse_one(const char *key, const struct pf_column *cols, size_t n,
			 struct pf_error *err)
{
	struct pf_column_set one = { 0 };
	int ret;

	if (*key == '+' || *key == '-' || strchr(key, ','))
		return pf_fail(err, EINVAL, "give one column (--columns help lists all)");
	ret = pf_columns_parse(key, cols, n, &one, err);
	return ret ? ret : (int)one.index[0];
}
