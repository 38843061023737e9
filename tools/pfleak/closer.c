/* SPDX-License-Identifier: BSD-2-Clause */
/* The closer look, put into words and records. Looks at nothing. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/base/units.h"
#include "lib/record/json.h"
#include "tools/pfleak/closer.h"
#include "tools/pfleak/report.h"

#define FRAMES_SHOWN 8
#define FRAME_SHOWN  48 /* columns */
#define FRAMES_MAX   128
#define FRAME_MAX    512

void pfleak_add_closer(struct pf_strbuf *b, const struct pfleak_closer *c)
{
	_cleanup_(pf_strbuf_free) struct pf_strbuf line = PF_STRBUF_INIT;
	char file[PATH_MAX];

	if (c->allocator)
		pf_strbuf_addf(&line, "allocator %s (%s)", c->allocator, c->linkage);
	if (c->language)
		pf_strbuf_addf(&line, "%sruntime %s", line.len ? ", " : "", c->language);
	if (line.len)
		pfleak_add_wrapped(b, line.data);
	pf_strbuf_reset(&line);
	if (c->next)
		pf_strbuf_addf(&line, "next: %s", c->next);
	if (line.len)
		pfleak_add_wrapped(b, line.data);
	if (c->site)
		pf_strbuf_addf(b, "    leaks in %s\n", c->site);
	if (c->stacks && !c->site)
		pf_strbuf_addf(b, "    stacks are being taken into %s\n",
			       pf_text_printable(file, sizeof(file), c->stacks));
}

/* ---- stacks in words ------------------------------------------------------ */

/* Of the kernel, as folded stacks mark it. */
static bool is_kernel(const char *begin, const char *end)
{
	static const char mark[] = "_[k]";
	const size_t len = sizeof(mark) - 1;

	return (size_t)(end - begin) > len && !memcmp(end - len, mark, len);
}

/*
 * Leaf first, as one reads up from where memory was taken; the outermost may be left out. How the
 * kernel went about it is one word: the program is what leaks.
 */
static void add_frames(struct pf_strbuf *line, const char *frames)
{
	const char *end = frames + strlen(frames);
	bool in_kernel = false;
	int shown = 0;

	while (end > frames) {
		const char *semicolon = memrchr(frames, ';', (size_t)(end - frames));
		const char *begin = semicolon ? semicolon + 1 : frames;
		char raw[FRAME_MAX], safe[FRAME_MAX * PF_TEXT_GROWTH];
		bool kernel = is_kernel(begin, end);

		if (kernel && in_kernel) {
			end = semicolon ? semicolon : frames;
			continue;
		}
		in_kernel = kernel;
		if (shown++ == FRAMES_SHOWN) {
			pf_strbuf_adds(line, " < ...");
			return;
		}
		if (kernel)
			snprintf(raw, sizeof(raw), "(kernel)");
		else
			snprintf(raw, sizeof(raw), "%.*s", (int)(end - begin), begin);
		pf_text_printable(safe, sizeof(safe), raw);
		pf_text_fit(safe, sizeof(safe), safe, FRAME_SHOWN);
		pf_strbuf_addf(line, "%s%s", shown > 1 ? " < " : " ", safe);
		end = semicolon ? semicolon : frames;
	}
}

static void text_stack(struct pf_strbuf *b, const struct pf_heaviest_stack *stack, int64_t all)
{
	_cleanup_(pf_strbuf_free) struct pf_strbuf line = PF_STRBUF_INIT;
	char bytes[16];

	pf_strbuf_addf(&line, "%.0f%% %s", all ? 100.0 * (double)stack->bytes / (double)all : 0.0,
		       pf_fmt_bytes(bytes, sizeof(bytes), stack->bytes));
	add_frames(&line, stack->frames);
	if (line.data)
		pfleak_add_wrapped(b, line.data);
	b->failed |= line.failed;
}

/* Page faults name who touched memory first, the allocator who keeps it. */
static void text_site(struct pf_strbuf *b, const struct pfleak_stacks_result *result)
{
	const struct pf_site *site = &result->heaviest->site;
	char words[1024];

	if (result->instead)
		pf_strbuf_addf(b, "    page faults, not allocations: %s\n",
			       pf_text_printable(words, sizeof(words), result->instead));
	if (!*site->function)
		return;
	pf_strbuf_addf(b, "    %s %s", !strcmp(result->mode, "allocs") ? "leaks in" : "grows in",
		       site->function);
	if (*site->file)
		pf_strbuf_addf(b, " (%s:%" PRId64 ")",
			       pf_text_printable(words, sizeof(words), pf_label_base(site->file)),
			       site->line);
	pf_strbuf_addch(b, '\n');
}

static void text_stacks(struct pfleak_report *r, const struct pfleak_stacks_result *result)
{
	char comm[PF_COMM_LEN * PF_TEXT_GROWTH], words[1024], bytes[16];
	struct pf_strbuf *b = &r->run->out.buf;
	const struct pf_heaviest *h = result->heaviest;

	pfleak_add_clock(b, result->ts);
	pf_strbuf_addf(b, " STACKS   pid %" PRId64 " (%s) ", result->pid,
		       pf_text_printable(comm, sizeof(comm), result->comm));
	if (result->failed) {
		pf_strbuf_addf(b, "failed: %s\n",
			       pf_text_printable(words, sizeof(words), result->failed));
		return;
	}
	pf_strbuf_addf(b, "%s in %" PRIu64 " stacks\n",
		       pf_fmt_bytes(bytes, sizeof(bytes), h->bytes), h->stacks);
	text_site(b, result);
	for (size_t i = 0; i < h->n_top; i++)
		text_stack(b, &h->top[i], h->bytes);
	if (h->skipped)
		pf_strbuf_addf(b, "    %" PRIu64 " lines of the file are no stacks\n", h->skipped);
	pf_strbuf_addf(b, "    %s\n", pf_text_printable(words, sizeof(words), result->file));
}

/* ---- stacks as a record --------------------------------------------------- */

static json_t *json_site(const struct pf_heaviest *h)
{
	json_t *obj;

	if (!h || !*h->site.function)
		return json_null();
	obj = json_object();
	if (obj && !pf_json_add_string(obj, "function", h->site.function) &&
	    !pf_json_add_string(obj, "file", *h->site.file ? h->site.file : NULL) &&
	    !pf_json_add_int(obj, "line", h->site.line))
		return obj;
	json_decref(obj);
	return NULL;
}

static json_t *json_frames(const char *frames)
{
	json_t *list = json_array();

	for (int n = 0; list && n < FRAMES_MAX && *frames; n++) {
		size_t len = strcspn(frames, ";");
		char raw[FRAME_MAX], utf8[FRAME_MAX * PF_TEXT_GROWTH];

		snprintf(raw, sizeof(raw), "%.*s", (int)len, frames);
		if (json_array_append_new(list,
					  json_string(pf_text_utf8(utf8, sizeof(utf8), raw)))) {
			json_decref(list);
			return NULL;
		}
		frames += len + (frames[len] == ';');
	}
	return list;
}

static json_t *json_top(const struct pf_heaviest *h)
{
	json_t *list = json_array();

	for (size_t i = 0; list && h && i < h->n_top; i++) {
		json_t *stack = json_object();

		if (!stack || pf_json_add_int(stack, "bytes", h->top[i].bytes) ||
		    json_object_set_new(stack, "frames", json_frames(h->top[i].frames)) ||
		    json_array_append(list, stack)) {
			json_decref(stack);
			json_decref(list);
			return NULL;
		}
		json_decref(stack);
	}
	return list;
}

static int json_stacks(struct pfleak_report *r, const struct pfleak_stacks_result *result)
{
	const struct pf_header *header = pf_source__header(r->run->source);
	const struct pf_heaviest *h = result->heaviest;
	json_t *obj = pf_json_new("stacks");

	if (obj && !pf_json_add_real(obj, "ts", result->ts, 3) &&
	    !pf_json_add_string(obj, "host", header->host) &&
	    !pf_json_add_string(obj, "boot_id", header->boot_id) &&
	    !pf_json_add_int(obj, "pid", result->pid) &&
	    !pf_json_add_real(obj, "start_ts", result->start_ts, 3) &&
	    !pf_json_add_string(obj, "comm", result->comm) &&
	    !pf_json_add_string(obj, "file", result->file) &&
	    !pf_json_add_string(obj, "failed", result->failed) &&
	    !pf_json_add_string(obj, "mode", result->mode) &&
	    !pf_json_add_string(obj, "instead", result->instead) &&
	    !json_object_set_new(obj, "site", json_site(h)) &&
	    !pf_json_add_int(obj, "bytes", h ? h->bytes : PF_UNKNOWN) &&
	    !pf_json_add_int(obj, "stacks", h ? (int64_t)h->stacks : PF_UNKNOWN) &&
	    !pf_json_add_int(obj, "skipped", h ? (int64_t)h->skipped : PF_UNKNOWN) &&
	    !json_object_set_new(obj, "top", json_top(h)))
		return pf_json_line(obj, &r->run->out.buf);
	json_decref(obj);
	return -ENOMEM;
}

void pfleak_report_stacks(struct pfleak_report *r, const struct pfleak_stacks_result *result)
{
	if (r->opts->common.format == PF_FORMAT_JSON) {
		if (json_stacks(r, result))
			r->failed = true;
	} else if (r->opts->common.format == PF_FORMAT_TABLE && !r->opts->common.watch) {
		text_stacks(r, result);
	}
}

void pfleak_row_closer(struct pfleak_row *row, const struct pfleak_closer *closer)
{
	row->allocator = closer->allocator;
	row->linkage = closer->linkage;
	row->language = closer->language;
	row->next = closer->next;
	row->stacks = closer->stacks;
	row->site = closer->site;
}
