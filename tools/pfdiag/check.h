/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checks. Each is a line of one table (checks.c): its name, its group, what
 * it is for, what it takes, and the function that answers it. A function fills
 * in a record and prints nothing; it may ask what others have tried already.
 */
#ifndef PF_TOOLS_PFDIAG_CHECK_H
#define PF_TOOLS_PFDIAG_CHECK_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/utsname.h>

#include "lib/base/isolate.h"
#include "lib/observe/capture.h"
#include "lib/observe/trial.h"
#include "lib/proc/kconfig.h"
#include "lib/proc/osrelease.h"
#include "lib/record/check.h"
#include "lib/record/sample.h"
#include "tools/pfdiag/opts.h"
#include "tools/pfdiag/subject.h"

#define PFDIAG_TOP 5

/* What the checks of a run share. */
struct pfdiag {
	const struct pfdiag_opts *opts;
	bool live; /* this machine, not files of another */
	char proc[PATH_MAX];
	char sys[PATH_MAX];
	char boot[PATH_MAX];
	char modules[PATH_MAX];
	char release[sizeof(((struct utsname *)0)->release)];
	char machine[sizeof(((struct utsname *)0)->machine)];
	struct pf_os os;
	struct pf_kconfig *kconfig; /* read by pfdiag_kconfig */
	int kconfig_code;
	struct pf_trial *tried[PF_CHECKS_N]; /* by the check that tries it; NULL = not yet */
	uint64_t until_ns;		     /* boot time; what begins later is not tried */
	struct pfdiag_subject subject;	     /* the process that is looked at */
	struct pfdiag_watch *watch; /* of the check "top", which goes on beside the others */
	struct pf_isolating watching;
	struct pf_sample top[PFDIAG_TOP]; /* the check "top" found them; strings are NULL */
	size_t n_top;
};

/* 0 or -errno. */
int pfdiag_begin(struct pfdiag *d, const struct pfdiag_opts *opts);
void pfdiag_end(struct pfdiag *d);

/* Read when it is first asked for. NULL: kconfig_code says why. */
const struct pf_kconfig *pfdiag_kconfig(struct pfdiag *d);

enum {
	PFDIAG_FILES = 1 << 0,	 /* reads files only: goes with --root */
	PFDIAG_SLOW = 1 << 1,	 /* takes time: not with --quick */
	PFDIAG_PROCESS = 1 << 2, /* about a process: once for each --pid */
	PFDIAG_TIME = 1 << 3,	 /* tries something: not when the time is over */
};

struct pfdiag_check {
	enum pf_check_id id;
	const char *group;
	unsigned int flags;
	const char *purpose; /* one sentence */
	void (*answer)(struct pfdiag *d, struct pf_check *c);
	void (*begin)(struct pfdiag *d); /* before others are asked; NULL = nothing to begin */
};

/* In the order of their ids. */
extern const struct pfdiag_check pfdiag_checks[PF_CHECKS_N];

/* ---- answering ------------------------------------------------------------- */

/* Each replaces what was there; the status is that of the last pfdiag_found. */
void pfdiag_found(struct pf_check *c, enum pf_check_status status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void pfdiag_why(struct pf_check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void pfdiag_try(struct pf_check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Append to what was found. */
void pfdiag_add(struct pf_check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Is there anything below it? What is not mounted says nothing of the kernel. */
bool pfdiag_has_proc(const struct pfdiag *d);
bool pfdiag_has_sys(const struct pfdiag *d);

/* Who loads programs must have these; false = something is missing, and *missing has it. */
bool pfdiag_may_load(uint64_t *missing);

/* The limit, or what is left of the time where that is less; 0 = none. */
double pfdiag_limit_s(const struct pfdiag *d, double limit_s);
bool pfdiag_time_is_over(const struct pfdiag *d);
/* The answer of a check that was not made, or not to its end. */
void pfdiag_no_time(struct pf_check *c);

/* Try it, or recall what came of it. Never NULL. */
const struct pf_trial *pfdiag_way(struct pfdiag *d, enum pf_check_id id);
/* Whether it works is not known: its time was over before. */
bool pfdiag_way_unknown(const struct pf_trial *t);
/* It does, and is what was asked for. */
bool pfdiag_way_works(struct pfdiag *d, enum pf_check_id id);

/* What counts faults, for those who hold one against the other; the last adds nothing to a fault. */
#define PFDIAG_BACKENDS 7
struct pfdiag_backend {
	enum pf_check_id way;
	const char *name;
};
extern const struct pfdiag_backend pfdiag_backends[PFDIAG_BACKENDS];

/* "anon and file classes", ... of enum pf_tells. */
const char *pfdiag_tells_words(unsigned int tells, char *dst, size_t size);

/* What a tool would say, without where it sends its reader. Returns dst. */
char *pfdiag_own_words(char *dst, size_t size, const char *text);

/* How that check's way is forced; false where it is no way. */
bool pfdiag_way_config(const struct pfdiag *d, enum pf_check_id id,
		       struct pf_observe_config *config);

/* unwinder.c: does it unwind a chain of ours? 0, or -errno with *err filled. */
struct pf_symbolizer;
struct pf_error;
int pfdiag_unwind(struct pf_symbolizer *s, struct pf_error *err);

/* For captures whose samples nobody wants. */
extern const struct pf_capture_ops pfdiag_ignore;

/* ---- the answers, by file ----------------------------------------------------- */

/* kernel.c */
void pfdiag_kernel(struct pfdiag *d, struct pf_check *c);
void pfdiag_arch(struct pfdiag *d, struct pf_check *c);
void pfdiag_config(struct pfdiag *d, struct pf_check *c);
void pfdiag_bpf(struct pfdiag *d, struct pf_check *c);
void pfdiag_jit(struct pfdiag *d, struct pf_check *c);
void pfdiag_btf(struct pfdiag *d, struct pf_check *c);
void pfdiag_lockdown(struct pfdiag *d, struct pf_check *c);
/* machine.c */
void pfdiag_tracefs(struct pfdiag *d, struct pf_check *c);
void pfdiag_tracepoints(struct pfdiag *d, struct pf_check *c);
void pfdiag_cgroup(struct pfdiag *d, struct pf_check *c);
void pfdiag_psi(struct pfdiag *d, struct pf_check *c);
void pfdiag_thp(struct pfdiag *d, struct pf_check *c);
void pfdiag_proc(struct pfdiag *d, struct pf_check *c);
void pfdiag_install(struct pfdiag *d, struct pf_check *c);
void pfdiag_tracers(struct pfdiag *d, struct pf_check *c);
void pfdiag_system(struct pfdiag *d, struct pf_check *c);
/* rights.c */
void pfdiag_capability(struct pfdiag *d, struct pf_check *c);
void pfdiag_unprivileged_bpf(struct pfdiag *d, struct pf_check *c);
void pfdiag_perf_paranoid(struct pfdiag *d, struct pf_check *c);
void pfdiag_kptr_restrict(struct pfdiag *d, struct pf_check *c);
void pfdiag_memlock(struct pfdiag *d, struct pf_check *c);
void pfdiag_open_files(struct pfdiag *d, struct pf_check *c);
void pfdiag_seccomp(struct pfdiag *d, struct pf_check *c);
void pfdiag_namespaces(struct pfdiag *d, struct pf_check *c);
/* ways.c */
void pfdiag_backend(struct pfdiag *d, struct pf_check *c);
void pfdiag_source(struct pfdiag *d, struct pf_check *c);
void pfdiag_fallback(struct pfdiag *d, struct pf_check *c);
void pfdiag_kprobe(struct pfdiag *d, struct pf_check *c);
/* uprobe.c */
void pfdiag_uprobe(struct pfdiag *d, struct pf_check *c);
/* choice.c */
void pfdiag_choice(struct pfdiag *d, struct pf_check *c);
/* stacks.c */
void pfdiag_pfstack(struct pfdiag *d, struct pf_check *c);
void pfdiag_stacks(struct pfdiag *d, struct pf_check *c);
/* exact.c cost.c loss.c top.c */
void pfdiag_exact(struct pfdiag *d, struct pf_check *c);
void pfdiag_cost(struct pfdiag *d, struct pf_check *c);
void pfdiag_loss(struct pfdiag *d, struct pf_check *c);
void pfdiag_top_begin(struct pfdiag *d);
void pfdiag_top_end(struct pfdiag *d);
void pfdiag_top(struct pfdiag *d, struct pf_check *c);
/* process.c, code.c */
void pfdiag_process(struct pfdiag *d, struct pf_check *c);
void pfdiag_container(struct pfdiag *d, struct pf_check *c);
void pfdiag_limits(struct pfdiag *d, struct pf_check *c);
void pfdiag_smaps(struct pfdiag *d, struct pf_check *c);
void pfdiag_allocator(struct pfdiag *d, struct pf_check *c);
void pfdiag_frame_pointers(struct pfdiag *d, struct pf_check *c);
void pfdiag_unwind_tables(struct pfdiag *d, struct pf_check *c);
void pfdiag_debug_info(struct pfdiag *d, struct pf_check *c);
void pfdiag_perf_map(struct pfdiag *d, struct pf_check *c);

#endif
