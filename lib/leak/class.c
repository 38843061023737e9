/* SPDX-License-Identifier: BSD-2-Clause */
/* Names for what was found; see the header. Decides no alert. */
#include "lib/leak/class.h"

#include <math.h>

#include "lib/leak/finding.h"
#include "lib/leak/history.h"
#include "lib/leak/window.h"

#define MB ((double)(1 << 20))

#define MARK_S		 300
#define MOVED_BYTES	 (6 * MB)
#define MOVED_SHARE	 0.05
#define ACCELERATING	 1.5 /* second half / first half */
#define JUMPS_SPREAD	 0.2 /* fewer steps than this carry a jump's growth */
#define CHURN_PER_S	 100.0
#define CHURN_BYTES	 4096 /* a fault makes at least so much resident */
#define CHURN_TIMES	 20   /* faults' bytes / growth */
#define SAWTOOTH_TROUGHS 3
#define RECENT_S	 600

const char *pf_class_name(enum pf_class class)
{
	static const char *const names[] = {
		[PF_CLASS_STARTUP] = "startup",
		[PF_CLASS_FLAT] = "flat",
		[PF_CLASS_PLATEAU] = "plateau",
		[PF_CLASS_STEP] = "step",
		[PF_CLASS_SAWTOOTH] = "sawtooth",
		[PF_CLASS_LINEAR] = "linear",
		[PF_CLASS_ACCELERATING] = "accelerating",
		[PF_CLASS_FILE_CACHE] = "file-cache",
		[PF_CLASS_SHMEM] = "shmem",
		[PF_CLASS_CHURN] = "churn",
		[PF_CLASS_INCONCLUSIVE] = "inconclusive",
	};

	return (unsigned int)class < sizeof(names) / sizeof(names[0]) ? names[class] : "";
}

void pf_traits_add(struct pf_traits *t, const struct pf_mark *now, double pace)
{
	if (!t->any)
		t->old = t->young = *now;
	else if (now->s - t->young.s >= MARK_S * pace) {
		t->old = t->young;
		t->young = *now;
	}
	t->any = true;
	t->now = *now;
}

static bool file_cache_grows(const struct pf_traits *t)
{
	double file = (double)t->now.file - t->old.file;
	double memory = (double)t->now.memory - t->old.memory;

	return file >= MOVED_BYTES && file >= MOVED_SHARE * t->old.file && memory < file / 2;
}

static bool shmem_grows(const struct pf_traits *t)
{
	double shmem = (double)t->now.shmem - t->old.shmem;

	return shmem > 0 && shmem >= ((double)t->now.memory - t->old.memory) / 2;
}

static bool is_churn(const struct pf_traits *t)
{
	double faults = t->now.faults - t->old.faults;
	double span_s = t->now.s - t->old.s;
	double moved = fabs((double)t->now.memory - t->old.memory);

	return span_s > 0 && faults >= CHURN_PER_S * span_s &&
	       faults * CHURN_BYTES >= CHURN_TIMES * moved;
}

/* Teeth worth the name, of which the last is not long past. */
static bool is_sawtooth(const struct pf_finding *f, const struct pf_history *h)
{
	const struct pf_turns *t = &h->turns;
	double since_s = h->last_s - h->start_s - t->extreme.t_s;

	return t->n >= SAWTOOTH_TROUGHS && t->high >= MOVED_BYTES &&
	       t->high >= MOVED_SHARE * h->last && since_s <= fmax(RECENT_S, f->length_s);
}

static enum pf_class class_of_level(const struct pf_traits *t, const struct pf_finding *f,
				    const struct pf_history *h)
{
	if (file_cache_grows(t))
		return PF_CLASS_FILE_CACHE;
	if (h && is_sawtooth(f, h))
		return PF_CLASS_SAWTOOTH;
	return is_churn(t) ? PF_CLASS_CHURN : PF_CLASS_FLAT;
}

static enum pf_class class_of_growth(const struct pf_traits *t, const struct pf_finding *f,
				     const struct pf_history *h, bool young)
{
	if (pf_finding_failed(f, PF_SIGNAL_SPREAD) && f->spread < JUMPS_SPREAD)
		return PF_CLASS_STEP;
	if (pf_finding_failed(f, PF_SIGNAL_STEADY))
		return PF_CLASS_PLATEAU;
	if (pf_finding_failed(f, PF_SIGNAL_SPREAD))
		return PF_CLASS_STEP;
	if (pf_finding_failed(f, PF_SIGNAL_NEW_GROUND) || pf_finding_failed(f, PF_SIGNAL_OUTGROWS))
		return is_sawtooth(f, h) ? PF_CLASS_SAWTOOTH : PF_CLASS_INCONCLUSIVE;
	if (pf_finding_failed(f, PF_SIGNAL_DRIFT))
		return PF_CLASS_INCONCLUSIVE;
	if (pf_finding_failed(f, PF_SIGNAL_SETTLED))
		return young ? PF_CLASS_STARTUP : PF_CLASS_INCONCLUSIVE;
	if (shmem_grows(t))
		return PF_CLASS_SHMEM;
	return f->ratio >= ACCELERATING ? PF_CLASS_ACCELERATING : PF_CLASS_LINEAR;
}

enum pf_class pf_classify(const struct pf_traits *t, const struct pf_finding *f,
			  const struct pf_history *h, bool young)
{
	if (!h)
		return young ? PF_CLASS_STARTUP : class_of_level(t, f, h);
	if (f->window == PF_WINDOW_NONE)
		return young ? PF_CLASS_STARTUP : PF_CLASS_INCONCLUSIVE;
	if (pf_finding_failed(f, PF_SIGNAL_GROWTH))
		return class_of_level(t, f, h);
	return class_of_growth(t, f, h, young);
}
