/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two small decoders. They know the instructions that functions begin with; the
 * first one that they do not know ends the search. No disassembler: what an
 * instruction does is asked only as far as registers are overwritten.
 */
#include "lib/stack/entry.h"

#include <string.h>

#define BIT(n) (1u << (n))
#define NONE   (-1)

/* What an instruction does that matters here. */
struct step {
	size_t len;	  /* 0 = not known */
	bool emulated;	  /* by the kernel */
	bool ends;	  /* what follows need not be run, or not with these registers */
	bool stack;	  /* the return address is not where a call has left it, from here on */
	uint32_t written; /* registers, as bits */
	int8_t to, from;  /* a copy of a whole register; NONE */
};

/* ---- x86_64 ---------------------------------------------------------------- */

enum { RAX, RCX, RDX, RBX, RSP };

struct x86 {
	const unsigned char *p;
	size_t left;
	size_t len;
	unsigned int rex;
	bool small;  /* 66 */
	bool repeat; /* f2, f3 */
	unsigned int op;
	/* of ModRM, with REX's bits */
	unsigned int mod, reg, rm;
};

static bool take(struct x86 *x, unsigned int *byte)
{
	if (x->len >= x->left || x->len >= 15)
		return false;
	*byte = x->p[x->len++];
	return true;
}

static bool skip(struct x86 *x, size_t n)
{
	x->len += n;
	return x->len <= x->left && x->len <= 15;
}

static bool take_prefixes(struct x86 *x)
{
	for (;;) {
		if (!take(x, &x->op))
			return false;
		switch (x->op) {
		case 0x66:
			x->small = true;
			continue;
		case 0xf2:
		case 0xf3:
			x->repeat = true;
			continue;
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x26:
		case 0x64:
		case 0x65:
			continue;
		default:
			break;
		}
		if ((x->op & 0xf0) != 0x40)
			return true;
		x->rex = x->op;
		return take(x, &x->op);
	}
}

/* And what follows it: SIB, displacement. */
static bool take_modrm(struct x86 *x)
{
	unsigned int b, sib;

	if (!take(x, &b))
		return false;
	x->mod = b >> 6;
	x->reg = (b >> 3 & 7) | (x->rex & 4 ? 8 : 0);
	x->rm = (b & 7) | (x->rex & 1 ? 8 : 0);
	if (x->mod == 3)
		return true;
	if ((b & 7) == 4) {
		if (!take(x, &sib))
			return false;
		if (x->mod == 0 && (sib & 7) == 5)
			return skip(x, 4);
	} else if (x->mod == 0 && (b & 7) == 5) {
		return skip(x, 4);
	}
	return skip(x, x->mod == 1 ? 1 : x->mod == 2 ? 4 : 0);
}

/* Without REX numbers 4 to 7 of a byte are the second bytes of 0 to 3. */
static uint32_t as_byte(const struct x86 *x, unsigned int reg)
{
	return BIT(!x->rex && reg >= 4 && reg < 8 ? reg - 4 : reg);
}

static uint32_t written_rm(const struct x86 *x, bool byte)
{
	if (x->mod != 3)
		return 0;
	return byte ? as_byte(x, x->rm) : BIT(x->rm);
}

static uint32_t written_reg(const struct x86 *x, bool byte)
{
	return byte ? as_byte(x, x->reg) : BIT(x->reg);
}

static size_t immediate(const struct x86 *x, bool byte)
{
	return byte ? 1 : x->small ? 2 : 4;
}

/* add, or, adc, sbb, and, sub, xor, cmp in their six forms */
static bool x86_arithmetic(struct x86 *x, struct step *s)
{
	const bool compares = (x->op & 0x38) == 0x38, byte = !(x->op & 1);

	switch (x->op & 7) {
	case 0:
	case 1:
		if (!take_modrm(x))
			return false;
		s->written = compares ? 0 : written_rm(x, byte);
		return true;
	case 2:
	case 3:
		if (!take_modrm(x))
			return false;
		s->written = compares ? 0 : written_reg(x, byte);
		return true;
	case 4:
	case 5:
		s->written = compares ? 0 : BIT(RAX);
		return skip(x, immediate(x, byte));
	default:
		return false;
	}
}

static bool x86_group1(struct x86 *x, struct step *s)
{
	const bool byte = x->op == 0x80;

	if (x->op == 0x82 || !take_modrm(x))
		return false;
	s->written = (x->reg & 7) == 7 ? 0 : written_rm(x, byte);
	return skip(x, x->op == 0x81 ? immediate(x, false) : 1);
}

static bool x86_group3(struct x86 *x, struct step *s)
{
	const bool byte = x->op == 0xf6;

	if (!take_modrm(x))
		return false;
	switch (x->reg & 7) {
	case 0:
	case 1: /* test */
		return skip(x, immediate(x, byte));
	case 2:
	case 3:
		s->written = written_rm(x, byte);
		return true;
	default: /* multiplied, divided */
		s->written = BIT(RAX) | BIT(RDX);
		return true;
	}
}

static bool x86_move(struct x86 *x, struct step *s)
{
	const bool byte = !(x->op & 1), to_reg = x->op & 2;

	if (!take_modrm(x))
		return false;
	s->written = to_reg ? written_reg(x, byte) : written_rm(x, byte);
	if (x->mod == 3 && !byte && (x->rex & 8)) {
		s->to = (int8_t)(to_reg ? x->reg : x->rm);
		s->from = (int8_t)(to_reg ? x->rm : x->reg);
	}
	return true;
}

/* Jumps with a prefix of 66 are refused by the kernel. */
static bool x86_branch(struct x86 *x, struct step *s, size_t distance)
{
	s->emulated = !x->small;
	s->ends = true;
	return skip(x, distance);
}

static bool x86_two_bytes(struct x86 *x, struct step *s)
{
	if (!take(x, &x->op))
		return false;
	if ((x->op & 0xf0) == 0x80)
		return x86_branch(x, s, 4);
	/* Registers of vectors are none of ours; what is not known below is. */
	switch (x->op) {
	case 0x10 ... 0x17:
	case 0x28 ... 0x29:
	case 0x2e ... 0x2f:
	case 0x51 ... 0x6f:
	case 0x74 ... 0x76:
	case 0x7f:
	case 0xd1 ... 0xd6:
	case 0xd8 ... 0xe6:
	case 0xe8 ... 0xf6:
	case 0xf8 ... 0xfe:
	case 0x18 ... 0x1f: /* hints */
	case 0xa3:	    /* bt */
		return take_modrm(x);
	case 0x70:
	case 0xc6:
		return take_modrm(x) && skip(x, 1);
	case 0x40 ... 0x4f:
	case 0xaf:
	case 0xb6 ... 0xb7:
	case 0xbc ... 0xbf:
		if (!take_modrm(x))
			return false;
		s->written = written_reg(x, false);
		return true;
	case 0x7e:
		if (!take_modrm(x))
			return false;
		s->written = x->repeat ? 0 : written_rm(x, false);
		return true;
	case 0x90 ... 0x9f:
		if (!take_modrm(x))
			return false;
		s->written = written_rm(x, true);
		return true;
	case 0xba:
		if (!take_modrm(x))
			return false;
		s->written = written_rm(x, false);
		return skip(x, 1);
	default:
		return false;
	}
}

static bool x86_push(struct x86 *x, struct step *s)
{
	/* The kernel knows it without a prefix, or with the one for r8 to r15. */
	s->emulated = x->len == 1 || (x->len == 2 && x->rex == 0x41);
	s->stack = true;
	return true;
}

static bool x86_rest(struct x86 *x, struct step *s)
{
	switch (x->op) {
	case 0x50 ... 0x57:
		return x86_push(x, s);
	case 0x58 ... 0x5f:
		s->written = BIT((x->op & 7) | (x->rex & 1 ? 8 : 0)) | BIT(RSP);
		return true;
	case 0x68:
		s->stack = true;
		return skip(x, 4);
	case 0x6a:
		s->stack = true;
		return skip(x, 1);
	case 0x63:
	case 0x8d:
		if (!take_modrm(x))
			return false;
		s->written = written_reg(x, false);
		return true;
	case 0x69:
	case 0x6b:
		if (!take_modrm(x))
			return false;
		s->written = written_reg(x, false);
		return skip(x, x->op == 0x69 ? immediate(x, false) : 1);
	case 0x70 ... 0x7f:
	case 0xeb:
		return x86_branch(x, s, 1);
	case 0xe8:
	case 0xe9:
		return x86_branch(x, s, 4);
	case 0x80 ... 0x83:
		return x86_group1(x, s);
	case 0x84:
	case 0x85:
		return take_modrm(x);
	case 0x88 ... 0x8b:
		return x86_move(x, s);
	case 0x90:
		s->emulated = !x->rex && !x->repeat;
		return !(x->rex & 1);
	case 0x98:
		s->written = BIT(RAX);
		return true;
	case 0x99:
		s->written = BIT(RDX);
		return true;
	case 0xa8:
	case 0xa9:
		return skip(x, immediate(x, x->op == 0xa8));
	case 0xb0 ... 0xb7:
		s->written = as_byte(x, (x->op & 7) | (x->rex & 1 ? 8 : 0));
		return skip(x, 1);
	case 0xb8 ... 0xbf:
		s->written = BIT((x->op & 7) | (x->rex & 1 ? 8 : 0));
		return skip(x, x->rex & 8 ? 8 : immediate(x, false));
	case 0xc0:
	case 0xc1:
	case 0xc6:
	case 0xc7:
		if (!take_modrm(x))
			return false;
		s->written = written_rm(x, !(x->op & 1));
		return skip(x, x->op == 0xc7 ? immediate(x, false) : 1);
	case 0xd0 ... 0xd3:
	case 0xfe:
		if (!take_modrm(x))
			return false;
		s->written = written_rm(x, !(x->op & 1));
		return true;
	case 0xf6:
	case 0xf7:
		return x86_group3(x, s);
	case 0xff:
		if (!take_modrm(x) || (x->reg & 7) > 1)
			return false;
		s->written = written_rm(x, false);
		return true;
	default:
		return false;
	}
}

static bool x86_step(const unsigned char *code, size_t len, struct step *s)
{
	struct x86 x = { .p = code, .left = len };
	bool known;

	*s = (struct step){ .to = NONE, .from = NONE };
	if (!take_prefixes(&x))
		return false;
	if (x.op == 0x0f)
		known = x86_two_bytes(&x, s);
	else if (x.op < 0x40)
		known = x86_arithmetic(&x, s);
	else
		known = x86_rest(&x, s);
	if (!known)
		return false;
	s->stack |= (s->written & BIT(RSP)) != 0;
	s->len = x.len;
	return true;
}

static int64_t distance_of(const unsigned char *p, size_t bytes)
{
	int32_t far;

	if (bytes == 1)
		return (int8_t)*p;
	memcpy(&far, p, sizeof(far));
	return far;
}

/*
 * At each byte, whether an instruction begins there or not: that finds more than
 * there is, never less.
 */
static bool x86_leads_back(const unsigned char *code, size_t len, size_t at)
{
	for (size_t i = at; i + 1 < len; i++) {
		int64_t end = 0, to;

		if ((code[i] & 0xf0) == 0x70 || code[i] == 0xeb || (code[i] & 0xfc) == 0xe0)
			end = (int64_t)i + 2;
		to = end ? end + distance_of(code + i + 1, 1) : 0;
		if (to > 0 && to <= (int64_t)at)
			return true;
		if (code[i] == 0xe9 && i + 5 <= len)
			to = (int64_t)i + 5 + distance_of(code + i + 1, 4);
		else if (code[i] == 0x0f && (code[i + 1] & 0xf0) == 0x80 && i + 6 <= len)
			to = (int64_t)i + 6 + distance_of(code + i + 2, 4);
		else
			continue;
		if (to > 0 && to <= (int64_t)at)
			return true;
	}
	return false;
}

/* ---- arm64 ----------------------------------------------------------------- */

#define SP 31
#define LR 30

static uint32_t field(uint32_t i, unsigned int high, unsigned int low)
{
	return i >> low & (BIT(high - low + 1) - 1);
}

/* 31 is the stack pointer in some places, and nothing in others. */
static uint32_t register_bit(uint32_t n)
{
	return n == 31 ? 0 : BIT(n);
}

static bool arm_branch(uint32_t i, struct step *s)
{
	const bool known = (i & 0x7c000000) == 0x14000000 || /* b, bl */
			   (i & 0xff000010) == 0x54000000 || /* b.cond */
			   (i & 0x7e000000) == 0x34000000 || /* cbz, cbnz */
			   (i & 0x7e000000) == 0x36000000;   /* tbz, tbnz */

	s->emulated = s->ends = known;
	return known;
}

/* Hints: nop; what signs the return address, after which it is not the kernel's to change. */
static bool arm_hint(uint32_t i, struct step *s)
{
	if ((i & 0xfffff01f) != 0xd503201f)
		return false;
	s->emulated = i == 0xd503201f;
	s->stack = i == 0xd503233f || i == 0xd503237f;
	return true;
}

static bool arm_immediate(uint32_t i, struct step *s)
{
	const uint32_t rd = field(i, 4, 0);

	switch (field(i, 25, 23)) {
	case 0:
	case 1: /* adr, adrp */
		s->emulated = true;
		s->written = register_bit(rd);
		return true;
	case 2: /* add, sub: without flags 31 is the stack pointer */
		s->written = register_bit(rd);
		s->stack = rd == SP && !(i & BIT(29));
		return true;
	case 4: /* and, orr, eor; ands */
		s->written = register_bit(rd);
		s->stack = rd == SP && field(i, 30, 29) != 3;
		return true;
	case 5:
	case 6:
	case 7: /* moves, bit fields */
		s->written = register_bit(rd);
		return true;
	default:
		return false;
	}
}

static bool arm_registers(uint32_t i, struct step *s)
{
	s->written = register_bit(field(i, 4, 0));
	if ((i & 0xffe0ffe0) == 0xaa0003e0 && field(i, 4, 0) != 31 && field(i, 20, 16) != 31) {
		s->to = (int8_t)field(i, 4, 0);
		s->from = (int8_t)field(i, 20, 16);
	}
	/* add and sub of an extended register have a stack pointer, too */
	s->stack = (i & 0x1f200000) == 0x0b200000 && field(i, 4, 0) == SP && !(i & BIT(29));
	return true;
}

static void arm_write_back(uint32_t i, struct step *s)
{
	const uint32_t rn = field(i, 9, 5);

	s->written |= register_bit(rn);
	s->stack |= rn == SP;
}

static bool arm_memory(uint32_t i, struct step *s)
{
	const bool vector = i & BIT(26);
	const uint32_t rt = field(i, 4, 0), rt2 = field(i, 14, 10);

	if ((i & 0x3b000000) == 0x18000000) { /* a literal */
		s->emulated = !vector;
		s->written = vector ? 0 : register_bit(rt);
		return true;
	}
	if ((i & 0x3a000000) == 0x28000000) { /* pairs */
		if (!vector && (i & BIT(22)))
			s->written = register_bit(rt) | register_bit(rt2);
		else if (!vector)
			s->stack = rt == LR || rt2 == LR;
		if (i & BIT(23))
			arm_write_back(i, s);
		return true;
	}
	if ((i & 0x3a000000) != 0x38000000 ||
	    (!(i & BIT(24)) && (i & BIT(21)) && field(i, 11, 10) != 2))
		return false;
	if (!vector && field(i, 23, 22))
		s->written = register_bit(rt);
	else if (!vector)
		s->stack = rt == LR;
	if (!(i & BIT(24)) && !(i & BIT(21)) && (i & BIT(10)))
		arm_write_back(i, s);
	return true;
}

static bool arm_step(const unsigned char *code, size_t len, struct step *s)
{
	uint32_t i;

	*s = (struct step){ .to = NONE, .from = NONE, .len = 4 };
	if (len < sizeof(i))
		return false;
	memcpy(&i, code, sizeof(i));
	if (arm_branch(i, s) || arm_hint(i, s))
		return true;
	if ((i & 0xfff00000) == 0xd5300000) { /* mrs */
		s->written = register_bit(field(i, 4, 0));
		return true;
	}
	switch (field(i, 28, 25)) {
	case 8:
	case 9:
		return arm_immediate(i, s);
	case 5:
	case 13:
		return arm_registers(i, s);
	case 4:
	case 6:
	case 12:
	case 14:
		return arm_memory(i, s);
	default:
		return false;
	}
}

static int64_t signed_field(uint32_t i, unsigned int high, unsigned int low)
{
	const unsigned int bits = high - low + 1;

	return (int64_t)((uint64_t)field(i, high, low) << (64 - bits)) >> (64 - bits);
}

static bool arm_leads_back(const unsigned char *code, size_t len, size_t at)
{
	for (size_t k = at; k + 4 <= len; k += 4) {
		int64_t words, to;
		uint32_t i;

		memcpy(&i, code + k, sizeof(i));
		if ((i & 0xfc000000) == 0x14000000)
			words = signed_field(i, 25, 0);
		else if ((i & 0xff000010) == 0x54000000 || (i & 0x7e000000) == 0x34000000)
			words = signed_field(i, 23, 5);
		else if ((i & 0x7e000000) == 0x36000000)
			words = signed_field(i, 18, 5);
		else
			continue;
		to = (int64_t)k + words * 4;
		if (to > 0 && to <= (int64_t)at)
			return true;
	}
	return false;
}

/* ---- the choice ------------------------------------------------------------ */

struct machine {
	bool (*step)(const unsigned char *code, size_t len, struct step *s);
	bool (*leads_back)(const unsigned char *code, size_t len, size_t at);
	uint8_t args[PF_ENTRY_ARGS];
	uint32_t usable; /* registers that may be told: not the stack pointer */
};

static const struct machine x86_64 = { x86_step, x86_leads_back, { 7, 6, RDX, RCX }, 0xffef };
static const struct machine arm64 = { arm_step, arm_leads_back, { 0, 1, 2, 3 }, BIT(29) - 1 };

static void write_registers(uint32_t where[PF_ENTRY_ARGS], const struct step *s)
{
	for (unsigned int a = 0; a < PF_ENTRY_ARGS; a++) {
		const bool copied = s->from != NONE && (where[a] & BIT((unsigned int)s->from));

		where[a] &= ~s->written;
		if (copied)
			where[a] |= BIT((unsigned int)s->to);
	}
}

static bool has_all(const uint32_t where[PF_ENTRY_ARGS], const struct machine *m,
		    unsigned int needs)
{
	for (unsigned int a = 0; a < PF_ENTRY_ARGS; a++) {
		if ((needs & BIT(a)) && !(where[a] & m->usable))
			return false;
	}
	return true;
}

static void choose(struct pf_entry_choice *out, const struct machine *m,
		   const uint32_t where[PF_ENTRY_ARGS], size_t at, bool cheap)
{
	out->at = (uint32_t)at;
	out->cheap = cheap;
	for (unsigned int a = 0; a < PF_ENTRY_ARGS; a++) {
		const uint32_t usable = where[a] & m->usable;

		out->args[a] = (int8_t)(usable & BIT(m->args[a]) ? m->args[a]
					: usable		 ? __builtin_ctz(usable)
								 : NONE);
	}
}

void pf_entry_choose(enum pf_abi abi, const unsigned char *code, size_t len, unsigned int needs,
		     bool returns, struct pf_entry_choice *out)
{
	const struct machine *m = abi == PF_ABI_ARM64 ? &arm64 : &x86_64;
	uint32_t where[PF_ENTRY_ARGS];
	struct step s;

	for (unsigned int a = 0; a < PF_ENTRY_ARGS; a++)
		where[a] = BIT(m->args[a]);
	choose(out, m, where, 0, false);
	for (size_t at = 0; has_all(where, m, needs) && m->step(code + at, len - at, &s);
	     at += s.len) {
		if (s.emulated && (!at || !m->leads_back(code, len, at))) {
			choose(out, m, where, at, true);
			return;
		}
		if (s.ends || (returns && s.stack))
			return;
		write_registers(where, &s);
	}
}
