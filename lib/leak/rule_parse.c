/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The grammar of conditions, weakest first:
 *
 *	OR    AND    NOT    < <= > >= == !=    + -    * /    - (sign)
 *
 * and parentheses, functions, names and numbers with units. Units are checked
 * as the tree grows.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/parse.h"
#include "lib/leak/rule_error.h"
#include "lib/leak/rule_lex.h"
#include "lib/leak/rule_tree.h"

#define SHOWN_MAX 40 /* bytes of the condition that a message repeats */
#define NAMES_MAX 128

typedef struct pf_rule_node node_t;

struct parser {
	const char *text;
	size_t at; /* behind the token */
	struct pf_token token;
	const struct pf_rule_names *names;
	struct pf_arena *arena;
	struct pf_rule_program *program;
	struct pf_rule_error *err;
	unsigned int nodes;
	unsigned int depth;
	int failed; /* the first failure; nothing is read after it */
};

static node_t *parse_or(struct parser *p);

/* ---- failing ---------------------------------------------------------------- */

static node_t *refuse(struct parser *p, size_t at, size_t len, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Always NULL. */
static node_t *refuse(struct parser *p, size_t at, size_t len, const char *fmt, ...)
{
	va_list ap;

	if (p->failed)
		return NULL;
	va_start(ap, fmt);
	p->failed = pf_rule_vrefuse(p->err, at, len, fmt, ap);
	va_end(ap);
	return NULL;
}

/* A piece of the condition, for a message. */
static const char *piece(const struct parser *p, size_t at, size_t len, char dst[SHOWN_MAX + 4])
{
	size_t end = len > SHOWN_MAX ? SHOWN_MAX : len;

	while (end && end < len && (p->text[at + end] & 0xc0) == 0x80)
		end--;
	snprintf(dst, SHOWN_MAX + 4, "%.*s%s", (int)end, p->text + at, len > end ? "..." : "");
	for (char *c = dst; *c; c++)
		*c = strchr("\n\t\r", *c) ? ' ' : *c;
	return dst;
}

static const char *piece_of(const struct parser *p, const node_t *n, char dst[SHOWN_MAX + 4])
{
	return piece(p, n->at, n->len, dst);
}

static bool advance(struct parser *p)
{
	if (!p->failed)
		p->failed = pf_rule_lex(p->text, &p->at, &p->token, p->err);
	return !p->failed;
}

/* ---- nodes ------------------------------------------------------------------ */

static node_t *new_node(struct parser *p, enum pf_rule_op op, size_t at, size_t len)
{
	node_t *n;

	if (p->failed)
		return NULL;
	if (++p->nodes > PF_RULE_NODES_MAX)
		return refuse(p, at, len, "too long: at most %d names, numbers and operators",
			      PF_RULE_NODES_MAX);
	n = pf_arena_alloc(p->arena, sizeof(*n));
	if (!n) {
		refuse(p, at, len, "out of memory");
		p->failed = -ENOMEM;
		return NULL;
	}
	*n = (node_t){ .op = op, .unit = PF_UNIT_BARE, .timer = -1, .at = at, .len = len };
	return n;
}

/* An operator over one operand, or over a list of them. */
static node_t *new_parent(struct parser *p, enum pf_rule_op op, node_t *first, size_t at)
{
	node_t *n = new_node(p, op, at, 0), *last = first;

	if (!n)
		return NULL;
	for (node_t *o = first; o; o = o->next) {
		n->has_duration |= o->has_duration;
		last = o;
	}
	n->first = first;
	n->len = last->at + last->len - at;
	return n;
}

static node_t *want_number(struct parser *p, node_t *n)
{
	char text[SHOWN_MAX + 4];

	if (n && n->truth)
		return refuse(p, n->at, n->len, "'%s' is true or false, a number is wanted",
			      piece_of(p, n, text));
	return n;
}

static node_t *want_truth(struct parser *p, node_t *n)
{
	char text[SHOWN_MAX + 4];

	if (!n || n->truth)
		return n;
	if (n->op == PF_OP_NUMBER)
		return refuse(p, n->at, n->len,
			      "'%s' is a number, a condition is wanted: compare something with it, "
			      "as in rss_mb > %s",
			      piece_of(p, n, text), text);
	return refuse(p, n->at, n->len,
		      "'%s' is a number: compare it with something, as in %s > 10",
		      piece_of(p, n, text), text);
}

/* A number without a unit takes that of its neighbour: everything in it is a number already. */
static void lend_unit(node_t *bare, const struct pf_unit *unit)
{
	const struct pf_rule_program program = { .root = bare };

	bare->value = pf_rule_eval(&program, NULL, NULL, 0) * unit->scale;
	bare->op = PF_OP_NUMBER;
	bare->first = NULL;
	bare->unit = *unit;
}

/* Operands that are added, compared or chosen from. what: "compared with", "added to". */
static bool match_units(struct parser *p, node_t *a, node_t *b, const char *what)
{
	char x[SHOWN_MAX + 4], y[SHOWN_MAX + 4], ux[80], uy[80];

	if (a->unit.bare && !b->unit.bare)
		lend_unit(a, &b->unit);
	else if (b->unit.bare && !a->unit.bare)
		lend_unit(b, &a->unit);
	if (pf_unit_same(&a->unit, &b->unit))
		return true;
	refuse(p, a->at, b->at + b->len - a->at, "'%s' (%s) cannot be %s '%s' (%s)",
	       piece_of(p, a, x), pf_unit_text(ux, sizeof(ux), &a->unit), what, piece_of(p, b, y),
	       pf_unit_text(uy, sizeof(uy), &b->unit));
	return false;
}

/* ---- names ------------------------------------------------------------------ */

static bool is_name(const struct parser *p, const struct pf_token *t, const char *name)
{
	return name && strlen(name) == t->len && !strncmp(p->text + t->at, name, t->len);
}

static node_t *unknown_name(struct parser *p, const struct pf_token *t)
{
	const char *words[NAMES_MAX] = { "duration", "min", "max", "abs", "known" };
	char name[SHOWN_MAX + 4];
	const char *near;
	size_t n = 5;

	for (size_t i = 0; i < PF_FACTS; i++)
		words[n++] = pf_facts[i].name;
	for (size_t i = 0; i < p->names->n && n < NAMES_MAX - 1; i++)
		words[n++] = p->names->constants[i].name;
	near = pf_nearest(piece(p, t->at, t->len, name), words);
	refuse(p, t->at, t->len, "there is no metric '%s'%s%s%s", name,
	       near ? ": did you mean '" : " (pfleak.conf(5) lists all)", near ? near : "",
	       near ? "'?" : "");
	if (p->err)
		p->err->unknown = true;
	return NULL;
}

static node_t *fact_node(struct parser *p, const struct pf_token *t, enum pf_fact_id id)
{
	node_t *n = new_node(p, PF_OP_FACT, t->at, t->len);

	if (!n)
		return NULL;
	n->fact = id;
	n->unit = pf_facts[id].unit;
	p->program->needs |= pf_facts[id].needs;
	p->program->facts |= 1u << id;
	return n;
}

static node_t *duration_node(struct parser *p, const struct pf_token *t)
{
	node_t *n = new_node(p, PF_OP_DURATION, t->at, t->len);

	if (n) {
		n->unit = (struct pf_unit){ .seconds = 1, .scale = 1 };
		n->has_duration = true;
	}
	return n;
}

static node_t *truth_node(struct parser *p, const struct pf_token *t, double value)
{
	node_t *n = new_node(p, PF_OP_NUMBER, t->at, t->len);

	if (n) {
		n->truth = true;
		n->value = value;
	}
	return n;
}

static node_t *constant_node(struct parser *p, const struct pf_token *t,
			     const struct pf_rule_constant *constant)
{
	node_t *n = new_node(p, PF_OP_NUMBER, t->at, t->len);

	if (n) {
		n->value = constant->value;
		n->unit = constant->unit;
	}
	return n;
}

static node_t *name_node(struct parser *p, const struct pf_token *t)
{
	for (size_t i = 0; i < PF_FACTS; i++) {
		if (is_name(p, t, pf_facts[i].name) || is_name(p, t, pf_facts[i].alias))
			return fact_node(p, t, (enum pf_fact_id)i);
	}
	for (size_t i = 0; i < p->names->n; i++) {
		if (is_name(p, t, p->names->constants[i].name))
			return constant_node(p, t, &p->names->constants[i]);
	}
	if (is_name(p, t, "duration"))
		return duration_node(p, t);
	if (is_name(p, t, "true") || is_name(p, t, "false"))
		return truth_node(p, t, p->text[t->at] == 't');
	return unknown_name(p, t);
}

/* ---- functions -------------------------------------------------------------- */

static bool take(struct parser *p, enum pf_token_kind kind)
{
	return p->token.kind == kind && advance(p);
}

static bool expect(struct parser *p, enum pf_token_kind kind, const char *what)
{
	char text[SHOWN_MAX + 4];

	if (p->failed || take(p, kind))
		return !p->failed;
	if (!p->failed)
		refuse(p, p->token.at, p->token.len, "%s is missing before %s", what,
		       p->token.kind == PF_TOKEN_END ? "the end"
						     : piece(p, p->token.at, p->token.len, text));
	return false;
}

/* The arguments, linked; *n of them. */
static node_t *parse_arguments(struct parser *p, unsigned int *n)
{
	node_t *first = NULL, *last = NULL;

	do {
		node_t *o = want_number(p, parse_or(p));

		if (!o)
			return NULL;
		if (last)
			last->next = o;
		else
			first = o;
		last = o;
		++*n;
	} while (take(p, PF_TOKEN_COMMA));
	return expect(p, PF_TOKEN_CLOSE, "a )") ? first : NULL;
}

static node_t *parse_call(struct parser *p, const struct pf_token *name)
{
	static const struct {
		const char *name;
		enum pf_rule_op op;
		bool one;
	} functions[] = { { "min", PF_OP_MIN, false },
			  { "max", PF_OP_MAX, false },
			  { "abs", PF_OP_ABS, true },
			  { "known", PF_OP_KNOWN, true } };
	unsigned int n = 0;
	node_t *first, *call;
	size_t i = 0;

	while (i < PF_ARRAY_SIZE(functions) && !is_name(p, name, functions[i].name))
		i++;
	if (i == PF_ARRAY_SIZE(functions))
		return refuse(p, name->at, name->len,
			      "there is no such function: there are min, max, abs and known");
	first = parse_arguments(p, &n);
	if (!first)
		return NULL;
	if (functions[i].one ? n != 1 : n < 2)
		return refuse(p, name->at, name->len, "%s takes %s", functions[i].name,
			      functions[i].one ? "one value" : "two or more");
	for (node_t *o = first->next; o; o = o->next) {
		if (!match_units(p, first, o, "chosen from together with"))
			return NULL;
	}
	call = new_parent(p, functions[i].op, first, name->at);
	if (call && functions[i].op == PF_OP_KNOWN)
		call->truth = true;
	else if (call)
		call->unit = first->unit;
	return call;
}

/* ---- operands --------------------------------------------------------------- */

static node_t *number_node(struct parser *p, const struct pf_token *t)
{
	node_t *n = new_node(p, PF_OP_NUMBER, t->at, t->len);

	if (n) {
		n->value = t->value;
		n->unit = t->unit;
	}
	return n;
}

static node_t *parse_group(struct parser *p, const struct pf_token *open)
{
	node_t *n = parse_or(p);
	size_t end = p->token.at + 1;

	if (!n || !expect(p, PF_TOKEN_CLOSE, "a )"))
		return NULL;
	n->at = open->at;
	n->len = end - open->at;
	return n;
}

static node_t *parse_operand(struct parser *p)
{
	const struct pf_token t = p->token;
	char text[SHOWN_MAX + 4];

	if (!advance(p))
		return NULL;
	switch (t.kind) {
	case PF_TOKEN_NUMBER:
		return number_node(p, &t);
	case PF_TOKEN_NAME:
		return take(p, PF_TOKEN_OPEN) ? parse_call(p, &t) : name_node(p, &t);
	case PF_TOKEN_OPEN:
		return parse_group(p, &t);
	case PF_TOKEN_END:
		return refuse(p, t.at, 0, "something is missing at the end");
	default:
		return refuse(p, t.at, t.len, "a name, a number or a ( is missing before '%s'",
			      piece(p, t.at, t.len, text));
	}
}

/* One level further in, where nesting is without other bound. */
static node_t *deeper(struct parser *p, node_t *(*parse)(struct parser *p), size_t at)
{
	node_t *n;

	if (p->depth == PF_RULE_DEPTH_MAX)
		return refuse(p, at, 1, "nested too deep: at most %d levels", PF_RULE_DEPTH_MAX);
	p->depth++;
	n = parse(p);
	p->depth--;
	return n;
}

static node_t *parse_sign(struct parser *p)
{
	const size_t at = p->token.at;
	node_t *n, *operand;

	if (p->token.kind != PF_TOKEN_MINUS)
		return deeper(p, parse_operand, at);
	if (!advance(p))
		return NULL;
	operand = want_number(p, deeper(p, parse_sign, at));
	n = operand ? new_parent(p, PF_OP_NEGATE, operand, at) : NULL;
	if (n)
		n->unit = operand->unit;
	return n;
}

/* ---- arithmetic ------------------------------------------------------------- */

static node_t *pair(struct parser *p, enum pf_rule_op op, node_t *a, node_t *b)
{
	a->next = b;
	return new_parent(p, op, a, a->at);
}

static node_t *multiply(struct parser *p, enum pf_rule_op op, node_t *a, node_t *b)
{
	const struct pf_rule_program divisor = { .root = b };
	struct pf_unit unit;
	node_t *n;

	if (op == PF_OP_DIVIDE && b->unit.bare && pf_rule_eval(&divisor, NULL, NULL, 0) == 0)
		return refuse(p, b->at, b->len, "this is a division by zero");
	if (!pf_unit_multiply(&unit, &a->unit, &b->unit, op == PF_OP_MULTIPLY ? 1 : -1))
		return refuse(p, a->at, b->at + b->len - a->at,
			      "no unit is left that means something");
	n = pair(p, op, a, b);
	if (n)
		n->unit = unit;
	return n;
}

static node_t *parse_product(struct parser *p)
{
	node_t *a = parse_sign(p);

	while (a && (p->token.kind == PF_TOKEN_TIMES || p->token.kind == PF_TOKEN_OVER)) {
		enum pf_rule_op op =
			p->token.kind == PF_TOKEN_TIMES ? PF_OP_MULTIPLY : PF_OP_DIVIDE;
		node_t *b;

		a = want_number(p, a);
		if (!a || !advance(p))
			return NULL;
		b = want_number(p, parse_sign(p));
		a = b ? multiply(p, op, a, b) : NULL;
	}
	return p->failed ? NULL : a;
}

static node_t *parse_sum(struct parser *p)
{
	node_t *a = parse_product(p);

	while (a && (p->token.kind == PF_TOKEN_PLUS || p->token.kind == PF_TOKEN_MINUS)) {
		bool plus = p->token.kind == PF_TOKEN_PLUS;
		node_t *b, *n;

		a = want_number(p, a);
		if (!a || !advance(p))
			return NULL;
		b = want_number(p, parse_product(p));
		if (!b || !match_units(p, a, b, plus ? "added to" : "set against"))
			return NULL;
		n = pair(p, plus ? PF_OP_ADD : PF_OP_SUBTRACT, a, b);
		if (n)
			n->unit = a->unit;
		a = n;
	}
	return p->failed ? NULL : a;
}

/* ---- truths ----------------------------------------------------------------- */

static bool comparison(enum pf_token_kind kind, enum pf_rule_op *op)
{
	static const enum pf_rule_op ops[] = {
		[PF_TOKEN_LT] = PF_OP_LT, [PF_TOKEN_LE] = PF_OP_LE, [PF_TOKEN_GT] = PF_OP_GT,
		[PF_TOKEN_GE] = PF_OP_GE, [PF_TOKEN_EQ] = PF_OP_EQ, [PF_TOKEN_NE] = PF_OP_NE,
	};

	if (kind < PF_TOKEN_LT || kind > PF_TOKEN_NE)
		return false;
	*op = ops[kind];
	return true;
}

static node_t *parse_comparison(struct parser *p)
{
	node_t *a = parse_sum(p), *b, *n;
	enum pf_rule_op op;

	if (!a || !comparison(p->token.kind, &op))
		return p->failed ? NULL : a;
	a = want_number(p, a);
	if (!a || !advance(p))
		return NULL;
	b = want_number(p, parse_sum(p));
	if (!b || !match_units(p, a, b, "compared with"))
		return NULL;
	n = pair(p, op, a, b);
	if (n)
		n->truth = true;
	if (n && comparison(p->token.kind, &op))
		return refuse(p, p->token.at, p->token.len,
			      "comparisons do not chain: write a < b AND b < c");
	return p->failed ? NULL : n;
}

static node_t *parse_not(struct parser *p)
{
	const size_t at = p->token.at;
	node_t *operand, *n;

	if (p->token.kind != PF_TOKEN_NOT)
		return parse_comparison(p);
	if (!advance(p))
		return NULL;
	operand = want_truth(p, deeper(p, parse_not, at));
	n = operand ? new_parent(p, PF_OP_NOT, operand, at) : NULL;
	if (n)
		n->truth = true;
	return n;
}

/* Operands with the same operator between them, as one list. */
static node_t *parse_list(struct parser *p, enum pf_token_kind token, enum pf_rule_op op,
			  node_t *(*parse)(struct parser *p))
{
	node_t *first = parse(p), *last = first, *n;

	if (!first || p->token.kind != token)
		return p->failed ? NULL : first;
	if (!want_truth(p, first))
		return NULL;
	while (take(p, token)) {
		node_t *o = want_truth(p, parse(p));

		if (!o)
			return NULL;
		last->next = o;
		last = o;
	}
	n = p->failed ? NULL : new_parent(p, op, first, first->at);
	if (n)
		n->truth = true;
	return n;
}

/* All durations in it that belong to no AND yet. */
static void bind(node_t *n, int timer)
{
	if (!n->has_duration)
		return;
	n->has_duration = false;
	if (n->op == PF_OP_DURATION)
		n->timer = timer;
	for (node_t *o = n->first; o; o = o->next)
		bind(o, timer);
}

/* A duration counts for how long what stands beside it in its AND has held. */
static node_t *bind_durations(struct parser *p, node_t *n)
{
	bool beside = false;

	for (node_t *o = n->first; o; o = o->next)
		beside |= !o->has_duration;
	if (!beside)
		return n;
	if (p->program->n_timers == PF_RULE_TIMERS_MAX)
		return refuse(p, n->at, n->len, "at most %d ANDs with a duration are accepted",
			      PF_RULE_TIMERS_MAX);
	n->timer = (int)p->program->n_timers++;
	for (node_t *o = n->first; o; o = o->next) {
		o->late = o->has_duration;
		bind(o, n->timer);
	}
	n->has_duration = false;
	return n;
}

static node_t *parse_and(struct parser *p)
{
	node_t *n = parse_list(p, PF_TOKEN_AND, PF_OP_AND, parse_not);

	return n && n->op == PF_OP_AND && n->has_duration ? bind_durations(p, n) : n;
}

static node_t *parse_or(struct parser *p)
{
	return parse_list(p, PF_TOKEN_OR, PF_OP_OR, parse_and);
}

/* ---- the whole -------------------------------------------------------------- */

static const node_t *find_duration(const node_t *n)
{
	if (n->op == PF_OP_DURATION && n->timer < 0)
		return n;
	for (const node_t *o = n->first; o; o = o->next) {
		const node_t *found = find_duration(o);

		if (found)
			return found;
	}
	return NULL;
}

static int check_end(struct parser *p, const node_t *root)
{
	char text[SHOWN_MAX + 4];

	if (p->failed)
		return p->failed;
	if (p->token.kind != PF_TOKEN_END)
		refuse(p, p->token.at, p->token.len,
		       "AND, OR or an operator is missing before '%s'",
		       piece(p, p->token.at, p->token.len, text));
	else if (root->has_duration)
		refuse(p, find_duration(root)->at, strlen("duration"),
		       "duration counts for how long other things have held: put them beside it "
		       "with AND");
	return p->failed;
}

int pf_rule_parse(const char *text, const struct pf_rule_names *names, struct pf_arena *arena,
		  struct pf_rule_program *program, struct pf_rule_error *err)
{
	struct parser p = {
		.text = text, .names = names, .arena = arena, .program = program, .err = err
	};
	node_t *root;

	*program = (struct pf_rule_program){ 0 };
	if (strlen(text) > PF_RULE_TEXT_MAX)
		return pf_rule_refuse(err, PF_RULE_TEXT_MAX, 1,
				      "too long: at most %d bytes are accepted", PF_RULE_TEXT_MAX);
	if (!advance(&p))
		return p.failed;
	if (p.token.kind == PF_TOKEN_END)
		return pf_rule_refuse(err, p.token.at, 0, "there is no condition");
	root = parse_or(&p);
	if (check_end(&p, root))
		return p.failed;
	if (!want_truth(&p, root))
		return p.failed;
	program->root = root;
	return 0;
}
