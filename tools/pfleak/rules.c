/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration's rules, compiled, and what is wrong in them with its place. */
#include "tools/pfleak/rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/config/yaml.h"

#define EXCERPT_MAX 160
#define NAMES_TOLD  20 /* unknown ones of one condition */
#define NAME_SHOWN  (64 * PF_TEXT_GROWTH)

/* ---- what they may compare with ---------------------------------------------- */

#define N_CONSTANTS 5

static void fill_constants(const struct pf_settings *s, struct pf_rule_constant *c)
{
	const struct pf_unit rate = { .faults = 1, .seconds = -1, .scale = 1 };
	const struct pf_unit percent = { .scale = 0.01 };
	const struct pf_unit seconds = { .seconds = 1, .scale = 1 };
	const struct pf_unit size = { .bytes = 1, .scale = 1 << 20 };

	c[0] = (struct pf_rule_constant){ "thresholds.fault_rate_warning",
					  s->thresholds.fault_rate_warning, rate };
	c[1] = (struct pf_rule_constant){ "thresholds.fault_rate_critical",
					  s->thresholds.fault_rate_critical, rate };
	c[2] = (struct pf_rule_constant){ "thresholds.rss_growth_percent",
					  s->thresholds.rss_growth_percent / 100, percent };
	c[3] = (struct pf_rule_constant){ "thresholds.monitoring_window_sec",
					  s->thresholds.monitoring_window_s, seconds };
	c[4] = (struct pf_rule_constant){ "thresholds.min_process_size_mb",
					  (double)s->thresholds.min_process_bytes, size };
}

/* ---- errors ------------------------------------------------------------------ */

static unsigned int characters(const char *s, size_t len)
{
	unsigned int n = 0;

	for (size_t i = 0; i < len; i++)
		n += (s[i] & 0xc0) != 0x80;
	return n;
}

static void complain(const struct pf_rule_settings *rule, const struct pf_rule_error *err,
		     struct pf_complaints *complaints)
{
	const char *text = rule->condition.text;
	const char *line = err->at ? memrchr(text, '\n', err->at) : NULL;
	char excerpt[EXCERPT_MAX], what[600], name[NAME_SHOWN];
	const struct pf_complaint complaint = {
		.place = pf_yaml_place_in(rule->condition.node, err->at),
		.text = what,
		.excerpt = excerpt,
		.caret = characters(line ? line + 1 : text,
				    (size_t)(text + err->at - (line ? line + 1 : text))),
	};

	line = line ? line + 1 : text;
	snprintf(excerpt, sizeof(excerpt), "%.*s", (int)strcspn(line, "\n"), line);
	snprintf(what, sizeof(what), "rule %s: %s", pf_text_utf8(name, sizeof(name), rule->name),
		 err->text);
	pf_complain_about(complaints, &complaint);
}

/* ---- making ------------------------------------------------------------------ */

/* In text whose lines were joined, a comment goes on to the end of all. */
static bool is_hidden(const struct pf_rule_settings *rule, struct pf_complaints *complaints)
{
	const struct pf_rule_error err = {
		.at = strcspn(rule->condition.text, "#"),
		.text = "here the lines are joined to one, so that a # hides all behind it: write | "
			"in place of > or quotes",
	};

	if (!rule->condition.node->folded || !rule->condition.text[err.at])
		return false;
	complain(rule, &err, complaints);
	return true;
}

/*
 * What else is wrong? Names that nobody knows are taken for numbers, which go with everything, and
 * it is read again; what is said of those numbers is not told.
 */
static void complain_further(struct pf_rules *rules, const struct pf_rule_config *first,
			     const struct pf_rule_settings *rule,
			     const struct pf_rule_error *before, struct pf_complaints *complaints)
{
	_cleanup_free_ char *text = strdup(first->condition);
	struct pf_rule_config config = *first;
	struct pf_rule_error err = *before;

	config.condition = text;
	for (int i = 0; text && err.unknown && i < NAMES_TOLD; i++) {
		memset(text + err.at, '1', err.len);
		if (!pf_rules__add(rules, &config, &err)) /* nobody takes a set with mistakes */
			return;
		if (err.unknown || !strncmp(text + err.at, first->condition + err.at, err.len))
			complain(rule, &err, complaints);
	}
}

static void add(struct pf_rules *rules, const struct pf_rule_settings *rule,
		struct pf_complaints *complaints)
{
	const struct pf_rule_config config = {
		.name = rule->name,
		.condition = rule->condition.text,
		.level = (enum pf_alert_level)rule->level,
		.duration_s = rule->duration_s,
		.message = rule->message,
	};
	struct pf_rule_error err = { 0 };

	if (!rule->name || !rule->condition.text)
		return; /* complained of before */
	if (is_hidden(rule, complaints) || !pf_rules__add(rules, &config, &err))
		return;
	complain(rule, &err, complaints);
	if (err.unknown)
		complain_further(rules, &config, rule, &err, complaints);
}

struct pf_rules *pfleak_rules_make(const struct pf_settings *s, struct pf_complaints *complaints)
{
	struct pf_rule_constant constants[N_CONSTANTS];
	const struct pf_rule_names names = { constants, N_CONSTANTS };
	const struct pf_rule_settings *rule = s->alerting.rules.entry;
	const size_t before = complaints->n;
	struct pf_rules *rules = pf_rules__new(s->thresholds.monitoring_window_s, &names);

	if (!rules) {
		pf_complain(complaints, &(struct pf_place){ 0 }, "out of memory");
		return NULL;
	}
	fill_constants(s, constants);
	for (size_t i = 0; i < s->alerting.rules.n; i++)
		add(rules, &rule[i], complaints);
	if (complaints->n == before)
		return rules;
	pf_rules__free(rules);
	return NULL;
}

/* ---- classes ----------------------------------------------------------------- */

bool pfleak_rules_trace(const struct pf_rules *rules)
{
	for (size_t i = 0; i < pf_rules__count(rules); i++) {
		if (pf_rules__needs(rules, i) & PF_NEED_CLASSES)
			return true;
	}
	return false;
}

void pfleak_rules_warn_classes(const struct pf_rules *rules, const char *backend)
{
	for (size_t i = 0; i < pf_rules__count(rules); i++) {
		if (pf_rules__needs(rules, i) & PF_NEED_CLASSES)
			pf_warn("rule %s asks for anonymous_ratio, which the backend %s cannot "
				"tell: what goes by it never fires (see pfdiag --only pfstat)",
				pf_rules__name(rules, i), backend);
	}
}

/* ---- the end ----------------------------------------------------------------- */

void pfleak_rules_text(const struct pf_rules *rules, struct pf_strbuf *out)
{
	char name[NAME_SHOWN];

	for (size_t i = 0; i < pf_rules__count(rules); i++) {
		const struct pf_rule_stats *s = pf_rules__stats(rules, i);

		if (s->unknown && (s->unknown == s->asked || pf_log_level() >= PF_LOG_INFO))
			pf_strbuf_addf(
				out,
				"rule %s: could not be told %" PRIu64 " times of %" PRIu64 "\n",
				pf_text_printable(name, sizeof(name), pf_rules__name(rules, i)),
				s->unknown, s->asked);
	}
}
