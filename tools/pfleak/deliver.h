/* SPDX-License-Identifier: BSD-2-Clause */
/* From alerts to channels: what is told (lib/leak/tell.h), as what record, to whom (lib/notify). */
#ifndef PF_TOOLS_PFLEAK_DELIVER_H
#define PF_TOOLS_PFLEAK_DELIVER_H

#include "lib/leak/tell.h"
#include "lib/notify/notify.h"
#include "tools/pfleak/channels.h"
#include "tools/pfleak/report.h"

struct pf_error;
struct pfleak_deliver;

/* Fills in what a closer look at the process of an alert has told so far. */
struct pfleak_recall {
	void (*fn)(void *ctx, const struct pf_verdict *v, struct pfleak_closer *closer);
	void *ctx;
};

/*
 * Takes the channels' contents, whatever comes of it. *report and what it points to must outlive
 * it. NULL with *err filled.
 */
struct pfleak_deliver *pfleak_deliver__new(struct pfleak_channels *channels, double rate_limit_s,
					   struct pfleak_report *report,
					   const struct pfleak_recall *recall,
					   struct pf_error *err);
void pfleak_deliver__free(struct pfleak_deliver *d); /* NULL-safe */

/* Another rate limit from now on; to be called after __reload, too. */
void pfleak_deliver__rate_limit(struct pfleak_deliver *d, double rate_limit_s);

/*
 * Other channels from now on; takes their contents. What was told stays told; what the ones before
 * still have on its way they may deliver for a minute. On failure, with *err filled, all stays as
 * it was.
 */
int pfleak_deliver__reload(struct pfleak_deliver *d, struct pfleak_channels *channels,
			   double mono_s, struct pf_error *err);

/* Who was told what, to be saved and loaded. */
struct pf_tell *pfleak_deliver__tell(struct pfleak_deliver *d);

/* The capabilities (lib/base/caps.h) that it needs for as long as it lives. */
uint64_t pfleak_deliver__caps(const struct pfleak_deliver *d);

/* A transition; the end of a moment; the end of all: waits for what is on its way. */
void pfleak_deliver__event(struct pfleak_deliver *d, const struct pf_verdict *v, double mono_s);
void pfleak_deliver__moment(struct pfleak_deliver *d, double mono_s);
void pfleak_deliver__finish(struct pfleak_deliver *d);

/* All channels together, and what was not even handed to one. */
struct pfleak_told {
	uint64_t delivered;
	uint64_t lost; /* failed, dropped, not answered for, or too many alerts at once */
	uint64_t held_back;
	uint64_t untold;
	uint64_t restarts; /* of pf-notify */
};
void pfleak_deliver__told(const struct pfleak_deliver *d, struct pfleak_told *told);

/* One channel, counted from 0: its name and what became of its notices. False = no such channel. */
bool pfleak_deliver__channel(const struct pfleak_deliver *d, size_t i, const char **name,
			     struct pf_notify_stats *stats);

/* For the final report: a line for each channel. */
void pfleak_deliver__text(const struct pfleak_deliver *d, struct pf_strbuf *out);

#endif
