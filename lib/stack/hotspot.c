/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Code lies in heaps; a map of each tells where the block begins that has an
 * address (CodeHeap::find_block_for in share/memory/heap.cpp), and the head of
 * what is in it, a "blob", has its name and the size of its frames in words.
 * By that there are four kinds of frames (cpu/x86/frame_x86.hpp):
 *
 *	compiled methods and	of a known size, with the return address at the
 *	most runtime stubs	top and the caller's frame pointer below it
 *	the interpreter		by the frame pointer; the caller's stack pointer
 *				is kept in the frame, since the callee may have
 *				moved it to make room for arguments
 *	routines by hand,	by the frame pointer, once they have "entered"
 *	the way in from C
 *	anything else		not known
 */
#include "lib/stack/hotspot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/stack/eval.h"
#include "lib/stack/hotspot_frame.h"
#include "lib/stack/hotspot_tables.h"

#define WORD  8
#define SLOTS 512 /* a power of two */
#define HOPS_MAX                                                                                   \
	4096 /* in the map: one for 254 segments of a block, and one for each that it
			   * was put together of */
#define MAP_FREE    255
#define FRAME_MAX   (1u << 16) /* words */
#define BLOB_MAX    (64u << 20)
#define HEAD_BYTES  128 /* those of 17 take 120 */
#define NAME_BYTES  24
#define ENTRY_AHEAD 256 /* bytes from which on the interpreter makes a frame */
#define STUBS	    "StubRoutines"

enum kind {
	KIND_NONE, /* no code */
	KIND_SIZED,
	KIND_INTERPRETER,
	KIND_ROUTINE,
	KIND_OTHER,
};

struct blob {
	uint64_t block;
	uint64_t begin; /* of the instructions */
	uint64_t end;
	int64_t frame_words;
	int64_t frame_complete;
	enum kind kind;
};

struct slot {
	uint64_t pc;
	uint32_t round;
	struct blob blob;
};

enum how {
	HOW_TABLES,
	HOW_POINTERS, /* not by us, but it keeps frame pointers */
	HOW_FOREIGN,  /* no HotSpot */
	HOW_UNKNOWN,
};

struct pf_hotspot {
	int memory;
	enum how how;
	uint32_t round;
	uint32_t heaps_round; /* when the heaps were read */
	struct pf_hotspot_tables tables;
	uint64_t name; /* where the last one was, and what it means */
	enum kind name_kind;
	struct slot slots[SLOTS];
};

static enum how how_of(const struct pf_hotspot *h, int ret)
{
	if (!ret)
		return HOW_TABLES;
	if (ret == -ENOENT)
		return HOW_FOREIGN;
	return ret == -ENOTSUP && pf_hotspot_tables_pointers(&h->tables, h->memory) ? HOW_POINTERS
										    : HOW_UNKNOWN;
}

struct pf_hotspot *pf_hotspot__new(int memory, uint64_t (*symbol)(void *ctx, const char *name),
				   void *ctx)
{
	struct pf_hotspot *h = calloc(1, sizeof(*h));

	if (!h) {
		close(memory);
		return NULL;
	}
	h->memory = memory;
	h->how = how_of(h, pf_hotspot_tables_read(&h->tables, memory, symbol, ctx));
	return h;
}

void pf_hotspot__free(struct pf_hotspot *h)
{
	if (!h)
		return;
	close(h->memory);
	free(h);
}

void pf_hotspot__renew(struct pf_hotspot *h, uint32_t round)
{
	h->round = round;
}

/* ---- pieces of code -------------------------------------------------------- */

/* The head of a block, and of the blob in it, in one piece: a read costs more than its bytes. */
struct head {
	unsigned char bytes[HEAD_BYTES];
};

/* A field of what begins so many bytes into the head. */
static bool member(const struct pf_hotspot *h, const struct head *head,
		   enum pf_hotspot_fields which, uint64_t of, uint64_t *out)
{
	return pf_hotspot_member(&h->tables.fields[which], head->bytes, sizeof(head->bytes), of,
				 out);
}

static bool knows(const struct pf_hotspot *h, enum pf_hotspot_fields which)
{
	return h->tables.fields[which].is_known;
}

/* Where the block begins that has the address; false: there is none. */
static bool find_block(const struct pf_hotspot *h, const struct pf_hotspot_heap *heap, uint64_t pc,
		       uint64_t *block)
{
	uint64_t segment = (pc - heap->low) >> heap->log2_segment;
	unsigned char back;

	for (int hops = 0; hops < HOPS_MAX; hops++) {
		if (!pf_hotspot_peek(h->memory, heap->map + segment, &back, 1) ||
		    back == MAP_FREE || back > segment)
			return false;
		*block = heap->low + (segment << heap->log2_segment);
		if (!back)
			return true;
		segment -= back;
	}
	return false;
}

static enum kind kind_of_name(const char *name)
{
	if (strcmp(name, "Interpreter") == 0)
		return KIND_INTERPRETER;
	if (strncmp(name, STUBS, strlen(STUBS)) == 0)
		return KIND_ROUTINE;
	return KIND_OTHER;
}

/* Names are constants of the JVM's, but for those of stubs: the last one is the next one's, often. */
static bool read_kind(struct pf_hotspot *h, uint64_t name, struct blob *blob)
{
	char text[NAME_BYTES];

	if (name != h->name) {
		if (!pf_hotspot_peek_text(h->memory, name, text, sizeof(text)))
			return false;
		h->name = name;
		h->name_kind = kind_of_name(text);
	}
	blob->kind = h->name_kind;
	if (blob->kind == KIND_OTHER && blob->frame_words >= 2 && blob->frame_words <= FRAME_MAX)
		blob->kind = KIND_SIZED;
	return true;
}

static bool read_code_range(const struct pf_hotspot *h, const struct head *head, struct blob *out)
{
	const uint64_t of = h->tables.block_bytes;

	if (knows(h, PF_HOTSPOT_BLOB_CODE_BEGIN))
		return member(h, head, PF_HOTSPOT_BLOB_CODE_BEGIN, of, &out->begin) &&
		       member(h, head, PF_HOTSPOT_BLOB_CODE_END, of, &out->end);
	if (!member(h, head, PF_HOTSPOT_BLOB_CODE_OFFSET, of, &out->begin) ||
	    !member(h, head, PF_HOTSPOT_BLOB_DATA_OFFSET, of, &out->end))
		return false;
	out->begin += out->block + of;
	out->end += out->block + of;
	return true;
}

/* Of the block that out->block names. */
static bool read_block(struct pf_hotspot *h, const struct pf_hotspot_heap *heap, struct blob *out)
{
	const uint64_t of = h->tables.block_bytes;
	uint64_t used, segments, name, words, complete;
	struct head head;

	if (!pf_hotspot_peek(h->memory, out->block, head.bytes, sizeof(head.bytes)) ||
	    !member(h, &head, PF_HOTSPOT_BLOCK_USED, 0, &used) || !used ||
	    !member(h, &head, PF_HOTSPOT_BLOCK_LENGTH, 0, &segments) ||
	    segments > BLOB_MAX >> heap->log2_segment || !read_code_range(h, &head, out) ||
	    !member(h, &head, PF_HOTSPOT_BLOB_FRAME_SIZE, of, &words) ||
	    !member(h, &head, PF_HOTSPOT_BLOB_FRAME_COMPLETE, of, &complete) ||
	    !member(h, &head, PF_HOTSPOT_BLOB_NAME, of, &name))
		return false;
	out->frame_words = (int64_t)words;
	out->frame_complete = (int64_t)complete;
	return out->begin > out->block && out->begin < out->end &&
	       out->end - out->block <= segments << heap->log2_segment && read_kind(h, name, out);
}

static const struct pf_hotspot_heap *heap_of(const struct pf_hotspot *h, uint64_t pc)
{
	for (uint32_t i = 0; i < h->tables.n_heaps; i++) {
		if (pc >= h->tables.heaps[i].low && pc < h->tables.heaps[i].high)
			return &h->tables.heaps[i];
	}
	return NULL;
}

/* If the block is still what it was, that is enough. */
static bool read_at(struct pf_hotspot *h, uint64_t pc, uint64_t block_before, struct blob *out)
{
	const struct pf_hotspot_heap *heap = heap_of(h, pc);

	if (!heap)
		return false;
	out->block = block_before;
	if (block_before && read_block(h, heap, out) && pc >= out->begin && pc < out->end)
		return true;
	return find_block(h, heap, pc, &out->block) && read_block(h, heap, out) &&
	       pc >= out->begin && pc < out->end;
}

static bool is_gone(const struct pf_hotspot *h)
{
	uint64_t version;

	return !pf_hotspot_number(h->memory, &h->tables.fields[PF_HOTSPOT_VERSION], 0, &version);
}

/* By places, since that costs one look: there are few that are called from. */
static const struct blob *blob_at(struct pf_hotspot *h, uint64_t pc)
{
	struct slot *slot = &h->slots[(pc * 0x9e3779b97f4a7c15u) >> 32 & (SLOTS - 1)];
	struct blob blob = { 0 };

	if (slot->pc == pc && slot->round == h->round)
		return &slot->blob;
	if (!heap_of(h, pc) && h->heaps_round != h->round) {
		pf_hotspot_tables_heaps(&h->tables, h->memory);
		h->heaps_round = h->round;
	}
	if (!read_at(h, pc, slot->pc == pc ? slot->blob.block : 0, &blob)) {
		if (slot->pc == pc && is_gone(h))
			return &slot->blob;
		blob = (struct blob){ .kind = KIND_NONE };
	}
	*slot = (struct slot){ .pc = pc, .round = h->round, .blob = blob };
	return &slot->blob;
}

/* ---- frames ---------------------------------------------------------------- */

struct step {
	struct pf_hotspot *h;
	const struct pf_eval_state *m;
	const struct blob *blob;
	uint64_t pc, sp, fp;
	bool interrupted;
	struct pf_hotspot_caller *out;
};

/* Of the stack: beyond the copy is what the caller of all this tells from nonsense. */
static int word_at(const struct step *s, uint64_t address, uint64_t *out)
{
	const int ret = pf_eval_read(s->m, address, WORD, out);

	return ret == -ERANGE || !ret ? ret : -ENODATA;
}

/* The return address is there; the caller's frame pointer is in the register. */
static int by_return(const struct step *s, uint64_t at)
{
	s->out->sp = at + WORD;
	s->out->fp = s->fp;
	return word_at(s, at, &s->out->pc);
}

/* The caller's frame pointer is there, and above it the return address. */
static int by_saved(const struct step *s, uint64_t at)
{
	const int ret = by_return(s, at + WORD);

	return ret ? ret : word_at(s, at, &s->out->fp);
}

static int by_pointer(const struct step *s)
{
	return s->fp < s->sp || s->fp % WORD ? -ENODATA : by_saved(s, s->fp);
}

/* What is not there, since code begins or ends, stays zero: no instruction that we know. */
static void peek_within(const struct step *s, uint64_t from, unsigned char *dst, uint64_t size)
{
	const uint64_t begin = from < s->blob->begin ? s->blob->begin : from;
	const uint64_t end = from + size > s->blob->end ? s->blob->end : from + size;

	memset(dst, 0, size);
	if (begin < end && !pf_hotspot_peek(s->h->memory, begin, dst + (begin - from), end - begin))
		memset(dst, 0, size);
}

static enum pf_hotspot_frame frame_at(const struct step *s)
{
	struct pf_hotspot_place p = { .at = s->pc - s->blob->begin,
				      .frame_complete = s->blob->frame_complete,
				      .frame_words = (uint64_t)s->blob->frame_words };

	if (!s->interrupted)
		return PF_HOTSPOT_FRAME_WHOLE;
	peek_within(s, s->blob->begin, p.begin, sizeof(p.begin));
	peek_within(s, s->pc - PF_HOTSPOT_BEFORE, p.around, sizeof(p.around));
	return pf_hotspot_frame(&p);
}

static int by_size(const struct step *s)
{
	const uint64_t top = s->sp + (uint64_t)s->blob->frame_words * WORD;

	switch (frame_at(s)) {
	case PF_HOTSPOT_FRAME_NONE:
		return by_return(s, s->sp);
	case PF_HOTSPOT_FRAME_PUSHED:
		return by_saved(s, s->sp);
	case PF_HOTSPOT_FRAME_MADE:
		return by_return(s, top - WORD);
	case PF_HOTSPOT_FRAME_WHOLE:
		return by_saved(s, top - 2 * WORD);
	default:
		return -ENODATA;
	}
}

/* Where methods begin the frame is not there yet: push %rax; push %rbp; mov %rsp, %rbp; push %r13
 * is soon to come. Nobody faults there, as a rule. */
static bool is_entering(const struct step *s)
{
	static const unsigned char fixed_frame[] = { 0x50, 0x55, 0x48, 0x8b, 0xec, 0x41, 0x55 };
	unsigned char code[ENTRY_AHEAD];

	peek_within(s, s->pc, code, sizeof(code));
	for (size_t i = 0; i + sizeof(fixed_frame) <= sizeof(code); i++) {
		if (memcmp(code + i, fixed_frame, sizeof(fixed_frame)) == 0)
			return true;
	}
	return false;
}

static int by_interpreter(const struct step *s)
{
	uint64_t sender;
	int ret = s->interrupted && is_entering(s) ? -ENODATA : by_pointer(s);

	if (!ret)
		ret = word_at(s, s->fp + (uint64_t)(s->h->tables.sender_sp * WORD), &sender);
	if (ret)
		return ret;
	if (sender < s->out->sp || sender % WORD)
		return -ENODATA;
	s->out->sp = sender;
	return 0;
}

static bool is_way_in(const struct step *s)
{
	uint64_t address;

	return !s->interrupted &&
	       pf_hotspot_number(s->h->memory, &s->h->tables.fields[PF_HOTSPOT_CALL_STUB_RETURN], 0,
				 &address) &&
	       address == s->pc;
}

/* What the call before an address calls, if that tells: call NEAR; or mov $FAR, %r10; call *%r10. */
static uint64_t called_before(const struct step *s, uint64_t address)
{
	unsigned char code[13];
	uint64_t far;
	int32_t near;

	if (address < sizeof(code) ||
	    !pf_hotspot_peek(s->h->memory, address - sizeof(code), code, sizeof(code)))
		return 0;
	memcpy(&near, code + 9, sizeof(near));
	memcpy(&far, code + 2, sizeof(far));
	if (code[8] == 0xe8)
		return address + (uint64_t)(int64_t)near;
	return code[0] == 0x49 && code[1] == 0xba && code[10] == 0x41 && code[11] == 0xff &&
			       code[12] == 0xd2
		       ? far
		       : 0;
}

/* The caller has called a routine that begins by entering: then it is one of this frame. */
static bool is_routine_called(const struct step *s)
{
	const uint64_t to = called_before(s, s->out->pc);
	unsigned char code[4];
	struct blob blob;

	return to && read_at(s->h, to, 0, &blob) && blob.kind == KIND_ROUTINE &&
	       pf_hotspot_peek(s->h->memory, to, code, sizeof(code)) && pf_hotspot_enters(code);
}

/* Routines have no frame before they enter, and none when they return. */
static int by_routine(const struct step *s)
{
	unsigned char code[5];
	int ret;

	if (is_way_in(s))
		return by_pointer(s);
	peek_within(s, s->pc - 1, code, sizeof(code));
	if (s->interrupted && (pf_hotspot_enters(code + 1) || code[1] == 0xc3))
		ret = by_return(s, s->sp);
	else if (s->interrupted && pf_hotspot_enters(code))
		ret = by_saved(s, s->sp);
	else
		ret = by_pointer(s);
	return ret || is_routine_called(s) ? ret : -ENODATA;
}

/* Without a size: those that enter, as barriers that call into the JVM do. */
static int by_other(const struct step *s)
{
	unsigned char code[4];

	if (s->interrupted || !pf_hotspot_peek(s->h->memory, s->blob->begin, code, sizeof(code)) ||
	    !pf_hotspot_enters(code))
		return -ENODATA;
	return by_pointer(s);
}

int pf_hotspot__caller(struct pf_hotspot *h, const struct pf_eval_state *m, uint64_t pc,
		       bool interrupted, struct pf_hotspot_caller *out)
{
	struct step s = { .h = h,
			  .m = m,
			  .pc = pc,
			  .sp = m->regs.r[PF_X86_64_RSP],
			  .fp = m->regs.r[PF_X86_64_RBP],
			  .interrupted = interrupted,
			  .out = out };

	if (h->how != HOW_TABLES)
		return h->how == HOW_UNKNOWN ? -ENODATA : -ENOENT;
	/* A call may be the last instruction. */
	s.blob = blob_at(h, interrupted ? pc : pc - 1);
	switch (s.blob->kind) {
	case KIND_SIZED:
		return by_size(&s);
	case KIND_INTERPRETER:
		return by_interpreter(&s);
	case KIND_ROUTINE:
		return by_routine(&s);
	case KIND_OTHER:
		return by_other(&s);
	default:
		return heap_of(h, pc) ? -ENODATA : -ENOENT;
	}
}
