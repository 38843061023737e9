/* SPDX-License-Identifier: BSD-2-Clause */
/* The rules' language, word by word. */
#include "lib/leak/rule_lex.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/base/cleanup.h"
#include "lib/base/parse.h"
#include "lib/leak/rule_error.h"

#define DIGITS	   "0123456789"
#define NUMBER_LEN 64

static bool is_name_start(char c)
{
	return isalpha((unsigned char)c) || c == '_';
}

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.';
}

/* Blanks, and what follows # on a line. */
static size_t skip_blanks(const char *text, size_t at)
{
	for (;;) {
		at += strspn(text + at, " \t\r\n");
		if (text[at] != '#')
			return at;
		at += strcspn(text + at, "\n");
	}
}

static size_t number_length(const char *s)
{
	size_t len = strspn(s, DIGITS);

	return s[len] == '.' ? len + 1 + strspn(s + len + 1, DIGITS) : len;
}

static int lex_number(const char *text, struct pf_token *t, struct pf_rule_error *err)
{
	const char *s = text + t->at;
	size_t digits = number_length(s), unit = 0;
	char number[NUMBER_LEN];

	snprintf(number, sizeof(number), "%.*s", (int)digits, s);
	if (digits >= sizeof(number) || pf_parse_double(number, 0, INFINITY, &t->value))
		return pf_rule_refuse(err, t->at, digits,
				      "this is no number: write 500, 0.5, 300s, 10MB or 80%%");
	t->kind = PF_TOKEN_NUMBER;
	t->unit = PF_UNIT_BARE;
	if (s[digits] == '%')
		unit = 1;
	else
		while (is_name(s[digits + unit]))
			unit++;
	t->len = digits + unit;
	if (!unit)
		return 0;
	if (!pf_unit_find(s + digits, unit, &t->unit))
		return pf_rule_refuse(err, t->at + digits, unit,
				      "'%.*s' is no unit: ms, s, m, h, d are times, K, M, G, T "
				      "(also KB, KiB) are sizes, and there is %%",
				      (int)(unit > 32 ? 32 : unit), s + digits);
	t->value *= t->unit.scale;
	return 0;
}

static void lex_name(const char *text, struct pf_token *t)
{
	static const struct {
		const char *word;
		enum pf_token_kind kind;
	} words[] = { { "and", PF_TOKEN_AND }, { "or", PF_TOKEN_OR }, { "not", PF_TOKEN_NOT } };

	while (is_name(text[t->at + t->len]))
		t->len++;
	t->kind = PF_TOKEN_NAME;
	for (size_t i = 0; i < PF_ARRAY_SIZE(words); i++) {
		if (t->len == strlen(words[i].word) &&
		    !strncasecmp(text + t->at, words[i].word, t->len))
			t->kind = words[i].kind;
	}
}

static int lex_sign(const char *text, struct pf_token *t, struct pf_rule_error *err)
{
	/* Longer ones first. */
	static const struct {
		const char *sign;
		enum pf_token_kind kind;
	} signs[] = {
		{ "&&", PF_TOKEN_AND },	 { "||", PF_TOKEN_OR },	  { "<=", PF_TOKEN_LE },
		{ ">=", PF_TOKEN_GE },	 { "==", PF_TOKEN_EQ },	  { "!=", PF_TOKEN_NE },
		{ "<", PF_TOKEN_LT },	 { ">", PF_TOKEN_GT },	  { "!", PF_TOKEN_NOT },
		{ "+", PF_TOKEN_PLUS },	 { "-", PF_TOKEN_MINUS }, { "*", PF_TOKEN_TIMES },
		{ "/", PF_TOKEN_OVER },	 { "(", PF_TOKEN_OPEN },  { ")", PF_TOKEN_CLOSE },
		{ ",", PF_TOKEN_COMMA },
	};
	const char *s = text + t->at;
	size_t len = 1;

	for (size_t i = 0; i < PF_ARRAY_SIZE(signs); i++) {
		if (strncmp(s, signs[i].sign, strlen(signs[i].sign)))
			continue;
		t->kind = signs[i].kind;
		t->len = strlen(signs[i].sign);
		return 0;
	}
	while ((s[len] & 0xc0) == 0x80)
		len++;
	return pf_rule_refuse(err, t->at, len, "'%.*s' has no meaning here%s", (int)len, s,
			      *s == '='		       ? ": equal is =="
			      : *s == '&' || *s == '|' ? ": write AND, OR"
						       : "");
}

int pf_rule_lex(const char *text, size_t *at, struct pf_token *t, struct pf_rule_error *err)
{
	const char *s;
	int ret = 0;

	*t = (struct pf_token){ .at = skip_blanks(text, *at) };
	s = text + t->at;
	if (isdigit((unsigned char)*s) || (*s == '.' && isdigit((unsigned char)s[1])))
		ret = lex_number(text, t, err);
	else if (is_name_start(*s))
		lex_name(text, t);
	else if (*s)
		ret = lex_sign(text, t, err);
	*at = t->at + t->len;
	return ret;
}
