/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows of unwind tables, taken from libdw and kept by address in an open hash
 * table. When it is full everything is forgotten, which bounds it.
 */
#include "lib/stack/cfi.h"

#include <dwarf.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "lib/record/arena.h"

#define ROWS_MAX   (1u << 17) /* then all are forgotten */
#define SLOTS_MIN  (1u << 8)
#define OPS_MAX	   256 /* of one expression */
#define ARM64_REGS (PF_ARM64_SP + 1)

struct slot {
	uint64_t address;
	const struct pf_cfi_row *row; /* NULL = nothing is said */
	bool used;
};

struct pf_cfi {
	enum pf_abi abi;
	Dwarf *dwarf; /* for .debug_frame; NULL = there is none */
	Dwarf_CFI *eh;
	Dwarf_CFI *debug;
	struct slot *slots;
	size_t n_slots; /* a power of two */
	size_t n_used;
	struct pf_arena rows;
};

static bool has_section(Elf *elf, const char *wanted)
{
	Elf_Scn *scn = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return false;
	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr header;
		const char *name =
			gelf_getshdr(scn, &header) ? elf_strptr(elf, names, header.sh_name) : NULL;

		if (name && strcmp(name, wanted) == 0)
			return true;
	}
	return false;
}

struct pf_cfi *pf_cfi__new(Elf *elf, enum pf_abi abi)
{
	struct pf_cfi *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->abi = abi;
	c->slots = calloc(SLOTS_MIN, sizeof(*c->slots));
	c->n_slots = SLOTS_MIN;
	if (!c->slots) {
		free(c);
		return NULL;
	}
	c->eh = dwarf_getcfi_elf(elf);
	if (has_section(elf, ".debug_frame"))
		c->dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
	if (c->dwarf)
		c->debug = dwarf_getcfi(c->dwarf);
	return c;
}

void pf_cfi__free(struct pf_cfi *c)
{
	if (!c)
		return;
	dwarf_cfi_end(c->eh);
	dwarf_end(c->dwarf);
	pf_arena_free(&c->rows);
	free(c->slots);
	free(c);
}

/* ---- from libdw's form to ours --------------------------------------------- */

static bool is_cfa_plus(const Dwarf_Op *ops, size_t n)
{
	return n >= 1 && ops[0].atom == DW_OP_call_frame_cfa &&
	       (n == 1 || (n == 2 && ops[1].atom == DW_OP_plus_uconst));
}

static bool is_base_plus(const Dwarf_Op *ops, size_t n)
{
	return n == 1 && ((ops[0].atom >= DW_OP_breg0 && ops[0].atom <= DW_OP_breg31) ||
			  (ops[0].atom == DW_OP_bregx && ops[0].number < PF_REGS_MAX));
}

static bool set_expr(struct pf_cfi *c, struct pf_rule *rule, const Dwarf_Op *ops, size_t n)
{
	Dwarf_Op *own;

	if (n > OPS_MAX)
		return false;
	own = pf_arena_alloc(&c->rows, n * sizeof(*own));
	if (!own)
		return false;
	memcpy(own, ops, n * sizeof(*own));
	rule->how = PF_RULE_EXPR;
	rule->ops = own;
	rule->n_ops = (uint32_t)n;
	return true;
}

static bool set_cfa(struct pf_cfi *c, struct pf_rule *rule, const Dwarf_Op *ops, size_t n)
{
	if (!n)
		return false;
	if (!is_base_plus(ops, n))
		return set_expr(c, rule, ops, n);
	rule->how = PF_RULE_BASE;
	if (ops[0].atom == DW_OP_bregx) {
		rule->base = (uint8_t)ops[0].number;
		rule->offset = (int64_t)ops[0].number2;
	} else {
		rule->base = (uint8_t)(ops[0].atom - DW_OP_breg0);
		rule->offset = (int64_t)ops[0].number;
	}
	return true;
}

static bool set_rule(struct pf_cfi *c, struct pf_rule *rule, const Dwarf_Op *ops, size_t n)
{
	const bool value = n > 1 && ops[n - 1].atom == DW_OP_stack_value;

	if (!is_cfa_plus(ops, value ? n - 1 : n))
		return set_expr(c, rule, ops, n);
	rule->how = value ? PF_RULE_CFA : PF_RULE_SAVED;
	rule->offset = (value ? n - 1 : n) == 2 ? (int64_t)ops[1].number : 0;
	return true;
}

static int registers(const struct pf_cfi *c)
{
	return c->abi == PF_ABI_ARM64 ? ARM64_REGS : PF_X86_64_RIP + 1;
}

/* Rules of all registers that have one; -1 if one makes no sense. That a register is lost matters
 * for the return address only. */
static int take_rules(struct pf_cfi *c, Dwarf_Frame *frame, int ra, struct pf_rule *rules)
{
	int n = 0;

	for (int reg = 0; reg < registers(c); reg++) {
		Dwarf_Op own[3], *ops;
		size_t n_ops;

		if (dwarf_frame_register(frame, reg, own, &ops, &n_ops))
			return -1;
		if (!n_ops && (!ops || reg != ra))
			continue; /* the same value, or lost */
		rules[n] = (struct pf_rule){ .reg = (uint8_t)reg, .how = PF_RULE_UNDEFINED };
		if (n_ops && !set_rule(c, &rules[n], ops, n_ops))
			return -1;
		n++;
	}
	return n;
}

static bool is_undefined(const struct pf_rule *rules, int n, int reg)
{
	for (int i = 0; i < n; i++) {
		if (rules[i].reg == reg)
			return rules[i].how == PF_RULE_UNDEFINED;
	}
	return false;
}

static const struct pf_cfi_row *make_row(struct pf_cfi *c, Dwarf_Frame *frame)
{
	struct pf_rule rules[PF_REGS_MAX];
	struct pf_cfi_row *row, head = { 0 };
	Dwarf_Op *ops;
	size_t n_ops;
	int n, ra = dwarf_frame_info(frame, NULL, NULL, &head.signal);

	if (ra < 0 || ra >= registers(c) || dwarf_frame_cfa(frame, &ops, &n_ops) ||
	    !set_cfa(c, &head.cfa, ops, n_ops))
		return NULL;
	n = take_rules(c, frame, ra, rules);
	if (n < 0)
		return NULL;
	head.ra = (uint8_t)ra;
	head.n = (uint8_t)n;
	head.outermost = is_undefined(rules, n, ra);
	row = pf_arena_alloc(&c->rows, sizeof(*row) + (size_t)n * sizeof(*rules));
	if (!row)
		return NULL;
	*row = head;
	memcpy(row->rules, rules, (size_t)n * sizeof(*rules));
	return row;
}

static const struct pf_cfi_row *read_row(struct pf_cfi *c, uint64_t address)
{
	Dwarf_CFI *const tables[] = { c->eh, c->debug };
	const struct pf_cfi_row *row = NULL;

	for (int i = 0; i < 2 && !row; i++) {
		Dwarf_Frame *frame = NULL;

		if (!tables[i] || dwarf_cfi_addrframe(tables[i], address, &frame))
			continue;
		row = make_row(c, frame);
		free(frame);
	}
	return row;
}

/* ---- kept ------------------------------------------------------------------ */

static struct slot *slot_of(struct slot *slots, size_t n, uint64_t address)
{
	size_t i = (size_t)((address * 0x9e3779b97f4a7c15u) >> 32) & (n - 1);

	while (slots[i].used && slots[i].address != address)
		i = (i + 1) & (n - 1);
	return &slots[i];
}

static void forget(struct pf_cfi *c)
{
	memset(c->slots, 0, c->n_slots * sizeof(*c->slots));
	c->n_used = 0;
	pf_arena_reset(&c->rows);
}

/* Half of it at most is used. False: there is no memory, it stays as it is. */
static bool grow(struct pf_cfi *c)
{
	struct slot *bigger = calloc(c->n_slots * 2, sizeof(*bigger));

	if (!bigger)
		return false;
	for (size_t i = 0; i < c->n_slots; i++) {
		if (c->slots[i].used)
			*slot_of(bigger, c->n_slots * 2, c->slots[i].address) = c->slots[i];
	}
	free(c->slots);
	c->slots = bigger;
	c->n_slots *= 2;
	return true;
}

const struct pf_cfi_row *pf_cfi__row(struct pf_cfi *c, uint64_t address)
{
	struct slot *slot = slot_of(c->slots, c->n_slots, address);

	if (slot->used)
		return slot->row;
	if (c->n_used >= ROWS_MAX || (c->n_used * 2 >= c->n_slots && !grow(c)))
		forget(c);
	slot = slot_of(c->slots, c->n_slots, address);
	*slot = (struct slot){ address, read_row(c, address), true };
	c->n_used++;
	return slot->row;
}
