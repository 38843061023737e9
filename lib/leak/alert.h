/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An alert's life: none -> watch -> firing -> resolved, one per process
 * incarnation, and how bad it is. Takes the confidence as it is given.
 */
#ifndef PF_LIB_LEAK_ALERT_H
#define PF_LIB_LEAK_ALERT_H

#include <stdbool.h>
#include <stdint.h>

struct pf_finding;
struct pf_history;

enum pf_alert_state {
	PF_ALERT_NONE,
	PF_ALERT_WATCH, /* grows, not for long enough to be sure */
	PF_ALERT_FIRING,
	PF_ALERT_RESOLVED, /* a watch or an alert that ended; new evidence may begin another */
};

enum pf_alert_end {
	PF_END_NONE,
	PF_END_RECOVERED, /* an alert's growth stopped, or a watch's was not borne out */
	PF_END_EXITED,
	PF_END_EXEC, /* the process became another program */
	PF_END_GONE, /* not seen any more */
};

enum pf_alert_level {
	PF_LEVEL_INFO,
	PF_LEVEL_WARNING,
	PF_LEVEL_CRITICAL,
};

/* "none", "watch", "firing", "resolved" */
const char *pf_alert_state_name(enum pf_alert_state state);
/* "", "recovered", "exited", "exec", "gone" */
const char *pf_alert_end_name(enum pf_alert_end end);
/* "info", "warning", "critical" */
const char *pf_alert_level_name(enum pf_alert_level level);

struct pf_alert {
	enum pf_alert_state state;
	enum pf_alert_end end;
	double supported_s; /* when the confidence was last enough for a watch */
	float length_s;	    /* of the window that said so */
	float growth;	    /* bytes in the window that fired */
	uint32_t fired;	    /* buckets of `octave` closed by then */
	uint8_t octave;
	uint8_t points; /* a later window has as many */
};

struct pf_alert_terms {
	int watch; /* confidence for each */
	int fire;
};

/*
 * One sample on: now_s as everywhere, the confidence after grace and size, and
 * what it rests on. A watch ends when nothing has supported it for the length
 * of its window; an alert when a full later window shows less than 20 % of its
 * growth. Returns true when the state changed.
 */
bool pf_alert_step(struct pf_alert *a, const struct pf_alert_terms *terms, double now_s,
		   int confidence, const struct pf_finding *f, const struct pf_history *h);

/* The process ended: a watch or alert is resolved. Returns true when the state changed. */
bool pf_alert_finish(struct pf_alert *a, enum pf_alert_end end);

static inline bool pf_alert_is_open(const struct pf_alert *a)
{
	return a->state == PF_ALERT_WATCH || a->state == PF_ALERT_FIRING;
}

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
