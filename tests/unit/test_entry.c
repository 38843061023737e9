/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a probe at a function is put: by the bytes it begins with, of both architectures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/stack/entry.h"

#define ARG(n) (1u << (n))

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12 };

struct expected {
	const char *what;
	const char *code; /* bytes of x86_64 */
	size_t len;
	unsigned int needs;
	bool returns;
	unsigned int at;
	bool cheap;
	int args[2]; /* where the first two are, if they are needed */
};

#define CODE(s) s, sizeof(s) - 1

static const struct expected x86[] = {
	{ "push first", CODE("\x41\x54\x55\x53"), ARG(0), true, 0, true, { RDI } },
	{ "mov edi,edi is not known to be cheap, push after it is",
	  CODE("\x89\xf6\x55\xc3"),
	  ARG(0),
	  true,
	  2,
	  true,
	  { RDI } },
	{ "a prefix on a push", CODE("\x48\x55\x55\xc3"), ARG(0), false, 2, true, { RDI } },
	{ "endbr64, then push", CODE("\xf3\x0f\x1e\xfa\x55\xc3"), ARG(0), true, 4, true, { RDI } },
	{ "cmp, then ja far",
	  CODE("\x48\x81\xff\x00\x10\x00\x00\x0f\x87\x93\x00\x00\x00\xc3"),
	  ARG(0),
	  true,
	  7,
	  true,
	  { RDI } },
	{ "cmpb of a global, then push",
	  CODE("\x80\x3d\x01\x02\x14\x00\x00\x41\x54\xc3"),
	  ARG(0) | ARG(1),
	  true,
	  7,
	  true,
	  { RDI, RSI } },
	{ "the argument moves, and is followed",
	  CODE("\x48\x8b\x05\x49\xb4\x00\x00\x48\x89\xfe\x64\x48\x8b\x38\x48\x81\xfe\x00\x04\x00\x00"
	       "\x77\x29\xc3"),
	  ARG(0),
	  true,
	  21,
	  true,
	  { RSI } },
	{ "the argument is overwritten: at the beginning",
	  CODE("\x48\x8b\x3d\x49\xb4\x00\x00\x55\xc3"),
	  ARG(0),
	  true,
	  0,
	  false,
	  { RDI } },
	{ "... which another need not mind",
	  CODE("\x48\x8b\x3d\x49\xb4\x00\x00\x55\xc3"),
	  ARG(1),
	  true,
	  7,
	  true,
	  { -1, RSI } },
	{ "half of it is overwritten", CODE("\x89\xc7\x55\xc3"), ARG(0), false, 0, false, { RDI } },
	{ "mul writes rdx, not rdi",
	  CODE("\x48\x89\xf0\x48\xf7\xe2\x70\x05\xc3"),
	  ARG(0) | ARG(1),
	  true,
	  6,
	  true,
	  { RDI, RSI } },
	{ "the stack pointer moves: too late for a return",
	  CODE("\x48\x83\xec\x18\x55\xc3"),
	  ARG(0),
	  true,
	  0,
	  false,
	  { RDI } },
	{ "... but not without",
	  CODE("\x48\x83\xec\x18\x55\xc3"),
	  ARG(0),
	  false,
	  4,
	  true,
	  { RDI } },
	{ "a push that is not emulated moves it, too",
	  CODE("\x6a\x01\x55\xc3"),
	  ARG(0),
	  true,
	  0,
	  false,
	  { RDI } },
	{ "jmp first", CODE("\xe9\x6b\x19\x00\x00"), ARG(0), true, 0, true, { RDI } },
	{ "nothing after a branch that is refused",
	  CODE("\x66\xe9\x6b\x19\x00\x00\x55"),
	  ARG(0),
	  true,
	  0,
	  false,
	  { RDI } },
	{ "nop; not a repeated one", CODE("\xf3\x90\x90\xc3"), ARG(0), true, 2, true, { RDI } },
	{ "nop of several bytes is not emulated",
	  CODE("\x0f\x1f\x44\x00\x00\x55"),
	  ARG(0),
	  true,
	  5,
	  true,
	  { RDI } },
	{ "a loop back to where it would be: no",
	  CODE("\x48\x85\xff\x74\x10\x48\xff\xce\x75\xf9\xc3"),
	  ARG(0),
	  true,
	  0,
	  false,
	  { RDI } },
	{ "a far one, too",
	  CODE("\x48\x85\xff\x74\x10\x90\x90\x0f\x85\xf6\xff\xff\xff\xc3"),
	  ARG(0),
	  true,
	  0,
	  false,
	  { RDI } },
	{ "back to the beginning is another call",
	  CODE("\x48\x85\xff\x74\x10\x75\xf9\xc3"),
	  ARG(0),
	  true,
	  3,
	  true,
	  { RDI } },
	{ "cut off", CODE("\x48\x8d"), ARG(0), true, 0, false, { RDI } },
	{ "nothing at all", "", 0, ARG(0), true, 0, false, { RDI } },
	{ "not known", CODE("\x0f\x05\x55"), ARG(0), true, 0, false, { RDI } },
};

static void check(enum pf_abi abi, const struct expected *e)
{
	struct pf_entry_choice c;

	pf_entry_choose(abi, (const unsigned char *)e->code, e->len, e->needs, e->returns, &c);
	if (c.at != e->at || c.cheap != e->cheap)
		fail_msg("%s: +%u%s, not +%u%s", e->what, c.at, c.cheap ? " cheap" : "", e->at,
			 e->cheap ? " cheap" : "");
	for (unsigned int a = 0; a < 2; a++) {
		if ((e->needs & ARG(a)) && c.args[a] != e->args[a])
			fail_msg("%s: argument %u in %d, not %d", e->what, a, c.args[a],
				 e->args[a]);
	}
}

static void x86_64(void **state)
{
	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(x86); i++)
		check(PF_ABI_X86_64, &x86[i]);
}

#define NOP	  0xd503201fu
#define PACIASP	  0xd503233fu
#define STP_PRE	  0xa9bf7bfdu /* stp x29, x30, [sp, #-16]! */
#define STP_SAVE  0xa90153f3u /* stp x19, x20, [sp, #16] */
#define SUB_SP	  0xd10083ffu /* sub sp, sp, #32 */
#define MOV_X8_X0 0xaa0003e8u
#define MOV_X0_X1 0xaa0103e0u
#define ADRP_X9	  0x90000009u
#define ADRP_X0	  0x90000000u
#define CMP_X0	  0xf104001fu /* cmp x0, #256 */
#define B_HI	  0x54000108u
#define CBZ_X0	  0xb4000100u
#define B_BACK	  0x17ffffffu /* b .-4 */
#define LDR_X0_X1 0xf9400020u /* ldr x0, [x1] */
#define STR_X0_X1 0xf9000020u
#define MRS_X9	  0xd53bd049u
#define RET	  0xd65f03c0u

struct arm {
	const char *what;
	uint32_t code[4];
	unsigned int needs;
	bool returns;
	unsigned int at;
	bool cheap;
	int args[2];
};

static const struct arm arm[] = {
	{ "nop first", { NOP, RET }, ARG(0), true, 0, true, { 0 } },
	{ "saved first, then nothing for a return",
	  { STP_PRE, ADRP_X9, RET },
	  ARG(0),
	  true,
	  0,
	  false,
	  { 0 } },
	{ "... but without one", { STP_PRE, ADRP_X9, RET }, ARG(0), false, 4, true, { 0 } },
	{ "a signed return address is not to be changed",
	  { PACIASP, NOP, RET },
	  ARG(0),
	  true,
	  0,
	  false,
	  { 0 } },
	{ "cmp, b.hi", { CMP_X0, B_HI, RET }, ARG(0), true, 4, true, { 0 } },
	{ "cbz", { MRS_X9, CBZ_X0, RET }, ARG(0), true, 4, true, { 0 } },
	{ "the stack pointer moves", { SUB_SP, NOP, RET }, ARG(0), true, 0, false, { 0 } },
	{ "a copy is followed",
	  { MOV_X8_X0, LDR_X0_X1, NOP, RET },
	  ARG(0) | ARG(1),
	  true,
	  8,
	  true,
	  { 8, 1 } },
	{ "overwritten by another", { MOV_X0_X1, NOP, RET }, ARG(0), true, 0, false, { 0 } },
	{ "written over by what is loaded",
	  { LDR_X0_X1, NOP, RET },
	  ARG(0),
	  true,
	  0,
	  false,
	  { 0 } },
	{ "not by what is stored", { STR_X0_X1, NOP, RET }, ARG(0), true, 4, true, { 0 } },
	{ "adrp into it is before", { ADRP_X0, NOP, RET }, ARG(0), true, 0, true, { 0 } },
	{ "others' registers", { STP_SAVE, NOP, RET }, ARG(0), true, 4, true, { 0 } },
	{ "a way back", { CMP_X0, NOP, B_BACK, RET }, ARG(0), true, 0, false, { 0 } },
	{ "data", { 0, NOP, RET }, ARG(0), true, 0, false, { 0 } },
};

static void arm64(void **state)
{
	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(arm); i++) {
		struct expected e = { .what = arm[i].what,
				      .code = (const char *)arm[i].code,
				      .len = sizeof(arm[i].code),
				      .needs = arm[i].needs,
				      .returns = arm[i].returns,
				      .at = arm[i].at,
				      .cheap = arm[i].cheap };

		memcpy(e.args, arm[i].args, sizeof(e.args));
		check(PF_ABI_ARM64, &e);
	}
}

/* Whatever the bytes: inside of them, and registers that there are. */
static void any_bytes(void **state)
{
	unsigned char code[64];
	uint32_t x = 1;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		struct pf_entry_choice c;
		const size_t len = (size_t)round % (sizeof(code) + 1);

		for (size_t i = 0; i < sizeof(code); i++) {
			x = x * 1664525 + 1013904223;
			code[i] = (unsigned char)(x >> 24);
		}
		pf_entry_choose(round & 1 ? PF_ABI_X86_64 : PF_ABI_ARM64, code, len, 15, round & 2,
				&c);
		assert_true(c.at == 0 || c.at < len);
		for (unsigned int a = 0; a < PF_ENTRY_ARGS; a++)
			assert_in_range(c.args[a], 0, 28);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(x86_64),
		cmocka_unit_test(arm64),
		cmocka_unit_test(any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
