/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of --columns help: the declaration itself, for reading. */
#include "lib/report/report.h"

#include <errno.h>
#include <string.h>

#include "lib/base/strbuf.h"

#define SCREEN 80

struct layout {
	int key;
	int header;
	int unit;
	int meaning; /* column at which the meaning starts */
};

static int longer(int width, const char *text)
{
	int len = (int)strlen(text);

	return len > width ? len : width;
}

static struct layout measure(const struct pf_column *cols, size_t n)
{
	struct layout l = { (int)strlen("COLUMN"), (int)strlen("HEADING"), (int)strlen("UNIT"), 0 };

	for (size_t i = 0; i < n; i++) {
		l.key = longer(l.key, cols[i].field.key);
		l.header = longer(l.header, cols[i].header);
		l.unit = longer(l.unit, cols[i].field.unit);
	}
	l.meaning = 2 + l.key + 1 + l.header + 1 + l.unit + 1;
	return l;
}

/* Words until the screen's edge, further lines indented to where the first began. */
static void add_wrapped(struct pf_strbuf *out, const char *text, int indent)
{
	int room = SCREEN - indent;
	int used = 0;

	while (*text) {
		int word = (int)strcspn(text, " ");

		if (used > 0 && used + 1 + word > room) {
			pf_strbuf_addf(out, "\n%*s", indent, "");
			used = 0;
		} else if (used > 0) {
			pf_strbuf_addch(out, ' ');
			used++;
		}
		pf_strbuf_addmem(out, text, (size_t)word);
		used += word;
		text += word;
		text += strspn(text, " ");
	}
	pf_strbuf_addch(out, '\n');
}

static void add_line(struct pf_strbuf *out, const struct layout *l, const char *mark,
		     const char *key, const char *header, const char *unit, const char *meaning)
{
	pf_strbuf_addf(out, "%s %-*s %-*s %-*s ", mark, l->key, key, l->header, header, l->unit,
		       unit);
	add_wrapped(out, meaning, l->meaning);
}

int pf_columns_help(struct pf_strbuf *out, const struct pf_column *cols, size_t n)
{
	struct layout l = measure(cols, n);

	add_line(out, &l, " ", "COLUMN", "HEADING", "UNIT", "MEANING (* = in the default table)");
	for (size_t i = 0; i < n; i++)
		add_line(out, &l, cols[i].table ? "*" : " ", cols[i].field.key, cols[i].header,
			 cols[i].field.unit, cols[i].field.help);
	return out->failed ? -ENOMEM : 0;
}
