/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows for people. Refuses to cut a number: one that is wider than its column
 * pushes the line to the right; only text is cut.
 */
#include "lib/report/report.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/base/strbuf.h"
#include "lib/base/text.h"
#include "lib/base/units.h"
#include "lib/report/cell.h"

#define ESTIMATE "~" /* before a number that is not exact */

#define COLUMN_MAX 512			       /* no column is wider */
#define TEXT_MAX   (4096 * PF_TEXT_GROWTH + 1) /* a text made printable; longer ones are cut */

#define RESET  "\033[0m"
#define BOLD   "\033[1m"
#define YELLOW "\033[33m"
#define RED    "\033[1;31m"

/* What a cell has to know of its row. */
struct place {
	double interval_s;
	bool estimate;
	bool first; /* in its line */
	bool last;
};

static bool is_left(const struct pf_column *c)
{
	return c->width < 0;
}

/* At least as wide as its heading, or the heading would push the others away. */
static size_t width_of(const struct pf_column *c)
{
	size_t width = (size_t)(c->width < 0 ? -c->width : c->width);
	size_t head = pf_text_width(c->header);

	if (width > COLUMN_MAX)
		width = COLUMN_MAX;
	return width < head ? head : width;
}

static void add_blanks(struct pf_strbuf *out, size_t n)
{
	while (n-- > 0)
		pf_strbuf_addch(out, ' ');
}

/* A cell and what parts it from its neighbours. */
static void add_padded(struct pf_strbuf *out, const struct pf_column *c, const char *text,
		       const struct place *at)
{
	size_t width = width_of(c);
	size_t used = pf_text_width(text);
	size_t blanks = used < width ? width - used : 0;

	if (!at->first)
		pf_strbuf_addch(out, ' ');
	if (!is_left(c))
		add_blanks(out, blanks);
	pf_strbuf_adds(out, text);
	if (is_left(c) && !at->last)
		add_blanks(out, blanks);
}

static char *fmt_clock(char *dst, size_t size, double ts)
{
	time_t t = (time_t)ts;
	struct tm tm;

	if (!(fabs(ts) < 1e15) || !localtime_r(&t, &tm) ||
	    strftime(dst, size, "%H:%M:%S", &tm) == 0)
		snprintf(dst, size, "-");
	return dst;
}

static double value_of(const struct pf_field *f, const void *row)
{
	return f->type == PF_INT ? (double)pf_field_int(f, row) : pf_field_real(f, row);
}

/* Whole bytes; exact for integers, which a double is not above 2^53. */
static int64_t bytes_of(const struct pf_field *f, const void *row)
{
	double v;

	if (f->type == PF_INT)
		return pf_field_int(f, row);
	v = pf_field_real(f, row);
	return v >= 0x1p62 ? INT64_MAX : v <= -0x1p62 ? -INT64_MAX : (int64_t)round(v);
}

static char *fmt_number(char dst[PF_CELL_NUMBER], const struct pf_column *c, const void *row,
			double interval_s)
{
	const struct pf_field *f = &c->field;

	switch (c->look) {
	case PF_LOOK_BYTES:
		return pf_fmt_bytes(dst, PF_CELL_NUMBER, bytes_of(f, row));
	case PF_LOOK_DELTA:
		return pf_fmt_delta_bytes(dst, PF_CELL_NUMBER, bytes_of(f, row));
	case PF_LOOK_RATE:
		return pf_fmt_rate(dst, PF_CELL_NUMBER,
				   interval_s > 0 ? value_of(f, row) / interval_s : NAN);
	case PF_LOOK_CLOCK:
		return fmt_clock(dst, PF_CELL_NUMBER, value_of(f, row));
	case PF_LOOK_DURATION:
		return pf_fmt_duration(dst, PF_CELL_NUMBER, value_of(f, row));
	case PF_LOOK_PLAIN:
		break;
	}
	return pf_cell_number(dst, f, row);
}

static void add_text(struct pf_strbuf *out, const struct pf_column *c, const char *text,
		     const struct place *at)
{
	char cut[COLUMN_MAX * PF_TEXT_GROWTH + 1];
	char safe[TEXT_MAX];

	pf_text_printable(safe, sizeof(safe), text);
	pf_text_fit(cut, sizeof(cut), safe, width_of(c));
	add_padded(out, c, cut, at);
}

static void add_number(struct pf_strbuf *out, const struct pf_column *c, const void *row,
		       const struct place *at)
{
	char number[PF_CELL_NUMBER], marked[PF_CELL_NUMBER + sizeof(ESTIMATE)];

	fmt_number(number, c, row, at->interval_s);
	snprintf(marked, sizeof(marked), "%s%s", at->estimate && c->estimate ? ESTIMATE : "",
		 number);
	add_padded(out, c, marked, at);
}

static void add_cell(struct pf_strbuf *out, const struct pf_column *c, const void *row,
		     const struct place *at)
{
	if (pf_cell_is_unknown(&c->field, row))
		add_padded(out, c, "-", at);
	else if (pf_cell_is_text(&c->field))
		add_text(out, c, pf_cell_text(&c->field, row), at);
	else if (c->field.type == PF_BOOL)
		add_padded(out, c,
			   *((const bool *)((const char *)row + c->field.offset)) ? "yes" : "no",
			   at);
	else
		add_number(out, c, row, at);
}

/* Cut what was appended since `start` to the screen. */
static void cut_line(struct pf_strbuf *out, size_t start, size_t columns)
{
	char *line = out->data + start;

	if (columns == 0 || out->failed || out->len == start)
		return;
	pf_text_fit(line, out->len - start + 1, line, columns);
	out->len = start + strlen(line);
}

static int end_line(struct pf_strbuf *out, size_t start, const struct pf_table_style *style,
		    const char *colour)
{
	cut_line(out, start, style ? style->columns : 0);
	if (*colour)
		pf_strbuf_adds(out, RESET);
	pf_strbuf_addch(out, '\n');
	return out->failed ? -ENOMEM : 0;
}

int pf_table_head(struct pf_strbuf *out, const struct pf_column *cols,
		  const struct pf_column_set *set, const struct pf_table_style *style)
{
	const char *colour = style && style->color ? BOLD : "";
	size_t start;

	pf_strbuf_adds(out, colour);
	start = out->len;
	for (size_t i = 0; i < set->n; i++) {
		struct place at = { .first = i == 0, .last = i + 1 == set->n };

		add_padded(out, &cols[set->index[i]], cols[set->index[i]].header, &at);
	}
	return end_line(out, start, style, colour);
}

static const char *row_colour(const struct pf_table_style *style, const void *row)
{
	if (!style || !style->color || !style->highlight)
		return "";
	switch (style->highlight(row)) {
	case 0:
		return "";
	case 1:
		return YELLOW;
	default:
		return RED;
	}
}

static int add_row(struct pf_strbuf *out, const struct pf_column *cols,
		   const struct pf_column_set *set, const void *row, double interval_s,
		   const struct pf_table_style *style)
{
	const char *colour = row_colour(style, row);
	struct place at = {
		.interval_s = interval_s,
		.estimate = style && style->estimate && style->estimate(row),
	};
	size_t start;

	pf_strbuf_adds(out, colour);
	start = out->len;
	for (size_t i = 0; i < set->n; i++) {
		at.first = i == 0;
		at.last = i + 1 == set->n;
		add_cell(out, &cols[set->index[i]], row, &at);
	}
	return end_line(out, start, style, colour);
}

int pf_table_rows(struct pf_strbuf *out, const struct pf_column *cols,
		  const struct pf_column_set *set, const struct pf_rows *rows,
		  const struct pf_table_style *style)
{
	int rc = 0;

	for (size_t i = 0; i < rows->n && !rc; i++)
		rc = add_row(out, cols, set, rows->row[i], rows->interval_s, style);
	return rc;
}
