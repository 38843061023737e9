/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration's rules, compiled. */
#ifndef PF_TOOLS_PFLEAK_RULES_H
#define PF_TOOLS_PFLEAK_RULES_H

#include <stdbool.h>

#include "lib/base/strbuf.h"
#include "lib/config/config.h"
#include "lib/leak/rule.h"

/* NULL after complaints; without rules in the configuration an empty set. */
struct pf_rules *pfleak_rules_make(const struct pf_settings *s, struct pf_complaints *complaints);

/* Does one of them ask for fault events by class? */
bool pfleak_rules_trace(const struct pf_rules *rules);

/* Those that will never be told, as nobody tells the classes: one warning each. */
void pfleak_rules_warn_classes(const struct pf_rules *rules, const char *backend);

/* A line for each rule that could never be told; with -v, for each that sometimes could not. */
void pfleak_rules_text(const struct pf_rules *rules, struct pf_strbuf *out);

#endif
