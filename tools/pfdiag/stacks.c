/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stacks: what pfstack will take here, tried with its own programs and its own
 * helper; and what it makes of a process, by having it look for a moment.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/base/caps.h"
#include "lib/base/child.h"
#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/installed.h"
#include "lib/base/isolate.h"
#include "lib/base/log.h"
#include "lib/observe/capture.h"
#include "lib/record/stack.h"
#include "lib/stack/symbolizer.h"
#include "tools/pfdiag/check.h"

#define LIMIT_S	   15.0
#define RING_BYTES (256 << 10)
#define HOT_RATE   500 /* pfstack's own default */
#define HZ	   49

/* ---- the tool ------------------------------------------------------------------ */

struct attempt {
	char backend[16]; /* "" = could not be opened */
	bool tells_class;
	bool unwinds; /* the helper has started, and unwound a chain of ours */
	char text[400];
	char kernel[480];
};

static void ignore_sample(void *ctx, const struct pf_capture_sample *s)
{
	(void)ctx;
	(void)s;
}

static void ignore_settled(void *ctx, const struct pf_capture_settled *s)
{
	(void)ctx;
	(void)s;
}

static void ignore_news(void *ctx, const struct pf_capture_news *n)
{
	(void)ctx;
	(void)n;
}

const struct pf_capture_ops pfdiag_ignore = { ignore_sample, ignore_settled, ignore_news, NULL };

static void start_unwinder(struct attempt *a)
{
	const struct pf_symbolizer_options options = {
		.proc_root = "/proc",
		.debug_root = "/usr/lib/debug",
	};
	struct pf_error err = { 0 };
	struct pf_symbolizer *s = pf_symbolizer__new(&options, &err);

	a->unwinds = s && !pfdiag_unwind(s, &err);
	if (!a->unwinds)
		snprintf(a->text, sizeof(a->text), "%s", err.text);
	pf_symbolizer__free(s);
}

static void attempt(void *ctx)
{
	const struct pf_capture_config config = {
		.uid = -1,
		.hz = HZ,
		.min_rate = HOT_RATE,
		.ring_bytes = RING_BYTES,
	};
	struct attempt *a = ctx;
	struct pf_error err = { 0 };
	struct pf_capture *c;

	pf_log_set_level(PF_LOG_DEBUG);
	c = pf_capture__open(&config, &pfdiag_ignore, &err);
	if (!c) {
		snprintf(a->text, sizeof(a->text), "%s", err.text);
		return;
	}
	a->tells_class = pf_capture__tells_class(c);
	snprintf(a->backend, sizeof(a->backend), "%s", pf_capture__backend(c));
	pf_capture__close(c);
	start_unwinder(a);
}

static void say_refused(struct pf_check *c, const struct attempt *a, const struct pf_isolated *end)
{
	char words[sizeof(a->text)];
	uint64_t missing;
	bool may = pfdiag_may_load(&missing);

	pfdiag_found(c, may ? PF_CHECK_FAIL : PF_CHECK_SKIP, "%s",
		     *a->text			? pfdiag_own_words(words, sizeof(words), a->text)
		     : end->late && *a->backend ? "pf-symbolize gives no answer"
		     : end->late		? "it did not end in time"
						: "it crashed");
	if (*a->kernel)
		pfdiag_add(c, "\nkernel: %s", a->kernel);
	pfdiag_why(c, "pfstack does not start: no stacks are to be had.");
	pfdiag_try(c,
		   may ? "pfdiag --only kernel,rights,ways" : "pfdiag --only cap-bpf,cap-perfmon");
}

static void say_works(struct pf_check *c, const struct attempt *a)
{
	char words[sizeof(a->text)];

	pf_check_value(c, a->tells_class, "tells_class");
	pfdiag_found(c, PF_CHECK_OK, "backend %s%s, unwinder dwarf (--unwind fp is there, too)",
		     a->backend, a->tells_class ? "" : ", without classes and sizes");
	if (!a->tells_class) {
		pf_check_judge(c, PF_CHECK_WARN);
		pfdiag_why(c, "What a fault brings is not told: each counts as a page.");
		pfdiag_try(c, "pfdiag --only kernel-version,tp-btf,btf,lockdown");
	}
	if (a->unwinds)
		return;
	pfdiag_found(c, PF_CHECK_FAIL, "backend %s, but no unwinder: %s", a->backend,
		     pfdiag_own_words(words, sizeof(words), a->text));
	pfdiag_why(c, "Stacks are not to be had: pfstack's helper reads the programs' files.");
	pfdiag_try(c, "pfdiag --only install,seccomp");
}

void pfdiag_pfstack(struct pfdiag *d, struct pf_check *c)
{
	struct attempt *a = pf_isolate_shared(sizeof(*a));
	const double limit_s = pfdiag_limit_s(d, LIMIT_S);
	struct pf_isolated end;

	if (!a) {
		pfdiag_found(c, PF_CHECK_SKIP, "out of memory");
		return;
	}
	pf_isolate(attempt, a, limit_s, &end);
	if (!*a->backend)
		pf_trial_kernel_words(end.log, a->kernel, sizeof(a->kernel));
	pf_check_value(c, *a->backend && a->unwinds, "works");
	if (*a->backend && !end.late && !end.signal)
		say_works(c, a);
	else if (end.late && limit_s < LIMIT_S)
		pfdiag_no_time(c);
	else
		say_refused(c, a, &end);
	pf_isolate_unshare(a, sizeof(*a));
}

/* ---- a process ------------------------------------------------------------------- */

#define LOOK_S	   3.0
#define OUTPUT_MAX (16 << 20)

struct seen {
	uint64_t samples;
	uint64_t whole;	   /* whose stack is not cut */
	uint64_t frames;   /* of user code, weighted by samples */
	uint64_t nameless; /* of them, those without a name */
};

static int take_stack(void *ctx, const struct pf_stack *stack)
{
	uint64_t n = stack->samples > 0 ? (uint64_t)stack->samples : 0;
	struct seen *seen = ctx;

	seen->samples += n;
	seen->whole += stack->truncated ? 0 : n;
	for (size_t i = 0; i < stack->n_frames; i++) {
		if (stack->frames[i].kernel)
			continue;
		seen->frames += n;
		seen->nameless += stack->frames[i].symbol ? 0 : n;
	}
	return 0;
}

static void skip_line(void *ctx, uint64_t line, const char *what)
{
	(void)ctx;
	(void)line;
	(void)what;
}

/* 0 or -errno; a line that is none is skipped. */
static int read_stacks(int fd, struct seen *seen)
{
	struct pf_stack_reader reader = { .stack = take_stack, .complain = skip_line, .ctx = seen };
	struct pf_error err = { 0 };
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return pf_stack_read(path, &reader, &err);
}

/* pfstack itself, as it is installed, for some seconds. False with words. */
static bool have_it_looked_at(const struct pfdiag *d, int out, char *why, size_t size)
{
	char path[PATH_MAX], pid[24], duration[16];
	const char *argv[] = { "pfstack",    "-p", pid,	   "-d", duration,
			       "--no-lines", "-o", "json", NULL };
	const struct pf_child_order order = {
		.path = path,
		.argv = argv,
		.out = out,
		.limit_s = pfdiag_limit_s(d, LOOK_S + LIMIT_S),
		.file_max = OUTPUT_MAX,
	};
	struct pf_error err = { 0 };
	struct pf_child *c = NULL;
	int ret = pf_installed_tool(path, sizeof(path), "pfstack");
	bool done;

	snprintf(pid, sizeof(pid), "%" PRId64, d->subject.pid);
	snprintf(duration, sizeof(duration), "%g", LOOK_S);
	if (ret)
		pf_fail(&err, -ret, "pfstack: %s", strerror(-ret));
	else
		c = pf_child__start(&order, &err);
	snprintf(why, size, "%s", err.text);
	if (!c)
		return false;
	done = pf_child__wait(c, order.limit_s + 1) && pf_child__succeeded(c);
	if (!done)
		snprintf(why, size, "%.*s", (int)strcspn(pf_child__output(c), "\n"),
			 pf_child__output(c));
	pf_child__free(c);
	return done;
}

static void judge(struct pf_check *c, const struct seen *s)
{
	double whole = 100.0 * (double)s->whole / (double)s->samples;
	double named = s->frames ? 100.0 - 100.0 * (double)s->nameless / (double)s->frames : 0;
	bool good = whole >= 90 && named >= 50;

	pf_check_value(c, (double)s->samples, "samples");
	pf_check_value(c, whole, "whole_percent");
	pf_check_value(c, named, "named_percent");
	pfdiag_found(c, good ? PF_CHECK_OK : PF_CHECK_WARN,
		     "%s: of %" PRIu64 " stacks %.0f%% reach their beginning, %.0f%% of the frames "
		     "have names",
		     good ? "yes" : "in part", s->samples, whole, named);
	if (good)
		return;
	pfdiag_why(c, "%s%s%s", whole < 90 ? "Cut stacks hide who called." : "",
		   whole < 90 && named < 50 ? " " : "",
		   named < 50 ? "Frames without names are addresses." : "");
	pfdiag_try(c, "pfdiag --only frame-pointers,unwind-tables,debug-info,perf-map -p %" PRId64,
		   c->pid);
}

void pfdiag_stacks(struct pfdiag *d, struct pf_check *c)
{
	char words[512], why[512];
	struct seen seen = { 0 };
	_cleanup_close_ int out = -1;
	int ret;

	if (d->subject.code || !d->subject.stat.has_mm) {
		pfdiag_found(c, PF_CHECK_SKIP, "it has no program that could be looked at");
		return;
	}
	out = memfd_create("stacks", MFD_CLOEXEC);
	if (out < 0) {
		pfdiag_found(c, PF_CHECK_SKIP, "cannot hold what pfstack says: %s",
			     strerror(errno));
		return;
	}
	if (!have_it_looked_at(d, out, why, sizeof(why))) {
		pfdiag_found(c, PF_CHECK_SKIP, "unknown: %s",
			     pfdiag_own_words(words, sizeof(words), why));
		pfdiag_try(c, "pfdiag --only pfstack,install,cap-sys-ptrace");
		if (pfdiag_time_is_over(d))
			pfdiag_no_time(c);
		return;
	}
	ret = read_stacks(out, &seen);
	if (ret)
		pfdiag_found(c, PF_CHECK_SKIP, "what pfstack says cannot be read: %s",
			     strerror(-ret));
	else if (seen.samples)
		judge(c, &seen);
	else
		pfdiag_found(c, PF_CHECK_SKIP, "it took no page fault in %g s", LOOK_S);
}
