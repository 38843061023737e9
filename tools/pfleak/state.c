/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state file: locked for as long as the run lasts, replaced in one step,
 * set aside when it cannot be gone on from. Never overwrites what it could not
 * read, and never takes the processes of another boot for those of this one.
 */
#include "tools/pfleak/state.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strbuf.h"
#include "lib/base/units.h"

#define SAVE_S 600.0
/* The clock may be corrected by so much without a word. */
#define CLOCK_SLACK_S 2.0

#define DAMAGED ".damaged"

struct pfleak_state {
	const char *path;
	int lock;
	struct pf_strbuf bytes;	   /* as read; empty = nothing to go on from */
	struct pf_state_head head; /* of them, then of the last moment */
	char scope[sizeof(((struct pf_state_head *)NULL)->scope)];
	enum pf_state_clock clock;
	bool loaded;	/* leak has it: there is something to save */
	double saved_s; /* by the moments' clock */
};

/* ---- whose it is ----------------------------------------------------------- */

/* Which processes this run asks for. 0, or -EINVAL with *err filled. */
static int scope_of(const struct pf_common *c, char *scope, size_t size, struct pf_error *err)
{
	struct pf_strbuf b = PF_STRBUF_INIT;
	size_t len;

	for (size_t i = 0; i < c->n_pids; i++)
		pf_strbuf_addf(&b, "%s%" PRId64, i ? "," : "-p ", c->pids[i]);
	if (c->cgroup)
		pf_strbuf_addf(&b, "%s-c %s", b.len ? " " : "", c->cgroup);
	if (c->comm)
		pf_strbuf_addf(&b, "%s-C %s", b.len ? " " : "", c->comm);
	if (c->uid >= 0)
		pf_strbuf_addf(&b, "%s-u %" PRId64, b.len ? " " : "", c->uid);
	snprintf(scope, size, "%s", b.data ? b.data : "");
	len = b.len;
	pf_strbuf_free(&b);
	if (len < size)
		return 0;
	return pf_fail(err, EINVAL, "--state: what chooses the processes is too long; name fewer");
}

/* Where pids mean the same: this boot, as this pid namespace sees it. */
static void boot_of(const struct pfleak_state *st, const struct pf_header *header, char *boot,
		    size_t size)
{
	struct stat ns;

	if (st->clock == PF_STATE_REPLAY || stat("/proc/self/ns/pid", &ns))
		snprintf(boot, size, "%s", header->boot_id);
	else
		snprintf(boot, size, "%s %llu", header->boot_id, (unsigned long long)ns.st_ino);
}

/* ---- opening --------------------------------------------------------------- */

static int set_aside(struct pfleak_state *st, const char *why, struct pf_error *err)
{
	pf_strbuf_free(&st->bytes);
	if (pf_file_set_aside(st->path, DAMAGED, err))
		return -err->code;
	pf_warn("%s: %s; set aside as %s" DAMAGED ", histories begin anew", st->path, why,
		st->path);
	return 0;
}

/* Whole, but is it for what we are about to do? */
static int check_use(const struct pfleak_state *st, struct pf_error *err)
{
	if (st->head.clock != st->clock)
		return pf_fail(err, EINVAL, "%s was saved by a run %s --replay: name another file",
			       st->path, st->clock == PF_STATE_LIVE ? "with" : "without");
	if (strcmp(st->head.scope, st->scope) != 0)
		return pf_fail(err, EINVAL,
			       "%s is the state of other processes (%s, not %s): name a file for "
			       "each choice of processes",
			       st->path, st->head.scope[0] ? st->head.scope : "all",
			       st->scope[0] ? st->scope : "all");
	return 0;
}

static int check(struct pfleak_state *st, struct pf_error *err)
{
	const char *why;

	switch (pf_state_check(st->bytes.data, st->bytes.len, &st->head, &why)) {
	case PF_STATE_FINE:
		return check_use(st, err);
	case PF_STATE_FOREIGN:
		return pf_fail(err, EINVAL, "%s: %s; name another file, or move this one away",
			       st->path, why);
	default:
		return set_aside(st, why, err);
	}
}

static int read_file(struct pfleak_state *st, struct pf_error *err)
{
	int ret = pf_file_read(st->path, PF_STATE_BYTES_MAX, &st->bytes, err);

	if (ret == -ENOENT)
		return 0;
	if (ret == -EFBIG) {
		*err = (struct pf_error){ 0 };
		return set_aside(st, "it is too large to be one of ours", err);
	}
	return ret ? ret : check(st, err);
}

struct pfleak_state *pfleak_state__open(const struct pfleak_opts *opts, struct pf_error *err)
{
	struct pfleak_state *st = calloc(1, sizeof(*st));

	if (!st) {
		pf_fail(err, ENOMEM, "out of memory");
		return NULL;
	}
	st->path = opts->state_path;
	st->clock = opts->common.replay_path ? PF_STATE_REPLAY : PF_STATE_LIVE;
	st->lock = scope_of(&opts->common, st->scope, sizeof(st->scope), err);
	if (!st->lock)
		st->lock = pf_file_lock(st->path, err);
	if (st->lock >= 0 && !read_file(st, err))
		return st;
	pfleak_state__free(st);
	return NULL;
}

void pfleak_state__free(struct pfleak_state *st)
{
	if (!st)
		return;
	pf_strbuf_free(&st->bytes);
	if (st->lock >= 0)
		close(st->lock);
	free(st);
}

/* ---- loading --------------------------------------------------------------- */

/*
 * Times are by a clock that nobody sets; but recordings go by the wall clock, and a time namespace
 * may have its own. Where time went back, the last moment of then is the one before this.
 */
static double shift_of(const struct pfleak_state *st, const struct pf_moment *m, bool past)
{
	double last_s = m->mono_s - (m->interval_s > 0 ? m->interval_s : 0);

	return past || st->head.mono_s > m->mono_s ? last_s - st->head.mono_s : 0;
}

static void say_clock(const struct pfleak_state *st, const struct pf_moment *m)
{
	double back_s = st->head.ts - m->ts;
	char text[16];

	if (back_s > CLOCK_SLACK_S)
		pf_warn("%s: the clock was set back by %s since it was saved; histories and ages "
			"go on from where they were",
			st->path, pf_fmt_duration(text, sizeof(text), back_s));
}

static void say_found(const struct pfleak_state *st, const struct pf_moment *m, bool past)
{
	char ago[16];

	pf_fmt_duration(ago, sizeof(ago), fmax(0, m->ts - st->head.ts));
	if (past)
		pf_warn("%s: from another boot, %s ago; its %" PRIu32
			" processes are not there any more, histories begin anew",
			st->path, ago, st->head.processes);
	else
		pf_info("%s: %" PRIu32 " processes, saved %s ago", st->path, st->head.processes,
			ago);
}

static void fill_then(const struct pfleak_state *st, const struct pf_header *header,
		      struct pf_header *then)
{
	*then = *header;
	snprintf(then->boot_id, sizeof(then->boot_id), "%.*s", (int)strcspn(st->head.boot, " "),
		 st->head.boot);
}

/* Without an id of the boot, pids of now cannot be told from those of another one. */
static bool same_boot(const struct pfleak_state *st, const struct pf_header *header,
		      const char *boot)
{
	return !strcmp(boot, st->head.boot) && (header->boot_id[0] || st->clock == PF_STATE_REPLAY);
}

static int take(struct pfleak_state *st, double shift_s, struct pf_leak *leak, struct pf_tell *tell)
{
	struct pf_error err = { 0 };
	int ret = pf_state_read(st->bytes.data, st->bytes.len, shift_s, leak, tell);

	if (ret != -EBADMSG)
		return ret;
	if (set_aside(st, "its contents make no sense", &err))
		pf_warn("%s", err.text);
	return 0;
}

int pfleak_state__load(struct pfleak_state *st, const struct pf_header *header,
		       const struct pf_moment *m, struct pf_leak *leak, struct pf_tell *tell,
		       struct pfleak_state_found *found)
{
	char boot[sizeof(st->head.boot)];
	int ret = 0;

	boot_of(st, header, boot, sizeof(boot));
	found->any = st->bytes.len > 0;
	found->past = found->any && !same_boot(st, header, boot);
	if (found->any) {
		say_found(st, m, found->past);
		say_clock(st, m);
		fill_then(st, header, &found->then);
		ret = take(st, shift_of(st, m, found->past), leak, tell);
	}
	pf_strbuf_free(&st->bytes);
	st->loaded = !ret;
	st->saved_s = m->mono_s;
	st->head = (struct pf_state_head){ .clock = st->clock };
	memcpy(st->head.boot, boot, sizeof(boot));
	memcpy(st->head.scope, st->scope, sizeof(st->scope));
	return ret;
}

/* ---- saving ---------------------------------------------------------------- */

bool pfleak_state__save(struct pfleak_state *st, struct pf_leak *leak, struct pf_tell *tell)
{
	struct pf_strbuf bytes = PF_STRBUF_INIT;
	struct pf_error err = { 0 };

	if (!st->loaded)
		return true;
	st->saved_s = st->head.mono_s;
	if (pf_state_write(&bytes, &st->head, leak, tell))
		pf_fail(&err, ENOMEM, "cannot save %s: out of memory", st->path);
	else
		pf_file_replace_locked(st->path, bytes.data, bytes.len, 0600, &err);
	pf_strbuf_free(&bytes);
	if (!err.code)
		return true;
	pf_err("%s; it stays as it was", err.text);
	return false;
}

void pfleak_state__moment(struct pfleak_state *st, const struct pf_moment *m, struct pf_leak *leak,
			  struct pf_tell *tell)
{
	st->head.ts = m->ts;
	st->head.mono_s = m->mono_s;
	if (m->mono_s - st->saved_s >= SAVE_S)
		pfleak_state__save(st, leak, tell);
}
