/* SPDX-License-Identifier: BSD-2-Clause */
/* Names and sentences for what was asked of a process. Measures nothing. */
#include "lib/leak/signal.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/units.h"

static const char *const names[PF_N_SIGNALS] = {
	[PF_SIGNAL_GROWTH] = "growth",
	[PF_SIGNAL_SPREAD] = "spread",
	[PF_SIGNAL_DRIFT] = "drift",
	[PF_SIGNAL_STEADY] = "steady",
	[PF_SIGNAL_SETTLED] = "settled",
	[PF_SIGNAL_NEW_GROUND] = "new_ground",
	[PF_SIGNAL_OUTGROWS] = "outgrows",
	[PF_SIGNAL_TEETH] = "teeth",
	[PF_SIGNAL_LENGTH] = "length",
	[PF_SIGNAL_REPEATED] = "repeated",
	[PF_SIGNAL_SIZE] = "size",
	[PF_SIGNAL_GRACE] = "grace",
	[PF_SIGNAL_TIME_LEFT] = "time_left",
	[PF_SIGNAL_CEILING] = "ceiling",
	[PF_SIGNAL_BUDGET] = "budget",
	[PF_SIGNAL_KIN] = "kin",
	[PF_SIGNAL_PATIENCE] = "patience",
	[PF_SIGNAL_FAULT_RATE] = "fault_rate",
	[PF_SIGNAL_RSS_GROWTH] = "rss_growth",
	[PF_SIGNAL_ANONYMOUS] = "anonymous",
	[PF_SIGNAL_VSZ_RATIO] = "vsz_ratio",
	[PF_SIGNAL_SMOOTH] = "smooth",
	[PF_SIGNAL_RELEASES] = "releases",
	[PF_SIGNAL_CORRELATION] = "correlation",
	[PF_SIGNAL_FAULT_TREND] = "fault_trend",
	[PF_SIGNAL_ACCELERATION] = "acceleration",
	[PF_SIGNAL_BASELINE] = "baseline",
	[PF_SIGNAL_FAST_GROWTH] = "fast_growth",
	[PF_SIGNAL_VSZ_GROWTH] = "vsz_growth",
	[PF_SIGNAL_FAULTS_CRITICAL] = "fault_rate_critical",
};

const char *pf_signal_name(enum pf_signal_id id)
{
	return id < PF_N_SIGNALS ? names[id] : "";
}

enum unit { BYTES, BYTES_A_MINUTE, SECONDS, PERCENT, TIMES, COUNT, NUMBER };

/* What follows the name: a sentence around the measured value, and one around the needed one. */
struct wording {
	enum unit unit;
	const char *measured; /* both with one %s */
	const char *needed;
};

static const struct wording wordings[PF_N_SIGNALS] = {
	[PF_SIGNAL_GROWTH] = { BYTES, "the floor rose by %s", "at least %s" },
	[PF_SIGNAL_SPREAD] = { PERCENT, "%s of the steps carry the rise", "at least %s" },
	[PF_SIGNAL_DRIFT] = { NUMBER, "its mean step is %s standard errors", "at least %s" },
	[PF_SIGNAL_STEADY] = { TIMES, "its second half rose %s as much as its first",
			       "at least %s" },
	[PF_SIGNAL_SETTLED] = { TIMES, "its second half rose %s as much as its first",
				"at most %s" },
	[PF_SIGNAL_NEW_GROUND] = { BYTES, "the floor is %s above what was before", "at least %s" },
	[PF_SIGNAL_OUTGROWS] = { TIMES, "this rise goes %s as far beyond earlier ones as is asked",
				 "at least %s" },
	[PF_SIGNAL_TEETH] = { PERCENT, "a sawtooth with teeth %s as high as its floor rose",
			      "at least %s" },
	[PF_SIGNAL_LENGTH] = { SECONDS, "it went on for %s", "at least %s for this much growth" },
	[PF_SIGNAL_REPEATED] = { COUNT, "judged so %s in a row", "at least %s" },
	[PF_SIGNAL_SIZE] = { BYTES, "RSS and swap are %s", "at least %s" },
	[PF_SIGNAL_GRACE] = { SECONDS, "the process is %s old", "at least %s" },
	[PF_SIGNAL_TIME_LEFT] = { SECONDS, "memory lasts %s more",
				  "less than the %s of grace that are left" },
	[PF_SIGNAL_CEILING] = { BYTES, "its memory is %s",
				"not below %s, a limit that it declares" },
	[PF_SIGNAL_BUDGET] = { BYTES, "%s of what was set for it are used",
			       "at least %s, half of it, as memory lasts for a day" },
	[PF_SIGNAL_KIN] = { BYTES, "its floor is at %s",
			    "not below %s, where others of its kind came to rest" },
	[PF_SIGNAL_PATIENCE] = { SECONDS, "slow growth was seen for %s",
				 "at least %s while memory lasts for days" },
	[PF_SIGNAL_FAULT_RATE] = { NUMBER, "%s faults a second", "more than %s" },
	[PF_SIGNAL_RSS_GROWTH] = { PERCENT, "RSS grew by %s since it was first seen",
				   "more than %s" },
	[PF_SIGNAL_ANONYMOUS] = { PERCENT, "%s of the faults are anonymous", "more than %s" },
	[PF_SIGNAL_VSZ_RATIO] = { TIMES, "VSZ is %s RSS", "more than %s" },
	[PF_SIGNAL_SMOOTH] = { NUMBER, "the variance of the relative growth is %s",
			       "less than %s" },
	[PF_SIGNAL_RELEASES] = { COUNT, "memory was given back %s", "at most %s" },
	[PF_SIGNAL_CORRELATION] = { NUMBER, "fault rate and RSS correlate by %s", "more than %s" },
	[PF_SIGNAL_FAULT_TREND] = { PERCENT, "the fault rate rose by %s", "more than %s" },
	[PF_SIGNAL_ACCELERATION] = { PERCENT, "growth quickened by %s of RSS", "more than %s" },
	[PF_SIGNAL_BASELINE] = { BYTES_A_MINUTE, "RSS grows by %s a minute",
				 "for five minutes more than %s, what is usual and two sigma" },
	[PF_SIGNAL_FAST_GROWTH] = { BYTES_A_MINUTE, "RSS grows by %s a minute", "more than %s" },
	[PF_SIGNAL_VSZ_GROWTH] = { TIMES, "VSZ grows %s as fast as RSS", "more than %s" },
	[PF_SIGNAL_FAULTS_CRITICAL] = { NUMBER, "%s faults a second", "for a minute more than %s" },
};

/* By hand, so that no locale's decimal comma gets in. */
static void put_hundredths(char *dst, size_t size, double value, const char *after)
{
	long hundredths = lround(fmax(-1e9, fmin(value, 1e9)) * 100);

	snprintf(dst, size, "%s%ld.%02ld%s", hundredths < 0 ? "-" : "", labs(hundredths) / 100,
		 labs(hundredths) % 100, after);
}

static void put(char *dst, size_t size, enum unit unit, double value)
{
	if (isnan(value)) {
		snprintf(dst, size, "(unknown)");
		return;
	}
	switch (unit) {
	case BYTES_A_MINUTE:
		pf_fmt_bytes(dst, size, (int64_t)fmax(-1e15, fmin(60 * value, 1e15)));
		break;
	case NUMBER:
		put_hundredths(dst, size, value, "");
		break;
	case BYTES:
		pf_fmt_bytes(dst, size, (int64_t)value);
		break;
	case SECONDS:
		pf_fmt_duration(dst, size, value);
		break;
	case PERCENT:
		snprintf(dst, size, "%.0f%%", 100 * value);
		break;
	case COUNT:
		snprintf(dst, size, "%ld times", lround(value));
		break;
	case TIMES:
		put_hundredths(dst, size, value, "x");
		break;
	}
}

char *pf_signal_text(char *dst, size_t size, const struct pf_signal *signal)
{
	const struct wording *say;
	char value[24], text[2][96];

	if (signal->id >= PF_N_SIGNALS) {
		snprintf(dst, size, "%s", "");
		return dst;
	}
	say = &wordings[signal->id];
	put(value, sizeof(value), say->unit, signal->measured);
	snprintf(text[0], sizeof(text[0]), say->measured, value);
	put(value, sizeof(value), say->unit, signal->needed);
	snprintf(text[1], sizeof(text[1]), say->needed, value);
	snprintf(dst, size, "%+d %s: %s (%s: %s)", signal->points, signal->name, text[0], text[1],
		 signal->passed ? "yes" : "no");
	return dst;
}
