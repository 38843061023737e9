/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the recording twice: for the heaviest stack, and for who else calls its functions. */
#include "lib/stack/heaviest.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/strbuf.h"
#include "lib/record/stack.h"

/* A frame of the heaviest stack, leaf first. */
struct step {
	char label[PF_LABEL_MAX];
	char file[PF_SITE_FILE_MAX];
	int64_t line;
	int64_t through; /* bytes of all stacks that end as this one does, from here to the leaf */
	bool library;
};

struct reading {
	struct pf_heaviest *out;
	struct step steps[PF_SITE_DEPTH];
	size_t n_steps;
};

static const char *const libraries[] = {
	"libc.so",     "libc-2.",     "libc.musl",   "ld-linux",  "ld-musl", "libpthread",
	"libjemalloc", "libtcmalloc", "libmimalloc", "libstdc++", "libc++",
};

static const char *const handing_out[] = { "alloc", "strdup", "operator new", "memalign" };

static bool in_library(const struct pf_stack_frame *f)
{
	const char *base = f->module ? pf_label_base(f->module) : "";

	if (f->kernel)
		return true;
	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
		if (!strncmp(base, libraries[i], strlen(libraries[i])))
			return true;
	}
	return false;
}

static bool hands_out(const char *label)
{
	for (size_t i = 0; i < sizeof(handing_out) / sizeof(handing_out[0]); i++) {
		if (strstr(label, handing_out[i]))
			return true;
	}
	return false;
}

/* What a stack weighs: what is old, where that is told. */
static int64_t weight(const struct pf_stack *s)
{
	return s->kept_bytes == PF_UNKNOWN ? s->bytes : s->kept_bytes;
}

/* ---- the heaviest ---------------------------------------------------------- */

static bool heavier(const struct pf_stack *s, const struct pf_heaviest_stack *than)
{
	if (s->kept_bytes != than->kept_bytes)
		return s->kept_bytes > than->kept_bytes;
	return s->bytes > than->bytes;
}

static char *joined(const struct pf_stack *s)
{
	struct pf_strbuf b = PF_STRBUF_INIT;
	char label[PF_LABEL_MAX];

	if (s->truncated)
		pf_strbuf_adds(&b, "[truncated]");
	for (size_t i = 0; i < s->n_frames; i++)
		pf_strbuf_addf(&b, "%s%s", b.len ? ";" : "", pf_label_frame(label, &s->frames[i]));
	if (!b.failed && b.data)
		return b.data;
	pf_strbuf_free(&b);
	return NULL;
}

static void remember_steps(struct reading *r, const struct pf_stack *s)
{
	r->n_steps = s->n_frames < PF_SITE_DEPTH ? s->n_frames : PF_SITE_DEPTH;
	for (size_t i = 0; i < r->n_steps; i++) {
		const struct pf_stack_frame *f = &s->frames[s->n_frames - 1 - i];
		struct step *step = &r->steps[i];

		pf_label_frame(step->label, f);
		snprintf(step->file, sizeof(step->file), "%s", f->file ? f->file : "");
		step->line = f->line;
		step->through = 0;
		step->library = in_library(f) || !f->symbol;
	}
}

static int rank(struct reading *r, const struct pf_stack *s)
{
	struct pf_heaviest *out = r->out;
	size_t at = out->n_top;
	char *frames;

	while (at > 0 && heavier(s, &out->top[at - 1]))
		at--;
	if (at == PF_HEAVIEST)
		return 0;
	frames = joined(s);
	if (!frames)
		return -ENOMEM;
	if (out->n_top == PF_HEAVIEST)
		free(out->top[--out->n_top].frames);
	memmove(&out->top[at + 1], &out->top[at], (out->n_top - at) * sizeof(out->top[0]));
	out->top[at] = (struct pf_heaviest_stack){ s->bytes, s->kept_bytes, frames };
	out->n_top++;
	if (at == 0)
		remember_steps(r, s);
	return 0;
}

static int take(void *ctx, const struct pf_stack *s)
{
	struct reading *r = ctx;

	if (s->bytes <= 0 || !s->n_frames)
		return 0;
	if (__builtin_add_overflow(r->out->bytes, s->bytes, &r->out->bytes)) {
		r->out->bytes -= s->bytes;
		r->out->skipped++;
		return 0;
	}
	r->out->stacks++;
	return rank(r, s);
}

/* ---- the function ---------------------------------------------------------- */

static int weigh(void *ctx, const struct pf_stack *s)
{
	struct reading *r = ctx;
	char label[PF_LABEL_MAX];

	if (s->bytes <= 0 || weight(s) <= 0)
		return 0;
	for (size_t i = 0; i < r->n_steps && i < s->n_frames; i++) {
		pf_label_frame(label, &s->frames[s->n_frames - 1 - i]);
		if (strcmp(label, r->steps[i].label) != 0)
			return 0;
		if (__builtin_add_overflow(r->steps[i].through, weight(s), &r->steps[i].through))
			return 0;
	}
	return 0;
}

static bool is_candidate(const struct step *step)
{
	return !step->library && !hands_out(step->label);
}

static void find_site(const struct reading *r, struct pf_site *site)
{
	size_t at = 0;

	while (at < r->n_steps && !is_candidate(&r->steps[at]))
		at++;
	if (at == r->n_steps)
		return;
	while (at + 1 < r->n_steps && is_candidate(&r->steps[at + 1]) &&
	       r->steps[at + 1].through < r->steps[at].through &&
	       r->steps[at + 1].through >= r->steps[at].through / 3 * 2)
		at++;
	snprintf(site->function, sizeof(site->function), "%s", r->steps[at].label);
	snprintf(site->file, sizeof(site->file), "%s", r->steps[at].file);
	site->line = r->steps[at].line;
}

int pf_heaviest_read(const char *path, struct pf_heaviest *out, struct pf_error *err)
{
	_cleanup_free_ struct reading *r = calloc(1, sizeof(*r));
	struct pf_stack_reader reader = { .stack = take, .ctx = r };
	int ret;

	*out = (struct pf_heaviest){ .site.line = PF_UNKNOWN };
	if (!r)
		return pf_fail(err, ENOMEM, "out of memory");
	r->out = out;
	ret = pf_stack_read(path, &reader, err);
	out->skipped += reader.n_bad;
	if (ret)
		return ret;
	reader = (struct pf_stack_reader){ .stack = weigh, .ctx = r };
	ret = pf_stack_read(path, &reader, err);
	if (!ret)
		find_site(r, &out->site);
	return ret;
}

void pf_heaviest_free(struct pf_heaviest *h)
{
	for (size_t i = 0; i < h->n_top; i++)
		free(h->top[i].frames);
	h->n_top = 0;
}
