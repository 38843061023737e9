/* SPDX-License-Identifier: BSD-2-Clause */
/* Which writer of lib/stack for which format. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/units.h"
#include "lib/report/report.h"
#include "tools/pfstack/growth.h"
#include "tools/pfstack/print.h"

static const char *title_of(const struct pfstack_opts *o)
{
	if (o->diff_from)
		return "Memory brought in by page faults: what changed";
	static const char *const titles[] = {
		[MODE_FAULTS] = "Memory brought in by page faults",
		[MODE_GROWTH] = "Memory that stays and gets more",
		[MODE_ALLOCS] = "Memory allocated in this time and not freed",
	};

	return titles[o->mode];
}

static struct pf_stacks_look look_of(const struct pfstack_opts *o, const struct pf_output *out)
{
	return (struct pf_stacks_look){
		.top = o->common.top,
		.columns = out->columns,
		.color = out->color,
		.diff = o->diff_from,
		.kept = o->mode == MODE_ALLOCS && !o->diff_from,
		.lines = o->lines,
		.title = title_of(o),
		.note = o->mode == MODE_GROWTH ? PFSTACK_GROWTH_LIMITS : NULL,
	};
}

static int print_table(struct pf_stacks *s, const struct pf_stacks_look *look,
		       struct pf_output *out, const char *when)
{
	char bytes[16];
	int ret;

	pf_strbuf_addf(&out->buf, "%s%s%s%s\n", look->title, when ? ", " : "", when ? when : "",
		       pf_stacks__count(s) ? ":" : ": nothing");
	if (look->note)
		pf_strbuf_addf(&out->buf, "(%s)\n", look->note);
	ret = pf_stacks__count(s) ? pf_stacks_table(s, look, &out->buf) : 0;
	if (!look->diff && pf_stacks__count(s))
		pf_strbuf_addf(&out->buf, "%s in %zu stacks\n",
			       pf_fmt_bytes(bytes, sizeof(bytes), pf_stacks__bytes(s)),
			       pf_stacks__count(s));
	return ret;
}

static int print_profile(struct pf_stacks *s, const struct pfstack_opts *o, struct pf_output *out)
{
	const struct pf_profile_times times = { .start_ts = pf_realtime_s() - o->common.duration_s,
						.duration_s = o->common.duration_s };

	return pf_stacks_pprof(s, &times, &out->buf);
}

int pfstack_print(struct pf_stacks *s, const struct pfstack_opts *opts, struct pf_output *out,
		  const char *when)
{
	const struct pf_stacks_look look = look_of(opts, out);

	switch (opts->common.format) {
	case PF_FORMAT_FOLDED:
		return pf_stacks_folded(s, &out->buf);
	case PF_FORMAT_PPROF:
		return print_profile(s, opts, out);
	case PF_FORMAT_SVG:
		return pf_stacks_svg(s, &look, &out->buf);
	default:
		return print_table(s, &look, out, when);
	}
}

int pfstack_print_diff(struct pf_stacks *a, struct pf_stacks *b, const struct pfstack_opts *opts,
		       struct pf_output *out)
{
	struct pf_stacks *d = pf_stacks__diff(a, b);
	int ret = d ? pfstack_print(d, opts, out, NULL) : -ENOMEM;

	pf_stacks__free(d);
	return ret;
}

/* ---- JSON ------------------------------------------------------------------ */

/* Frames are objects of their own. */
static int add_frames(json_t *schema)
{
	json_t *frame = pf_json_schema("stack", pf_stack_frame_fields, pf_stack_frame_n_fields);
	json_t *properties = json_object_get(frame, "properties");
	json_t *ip = json_pack("{s:s,s:s}", "type", "string", "description",
			       "Address in the process, as 0x and hexadecimal digits.");
	json_t *array = json_pack("{s:s,s:s,s:{s:s,s:O?}}", "type", "array", "description",
				  "Root first: user frames, then kernel frames.", "items", "type",
				  "object", "properties", properties);

	json_object_del(properties, "v");
	json_object_del(properties, "type");
	if (!properties || json_object_set_new(properties, "ip", ip) ||
	    json_object_set_new(json_object_get(schema, "properties"), "frames", array)) {
		json_decref(frame);
		return -ENOMEM;
	}
	json_decref(frame);
	return 0;
}

int pfstack_print_schema(struct pf_strbuf *out)
{
	json_t *schema = pf_json_schema("stack", pf_stack_fields, pf_stack_n_fields);

	if (!schema || add_frames(schema)) {
		json_decref(schema);
		return -ENOMEM;
	}
	return pf_json_schema_text(out, schema);
}

int pfstack_lines_add(struct pfstack_lines *l, const struct pf_stack *s)
{
	struct pf_strbuf text = PF_STRBUF_INIT;

	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		void *bigger = realloc(l->line, cap * sizeof(*l->line));

		if (!bigger)
			return -ENOMEM;
		l->line = bigger;
		l->cap = cap;
	}
	if (pf_stack_line(s, &text) || text.failed) {
		pf_strbuf_free(&text);
		return -ENOMEM;
	}
	l->line[l->n++] = (struct pfstack_line){ .kept_bytes = s->kept_bytes,
						 .bytes = s->bytes,
						 .text = text.data };
	return 0;
}

static int heavier(const void *a, const void *b)
{
	const struct pfstack_line *x = a, *y = b;

	if (x->kept_bytes != y->kept_bytes)
		return x->kept_bytes < y->kept_bytes ? 1 : -1;
	return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

int pfstack_lines_print(struct pfstack_lines *l, size_t top, struct pf_strbuf *out)
{
	if (l->n)
		qsort(l->line, l->n, sizeof(*l->line), heavier);
	for (size_t i = 0; i < l->n && (!top || i < top); i++)
		pf_strbuf_adds(out, l->line[i].text);
	return out->failed ? -ENOMEM : 0;
}

void pfstack_lines_free(struct pfstack_lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->line[i].text);
	free(l->line);
}
