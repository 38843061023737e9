/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prometheus text exposition (version 0.0.4), as node_exporter's textfile
 * collector reads it: HELP and TYPE once per family, label values escaped and
 * valid UTF-8, base units, no timestamps. The caller sees to it that no series
 * comes twice: names that differ in bad bytes only are one, so it merges rows
 * by what pf_text_label makes of them.
 */
#ifndef PF_LIB_REPORT_METRICS_H
#define PF_LIB_REPORT_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/report/column.h"

struct pf_strbuf;

struct pf_label {
	const char *name;
	const char *value; /* any bytes; NULL = ""; written as pf_text_label makes it */
};

/* Begin a family: name without prefix pftools_; counters get _total here and in samples. */
void pf_metric_family(struct pf_strbuf *out, const char *name, enum pf_metric kind,
		      const char *help);

/* One sample of the family just begun. NaN (unknown) writes nothing. */
void pf_metric_sample(struct pf_strbuf *out, const char *name, enum pf_metric kind,
		      const struct pf_label *labels, size_t n_labels, double value);

/*
 * A whole family of type histogram: bound[i] is the largest value that count[i]
 * counts; count[n] is of those above all bounds, sum that of all values. Bounds
 * ascend.
 */
struct pf_metric_histogram {
	const double *bound;
	const uint64_t *count; /* n + 1, not cumulative */
	size_t n;
	double sum;
};

void pf_metric_histogram(struct pf_strbuf *out, const char *name, const char *help,
			 const struct pf_metric_histogram *h);

#endif
