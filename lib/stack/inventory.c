/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Modules stay for good, since traces name them; of the map tables the one
 * that was not used for longest makes room. An id of those is a slot and how
 * often that was given out, so that an old one finds nothing.
 */
#include "lib/stack/inventory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#define HASH_NONFATAL_OOM 1 /* without memory an addition fails, not the program */
#include <uthash.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/stack/foreign.h"
#include "lib/stack/keeper.h"
#include "lib/stack/ranges.h"

#define SLOT_BITS      12
#define PERFMAP_LOOK_S 1.0 /* between two looks for a perf map */
#define DELETED	       " (deleted)"

_Static_assert(PF_PROCESSES_MAX == 1 << SLOT_BITS, "a slot fits into an id");

struct keyed_module {
	struct pf_module_key key;
	uint32_t id;
	UT_hash_handle hh;
};

struct maps_key {
	int64_t pid;
	uint64_t start_ns;
};

struct slot {
	struct pf_known_maps maps;
	struct maps_key key;
	bool used;
	bool stale;	/* the child was told of who had it, and not that it is empty */
	uint32_t given; /* how often */
	UT_hash_handle hh;
};

struct pf_inventory {
	const char *proc_root;
	const char *debug_root;
	struct pf_known_module *modules; /* from 1 on */
	uint32_t n_modules;
	struct keyed_module *by_key;
	struct slot *slots; /* PF_PROCESSES_MAX */
	struct slot *by_owner;
	size_t n_ranges; /* in all slots */
	size_t n_stale;
	uint64_t uses;
};

struct pf_inventory *pf_inventory__new(const char *proc_root, const char *debug_root)
{
	struct pf_inventory *inv = calloc(1, sizeof(*inv));

	if (!inv)
		return NULL;
	inv->proc_root = proc_root;
	inv->debug_root = debug_root;
	inv->modules = calloc(PF_MODULES_MAX + 1, sizeof(*inv->modules));
	inv->slots = calloc(PF_PROCESSES_MAX, sizeof(*inv->slots));
	if (inv->modules && inv->slots)
		return inv;
	pf_inventory__free(inv);
	return NULL;
}

static void close_if(int fd)
{
	if (fd >= 0)
		close(fd);
}

void pf_inventory__free(struct pf_inventory *inv)
{
	struct keyed_module *k, *next;

	if (!inv)
		return;
	HASH_ITER (hh, inv->by_key, k, next) {
		HASH_DEL(inv->by_key, k);
		free(k);
	}
	HASH_CLEAR(hh, inv->by_owner);
	for (uint32_t i = 1; inv->modules && i <= inv->n_modules; i++) {
		free(inv->modules[i].name);
		close_if(inv->modules[i].fd);
		close_if(inv->modules[i].debug);
		close_if(inv->modules[i].shared);
	}
	for (size_t i = 0; inv->slots && i < PF_PROCESSES_MAX; i++) {
		free(inv->slots[i].maps.ranges);
		if (inv->slots[i].used)
			close_if(inv->slots[i].maps.memory);
	}
	free(inv->modules);
	free(inv->slots);
	free(inv);
}

/* ---- modules --------------------------------------------------------------- */

static struct keyed_module *keyed(struct pf_inventory *inv, const struct pf_module_key *key)
{
	struct keyed_module *m;

	HASH_FIND(hh, inv->by_key, key, sizeof(*key), m);
	return m;
}

uint32_t pf_inventory__find_module(struct pf_inventory *inv, const struct pf_module_key *key)
{
	const struct keyed_module *m = keyed(inv, key);

	return m ? m->id : PF_MODULE_NONE;
}

static int key_of(int fd, struct pf_module_key *key)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	*key = (struct pf_module_key){ .dev = st.st_dev,
				       .ino = st.st_ino,
				       .size_bytes = (uint64_t)st.st_size,
				       .mtime_ns = st.st_mtim.tv_sec * INT64_C(1000000000) +
						   st.st_mtim.tv_nsec };
	return 0;
}

/* Takes neither fd nor key if it fails. */
static int64_t append_module(struct pf_inventory *inv, const char *name, int fd)
{
	const size_t len = strlen(name), suffix = strlen(DELETED);
	struct pf_known_module m = { .fd = fd, .debug = -1, .shared = -1 };

	if (inv->n_modules == PF_MODULES_MAX)
		return -ENFILE;
	m.name = strdup(name);
	if (!m.name)
		return -ENOMEM;
	if (len > suffix && strcmp(name + len - suffix, DELETED) == 0)
		m.name[len - suffix] = '\0';
	inv->modules[++inv->n_modules] = m;
	return inv->n_modules;
}

static int64_t add_keyed(struct pf_inventory *inv, const struct pf_module_key *key,
			 const char *name, int fd)
{
	struct keyed_module *m = calloc(1, sizeof(*m));
	int64_t id = m ? append_module(inv, name, fd) : -ENOMEM;

	if (id < 0) {
		free(m);
		return id;
	}
	m->key = *key;
	m->id = (uint32_t)id;
	HASH_ADD(hh, inv->by_key, key, sizeof(m->key), m);
	if (!keyed(inv, key)) { /* uthash had no memory: it is added again next time */
		free(m);
	}
	return id;
}

int64_t pf_inventory__add_module(struct pf_inventory *inv, const char *name, int fd)
{
	struct pf_module_key key;
	int64_t id = key_of(fd, &key);

	if (!id) {
		id = pf_inventory__find_module(inv, &key);
		if (id != PF_MODULE_NONE) {
			close(fd);
			return id;
		}
		id = add_keyed(inv, &key, name, fd);
	}
	if (id < 0)
		close(fd);
	return id;
}

struct pf_known_module *pf_inventory__module(struct pf_inventory *inv, uint32_t id)
{
	return id >= 1 && id <= inv->n_modules ? &inv->modules[id] : NULL;
}

/* ---- map tables ------------------------------------------------------------ */

static struct slot *slot_of(struct pf_inventory *inv, uint32_t id)
{
	struct slot *s = &inv->slots[id & (PF_PROCESSES_MAX - 1)];

	return s->used && s->maps.id == id ? s : NULL;
}

struct pf_known_maps *pf_inventory__maps(struct pf_inventory *inv, uint32_t process)
{
	struct slot *s = slot_of(inv, process);

	if (!s)
		return NULL;
	s->maps.used = ++inv->uses;
	return &s->maps;
}

static void empty(struct pf_inventory *inv, struct slot *s)
{
	HASH_DEL(inv->by_owner, s);
	inv->n_ranges -= s->maps.n;
	if (s->maps.told_life && !s->stale) {
		s->stale = true;
		inv->n_stale++;
	}
	free(s->maps.ranges);
	close_if(s->maps.memory);
	s->maps = (struct pf_known_maps){ .memory = -1 };
	s->used = false;
}

void pf_inventory__forget_maps(struct pf_inventory *inv, uint32_t process)
{
	struct slot *s = slot_of(inv, process);

	if (s)
		empty(inv, s);
}

/* Of all but `but`; NULL = there is no other. */
static struct slot *not_used_for_longest(struct pf_inventory *inv, const struct slot *but)
{
	struct slot *oldest = NULL, *s, *next;

	HASH_ITER (hh, inv->by_owner, s, next) {
		if (s != but && (!oldest || s->maps.used < oldest->maps.used))
			oldest = s;
	}
	return oldest;
}

/* One that is free, or the one that was not used for longest, emptied. */
static struct slot *make_room(struct pf_inventory *inv)
{
	struct slot *oldest;

	for (size_t i = 0; i < PF_PROCESSES_MAX; i++) {
		if (!inv->slots[i].used)
			return &inv->slots[i];
	}
	oldest = not_used_for_longest(inv, NULL);
	empty(inv, oldest);
	return oldest;
}

static void make_room_for_ranges(struct pf_inventory *inv, const struct slot *but)
{
	while (inv->n_ranges > PF_RANGES_ALL_MAX) {
		struct slot *oldest = not_used_for_longest(inv, but);

		if (!oldest)
			return;
		empty(inv, oldest);
	}
}

static struct slot *add_owner(struct pf_inventory *inv, const struct maps_key *key)
{
	struct slot *s = make_room(inv), *found;

	s->key = *key;
	HASH_ADD(hh, inv->by_owner, key, sizeof(s->key), s);
	HASH_FIND(hh, inv->by_owner, key, sizeof(*key), found);
	if (!found)
		return NULL;
	s->used = true;
	s->maps.memory = -1;
	/* Never 0. */
	s->given = (s->given + 1) & ((1U << (32 - SLOT_BITS)) - 1);
	if (!s->given)
		s->given = 1;
	s->maps.id = s->given << SLOT_BITS | (uint32_t)(s - inv->slots);
	return s;
}

static bool is_jvm(const struct pf_known_module *m)
{
	const char *name = m ? strrchr(m->name, '/') : NULL;

	return name && strcmp(name, "/libjvm.so") == 0;
}

/* Its code can be followed by what is in its memory only: now, while it lives. */
static void look_for_jvm(struct pf_inventory *inv, struct pf_known_maps *maps)
{
	close_if(maps->memory);
	maps->memory = -1;
	maps->jvm = PF_MODULE_NONE;
	for (size_t i = 0; i < maps->n && maps->jvm == PF_MODULE_NONE; i++) {
		if (is_jvm(pf_inventory__module(inv, maps->ranges[i].module)))
			maps->jvm = maps->ranges[i].module;
	}
	if (maps->jvm != PF_MODULE_NONE && !maps->bad_memory && maps->owner.abi == PF_ABI_X86_64)
		maps->memory = pf_foreign_memory(inv->proc_root, maps->owner.pid);
}

bool pf_inventory__leave_memory(struct pf_inventory *inv, uint32_t process)
{
	struct pf_known_maps *maps = pf_inventory__maps(inv, process);

	if (!maps || maps->memory < 0)
		return false;
	close(maps->memory);
	maps->memory = -1;
	maps->bad_memory = true;
	return true;
}

int64_t pf_inventory__set_maps(struct pf_inventory *inv, const struct pf_map_owner *owner,
			       const struct pf_map_range *ranges, size_t n)
{
	const struct maps_key key = { owner->pid, owner->start_ns };
	struct pf_map_range *copy;
	struct slot *s;

	if (n > PF_RANGES_MAX)
		return -E2BIG;
	copy = calloc(n ? n : 1, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	if (n)
		memcpy(copy, ranges, n * sizeof(*copy));
	HASH_FIND(hh, inv->by_owner, &key, sizeof(key), s);
	if (!s)
		s = add_owner(inv, &key);
	if (!s) {
		free(copy);
		return -ENOMEM;
	}
	free(s->maps.ranges);
	inv->n_ranges -= s->maps.n;
	s->maps.owner = *owner;
	s->maps.ranges = copy;
	s->maps.n = pf_ranges_sort(copy, n);
	s->maps.told_life = 0;
	s->maps.used = ++inv->uses;
	inv->n_ranges += s->maps.n;
	look_for_jvm(inv, &s->maps);
	make_room_for_ranges(inv, s);
	return s->maps.id;
}

/* ---- perf maps ------------------------------------------------------------- */

static void look_for_perfmap(struct pf_inventory *inv, struct pf_known_maps *maps)
{
	const double now_s = (double)pf_boottime_ns() / 1e9;
	int64_t id;
	int fd;

	if (maps->perfmap_look_s && now_s - maps->perfmap_look_s < PERFMAP_LOOK_S)
		return;
	maps->perfmap_look_s = now_s;
	fd = pf_foreign_perfmap(inv->proc_root, maps->owner.pid, maps->owner.nspid,
				maps->owner.uid);
	if (fd < 0)
		return;
	id = append_module(inv, "[jit]", fd);
	if (id < 0) {
		close(fd);
		return;
	}
	inv->modules[id].is_perfmap = true;
	maps->perfmap = (uint32_t)id;
}

uint32_t pf_inventory__perfmap(struct pf_inventory *inv, struct pf_known_maps *maps, uint64_t ip)
{
	const struct pf_map_range *range = pf_ranges_find(maps->ranges, maps->n, ip);

	if (!range || range->module != PF_MODULE_NONE)
		return PF_MODULE_NONE;
	if (maps->perfmap == PF_MODULE_NONE)
		look_for_perfmap(inv, maps);
	return maps->perfmap;
}

static void renew(struct pf_known_module *m)
{
	struct stat st;

	if (fstat(m->fd, &st) ||
	    (st.st_size == m->perfmap_size && st.st_mtim.tv_sec == m->perfmap_mtime.tv_sec &&
	     st.st_mtim.tv_nsec == m->perfmap_mtime.tv_nsec))
		return;
	m->perfmap_size = st.st_size;
	m->perfmap_mtime = st.st_mtim;
	m->state++;
}

void pf_inventory__renew(struct pf_inventory *inv)
{
	for (uint32_t i = 1; i <= inv->n_modules; i++) {
		if (inv->modules[i].is_perfmap)
			renew(&inv->modules[i]);
	}
}

/* ---- telling the child ----------------------------------------------------- */

static int say_file(struct pf_keeper *k, enum pf_ask_op op, uint32_t id, int fd)
{
	const struct pf_ask head = { .op = op, .id = id };

	return fd < 0 ? 0 : pf_keeper__say(k, &head, NULL, 0, fd);
}

int pf_inventory__tell_module(struct pf_inventory *inv, struct pf_keeper *k, uint32_t id)
{
	struct pf_known_module *m = pf_inventory__module(inv, id);
	int ret;

	if (!m || m->bad || m->told_life == pf_keeper__life(k))
		return 0;
	ret = say_file(k, m->is_perfmap ? PF_ASK_PERFMAP : PF_ASK_MODULE, id, m->fd);
	if (!ret)
		ret = say_file(k, PF_ASK_DEBUG, id, m->debug);
	if (!ret)
		ret = say_file(k, PF_ASK_SHARED, id, m->shared);
	if (!ret)
		m->told_life = pf_keeper__life(k);
	return ret;
}

static int say_ranges(struct pf_keeper *k, const struct pf_known_maps *maps, uint32_t slot)
{
	size_t done = 0;
	int ret;

	do {
		const size_t left = maps->n - done;
		const size_t n = left < PF_ASK_RANGES_MAX ? left : PF_ASK_RANGES_MAX;
		const struct pf_ask head = { .op = PF_ASK_MAPS,
					     .id = slot,
					     .n = (uint32_t)n,
					     .flags = done ? 0 : PF_ASK_FIRST,
					     .abi = maps->owner.abi };

		ret = pf_keeper__say(k, &head, maps->ranges + done, n * sizeof(*maps->ranges), -1);
		done += n;
	} while (!ret && done < maps->n);
	return ret;
}

static int say_jvm(struct pf_keeper *k, const struct pf_known_maps *maps, uint32_t slot)
{
	const struct pf_ask head = { .op = PF_ASK_JVM, .id = slot, .n = maps->jvm };

	return maps->memory < 0 ? 0 : pf_keeper__say(k, &head, NULL, 0, maps->memory);
}

/* What was forgotten here is forgotten there: a table of nothing takes its place. */
static int say_stale(struct pf_inventory *inv, struct pf_keeper *k)
{
	const struct pf_known_maps nothing = { .owner.abi = PF_ABI_NATIVE };
	int ret = 0;

	for (uint32_t i = 0; !ret && inv->n_stale && i < PF_PROCESSES_MAX; i++) {
		if (!inv->slots[i].stale)
			continue;
		ret = say_ranges(k, &nothing, i);
		inv->slots[i].stale = false;
		inv->slots[i].maps.told_life = 0;
		inv->n_stale--;
	}
	return ret;
}

int64_t pf_inventory__tell_maps(struct pf_inventory *inv, struct pf_keeper *k, uint32_t process)
{
	struct pf_known_maps *maps = pf_inventory__maps(inv, process);
	const uint32_t slot = process & (PF_PROCESSES_MAX - 1);
	int ret = 0;

	if (!maps)
		return -ENOENT;
	ret = say_stale(inv, k);
	if (ret)
		return ret;
	if (maps->told_life == pf_keeper__life(k))
		return slot;
	for (size_t i = 0; !ret && i < maps->n; i++)
		ret = pf_inventory__tell_module(inv, k, maps->ranges[i].module);
	if (!ret)
		ret = say_ranges(k, maps, slot);
	if (!ret)
		ret = say_jvm(k, maps, slot);
	if (ret)
		return ret;
	maps->told_life = pf_keeper__life(k);
	return slot;
}

/* What it answers may be anything. */
static int ask_info(struct pf_keeper *k, uint32_t id, bool debug, double limit_s,
		    struct pf_ask_info *info)
{
	const struct pf_ask ask = { .op = PF_ASK_INFO,
				    .id = id,
				    .flags = debug ? PF_ASK_LINES : 0 };
	ssize_t got;
	int ret = pf_keeper__say(k, &ask, NULL, 0, -1);

	if (ret)
		return ret;
	got = pf_keeper__hear(k, info, sizeof(*info), limit_s);
	if (got < 0)
		return (int)got;
	if (got != sizeof(*info) || info->build_id.len > PF_BUILD_ID_MAX ||
	    info->shared_id.len > PF_BUILD_ID_MAX)
		return pf_keeper__kill(k);
	return 0;
}

/* The file that debug information shares parts with is known when that itself is. */
static int look_for_shared(struct pf_inventory *inv, struct pf_keeper *k, uint32_t id,
			   double limit_s)
{
	struct pf_known_module *m = pf_inventory__module(inv, id);
	struct pf_ask_info info;
	int ret = ask_info(k, id, true, limit_s, &info);

	if (ret || !info.shared_id.len)
		return ret;
	m->shared = pf_foreign_debug(inv->debug_root, &info.shared_id);
	return say_file(k, PF_ASK_SHARED, id, m->shared);
}

int pf_inventory__look_for_debug(struct pf_inventory *inv, struct pf_keeper *k, uint32_t id,
				 double limit_s)
{
	struct pf_known_module *m = pf_inventory__module(inv, id);
	struct pf_ask_info info;
	int ret;

	if (!m || m->looked || m->bad || m->is_perfmap)
		return 0;
	ret = ask_info(k, id, false, limit_s, &info);
	if (ret)
		return ret;
	m->looked = true;
	m->build_id = info.build_id;
	pf_build_id_hex(m->build_id_hex, sizeof(m->build_id_hex), &m->build_id);
	if (!inv->debug_root)
		return 0;
	m->debug = pf_foreign_debug(inv->debug_root, &m->build_id);
	ret = say_file(k, PF_ASK_DEBUG, id, m->debug);
	return ret ? ret : look_for_shared(inv, k, id, limit_s);
}
