/* SPDX-License-Identifier: BSD-2-Clause */
/* Names and sentences for what was asked of a process. Measures nothing. */
#include "lib/leak/signal.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/units.h"

static const char *const names[PF_N_SIGNALS] = {
	[PF_SIGNAL_GROWTH] = "growth",	       [PF_SIGNAL_SPREAD] = "spread",
	[PF_SIGNAL_STEADY] = "steady",	       [PF_SIGNAL_SETTLED] = "settled",
	[PF_SIGNAL_NEW_GROUND] = "new_ground", [PF_SIGNAL_OUTGROWS] = "outgrows",
	[PF_SIGNAL_TEETH] = "teeth",	       [PF_SIGNAL_LENGTH] = "length",
	[PF_SIGNAL_REPEATED] = "repeated",     [PF_SIGNAL_SIZE] = "size",
	[PF_SIGNAL_GRACE] = "grace",	       [PF_SIGNAL_TIME_LEFT] = "time_left",
};

const char *pf_signal_name(enum pf_signal_id id)
{
	return id < PF_N_SIGNALS ? names[id] : "";
}

enum unit { BYTES, SECONDS, PERCENT, TIMES, COUNT };

/* What follows the name: a sentence around the measured value, and one around the needed one. */
struct wording {
	enum unit unit;
	const char *measured; /* both with one %s */
	const char *needed;
};

static const struct wording wordings[PF_N_SIGNALS] = {
	[PF_SIGNAL_GROWTH] = { BYTES, "the floor rose by %s", "at least %s" },
	[PF_SIGNAL_SPREAD] = { PERCENT, "%s of the steps carry the rise", "at least %s" },
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
};

/* By hand, so that no locale's decimal comma gets in. */
static void put_times(char *dst, size_t size, long hundredths)
{
	snprintf(dst, size, "%s%ld.%02ldx", hundredths < 0 ? "-" : "", labs(hundredths) / 100,
		 labs(hundredths) % 100);
}

static void put(char *dst, size_t size, enum unit unit, double value)
{
	switch (unit) {
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
		put_times(dst, size, lround(value * 100));
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
