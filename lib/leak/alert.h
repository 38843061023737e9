/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An alert's life: none -> watch -> pending -> firing -> resolved, one per
 * process incarnation and rule, and how bad it is. The model's own alert goes
 * by confidence, a rule's by its condition; both take what they are given and
 * read no clock.
 */
#ifndef PF_LIB_LEAK_ALERT_H
#define PF_LIB_LEAK_ALERT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/record/alert.h"

struct pf_finding;
struct pf_history;

struct pf_alert {
	enum pf_alert_state state;
	enum pf_alert_end end;
	double supported_s; /* when the confidence was last enough for a watch */
	double pending_s;   /* since when it is enough for an alert */
	float length_s;	    /* of the window that said so */
	float growth;	    /* bytes in the window that fired */
	uint32_t fired;	    /* buckets of `octave` closed by then */
	uint8_t octave;
	uint8_t points; /* a later window has as many */
};

struct pf_alert_terms {
	int watch; /* confidence for each */
	int fire;
	double delay_s; /* the confidence must be enough for so long, without a break; 0 = once */
};

/*
 * One sample on: now_s as everywhere, the confidence after grace and size, and
 * what it rests on. What is pending falls back to a watch when the confidence
 * does. A watch ends when nothing has supported it for the length of its
 * window; an alert when a full later window shows less than 20 % of its
 * growth. Returns true when the state changed.
 */
bool pf_alert_step(struct pf_alert *a, const struct pf_alert_terms *terms, double now_s,
		   int confidence, const struct pf_finding *f, const struct pf_history *h);

/*
 * The same for a model that looks at no window: more than the confidence for an
 * alert is asked, and what is open ends when nothing has supported it for
 * PF_ALERT_CLEAR_S.
 */
#define PF_ALERT_CLEAR_S 300
bool pf_alert_step_level(struct pf_alert *a, const struct pf_alert_terms *terms, double now_s,
			 int confidence);

/* The process ended: what is open is resolved. Returns true when the state changed. */
bool pf_alert_finish(struct pf_alert *a, enum pf_alert_end end);

/* A watch, or what became of it, that has not ended. */
static inline bool pf_alert_state_is_open(enum pf_alert_state state)
{
	return state == PF_ALERT_WATCH || state == PF_ALERT_PENDING || state == PF_ALERT_FIRING;
}

static inline bool pf_alert_is_open(const struct pf_alert *a)
{
	return pf_alert_state_is_open(a->state);
}

/* ---- a rule's alert -------------------------------------------------------- */

/* What a rule's condition says of one sample. */
enum pf_holds {
	PF_HOLDS_NO,
	PF_HOLDS_YES,
	PF_HOLDS_UNKNOWN, /* a metric is not available: fires nothing, ends nothing */
};

/* A rule on one process. All zero = it never held. */
struct pf_rule_alert {
	enum pf_alert_state state; /* never PF_ALERT_WATCH */
	enum pf_alert_end end;
	double since_s; /* pending: held since; firing: held last */
};

struct pf_rule_terms {
	double hold_s;	/* the condition must hold for so long, without a break; 0 = once */
	double clear_s; /* ... and must not have held for so long to be over */
};

/*
 * One sample on. pending -> firing when it has held for hold_s; pending -> none
 * when it does not hold; firing -> resolved when it has not held for clear_s,
 * an unknown condition counting as neither. Returns true when the state
 * changed.
 */
bool pf_rule_alert_step(struct pf_rule_alert *a, const struct pf_rule_terms *terms, double now_s,
			enum pf_holds holds);

/* The process ended. Returns true when the state changed. */
bool pf_rule_alert_finish(struct pf_rule_alert *a, enum pf_alert_end end);

/* ---- how bad it is --------------------------------------------------------- */

/*
 * Severity 1-10 by RSS + swap: <= 128 MB 1, > 128 MB 2, > 512 MB 4, > 1 GB 6,
 * > 4 GB 8, > 8 GB 10; at least 4 with less than a day left, 6 with less than
 * six hours, 8 with less than one, 10 with less than ten minutes. time_left_s
 * NaN = unknown.
 */
int pf_severity(int64_t bytes, double time_left_s);
/* "Minimal", "Low", "Medium", "Medium-High", "High", "Critical" */
const char *pf_severity_label(int severity);
/* Up to 5 warning, from 6 on critical. */
enum pf_alert_level pf_severity_level(int severity);

#endif
