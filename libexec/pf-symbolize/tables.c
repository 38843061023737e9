/* SPDX-License-Identifier: BSD-2-Clause */
/* Arrays by id: ids are small, and given out in order. Files are opened when they are needed. */
#include "libexec/pf-symbolize/tables.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/stack/hotspot.h"
#include "lib/stack/module.h"
#include "lib/stack/names.h"
#include "lib/stack/perfmap.h"

#define IDS_MAX (1u << 20)

/* Room for index `id`, zeroed. NULL: none. */
static void *make_room(void *array, size_t *n, uint32_t id, size_t size)
{
	size_t wanted = *n ? *n : 64;
	char *more;

	if (id < *n)
		return array;
	if (id >= IDS_MAX)
		return NULL;
	while (wanted <= id)
		wanted *= 2;
	more = reallocarray(array, wanted, size);
	if (!more)
		return NULL;
	memset(more + *n * size, 0, (wanted - *n) * size);
	*n = wanted;
	return more;
}

struct known_module *tables_module(struct tables *t, uint32_t id)
{
	const size_t before = t->n_modules;
	struct known_module *m = make_room(t->modules, &t->n_modules, id, sizeof(*m));

	if (!m)
		return NULL;
	t->modules = m;
	for (size_t i = before; i < t->n_modules; i++)
		m[i].fd = m[i].debug = m[i].shared = -1;
	return &m[id];
}

struct known_process *tables_process(struct tables *t, uint32_t id)
{
	struct known_process *p = make_room(t->processes, &t->n_processes, id, sizeof(*p));

	if (!p)
		return NULL;
	t->processes = p;
	return &p[id];
}

static void hand_over(int *fd, struct pf_names *names, void (*set)(struct pf_names *names, int fd))
{
	if (*fd < 0)
		return;
	if (names)
		set(names, *fd);
	else
		close(*fd);
	*fd = -1;
}

struct pf_module *tables_open(struct tables *t, uint32_t id)
{
	struct known_module *m = id < t->n_modules ? &t->modules[id] : NULL;

	if (!m || m->is_perfmap)
		return NULL;
	*t->busy = id;
	if (!m->tried && m->fd >= 0) {
		m->module = pf_module__open(m->fd);
		m->fd = -1;
		m->tried = true;
	}
	if (m->debug >= 0 || m->shared >= 0) {
		struct pf_names *names = m->module ? pf_module__names(m->module) : NULL;

		hand_over(&m->debug, names, pf_names__set_debug);
		hand_over(&m->shared, names, pf_names__set_shared);
	}
	return m->module;
}

void tables_refresh(struct tables *t, uint32_t id)
{
	struct known_module *m = id < t->n_modules ? &t->modules[id] : NULL;

	if (!m || !m->is_perfmap || m->fd < 0)
		return;
	*t->busy = id;
	if (!m->perfmap)
		m->perfmap = pf_perfmap__new(m->fd);
	if (m->perfmap)
		pf_perfmap__refresh(m->perfmap);
}

struct pf_perfmap *tables_perfmap(struct tables *t, uint32_t id)
{
	return id < t->n_modules ? t->modules[id].perfmap : NULL;
}

/* Where the JVM's file is in the process. */
struct image {
	const struct pf_module *module;
	uint64_t bias; /* what is to be added to its own addresses */
};

static bool find_image(struct tables *t, const struct known_process *p, struct image *out)
{
	uint64_t address;

	out->module = tables_open(t, p->jvm);
	for (size_t i = 0; out->module && i < p->n; i++) {
		const struct pf_map_range *r = &p->ranges[i];

		if (r->module == p->jvm && pf_module__address(out->module, r->offset, &address)) {
			out->bias = r->start - address;
			return true;
		}
	}
	return false;
}

static uint64_t find_symbol(void *ctx, const char *name)
{
	const struct image *image = ctx;
	uint64_t address;

	return pf_module__symbol(image->module, name, &address) ? address + image->bias : 0;
}

struct pf_hotspot *tables_hotspot(struct tables *t, struct known_process *p)
{
	struct image image;

	if (p->has_jvm && p->memory >= 0) {
		if (find_image(t, p, &image))
			p->hotspot = pf_hotspot__new(p->memory, find_symbol, &image);
		else
			close(p->memory);
		p->memory = -1;
	}
	return p->hotspot;
}

bool known_process_add(struct known_process *p, const struct pf_map_range *ranges, size_t n)
{
	struct pf_map_range *more;

	if (!n)
		return true;
	if (n > PF_RANGES_MAX - p->n)
		return false;
	more = reallocarray(p->ranges, p->n + n, sizeof(*more));
	if (!more)
		return false;
	memcpy(more + p->n, ranges, n * sizeof(*ranges));
	p->ranges = more;
	p->n += n;
	p->sorted = false;
	return true;
}

void known_process_forget(struct known_process *p)
{
	if (!p)
		return;
	free(p->ranges);
	pf_hotspot__free(p->hotspot);
	if (p->has_jvm && p->memory >= 0)
		close(p->memory);
	*p = (struct known_process){ 0 };
}
