/* SPDX-License-Identifier: BSD-2-Clause */
/* The rules' language, word by word. Knows no metric and no grammar. */
#ifndef PF_LIB_LEAK_RULE_LEX_H
#define PF_LIB_LEAK_RULE_LEX_H

#include <stddef.h>

#include "lib/leak/rule_unit.h"

struct pf_rule_error;

enum pf_token_kind {
	PF_TOKEN_END,
	PF_TOKEN_NUMBER,
	PF_TOKEN_NAME, /* letters, digits, _ and dots */
	PF_TOKEN_AND,
	PF_TOKEN_OR,
	PF_TOKEN_NOT,
	PF_TOKEN_LT,
	PF_TOKEN_LE,
	PF_TOKEN_GT,
	PF_TOKEN_GE,
	PF_TOKEN_EQ,
	PF_TOKEN_NE,
	PF_TOKEN_PLUS,
	PF_TOKEN_MINUS,
	PF_TOKEN_TIMES,
	PF_TOKEN_OVER,
	PF_TOKEN_OPEN,
	PF_TOKEN_CLOSE,
	PF_TOKEN_COMMA,
};

struct pf_token {
	enum pf_token_kind kind;
	size_t at; /* bytes into the text */
	size_t len;
	double value; /* numbers: in base units */
	struct pf_unit unit;
};

/* The first token at or after *at, which is set behind it. 0 or -EINVAL with *err. */
int pf_rule_lex(const char *text, size_t *at, struct pf_token *token, struct pf_rule_error *err);

#endif
