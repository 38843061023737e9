/* SPDX-License-Identifier: BSD-2-Clause */
/* Sentences about verdicts, without names: nothing hostile gets in. Prints nothing. */
#include "lib/leak/verdict.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/units.h"
#include "lib/leak/model.h"
#include "lib/record/field.h"

#define TEXT_LEN 24

double pf_time_left(double growth_bytes_per_s, int64_t headroom_bytes)
{
	if (headroom_bytes == PF_UNKNOWN || !(growth_bytes_per_s > 0))
		return NAN;
	return headroom_bytes > 0 ? (double)headroom_bytes / growth_bytes_per_s : 0;
}

/* Now, or it was until this moment. */
static bool is_firing(const struct pf_verdict *v)
{
	return v->state == PF_ALERT_FIRING || (v->transition && v->previous == PF_ALERT_FIRING);
}

enum pf_alert_level pf_verdict_level(const struct pf_verdict *v)
{
	return v->rule || is_firing(v) ? v->level : PF_LEVEL_INFO;
}

static int64_t per_minute(double bytes_per_s)
{
	return (int64_t)fmax(-1e18, fmin(60 * bytes_per_s, 1e18));
}

/* "rose by 312M in 21m20s (14.6M a minute, give or take 0.3M)" */
static void growth_text(char *dst, size_t size, const struct pf_verdict *v)
{
	char growth[TEXT_LEN], window[TEXT_LEN], rate[TEXT_LEN], error[TEXT_LEN];

	snprintf(dst, size, "rose by %s in %s (%s a minute, give or take %s)",
		 pf_fmt_bytes(growth, sizeof(growth), v->growth_bytes),
		 pf_fmt_duration(window, sizeof(window), v->window_s),
		 pf_fmt_bytes(rate, sizeof(rate), per_minute(v->growth_bytes_per_s)),
		 pf_fmt_bytes(error, sizeof(error), per_minute(v->growth_error)));
}

static const char *end_text(const struct pf_verdict *v)
{
	switch (v->end) {
	case PF_END_RECOVERED:
		if (v->rule)
			return "the condition does not hold any more";
		return v->previous == PF_ALERT_FIRING ? "its memory stopped growing"
						      : "its growth did not last";
	case PF_END_EXITED:
		return "the process exited";
	case PF_END_EXEC:
		return "the process became another program";
	case PF_END_GONE:
		return "the process is not seen any more";
	case PF_END_RULE_CHANGED:
		return "the rule has another condition now and begins anew";
	case PF_END_RULE_GONE:
		return "the rule is not in the configuration any more";
	case PF_END_NONE:
		break;
	}
	return "";
}

static const char *class_text(enum pf_class class)
{
	switch (class) {
	case PF_CLASS_STARTUP:
		return "it is too young to tell";
	case PF_CLASS_FLAT:
		return "its memory does not grow";
	case PF_CLASS_PLATEAU:
		return "its memory grew and grows less and less";
	case PF_CLASS_STEP:
		return "its memory grew in jumps";
	case PF_CLASS_SAWTOOTH:
		return "its memory rises and is given back";
	case PF_CLASS_FILE_CACHE:
		return "what grows is mapped files, which can be reclaimed";
	case PF_CLASS_CHURN:
		return "it faults a lot and its memory does not grow";
	default:
		return "too little was seen to tell";
	}
}

/* The first thing asked that was not given. */
static const struct pf_signal *first_failed(const struct pf_verdict *v)
{
	for (size_t i = 0; i < v->n_signals; i++) {
		if (!v->signals[i].passed)
			return &v->signals[i];
	}
	return NULL;
}

/* "but it declares a limit that it has not reached (-Xmx: 512M)" */
static const char *limit_doubt(char *dst, size_t size, const char *doubt, const char *source,
			       int64_t bytes)
{
	char limit[TEXT_LEN];

	snprintf(dst, size, ", but %s (%s: %s)", doubt, source ? source : "",
		 pf_fmt_bytes(limit, sizeof(limit), bytes));
	return dst;
}

static const char *doubt_text(char *dst, size_t size, const struct pf_verdict *v)
{
	const struct pf_signal *s = first_failed(v);

	if (!s)
		return "";
	switch (s->id) {
	case PF_SIGNAL_LENGTH:
		return ", not for long enough to be sure";
	case PF_SIGNAL_REPEATED:
		return ", seen only once so far";
	case PF_SIGNAL_CEILING:
		return limit_doubt(dst, size, "it declares a limit that it has not reached",
				   v->ceiling->source, v->ceiling->bytes);
	case PF_SIGNAL_BUDGET:
		return limit_doubt(dst, size, "less than half of a limit set for it is used",
				   v->limit.budget.source, v->limit.budget.bytes);
	case PF_SIGNAL_KIN:
		return ", but others of its kind came to rest higher up";
	case PF_SIGNAL_PATIENCE:
		return ", but slowly, and memory lasts for days";
	case PF_SIGNAL_GRACE:
		return ", but the process is young";
	default:
		return "";
	}
}

/* "fault_rate +30, rss_growth +25": what gave points. */
static void points_text(char *dst, size_t size, const struct pf_verdict *v)
{
	size_t len = 0;

	snprintf(dst, size, "%s", "");
	for (size_t i = 0; i < v->n_signals && len < size; i++) {
		const struct pf_signal *s = &v->signals[i];

		if (s->points > 0)
			len += (size_t)snprintf(dst + len, size - len, "%s%s +%d", len ? ", " : "",
						s->name, s->points);
	}
}

static bool is_trend(const struct pf_verdict *v)
{
	return !v->model || !strcmp(v->model, pf_model_names[PF_MODEL_TREND]);
}

char *pf_verdict_reason(char *dst, size_t size, const struct pf_verdict *v)
{
	char growth[5 * TEXT_LEN], left[TEXT_LEN], buf[5 * TEXT_LEN];
	const char *doubt = doubt_text(buf, sizeof(buf), v);
	bool open = pf_alert_state_is_open(v->state);

	growth_text(growth, sizeof(growth), v);
	if (v->state == PF_ALERT_RESOLVED && v->transition)
		snprintf(dst, size, "%s%s%s", end_text(v), v->why ? ": " : "",
			 v->why ? v->why : "");
	else if (v->why)
		snprintf(dst, size, "%s", v->why);
	else if (open && !is_trend(v))
		points_text(dst, size, v);
	else if (!open && (v->n_signals == 0 || first_failed(v)))
		snprintf(dst, size, "%s", class_text(v->class));
	else if (isnan(v->time_left_s))
		snprintf(dst, size, "the floor of its memory %s%s", growth, doubt);
	else
		snprintf(dst, size, "the floor of its memory %s%s; at this rate it lasts %s more",
			 growth, doubt, pf_fmt_duration(left, sizeof(left), v->time_left_s));
	return dst;
}
