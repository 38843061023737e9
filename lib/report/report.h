/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows to a stream, in one of the formats all tools share. A row is any struct
 * described by the tool's columns. Everything is built in memory and written
 * in one go per interval; a failed write is returned, never ignored.
 */
#ifndef PF_LIB_REPORT_REPORT_H
#define PF_LIB_REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/report/column.h"

struct pf_strbuf;

/* Rows are an array of pointers, so that sorting does not move them. */
struct pf_rows {
	const void *const *row;
	size_t n;
	double interval_s; /* for rates */
};

struct pf_table_style {
	bool color;	/* mark `highlight`ed rows and headings with ANSI colours */
	size_t columns; /* cut lines to this width; 0 = never */
	/* NULL, or tells how much a row stands out: 0 no, 1 warning, 2 critical */
	int (*highlight)(const void *row);
	/* NULL, or tells whether the row's columns that may be estimates are: marked with ~ */
	bool (*estimate)(const void *row);
};

/* All of these return 0 or -ENOMEM. */

/* One heading line. */
int pf_table_head(struct pf_strbuf *out, const struct pf_column *cols,
		  const struct pf_column_set *set, const struct pf_table_style *style);

/* A line per row. Text is made printable and cut to its column ('+' marks a cut). */
int pf_table_rows(struct pf_strbuf *out, const struct pf_column *cols,
		  const struct pf_column_set *set, const struct pf_rows *rows,
		  const struct pf_table_style *style);

/*
 * RFC 4180, raw units, CRLF-free; unknown = empty, an empty text = "". Text is
 * made printable as in tables, so that a row is one line whatever the names
 * are; what a spreadsheet would take for a formula (= + - @) is prefixed with
 * an apostrophe.
 */
int pf_csv_head(struct pf_strbuf *out, const struct pf_column *cols,
		const struct pf_column_set *set);
int pf_csv_rows(struct pf_strbuf *out, const struct pf_column *cols,
		const struct pf_column_set *set, const struct pf_rows *rows);

/* JSON Lines: {"v":1,"type":type,...}. */
int pf_json_rows(struct pf_strbuf *out, const char *type, const struct pf_column *cols,
		 const struct pf_column_set *set, const struct pf_rows *rows);

/* A JSON Schema (draft 2020-12) object for one record type, as a jansson object. */
struct json_t;
struct json_t *pf_json_schema(const char *type, const struct pf_field *fields, size_t n);

/* The same as text, indented, appended to out; takes the reference. NULL gives -ENOMEM. */
int pf_json_schema_text(struct pf_strbuf *out, struct json_t *schema);

/* --columns help: key, heading, unit, meaning; 80 columns wide, '*' marks the default ones. */
int pf_columns_help(struct pf_strbuf *out, const struct pf_column *cols, size_t n);

/*
 * Write the buffer to f and empty it. Returns 0; -EPIPE when the reader went
 * away (the caller ends quietly); -EINTR when hurry() (NULL = never) says that
 * the run is to end and the reader takes nothing for 2 s; another -errno when
 * the write failed.
 */
int pf_report_flush(struct pf_strbuf *buf, FILE *f, bool (*hurry)(void));

/* 0 = no terminal; else its width (COLUMNS overrides). */
size_t pf_terminal_columns(int fd);

#endif
