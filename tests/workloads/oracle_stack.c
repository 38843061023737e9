/* SPDX-License-Identifier: BSD-2-Clause */
/* The oracle's sub-commands for stacks: chains of calls whose memory is known. */
#include "tests/workloads/oracle_pages.h"

#define SEPARATE __attribute__((noinline, noclone))

/* What comes after the call keeps it from being a jump. */
#define STAY() __asm__ volatile("" ::: "memory")

static SEPARATE long chain_touch(char *mem, long pages)
{
	long faults = oracle_write(mem, pages);

	STAY();
	return faults;
}

static SEPARATE long chain_left(char *mem, long pages)
{
	long faults = chain_touch(mem, pages);

	STAY();
	return faults;
}

static SEPARATE long chain_right(char *mem, long pages)
{
	long faults = chain_touch(mem, pages);

	STAY();
	return faults;
}

/* Left and right in turns, so that no part of the time is that of one alone. */
static SEPARATE void chain_outer(struct oracle *o, char *left, long n_left, char *right,
				 long n_right)
{
	const long turns = 10, bytes = sysconf(_SC_PAGESIZE);

	for (long i = 0; i < turns; i++) {
		long from = n_left * i / turns, to = n_left * (i + 1) / turns;

		o->work_faults += chain_left(left + from * bytes, to - from);
		from = n_right * i / turns;
		to = n_right * (i + 1) / turns;
		o->work_faults += chain_right(right + from * bytes, to - from);
	}
	STAY();
}

static void chain(struct oracle *o, char **argv)
{
	long left = oracle_pages_arg(argv[0]), right = oracle_pages_arg(argv[1]);
	char *left_mem = oracle_map(left, MAP_PRIVATE), *right_mem = oracle_map(right, MAP_PRIVATE);

	oracle_ready(o);
	chain_outer(o, left_mem, left, right_mem, right);
	o->work_pages = left + right;
	o->note = "main calls chain_outer, that chain_left and chain_right, both chain_touch";
	oracle_park(o);
}

/* void touch(char *page) { *page = 1; } */
#if defined(__x86_64__)
static const unsigned char touch_code[] = { 0xc6, 0x07, 0x01, 0xc3 };
#else
static const unsigned char touch_code[] = { 0x21, 0x00, 0x80, 0x52, 0x01, 0x00,
					    0x00, 0x39, 0xc0, 0x03, 0x5f, 0xd6 };
#endif

/* By code that is in no file. */
static void jit(struct oracle *o, char **argv)
{
	long pages = oracle_pages_arg(argv[0]), bytes = sysconf(_SC_PAGESIZE);
	char *mem = oracle_map(pages, MAP_PRIVATE), *code = oracle_map(1, MAP_PRIVATE);
	void (*touch)(char *page);

	memcpy(code, touch_code, sizeof(touch_code));
	if (mprotect(code, (size_t)bytes, PROT_READ | PROT_EXEC))
		oracle_die("mprotect");
	__builtin___clear_cache(code, code + sizeof(touch_code));
	memcpy(&touch, &code, sizeof(touch));
	oracle_ready(o);
	for (long i = 0; i < pages; i++)
		touch(mem + i * bytes);
	o->work_pages = o->work_faults = pages;
	oracle_park(o);
}

const struct oracle_command oracle_stack_commands[] = {
	{ "chain", "PAGES PAGES", 2, 2, chain },
	{ "jit", "PAGES", 1, 1, jit },
	{ 0 },
};
