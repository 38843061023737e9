/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tool declares its columns once; table, JSON, CSV, OpenMetrics and
 * --columns help are all made from that declaration.
 */
#ifndef PF_LIB_REPORT_COLUMN_H
#define PF_LIB_REPORT_COLUMN_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/record/field.h"

struct pf_error;

/* How a table shows a value. JSON and CSV always hold the raw one. */
enum pf_look {
	PF_LOOK_PLAIN,	  /* as it is */
	PF_LOOK_BYTES,	  /* 12.3M */
	PF_LOOK_DELTA,	  /* +12.3M */
	PF_LOOK_RATE,	  /* count / interval_s, per second */
	PF_LOOK_CLOCK,	  /* HH:MM:SS, local time */
	PF_LOOK_DURATION, /* 3h05m */
};

/* What a value becomes in OpenMetrics output. */
enum pf_metric {
	PF_METRIC_NONE, /* not a metric of its own */
	PF_METRIC_GAUGE,
	PF_METRIC_COUNTER, /* a total since the tool's start; name gets _total */
};

struct pf_column {
	struct pf_field field;
	const char *header; /* table heading */
	int width;	    /* columns on the screen; negative = text, left-aligned */
	enum pf_look look;
	bool table;    /* in the default table */
	bool estimate; /* where the row is an estimate, this column's value is one */
	enum pf_metric metric;
	const char *metric_name; /* without prefix pftools_ and suffix _total; NULL = key */
};

/* A choice of columns, in order: indices into the tool's table. */
struct pf_column_set {
	size_t n;
	size_t index[64];
};

/* The default table's columns, or every column. */
void pf_columns_default(const struct pf_column *cols, size_t n, struct pf_column_set *set);
void pf_columns_all(const struct pf_column *cols, size_t n, struct pf_column_set *set);

/*
 * "pid,comm,rss_bytes", or "+swap_bytes,-vsz_bytes" to add to and take from
 * *set as it is. 0, or -EINVAL with *err naming the unknown column, the
 * nearest known one, and --columns help.
 */
int pf_columns_parse(const char *list, const struct pf_column *cols, size_t n,
		     struct pf_column_set *set, struct pf_error *err);

/* One column to sort by: its index, or -EINVAL with *err as above. */
int pf_columns_parse_one(const char *key, const struct pf_column *cols, size_t n,
			 struct pf_error *err);

/* Index of a column by key, or -1. */
int pf_columns_find(const struct pf_column *cols, size_t n, const char *key);

#endif
