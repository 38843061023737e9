/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a tool's moments come from. Prints only notes on the source itself;
 * what is in the samples is the tool's business.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "version.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strbuf.h"
#include "lib/cli/common.h"
#include "lib/cli/loop.h"
#include "lib/cli/privileges.h"
#include "lib/cli/select.h"
#include "lib/cli/source.h"
#include "lib/cli/stop.h"
#include "lib/proc/machine.h"
#include "lib/record/json.h"
#include "lib/record/replay.h"

#define MAX_PROCESSES  65536
#define COMPLAINTS_MAX 20 /* shown one by one; the rest is counted */

struct pf_source {
	const struct pf_common *common;
	struct pf_observe *observe;
	struct pf_loop *loop;
	struct pf_replay *replay;
	struct pf_header header;
	FILE *record;
	struct pf_strbuf record_buf;
	const struct pf_sample **selected;
	size_t selected_cap;
	uint64_t moments;
	uint64_t seen;	 /* samples before the selection ... */
	uint64_t chosen; /* ... and after it */
	uint64_t complaints;
	double first_mono_s; /* start of the first interval */
	double last_mono_s;
	struct pf_interval first; /* of a replay: read early, as its header comes before it */
	enum pf_source_event first_event;
	struct pf_error first_error;
	bool primed;
	bool last_tick; /* the next moment is the last one */
	bool ended;
};

static void complain(void *ctx, uint64_t line, const char *what)
{
	struct pf_source *s = ctx;

	if (++s->complaints <= COMPLAINTS_MAX)
		pf_warn("%s:%" PRIu64 ": %s", s->common->replay_path, line, what);
	else if (s->complaints == COMPLAINTS_MAX + 1)
		pf_warn("%s: more lines like that are counted, not shown", s->common->replay_path);
}

static int open_live(struct pf_source *s, const struct pf_source_need *need, struct pf_error *err)
{
	const struct pf_common *c = s->common;
	struct pf_observe_config config = {
		.backend = c->backend,
		.force = c->force,
		.sample_every = c->sample_every ? c->sample_every : 1,
		.sample_auto = c->sample_auto,
		.exits = c->exits,
		.exe = need->exe,
		.overhead = c->overhead,
		.pids = c->pids,
		.n_pids = c->n_pids,
		.uid = c->uid,
		.max_processes = MAX_PROCESSES,
		.ring_bytes = need->ring_bytes,
		.proc_root = "/proc",
	};
	int ret = pf_select_check(c, err);

	if (ret)
		return ret;
	if (config.backend == PF_BACKEND_AUTO && !need->tracing)
		config.backend = PF_BACKEND_COUNTERS;
	if (config.backend == PF_BACKEND_COUNTERS && pf_common_sampling(c))
		return pf_fail(err, EINVAL,
			       "--sample: %s looks at no fault events, unless --backend names "
			       "what counts them",
			       c->tool);
	s->loop = pf_loop__new(err);
	if (!s->loop)
		return -errno;
	pf_privileges_raise();
	s->observe = pf_observe__open(&config, err);
	pf_privileges_lower();
	if (!s->observe)
		return -errno;
	for (size_t i = 0; pf_observe__note(s->observe, i); i++)
		pf_warn("%s", pf_observe__note(s->observe, i));
	pf_loop__watch_fd(s->loop, pf_observe__fd(s->observe));
	if (c->watch)
		pf_loop__watch_keys(s->loop);
	ret = pf_loop__start(s->loop, c->interval_s, c->duration_s);
	return ret ? pf_fail(err, -ret, "cannot set the timer: %s", strerror(-ret)) : 0;
}

static enum pf_source_event read_replay(struct pf_source *s, struct pf_interval *in,
					struct pf_error *err)
{
	struct pf_error why = { 0 };
	int ret = -EINTR;

	while (ret == -EINTR) {
		if (pf_stop_pending())
			return PF_SOURCE_END;
		if (pf_stop_take_hangup())
			return PF_SOURCE_HANGUP;
		why.code = 0;
		ret = pf_replay__next(s->replay, in, &why);
	}
	if (ret < 0)
		*err = why;
	return ret < 0 ? PF_SOURCE_FAILED : ret ? PF_SOURCE_MOMENT : PF_SOURCE_END;
}

static void prime_replay(struct pf_source *s)
{
	s->first_event = read_replay(s, &s->first, &s->first_error);
	s->primed = true;
}

static enum pf_source_event next_replay(struct pf_source *s, struct pf_interval *in,
					struct pf_error *err)
{
	if (!s->primed)
		return read_replay(s, in, err);
	s->primed = false;
	*in = s->first;
	if (s->first_event == PF_SOURCE_FAILED)
		*err = s->first_error;
	return s->first_event;
}

static int64_t memory_of_machine(void)
{
	struct pf_machine m;

	if (pf_machine_read("/proc", &m) || m.mem_total_bytes == PF_UNKNOWN)
		return PF_UNKNOWN;
	return m.mem_total_bytes + (m.swap_total_bytes == PF_UNKNOWN ? 0 : m.swap_total_bytes);
}

static void fill_header(struct pf_source *s)
{
	struct pf_header *h = &s->header;

	h->tool = s->common->tool;
	h->version = PF_VERSION;
	h->options = s->common->options;
	h->ts = pf_realtime_s();
	h->interval_s = s->common->interval_s;
	h->sample = h->memory_bytes = PF_UNKNOWN;
	if (!s->observe)
		return;
	pf_header_fill_host(h, "/proc");
	h->memory_bytes = memory_of_machine();
	h->backend = pf_observe__backend(s->observe);
	h->snapshot = pf_observe__snapshot(s->observe);
	if (strcmp(h->backend, "counters"))
		h->sample = s->common->sample_auto	    ? 0
			    : pf_common_sampling(s->common) ? s->common->sample_every
							    : 1;
}

/* In replay the machine is the recorded one. */
const struct pf_header *pf_source__header(struct pf_source *s)
{
	const struct pf_header *recorded = s->replay ? pf_replay__header(s->replay) : NULL;
	struct pf_header ours = s->header;

	if (!recorded)
		return &s->header;
	s->header = *recorded;
	s->header.tool = ours.tool;
	s->header.version = ours.version;
	s->header.options = ours.options;
	s->header.ts = ours.ts;
	return &s->header;
}

static int record_flush(struct pf_source *s, struct pf_error *err)
{
	struct pf_strbuf *b = &s->record_buf;
	bool bad = b->failed || (b->len && fwrite(b->data, 1, b->len, s->record) != b->len) ||
		   fflush(s->record);

	pf_strbuf_reset(b);
	if (!bad)
		return 0;
	return pf_fail(err, b->failed ? ENOMEM : errno, "cannot write %s: %s",
		       s->common->record_path, strerror(b->failed ? ENOMEM : errno));
}

static void record_line(struct pf_source *s, const char *type, const struct pf_field *fields,
			size_t n, const void *record)
{
	json_t *obj = pf_json_new(type);

	if (!obj || pf_json_add_fields(obj, fields, n, record)) {
		json_decref(obj);
		s->record_buf.failed = true;
		return;
	}
	if (pf_json_line(obj, &s->record_buf))
		s->record_buf.failed = true;
}

static int open_record(struct pf_source *s, struct pf_error *err)
{
	if (!s->common->record_path)
		return 0;
	s->record = pf_file_append(s->common->record_path, 0600, err);
	return s->record ? 0 : -err->code;
}

static int begin_record(struct pf_source *s, struct pf_error *err)
{
	if (!s->record)
		return 0;
	record_line(s, "header", pf_header_fields, pf_header_n_fields, pf_source__header(s));
	return record_flush(s, err);
}

static int open_all(struct pf_source *s, const struct pf_source_need *need, struct pf_error *err)
{
	int ret;

	if (s->common->replay_path) {
		s->replay = pf_replay__open(s->common->replay_path, complain, s, err);
		ret = s->replay ? 0 : -errno;
	} else {
		ret = open_live(s, need, err);
	}
	return ret ? ret : open_record(s, err);
}

struct pf_source *pf_source__open(const struct pf_common *c, const struct pf_source_need *need,
				  struct pf_error *err)
{
	struct pf_source *s = calloc(1, sizeof(*s));
	int ret;

	if (!s) {
		pf_fail(err, ENOMEM, "out of memory");
		return NULL;
	}
	s->common = c;
	pf_stop_catch(!need->survives_hangup);
	ret = open_all(s, need, err);
	if (!ret) {
		pf_privileges_keep(need->caps | (s->observe ? pf_observe__caps(s->observe) : 0));
		fill_header(s);
		if (s->replay)
			prime_replay(s);
		ret = begin_record(s, err);
	}
	if (ret) {
		pf_source__close(s);
		errno = -ret;
		return NULL;
	}
	if (s->observe)
		pf_info("ready: snapshot %s, backend %s, storage %s, buffer %s", s->header.snapshot,
			s->header.backend, pf_observe__storage(s->observe),
			pf_observe__buffer(s->observe));
	return s;
}

void pf_source__close(struct pf_source *s)
{
	if (!s)
		return;
	pf_observe__close(s->observe);
	pf_replay__close(s->replay);
	pf_loop__free(s->loop);
	if (s->record)
		fclose(s->record);
	pf_strbuf_free(&s->record_buf);
	free(s->selected);
	free(s);
}

static int select_samples(struct pf_source *s, const struct pf_interval *in, struct pf_moment *out)
{
	if (in->n > s->selected_cap) {
		size_t cap = in->n + in->n / 4;
		void *bigger = realloc(s->selected, cap * sizeof(*s->selected));

		if (!bigger)
			return -ENOMEM;
		s->selected = bigger;
		s->selected_cap = cap;
	}
	out->ts = in->ts;
	out->mono_s = in->mono_s;
	out->interval_s = in->interval_s;
	out->losses = in->losses;
	out->samples = s->selected;
	out->n = 0;
	for (size_t i = 0; i < in->n; i++) {
		if (pf_select(s->common, &in->samples[i]))
			s->selected[out->n++] = &in->samples[i];
	}
	s->seen += in->n;
	s->chosen += out->n;
	return 0;
}

static void note_time(struct pf_source *s, const struct pf_interval *in)
{
	if (!s->moments++)
		s->first_mono_s = in->mono_s - (in->interval_s > 0 ? in->interval_s : 0);
	s->last_mono_s = in->mono_s;
}

static bool enough(const struct pf_source *s)
{
	const struct pf_common *c = s->common;

	if (s->last_tick || (c->once && s->moments) || (c->count && s->moments >= c->count))
		return true;
	if (s->replay)
		return c->duration_s > 0 && s->moments && pf_source__elapsed_s(s) >= c->duration_s;
	return pf_observe__all_gone(s->observe);
}

static enum pf_source_event take_moment(struct pf_source *s, struct pf_interval *in,
					struct pf_error *err)
{
	return pf_observe__next(s->observe, in, err) ? PF_SOURCE_FAILED : PF_SOURCE_MOMENT;
}

static enum pf_source_event next_live(struct pf_source *s, struct pf_interval *in,
				      struct pf_error *err)
{
	for (;;) {
		switch (pf_loop__wait(s->loop)) {
		case PF_LOOP_READY:
			pf_observe__drain(s->observe);
			break;
		case PF_LOOP_HANGUP:
			return PF_SOURCE_HANGUP;
		case PF_LOOP_STOP:
			s->last_tick = true; /* what happened since the last tick counts too */
			return take_moment(s, in, err);
		case PF_LOOP_LAST:
			s->last_tick = true;
			return take_moment(s, in, err);
		case PF_LOOP_TICK:
			return take_moment(s, in, err);
		}
	}
}

static int record_moment(struct pf_source *s, const struct pf_moment *m, struct pf_error *err)
{
	if (!s->record)
		return 0;
	for (size_t i = 0; i < m->n; i++)
		record_line(s, "sample", pf_sample_fields, pf_sample_n_fields, m->samples[i]);
	return record_flush(s, err);
}

enum pf_source_event pf_source__next(struct pf_source *s, struct pf_moment *moment,
				     struct pf_error *err)
{
	struct pf_interval in;
	enum pf_source_event event;

	if (s->ended || enough(s)) {
		s->ended = true;
		return PF_SOURCE_END;
	}
	event = s->replay ? next_replay(s, &in, err) : next_live(s, &in, err);
	if (event != PF_SOURCE_MOMENT) {
		s->ended = event == PF_SOURCE_END;
		return event;
	}
	note_time(s, &in);
	if (select_samples(s, &in, moment)) {
		pf_fail(err, ENOMEM, "out of memory");
		return PF_SOURCE_FAILED;
	}
	return record_moment(s, moment, err) ? PF_SOURCE_FAILED : PF_SOURCE_MOMENT;
}

const struct pf_observe *pf_source__observe(const struct pf_source *s)
{
	return s->observe;
}

uint64_t pf_source__moments(const struct pf_source *s)
{
	return s->moments;
}

double pf_source__elapsed_s(const struct pf_source *s)
{
	return s->last_mono_s - s->first_mono_s;
}

uint64_t pf_source__skipped(const struct pf_source *s)
{
	return s->replay ? pf_replay__stats(s->replay)->bad_lines : 0;
}

int pf_source__finish(struct pf_source *s, struct pf_error *err)
{
	uint64_t skipped = pf_source__skipped(s);

	if (skipped)
		pf_warn("%s: %" PRIu64 " of %" PRIu64 " lines skipped", s->common->replay_path,
			skipped, pf_replay__stats(s->replay)->lines);
	if (s->replay && !s->moments && !pf_stop_pending())
		return pf_fail(err, ENODATA, "%s: there is no sample in it",
			       s->common->replay_path);
	if (s->seen && !s->chosen)
		pf_warn("no process matches what --pid, --cgroup, --comm and --user ask for");
	if (!s->record)
		return 0;
	if (fclose(s->record)) {
		s->record = NULL;
		return pf_fail(err, errno, "cannot write %s: %s", s->common->record_path,
			       strerror(errno));
	}
	s->record = NULL;
	return 0;
}
