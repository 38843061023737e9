/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small stack machine for the operations that unwind tables use. Signal
 * frames and the linkage table are where they are found; the rest of DWARF's
 * operations need a process, and are refused.
 */
#include "lib/stack/eval.h"

#include <dwarf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define DEPTH_MAX 64
#define STEPS_MAX 1000

int pf_eval_read(const struct pf_eval_state *m, uint64_t address, unsigned int size, uint64_t *out)
{
	uint64_t value = 0;

	if (!m->n_parts)
		return -ERANGE;
	if (address < m->parts[0].address)
		return -EFAULT;
	for (uint32_t i = 0; i < m->n_parts; i++) {
		const struct pf_stack_part *part = &m->parts[i];
		uint64_t at = address - part->address;

		if (address < part->address || part->len < size || at > part->len - size)
			continue;
		memcpy(&value, (const char *)part->data + at, size);
		*out = value;
		return 0;
	}
	return -ERANGE;
}

struct eval {
	const struct pf_eval_state *m;
	const Dwarf_Op *ops;
	size_t n_ops;
	size_t next;
	uint64_t stack[DEPTH_MAX];
	size_t depth;
	bool is_value; /* the top is the value, not where it is */
};

static int push(struct eval *e, uint64_t value)
{
	if (e->depth == DEPTH_MAX)
		return -EINVAL;
	e->stack[e->depth++] = value;
	return 0;
}

/* The place of the nth from the top. */
static uint64_t *top(struct eval *e, size_t nth)
{
	return nth < e->depth ? &e->stack[e->depth - 1 - nth] : NULL;
}

static int push_copy(struct eval *e, size_t nth)
{
	const uint64_t *from = top(e, nth);

	return from ? push(e, *from) : -EINVAL;
}

static int push_register(struct eval *e, uint64_t reg, uint64_t plus)
{
	return reg < PF_REGS_MAX ? push(e, e->m->regs.r[reg] + plus) : -EINVAL;
}

static int load(struct eval *e, unsigned int size)
{
	uint64_t *at = top(e, 0);

	if (!at || size < 1 || size > sizeof(*at))
		return -EINVAL;
	return pf_eval_read(e->m, *at, size, at);
}

/* The operation that begins so many bytes after the end of this one. */
static int jump(struct eval *e, const Dwarf_Op *from)
{
	/* Both are three bytes long: code and offset. */
	const uint64_t to = from->offset + 3 + (uint64_t)(int64_t)(int16_t)from->number;

	for (size_t i = 0; i < e->n_ops; i++) {
		if (e->ops[i].offset == to) {
			e->next = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int branch(struct eval *e, const Dwarf_Op *op)
{
	if (!e->depth)
		return -EINVAL;
	return e->stack[--e->depth] ? jump(e, op) : 0;
}

static int one_operand(struct eval *e, const Dwarf_Op *op)
{
	uint64_t *a = top(e, 0);

	if (!a)
		return -EINVAL;
	switch (op->atom) {
	case DW_OP_neg:
		*a = -*a;
		return 0;
	case DW_OP_not:
		*a = ~*a;
		return 0;
	case DW_OP_abs:
		*a = (int64_t)*a < 0 ? -*a : *a;
		return 0;
	default: /* DW_OP_plus_uconst */
		*a += op->number;
		return 0;
	}
}

static uint64_t shifted(uint64_t a, uint64_t by, uint8_t atom)
{
	if (atom == DW_OP_shra)
		return (uint64_t)((int64_t)a >> (by > 63 ? 63 : by));
	if (by > 63)
		return 0;
	return atom == DW_OP_shl ? a << by : a >> by;
}

static int divided(int64_t a, int64_t b, uint64_t *out)
{
	if (b == 0 || (a == INT64_MIN && b == -1))
		return -EINVAL;
	*out = (uint64_t)(a / b);
	return 0;
}

static bool compared(int64_t a, int64_t b, uint8_t atom)
{
	switch (atom) {
	case DW_OP_le:
		return a <= b;
	case DW_OP_ge:
		return a >= b;
	case DW_OP_eq:
		return a == b;
	case DW_OP_lt:
		return a < b;
	case DW_OP_gt:
		return a > b;
	default: /* DW_OP_ne */
		return a != b;
	}
}

static int calculate(uint64_t a, uint64_t b, uint8_t atom, uint64_t *out)
{
	switch (atom) {
	case DW_OP_and:
		*out = a & b;
		return 0;
	case DW_OP_or:
		*out = a | b;
		return 0;
	case DW_OP_xor:
		*out = a ^ b;
		return 0;
	case DW_OP_plus:
		*out = a + b;
		return 0;
	case DW_OP_minus:
		*out = a - b;
		return 0;
	case DW_OP_mul:
		*out = a * b;
		return 0;
	case DW_OP_mod:
		*out = b ? a % b : 0;
		return b ? 0 : -EINVAL;
	case DW_OP_div:
		return divided((int64_t)a, (int64_t)b, out);
	case DW_OP_shl:
	case DW_OP_shr:
	case DW_OP_shra:
		*out = shifted(a, b, atom);
		return 0;
	default:
		*out = compared((int64_t)a, (int64_t)b, atom);
		return 0;
	}
}

static int two_operands(struct eval *e, const Dwarf_Op *op)
{
	uint64_t *a = top(e, 1), *b = top(e, 0);

	if (!a)
		return -EINVAL;
	e->depth--;
	return calculate(*a, *b, op->atom, a);
}

static int swap(struct eval *e)
{
	uint64_t *a = top(e, 1), *b = top(e, 0), held;

	if (!a)
		return -EINVAL;
	held = *a;
	*a = *b;
	*b = held;
	return 0;
}

static int rotate(struct eval *e)
{
	uint64_t *third = top(e, 2), *second = top(e, 1), *first = top(e, 0), held;

	if (!third)
		return -EINVAL;
	held = *first;
	*first = *second;
	*second = *third;
	*third = held;
	return 0;
}

static int drop(struct eval *e)
{
	if (!e->depth)
		return -EINVAL;
	e->depth--;
	return 0;
}

/* Constants, registers and addresses: what is pushed. */
static int push_operand(struct eval *e, const Dwarf_Op *op)
{
	if (op->atom >= DW_OP_lit0 && op->atom <= DW_OP_lit31)
		return push(e, op->atom - DW_OP_lit0);
	if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31)
		return push_register(e, op->atom - DW_OP_breg0, op->number);
	if (op->atom >= DW_OP_reg0 && op->atom <= DW_OP_reg31) {
		e->is_value = true;
		return push_register(e, op->atom - DW_OP_reg0, 0);
	}
	switch (op->atom) {
	case DW_OP_const1u:
	case DW_OP_const1s:
	case DW_OP_const2u:
	case DW_OP_const2s:
	case DW_OP_const4u:
	case DW_OP_const4s:
	case DW_OP_const8u:
	case DW_OP_const8s:
	case DW_OP_constu:
	case DW_OP_consts:
		return push(e, op->number);
	case DW_OP_bregx:
		return push_register(e, op->number, op->number2);
	case DW_OP_regx:
		e->is_value = true;
		return push_register(e, op->number, 0);
	case DW_OP_call_frame_cfa:
		return push(e, e->m->cfa);
	default:
		return -EINVAL;
	}
}

static int step(struct eval *e, const Dwarf_Op *op)
{
	switch (op->atom) {
	case DW_OP_nop:
		return 0;
	case DW_OP_stack_value:
		e->is_value = true;
		return 0;
	case DW_OP_dup:
		return push_copy(e, 0);
	case DW_OP_over:
		return push_copy(e, 1);
	case DW_OP_pick:
		return push_copy(e, op->number);
	case DW_OP_drop:
		return drop(e);
	case DW_OP_swap:
		return swap(e);
	case DW_OP_rot:
		return rotate(e);
	case DW_OP_deref:
		return load(e, sizeof(uint64_t));
	case DW_OP_deref_size:
		return op->number <= sizeof(uint64_t) ? load(e, (unsigned int)op->number) : -EINVAL;
	case DW_OP_skip:
		return jump(e, op);
	case DW_OP_bra:
		return branch(e, op);
	case DW_OP_neg:
	case DW_OP_not:
	case DW_OP_abs:
	case DW_OP_plus_uconst:
		return one_operand(e, op);
	case DW_OP_and:
	case DW_OP_or:
	case DW_OP_xor:
	case DW_OP_plus:
	case DW_OP_minus:
	case DW_OP_mul:
	case DW_OP_mod:
	case DW_OP_div:
	case DW_OP_shl:
	case DW_OP_shr:
	case DW_OP_shra:
	case DW_OP_le:
	case DW_OP_ge:
	case DW_OP_eq:
	case DW_OP_lt:
	case DW_OP_gt:
	case DW_OP_ne:
		return two_operands(e, op);
	default:
		return push_operand(e, op);
	}
}

int pf_eval(const struct pf_eval_state *m, const Dwarf_Op *ops, size_t n, bool load_it,
	    uint64_t *out)
{
	struct eval e = { .m = m, .ops = ops, .n_ops = n };
	int ret = 0;

	for (int steps = 0; !ret && e.next < n; steps++) {
		if (steps == STEPS_MAX)
			return -EINVAL;
		ret = step(&e, &ops[e.next++]);
	}
	if (!ret && load_it && !e.is_value)
		ret = load(&e, sizeof(uint64_t));
	if (!ret && !e.depth)
		ret = -EINVAL;
	if (!ret)
		*out = e.stack[e.depth - 1];
	return ret;
}
