/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ways in which the tools can observe, each tried with the tools' own
 * programs. What is not to be had matters only where the tools would be better
 * off with it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/caps.h"
#include "lib/base/cleanup.h"
#include "lib/observe/pace.h"
#include "lib/observe/probe.h"
#include "lib/observe/rss.h"
#include "tools/pfdiag/check.h"

#define LIMIT_S	      10.0
#define MAX_PROCESSES 8192
#define ALL_TOLD      (PF_TELLS_MODE | PF_TELLS_ACCESS | PF_TELLS_CLASS | PF_TELLS_COW)

static const struct way {
	enum pf_check_id id;
	enum pf_backend backend;
	struct pf_observe_force force;
	bool exits;
} ways[] = {
	{ PF_CHECK_ITER, PF_BACKEND_COUNTERS, { .snapshot = PF_SNAPSHOT_ITER }, false },
	{ PF_CHECK_TP_BTF, PF_BACKEND_TP_BTF, { .object = PF_OBJECT_CORE }, false },
	{ PF_CHECK_FENTRY, PF_BACKEND_FEXIT, { .object = PF_OBJECT_CORE }, false },
	{ PF_CHECK_TRACEPOINT, PF_BACKEND_TRACEPOINT, { .object = PF_OBJECT_CORE }, false },
	{ PF_CHECK_PERF_EVENT, PF_BACKEND_PERF, { .object = PF_OBJECT_CORE }, false },
	{ PF_CHECK_TASK_STORAGE, PF_BACKEND_AUTO, { .storage = PF_STORAGE_TASK }, false },
	{ PF_CHECK_RING_BUFFER,
	  PF_BACKEND_COUNTERS,
	  { .snapshot = PF_SNAPSHOT_ITER, .buffer = PF_BUFFER_RING },
	  true },
	{ PF_CHECK_COUNTERS, PF_BACKEND_COUNTERS, { 0 }, true },
	{ PF_CHECK_PROC_PASS, PF_BACKEND_COUNTERS, { .snapshot = PF_SNAPSHOT_PROC }, false },
	{ PF_CHECK_HASH, PF_BACKEND_AUTO, { .storage = PF_STORAGE_HASH }, false },
	{ PF_CHECK_PERF_BUFFER,
	  PF_BACKEND_COUNTERS,
	  { .snapshot = PF_SNAPSHOT_ITER, .buffer = PF_BUFFER_PERF },
	  true },
	{ PF_CHECK_PLAIN, PF_BACKEND_AUTO, { .object = PF_OBJECT_PLAIN }, false },
	{ PF_CHECK_RSS,
	  PF_BACKEND_COUNTERS,
	  { .snapshot = PF_SNAPSHOT_ITER, .rss = PF_RSS_PERCPU },
	  false },
	{ PF_CHECK_PFSTAT, PF_BACKEND_AUTO, { 0 }, true },
	{ PF_CHECK_PFLEAK, PF_BACKEND_COUNTERS, { 0 }, true },
};

const struct pfdiag_backend pfdiag_backends[PFDIAG_BACKENDS] = {
	{ PF_CHECK_TP_BTF, "tp_btf" },
	{ PF_CHECK_FENTRY, "fexit" },
	{ PF_CHECK_TRACEPOINT, "tracepoint" },
	{ PF_CHECK_PERF_EVENT, "perf" },
	{ PF_CHECK_HASH, "hash" },
	{ PF_CHECK_PLAIN, "plain" },
	{ PF_CHECK_COUNTERS, "counters" },
};

static const struct way *way_of(enum pf_check_id id)
{
	for (size_t i = 0; i < PF_ARRAY_SIZE(ways); i++) {
		if (ways[i].id == id)
			return &ways[i];
	}
	return NULL;
}

/* The tools' own choice heeds the environment, as they do. */
static void fill(const struct pfdiag *d, const struct way *way, struct pf_observe_config *config)
{
	bool own = way->id == PF_CHECK_PFSTAT || way->id == PF_CHECK_PFLEAK;

	*config = (struct pf_observe_config){
		.backend = way->backend,
		.force = own ? d->opts->common.force : way->force,
		.sample_every = 1,
		.exits = way->exits,
		.uid = -1,
		.max_processes = MAX_PROCESSES,
		.proc_root = d->proc,
	};
}

bool pfdiag_way_config(const struct pfdiag *d, enum pf_check_id id,
		       struct pf_observe_config *config)
{
	const struct way *way = way_of(id);

	if (way)
		fill(d, way, config);
	return way != NULL;
}

/* What a tool chose by itself has been tried with that: the same programs, the same settings. */
static const struct {
	enum pf_check_id id;
	enum pf_check_id tool;
	size_t where; /* the member of the trial that names the choice */
	const char *name;
} chosen[] = {
	{ PF_CHECK_TP_BTF, PF_CHECK_PFSTAT, offsetof(struct pf_trial, backend), "tp_btf" },
	{ PF_CHECK_FENTRY, PF_CHECK_PFSTAT, offsetof(struct pf_trial, backend), "fexit" },
	{ PF_CHECK_TASK_STORAGE, PF_CHECK_PFSTAT, offsetof(struct pf_trial, storage), "task" },
	{ PF_CHECK_ITER, PF_CHECK_PFLEAK, offsetof(struct pf_trial, snapshot), "iter" },
	{ PF_CHECK_RING_BUFFER, PF_CHECK_PFLEAK, offsetof(struct pf_trial, buffer), "ring" },
	{ PF_CHECK_COUNTERS, PF_CHECK_PFLEAK, offsetof(struct pf_trial, snapshot), "iter" },
};

static const struct pf_trial *by_a_tool(struct pfdiag *d, enum pf_check_id id)
{
	for (size_t i = 0; i < PF_ARRAY_SIZE(chosen); i++) {
		const struct pf_trial *t;

		if (chosen[i].id != id)
			continue;
		t = pfdiag_way(d, chosen[i].tool);
		if (t->works && !strcmp((const char *)t + chosen[i].where, chosen[i].name))
			return t;
	}
	return NULL;
}

const struct pf_trial *pfdiag_way(struct pfdiag *d, enum pf_check_id id)
{
	static const struct pf_trial none = { .text = "out of memory" };
	const struct pf_trial *known = by_a_tool(d, id);
	struct pf_observe_config config;
	double limit_s;

	if (known)
		return known;
	if (d->tried[id])
		return d->tried[id];
	d->tried[id] = calloc(1, sizeof(*d->tried[id]));
	if (!d->tried[id] || !pfdiag_way_config(d, id, &config))
		return &none;
	limit_s = pfdiag_limit_s(d, LIMIT_S);
	if (limit_s > 0)
		pf_trial_run(&config, limit_s, d->tried[id]);
	/* Killed before its time it has not failed. */
	if (limit_s <= 0 || (d->tried[id]->late && limit_s < LIMIT_S))
		d->tried[id]->code = ETIME;
	return d->tried[id];
}

bool pfdiag_way_unknown(const struct pf_trial *t)
{
	return !t->works && t->code == ETIME;
}

const char *pfdiag_tells_words(unsigned int tells, char *dst, size_t size)
{
	static const struct {
		unsigned int bit;
		const char *word;
	} words[] = {
		{ PF_TELLS_MODE, "user and kernel mode" },
		{ PF_TELLS_CLASS, "classes" },
		{ PF_TELLS_COW, "copies on write" },
		{ PF_TELLS_ACCESS, "access" },
	};
	size_t len = 0;

	snprintf(dst, size, "%s", tells ? "" : "no fault events");
	for (size_t i = 0; i < PF_ARRAY_SIZE(words); i++) {
		if (tells & words[i].bit && len < size)
			len += (size_t)snprintf(dst + len, size - len, "%s%s", len ? ", " : "",
						words[i].word);
	}
	return dst;
}

/* ---- what does not work ---------------------------------------------------------- */

static bool speaks_of_lockdown(const struct pf_trial *t)
{
	for (size_t i = 0; i < t->n_notes; i++) {
		if (strstr(t->notes[i], "lockdown"))
			return true;
	}
	return strstr(t->text, "lockdown") != NULL;
}

/* Another check that says more about the reason. */
static void send_on(struct pf_check *c, const struct pf_trial *t)
{
	uint64_t missing;

	if (!pfdiag_may_load(&missing))
		pfdiag_try(c, "pfdiag --only cap-bpf,cap-perfmon");
	else if (speaks_of_lockdown(t))
		pfdiag_try(c, "pfdiag --only lockdown");
	else if (t->works) /* otherwise than asked for: the kernel has no such thing */
		pfdiag_try(c, "pfdiag --only kernel-version,config,btf");
	else if (t->code == EPERM || t->code == EACCES)
		pfdiag_try(c, "pfdiag --only lockdown,seccomp,namespaces,perf-paranoid");
	else if (t->code == ESRCH || t->code == ENOENT)
		pfdiag_try(c, "pfdiag --only btf,tracepoints,tracefs");
	else
		pfdiag_try(c, "%s", "pfdiag --only config,btf,memlock,open-files");
}

static void cut(char *text, const char *from, size_t len)
{
	char *at = strstr(text, from);

	if (at)
		memmove(at, at + len, strlen(at + len) + 1);
}

/* The tools send their reader here, and to the messages of libbpf that are shown with it. */
char *pfdiag_own_words(char *dst, size_t size, const char *text)
{
	static const char to_us[] = "; see pfdiag",
			  to_libbpf[] = " (-vv shows the kernel's own words)";
	const char *at;

	snprintf(dst, size, "%s", text);
	while ((at = strstr(dst, to_us)))
		cut(dst, to_us, strcspn(at, ")"));
	cut(dst, to_libbpf, sizeof(to_libbpf) - 1);
	return dst;
}

static void say_failure(struct pf_check *c, const struct pf_trial *t)
{
	char words[sizeof(t->notes[0])];

	if (t->works) {
		pfdiag_found(c, PF_CHECK_SKIP, "%s",
			     t->n_notes ? pfdiag_own_words(words, sizeof(words), t->notes[0])
					: "the kernel has no such thing");
		send_on(c, t);
		return;
	}
	pfdiag_found(c, PF_CHECK_SKIP, "%s",
		     *t->text ? pfdiag_own_words(words, sizeof(words), t->text)
			      : "it does not work");
	if (*t->kernel)
		pfdiag_add(c, "\nkernel: %s", t->kernel);
	send_on(c, t);
}

/* A crash or a hang of our own is no service at all. */
/* Without the storage that was asked for it counts nothing at a fault, and opens all the same. */
bool pfdiag_way_works(struct pfdiag *d, enum pf_check_id id)
{
	const struct pf_trial *t = pfdiag_way(d, id);

	if (id == PF_CHECK_TASK_STORAGE)
		return t->works && !strcmp(t->storage, "task");
	if (id == PF_CHECK_HASH)
		return t->works && !strcmp(t->storage, "hash") && !strcmp(t->snapshot, "iter");
	return t->works;
}

static bool broke(const struct pf_trial *t)
{
	return !t->works && !t->code;
}

/* ---- backends ---------------------------------------------------------------------- */

void pfdiag_backend(struct pfdiag *d, struct pf_check *c)
{
	const struct pf_trial *t = pfdiag_way(d, c->check), *own;
	char tells[96];

	if (pfdiag_way_unknown(t)) {
		pfdiag_no_time(c);
		return;
	}
	pf_check_value(c, t->works, "works");
	if (t->works) {
		pf_check_value(c, t->took_s, "open_s");
		pfdiag_found(c, PF_CHECK_OK, "loads and attaches; tells %s",
			     pfdiag_tells_words(t->tells, tells, sizeof(tells)));
		return;
	}
	say_failure(c, t);
	if (broke(t))
		pf_check_judge(c, PF_CHECK_FAIL);
	own = pfdiag_way(d, PF_CHECK_PFSTAT);
	if (own->works && (own->tells & ALL_TOLD) == ALL_TOLD) {
		pfdiag_why(c, "Nothing is lost: %s tells all that it would.", own->backend);
		return;
	}
	if (own->works)
		pfdiag_why(c, "pfstat takes %s instead, which tells %s.", own->backend,
			   pfdiag_tells_words(own->tells, tells, sizeof(tells)));
}

/* ---- sources with a fallback --------------------------------------------------------- */

static const struct {
	enum pf_check_id id;
	const char *works;
	const char *without;
} sources[] = {
	{ PF_CHECK_ITER, "one pass of BPF reads all tasks",
	  "Memory and totals come from /proc: that costs more, and processes that live for less "
	  "than an interval are not seen." },
	{ PF_CHECK_TASK_STORAGE, "counters are kept with their tasks",
	  "Counters are kept in a hash table: a fault costs more, and the table can be full." },
	{ PF_CHECK_RING_BUFFER, "processes that die tell through a ring",
	  "Each CPU has a buffer of its own instead: more memory, and more is lost in a storm." },
	{ PF_CHECK_COUNTERS, "the kernel's totals are read", "pfleak has nothing to look at." },
};

void pfdiag_source(struct pfdiag *d, struct pf_check *c)
{
	const struct pf_trial *t = pfdiag_way(d, c->check);
	bool works = pfdiag_way_works(d, c->check);
	uint64_t missing;
	size_t i = 0;

	if (pfdiag_way_unknown(t)) {
		pfdiag_no_time(c);
		return;
	}
	while (sources[i].id != c->check)
		i++;
	pf_check_value(c, works, "works");
	if (works) {
		pfdiag_found(c, PF_CHECK_OK, "%s", sources[i].works);
		if (c->check == PF_CHECK_COUNTERS)
			pfdiag_add(c, ", by %s", t->snapshot);
		return;
	}
	say_failure(c, t);
	pfdiag_why(c, "%s", sources[i].without);
	/* Without the right to load it says nothing of the machine. */
	if (broke(t) || c->check == PF_CHECK_COUNTERS)
		pf_check_judge(c, PF_CHECK_FAIL);
	else if (pfdiag_may_load(&missing))
		pf_check_judge(c, PF_CHECK_WARN);
}

/* ---- the fallbacks themselves ---------------------------------------------------------- */

static void say_fallback(struct pf_check *c, const struct pf_trial *t)
{
	struct pf_rss_plan rss;

	switch (c->check) {
	case PF_CHECK_PROC_PASS:
		pfdiag_found(c, PF_CHECK_OK, "/proc is read");
		break;
	case PF_CHECK_HASH:
		pfdiag_found(c, PF_CHECK_OK, "counters can be kept in a hash table (%s)",
			     t->backend);
		break;
	case PF_CHECK_PERF_BUFFER:
		pfdiag_found(c, PF_CHECK_OK,
			     "processes that die can tell through a buffer of each "
			     "CPU");
		break;
	case PF_CHECK_PLAIN:
		pfdiag_found(c, PF_CHECK_OK, "the programs for kernels without BTF load (%s)",
			     t->backend);
		break;
	default:
		rss = pf_rss_plan_here(PF_RSS_AUTO);
		pf_check_value(c, (double)rss.held_back_pages, "held_back_pages");
		pfdiag_found(c, PF_CHECK_OK,
			     "%s; without, a process's memory may be off by %" PRIu64 " pages",
			     rss.sum_cpus ? "each CPU's part is added up"
					  : "it could be added up, and is not worth it here",
			     rss.held_back_pages);
	}
}

void pfdiag_fallback(struct pfdiag *d, struct pf_check *c)
{
	const struct pf_trial *t = pfdiag_way(d, c->check);
	bool works = pfdiag_way_works(d, c->check);

	if (pfdiag_way_unknown(t)) {
		pfdiag_no_time(c);
		return;
	}
	pf_check_value(c, works, "works");
	if (works) {
		say_fallback(c, t);
		return;
	}
	say_failure(c, t);
	pfdiag_why(c, "It is a way for machines that lack a better one, and not needed where that "
		      "works.");
	if (broke(t))
		pf_check_judge(c, PF_CHECK_FAIL);
}

/* ---- probes ------------------------------------------------------------------------------ */

void pfdiag_kprobe(struct pfdiag *d, struct pf_check *c)
{
	int ret = pf_probe_kprobe(d->sys, "handle_mm_fault");

	pf_check_value(c, !ret, "works");
	if (!ret) {
		pfdiag_found(c, PF_CHECK_OK, "functions of the kernel can be probed");
		return;
	}
	if (ret == -ENOENT && !pfdiag_has_sys(d))
		pfdiag_found(c, PF_CHECK_SKIP, "unknown: %s is not mounted", d->sys);
	else if (ret == -ENOENT)
		pfdiag_found(c, PF_CHECK_SKIP, "this kernel has no such probes");
	else
		pfdiag_found(c, PF_CHECK_SKIP, "cannot make one: %s", strerror(-ret));
	pfdiag_why(c, "Nothing is lost: no tool here uses kprobes.");
}
