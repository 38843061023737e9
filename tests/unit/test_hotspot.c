/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames of a JVM that is made up: what is followed, and what must not be: a
 * process may have anything in its memory.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/stack/eval.h"
#include "lib/stack/hotspot.h"
#include "lib/stack/hotspot_frame.h"
#include "lib/stack/ranges.h"
#include "lib/stack/unwind.h"
#include "tests/unit/hotspot_image.h"

#define STACK_AT 0x7ffd00000000
#define WORDS	 64
#define CALLER	 0x401000

/* A compiled method with a frame of 8 words, in the two ways to make one. */
static const unsigned char pushes[] = {
	0x89, 0x84, 0x24, 0x00, 0xc0, 0xfe, 0xff, /* 0: mov %eax, -0x14000(%rsp) */
	0x55,					  /* 7: push %rbp */
	0x48, 0x83, 0xec, 0x30,			  /* 8: sub $0x30, %rsp */
	0x90,					  /* 12: nop */
	0x48, 0x83, 0xc4, 0x30,			  /* 13: add $0x30, %rsp */
	0x5d,					  /* 17: pop %rbp */
	0x49, 0x3b, 0xa7, 0x40, 0x03, 0x00, 0x00, /* 18: cmp 0x340(%r15), %rsp */
	0x0f, 0x87, 0x00, 0x00, 0x00, 0x00,	  /* 25: ja */
	0xc3,					  /* 31: ret */
};
static const unsigned char stores[] = {
	0x48, 0x81, 0xec, 0x38, 0x00, 0x00, 0x00, /* 0: sub $0x38, %rsp */
	0x48, 0x89, 0x6c, 0x24, 0x30,		  /* 7: mov %rbp, 0x30(%rsp) */
	0x90,					  /* 12: nop */
};
static const unsigned char enters[] = { 0x55, 0x48, 0x8b, 0xec, 0x90, 0xc3 };
static const unsigned char way_in[] = { 0x50, 0x55, 0x48, 0x8b, 0xec, 0x41, 0x55, 0x90 };

struct test {
	struct image image;
	struct pf_hotspot *h;
	uint64_t stack[WORDS];
	struct pf_stack_part part;
	struct pf_eval_state m;
	struct pf_hotspot_caller up;
};

static void open_jvm(struct test *t)
{
	t->h = pf_hotspot__new(dup(t->image.fd), image_find, &t->image);
	assert_non_null(t->h);
	pf_hotspot__renew(t->h, 1);
}

static int setup_version(void **state, uint64_t version, unsigned char flag)
{
	struct test *t = calloc(1, sizeof(*t));

	if (!t)
		return -1;
	image_make(&t->image, version, flag);
	/* Each word tells where it is. */
	for (size_t i = 0; i < WORDS; i++)
		t->stack[i] = 0x1000 + i;
	t->part = (struct pf_stack_part){ STACK_AT, sizeof(t->stack), t->stack };
	t->m = (struct pf_eval_state){ .parts = &t->part, .n_parts = 1 };
	t->m.regs.r[PF_X86_64_RSP] = STACK_AT;
	t->m.regs.r[PF_X86_64_RBP] = 0xb0b;
	*state = t;
	return 0;
}

static int setup(void **state)
{
	return setup_version(state, 17, 0);
}

static int setup_21(void **state)
{
	return setup_version(state, 21, 0);
}

static int setup_21_pointers(void **state)
{
	return setup_version(state, 21, 1);
}

static int teardown(void **state)
{
	struct test *t = *state;

	pf_hotspot__free(t->h);
	close(t->image.fd);
	free(t);
	return 0;
}

static int caller(struct test *t, uint64_t pc, bool interrupted)
{
	return pf_hotspot__caller(t->h, &t->m, pc, interrupted, &t->up);
}

/* The caller is at word `ret`, its frame pointer at word `fp` or still in its register. */
static void assert_caller(struct test *t, uint64_t pc, bool interrupted, size_t ret, int fp)
{
	assert_int_equal(caller(t, pc, interrupted), 0);
	assert_int_equal(t->up.pc, 0x1000 + ret);
	assert_int_equal(t->up.sp, STACK_AT + 8 * (ret + 1));
	assert_int_equal(t->up.fp, fp < 0 ? 0xb0b : 0x1000 + fp);
}

/* ---- compiled code --------------------------------------------------------- */

static void test_compiled(void **state)
{
	struct test *t = *state;
	const uint64_t pc = image_blob(&t->image, 10, 600, "nmethod", 8, 12);

	image_put(&t->image, pc, pushes, sizeof(pushes));
	open_jvm(t);
	assert_caller(t, pc, true, 0, -1);
	assert_caller(t, pc + 7, true, 0, -1);
	assert_caller(t, pc + 8, true, 1, 0);
	assert_caller(t, pc + 12, true, 7, 6);
	assert_caller(t, pc + 13, true, 7, 6);
	assert_caller(t, pc + 17, true, 1, 0);
	assert_caller(t, pc + 18, true, 0, -1);
	assert_caller(t, pc + 25, true, 0, -1);
	assert_caller(t, pc + 31, true, 0, -1);
	/* Behind calls, however far in: a call may be the last instruction. */
	assert_caller(t, pc + 13, false, 7, 6);
	assert_caller(t, pc + 40000, false, 7, 6);
	assert_caller(t, HEAP_AT + (610 << LOG2_SEG), false, 7, 6);
	assert_int_equal(caller(t, HEAP_AT + (610 << LOG2_SEG), true), -ENODATA);
}

static void test_frame_that_is_stored(void **state)
{
	struct test *t = *state;
	const uint64_t pc = image_blob(&t->image, 10, 6, "nmethod", 8, 12);

	image_put(&t->image, pc, stores, sizeof(stores));
	open_jvm(t);
	assert_caller(t, pc, true, 0, -1);
	assert_caller(t, pc + 7, true, 7, -1);
	assert_caller(t, pc + 12, true, 7, 6);
}

/* A frame whose size is in none of its instructions is not there, or not as we think. */
static void test_frame_that_is_not_found(void **state)
{
	struct test *t = *state;
	const uint64_t pc = image_blob(&t->image, 10, 6, "nmethod", 9, 12);

	image_put(&t->image, pc, pushes, sizeof(pushes));
	open_jvm(t);
	assert_int_equal(caller(t, pc + 8, true), -ENODATA);
	assert_caller(t, pc + 12, true, 8, 7);
	assert_caller(t, pc + 8, false, 8, 7);
}

static void test_beyond_the_copy(void **state)
{
	struct test *t = *state;
	const uint64_t pc = image_blob(&t->image, 10, 6, "nmethod", WORDS + 1, 0);

	open_jvm(t);
	assert_int_equal(caller(t, pc + 20, false), -ERANGE);
}

/* ---- the interpreter, routines --------------------------------------------- */

static void test_interpreter(void **state)
{
	struct test *t = *state;
	const uint64_t pc = image_blob(&t->image, 10, 20, "Interpreter", 0, -1);

	image_put(&t->image, pc + 500, way_in, sizeof(way_in));
	open_jvm(t);
	t->m.regs.r[PF_X86_64_RBP] = STACK_AT + 8 * 10;
	t->stack[9] = STACK_AT + 8 * 20; /* the stack pointer of the caller */
	assert_int_equal(caller(t, pc + 20, true), 0);
	assert_int_equal(t->up.pc, 0x1000 + 11);
	assert_int_equal(t->up.fp, 0x1000 + 10);
	assert_int_equal(t->up.sp, STACK_AT + 8 * 20);
	/* Where a method begins its frame is not there yet. */
	assert_int_equal(caller(t, pc + 400, true), -ENODATA);
	assert_int_equal(caller(t, pc + 400, false), 0);
	t->stack[9] = STACK_AT + 8 * 11;
	assert_int_equal(caller(t, pc + 20, true), -ENODATA);
	t->m.regs.r[PF_X86_64_RBP] = STACK_AT - 8;
	assert_int_equal(caller(t, pc + 20, true), -ENODATA);
}

static void test_routine(void **state)
{
	struct test *t = *state;
	const uint64_t pc = image_blob(&t->image, 10, 8, "StubRoutines (2)", 0, -1);
	const uint64_t method = image_blob(&t->image, 30, 8, "nmethod", 8, 12);
	const unsigned char call[] = { 0xe8 };
	const int32_t distance = (int32_t)(pc - (method + 105));

	image_put(&t->image, pc, enters, sizeof(enters));
	image_put(&t->image, method + 100, call, sizeof(call));
	image_put(&t->image, method + 101, &distance, sizeof(distance));
	open_jvm(t);
	t->m.regs.r[PF_X86_64_RBP] = STACK_AT + 8 * 4;
	t->stack[0] = t->stack[1] = t->stack[5] = method + 105;
	assert_int_equal(caller(t, pc, true), 0);
	assert_int_equal(t->up.sp, STACK_AT + 8);
	assert_int_equal(caller(t, pc + 1, true), 0);
	assert_int_equal(t->up.sp, STACK_AT + 16);
	assert_int_equal(caller(t, pc + 4, true), 0);
	assert_int_equal(t->up.sp, STACK_AT + 8 * 6);
	assert_int_equal(t->up.fp, 0x1000 + 4);
	assert_int_equal(caller(t, pc + 5, true), 0);
	assert_int_equal(t->up.sp, STACK_AT + 8);
	/* What is there was not called from there. */
	t->stack[5] = method + 104;
	assert_int_equal(caller(t, pc + 4, true), -ENODATA);
	t->stack[5] = CALLER;
	assert_int_equal(caller(t, pc + 4, true), -ENODATA);
	/* ... but by C, where Java is called. */
	image_word(&t->image, IMAGE_RETURN, pc + 4);
	assert_int_equal(caller(t, pc + 4, false), 0);
	assert_int_equal(t->up.pc, CALLER);
}

static void test_other_code(void **state)
{
	struct test *t = *state;
	const uint64_t barrier = image_blob(&t->image, 10, 6, "g1_pre_barrier_slow", -1, -1);
	const uint64_t adapter = image_blob(&t->image, 30, 6, "I2C/C2I adapters", 0, -1);

	image_put(&t->image, barrier, enters, sizeof(enters));
	open_jvm(t);
	t->m.regs.r[PF_X86_64_RBP] = STACK_AT + 8 * 4;
	assert_caller(t, barrier + 20, false, 5, 4);
	assert_int_equal(caller(t, barrier + 20, true), -ENODATA);
	assert_int_equal(caller(t, adapter, true), -ENODATA);
	assert_int_equal(caller(t, adapter + 20, false), -ENODATA);
	/* Nor is all code HotSpot's. */
	assert_int_equal(caller(t, CALLER, true), -ENOENT);
}

/* ---- whole chains ---------------------------------------------------------- */

static struct pf_module *no_module(void *ctx, uint32_t id)
{
	(void)ctx, (void)id;
	return NULL;
}

static void test_chain(void **state)
{
	struct test *t = *state;
	const uint64_t method = image_blob(&t->image, 10, 6, "nmethod", 8, 12);
	const uint64_t interpreter = image_blob(&t->image, 30, 6, "Interpreter", 0, -1);
	struct pf_map_range range = { HEAP_AT, HEAP_AT + HEAP_BYTES, 0, PF_MODULE_NONE, 0 };
	struct pf_code code = { .abi = PF_ABI_X86_64, .ranges = &range, .module = no_module };
	struct pf_unwind_sample s = { .depth = PF_FRAMES_MAX, .n_parts = 1 };
	struct pf_trace trace;

	open_jvm(t);
	code.n = pf_ranges_sort(&range, 1);
	code.hotspot = t->h;
	s.regs = t->m.regs;
	s.regs.r[PF_X86_64_RIP] = method + 20;
	s.parts[0] = t->part;
	t->stack[6] = STACK_AT + 8 * 20;
	t->stack[7] = interpreter + 10; /* a compiled method is called by the interpreter ... */
	t->stack[19] = STACK_AT + 8 * 30;
	t->stack[20] = 0xb0b;
	t->stack[21] = method + 30; /* ... which is called by a compiled method ... */
	t->stack[37] = 0;	    /* ... which nobody has called */
	pf_unwind(&code, &s, &trace);
	assert_int_equal(trace.n, 3);
	assert_int_equal(trace.stop, PF_STOP_ROOT);
	t->stack[37] = 0x1234;
	pf_unwind(&code, &s, &trace);
	assert_int_equal(trace.n, 3);
	assert_int_equal(trace.stop, PF_STOP_MAP);
	/* No way on is made up by frame pointers. */
	s.regs.r[PF_X86_64_RIP] = HEAP_AT + HEAP_BYTES - 8;
	s.regs.r[PF_X86_64_RBP] = STACK_AT + 8 * 20;
	pf_unwind(&code, &s, &trace);
	assert_int_equal(trace.n, 1);
	assert_int_equal(trace.stop, PF_STOP_TABLE);
}

/* ---- time ------------------------------------------------------------------ */

static void test_code_comes_and_goes(void **state)
{
	struct test *t = *state;
	uint64_t pc = image_blob(&t->image, 10, 6, "nmethod", 8, 0);

	open_jvm(t);
	assert_caller(t, pc + 20, false, 7, 6);
	image_blob(&t->image, 10, 6, "nmethod", 12, 0);
	assert_caller(t, pc + 20, false, 7, 6);
	pf_hotspot__renew(t->h, 2);
	assert_caller(t, pc + 20, false, 11, 10);
	image_word(&t->image, HEAP_AT + (10 << LOG2_SEG) + 8, 0);
	pf_hotspot__renew(t->h, 3);
	assert_int_equal(caller(t, pc + 20, false), -ENODATA);
	/* Others were looked at in vain, and are there now. */
	assert_int_equal(caller(t, HEAP_AT + (42 << LOG2_SEG), false), -ENODATA);
	pc = image_blob(&t->image, 40, 6, "nmethod", 4, 0);
	pf_hotspot__renew(t->h, 4);
	assert_caller(t, pc + 20, false, 3, 2);
}

static void test_process_that_has_ended(void **state)
{
	struct test *t = *state;
	const uint64_t pc = image_blob(&t->image, 10, 6, "nmethod", 8, 0);

	open_jvm(t);
	assert_caller(t, pc + 20, false, 7, 6);
	assert_int_equal(ftruncate(t->image.fd, 0), 0);
	pf_hotspot__renew(t->h, 2);
	assert_caller(t, pc + 20, false, 7, 6);
	assert_int_equal(caller(t, pc + 30, false), -ENODATA);
	/* Of one that had ended before nothing is known. */
	pf_hotspot__free(t->h);
	open_jvm(t);
	assert_int_equal(caller(t, pc + 20, false), -ENODATA);
}

/* ---- what it does not know ------------------------------------------------- */

static void test_unknown_version(void **state)
{
	struct test *t = *state;
	const uint64_t pc = image_blob(&t->image, 10, 6, "nmethod", 8, 0);

	open_jvm(t);
	assert_int_equal(caller(t, pc + 20, false), -ENODATA);
}

static void test_unknown_version_with_pointers(void **state)
{
	struct test *t = *state;
	const uint64_t pc = image_blob(&t->image, 10, 6, "nmethod", 8, 0);

	open_jvm(t);
	assert_int_equal(caller(t, pc + 20, false), -ENOENT);
}

static uint64_t no_symbol(void *ctx, const char *name)
{
	(void)ctx, (void)name;
	return 0;
}

static void test_no_hotspot(void **state)
{
	struct test *t = *state;

	t->h = pf_hotspot__new(dup(t->image.fd), no_symbol, NULL);
	assert_non_null(t->h);
	assert_int_equal(caller(t, HEAP_AT, true), -ENOENT);
}

/* ---- nonsense -------------------------------------------------------------- */

static void assert_nothing(struct test *t, uint64_t pc)
{
	int ret;

	pf_hotspot__free(t->h);
	open_jvm(t);
	ret = caller(t, pc, false);
	assert_true(ret == -ENODATA || ret == -ENOENT);
}

static void test_tables_without_sense(void **state)
{
	static const struct image_symbol wrong[] = {
		{ "gHotSpotVMStructs", 0 },
		{ "gHotSpotVMStructs", UINT64_MAX - 20 },
		{ "gHotSpotVMStructEntryArrayStride", 0 },
		{ "gHotSpotVMStructEntryArrayStride", 1 << 20 },
		{ "gHotSpotVMStructEntryTypeNameOffset", 41 },
		{ "gHotSpotVMStructEntryOffsetOffset", UINT64_MAX },
		{ "gHotSpotVMTypes", 8 },
		{ "gHotSpotVMTypeEntryArrayStride", 3 },
		{ "gHotSpotVMTypeEntrySizeOffset", 9 },
		{ "gHotSpotVMIntConstants", STATIC_AT },
	};
	struct test *t = *state;
	const uint64_t pc = image_blob(&t->image, 10, 6, "nmethod", 8, 0) + 20;

	open_jvm(t);
	assert_int_equal(caller(t, pc, false), 0);
	for (size_t i = 0; i < PF_ARRAY_SIZE(wrong); i++) {
		struct image before = t->image;

		image_symbol(&t->image, wrong[i].name, wrong[i].value);
		assert_nothing(t, pc);
		t->image = before;
	}
	assert_int_equal(caller(t, pc, false), -ENODATA);
}

/* One without an end. */
static void test_endless_table(void **state)
{
	struct test *t = *state;
	const uint64_t pc = image_blob(&t->image, 10, 6, "nmethod", 8, 0) + 20;
	const uint64_t text = image_text(&t->image, "CodeBlob"), many = 8192;

	for (uint64_t i = 0; i < many; i++) {
		image_word(&t->image, t->image.next + 16 * i, text);
		image_word(&t->image, t->image.next + 16 * i + 8, text);
	}
	image_symbol(&t->image, "gHotSpotVMTypes", t->image.next);
	assert_nothing(t, pc);
}

static void test_heaps_without_sense(void **state)
{
	static const struct {
		uint64_t at, value;
	} wrong[] = {
		{ IMAGE_HEAPS, 0 },
		{ IMAGE_HEAPS, UINT64_MAX },
		{ IMAGE_ARRAY, UINT32_MAX },
		{ IMAGE_ARRAY, 9 },
		{ IMAGE_ARRAY + 8, 0 },
		{ IMAGE_ARRAY + 16, UINT64_MAX - 4 },
		{ IMAGE_HEAP + 8, 0 },
		{ IMAGE_HEAP + 8, HEAP_AT + HEAP_BYTES },
		{ IMAGE_HEAP + 16, UINT64_MAX },
		{ IMAGE_HEAP + 40, MAP_AT + 1 },
		{ IMAGE_HEAP + 64, 0 },
		{ IMAGE_HEAP + 64, 63 },
		{ IMAGE_HEAP + 64, UINT32_MAX },
	};
	struct test *t = *state;
	const uint64_t pc = image_blob(&t->image, 10, 6, "nmethod", 8, 0) + 20;

	for (size_t i = 0; i < PF_ARRAY_SIZE(wrong); i++) {
		uint64_t before;

		assert_int_equal(pread(t->image.fd, &before, 8, (off_t)wrong[i].at), 8);
		image_word(&t->image, wrong[i].at, wrong[i].value);
		assert_nothing(t, pc);
		image_word(&t->image, wrong[i].at, before);
	}
}

/* The map leads back and back, a step at a time. */
static void test_map_without_end(void **state)
{
	struct test *t = *state;
	const unsigned char one = 1;

	for (uint64_t i = 0; i < HEAP_BYTES >> LOG2_SEG; i++)
		image_put(&t->image, MAP_AT + i, &one, 1);
	open_jvm(t);
	assert_int_equal(caller(t, HEAP_AT + HEAP_BYTES - 8, false), -ENODATA);
	assert_int_equal(caller(t, HEAP_AT + 8, false), -ENODATA);
}

static void test_blobs_without_sense(void **state)
{
	const uint64_t block = HEAP_AT + (10 << LOG2_SEG), blob = block + BLOCK_BYTES;
	struct test *t = *state;
	const struct {
		uint64_t at, value;
	} wrong[] = {
		{ block, 1 },
		{ block, UINT64_MAX },
		{ block, 1ULL << 57 },
		{ blob + BLOB_BEGIN, 0 },
		{ blob + BLOB_BEGIN, block - 8 },
		{ blob + BLOB_END, UINT64_MAX },
		{ blob + BLOB_END, block },
		{ blob + BLOB_NAME, 0 },
		{ blob + BLOB_NAME, 1ULL << 63 },
		{ blob + BLOB_FRAME, INT32_MAX },
		{ blob + BLOB_FRAME, 1 },
		{ blob + BLOB_FRAME, (uint32_t)INT32_MIN },
	};

	for (size_t i = 0; i < PF_ARRAY_SIZE(wrong); i++) {
		const uint64_t pc = image_blob(&t->image, 10, 6, "nmethod", 8, 0) + 20;

		image_word(&t->image, wrong[i].at, wrong[i].value);
		assert_nothing(t, pc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_compiled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_frame_that_is_stored, setup, teardown),
		cmocka_unit_test_setup_teardown(test_frame_that_is_not_found, setup, teardown),
		cmocka_unit_test_setup_teardown(test_beyond_the_copy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_interpreter, setup, teardown),
		cmocka_unit_test_setup_teardown(test_routine, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_code, setup, teardown),
		cmocka_unit_test_setup_teardown(test_chain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_code_comes_and_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_process_that_has_ended, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown_version, setup_21, teardown),
		cmocka_unit_test_setup_teardown(test_unknown_version_with_pointers,
						setup_21_pointers, teardown),
		cmocka_unit_test_setup_teardown(test_no_hotspot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tables_without_sense, setup, teardown),
		cmocka_unit_test_setup_teardown(test_endless_table, setup, teardown),
		cmocka_unit_test_setup_teardown(test_heaps_without_sense, setup, teardown),
		cmocka_unit_test_setup_teardown(test_map_without_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_blobs_without_sense, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
