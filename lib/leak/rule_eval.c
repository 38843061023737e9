/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The value of a condition. Everything is looked at each time, as a timer must
 * run whatever stands beside it; the tree's size and depth are bounded.
 */
#include <math.h>

#include "lib/leak/rule_tree.h"

struct context {
	const double *fact;
	double *timer;
	double now_s;
};

static double eval(const struct context *c, const struct pf_rule_node *n);

/* Kleene's logic: false AND unknown is false, true OR unknown is true. */
static double and (double a, double b)
{
	if (a == 0 || b == 0)
		return 0;
	return isnan(a) || isnan(b) ? NAN : 1;
}

static double or (double a, double b)
{
	if (a == 1 || b == 1)
		return 1;
	return isnan(a) || isnan(b) ? NAN : 0;
}

static double truth_of(bool holds)
{
	return holds ? 1 : 0;
}

static double compare(enum pf_rule_op op, double a, double b)
{
	if (isnan(a) || isnan(b))
		return NAN;
	switch (op) {
	case PF_OP_LT:
		return truth_of(a < b);
	case PF_OP_LE:
		return truth_of(a <= b);
	case PF_OP_GT:
		return truth_of(a > b);
	case PF_OP_GE:
		return truth_of(a >= b);
	case PF_OP_EQ:
		return truth_of(a == b);
	default:
		return truth_of(a != b);
	}
}

static double combine(enum pf_rule_op op, double a, double b)
{
	if (op == PF_OP_AND)
		return and(a, b);
	if (op == PF_OP_OR)
		return or (a, b);
	if (isnan(a) || isnan(b))
		return NAN;
	switch (op) {
	case PF_OP_ADD:
		return a + b;
	case PF_OP_SUBTRACT:
		return a - b;
	case PF_OP_MULTIPLY:
		return a * b;
	case PF_OP_DIVIDE:
		return b == 0 ? NAN : a / b;
	case PF_OP_MIN:
		return fmin(a, b);
	case PF_OP_MAX:
		return fmax(a, b);
	default:
		return compare(op, a, b);
	}
}

static double fold(const struct context *c, const struct pf_rule_node *n)
{
	double value = eval(c, n->first);

	for (const struct pf_rule_node *o = n->first->next; o; o = o->next)
		value = combine(n->op, value, eval(c, o));
	return value;
}

/* First the operands that say since when, then those that ask for how long. */
static double fold_timed(const struct context *c, const struct pf_rule_node *n)
{
	double *since = &c->timer[n->timer];
	double value = 1;

	for (const struct pf_rule_node *o = n->first; o; o = o->next)
		value = o->late ? value : and(value, eval(c, o));
	if (value == 0)
		*since = NAN;
	else if (isnan(value)) /* what nobody knows to hold has not held until now */
		*since = INFINITY;
	else if (!isfinite(*since))
		*since = c->now_s;
	for (const struct pf_rule_node *o = n->first; o; o = o->next)
		value = o->late ? and(value, eval(c, o)) : value;
	return value;
}

static double held_s(const struct context *c, const struct pf_rule_node *n)
{
	double since = c->timer[n->timer];

	if (isinf(since))
		return NAN;
	return isnan(since) ? 0 : c->now_s - since;
}

static double eval(const struct context *c, const struct pf_rule_node *n)
{
	switch (n->op) {
	case PF_OP_NUMBER:
		return n->value;
	case PF_OP_FACT:
		return isfinite(c->fact[n->fact]) ? c->fact[n->fact] : NAN;
	case PF_OP_DURATION:
		return held_s(c, n);
	case PF_OP_NEGATE:
		return -eval(c, n->first);
	case PF_OP_ABS:
		return fabs(eval(c, n->first));
	case PF_OP_KNOWN:
		return truth_of(!isnan(eval(c, n->first)));
	case PF_OP_NOT:
		return 1 - eval(c, n->first);
	case PF_OP_AND:
		return n->timer >= 0 ? fold_timed(c, n) : fold(c, n);
	default:
		return fold(c, n);
	}
}

double pf_rule_eval(const struct pf_rule_program *program, const double fact[PF_FACTS],
		    double *timer, double now_s)
{
	const struct context c = { fact, timer, now_s };

	return eval(&c, program->root);
}
