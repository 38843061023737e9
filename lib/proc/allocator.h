/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who hands out a process's memory: its allocator, and the language runtime it
 * runs in, told by the libraries it has mapped and by what a program that has
 * them linked in cannot hide: texts of theirs. Two facts: a JVM stands on some
 * malloc too. What is not told is unknown, never guessed.
 *
 * The two that see are pure: foreign bytes in, facts out. They allocate nothing
 * and call nothing but the memory functions, so that a caller can shut itself
 * in before.
 */
#ifndef PF_LIB_PROC_ALLOCATOR_H
#define PF_LIB_PROC_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/proc/scan.h"

enum pf_allocator {
	PF_ALLOCATOR_UNKNOWN,
	PF_ALLOCATOR_GLIBC,
	PF_ALLOCATOR_MUSL,
	PF_ALLOCATOR_JEMALLOC,
	PF_ALLOCATOR_TCMALLOC,
	PF_ALLOCATOR_MIMALLOC,
	PF_ALLOCATOR_GO, /* Go's own, in a program without C */
	PF_ALLOCATORS,
};

enum pf_language {
	PF_LANGUAGE_UNKNOWN, /* or one without a runtime of its own, as C */
	PF_LANGUAGE_GO,
	PF_LANGUAGE_JVM,
	PF_LANGUAGE_V8,
	PF_LANGUAGE_CPYTHON,
	PF_LANGUAGES,
};

/* "glibc", "Go", ...; NULL = unknown. */
const char *pf_allocator_name(enum pf_allocator allocator);
const char *pf_language_name(enum pf_language language);

/* What was seen, as bits 1 << enum. Zeroed at first. */
struct pf_allocator_marks {
	unsigned int mapped;	/* allocators whose library is mapped */
	unsigned int linked;	/* ... whose texts are in the program */
	unsigned int languages; /* either way */
	bool minimal;		/* a tcmalloc is mapped that has no profiler */
	bool heap_profile;	/* the program knows tcmalloc's way to switch one on */
};

/* One line of /proc/PID/maps, without its newline. */
void pf_allocator_see_mapping(struct pf_allocator_marks *marks, struct pf_span line);

/*
 * The program, after its mappings: an ELF file of 64 bits in our byte order; anything else, and
 * any part that is not in the file, tells nothing. At most
 * PF_ALLOCATOR_PROGRAM_MAX bytes of it are looked at.
 */
#define PF_ALLOCATOR_PROGRAM_MAX (256u << 20)
void pf_allocator_see_program(struct pf_allocator_marks *marks, const void *elf, size_t len);

struct pf_allocator_facts {
	enum pf_allocator allocator;
	bool linked_static; /* the allocator is part of the program; not told where unknown */
	bool no_profiler;   /* a build of it that has none */
	enum pf_language language;
};

/* The conclusion. An allocator that replaces the C library's wins; two of them are unknown. */
struct pf_allocator_facts pf_allocator_conclude(const struct pf_allocator_marks *marks);

/*
 * What pf-allocator says in a line of words. 0, or -EBADMSG with *out as it
 * was. Words that are not known are unknown.
 */
int pf_allocator_read(const char *line, struct pf_allocator_facts *out);

#endif
