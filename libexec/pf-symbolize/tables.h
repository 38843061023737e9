/* SPDX-License-Identifier: BSD-2-Clause */
/* What pf-symbolize was told: files by their ids, processes by theirs. */
#ifndef PF_LIBEXEC_SYMBOLIZE_TABLES_H
#define PF_LIBEXEC_SYMBOLIZE_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/stack/unwind.h"

struct pf_hotspot;
struct pf_module;
struct pf_perfmap;

struct known_module {
	int fd; /* until it is opened, or a perf map's; -1 */
	int debug;
	int shared;
	bool is_perfmap;
	bool tried; /* opened, or found to be unreadable */
	struct pf_module *module;
	struct pf_perfmap *perfmap;
};

struct known_process {
	enum pf_abi abi;
	struct pf_map_range *ranges;
	size_t n;
	bool sorted;
	bool has_jvm;
	uint32_t jvm; /* the module that it is in */
	int memory;   /* of the process, until it is looked at; -1 */
	struct pf_hotspot *hotspot;
};

struct tables {
	struct known_module *modules;
	size_t n_modules;
	struct known_process *processes;
	size_t n_processes;
	volatile uint32_t *busy; /* the id of the module that is looked at */
};

/* The entry of that id, made if need be; NULL without memory or beyond all bounds. */
struct known_module *tables_module(struct tables *t, uint32_t id);
struct known_process *tables_process(struct tables *t, uint32_t id);

/* The file, opened; NULL = it cannot be read, or there is none. Says that we are at it. */
struct pf_module *tables_open(struct tables *t, uint32_t id);

/* If that is a perf map, it is read as it is now. Says that we are at it. */
void tables_refresh(struct tables *t, uint32_t id);
/* The perf map as it was read; NULL. */
struct pf_perfmap *tables_perfmap(struct tables *t, uint32_t id);

/* What is known of the JVM in a process; NULL = nothing, or there is none. Looked at when it is
 * first asked for. */
struct pf_hotspot *tables_hotspot(struct tables *t, struct known_process *p);

/* Adds ranges; false without memory or beyond PF_RANGES_MAX. */
bool known_process_add(struct known_process *p, const struct pf_map_range *ranges, size_t n);
void known_process_forget(struct known_process *p); /* NULL-safe */

#endif
