/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines to moments. Refuses to judge: what is a leak, and what a new boot
 * means, is for the reader of the samples.
 */
#include "lib/record/replay.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/text.h"
#include "lib/record/arena.h"
#include "lib/record/decode.h"
#include "lib/record/lines.h"

/* The process as this boot knows it: what may be in a moment only once. */
struct who {
	int64_t pid;
	double start_ts;
};

struct member {
	struct who who;
	UT_hash_handle hh;
};

struct pf_replay {
	struct pf_lines *lines;
	pf_replay_complain_fn complain;
	void *ctx;
	struct pf_replay_stats stats;

	json_t *header_json; /* owns the header's strings */
	struct pf_header header;

	/* The moment being put together or last returned. */
	struct pf_sample *samples;
	size_t n;
	size_t cap;
	uint64_t first_line;
	struct member *members; /* in the arena, like the samples' strings */
	struct pf_arena arena;

	/* The sample that ended it, first of the next one. */
	json_t *next_json; /* owns its strings; NULL = none */
	struct pf_sample next;
	uint64_t next_line;

	bool started;
	double ts;	 /* of the last moment */
	double mono_s;	 /* of the last moment */
	double step_s;	 /* from the one before to it */
	double offset_s; /* mono_s - ts; changes when the clock is set back */

	bool interrupted;	/* by a signal: the moment is not complete */
	struct pf_error broken; /* why the input ended, once what came before was returned */
};

static void __attribute__((format(printf, 3, 4)))
complain(struct pf_replay *r, uint64_t line, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (r->complain)
		r->complain(r->ctx, line, text);
}

static int bad_line(struct pf_replay *r, const char *why)
{
	r->stats.bad_lines++;
	complain(r, pf_lines__number(r->lines), "%s: line skipped", why);
	return 0;
}

struct pf_replay *pf_replay__open(const char *path, pf_replay_complain_fn fn, void *ctx,
				  struct pf_error *err)
{
	struct pf_replay *r = calloc(1, sizeof(*r));

	if (!r) {
		pf_fail(err, ENOMEM, "cannot read '%s': out of memory", path);
		return NULL;
	}
	r->complain = fn;
	r->ctx = ctx;
	r->lines = pf_lines__open(path, PF_REPLAY_LINE_MAX, err);
	if (!r->lines) {
		pf_replay__close(r);
		return NULL;
	}
	return r;
}

static void drop_moment(struct pf_replay *r)
{
	HASH_CLEAR(hh, r->members);
	r->n = 0;
	pf_arena_reset(&r->arena);
}

void pf_replay__close(struct pf_replay *r)
{
	if (!r)
		return;
	drop_moment(r);
	pf_arena_free(&r->arena);
	free(r->samples);
	json_decref(r->next_json);
	json_decref(r->header_json);
	pf_lines__close(r->lines);
	free(r);
}

const struct pf_header *pf_replay__header(const struct pf_replay *r)
{
	return r->header_json ? &r->header : NULL;
}

const struct pf_replay_stats *pf_replay__stats(const struct pf_replay *r)
{
	return &r->stats;
}

/* Takes the reference to obj. */
static int take_header(struct pf_replay *r, json_t *obj)
{
	char why[PF_DECODE_WHY];
	struct pf_header h;

	if (pf_decode_header(obj, &h, why)) {
		json_decref(obj);
		return bad_line(r, why);
	}
	json_decref(r->header_json);
	r->header_json = obj;
	r->header = h;
	return 0;
}

/* Takes the reference to obj. 1 = a sample is in r->next. */
static int take_sample(struct pf_replay *r, json_t *obj)
{
	char why[PF_DECODE_WHY];

	if (pf_decode_sample(obj, &r->next, why)) {
		json_decref(obj);
		return bad_line(r, why);
	}
	r->next_json = obj;
	r->next_line = pf_lines__number(r->lines);
	return 1;
}

static int bad_type(struct pf_replay *r, const json_t *type)
{
	char safe[32 * PF_TEXT_GROWTH];
	char why[PF_DECODE_WHY];
	char cut[32];

	if (!json_is_string(type))
		return bad_line(r, type ? "'type' must be a string" : "'type' is missing");
	pf_text_utf8(cut, sizeof(cut), json_string_value(type));
	pf_text_printable(safe, sizeof(safe), cut);
	snprintf(why, sizeof(why), "unknown type '%s'", safe);
	return bad_line(r, why);
}

static bool known_type(const char *type)
{
	static const char *const others[] = { "alert", "stack", "check", "summary",
					      "group", "total", "hist",	 "verdict" };

	for (size_t i = 0; i < PF_ARRAY_SIZE(others); i++) {
		if (strcmp(type, others[i]) == 0)
			return true;
	}
	return false;
}

/* Takes the reference to obj. 1 = a sample is in r->next, 0 = the line gave none. */
static int take_record(struct pf_replay *r, json_t *obj)
{
	const json_t *type = json_object_get(obj, "type");
	const char *name = json_string_value(type);
	int rc = 0;

	if (name && strcmp(name, "sample") == 0)
		return take_sample(r, obj);
	if (name && strcmp(name, "header") == 0)
		return take_header(r, obj);
	if (name && known_type(name))
		r->stats.other++;
	else
		rc = bad_type(r, type);
	json_decref(obj);
	return rc;
}

static int take_line(struct pf_replay *r, const char *line, size_t len, bool whole)
{
	char why[PF_DECODE_WHY];
	json_t *obj;
	int ret = pf_decode_line(line, len, whole, &obj, why);

	if (ret == -EINVAL)
		return bad_line(r, why);
	return ret || !obj ? ret : take_record(r, obj);
}

/* Read on to the next sample: 1 and it is in r->next, 0 at the end, -errno. */
static int read_sample(struct pf_replay *r, struct pf_error *err)
{
	char why[PF_DECODE_WHY];

	for (;;) {
		const char *line;
		size_t len;
		int kind = pf_lines__next(r->lines, &line, &len, err);
		int rc = 0;

		if (kind <= 0)
			return kind;
		r->stats.lines = pf_lines__number(r->lines);
		if (kind == PF_LINE_LONG) {
			snprintf(why, sizeof(why), "longer than %d bytes", PF_REPLAY_LINE_MAX);
			bad_line(r, why);
			continue;
		}
		rc = take_line(r, line, len, kind == PF_LINE_WHOLE);
		if (rc < 0)
			return pf_fail(err, -rc, "cannot read line %llu: %s",
				       (unsigned long long)r->stats.lines, strerror(-rc));
		if (rc > 0)
			return 1;
	}
}

/* 1 = the first of its kind in this moment, 0 = it was there before. */
static int add_member(struct pf_replay *r, const struct pf_sample *s)
{
	/* Compared byte by byte: adding 0 turns -0.0 into 0.0. */
	struct who who = { .pid = s->pid, .start_ts = s->start_ts + 0.0 };
	struct member *m;

	HASH_FIND(hh, r->members, &who, sizeof(who), m);
	if (m)
		return 0;
	m = pf_arena_alloc(&r->arena, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->who = who;
	HASH_ADD(hh, r->members, who, sizeof(who), m);
	return m->hh.tbl ? 1 : -ENOMEM;
}

/* Is r->next the first of its kind? Recordings of one process need no table. */
static int check_twice(struct pf_replay *r)
{
	int rc = 1;

	if (r->n == 0)
		return 1;
	if (!r->members)
		rc = add_member(r, &r->samples[0]);
	return rc < 0 ? rc : add_member(r, &r->next);
}

static int grow(struct pf_replay *r)
{
	size_t cap = r->cap ? r->cap * 2 : 4;
	struct pf_sample *samples;

	if (r->n < r->cap)
		return 0;
	samples = realloc(r->samples, cap * sizeof(*samples));
	if (!samples)
		return -ENOMEM;
	r->samples = samples;
	r->cap = cap;
	return 0;
}

/* Move the strings from the parsed line to the moment's memory. */
static int own_strings(struct pf_replay *r, struct pf_sample *s)
{
	const char **strings[] = { &s->exe, &s->cgroup, &s->container, &s->runtime, &s->pod };

	for (size_t i = 0; i < PF_ARRAY_SIZE(strings); i++) {
		if (!*strings[i])
			continue;
		*strings[i] = pf_arena_strdup(&r->arena, *strings[i]);
		if (!*strings[i])
			return -ENOMEM;
	}
	return 0;
}

static void skip_next(struct pf_replay *r, const char *why)
{
	r->stats.bad_lines++;
	complain(r, r->next_line, "%s: line skipped", why);
}

/* r->next into the moment, or reported. 0 or -ENOMEM. */
static int keep_next(struct pf_replay *r)
{
	int rc;

	if (r->n >= PF_REPLAY_MOMENT_MAX) {
		skip_next(r, "too many samples with one ts");
		return 0;
	}
	rc = check_twice(r);
	if (rc == 0)
		skip_next(r, "the same pid and start_ts were there before with this ts");
	if (rc <= 0)
		return rc;
	rc = grow(r);
	if (!rc)
		rc = own_strings(r, &r->next);
	if (rc)
		return rc;
	if (r->n == 0)
		r->first_line = r->next_line;
	r->samples[r->n++] = r->next;
	r->stats.samples++;
	return 0;
}

static int add_next(struct pf_replay *r)
{
	int rc = keep_next(r);

	json_decref(r->next_json);
	r->next_json = NULL;
	return rc;
}

/* The longest interval its samples name: a process may have been born in it. */
static double named_interval(const struct pf_replay *r)
{
	double longest = 0;

	for (size_t i = 0; i < r->n; i++) {
		if (r->samples[i].interval_s > longest)
			longest = r->samples[i].interval_s;
	}
	return longest;
}

/* How far ts was set back; 0 = it was not. Moves the clock that never goes back. */
static void advance_clock(struct pf_replay *r, double ts, double named_s)
{
	double since = ts - r->ts;

	if (r->started && since < 0) {
		double step = named_s > 0 ? named_s : r->step_s > 0 ? r->step_s : 1;

		r->stats.clock_steps++;
		complain(r, r->first_line,
			 "time runs backwards by %.3f s: taken as a clock set back", -since);
		r->offset_s = r->mono_s + step - ts;
		since = step;
	}
	r->step_s = r->started ? since : 0;
	r->ts = ts;
	r->mono_s = ts + r->offset_s;
	r->started = true;
}

static void finish_moment(struct pf_replay *r, struct pf_interval *interval)
{
	double named = named_interval(r);
	double length;

	advance_clock(r, r->samples[0].ts, named);
	length = named > 0 ? named : r->step_s > 0 ? r->step_s : NAN;
	for (size_t i = 0; i < r->n; i++) {
		r->samples[i].mono_s = r->mono_s;
		if (!(r->samples[i].interval_s > 0))
			r->samples[i].interval_s = length;
	}
	*interval = (struct pf_interval){
		.ts = r->ts,
		.mono_s = r->mono_s,
		.interval_s = length,
		.samples = r->samples,
		.n = r->n,
	};
}

/* Read until the moment is complete. 1, 0 at the end with nothing left, -errno. */
static int collect(struct pf_replay *r, struct pf_error *err)
{
	for (;;) {
		int rc = r->next_json ? add_next(r) : 0;

		if (rc)
			return pf_fail(err, -rc, "cannot go on reading: %s", strerror(-rc));
		rc = read_sample(r, err);
		if (rc == -EINTR || (rc < 1 && r->n == 0))
			return rc;
		if (rc < 1 || (r->n > 0 && r->next.ts != r->samples[0].ts))
			return 1;
	}
}

int pf_replay__next(struct pf_replay *r, struct pf_interval *interval, struct pf_error *err)
{
	struct pf_error why = { 0 };
	int rc;

	if (!r->interrupted)
		drop_moment(r);
	rc = r->broken.code ? -r->broken.code : collect(r, &why);
	r->interrupted = rc == -EINTR;
	/* An input that breaks in the middle of a moment: that moment first, then the error. */
	if (why.code && !r->interrupted)
		r->broken = why;
	if (rc < 0)
		return pf_fail(err, -rc, "%s", why.code ? why.text : r->broken.text);
	if (rc > 0)
		finish_moment(r, interval);
	return rc;
}
