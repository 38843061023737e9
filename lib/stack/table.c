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

/* Bytes, after what is kept of them; the share is of what comes first. */
static void format_figures(const struct table *t, int64_t kept_bytes, int64_t bytes,
			   char figures[40], char share[24])
{
	char kept[16], all[16];

	format_bytes(t, bytes, all, sizeof(all));
	format_share(t, t->look->kept ? kept_bytes : bytes, share, 24);
	if (!t->look->kept) {
		snprintf(figures, 40, "%8s", all);
		return;
	}
	pf_fmt_bytes(kept, sizeof(kept), kept_bytes);
	snprintf(figures, 40, "%8s %8s", kept, all);
}

static void add_head(struct table *t, const struct pf_stack *s)
{
	char bytes[40], share[24], comm[PF_LABEL_MAX], pid[32] = "", line[LINE_BYTES];

	format_figures(t, s->kept_bytes, s->bytes, bytes, share);
	if (s->pid != PF_UNKNOWN)
		snprintf(pid, sizeof(pid), " (%lld)", (long long)s->pid);
	snprintf(line, sizeof(line), "%s %6s %8lld  %s%s%s%s%s", bytes, share,
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
	char bytes[40], share[24], line[LINE_BYTES];
	int64_t rest = 0, kept = 0;

	for (size_t i = from; i < n; i++) {
		rest += all[i]->bytes == PF_UNKNOWN ? 0 : all[i]->bytes;
		kept += all[i]->kept_bytes == PF_UNKNOWN ? 0 : all[i]->kept_bytes;
	}
	format_figures(t, kept, rest, bytes, share);
	snprintf(line, sizeof(line), "%s %6s           in %zu more", bytes, share, n - from);
	add_line(t, line, true);
}

int pf_stacks_table(struct pf_stacks *s, const struct pf_stacks_look *look, struct pf_strbuf *out)
{
	struct table t = { .look = look,
			   .out = out,
			   .total = look->kept ? pf_stacks__kept(s) : pf_stacks__bytes(s) };
	size_t n, shown;
	const struct pf_stack *const *all = pf_stacks__sorted(s, &n);

	if (!all && pf_stacks__count(s))
		return -ENOMEM;
	shown = look->top && look->top < n ? look->top : n;
	add_line(&t,
		 look->diff   ? "  CHANGE  SHARE  SAMPLES  STACK"
		 : look->kept ? "    KEPT    BYTES  SHARE  SAMPLES  STACK"
			      : "   BYTES  SHARE  SAMPLES  STACK",
		 false);
	for (size_t i = 0; i < shown; i++)
		add_stack(&t, all[i]);
	if (shown < n)
		add_rest(&t, all, shown, n);
	return out->failed ? -ENOMEM : 0;
}
