/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is thought of one process: the record that goes from here to tables,
 * JSON and alerts. Holds no names of its own.
 */
#ifndef PF_LIB_LEAK_VERDICT_H
#define PF_LIB_LEAK_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/leak/alert.h"
#include "lib/leak/class.h"
#include "lib/leak/signal.h"
#include "lib/record/limit.h"

/* The verdict on one process as of its last sample. */
struct pf_verdict {
	/* who; strings live as long as the verdict. exe, cgroup, container: NULL = unknown */
	int64_t pid;
	double start_ts;
	const char *comm;
	const char *exe;
	const char *cgroup;
	const char *container;

	/* as last seen */
	double ts;	   /* of the last sample */
	double age_s;	   /* since the process started */
	double followed_s; /* since first sight, or exec */
	int64_t rss_bytes; /* last known; PF_UNKNOWN = never told */
	int64_t swap_bytes;
	int64_t vsz_bytes;
	double fault_rate;    /* faults per second in the last interval; NaN = unknown */
	int64_t faults_total; /* since first sight, exec or not */

	/* what we think */
	const char *model; /* whose the confidence is: "trend" */
	int confidence;	   /* 0-100 that it leaks */
	enum pf_class class;
	double growth_bytes_per_s; /* of the floor over the judged window; NaN = too early */
	double growth_error;	   /* one standard error of it, same unit; NaN = too early */
	int64_t growth_bytes;	   /* of the floor over the judged window; 0 = too early */
	double window_s;	   /* length of the judged window; 0 = too early */
	struct pf_signal signals[PF_SIGNALS_MAX]; /* why; points add up to confidence */
	size_t n_signals;			  /* 0 = too early */

	/* the alert */
	const char *rule; /* whose it is; NULL = the model's own */
	const char *why;  /* of a rule: its message and what it went by; else NULL */
	enum pf_alert_state state;
	enum pf_alert_state previous; /* state before this feed */
	bool transition;	      /* state != previous: exactly one record is due */
	enum pf_alert_end end;	      /* why it is PF_ALERT_RESOLVED */
	int severity;		      /* 1-10, by RSS, raised by time left */
	const char *severity_label;   /* "Minimal" … "Critical" */
	enum pf_alert_level level;
	double time_left_s;		  /* NaN = cannot tell or not growing */
	const struct pf_ceiling *ceiling; /* the limit it declares for itself; never NULL */
	struct pf_limit
		limit; /* what it runs into; headroom PF_UNKNOWN when not asked or not known,
				* source "" but in the verdict it was asked for */
};

/* Seconds until headroom is used up at that rate; NaN when it is not growing or unknown. */
double pf_time_left(double growth_bytes_per_s, int64_t headroom_bytes);

/* The level that its record has: nobody is warned of a watch that became nothing. */
enum pf_alert_level pf_verdict_level(const struct pf_verdict *v);

/*
 * One sentence for people on why it is in its state: "grew 312M in 21m at 0.25M/s, ...". No
 * names in it, so nothing hostile. Returns dst.
 */
char *pf_verdict_reason(char *dst, size_t size, const struct pf_verdict *v);

#endif
