/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stacks for pprof: a profile.proto, compressed with gzip. Texts, files,
 * functions and places are numbered as they come up, each once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#define HASH_NONFATAL_OOM 1 /* without memory an addition fails, not the program */
#include <uthash.h>

#include "lib/base/cleanup.h"
#include "lib/base/strbuf.h"
#include "lib/base/text.h"
#include "lib/record/arena.h"
#include "lib/stack/label.h"
#include "lib/stack/stacks.h"
#include "profile.pb-c.h"

#define VALUES	    2 /* of a sample: samples, bytes */
#define LABELS	    4
#define GROUP_MAX   64
#define FOREIGN_MAX 4096 /* of a path, printable */
#define GZIP_WINDOW (MAX_WBITS + 16)

/* What is numbered: by the bytes that tell it from others. */
struct numbered {
	uint64_t id;
	UT_hash_handle hh;
	char key[];
};

/* An array of pointers that grows. */
struct list {
	void **at;
	size_t n;
	size_t cap;
};

struct pprof {
	struct pf_arena arena;
	struct numbered *texts, *mappings, *functions, *locations;
	struct list strings, all_mappings, all_functions, all_locations, samples;
	struct pf_strbuf key;
	bool failed; /* no memory: said once, at the end */
};

static void *take(struct pprof *p, size_t size)
{
	void *piece = pf_arena_alloc(&p->arena, size ? size : 1);

	if (!piece)
		p->failed = true;
	return piece;
}

static void append(struct pprof *p, struct list *l, void *item)
{
	void **more;

	if (!item || p->failed)
		return;
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 256;
		more = reallocarray(l->at, l->cap, sizeof(*more));
		if (!more) {
			p->failed = true;
			return;
		}
		l->at = more;
	}
	l->at[l->n++] = item;
}

/* The number of what has this key; 0 = it is new, and gets `next`. */
static uint64_t number(struct pprof *p, struct numbered **table, const void *key, size_t len,
		       uint64_t next)
{
	struct numbered *n;

	HASH_FIND(hh, *table, key, len, n);
	if (n)
		return n->id;
	n = take(p, sizeof(*n) + len);
	if (!n)
		return 0;
	memset(n, 0, sizeof(*n));
	n->id = next;
	memcpy(n->key, key, len);
	HASH_ADD_KEYPTR(hh, *table, n->key, len, n);
	if (!n->hh.tbl)
		p->failed = true;
	return 0;
}

/* ---- what a profile is made of --------------------------------------------- */

/* Index of a text; it must be UTF-8. */
static int64_t text(struct pprof *p, const char *raw)
{
	const size_t len = raw ? strlen(raw) : 0;
	const size_t next = p->strings.n;
	uint64_t known;
	char *own;

	if (!len && next)
		return 0;
	/* The first one is "" and has the number 0, so numbers are one higher in the table. */
	known = number(p, &p->texts, raw ? raw : "", len, next + 1);
	if (known)
		return (int64_t)known - 1;
	own = take(p, len * PF_TEXT_GROWTH + 1);
	if (own)
		pf_text_utf8(own, len * PF_TEXT_GROWTH + 1, raw ? raw : "");
	append(p, &p->strings, own);
	return (int64_t)next;
}

/* Index of a text as somebody else wrote it: pprof prints it as it is. */
static int64_t foreign(struct pprof *p, const char *raw)
{
	char clean[FOREIGN_MAX];

	return text(p, raw ? pf_text_printable(clean, sizeof(clean), raw) : NULL);
}

#define NEW(p, type, init)                                                                         \
	({                                                                                         \
		type *new_one = take(p, sizeof(type));                                             \
		if (new_one)                                                                       \
			init(new_one);                                                             \
		new_one;                                                                           \
	})

static uint64_t mapping(struct pprof *p, const struct pf_stack_frame *f)
{
	const uint64_t next = p->all_mappings.n + 1;
	int64_t key[2];
	uint64_t known;
	Pf__Mapping *m;

	if (!f->module)
		return 0;
	key[0] = foreign(p, f->module);
	key[1] = text(p, f->build_id);
	known = number(p, &p->mappings, key, sizeof(key), next);
	if (known)
		return known;
	m = NEW(p, Pf__Mapping, pf__mapping__init);
	if (!m)
		return 0;
	m->id = next;
	m->filename = key[0];
	m->build_id = key[1];
	m->has_functions = true; /* nobody is to look for better names */
	m->has_filenames = m->has_line_numbers = m->has_inline_frames = true;
	append(p, &p->all_mappings, m);
	return next;
}

static uint64_t function(struct pprof *p, const struct pf_stack_frame *f)
{
	const uint64_t next = p->all_functions.n + 1;
	char label[PF_LABEL_MAX];
	const int64_t key[2] = { text(p, pf_label_frame(label, f)), foreign(p, f->file) };
	uint64_t known = number(p, &p->functions, key, sizeof(key), next);
	Pf__Function *fn;

	if (known)
		return known;
	fn = NEW(p, Pf__Function, pf__function__init);
	if (!fn)
		return 0;
	fn->id = next;
	fn->name = fn->system_name = key[0];
	fn->filename = key[1];
	append(p, &p->all_functions, fn);
	return next;
}

static Pf__Line **lines_of(struct pprof *p, const struct pf_stack_frame *group, size_t n)
{
	Pf__Line **lines = take(p, n * sizeof(Pf__Line *));

	for (size_t i = 0; lines && i < n; i++) {
		const struct pf_stack_frame *f = &group[n - 1 - i];

		lines[i] = NEW(p, Pf__Line, pf__line__init);
		if (!lines[i])
			return NULL;
		lines[i]->function_id = function(p, f);
		lines[i]->line = f->line == PF_UNKNOWN ? 0 : f->line;
	}
	return lines;
}

/* A function with those that are inlined into it, which follow it. */
static uint64_t location(struct pprof *p, const struct pf_stack_frame *group, size_t n)
{
	const uint64_t next = p->all_locations.n + 1;
	const uint64_t map = mapping(p, group);
	Pf__Line **lines = lines_of(p, group, n);
	Pf__Location *l;
	uint64_t known;

	if (!lines)
		return 0;
	pf_strbuf_reset(&p->key);
	pf_strbuf_addmem(&p->key, &map, sizeof(map));
	pf_strbuf_addmem(&p->key, &group->ip, sizeof(group->ip));
	for (size_t i = 0; i < n; i++) {
		pf_strbuf_addmem(&p->key, &lines[i]->function_id, sizeof(lines[i]->function_id));
		pf_strbuf_addmem(&p->key, &lines[i]->line, sizeof(lines[i]->line));
	}
	if (p->key.failed)
		return 0;
	known = number(p, &p->locations, p->key.data, p->key.len, next);
	if (known)
		return known;
	l = NEW(p, Pf__Location, pf__location__init);
	if (!l)
		return 0;
	l->id = next;
	l->mapping_id = map;
	l->address = group->ip;
	l->n_line = n;
	l->line = lines;
	append(p, &p->all_locations, l);
	return next;
}

static Pf__Label *label(struct pprof *p, const char *key, const char *str)
{
	Pf__Label *l = NEW(p, Pf__Label, pf__label__init);

	if (l) {
		l->key = text(p, key);
		l->str = foreign(p, str);
	}
	return l;
}

/* What of a stack is no frame: its process by name, class and, where it is one, number. */
static void add_labels(struct pprof *p, Pf__Sample *to, const struct pf_stack *s)
{
	char pid[24];

	to->label = take(p, LABELS * sizeof(Pf__Label *));
	if (!to->label)
		return;
	snprintf(pid, sizeof(pid), "%lld", (long long)s->pid);
	to->label[to->n_label++] = label(p, "comm", s->comm);
	if (s->class)
		to->label[to->n_label++] = label(p, "class", s->class);
	if (s->pid != PF_UNKNOWN)
		to->label[to->n_label++] = label(p, "pid", pid);
	if (s->truncated)
		to->label[to->n_label++] = label(p, "truncated", "yes");
}

/* How many frames from here on are one place. */
static size_t group_at(const struct pf_stack *s, size_t from)
{
	size_t n = 1;

	while (n < GROUP_MAX && from + n < s->n_frames && s->frames[from + n].inlined)
		n++;
	return n;
}

static void add_locations(struct pprof *p, Pf__Sample *to, const struct pf_stack *s)
{
	uint64_t *ids = take(p, (s->n_frames + 1) * sizeof(*ids));
	size_t n = 0;

	if (!ids)
		return;
	for (size_t i = 0; i < s->n_frames; i += group_at(s, i))
		ids[n++] = location(p, &s->frames[i], group_at(s, i));
	for (size_t i = 0; i < n / 2; i++) {
		uint64_t held = ids[i];

		ids[i] = ids[n - 1 - i];
		ids[n - 1 - i] = held;
	}
	to->n_location_id = n;
	to->location_id = ids;
}

static void add_sample(struct pprof *p, const struct pf_stack *s)
{
	Pf__Sample *to = NEW(p, Pf__Sample, pf__sample__init);
	int64_t *values = take(p, VALUES * sizeof(*values));

	if (!to || !values)
		return;
	values[0] = s->samples == PF_UNKNOWN ? 0 : s->samples;
	values[1] = s->bytes == PF_UNKNOWN ? 0 : s->bytes;
	to->value = values;
	to->n_value = VALUES;
	add_locations(p, to, s);
	add_labels(p, to, s);
	append(p, &p->samples, to);
}

/* ---- the whole ------------------------------------------------------------- */

static void add_types(struct pprof *p, Pf__Profile *profile)
{
	static const char *const types[VALUES][2] = { { "samples", "count" },
						      { "memory", "bytes" } };
	Pf__ValueType **list = take(p, VALUES * sizeof(Pf__ValueType *));

	for (int i = 0; list && i < VALUES; i++) {
		list[i] = NEW(p, Pf__ValueType, pf__value_type__init);
		if (!list[i])
			return;
		list[i]->type = text(p, types[i][0]);
		list[i]->unit = text(p, types[i][1]);
	}
	profile->sample_type = list;
	profile->n_sample_type = list ? VALUES : 0;
	profile->default_sample_type = text(p, types[1][0]);
}

static void set_times(Pf__Profile *profile, const struct pf_profile_times *times)
{
	if (times->start_ts > 0)
		profile->time_nanos = (int64_t)(times->start_ts * 1e9);
	if (times->duration_s > 0)
		profile->duration_nanos = (int64_t)(times->duration_s * 1e9);
}

static void fill(struct pprof *p, Pf__Profile *profile)
{
	profile->n_sample = p->samples.n;
	profile->sample = (Pf__Sample **)p->samples.at;
	profile->n_mapping = p->all_mappings.n;
	profile->mapping = (Pf__Mapping **)p->all_mappings.at;
	profile->n_location = p->all_locations.n;
	profile->location = (Pf__Location **)p->all_locations.at;
	profile->n_function = p->all_functions.n;
	profile->function = (Pf__Function **)p->all_functions.at;
	profile->n_string_table = p->strings.n;
	profile->string_table = (char **)p->strings.at;
}

static int compress_to(struct pf_strbuf *out, uint8_t *bytes, size_t len)
{
	z_stream z = { .next_in = bytes, .avail_in = (uInt)len };
	unsigned char piece[16384];
	int ret;

	if (len > UINT32_MAX || deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
					     Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	do {
		z.next_out = piece;
		z.avail_out = sizeof(piece);
		ret = deflate(&z, Z_FINISH);
		pf_strbuf_addmem(out, piece, sizeof(piece) - z.avail_out);
	} while (ret == Z_OK);
	deflateEnd(&z);
	return ret == Z_STREAM_END && !out->failed ? 0 : -ENOMEM;
}

static int pack_to(struct pf_strbuf *out, const Pf__Profile *profile)
{
	const size_t len = pf__profile__get_packed_size(profile);
	_cleanup_free_ uint8_t *bytes = malloc(len);

	if (!bytes)
		return -ENOMEM;
	pf__profile__pack(profile, bytes);
	return compress_to(out, bytes, len);
}

static void end(struct pprof *p)
{
	struct list *const lists[] = { &p->strings, &p->all_mappings, &p->all_functions,
				       &p->all_locations, &p->samples };

	HASH_CLEAR(hh, p->texts);
	HASH_CLEAR(hh, p->mappings);
	HASH_CLEAR(hh, p->functions);
	HASH_CLEAR(hh, p->locations);
	for (size_t i = 0; i < PF_ARRAY_SIZE(lists); i++)
		free(lists[i]->at);
	pf_strbuf_free(&p->key);
	pf_arena_free(&p->arena);
}

int pf_stacks_pprof(struct pf_stacks *s, const struct pf_profile_times *times,
		    struct pf_strbuf *out)
{
	Pf__Profile profile = PF__PROFILE__INIT;
	struct pprof p = { 0 };
	size_t n;
	const struct pf_stack *const *all = pf_stacks__sorted(s, &n);
	int ret = -ENOMEM;

	text(&p, "");
	add_types(&p, &profile);
	set_times(&profile, times);
	for (size_t i = 0; i < n && !p.failed; i++)
		add_sample(&p, all[i]);
	fill(&p, &profile);
	if (!p.failed && !p.key.failed && (all || !pf_stacks__count(s)))
		ret = pack_to(out, &profile);
	end(&p);
	return ret;
}
