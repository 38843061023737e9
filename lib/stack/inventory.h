/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files and map tables that the symbolizer knows, and what of them its
 * child has been told. Descriptors stay open here: the child may die, the file
 * may be gone from where it was.
 */
#ifndef PF_LIB_STACK_INVENTORY_H
#define PF_LIB_STACK_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/stack/module.h"
#include "lib/stack/symbolizer.h"

struct pf_keeper;
struct pf_inventory;

/* A module: an ELF file, the vdso, or a process's perf map. */
struct pf_known_module {
	char *name;
	int fd;
	int debug; /* its separate debug file, and the one shared with others; -1 */
	int shared;
	bool is_perfmap;
	off_t perfmap_size;
	struct timespec perfmap_mtime;
	uint32_t state;	    /* another one each time the perf map has changed */
	bool bad;	    /* the child died of it: it is not told of it any more */
	bool looked;	    /* for its debug file */
	uint64_t told_life; /* of the child that was told; 0 = none */
	struct pf_build_id build_id;
	char build_id_hex[2 * PF_BUILD_ID_MAX + 1];
};

struct pf_known_maps {
	struct pf_map_owner owner;
	struct pf_map_range *ranges; /* sorted */
	size_t n;
	uint32_t id;
	uint32_t jvm;	       /* the module that is its JVM; PF_MODULE_NONE */
	int memory;	       /* of the process, where there is a JVM; -1 */
	bool bad_memory;       /* the child died over it, maybe */
	uint32_t perfmap;      /* module; PF_MODULE_NONE = there is none yet */
	double perfmap_look_s; /* when one was last looked for */
	uint64_t told_life;
	uint64_t used; /* when, by a count of uses */
};

struct pf_inventory *pf_inventory__new(const char *proc_root, const char *debug_root);
void pf_inventory__free(struct pf_inventory *inv);

/* As the symbolizer's functions of the same name. */
uint32_t pf_inventory__find_module(struct pf_inventory *inv, const struct pf_module_key *key);
int64_t pf_inventory__add_module(struct pf_inventory *inv, const char *name, int fd);
int64_t pf_inventory__set_maps(struct pf_inventory *inv, const struct pf_map_owner *owner,
			       const struct pf_map_range *ranges, size_t n);
void pf_inventory__forget_maps(struct pf_inventory *inv, uint32_t process);

/* The child died over that process: it is not given its memory any more. False: nor was it before. */
bool pf_inventory__leave_memory(struct pf_inventory *inv, uint32_t process);

/* By id; NULL = not known. */
struct pf_known_module *pf_inventory__module(struct pf_inventory *inv, uint32_t id);
struct pf_known_maps *pf_inventory__maps(struct pf_inventory *inv, uint32_t process);

/* The perf map for an address in code without a file; PF_MODULE_NONE. Looks for it now and then. */
uint32_t pf_inventory__perfmap(struct pf_inventory *inv, struct pf_known_maps *maps, uint64_t ip);

void pf_inventory__renew(struct pf_inventory *inv);

/* Tells the child what it does not know yet. Maps by the slot that is returned. -EPIPE: it died. */
int pf_inventory__tell_module(struct pf_inventory *inv, struct pf_keeper *k, uint32_t id);
int64_t pf_inventory__tell_maps(struct pf_inventory *inv, struct pf_keeper *k, uint32_t process);

/* Asks for a module's build id and hands over the debug files that belong to it, once. */
int pf_inventory__look_for_debug(struct pf_inventory *inv, struct pf_keeper *k, uint32_t id,
				 double limit_s);

#endif
