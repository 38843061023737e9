/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of an alert record: states, how it ended, levels. Those who judge
 * and those who tell share them; what leads from one state to the next is
 * lib/leak/alert.h.
 */
#ifndef PF_LIB_RECORD_ALERT_H
#define PF_LIB_RECORD_ALERT_H

enum pf_alert_state {
	PF_ALERT_NONE,
	PF_ALERT_WATCH,	  /* grows, not for long enough to be sure */
	PF_ALERT_PENDING, /* the condition holds; its duration or the escalation delay is not over */
	PF_ALERT_FIRING,
	PF_ALERT_RESOLVED, /* one of the above that ended; new evidence may begin another */
	PF_ALERT_STATES,
};

enum pf_alert_end {
	PF_END_NONE,
	PF_END_RECOVERED, /* an alert's growth stopped, or a watch's was not borne out */
	PF_END_EXITED,
	PF_END_EXEC,	     /* the process became another program */
	PF_END_GONE,	     /* not seen any more */
	PF_END_RULE_CHANGED, /* a rule of its name is there, with another condition */
	PF_END_RULE_GONE,    /* no rule of its name is there any more */
};

enum pf_alert_level {
	PF_LEVEL_INFO,
	PF_LEVEL_WARNING,
	PF_LEVEL_CRITICAL,
	PF_LEVELS,
};

/* "none", "watch", "pending", "firing", "resolved" */
const char *pf_alert_state_name(enum pf_alert_state state);
/* "WATCH", "PENDING", "ALERT", "RESOLVED": how a line about it begins; "" for none. */
const char *pf_alert_headline(enum pf_alert_state state);
/* "", "recovered", "exited", "exec", "gone", "rule_changed", "rule_gone" */
const char *pf_alert_end_name(enum pf_alert_end end);
/* "info", "warning", "critical" */
const char *pf_alert_level_name(enum pf_alert_level level);

/* The other way round: the state or level of that name, -1 for none of them. */
int pf_alert_state_of(const char *name);
int pf_alert_level_of(const char *name);

#endif
