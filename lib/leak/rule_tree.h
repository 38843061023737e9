/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A condition as a tree whose units have been checked, and its value. Numbers
 * and truths are doubles; NaN = unknown, 0 = false, 1 = true.
 */
#ifndef PF_LIB_LEAK_RULE_TREE_H
#define PF_LIB_LEAK_RULE_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/leak/rule_fact.h"
#include "lib/leak/rule_unit.h"
#include "lib/record/arena.h"

struct pf_rule_error;

#define PF_RULE_TEXT_MAX   4096 /* bytes of a condition */
#define PF_RULE_NODES_MAX  512
#define PF_RULE_DEPTH_MAX  32 /* of parentheses, NOT and minus */
#define PF_RULE_TIMERS_MAX 4  /* ANDs with a duration in one condition */

enum pf_rule_op {
	PF_OP_NUMBER,
	PF_OP_FACT,
	PF_OP_DURATION,
	PF_OP_NEGATE,
	PF_OP_ADD,
	PF_OP_SUBTRACT,
	PF_OP_MULTIPLY,
	PF_OP_DIVIDE,
	PF_OP_MIN,
	PF_OP_MAX,
	PF_OP_ABS,
	PF_OP_KNOWN, /* true or false, never unknown */
	PF_OP_LT,
	PF_OP_LE,
	PF_OP_GT,
	PF_OP_GE,
	PF_OP_EQ,
	PF_OP_NE,
	PF_OP_AND,
	PF_OP_OR,
	PF_OP_NOT,
};

struct pf_rule_node {
	enum pf_rule_op op;
	bool truth;	   /* else a number */
	bool has_duration; /* one in it that belongs to no AND yet */
	bool late;	   /* operand of an AND: needs the time the others have held */
	struct pf_unit unit;
	double value; /* PF_OP_NUMBER, in base units */
	enum pf_fact_id fact;
	int timer;		    /* PF_OP_DURATION, and the PF_OP_AND it belongs to; -1 = none */
	struct pf_rule_node *first; /* operand */
	struct pf_rule_node *next;  /* operand of the same operator */
	size_t at, len;		    /* in the text */
};

/* A name with a value: "thresholds.fault_rate_warning". */
struct pf_rule_constant {
	const char *name;
	double value; /* in base units */
	struct pf_unit unit;
};

struct pf_rule_names {
	const struct pf_rule_constant *constants;
	size_t n;
};

struct pf_rule_program {
	const struct pf_rule_node *root;
	size_t n_timers;
	unsigned int needs; /* of all facts in it */
	unsigned int facts; /* which, as bits */
};

/* The nodes are in the arena. 0, -EINVAL with *err, or -ENOMEM (*err too). */
int pf_rule_parse(const char *text, const struct pf_rule_names *names, struct pf_arena *arena,
		  struct pf_rule_program *program, struct pf_rule_error *err);

/*
 * The condition's truth. fact: in base units, NaN = unknown. timer: n_timers times since when what
 * stands beside a duration has held, NaN = it does not, infinity = unknown; kept from one call to the next.
 */
double pf_rule_eval(const struct pf_rule_program *program, const double fact[PF_FACTS],
		    double *timer, double now_s);

#endif
