/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocators by their traces: mappings as the kernel writes them, and programs
 * that are no more than the bytes that count. Real programs of each kind are
 * in tests/bats/allocator.bats.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <elf.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/proc/allocator.h"

#define BIT(x) (1u << (x))

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OUR_ORDER ELFDATA2LSB
#else
#define OUR_ORDER ELFDATA2MSB
#endif

static struct pf_allocator_marks mapping(const char *mode, const char *path)
{
	struct pf_allocator_marks marks = { 0 };
	char line[512];
	int n = snprintf(
		line, sizeof(line),
		"7f0000000000-7f0000001000 %s 00000000 fe:01 1234                       %s", mode,
		path);

	pf_allocator_see_mapping(&marks, pf_span_of(line, (size_t)n));
	return marks;
}

static void test_libraries(void **state)
{
	static const struct {
		const char *path;
		enum pf_allocator allocator;
		enum pf_language language;
	} cases[] = {
		{ "/usr/lib/x86_64-linux-gnu/libc.so.6", PF_ALLOCATOR_GLIBC, 0 },
		{ "/lib/libc-2.28.so", PF_ALLOCATOR_GLIBC, 0 },
		{ "/lib/ld-musl-x86_64.so.1", PF_ALLOCATOR_MUSL, 0 },
		{ "/usr/lib/x86_64-linux-musl/libc.so", PF_ALLOCATOR_MUSL, 0 },
		{ "/usr/lib/libjemalloc.so.2", PF_ALLOCATOR_JEMALLOC, 0 },
		{ "/usr/lib/libjemalloc.so.2 (deleted)", PF_ALLOCATOR_JEMALLOC, 0 },
		{ "/usr/lib/libtcmalloc.so.4.5.10", PF_ALLOCATOR_TCMALLOC, 0 },
		{ "/opt/a b/libmimalloc.so.2.0", PF_ALLOCATOR_MIMALLOC, 0 },
		{ "/usr/lib/jvm/x/lib/server/libjvm.so", 0, PF_LANGUAGE_JVM },
		{ "/usr/lib/libnode.so.108", 0, PF_LANGUAGE_V8 },
		{ "/usr/lib/libpython3.11.so.1.0", 0, PF_LANGUAGE_CPYTHON },
		{ "/usr/lib/libc.so", 0, 0 },
		{ "/srv/x/libjemalloc-notes.txt", 0, 0 },
		{ "/tmp/mylibc.so.6", 0, 0 },
		{ "[heap]", 0, 0 },
		{ "", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		struct pf_allocator_marks m = mapping("r-xp", cases[i].path);

		assert_int_equal(m.mapped, cases[i].allocator ? BIT(cases[i].allocator) : 0);
		assert_int_equal(m.languages, cases[i].language ? BIT(cases[i].language) : 0);
		/* read as data, it is nobody's allocator */
		m = mapping("r--p", cases[i].path);
		assert_int_equal(m.mapped | m.languages, 0);
	}
	assert_true(mapping("r-xp", "/x/libtcmalloc_minimal.so.4").minimal);
	assert_false(mapping("r-xp", "/x/libtcmalloc.so.4").minimal);
}

static void test_broken_mappings(void **state)
{
	static const char *const lines[] = {
		"", " ", "7f00", "a-b r-xp", "a b c d /libc.so.6", "a b c d e", "\xff\xff\xff"
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(lines); i++) {
		struct pf_allocator_marks m = { 0 };

		pf_allocator_see_mapping(&m, pf_span_of(lines[i], strlen(lines[i])));
		assert_int_equal(m.mapped | m.linked | m.languages, 0);
	}
}

/* A program of one segment that holds `text`. */
struct program {
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	char text[128];
};

static struct program program(uint32_t flags, const void *text, size_t len)
{
	struct program p = { 0 };

	memcpy(p.eh.e_ident, ELFMAG, SELFMAG);
	p.eh.e_ident[EI_CLASS] = ELFCLASS64;
	p.eh.e_ident[EI_DATA] = OUR_ORDER;
	p.eh.e_phoff = offsetof(struct program, ph);
	p.eh.e_phentsize = sizeof(p.ph);
	p.eh.e_phnum = 1;
	p.ph.p_type = PT_LOAD;
	p.ph.p_flags = flags;
	p.ph.p_offset = offsetof(struct program, text);
	p.ph.p_filesz = sizeof(p.text);
	memcpy(p.text, text, len);
	return p;
}

static struct pf_allocator_marks seen(const struct program *p, size_t len)
{
	struct pf_allocator_marks marks = { 0 };

	pf_allocator_see_program(&marks, p, len);
	return marks;
}

static void test_linked(void **state)
{
	static const char mi[] = "x\0mimalloc: error: ";
	struct program p = program(PF_R, "<jemalloc>: ", 13);

	(void)state;
	assert_int_equal(seen(&p, sizeof(p)).linked, BIT(PF_ALLOCATOR_JEMALLOC));
	p = program(PF_R | PF_X, mi, sizeof(mi));
	assert_int_equal(seen(&p, sizeof(p)).linked, BIT(PF_ALLOCATOR_MIMALLOC));
	p = program(PF_R, "jemalloc, tcmalloc and mimalloc", 32);
	assert_int_equal(seen(&p, sizeof(p)).linked, 0);
	p = program(PF_R, "_ZN2v87Isolate3NewE", 20);
	assert_int_equal(seen(&p, sizeof(p)).languages, BIT(PF_LANGUAGE_V8));
	p = program(PF_R, "PyObject_Malloc", 16);
	assert_int_equal(seen(&p, sizeof(p)).languages, BIT(PF_LANGUAGE_CPYTHON));
	p = program(PF_R, "PyObject_Mallocs", 17);
	assert_int_equal(seen(&p, sizeof(p)).languages, 0);
}

/* The last byte of a text must be there too, and the first. */
static void test_cut_texts(void **state)
{
	const size_t begin = offsetof(struct program, text);
	struct program p = program(PF_R, "tcmalloc.max_total_thread_cache_bytes", 38);

	(void)state;
	assert_int_equal(seen(&p, begin + 37).linked, BIT(PF_ALLOCATOR_TCMALLOC));
	for (size_t len = 0; len < 37; len++)
		assert_int_equal(seen(&p, begin + len).linked, 0);
	p = program(PF_R, "alloc>: malloc>: emalloc>: jemalloc>: ", 39);
	assert_int_equal(seen(&p, sizeof(p)).linked, 0);
}

static void test_one_c_library(void **state)
{
	static const char musl[] = "No error information\0Illegal byte sequence";
	struct program p = program(PF_R, musl, sizeof(musl));
	struct pf_allocator_marks marks = { .mapped = BIT(PF_ALLOCATOR_GLIBC) };

	(void)state;
	assert_int_equal(seen(&p, sizeof(p)).linked, BIT(PF_ALLOCATOR_MUSL));
	pf_allocator_see_program(&marks, &p, sizeof(p));
	assert_int_equal(marks.linked, 0);
}

static void test_go(void **state)
{
	static const char mark[] = "\xff Go buildinf:";
	struct program p = program(PF_R | PF_W, mark, sizeof(mark));

	(void)state;
	assert_int_equal(seen(&p, sizeof(p)).languages, BIT(PF_LANGUAGE_GO));
	/* where it cannot be the real one: not aligned, or in memory that is not written */
	p.ph.p_vaddr = 8;
	assert_int_equal(seen(&p, sizeof(p)).languages, 0);
	p = program(PF_R, mark, sizeof(mark));
	assert_int_equal(seen(&p, sizeof(p)).languages, 0);
}

static void test_broken_programs(void **state)
{
	const struct program good = program(PF_R, "<jemalloc>: ", 13);
	struct program p;

	(void)state;
	for (size_t len = 0; len <= sizeof(good.eh) + sizeof(good.ph); len++)
		assert_int_equal(seen(&good, len).linked, 0);
	p = good, p.eh.e_ident[EI_CLASS] = ELFCLASS32;
	assert_int_equal(seen(&p, sizeof(p)).linked, 0);
	p = good, p.eh.e_phoff = UINT64_MAX - 8;
	assert_int_equal(seen(&p, sizeof(p)).linked, 0);
	p = good, p.eh.e_phentsize = 1;
	assert_int_equal(seen(&p, sizeof(p)).linked, 0);
	p = good, p.ph.p_offset = UINT64_MAX;
	assert_int_equal(seen(&p, sizeof(p)).linked, 0);
	/* more than is there: what is there */
	p = good, p.ph.p_filesz = UINT64_MAX;
	assert_int_equal(seen(&p, sizeof(p)).linked, BIT(PF_ALLOCATOR_JEMALLOC));
}

#define JE  BIT(PF_ALLOCATOR_JEMALLOC)
#define TC  BIT(PF_ALLOCATOR_TCMALLOC)
#define MI  BIT(PF_ALLOCATOR_MIMALLOC)
#define GL  BIT(PF_ALLOCATOR_GLIBC)
#define GO  BIT(PF_LANGUAGE_GO)
#define JVM BIT(PF_LANGUAGE_JVM)
#define PY  BIT(PF_LANGUAGE_CPYTHON)

static void test_conclusion(void **state)
{
	static const struct {
		struct pf_allocator_marks marks;
		struct pf_allocator_facts facts;
	} cases[] = {
		{ { 0 }, { 0 } },
		{ { .mapped = GL }, { .allocator = PF_ALLOCATOR_GLIBC } },
		{ { .linked = GL }, { .allocator = PF_ALLOCATOR_GLIBC, .linked_static = true } },
		{ { .mapped = GL | JE }, { .allocator = PF_ALLOCATOR_JEMALLOC } },
		{ { .mapped = GL, .linked = JE },
		  { .allocator = PF_ALLOCATOR_JEMALLOC, .linked_static = true } },
		{ { .mapped = GL | TC, .linked = JE }, { .allocator = PF_ALLOCATOR_TCMALLOC } },
		/* which of the two serves cannot be told */
		{ { .mapped = GL | TC | JE }, { 0 } },
		{ { .mapped = TC, .minimal = true },
		  { .allocator = PF_ALLOCATOR_TCMALLOC, .no_profiler = true } },
		{ { .linked = TC },
		  { .allocator = PF_ALLOCATOR_TCMALLOC,
		    .linked_static = true,
		    .no_profiler = true } },
		{ { .linked = TC, .heap_profile = true },
		  { .allocator = PF_ALLOCATOR_TCMALLOC, .linked_static = true } },
		{ { .mapped = GL, .languages = JVM },
		  { .allocator = PF_ALLOCATOR_GLIBC, .language = PF_LANGUAGE_JVM } },
		{ { .mapped = GL, .linked = MI, .languages = PY },
		  { .allocator = PF_ALLOCATOR_GLIBC, .language = PF_LANGUAGE_CPYTHON } },
		{ { .languages = GO },
		  { .allocator = PF_ALLOCATOR_GO,
		    .linked_static = true,
		    .language = PF_LANGUAGE_GO } },
		{ { .mapped = GL, .languages = GO },
		  { .allocator = PF_ALLOCATOR_GLIBC, .language = PF_LANGUAGE_GO } },
		/* a program of several: not said */
		{ { .mapped = GL, .languages = JVM | PY }, { .allocator = PF_ALLOCATOR_GLIBC } },
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		struct pf_allocator_facts f = pf_allocator_conclude(&cases[i].marks);

		assert_int_equal(f.allocator, cases[i].facts.allocator);
		assert_int_equal(f.linked_static, cases[i].facts.linked_static);
		assert_int_equal(f.no_profiler, cases[i].facts.no_profiler);
		assert_int_equal(f.language, cases[i].facts.language);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_libraries),	cmocka_unit_test(test_broken_mappings),
		cmocka_unit_test(test_linked),		cmocka_unit_test(test_go),
		cmocka_unit_test(test_cut_texts),	cmocka_unit_test(test_one_c_library),
		cmocka_unit_test(test_broken_programs), cmocka_unit_test(test_conclusion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
