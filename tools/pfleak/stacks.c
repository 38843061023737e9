/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs of pfstack. The file is opened here, new and ours, and handed over as
 * standard output: no name reaches pfstack, and it opens nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/child.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/installed.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/record/sample.h"
#include "tools/pfleak/stacks.h"

#define TOOL	    "pfstack"
#define AT_ONCE	    2
#define AN_HOUR	    12
#define HOUR_NS	    UINT64_C(3600000000000)
#define LOOK	    "30" /* seconds that pfstack looks on at page faults */
#define LOOK_ALLOCS "10" /* ... and at an allocator, which costs the process more */
#define LIMIT_S	    90.0 /* ... and may take, with what it does then */
#define FILE_MAX    (16u << 20)
#define REASON_MAX  160
#define SITE_MAX    1024

enum run_state { FREE, WAITING, RUNNING };

struct run {
	enum run_state state;
	bool kept;   /* it is done, and its file is there */
	bool allocs; /* the mode that is tried */
	struct pf_child *child;
	int64_t pid;
	double start_ts;
	char comm[PF_COMM_LEN];
	int fd;			  /* of the result, to read it again */
	char instead[REASON_MAX]; /* why it is not mode allocs any more */
	char site[SITE_MAX];	  /* "" = none was found */
	char path[PATH_MAX];
	const char *name; /* the last part of path */
};

struct pfleak_stacks {
	struct pfleak_stacks_hooks hooks;
	char tool[PATH_MAX]; /* "" = not installed */
	char directory_name[PATH_MAX];
	unsigned int depth; /* frames of a stack */
	int directory;
	struct run run[AN_HOUR]; /* in the order in which they came, from stats.taken on */
	uint64_t came_ns[AN_HOUR];
	struct pfleak_stacks_stats stats;
};

static int check_directory(int fd, const char *name, struct pf_error *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return pf_fail(err, errno, "--stacks: cannot look at '%s': %s", name,
			       strerror(errno));
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return pf_fail(err, EPERM,
			       "--stacks: will not write to '%s': it belongs to another user "
			       "(uid %u)",
			       name, (unsigned int)st.st_uid);
	if ((st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX))
		return pf_fail(err, EPERM,
			       "--stacks: will not write to '%s': everyone may rename files in it",
			       name);
	return 0;
}

struct pfleak_stacks *pfleak_stacks__new(const char *directory, unsigned int depth,
					 const struct pfleak_stacks_hooks *hooks,
					 struct pf_error *err)
{
	struct pfleak_stacks *s = calloc(1, sizeof(*s));

	if (!s) {
		pf_fail(err, ENOMEM, "out of memory");
		return NULL;
	}
	s->hooks = *hooks;
	s->depth = depth;
	snprintf(s->directory_name, sizeof(s->directory_name), "%s", directory);
	s->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->directory < 0)
		pf_fail(err, errno, "--stacks: cannot open '%s': %s", directory, strerror(errno));
	if (s->directory < 0 || check_directory(s->directory, directory, err)) {
		pfleak_stacks__free(s);
		return NULL;
	}
	if (pf_installed_tool(s->tool, sizeof(s->tool), TOOL)) {
		pf_warn("--stacks: %s is not installed beside pfleak: alerts come without stacks "
			"(see pfdiag --only install)",
			TOOL);
		s->tool[0] = '\0';
	}
	return s;
}

/* ---- beginning ------------------------------------------------------------ */

static size_t running(const struct pfleak_stacks *s)
{
	size_t n = 0;

	for (size_t i = 0; i < AN_HOUR; i++)
		n += s->run[i].state == RUNNING;
	return n;
}

/* Digits only: no name of anybody's becomes a file's. */
static int name_result(const struct pfleak_stacks *s, struct run *r, const struct pf_verdict *v)
{
	char name[64];
	int len;

	snprintf(name, sizeof(name), TOOL "-%" PRId64 "-%.0f-%.0f.jsonl", v->pid, v->start_ts,
		 v->ts);
	len = snprintf(r->path, sizeof(r->path), "%s/%s", s->directory_name, name);
	if (len < 0 || (size_t)len >= sizeof(r->path))
		return -ENAMETOOLONG;
	r->name = r->path + len - strlen(name);
	return 0;
}

static int open_result(const struct pfleak_stacks *s, struct run *r)
{
	r->fd = openat(s->directory, r->name,
		       O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return r->fd < 0 ? -errno : 0;
}

static const char *mode_of(const struct run *r)
{
	return r->allocs ? "allocs" : "growth";
}

static struct pf_child *start(const struct pfleak_stacks *s, const struct run *r,
			      struct pf_error *err)
{
	char pid[24], depth[24];
	const char *argv[] = {
		TOOL, "--mode", mode_of(r), "-p",  pid, "-d", r->allocs ? LOOK_ALLOCS : LOOK,
		"-o", "json",	"--depth",  depth, NULL
	};
	const struct pf_child_order order = { .path = s->tool,
					      .argv = argv,
					      .out = r->fd,
					      .limit_s = LIMIT_S,
					      .file_max = FILE_MAX };

	snprintf(pid, sizeof(pid), "%" PRId64, r->pid);
	snprintf(depth, sizeof(depth), "%u", s->depth);
	return pf_child__start(&order, err);
}

static void drop_result(const struct pfleak_stacks *s, const struct run *r)
{
	unlinkat(s->directory, r->name, 0);
	close(r->fd);
}

/* 0, or -errno with *err filled. */
static int begin(struct pfleak_stacks *s, struct run *r, struct pf_error *err)
{
	int ret = open_result(s, r);

	if (ret)
		return pf_fail(err, -ret, "cannot create '%s': %s", r->path, strerror(-ret));
	r->child = start(s, r, err);
	if (!r->child) {
		drop_result(s, r);
		return -err->code;
	}
	r->state = RUNNING;
	return 0;
}

/* An alert of the model and those of rules may fire for one process. */
static const struct run *on_its_way(const struct pfleak_stacks *s, const struct pf_verdict *v)
{
	for (size_t i = 0; i < AN_HOUR; i++) {
		const struct run *r = &s->run[i];

		if (r->state != FREE && r->pid == v->pid && r->start_ts == v->start_ts)
			return r;
	}
	return NULL;
}

static const struct run *latest(const struct pfleak_stacks *s, const struct pf_verdict *v)
{
	for (size_t i = 0; i < AN_HOUR; i++) {
		const struct run *r = &s->run[i];

		if ((r->state != FREE || r->kept) && r->pid == v->pid && r->start_ts == v->start_ts)
			return r;
	}
	return NULL;
}

const char *pfleak_stacks__file(const struct pfleak_stacks *s, const struct pf_verdict *v)
{
	const struct run *r = latest(s, v);

	return r ? r->path : NULL;
}

const char *pfleak_stacks__site(const struct pfleak_stacks *s, const struct pf_verdict *v)
{
	const struct run *r = latest(s, v);

	return r && r->kept && *r->site ? r->site : NULL;
}

const char *pfleak_stacks__start(struct pfleak_stacks *s, const struct pf_verdict *v,
				 bool has_malloc)
{
	const struct run *same = on_its_way(s, v);
	size_t next = s->stats.taken % AN_HOUR;
	uint64_t now = pf_boottime_ns();
	struct run *r = &s->run[next];

	if (!s->tool[0])
		return NULL;
	if (same)
		return same->path;
	if (r->state != FREE || (s->came_ns[next] && now - s->came_ns[next] < HOUR_NS)) {
		s->stats.refused++;
		pf_info("--stacks: none of pid %" PRId64 ": there were %d in an hour", v->pid,
			AN_HOUR);
		return NULL;
	}
	*r = (struct run){ .state = WAITING,
			   .pid = v->pid,
			   .start_ts = v->start_ts,
			   .fd = -1,
			   .allocs = has_malloc };
	snprintf(r->comm, sizeof(r->comm), "%s", v->comm);
	if (name_result(s, r, v)) {
		r->state = FREE;
		return NULL;
	}
	s->came_ns[next] = now;
	s->stats.taken++;
	return r->path;
}

/* ---- ending --------------------------------------------------------------- */

/* By the descriptor: the name may be somebody else's by now. */
static int read_result(const struct run *r, struct pf_heaviest *heaviest, struct pf_error *err)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", r->fd);
	return pf_heaviest_read(path, heaviest, err);
}

/* Why it failed: what became of it, and the first line of what it said. */
static void failure(const struct run *r, char *dst, size_t size)
{
	const char *said = pf_child__output(r->child);
	size_t len;

	pf_child__words(r->child, dst, size);
	len = strlen(dst);
	if (*said && len + 3 < size)
		snprintf(dst + len, size - len, ": %.*s", (int)strcspn(said, "\n"), said);
}

static void tell(struct pfleak_stacks *s, const struct run *r, const struct pf_heaviest *heaviest,
		 const char *failed)
{
	const struct pfleak_stacks_result result = {
		.ts = pf_realtime_s(),
		.pid = r->pid,
		.start_ts = r->start_ts,
		.comm = r->comm,
		.file = failed ? NULL : r->path,
		.failed = failed,
		.mode = mode_of(r),
		.instead = *r->instead ? r->instead : NULL,
		.heaviest = failed ? NULL : heaviest,
	};

	s->hooks.done(s->hooks.ctx, &result);
}

/* It is over; of what failed, no file is left. */
static void end(struct pfleak_stacks *s, struct run *r, bool failed)
{
	if (r->state == RUNNING) {
		pf_child__free(r->child);
		if (failed)
			drop_result(s, r);
		else
			close(r->fd);
	}
	r->kept = r->state == RUNNING && !failed;
	r->state = FREE;
	s->stats.failed += failed;
}

static void put_site(struct run *r, const struct pf_site *site)
{
	char file[SITE_MAX / 2];

	if (!*site->file)
		snprintf(r->site, sizeof(r->site), "%.400s", site->function);
	else
		snprintf(r->site, sizeof(r->site), "%.400s (%s:%" PRId64 ")", site->function,
			 pf_text_printable(file, sizeof(file), pf_label_base(site->file)),
			 site->line);
}

/* Page faults tell less, but of every program. The file is the same, from its beginning. */
static bool try_growth(struct pfleak_stacks *s, struct run *r, const char *why)
{
	struct pf_error err = { 0 };

	if (!r->allocs || ftruncate(r->fd, 0))
		return false;
	pf_child__free(r->child);
	r->child = NULL;
	r->allocs = false;
	snprintf(r->instead, sizeof(r->instead), "%s", why);
	r->child = start(s, r, &err);
	return r->child;
}

static void finish(struct pfleak_stacks *s, struct run *r, bool again)
{
	struct pf_heaviest heaviest = { 0 };
	char failed[REASON_MAX] = "";
	struct pf_error err = { 0 };

	if (!pf_child__succeeded(r->child))
		failure(r, failed, sizeof(failed));
	else if (read_result(r, &heaviest, &err))
		snprintf(failed, sizeof(failed), "cannot read what it wrote: %.100s", err.text);
	else if (!heaviest.stacks)
		snprintf(failed, sizeof(failed), "it wrote no stack");
	if (*failed && again && try_growth(s, r, failed)) {
		pf_heaviest_free(&heaviest);
		return;
	}
	put_site(r, &heaviest.site);
	tell(s, r, &heaviest, *failed ? failed : NULL);
	pf_heaviest_free(&heaviest);
	end(s, r, *failed);
}

static void begin_next(struct pfleak_stacks *s, struct run *r)
{
	struct pf_error err = { 0 };

	if (!begin(s, r, &err))
		return;
	tell(s, r, NULL, err.text);
	end(s, r, true);
}

void pfleak_stacks__moment(struct pfleak_stacks *s)
{
	for (size_t i = 0; i < AN_HOUR; i++) {
		if (s->run[i].state == RUNNING && pf_child__poll(s->run[i].child))
			finish(s, &s->run[i], true);
	}
	/* The oldest first. */
	for (size_t i = 0; i < AN_HOUR && running(s) < AT_ONCE; i++) {
		struct run *r = &s->run[(s->stats.taken + i) % AN_HOUR];

		if (r->state == WAITING)
			begin_next(s, r);
	}
}

void pfleak_stacks__stats(const struct pfleak_stacks *s, struct pfleak_stacks_stats *stats)
{
	*stats = s->stats;
}

void pfleak_stacks__finish(struct pfleak_stacks *s)
{
	for (size_t i = 0; i < AN_HOUR; i++) {
		if (s->run[i].state == RUNNING && pf_child__poll(s->run[i].child))
			finish(s, &s->run[i], false);
		if (s->run[i].state == FREE)
			continue;
		tell(s, &s->run[i], NULL, "pfleak ended before it did");
		end(s, &s->run[i], true);
	}
}

void pfleak_stacks__free(struct pfleak_stacks *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < AN_HOUR; i++)
		end(s, &s->run[i], true);
	if (s->directory >= 0)
		close(s->directory);
	free(s);
}
