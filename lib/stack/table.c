/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stacks for people: a line of figures for each, its frames below it, innermost
 * first. Fits 80 columns; what is longer is cut where the terminal ends.
 */
#include "lib/stack/stacks.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/strbuf.h"
#include "lib/base/text.h"
#include "lib/base/units.h"
#include "lib/stack/label.h"

#define LINE_BYTES 2048

struct table {
	const struct pf_stacks_look *look;
	struct pf_strbuf *out;
	int64_t total; /* what shares are of */
};

static void add_line(struct table *t, const char *text, bool bold)
{
	char cut[LINE_BYTES];

	if (t->look->columns)
		text = pf_text_fit(cut, sizeof(cut), text, t->look->columns);
	if (bold && t->look->color)
		pf_strbuf_adds(t->out, "\033[1m");
	pf_strbuf_adds(t->out, text);
	if (bold && t->look->color)
		pf_strbuf_adds(t->out, "\033[0m");
	pf_strbuf_addch(t->out, '\n');
}

static void format_bytes(const struct table *t, int64_t bytes, char *dst, size_t size)
{
	if (t->look->diff)
		pf_fmt_delta_bytes(dst, size, bytes);
	else
		pf_fmt_bytes(dst, size, bytes);
}

static void format_share(const struct table *t, int64_t bytes, char *dst, size_t size)
{
	if (t->total > 0 && !t->look->diff)
		snprintf(dst, size, "%.1f%%", 100.0 * (double)bytes / (double)t->total);
	else
		snprintf(dst, size, "-");
}

static void add_head(struct table *t, const struct pf_stack *s)
{
	char bytes[24], share[24], comm[PF_LABEL_MAX], pid[32] = "", line[LINE_BYTES];

	format_bytes(t, s->bytes, bytes, sizeof(bytes));
	format_share(t, s->bytes, share, sizeof(share));
	if (s->pid != PF_UNKNOWN)
		snprintf(pid, sizeof(pid), " (%lld)", (long long)s->pid);
	snprintf(line, sizeof(line), "%8s %6s %8lld  %s%s%s%s%s", bytes, share,
		 s->samples == PF_UNKNOWN ? 0LL : (long long)s->samples,
		 pf_label_name(comm, s->comm), pid, s->class ? "  " : "", s->class ? s->class : "",
		 s->truncated ? "  truncated" : "");
	add_line(t, line, true);
}

static void add_frame(struct table *t, const struct pf_stack_frame *f)
{
	char label[PF_LABEL_MAX], where[PF_LABEL_MAX] = "", text[LINE_BYTES];

	pf_label_frame(label, f);
	if (f->file && t->look->lines) {
		pf_text_printable(where, sizeof(where) - 24, pf_label_base(f->file));
		if (f->line != PF_UNKNOWN)
			snprintf(where + strlen(where), 24, ":%lld", (long long)f->line);
	} else if (f->symbol && f->module && !f->kernel) {
		pf_text_printable(where, sizeof(where), pf_label_base(f->module));
	}
	snprintf(text, sizeof(text), "             %s%s%s%s", label, *where ? "  " : "", where,
		 f->inlined ? "  inlined" : "");
	add_line(t, text, false);
}

static void add_stack(struct table *t, const struct pf_stack *s)
{
	add_head(t, s);
	for (size_t i = s->n_frames; i-- > 0;)
		add_frame(t, &s->frames[i]);
}

static void add_rest(struct table *t, const struct pf_stack *const *all, size_t from, size_t n)
{
	char bytes[24], share[24], line[LINE_BYTES];
	int64_t rest = 0;

	for (size_t i = from; i < n; i++)
		rest += all[i]->bytes == PF_UNKNOWN ? 0 : all[i]->bytes;
	format_bytes(t, rest, bytes, sizeof(bytes));
	format_share(t, rest, share, sizeof(share));
	snprintf(line, sizeof(line), "%8s %6s           in %zu more", bytes, share, n - from);
	add_line(t, line, true);
}

int pf_stacks_table(struct pf_stacks *s, const struct pf_stacks_look *look, struct pf_strbuf *out)
{
	struct table t = { .look = look, .out = out, .total = pf_stacks__bytes(s) };
	size_t n, shown;
	const struct pf_stack *const *all = pf_stacks__sorted(s, &n);

	if (!all && pf_stacks__count(s))
		return -ENOMEM;
	shown = look->top && look->top < n ? look->top : n;
	add_line(&t,
		 look->diff ? "  CHANGE  SHARE  SAMPLES  STACK" : "   BYTES  SHARE  SAMPLES  STACK",
		 false);
	for (size_t i = 0; i < shown; i++)
		add_stack(&t, all[i]);
	if (shown < n)
		add_rest(&t, all, shown, n);
	return out->failed ? -ENOMEM : 0;
}
