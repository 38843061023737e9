/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flame graph: one SVG document with its style and script inside. It is
 * drawn whole, so that it can be looked at where scripts do not run. Names of
 * others are in it as text and attributes only, escaped for XML.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "flame.css.h"
#include "flame.js.h"
#include "lib/base/strbuf.h"
#include "lib/base/text.h"
#include "lib/base/units.h"
#include "lib/stack/label.h"
#include "lib/stack/stacks.h"
#include "lib/stack/tree.h"

#define WIDTH	  1200
#define ROW	  18
#define HEAD	  58   /* above the frames */
#define FOOT	  30   /* below them */
#define LETTER	  7.25 /* width of one, in pixels */
#define MARGIN	  6    /* of a frame's text, both sides */
#define NARROW_PX 0.15 /* narrower frames are not drawn, but counted */

struct svg {
	struct pf_strbuf *out;
	const struct pf_stacks_look *look;
	uint64_t total;
	uint32_t depth;
	uint64_t narrow; /* frames that are not drawn */
};

/* XML has no way to say U+FFFE and U+FFFF; the other forbidden characters are not printable. */
static bool is_no_character(const char *at)
{
	return strncmp(at, "\xef\xbf\xbe", 3) == 0 || strncmp(at, "\xef\xbf\xbf", 3) == 0;
}

static void add_escaped(struct pf_strbuf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '&')
			pf_strbuf_adds(out, "&amp;");
		else if (*text == '<')
			pf_strbuf_adds(out, "&lt;");
		else if (*text == '>')
			pf_strbuf_adds(out, "&gt;");
		else if (*text == '"')
			pf_strbuf_adds(out, "&quot;");
		else if (*text == '\'')
			pf_strbuf_adds(out, "&#39;");
		else if (is_no_character(text))
			pf_strbuf_adds(out, "\xef\xbf\xbd"), text += 2;
		else
			pf_strbuf_addch(out, *text);
	}
}

static void add_printable(struct pf_strbuf *out, const char *text)
{
	char clean[PF_LABEL_MAX * 2];

	add_escaped(out, pf_text_printable(clean, sizeof(clean), text));
}

/* ---- colours --------------------------------------------------------------- */

static unsigned int hash(const char *label)
{
	unsigned int h = 2166136261u;

	for (; *label; label++)
		h = (h ^ (unsigned char)*label) * 16777619u;
	return h;
}

/* By what kind of code it is; the same name has the same shade everywhere. */
static void add_kind_colour(struct pf_strbuf *out, const struct pf_node *n)
{
	static const struct {
		unsigned int hue, spread, saturation, light;
	} kinds[] = {
		[PF_NODE_PROCESS] = { 0, 1, 0, 82 },	[PF_NODE_USER] = { 24, 24, 85, 70 },
		[PF_NODE_INLINED] = { 46, 10, 80, 76 }, [PF_NODE_JIT] = { 100, 30, 50, 70 },
		[PF_NODE_UNNAMED] = { 0, 1, 0, 74 },	[PF_NODE_KERNEL] = { 200, 25, 62, 74 },
	};
	const unsigned int h = hash(n->label);

	pf_strbuf_addf(out, "hsl(%u %u%% %u%%)", kinds[n->kind].hue + h % kinds[n->kind].spread,
		       kinds[n->kind].saturation, kinds[n->kind].light + (h >> 8) % 7);
}

/* Red grew, blue shrank; the paler, the more of both is in it. */
static void add_change_colour(struct pf_strbuf *out, const struct pf_node *n)
{
	const double part = n->gross_bytes ? (double)n->net_bytes / (double)n->gross_bytes : 0;
	const double size = part < 0 ? -part : part;

	pf_strbuf_addf(out, "hsl(%u %d%% %d%%)", part < 0 ? 215U : 4U, (int)(20 + 65 * size),
		       (int)(90 - 24 * size));
}

/* ---- frames ---------------------------------------------------------------- */

static double pixels(const struct svg *s, uint64_t bytes)
{
	return s->total ? (double)bytes / (double)s->total * WIDTH : 0;
}

static void add_title(struct svg *s, const struct pf_node *n)
{
	char bytes[24];

	if (s->look->diff)
		pf_fmt_delta_bytes(bytes, sizeof(bytes), n->net_bytes);
	else
		pf_fmt_bytes(bytes, sizeof(bytes), n->net_bytes);
	pf_strbuf_adds(s->out, "<title>");
	add_escaped(s->out, n->label);
	pf_strbuf_addf(s->out, ": %s, %.1f %%, %" PRId64 " samples</title>", bytes,
		       s->total ? 100.0 * (double)n->gross_bytes / (double)s->total : 0,
		       n->samples);
}

static void add_text(struct svg *s, const struct pf_node *n, double x, double y, double width)
{
	const double letters = (width - MARGIN) / LETTER;
	char cut[PF_LABEL_MAX];

	pf_strbuf_addf(s->out, "<text x=\"%.2f\" y=\"%.1f\">", x + 3, y + 13);
	if (letters >= 3)
		add_escaped(s->out, pf_text_fit(cut, sizeof(cut), n->label, (size_t)letters));
	pf_strbuf_adds(s->out, "</text>");
}

static void add_frame(struct svg *s, const struct pf_node *n, uint64_t from)
{
	const double x = pixels(s, from), width = pixels(s, n->gross_bytes);
	const double y = HEAD + (double)(s->depth - n->depth) * ROW;

	pf_strbuf_adds(s->out, "<g class=\"f\" data-n=\"");
	add_escaped(s->out, n->label);
	pf_strbuf_addf(s->out, "\" data-x=\"%" PRIu64 "\" data-w=\"%" PRIu64 "\" data-d=\"%u\">",
		       from, n->gross_bytes, n->depth);
	add_title(s, n);
	pf_strbuf_addf(s->out, "<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%d\" fill=\"",
		       x, y, width, ROW - 1);
	if (s->look->diff)
		add_change_colour(s->out, n);
	else
		add_kind_colour(s->out, n);
	pf_strbuf_adds(s->out, "\"/>");
	add_text(s, n, x, y, width);
	pf_strbuf_adds(s->out, "</g>\n");
}

/* As deep as a stack has frames at most. */
static void add_subtree(struct svg *s, const struct pf_node *n, uint64_t from)
{
	if (n->depth && pixels(s, n->gross_bytes) < NARROW_PX) {
		s->narrow++;
		return;
	}
	add_frame(s, n, from);
	for (const struct pf_node *c = n->child; c; c = c->sibling) {
		add_subtree(s, c, from);
		from += c->gross_bytes;
	}
}

/* How high the picture is: what is too narrow to be drawn takes no row. */
static uint32_t drawn_depth(const struct svg *s, const struct pf_node *n)
{
	uint32_t deepest = n->depth;

	for (const struct pf_node *c = n->child; c; c = c->sibling) {
		uint32_t depth = pixels(s, c->gross_bytes) < NARROW_PX ? 0 : drawn_depth(s, c);

		if (depth > deepest)
			deepest = depth;
	}
	return deepest;
}

/* ---- around them ----------------------------------------------------------- */

static void add_head(struct svg *s)
{
	const unsigned int height = HEAD + (s->depth + 1) * ROW + FOOT;

	pf_strbuf_addf(
		s->out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %u\" width=\"%d\" "
		"height=\"%u\" data-width=\"%d\" data-letter=\"%.2f\">\n<style>",
		WIDTH, height, WIDTH, height, WIDTH, LETTER);
	pf_strbuf_adds(s->out, pf_flame_css);
	pf_strbuf_adds(s->out, "</style>\n<text class=\"heading\" x=\"8\" y=\"22\">");
	add_printable(s->out, s->look->title ? s->look->title : "pfstack");
	pf_strbuf_adds(s->out, "</text>\n<text class=\"note\" x=\"8\" y=\"42\">");
	add_printable(s->out, s->look->note ? s->look->note : "");
	pf_strbuf_addf(s->out,
		       "</text>\n"
		       "<text class=\"reset away\" x=\"%d\" y=\"20\" text-anchor=\"end\">whole "
		       "picture</text>\n"
		       "<foreignObject x=\"%d\" y=\"6\" width=\"200\" height=\"24\">"
		       "<input xmlns=\"http://www.w3.org/1999/xhtml\" type=\"text\" "
		       "placeholder=\"search (/)\" aria-label=\"search\"/></foreignObject>\n"
		       "<text class=\"found\" x=\"%d\" y=\"46\" text-anchor=\"end\"></text>\n",
		       WIDTH - 220, WIDTH - 206, WIDTH - 8);
}

static void add_foot(struct svg *s)
{
	const unsigned int y = HEAD + (s->depth + 1) * ROW + 18;
	static const char *const kinds = "orange code, yellow inlined, green JIT, blue kernel, "
					 "grey without a name";
	static const char *const changes = "red grew, blue shrank; width is the size of the change";

	pf_strbuf_addf(s->out, "<text class=\"status\" x=\"8\" y=\"%u\"></text>\n", y);
	pf_strbuf_addf(s->out, "<text class=\"legend\" x=\"%d\" y=\"%u\" text-anchor=\"end\">%s",
		       WIDTH - 8, y, s->look->diff ? changes : kinds);
	if (s->narrow)
		pf_strbuf_addf(s->out, "; %" PRIu64 " too narrow to draw", s->narrow);
	pf_strbuf_adds(s->out, "</text>\n<script><![CDATA[\n");
	pf_strbuf_adds(s->out, pf_flame_js);
	pf_strbuf_adds(s->out, "]]></script>\n</svg>\n");
}

int pf_stacks_svg(struct pf_stacks *stacks, const struct pf_stacks_look *look,
		  struct pf_strbuf *out)
{
	struct svg s = { .out = out, .look = look };
	struct pf_tree *tree = pf_tree__new(stacks);

	if (!tree)
		return -ENOMEM;
	s.total = pf_tree__root(tree)->gross_bytes;
	s.depth = drawn_depth(&s, pf_tree__root(tree));
	add_head(&s);
	add_subtree(&s, pf_tree__root(tree), 0);
	add_foot(&s);
	pf_tree__free(tree);
	return out->failed ? -ENOMEM : 0;
}
