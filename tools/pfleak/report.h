/* SPDX-License-Identifier: BSD-2-Clause */
/* What pfleak prints: events as they happen, the list, the sum at the end. */
#ifndef PF_TOOLS_PFLEAK_REPORT_H
#define PF_TOOLS_PFLEAK_REPORT_H

#include "lib/cli/run.h"
#include "lib/leak/leak.h"
#include "tools/pfleak/closer.h"
#include "tools/pfleak/columns.h"
#include "tools/pfleak/prom.h"

struct pfleak_deliver;

struct pfleak_report {
	const struct pfleak_opts *opts;
	const struct pfleak_columns *columns;
	struct pf_leak *leak;
	const struct pf_rules *rules;
	struct pfleak_prom *prom;	/* NULL but with -o prom */
	struct pf_run *run;		/* everything is appended to run->out.buf */
	const struct pf_header *then;	/* whose the events are; NULL: this run's */
	uint64_t events;		/* printed */
	uint64_t listed;		/* lists printed */
	double statistics_due_s;	/* by the moments' clock; 0 = none yet */
	struct pfleak_deliver *deliver; /* NULL without channels */
	bool failed;			/* no memory for something that had to be printed */
};

/* The header that records go by: this run's, or that of the boot which an event belongs to. */
const struct pf_header *pfleak_report_header(const struct pfleak_report *r);

/* A watch, an alert or its end, and what a closer look told. (report.c) */
void pfleak_report_event(struct pfleak_report *r, const struct pf_verdict *v,
			 const struct pfleak_closer *closer);
int pfleak_report_end(struct pfleak_report *r);

/* Once a moment; live only, and each minute. 0 or -ENOMEM. (statistics.c) */
int pfleak_report_statistics(struct pfleak_report *r, double mono_s);

/* --watch: what stands there until the first list. (list.c) */
void pfleak_report_wait(struct pfleak_report *r);
/* Every process followed. 0 or -ENOMEM. (list.c) */
int pfleak_report_list(struct pfleak_report *r);

/* Pieces that they share (report.c). The last two are NULL without memory. */
void pfleak_add_clock(struct pf_strbuf *b, double ts);
void pfleak_add_wrapped(struct pf_strbuf *b, const char *text);
void pfleak_add_signals(struct pf_strbuf *b, const struct pf_signal *signals, size_t n);
/* A record of a verdict; NULL without memory. */
json_t *pfleak_verdict_object(const struct pfleak_report *r, const char *type, size_t n_cols,
			      const struct pfleak_row *row, const struct pf_signal *signals,
			      size_t n_signals);
int pfleak_json_verdict(struct pfleak_report *r, const char *type, size_t n_cols,
			const struct pfleak_row *row, const struct pf_signal *signals,
			size_t n_signals);
json_t *pfleak_json_counts(const struct pfleak_report *r);
json_t *pfleak_json_losses(const struct pfleak_report *r);

#endif
