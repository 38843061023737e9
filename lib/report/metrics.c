/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text format of Prometheus. Refuses to write a name, a label or a number
 * that the collector would reject the whole file for.
 */
#include "lib/report/metrics.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/strbuf.h"
#include "lib/base/text.h"

#define PREFIX "pftools_"
#define TOTAL  "_total"

static bool is_name_char(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (!first && c >= '0' && c <= '9');
}

static void add_name(struct pf_strbuf *out, const char *name, bool first)
{
	for (; *name; name++) {
		pf_strbuf_addch(out, is_name_char(*name, first) ? *name : '_');
		first = false;
	}
}

static bool ends_in_total(const char *name)
{
	size_t len = strlen(name);

	return len >= strlen(TOTAL) && strcmp(name + len - strlen(TOTAL), TOTAL) == 0;
}

static void add_metric_name(struct pf_strbuf *out, const char *name, enum pf_metric kind)
{
	pf_strbuf_adds(out, PREFIX);
	add_name(out, name, false);
	if (kind == PF_METRIC_COUNTER && !ends_in_total(name))
		pf_strbuf_adds(out, TOTAL);
}

static void add_escaped(struct pf_strbuf *out, const char *text, bool quotes)
{
	for (; *text; text++) {
		if (*text == '\n') {
			pf_strbuf_adds(out, "\\n");
			continue;
		}
		if (*text == '\\' || (quotes && *text == '"'))
			pf_strbuf_addch(out, '\\');
		pf_strbuf_addch(out, *text);
	}
}

static const char *kind_name(enum pf_metric kind)
{
	switch (kind) {
	case PF_METRIC_GAUGE:
		return "gauge";
	case PF_METRIC_COUNTER:
		return "counter";
	case PF_METRIC_NONE:
		break;
	}
	return "untyped";
}

static void add_family(struct pf_strbuf *out, const char *name, enum pf_metric kind,
		       const char *type, const char *help)
{
	pf_strbuf_adds(out, "# HELP ");
	add_metric_name(out, name, kind);
	pf_strbuf_addch(out, ' ');
	add_escaped(out, help, false);
	pf_strbuf_adds(out, "\n# TYPE ");
	add_metric_name(out, name, kind);
	pf_strbuf_addf(out, " %s\n", type);
}

void pf_metric_family(struct pf_strbuf *out, const char *name, enum pf_metric kind,
		      const char *help)
{
	add_family(out, name, kind, kind_name(kind), help);
}

static void add_label(struct pf_strbuf *out, const struct pf_label *label)
{
	const char *value = label->value ? label->value : "";
	size_t size = strlen(value) * PF_TEXT_GROWTH + 1;
	_cleanup_free_ char *safe = malloc(size);

	if (!safe) {
		out->failed = true;
		return;
	}
	add_name(out, label->name, true);
	pf_strbuf_adds(out, "=\"");
	add_escaped(out, pf_text_label(safe, size, value), true);
	pf_strbuf_addch(out, '"');
}

/* The shortest digits that read back as the same number. */
static void fmt_exact(char *dst, size_t size, double v)
{
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(dst, size, "%.*g", digits, v);
		if (strtod(dst, NULL) == v)
			return;
	}
}

static void add_value(struct pf_strbuf *out, double v)
{
	char text[64];
	locale_t c, before;

	if (isinf(v)) {
		pf_strbuf_adds(out, v > 0 ? "+Inf" : "-Inf");
		return;
	}
	if (v == floor(v) && fabs(v) < 0x1p53) {
		pf_strbuf_addf(out, "%lld", (long long)v);
		return;
	}
	c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (!c) {
		out->failed = true;
		return;
	}
	before = uselocale(c);
	fmt_exact(text, sizeof(text), v);
	uselocale(before);
	freelocale(c);
	pf_strbuf_adds(out, text);
}

void pf_metric_sample(struct pf_strbuf *out, const char *name, enum pf_metric kind,
		      const struct pf_label *labels, size_t n_labels, double value)
{
	if (isnan(value))
		return;
	add_metric_name(out, name, kind);
	for (size_t i = 0; i < n_labels; i++) {
		pf_strbuf_addch(out, i == 0 ? '{' : ',');
		add_label(out, &labels[i]);
	}
	if (n_labels > 0)
		pf_strbuf_addch(out, '}');
	pf_strbuf_addch(out, ' ');
	add_value(out, value);
	pf_strbuf_addch(out, '\n');
}

static void add_part(struct pf_strbuf *out, const char *name, const char *part, double value)
{
	add_metric_name(out, name, PF_METRIC_NONE);
	pf_strbuf_addf(out, "_%s ", part);
	add_value(out, value);
	pf_strbuf_addch(out, '\n');
}

static void add_bucket(struct pf_strbuf *out, const char *name, double bound, uint64_t count)
{
	add_metric_name(out, name, PF_METRIC_NONE);
	pf_strbuf_adds(out, "_bucket{le=\"");
	add_value(out, bound);
	pf_strbuf_adds(out, "\"} ");
	add_value(out, (double)count);
	pf_strbuf_addch(out, '\n');
}

void pf_metric_histogram(struct pf_strbuf *out, const char *name, const char *help,
			 const struct pf_metric_histogram *h)
{
	uint64_t total = 0;

	add_family(out, name, PF_METRIC_NONE, "histogram", help);
	for (size_t i = 0; i <= h->n; i++) {
		total += h->count[i];
		add_bucket(out, name, i < h->n ? h->bound[i] : INFINITY, total);
	}
	add_part(out, name, "sum", h->sum);
	add_part(out, name, "count", (double)total);
}
