/* SPDX-License-Identifier: BSD-2-Clause */
/* Life and weight of an alert; see the header. Sends nothing. */
#include "lib/leak/alert.h"

#include <math.h>
#include <stddef.h>

#include "lib/leak/finding.h"
#include "lib/leak/history.h"
#include "lib/leak/window.h"

/* An alert is over when a later window grows by less than this part of what it fired for. */
#define STILL_GROWING 0.2

#define MB (1LL << 20)
#define GB (1LL << 30)

static void enter(struct pf_alert *a, enum pf_alert_state state, enum pf_alert_end end)
{
	a->state = state;
	a->end = end;
}

/* The octave in which a window of that length fits; the finding's own where it has one. */
static unsigned int octave_for(const struct pf_finding *f, const struct pf_history *h)
{
	double length_s = PF_HISTORY_POINTS * (double)h->bucket_s;
	unsigned int k = 0;

	if (f->window < PF_HISTORY_OCTAVES)
		return f->window;
	while (length_s < f->length_s && k + 1 < PF_HISTORY_OCTAVES) {
		length_s *= 2;
		k++;
	}
	return k;
}

static void fire(struct pf_alert *a, const struct pf_finding *f, const struct pf_history *h)
{
	a->octave = (uint8_t)octave_for(f, h);
	a->points = f->window < PF_HISTORY_OCTAVES ? f->points : PF_HISTORY_POINTS;
	a->fired = pf_history_count(h, a->octave);
	a->growth = f->growth;
	enter(a, PF_ALERT_FIRING, PF_END_NONE);
}

static void fire_when_due(struct pf_alert *a, const struct pf_alert_terms *terms, double now_s,
			  const struct pf_finding *f, const struct pf_history *h)
{
	if (a->state != PF_ALERT_PENDING) {
		a->pending_s = now_s;
		enter(a, PF_ALERT_PENDING, PF_END_NONE);
	}
	if (now_s - a->pending_s >= terms->delay_s)
		fire(a, f, h);
}

/* It was another model's: what ends it is a window from here on. */
static void adopt(struct pf_alert *a, const struct pf_finding *f, const struct pf_history *h)
{
	fire(a, f, h);
	a->growth = fmaxf(a->growth, (float)PF_GROWTH_SEEN);
}

static bool has_recovered(const struct pf_alert *a, const struct pf_history *h)
{
	struct pf_window w;
	double base;

	if (pf_history_count(h, a->octave) < a->fired + a->points)
		return false;
	pf_window_octave(&w, h, a->octave, a->points);
	return pf_window_growth(&w, &base) < STILL_GROWING * a->growth;
}

static void step(struct pf_alert *a, const struct pf_alert_terms *terms, double now_s,
		 int confidence, const struct pf_finding *f, const struct pf_history *h)
{
	if (a->state == PF_ALERT_FIRING && a->points < 2) {
		adopt(a, f, h);
		return;
	}
	if (a->state == PF_ALERT_FIRING) {
		if (has_recovered(a, h))
			enter(a, PF_ALERT_RESOLVED, PF_END_RECOVERED);
		return;
	}
	if (confidence >= terms->watch) {
		a->supported_s = now_s;
		a->length_s = f->length_s;
	}
	if (confidence >= terms->fire)
		fire_when_due(a, terms, now_s, f, h);
	else if (confidence >= terms->watch || a->state == PF_ALERT_PENDING)
		enter(a, PF_ALERT_WATCH, PF_END_NONE);
	else if (a->state == PF_ALERT_WATCH && now_s - a->supported_s >= a->length_s)
		enter(a, PF_ALERT_RESOLVED, PF_END_RECOVERED);
}

bool pf_alert_step(struct pf_alert *a, const struct pf_alert_terms *terms, double now_s,
		   int confidence, const struct pf_finding *f, const struct pf_history *h)
{
	enum pf_alert_state before = a->state;

	step(a, terms, now_s, confidence, f, h);
	return a->state != before;
}

static void step_level(struct pf_alert *a, const struct pf_alert_terms *terms, double now_s,
		       int confidence)
{
	const bool supported = confidence >= terms->watch;

	if (supported)
		a->supported_s = now_s;
	else if (pf_alert_is_open(a) && a->state != PF_ALERT_PENDING &&
		 now_s - a->supported_s >= PF_ALERT_CLEAR_S)
		enter(a, PF_ALERT_RESOLVED, PF_END_RECOVERED);
	if (a->state == PF_ALERT_FIRING)
		return;
	if (confidence > terms->fire) {
		if (a->state != PF_ALERT_PENDING)
			a->pending_s = now_s;
		enter(a, PF_ALERT_PENDING, PF_END_NONE);
		if (now_s - a->pending_s >= terms->delay_s)
			enter(a, PF_ALERT_FIRING, PF_END_NONE);
	} else if (supported || a->state == PF_ALERT_PENDING) {
		enter(a, PF_ALERT_WATCH, PF_END_NONE);
	}
}

bool pf_alert_step_level(struct pf_alert *a, const struct pf_alert_terms *terms, double now_s,
			 int confidence)
{
	enum pf_alert_state before = a->state;

	step_level(a, terms, now_s, confidence);
	return a->state != before;
}

bool pf_alert_finish(struct pf_alert *a, enum pf_alert_end end)
{
	if (!pf_alert_is_open(a))
		return false;
	enter(a, PF_ALERT_RESOLVED, end);
	return true;
}

/* ---- a rule's alert -------------------------------------------------------- */

static void enter_rule(struct pf_rule_alert *a, enum pf_alert_state state, enum pf_alert_end end)
{
	a->state = state;
	a->end = end;
}

static void step_rule(struct pf_rule_alert *a, const struct pf_rule_terms *terms, double now_s,
		      enum pf_holds holds)
{
	if (a->state == PF_ALERT_FIRING) {
		if (holds != PF_HOLDS_NO)
			a->since_s = now_s;
		else if (now_s - a->since_s >= terms->clear_s)
			enter_rule(a, PF_ALERT_RESOLVED, PF_END_RECOVERED);
	} else if (holds != PF_HOLDS_YES) {
		if (a->state == PF_ALERT_PENDING)
			enter_rule(a, PF_ALERT_NONE, PF_END_NONE);
	} else {
		if (a->state != PF_ALERT_PENDING) {
			a->since_s = now_s;
			enter_rule(a, PF_ALERT_PENDING, PF_END_NONE);
		}
		if (now_s - a->since_s >= terms->hold_s) {
			a->since_s = now_s;
			enter_rule(a, PF_ALERT_FIRING, PF_END_NONE);
		}
	}
}

bool pf_rule_alert_step(struct pf_rule_alert *a, const struct pf_rule_terms *terms, double now_s,
			enum pf_holds holds)
{
	enum pf_alert_state before = a->state;

	step_rule(a, terms, now_s, holds);
	return a->state != before;
}

bool pf_rule_alert_finish(struct pf_rule_alert *a, enum pf_alert_end end)
{
	if (a->state == PF_ALERT_FIRING)
		enter_rule(a, PF_ALERT_RESOLVED, end);
	else if (a->state == PF_ALERT_PENDING)
		enter_rule(a, PF_ALERT_NONE, PF_END_NONE);
	else
		return false;
	return true;
}

/* ---- how bad it is --------------------------------------------------------- */

static int severity_by_size(int64_t bytes)
{
	static const struct {
		int64_t above;
		int severity;
	} steps[] = { { 8 * GB, 10 }, { 4 * GB, 8 }, { GB, 6 }, { 512 * MB, 4 }, { 128 * MB, 2 } };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (bytes > steps[i].above)
			return steps[i].severity;
	}
	return 1;
}

static int severity_by_time(double time_left_s)
{
	static const struct {
		double below_s;
		int severity;
	} steps[] = { { 600, 10 }, { 3600, 8 }, { 6 * 3600, 6 }, { 24 * 3600, 4 } };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (time_left_s < steps[i].below_s) /* never with NaN */
			return steps[i].severity;
	}
	return 1;
}

int pf_severity(int64_t bytes, double time_left_s)
{
	int by_size = severity_by_size(bytes), by_time = severity_by_time(time_left_s);

	return by_size > by_time ? by_size : by_time;
}

const char *pf_severity_label(int severity)
{
	static const char *const labels[] = { "Minimal",     "Low",  "Medium",
					      "Medium-High", "High", "Critical" };

	if (severity < 1)
		return labels[0];
	return labels[severity >= 10 ? 5 : severity / 2];
}

enum pf_alert_level pf_severity_level(int severity)
{
	return severity >= 6 ? PF_LEVEL_CRITICAL : PF_LEVEL_WARNING;
}
