/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of states, ends and levels. Decides nothing. */
#include "lib/record/alert.h"

#include <string.h>

static const char *const states[PF_ALERT_STATES] = {
	[PF_ALERT_NONE] = "none",	  [PF_ALERT_WATCH] = "watch",
	[PF_ALERT_PENDING] = "pending",	  [PF_ALERT_FIRING] = "firing",
	[PF_ALERT_RESOLVED] = "resolved",
};

static const char *const levels[PF_LEVELS] = {
	[PF_LEVEL_INFO] = "info",
	[PF_LEVEL_WARNING] = "warning",
	[PF_LEVEL_CRITICAL] = "critical",
};

static int index_of(const char *name, const char *const *names, int n)
{
	for (int i = 0; i < n; i++) {
		if (!strcmp(name, names[i]))
			return i;
	}
	return -1;
}

const char *pf_alert_state_name(enum pf_alert_state state)
{
	return states[state];
}

int pf_alert_state_of(const char *name)
{
	return index_of(name, states, PF_ALERT_STATES);
}

const char *pf_alert_headline(enum pf_alert_state state)
{
	static const char *const headlines[PF_ALERT_STATES] = {
		[PF_ALERT_NONE] = "",
		[PF_ALERT_WATCH] = "WATCH",
		[PF_ALERT_PENDING] = "PENDING",
		[PF_ALERT_FIRING] = "ALERT",
		[PF_ALERT_RESOLVED] = "RESOLVED",
	};

	return headlines[state];
}

const char *pf_alert_level_name(enum pf_alert_level level)
{
	return levels[level];
}

int pf_alert_level_of(const char *name)
{
	return index_of(name, levels, PF_LEVELS);
}

const char *pf_alert_end_name(enum pf_alert_end end)
{
	switch (end) {
	case PF_END_NONE:
		return "";
	case PF_END_RECOVERED:
		return "recovered";
	case PF_END_EXITED:
		return "exited";
	case PF_END_EXEC:
		return "exec";
	case PF_END_GONE:
		return "gone";
	case PF_END_RULE_CHANGED:
		return "rule_changed";
	case PF_END_RULE_GONE:
		return "rule_gone";
	}
	return "";
}
