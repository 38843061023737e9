/* SPDX-License-Identifier: BSD-2-Clause */
/* pfleak's columns: of the list it prints and of its alert records. */
#ifndef PF_TOOLS_PFLEAK_COLUMNS_H
#define PF_TOOLS_PFLEAK_COLUMNS_H

#include <stddef.h>

#include "lib/leak/verdict.h"
#include "lib/record/header.h"
#include "lib/report/column.h"
#include "tools/pfleak/opts.h"

/* A verdict in the form columns can point into. Strings live as long as the verdict's. */
struct pfleak_row {
	double ts;
	const char *host;
	const char *boot_id;
	int64_t pid;
	double start_ts;
	const char *comm;
	const char *exe;
	const char *cgroup;
	const char *container;
	const char *rule; /* NULL: the model's own alert */
	const char *model;
	const char *state;
	const char *end; /* NULL: it has not ended */
	char reason[256];
	int64_t confidence;
	const char *class;
	const char *level;
	int64_t severity;
	const char *severity_label;
	double growth_bytes_per_s;
	double growth_error;
	double time_left_s;
	int64_t limit_bytes;
	char limit_source[PF_LIMIT_SOURCE_LEN];
	int64_t rss_bytes;
	int64_t swap_bytes;
	int64_t vsz_bytes;
	double fault_rate;
	const char *allocator; /* NULL: not looked for, as with the next four */
	const char *linkage;
	const char *language;
	const char *next;
	const char *stacks;
	const char *site;
	int64_t faults_total;
	double age_s;
	double followed_s;
	double window_s;
	int64_t growth_bytes;
	const char *history; /* of a table; NULL where it is not shown */
	int level_rank;	     /* 0 none, 1 warning, 2 critical: for marking */
};

void pfleak_row_fill(struct pfleak_row *row, const struct pf_verdict *v,
		     const struct pf_header *header);

/* Add what a closer look told. (closer.c) */
struct pfleak_closer;
void pfleak_row_closer(struct pfleak_row *row, const struct pfleak_closer *closer);

struct pfleak_columns {
	struct pf_column_set list;
	size_t sort;
};

extern const struct pf_column pfleak_cols[];
extern const size_t pfleak_n_cols;
/* The first so many columns are the alert record, in its order, ... */
extern const size_t pfleak_n_alert_cols;
/* ... and so many the verdict record: without what is for the eye. */
extern const size_t pfleak_n_verdict_cols;

bool pfleak_shows(const struct pfleak_columns *c, const char *key);

/* Choose by the options. 0, or -EINVAL with *err naming what is wrong. */
struct pf_error;
int pfleak_columns(struct pfleak_columns *c, const struct pfleak_opts *o, struct pf_error *err);

#endif
