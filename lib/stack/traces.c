/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entries in a hash table by owner, class and frames, and in blocks by index,
 * so that they never move. Frames lie in an arena behind their entry's key.
 */
#include "lib/stack/traces.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#define HASH_NONFATAL_OOM 1 /* without memory an addition fails, not the program */
#include <uthash.h>

#include "lib/base/cleanup.h"
#include "lib/record/arena.h"
#include "lib/stack/symbolizer.h"

/* One process: its key is what is compared. */
struct owner {
	struct pf_trace_owner owner;
	struct {
		int64_t pid;
		uint64_t start_ns;
		const char *class;
		char comm[PF_COMM_LEN];
	} key;
	uint32_t number;
	UT_hash_handle hh;
};

/* What entries are compared by: the frames follow it. */
struct chain {
	uint32_t owner;
	uint32_t stop;
	uint32_t n_user;
	uint32_t n_kernel;
	struct pf_frame frames[];
};

struct entry {
	struct pf_trace_sum sum;
	struct chain *chain;
	UT_hash_handle hh;
};

struct pf_traces {
	struct pf_arena arena;
	size_t bytes;
	struct owner *owners;
	uint32_t n_owners;
	struct entry *entries;
	struct entry **by_index; /* PF_TRACES_MAX + one for each owner at most */
	size_t n;
	size_t cap;
	struct pf_traces_losses losses;
	struct chain *wanted; /* where one is put together */
};

#define CHAIN_BYTES(n) (sizeof(struct chain) + (n) * sizeof(struct pf_frame))

struct pf_traces *pf_traces__new(void)
{
	struct pf_traces *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->wanted = calloc(1, CHAIN_BYTES(2 * PF_FRAMES_MAX));
	if (t->wanted)
		return t;
	free(t);
	return NULL;
}

void pf_traces__clear(struct pf_traces *t)
{
	HASH_CLEAR(hh, t->entries);
	HASH_CLEAR(hh, t->owners);
	pf_arena_reset(&t->arena);
	t->bytes = 0;
	t->n = 0;
	t->n_owners = 0;
}

void pf_traces__free(struct pf_traces *t)
{
	if (!t)
		return;
	pf_traces__clear(t);
	pf_arena_free(&t->arena);
	free(t->by_index);
	free(t->wanted);
	free(t);
}

size_t pf_traces__count(const struct pf_traces *t)
{
	return t->n;
}

struct pf_trace_sum *pf_traces__at(struct pf_traces *t, size_t i)
{
	return i < t->n ? &t->by_index[i]->sum : NULL;
}

struct pf_traces_losses pf_traces__losses(const struct pf_traces *t)
{
	return t->losses;
}

/* ---- finding and making ---------------------------------------------------- */

static void *take(struct pf_traces *t, size_t size)
{
	void *piece = pf_arena_alloc(&t->arena, size);

	if (piece)
		t->bytes += size;
	return piece;
}

static struct owner *find_owner(struct pf_traces *t, const struct pf_trace_owner *wanted)
{
	struct owner *o, key = {
		.key = { .pid = wanted->pid, .start_ns = wanted->start_ns, .class = wanted->class }
	};

	memcpy(key.key.comm, wanted->comm, strnlen(wanted->comm, sizeof(key.key.comm) - 1));
	HASH_FIND(hh, t->owners, &key.key, sizeof(key.key), o);
	if (o || t->n_owners == PF_TRACES_OWNERS_MAX)
		return o;
	o = take(t, sizeof(*o));
	if (!o)
		return NULL;
	*o = key;
	o->owner = *wanted;
	o->number = t->n_owners;
	HASH_ADD(hh, t->owners, key, sizeof(o->key), o);
	if (!o->hh.tbl)
		return NULL;
	t->n_owners++;
	return o;
}

static void add_frames(struct chain *c, const struct pf_trace *trace, uint32_t *n)
{
	const uint32_t at = c->n_user + c->n_kernel;

	*n = !trace ? 0 : trace->n < PF_FRAMES_MAX ? trace->n : PF_FRAMES_MAX;
	if (*n)
		memcpy(&c->frames[at], trace->frames, *n * sizeof(*c->frames));
}

/* Put together in t->wanted. */
static struct chain *make_chain(struct pf_traces *t, const struct owner *o,
				const struct pf_trace *user, const struct pf_trace *kernel)
{
	struct chain *c = t->wanted;

	*c = (struct chain){ .owner = o->number, .stop = user ? user->stop : PF_STOP_ROOT };
	add_frames(c, user, &c->n_user);
	add_frames(c, kernel, &c->n_kernel);
	return c;
}

static struct entry *find_entry(struct pf_traces *t, const struct chain *c)
{
	struct entry *e;

	HASH_FIND(hh, t->entries, c, CHAIN_BYTES(c->n_user + c->n_kernel), e);
	return e;
}

static bool make_room(struct pf_traces *t)
{
	struct entry **more;
	size_t cap = t->cap ? t->cap * 2 : 256;

	if (t->n < t->cap)
		return true;
	more = reallocarray(t->by_index, cap, sizeof(*more));
	if (!more)
		return false;
	t->by_index = more;
	t->cap = cap;
	return true;
}

static struct entry *add_entry(struct pf_traces *t, const struct owner *o, const struct chain *c)
{
	const size_t bytes = CHAIN_BYTES(c->n_user + c->n_kernel);
	struct entry *e = make_room(t) ? take(t, sizeof(*e)) : NULL;
	struct chain *own = e ? take(t, bytes) : NULL;

	if (!own)
		return NULL;
	memcpy(own, c, bytes);
	*e = (struct entry){ .chain = own };
	e->sum.owner = &o->owner;
	e->sum.frames = own->frames;
	e->sum.n_user = own->n_user;
	e->sum.n_kernel = own->n_kernel;
	e->sum.stop = own->stop;
	e->sum.index = (uint32_t)t->n;
	HASH_ADD_KEYPTR(hh, t->entries, own, bytes, e);
	if (!e->hh.tbl)
		return NULL;
	t->by_index[t->n++] = e;
	return e;
}

/* The entry of a process that stands for what there is no room for. */
static struct entry *folded_entry(struct pf_traces *t, const struct owner *o)
{
	struct chain *c = t->wanted;
	struct entry *e;

	*c = (struct chain){ .owner = o->number, .stop = PF_TRACE_STOPS };
	e = find_entry(t, c);
	if (!e)
		e = add_entry(t, o, c);
	if (e)
		e->sum.folded = true;
	return e;
}

struct pf_trace_sum *pf_traces__find(struct pf_traces *t, const struct pf_trace_owner *owner,
				     const struct pf_trace *user, const struct pf_trace *kernel)
{
	struct owner *o = find_owner(t, owner);
	struct chain *c = o ? make_chain(t, o, user, kernel) : NULL;
	struct entry *e = c ? find_entry(t, c) : NULL;

	if (!e && o) {
		if (t->n < PF_TRACES_MAX && t->bytes < PF_TRACES_BYTES_MAX) {
			e = add_entry(t, o, c);
		} else {
			t->losses.folded++;
			e = folded_entry(t, o);
		}
	}
	if (!e)
		t->losses.lost++;
	return e ? &e->sum : NULL;
}

/* ---- naming ---------------------------------------------------------------- */

static bool is_empty(const struct pf_trace_sum *sum)
{
	return !sum->bytes && !sum->samples;
}

/* Many places at once: for each so many the kernel's symbols are read once. */
#define PLACES_AT_ONCE 65536

struct places {
	struct pf_frame *frames;
	size_t n;
};

static void resolve_places(struct places *p, const struct pf_traces_naming *naming)
{
	pf_symbolizer__resolve(naming->symbolizer, p->frames, p->n, naming->lines);
	p->n = 0;
}

static int resolve_all(struct pf_traces *t, const struct pf_traces_naming *naming)
{
	_cleanup_free_ struct pf_frame *frames = calloc(PLACES_AT_ONCE, sizeof(*frames));
	struct places p = { .frames = frames };

	if (!frames)
		return -ENOMEM;
	pf_symbolizer__renew(naming->symbolizer);
	for (size_t i = 0; i < t->n; i++) {
		const struct pf_trace_sum *sum = &t->by_index[i]->sum;
		const uint32_t n = sum->n_user + sum->n_kernel;

		if (is_empty(sum))
			continue;
		if (n > PLACES_AT_ONCE - p.n)
			resolve_places(&p, naming);
		memcpy(&p.frames[p.n], sum->frames, n * sizeof(*p.frames));
		p.n += n;
	}
	resolve_places(&p, naming);
	return 0;
}

struct naming {
	const struct pf_traces_naming *how;
	struct pf_stack_frame frames[PF_STACK_FRAMES_MAX];
	size_t n;
};

static struct pf_stack_frame frame_of(const struct pf_frame *place, const struct pf_symbol *s)
{
	return (struct pf_stack_frame){
		.ip = place->ip,
		.symbol = s->name,
		.offset = s->inlined || s->offset > INT64_MAX ? PF_UNKNOWN : (int64_t)s->offset,
		.module = s->module,
		.build_id = s->build_id,
		.file = s->file,
		.line = s->line ? s->line : PF_UNKNOWN,
		.inlined = s->inlined,
		.kernel = place->module == PF_MODULE_KERNEL,
	};
}

/* Outermost first; what does not fit any more is the innermost. */
static void add_names(struct naming *n, const struct pf_frame *place)
{
	struct pf_symbol names[PF_INLINED_MAX];
	size_t count = pf_symbolizer__symbols(n->how->symbolizer, place, names);

	for (size_t i = count; i-- > 0 && n->n < PF_STACK_FRAMES_MAX;)
		n->frames[n->n++] = frame_of(place, &names[i]);
}

static int name_one(struct naming *n, const struct pf_trace_sum *sum)
{
	struct pf_stack s;

	n->n = 0;
	for (uint32_t i = sum->n_user; i-- > 0;)
		add_names(n, &sum->frames[i]);
	for (uint32_t i = sum->n_kernel; i-- > 0;)
		add_names(n, &sum->frames[sum->n_user + i]);
	pf_stack_init(&s);
	s.ts = sum->last_ts;
	s.pid = sum->owner->pid;
	s.start_ts = sum->owner->start_ts;
	memcpy(s.comm, sum->owner->comm, sizeof(s.comm));
	s.mode = n->how->mode;
	s.class = sum->owner->class;
	s.bytes = sum->bytes;
	if (n->how->kept)
		s.kept_bytes = sum->mark[PF_TRACE_KEPT];
	s.samples = sum->samples;
	s.age_s = sum->first_ts > 0 ? n->how->now_ts - sum->first_ts : NAN;
	s.truncated = sum->stop != PF_STOP_ROOT;
	s.frames = n->frames;
	s.n_frames = n->n;
	return n->how->stack(n->how->ctx, &s);
}

int pf_traces__name(struct pf_traces *t, const struct pf_traces_naming *naming)
{
	_cleanup_free_ struct naming *n = calloc(1, sizeof(*n));
	int ret = n ? resolve_all(t, naming) : -ENOMEM;

	if (n)
		n->how = naming;
	for (size_t i = 0; !ret && i < t->n; i++) {
		if (!is_empty(&t->by_index[i]->sum))
			ret = name_one(n, &t->by_index[i]->sum);
	}
	return ret;
}
