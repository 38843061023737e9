/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocator and runtime by their traces. Looks at names and texts only: no
 * symbol table is needed, so stripped programs tell as much as others.
 */
#include "lib/proc/allocator.h"

#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"

#define BIT(x) (1u << (x))

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OUR_ORDER ELFDATA2LSB
#else
#define OUR_ORDER ELFDATA2MSB
#endif

const char *pf_allocator_name(enum pf_allocator allocator)
{
	static const char *const names[PF_ALLOCATORS] = {
		NULL, "glibc", "musl", "jemalloc", "tcmalloc", "mimalloc", "Go",
	};

	return allocator < PF_ALLOCATORS ? names[allocator] : NULL;
}

const char *pf_language_name(enum pf_language language)
{
	static const char *const names[PF_LANGUAGES] = { NULL, "Go", "JVM", "V8", "CPython" };

	return language < PF_LANGUAGES ? names[language] : NULL;
}

/* ---- libraries ------------------------------------------------------------ */

/* File names by their beginning; what follows is a version. */
static const struct {
	const char *name;
	enum pf_allocator allocator;
	enum pf_language language;
} libraries[] = {
	{ "libc.so.6", PF_ALLOCATOR_GLIBC, 0 },
	{ "libc-2.", PF_ALLOCATOR_GLIBC, 0 },
	{ "ld-musl-", PF_ALLOCATOR_MUSL, 0 },
	{ "libc.musl-", PF_ALLOCATOR_MUSL, 0 },
	{ "libjemalloc.", PF_ALLOCATOR_JEMALLOC, 0 },
	{ "libjemalloc_", PF_ALLOCATOR_JEMALLOC, 0 },
	{ "libtcmalloc.", PF_ALLOCATOR_TCMALLOC, 0 },
	{ "libtcmalloc_", PF_ALLOCATOR_TCMALLOC, 0 },
	{ "libmimalloc.", PF_ALLOCATOR_MIMALLOC, 0 },
	{ "libmimalloc-", PF_ALLOCATOR_MIMALLOC, 0 },
	{ "libjvm.so", 0, PF_LANGUAGE_JVM },
	{ "libnode.so", 0, PF_LANGUAGE_V8 },
	{ "libv8.so", 0, PF_LANGUAGE_V8 },
	{ "libpython3.", 0, PF_LANGUAGE_CPYTHON },
	{ "libpython2.", 0, PF_LANGUAGE_CPYTHON },
	{ "libgo.so", 0, PF_LANGUAGE_GO },
};

static bool has(struct pf_span text, const char *part)
{
	return memmem(text.p, pf_span_len(text), part, strlen(part)) != NULL;
}

static void see_library(struct pf_allocator_marks *marks, struct pf_span path)
{
	const char *slash = memrchr(path.p, '/', pf_span_len(path));
	struct pf_span name = slash ? (struct pf_span){ slash + 1, path.end } : path;

	for (size_t i = 0; i < PF_ARRAY_SIZE(libraries); i++) {
		struct pf_span rest = name;

		if (!pf_span_skip(&rest, libraries[i].name))
			continue;
		if (libraries[i].allocator)
			marks->mapped |= BIT(libraries[i].allocator);
		if (libraries[i].language)
			marks->languages |= BIT(libraries[i].language);
		if (libraries[i].allocator == PF_ALLOCATOR_TCMALLOC && has(name, "minimal"))
			marks->minimal = true;
	}
	/* where musl is the second C library of a machine */
	if (pf_span_is(name, "libc.so") && has(path, "musl"))
		marks->mapped |= BIT(PF_ALLOCATOR_MUSL);
}

void pf_allocator_see_mapping(struct pf_allocator_marks *marks, struct pf_span line)
{
	struct pf_span word[5];
	const char *path;

	for (size_t i = 0; i < PF_ARRAY_SIZE(word); i++) {
		if (!pf_span_word(&line, &word[i]))
			return;
	}
	path = pf_span_len(line) ? memchr(line.p, '/', pf_span_len(line)) : NULL;
	/* Libraries have code; what is mapped as data may be anybody's file. */
	if (path && has(word[1], "x"))
		see_library(marks, (struct pf_span){ path, line.end });
}

/* ---- the program ---------------------------------------------------------- */

/* Where a text has this word. It is looked for once, whatever the number of texts. */
#define WORD	 "malloc"
#define WORD_LEN (sizeof(WORD) - 1)

/* Messages and names that are in every build, and in no program that only talks of them. */
static const struct {
	const char *before; /* the word */
	const char *after;
	enum pf_allocator allocator;
} texts[] = {
	{ "<je", ">: ", PF_ALLOCATOR_JEMALLOC },
	{ "tc", ".max_total_thread_cache_bytes", PF_ALLOCATOR_TCMALLOC },
	{ "mi", ": error: ", PF_ALLOCATOR_MIMALLOC },
	{ "", "_consolidate(): ", PF_ALLOCATOR_GLIBC },
};

/* strerror(0), and what follows it in the table */
static const char musl_text[] = "No error information\0Illegal byte sequence";

/* Symbols that these runtimes export for their extensions. */
static const char cpython_symbol[] = "PyObject_Malloc";
static const char v8_symbol[] = "_ZN2v87Isolate";

/* Go finds its own build data by this: at a multiple of 16, in memory that may be written. */
static const char go_mark[] = "\xff Go buildinf:";

static bool has_bytes(struct pf_span s, const char *bytes, size_t len)
{
	return memmem(s.p, pf_span_len(s), bytes, len) != NULL;
}

static bool fits(struct pf_span s, const char *word, const char *before, const char *after)
{
	const size_t b = strlen(before), a = strlen(after);

	return (size_t)(word - s.p) >= b && (size_t)(s.end - word) >= WORD_LEN + a &&
	       !memcmp(word - b, before, b) && !memcmp(word + WORD_LEN, after, a);
}

static void see_texts(struct pf_allocator_marks *marks, struct pf_span s)
{
	const char *at = s.p;

	while ((at = memmem(at, (size_t)(s.end - at), WORD, WORD_LEN))) {
		for (size_t i = 0; i < PF_ARRAY_SIZE(texts); i++) {
			if (fits(s, at, texts[i].before, texts[i].after))
				marks->linked |= BIT(texts[i].allocator);
		}
		at += WORD_LEN;
	}
	if (marks->linked & BIT(PF_ALLOCATOR_TCMALLOC))
		marks->heap_profile |= has(s, "HEAP_PROFILE_ALLOCATION_INTERVAL");
	/* A program that has a C library mapped has no other one in it. */
	if (!(marks->mapped & (BIT(PF_ALLOCATOR_GLIBC) | BIT(PF_ALLOCATOR_MUSL))) &&
	    has_bytes(s, musl_text, sizeof(musl_text) - 1))
		marks->linked |= BIT(PF_ALLOCATOR_MUSL);
}

/* With the NUL that ends it in the table of names. */
static void see_symbols(struct pf_allocator_marks *marks, struct pf_span s)
{
	if (has_bytes(s, cpython_symbol, sizeof(cpython_symbol)))
		marks->languages |= BIT(PF_LANGUAGE_CPYTHON);
	if (has(s, v8_symbol))
		marks->languages |= BIT(PF_LANGUAGE_V8);
}

static void see_go(struct pf_allocator_marks *marks, struct pf_span s, uint64_t address)
{
	const char *at = s.p;

	while ((at = memmem(at, (size_t)(s.end - at), go_mark, sizeof(go_mark) - 1))) {
		if ((address + (uint64_t)(at - s.p)) % 16 == 0) {
			marks->languages |= BIT(PF_LANGUAGE_GO);
			return;
		}
		at++;
	}
}

#define SEGMENTS_MAX 64

struct segments {
	struct pf_span bytes[SEGMENTS_MAX]; /* as far as they are in the file */
	uint64_t address[SEGMENTS_MAX];
	uint32_t flags[SEGMENTS_MAX];
	size_t n;
	bool constants_apart; /* in a segment that is neither run nor written */
};

static void see_segment(struct pf_allocator_marks *marks, const struct segments *s, size_t i)
{
	if (s->flags[i] & PF_W) {
		see_go(marks, s->bytes[i], s->address[i]);
		return;
	}
	/* Names for the dynamic linker come first in a file. */
	if (i == 0)
		see_symbols(marks, s->bytes[i]);
	if (!(s->flags[i] & PF_X) || !s->constants_apart)
		see_texts(marks, s->bytes[i]);
}

static bool is_ours(const Elf64_Ehdr *eh)
{
	return !memcmp(eh->e_ident, ELFMAG, SELFMAG) && eh->e_ident[EI_CLASS] == ELFCLASS64 &&
	       eh->e_ident[EI_DATA] == OUR_ORDER && eh->e_phentsize == sizeof(Elf64_Phdr);
}

static void add_segment(struct segments *s, const char *elf, size_t len, const Elf64_Phdr *ph)
{
	uint64_t size = ph->p_filesz;

	if (ph->p_type != PT_LOAD || ph->p_offset >= len || s->n == SEGMENTS_MAX)
		return;
	if (size > len - ph->p_offset)
		size = len - ph->p_offset;
	s->bytes[s->n] = pf_span_of(elf + ph->p_offset, (size_t)size);
	s->address[s->n] = ph->p_vaddr;
	s->flags[s->n] = ph->p_flags;
	s->constants_apart |= !(ph->p_flags & (PF_W | PF_X));
	s->n++;
}

/* Segments may overlap in a file made for us: not all of them together are looked at. */
static void see_segments(struct pf_allocator_marks *marks, const struct segments *s)
{
	size_t looked = 0;

	for (size_t i = 0; i < s->n; i++) {
		looked += pf_span_len(s->bytes[i]);
		if (looked > PF_ALLOCATOR_PROGRAM_MAX)
			return;
		see_segment(marks, s, i);
	}
}

void pf_allocator_see_program(struct pf_allocator_marks *marks, const void *elf, size_t len)
{
	struct segments segments = { .n = 0 };
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	if (len < sizeof(eh))
		return;
	memcpy(&eh, elf, sizeof(eh));
	if (!is_ours(&eh))
		return;
	for (size_t i = 0; i < eh.e_phnum; i++) {
		uint64_t at = eh.e_phoff + i * sizeof(ph);

		if (at < eh.e_phoff || len < sizeof(ph) || at > len - sizeof(ph))
			break;
		memcpy(&ph, (const char *)elf + at, sizeof(ph));
		add_segment(&segments, elf, len, &ph);
	}
	see_segments(marks, &segments);
}

/* ---- both together -------------------------------------------------------- */

static bool one_bit(unsigned int bits)
{
	return bits && !(bits & (bits - 1));
}

static unsigned int bit_number(unsigned int bit)
{
	return (unsigned int)__builtin_ctz(bit);
}

static const unsigned int own =
	BIT(PF_ALLOCATOR_JEMALLOC) | BIT(PF_ALLOCATOR_TCMALLOC) | BIT(PF_ALLOCATOR_MIMALLOC);

static unsigned int linked_in(const struct pf_allocator_marks *marks)
{
	/* Python carries mimalloc along from 3.13 on, without using it by default. */
	if (marks->languages & BIT(PF_LANGUAGE_CPYTHON))
		return marks->linked & ~BIT(PF_ALLOCATOR_MIMALLOC);
	return marks->linked;
}

struct pf_allocator_facts pf_allocator_conclude(const struct pf_allocator_marks *marks)
{
	const unsigned int linked = linked_in(marks);
	const unsigned int order[] = { marks->mapped & own, linked & own, marks->mapped & ~own,
				       linked & ~own };
	struct pf_allocator_facts f = { 0 };

	if (one_bit(marks->languages))
		f.language = (enum pf_language)bit_number(marks->languages);
	for (size_t i = 0; i < PF_ARRAY_SIZE(order); i++) {
		if (!order[i])
			continue;
		if (one_bit(order[i])) {
			f.allocator = (enum pf_allocator)bit_number(order[i]);
			f.linked_static = i % 2;
			f.no_profiler = f.allocator == PF_ALLOCATOR_TCMALLOC &&
					(i % 2 ? !marks->heap_profile : marks->minimal);
		}
		return f;
	}
	if (f.language == PF_LANGUAGE_GO) {
		f.allocator = PF_ALLOCATOR_GO;
		f.linked_static = true;
	}
	return f;
}

/* ---- the helper's words --------------------------------------------------- */

static enum pf_allocator allocator_of(const char *word)
{
	for (int a = 1; a < PF_ALLOCATORS; a++) {
		if (!strcmp(word, pf_allocator_name((enum pf_allocator)a)))
			return (enum pf_allocator)a;
	}
	return PF_ALLOCATOR_UNKNOWN;
}

static enum pf_language language_of(const char *word)
{
	for (int l = 1; l < PF_LANGUAGES; l++) {
		if (!strcmp(word, pf_language_name((enum pf_language)l)))
			return (enum pf_language)l;
	}
	return PF_LANGUAGE_UNKNOWN;
}

int pf_allocator_read(const char *line, struct pf_allocator_facts *out)
{
	char allocator[16] = "", linkage[16] = "", language[16] = "", profiler[16] = "";

	if (sscanf(line, "%15s %15s %15s %15s", allocator, linkage, language, profiler) != 4)
		return -EBADMSG;
	*out = (struct pf_allocator_facts){
		.allocator = allocator_of(allocator),
		.linked_static = !strcmp(linkage, "static"),
		.no_profiler = !strcmp(profiler, "no-profiler"),
		.language = language_of(language),
	};
	return 0;
}
