/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Both compilers, and the wrappers of native methods, make a frame in one of
 * two ways (MacroAssembler::verified_entry and C1_MacroAssembler::build_frame
 * in cpu/x86 of HotSpot's sources):
 *
 *	[touch the stack below]  push %rbp  [mov %rsp, %rbp]  sub $SIZE - 16, %rsp
 *	sub $SIZE - 8, %rsp  mov %rbp, SIZE - 16(%rsp)
 *
 * and take it down by add $SIZE - 16, %rsp; pop %rbp; a look whether a
 * safepoint is wanted; ret. The size is known, so the instruction that has it
 * tells where the frame is made.
 */
#include "lib/stack/hotspot_frame.h"

#include <string.h>

#define WORD 8
#define PUSH 0x55
#define POP  0x5d
#define RET  0xc3
#define SUB  0xec /* with %rsp, as the last byte of the operation */
#define ADD  0xc4
#define POLL 7 /* cmp offset(%r15), %rsp; then ja */

static const unsigned char mov_rbp[] = { 0x48, 0x8b, 0xec };

bool pf_hotspot_enters(const unsigned char *code)
{
	return code[0] == PUSH && memcmp(code + 1, mov_rbp, sizeof(mov_rbp)) == 0;
}

/* `what` so many bytes and %rsp: the instruction's length; 0 = it is another one. */
static size_t moves_sp(const unsigned char *code, unsigned char what, uint64_t bytes)
{
	uint32_t wide;

	if (code[0] != 0x48 || code[2] != what)
		return 0;
	if (code[1] == 0x83)
		return bytes <= INT8_MAX && code[3] == bytes ? 4 : 0;
	memcpy(&wide, code + 3, sizeof(wide));
	return code[1] == 0x81 && wide == bytes ? 7 : 0;
}

/* Before offset i there is push %rbp, maybe with mov %rsp, %rbp: where. SIZE_MAX = there is none. */
static size_t push_before(const unsigned char *code, size_t i)
{
	if (i >= 1 && code[i - 1] == PUSH)
		return i - 1;
	if (i >= 4 && pf_hotspot_enters(code + i - 4))
		return i - 4;
	return SIZE_MAX;
}

struct prologue {
	size_t push; /* SIZE_MAX = none: the frame pointer is stored afterwards */
	size_t made; /* behind it the frame is there */
};

static bool find_prologue(const struct pf_hotspot_place *p, struct prologue *out)
{
	const uint64_t size = p->frame_words * WORD;
	const size_t end = p->frame_complete > 0 && p->frame_complete < PF_HOTSPOT_PROLOGUE - 7
				   ? (size_t)p->frame_complete
				   : PF_HOTSPOT_PROLOGUE - 7;

	for (size_t i = 0; i < end; i++) {
		const size_t less = moves_sp(p->begin + i, SUB, size - 2 * WORD);
		const size_t plain = moves_sp(p->begin + i, SUB, size - WORD);

		out->push = less ? push_before(p->begin, i) : SIZE_MAX;
		out->made = i + (less ? less : plain);
		if (plain || out->push != SIZE_MAX)
			return true;
	}
	/* Nothing but the pushed word: it is the last instruction. */
	out->made = end;
	out->push = p->frame_words == 2 && p->frame_complete == (int64_t)end
			    ? push_before(p->begin, end)
			    : SIZE_MAX;
	return out->push != SIZE_MAX;
}

/* The frame has just been taken down before `here`, but for the frame pointer. */
static bool is_popped(const struct pf_hotspot_place *p, const unsigned char *here)
{
	const uint64_t bytes = (p->frame_words - 2) * WORD;

	return !bytes || moves_sp(here - 4, ADD, bytes) || moves_sp(here - 7, ADD, bytes);
}

static bool is_poll(const unsigned char *code)
{
	return code[0] == 0x49 && code[1] == 0x3b && code[2] == 0xa7;
}

static bool is_pop(const struct pf_hotspot_place *p, const unsigned char *here)
{
	return *here == POP && is_popped(p, here);
}

static enum pf_hotspot_frame in_epilogue(const struct pf_hotspot_place *p)
{
	const unsigned char *here = p->around + PF_HOTSPOT_BEFORE;

	if (is_pop(p, here) && (here[1] == RET || is_poll(here + 1)))
		return PF_HOTSPOT_FRAME_PUSHED;
	if (*here == RET || (is_poll(here) && is_pop(p, here - 1)) ||
	    (is_poll(here - POLL) && is_pop(p, here - POLL - 1)))
		return PF_HOTSPOT_FRAME_NONE;
	return PF_HOTSPOT_FRAME_WHOLE;
}

enum pf_hotspot_frame pf_hotspot_frame(const struct pf_hotspot_place *p)
{
	struct prologue made;

	if (p->frame_words < 2)
		return PF_HOTSPOT_FRAME_UNKNOWN;
	if (!find_prologue(p, &made))
		return p->frame_complete >= 0 && p->at >= (uint64_t)p->frame_complete
			       ? in_epilogue(p)
			       : PF_HOTSPOT_FRAME_UNKNOWN;
	if (made.push != SIZE_MAX && p->at < made.made)
		return p->at <= made.push ? PF_HOTSPOT_FRAME_NONE : PF_HOTSPOT_FRAME_PUSHED;
	if (p->at < made.made)
		return PF_HOTSPOT_FRAME_NONE;
	if (made.push == SIZE_MAX && p->at == made.made)
		return PF_HOTSPOT_FRAME_MADE;
	return in_epilogue(p);
}
