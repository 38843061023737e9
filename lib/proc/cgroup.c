/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cache of cgroup names. One hash table in the order of last use, so that
 * its head is what may be forgotten first.
 */
#include "lib/proc/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HASH_NONFATAL_OOM 1 /* without memory an addition fails, not the program */
#include <uthash.h>

#include "lib/proc/cgpath.h"
#include "lib/proc/mounts.h"

#define FILE_MAX (1 << 17) /* 16 hierarchies, PATH_MAX each, twice over */

/* Kernel ids, or a path, with a letter before them that tells which. */
struct key {
	char bytes[1 + PF_CGROUP_PATH_MAX];
	size_t len;
};

struct entry {
	struct pf_cgroup_name name;
	uint64_t generation; /* of the last use */
	UT_hash_handle hh;
	char text[]; /* the key, then the strings */
};

struct pf_cgroups {
	int proc_fd;
	size_t max;
	bool units_apart;
	uint64_t generation;
	struct entry *entries;
	struct pf_cgroups_stats stats;
	struct pf_readbuf buf;
	struct pf_cgroup_mounts mounts;
};

/* A directory of cgroupfs has a link for each cgroup in it. */
static bool in_use(const struct pf_cgroup_mount *m)
{
	struct stat st;

	return m->point[0] && !stat(m->point, &st) && st.st_nlink > 2;
}

struct pf_cgroups *pf_cgroups__new(const char *root, size_t max_entries)
{
	struct pf_cgroups *c = calloc(1, sizeof(*c));
	int saved;

	if (!c)
		return NULL;
	c->proc_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->proc_fd < 0) {
		saved = errno;
		free(c);
		errno = saved;
		return NULL;
	}
	c->max = max_entries ? max_entries : PF_CGROUPS_DEFAULT;
	/* Without mounts names cannot be checked; they are no worse than anyone else's then. */
	pf_cgroup_mounts_read(c->proc_fd, &c->mounts);
	c->units_apart = in_use(&c->mounts.systemd) && !in_use(&c->mounts.unified);
	return c;
}

static void drop(struct pf_cgroups *c, struct entry *e)
{
	HASH_DEL(c->entries, e);
	free(e);
}

void pf_cgroups__free(struct pf_cgroups *c)
{
	if (!c)
		return;
	while (c->entries)
		drop(c, c->entries);
	pf_readbuf__free(&c->buf);
	close(c->proc_fd);
	free(c);
}

void pf_cgroups__sweep(struct pf_cgroups *c)
{
	c->generation++;
}

void pf_cgroups__stats(const struct pf_cgroups *c, struct pf_cgroups_stats *out)
{
	*out = c->stats;
	out->entries = HASH_COUNT(c->entries);
}

static void key_of_ids(struct key *k, uint64_t key1, uint64_t key2)
{
	k->bytes[0] = 'i';
	memcpy(k->bytes + 1, &key1, sizeof(key1));
	memcpy(k->bytes + 1 + sizeof(key1), &key2, sizeof(key2));
	k->len = 1 + sizeof(key1) + sizeof(key2);
}

static void key_of_path(struct key *k, struct pf_span path)
{
	k->bytes[0] = 'p';
	memcpy(k->bytes + 1, path.p, pf_span_len(path));
	k->len = 1 + pf_span_len(path);
}

static struct entry *insert(struct pf_cgroups *c, struct entry *e, size_t key_len)
{
	e->generation = c->generation;
	HASH_ADD_KEYPTR(hh, c->entries, e->text, key_len, e);
	if (e->hh.tbl)
		return e;
	free(e);
	return NULL;
}

static const struct pf_cgroup_name *find(struct pf_cgroups *c, const struct key *k)
{
	struct entry *e;

	HASH_FIND(hh, c->entries, k->bytes, k->len, e);
	if (e && e->generation != c->generation) {
		HASH_DEL(c->entries, e);
		e = insert(c, e, k->len);
	}
	return e ? &e->name : NULL;
}

static bool make_room(struct pf_cgroups *c)
{
	if (HASH_COUNT(c->entries) < c->max)
		return true;
	if (c->entries->generation == c->generation) {
		c->stats.overflow++;
		return false;
	}
	drop(c, c->entries);
	return true;
}

static const char *put(char **at, const char *s, size_t len)
{
	char *start = *at;

	if (!len)
		return NULL;
	memcpy(start, s, len);
	start[len] = '\0';
	*at = start + len + 1;
	return start;
}

static const struct pf_cgroup_name *add(struct pf_cgroups *c, const struct key *k,
					struct pf_span path, const struct pf_cgroup_parts *parts)
{
	size_t n_container = strlen(parts->container);
	size_t n_runtime = strlen(parts->runtime);
	size_t n_pod = strlen(parts->pod);
	struct entry *e;
	char *at;

	if (!make_room(c))
		return NULL;
	e = calloc(1,
		   sizeof(*e) + k->len + pf_span_len(path) + n_container + n_runtime + n_pod + 4);
	if (!e)
		return NULL;
	memcpy(e->text, k->bytes, k->len);
	at = e->text + k->len;
	e->name.path = put(&at, path.p, pf_span_len(path));
	e->name.container = put(&at, parts->container, n_container);
	e->name.runtime = put(&at, parts->runtime, n_runtime);
	e->name.pod = put(&at, parts->pod, n_pod);
	e = insert(c, e, k->len);
	return e ? &e->name : NULL;
}

static int read_lines(struct pf_cgroups *c, pid_t pid, struct pf_cgroup_lines *lines)
{
	char path[32];
	ssize_t n;

	snprintf(path, sizeof(path), "%d/cgroup", pid);
	c->stats.reads++;
	n = pf_readbuf__record(&c->buf, c->proc_fd, path, FILE_MAX);
	if (n < 0) {
		c->stats.gone++;
		return (int)n;
	}
	pf_parse_cgroup_file(c->buf.data, (size_t)n, lines);
	return 0;
}

/* Before 5.5 an id was the 32-bit inode number below a generation; since, they are one. */
static bool is_inode(uint64_t id, uint64_t inode)
{
	return id == inode || (inode <= UINT32_MAX && (uint32_t)id == inode);
}

/* False when this cannot be the cgroup with that id; true when it is, or nothing tells. */
static bool may_be(const struct pf_cgroup_mount *m, struct pf_span path, uint64_t id)
{
	char dir[PF_CGROUP_DIR_MAX];
	struct stat st;
	size_t base;

	if (!id || !path.p || pf_cgroup_dir(m, "", path, dir, &base) < 0)
		return true;
	if (stat(dir, &st))
		return errno != ENOENT;
	return is_inode(id, st.st_ino);
}

static const struct pf_cgroup_name *by_path(struct pf_cgroups *c, struct pf_span path)
{
	const struct pf_cgroup_name *name;
	struct pf_cgroup_parts parts;
	struct key k;

	if (!path.p)
		return NULL;
	key_of_path(&k, path);
	name = find(c, &k);
	if (name)
		return name;
	pf_parse_cgroup_path(path.p, pf_span_len(path), &parts);
	return add(c, &k, path, &parts);
}

/*
 * The ids stand for two hierarchies, so only these may give the name. The
 * exception are machines with v1 alone, where systemd has its units in a
 * hierarchy without controllers: there a process outside containers has to be
 * asked itself, and its answer holds for no other.
 */
static const struct pf_cgroup_name *resolve(struct pf_cgroups *c, const struct key *k,
					    const struct pf_cgroup_lines *lines)
{
	struct pf_cgroup_lines keyed = { .unified = lines->unified, .memory = lines->memory };
	struct pf_span path = pf_cgroup_choose(&keyed);
	struct pf_cgroup_parts parts;

	if (!path.p)
		return by_path(c, pf_cgroup_choose(lines));
	pf_parse_cgroup_path(path.p, pf_span_len(path), &parts);
	if (c->units_apart && (!parts.runtime[0] || !strcmp(parts.runtime, "systemd")))
		return by_path(c, pf_cgroup_choose(lines));
	return add(c, k, path, &parts);
}

const struct pf_cgroup_name *pf_cgroups__name(struct pf_cgroups *c, uint64_t key1, uint64_t key2,
					      pid_t pid)
{
	const struct pf_cgroup_name *name;
	struct pf_cgroup_lines lines;
	struct key k;

	if (key1 || key2) {
		key_of_ids(&k, key1, key2);
		name = find(c, &k);
		if (name)
			return name;
	}
	if (read_lines(c, pid, &lines))
		return NULL;
	if (!key1 && !key2)
		return by_path(c, pf_cgroup_choose(&lines));
	if (!may_be(&c->mounts.unified, lines.unified, key1) ||
	    !may_be(&c->mounts.memory, lines.memory, key2)) {
		c->stats.moved++;
		return NULL;
	}
	return resolve(c, &k, &lines);
}

bool pf_cgroup_memory_apart(const char *proc_root)
{
	struct pf_readbuf buf = { 0 };
	ssize_t n = pf_readbuf__below(&buf, proc_root, "self/cgroup", FILE_MAX);
	struct pf_cgroup_lines lines;

	pf_parse_cgroup_file(buf.data, n > 0 ? (size_t)n : 0, &lines);
	pf_readbuf__free(&buf);
	return lines.memory.p != NULL;
}
