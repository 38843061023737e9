/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Steps from a frame to its caller until there is none, or no way on. What is
 * followed is a stranger's: every step must lead up the stack, except out of a
 * function that has not used it yet or out of a signal handler, and their
 * number is bounded.
 */
#include "lib/stack/unwind.h"

#include <errno.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/stack/cfi.h"
#include "lib/stack/eval.h"
#include "lib/stack/hotspot.h"
#include "lib/stack/module.h"
#include "lib/stack/names.h"
#include "lib/stack/ranges.h"

/* The bits above may hold a signature of a return address (PAC). */
#define ARM64_ADDRESS_MASK ((1ULL << 48) - 1)

struct walk {
	const struct pf_code *code;
	struct pf_eval_state m;
	uint64_t pc;
	bool interrupted; /* pc is where it was, not where a call returns to */
	bool first;
	struct pf_trace *out;
	uint32_t depth;
};

/* Registers that this architecture has for these. */
struct abi_regs {
	uint8_t pc, sp, fp;
};

static struct abi_regs abi_regs(enum pf_abi abi)
{
	if (abi == PF_ABI_ARM64)
		return (struct abi_regs){ PF_ARM64_PC, PF_ARM64_SP, PF_ARM64_FP };
	return (struct abi_regs){ PF_X86_64_RIP, PF_X86_64_RSP, PF_X86_64_RBP };
}

/* ---- where code is --------------------------------------------------------- */

static const struct pf_map_range *range_of(const struct pf_code *code, uint64_t ip)
{
	return pf_ranges_find(code->ranges, code->n, ip);
}

struct place {
	bool mapped;
	struct pf_module *module; /* NULL: no file, or one that cannot be read */
	struct pf_frame frame;
};

/* For a caller `back` is 1: the call is before where it is returned to. */
static struct place place_of(const struct pf_code *code, uint64_t ip, unsigned int back)
{
	const struct pf_map_range *range = range_of(code, ip - back);
	struct place p = { .mapped = range, .frame = { .ip = ip, .address = ip - back } };

	if (!range || range->module == PF_MODULE_NONE)
		return p;
	p.frame.module = range->module;
	p.frame.address = ip - back - range->start + range->offset;
	p.module = code->module(code->ctx, range->module);
	if (p.module && !pf_module__address(p.module, p.frame.address, &p.frame.address))
		p.module = NULL;
	return p;
}

static bool add_frame(struct pf_trace *t, const struct pf_frame *frame, uint32_t depth)
{
	if (t->n == depth) {
		t->stop = PF_STOP_DEPTH;
		return false;
	}
	t->frames[t->n++] = *frame;
	return true;
}

/* ---- one step -------------------------------------------------------------- */

/* What to make of an errno of the machine's. */
static enum pf_trace_stop stop_of(int ret)
{
	return ret == -ERANGE ? PF_STOP_COPY : PF_STOP_BROKEN;
}

static int find_cfa(const struct pf_eval_state *m, const struct pf_rule *rule, uint64_t *cfa)
{
	if (rule->how == PF_RULE_BASE) {
		*cfa = m->regs.r[rule->base] + (uint64_t)rule->offset;
		return 0;
	}
	/* Here the operations leave the CFA itself, not where it is kept. */
	return pf_eval(m, rule->ops, rule->n_ops, false, cfa);
}

static int follow(const struct pf_eval_state *m, const struct pf_rule *rule, uint64_t *value)
{
	switch (rule->how) {
	case PF_RULE_SAVED:
		return pf_eval_read(m, m->cfa + (uint64_t)rule->offset, sizeof(*value), value);
	case PF_RULE_CFA:
		*value = m->cfa + (uint64_t)rule->offset;
		return 0;
	case PF_RULE_EXPR:
		return pf_eval(m, rule->ops, rule->n_ops, true, value);
	default:
		return 0;
	}
}

/* The caller's registers. One that cannot be read but is not needed to go on keeps its value. */
static int follow_all(struct walk *w, const struct pf_cfi_row *row, struct pf_regs *next)
{
	int ret = find_cfa(&w->m, &row->cfa, &w->m.cfa);

	*next = w->m.regs;
	if (ret)
		return ret;
	next->r[abi_regs(w->code->abi).sp] = w->m.cfa;
	for (uint8_t i = 0; i < row->n; i++) {
		const struct pf_rule *rule = &row->rules[i];
		int read = follow(&w->m, rule, &next->r[rule->reg]);

		if (rule->reg == row->ra && read)
			ret = read;
	}
	return ret;
}

static bool leads_on(const struct walk *w, const struct pf_regs *next, bool signal)
{
	const struct abi_regs reg = abi_regs(w->code->abi);
	const uint64_t sp = w->m.regs.r[reg.sp], up = next->r[reg.sp];

	/* A function that has put nothing on the stack has its caller's, where calls do not use
	 * it. A signal may have come on another stack. */
	return up > sp || signal || (up == sp && w->interrupted);
}

static uint64_t plain_address(const struct walk *w, uint64_t address)
{
	return w->code->abi == PF_ABI_ARM64 ? address & ARM64_ADDRESS_MASK : address;
}

/* To the caller by the tables; false: the walk is over. */
static bool step_by_table(struct walk *w, const struct pf_cfi_row *row)
{
	struct pf_regs next;
	int ret;

	if (row->outermost) {
		w->out->stop = PF_STOP_ROOT;
		return false;
	}
	ret = follow_all(w, row, &next);
	if (ret || !leads_on(w, &next, row->signal)) {
		w->out->stop = ret ? stop_of(ret) : PF_STOP_BROKEN;
		return false;
	}
	w->m.regs = next;
	w->pc = plain_address(w, next.r[row->ra]);
	w->interrupted = row->signal;
	return true;
}

/* The routines that programs and threads begin in, of those C libraries and runtimes that have no
 * tables for them. */
static bool is_start(struct pf_module *module, uint64_t address)
{
	static const char *const starts[] = { "_start",	       "_start_c",	 "__clone",
					      "clone",	       "clone3",	 "__clone3",
					      "thread_start",  "runtime.goexit", "runtime.rt0_go",
					      "runtime.mstart" };
	struct pf_names *names = module ? pf_module__names(module) : NULL;
	struct pf_name name;

	if (module && pf_module__is_entry(module, address))
		return true;
	if (!names || !pf_names__find(names, address, false, &name, 1) || !name.name)
		return false;
	for (size_t i = 0; i < PF_ARRAY_SIZE(starts); i++) {
		if (strcmp(name.name, starts[i]) == 0)
			return true;
	}
	return false;
}

/* To the caller by the frame pointer, which must lead up the stack and to code. */
static bool step_by_pointer(struct walk *w, const struct place *here)
{
	const struct abi_regs reg = abi_regs(w->code->abi);
	const uint64_t sp = w->m.regs.r[reg.sp], fp = w->m.regs.r[reg.fp];
	uint64_t ret, up;
	int rc;

	w->out->stop = is_start(here->module, here->frame.address) ? PF_STOP_ROOT : PF_STOP_TABLE;
	if (w->out->stop == PF_STOP_ROOT || fp < sp || fp % sizeof(fp))
		return false;
	rc = pf_eval_read(&w->m, fp, sizeof(up), &up);
	if (!rc)
		rc = pf_eval_read(&w->m, fp + sizeof(up), sizeof(ret), &ret);
	if (rc)
		return false;
	ret = plain_address(w, ret);
	if (!range_of(w->code, ret - 1))
		return false;
	w->m.regs.r[reg.fp] = up;
	w->m.regs.r[reg.sp] = fp + 2 * sizeof(fp);
	w->pc = ret;
	w->interrupted = false;
	return true;
}

/* To the caller of code that a JVM has made; false: the walk is over. */
static bool step_by_hotspot(struct walk *w, const struct place *here)
{
	const struct abi_regs reg = abi_regs(w->code->abi);
	struct pf_hotspot_caller up;
	const int ret = pf_hotspot__caller(w->code->hotspot, &w->m, w->pc, w->interrupted, &up);

	if (ret == -ENOENT)
		return step_by_pointer(w, here);
	if (ret || up.sp <= w->m.regs.r[reg.sp]) {
		w->out->stop = ret == -ERANGE ? PF_STOP_COPY : ret ? PF_STOP_TABLE : PF_STOP_BROKEN;
		return false;
	}
	w->m.regs.r[reg.fp] = up.fp;
	w->m.regs.r[reg.sp] = up.sp;
	w->pc = up.pc;
	w->interrupted = false;
	return true;
}

static const struct pf_cfi_row *row_of(const struct place *here)
{
	struct pf_cfi *cfi = here->module ? pf_module__cfi(here->module) : NULL;

	return cfi ? pf_cfi__row(cfi, here->frame.address) : NULL;
}

static bool step(struct walk *w)
{
	const struct place here = place_of(w->code, w->pc, w->interrupted ? 0 : 1);
	const struct pf_cfi_row *row;

	if (!w->pc) {
		w->out->stop = PF_STOP_ROOT;
		return false;
	}
	if (!here.mapped && !w->first) {
		w->out->stop = PF_STOP_MAP;
		return false;
	}
	if (!add_frame(w->out, &here.frame, w->depth))
		return false;
	if (!here.mapped) {
		w->out->stop = PF_STOP_MAP;
		return false;
	}
	w->first = false;
	row = row_of(&here);
	if (row)
		return step_by_table(w, row);
	return w->code->hotspot && here.frame.module == PF_MODULE_NONE ? step_by_hotspot(w, &here)
								       : step_by_pointer(w, &here);
}

static enum pf_trace_stop stop_at(const struct place *here)
{
	const struct pf_cfi_row *row;

	if (!here->mapped)
		return PF_STOP_MAP;
	row = row_of(here);
	if (row ? row->outermost : is_start(here->module, here->frame.address))
		return PF_STOP_ROOT;
	return PF_STOP_TABLE;
}

/* A chain that the kernel has walked. */
static void place_all(const struct pf_code *code, const struct pf_unwind_sample *sample,
		      struct pf_trace *out)
{
	for (uint32_t i = 0; i < sample->n_ips; i++) {
		const struct place here = place_of(code, sample->ips[i], i ? 1 : 0);

		if (!add_frame(out, &here.frame, sample->depth))
			return;
		if (i + 1 == sample->n_ips)
			out->stop = stop_at(&here);
	}
}

void pf_unwind(const struct pf_code *code, const struct pf_unwind_sample *sample,
	       struct pf_trace *out)
{
	struct walk w = {
		.code = code,
		.m = { .regs = sample->regs, .parts = sample->parts, .n_parts = sample->n_parts },
		.pc = sample->regs.r[abi_regs(code->abi).pc],
		.interrupted = true,
		.first = true,
		.out = out,
		.depth = sample->depth < PF_FRAMES_MAX ? sample->depth : PF_FRAMES_MAX
	};

	out->n = 0;
	out->stop = PF_STOP_TABLE;
	if (sample->ips) {
		place_all(code, sample, out);
		return;
	}
	while (step(&w))
		;
}
