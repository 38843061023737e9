/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RFC 4180. Refuses to let a process's name break a line, drive the terminal
 * or run as a formula in a spreadsheet.
 */
#include "lib/report/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/strbuf.h"
#include "lib/base/text.h"
#include "lib/report/cell.h"

static void add_quoted(struct pf_strbuf *out, const char *text)
{
	pf_strbuf_addch(out, '"');
	for (; *text; text++) {
		if (*text == '"')
			pf_strbuf_addch(out, '"');
		pf_strbuf_addch(out, *text);
	}
	pf_strbuf_addch(out, '"');
}

static int add_text(struct pf_strbuf *out, const char *text)
{
	size_t size = strlen(text) * PF_TEXT_GROWTH + 1;
	_cleanup_free_ char *safe = malloc(size + 1);

	if (!safe)
		return -ENOMEM;
	pf_text_printable(safe + 1, size, text);
	safe[0] = '\'';
	if (safe[1] && strchr("=+-@", safe[1]))
		add_quoted(out, safe);
	else if (!safe[1] || strpbrk(safe + 1, "\", ") || safe[1] == '\'')
		add_quoted(out, safe + 1);
	else
		pf_strbuf_adds(out, safe + 1);
	return 0;
}

static int add_value(struct pf_strbuf *out, const struct pf_field *f, const void *row)
{
	char number[PF_CELL_NUMBER];

	if (pf_cell_is_unknown(f, row))
		return 0;
	if (pf_cell_is_text(f))
		return add_text(out, pf_cell_text(f, row));
	if (f->type == PF_BOOL)
		pf_strbuf_adds(out,
			       *((const bool *)((const char *)row + f->offset)) ? "true" : "false");
	else
		pf_strbuf_adds(out, pf_cell_number(number, f, row));
	return 0;
}

int pf_csv_head(struct pf_strbuf *out, const struct pf_column *cols,
		const struct pf_column_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		if (i > 0)
			pf_strbuf_addch(out, ',');
		pf_strbuf_adds(out, cols[set->index[i]].field.key);
	}
	pf_strbuf_addch(out, '\n');
	return out->failed ? -ENOMEM : 0;
}

static int add_row(struct pf_strbuf *out, const struct pf_column *cols,
		   const struct pf_column_set *set, const void *row)
{
	for (size_t i = 0; i < set->n; i++) {
		int rc;

		if (i > 0)
			pf_strbuf_addch(out, ',');
		rc = add_value(out, &cols[set->index[i]].field, row);
		if (rc)
			return rc;
	}
	pf_strbuf_addch(out, '\n');
	return out->failed ? -ENOMEM : 0;
}

int pf_csv_rows(struct pf_strbuf *out, const struct pf_column *cols,
		const struct pf_column_set *set, const struct pf_rows *rows)
{
	int rc = 0;

	for (size_t r = 0; r < rows->n && !rc; r++)
		rc = add_row(out, cols, set, rows->row[r]);
	return rc;
}
