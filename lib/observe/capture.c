/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads the programs that sample faults, and puts their records into the words
 * of the header. Keeps no sample.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/stacks.skel.h"
#include "bpf/stacks_abi.h"
#include "lib/base/caps.h"
#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/observe/bpf_util.h"
#include "lib/observe/capture.h"
#include "lib/observe/capture_record.h"
#include "lib/observe/cpus.h"
#include "lib/observe/ring.h"

/*
 * Samples of a process in a second before it is looked at whether they are too
 * many. By page the gap never shrinks again: a short burst is no reason.
 */
#define BURST	      16
#define BURST_BY_PAGE 1024
#define MARKS_NS      UINT64_C(10000000000)

struct plan {
	enum pf_backend backend;
	bool classes;
	const char *lacks;
};

static const struct plan plans[] = {
	{ PF_BACKEND_TP_BTF, true, "" },
	{ PF_BACKEND_PERF, true, ", without cow" },
	{ PF_BACKEND_TP_BTF, false, ", without classes and sizes" },
	{ PF_BACKEND_PERF, false, ", without classes and sizes" },
};

struct pf_capture {
	struct pf_stacks_bpf *skel;
	struct bpf_link *pass_link;
	struct bpf_link *rss_link; /* classes: while somebody is hot */
	uint8_t watches;	   /* how often that was */
	bool watched_always;	   /* processes are named: they are hot from the beginning */
	bool hot;		   /* somebody is, or was a moment ago */
	uint64_t cold_ns;	   /* the last look at a hot one, when that came to an end */
	uint64_t marks_ns;	   /* when marks were forgotten */
	struct pf_cpus *cpus;	   /* perf: an event for each */
	struct pf_ring *ring;
	const struct plan *plan;
	struct pf_capture_ops ops;
};

static const char *backend_name(enum pf_backend backend)
{
	return backend == PF_BACKEND_PERF ? "perf" : "tp_btf";
}

/* ---- loading --------------------------------------------------------------- */

static void choose_programs(struct pf_stacks_bpf *skel, const struct plan *plan)
{
	bool perf = plan->backend == PF_BACKEND_PERF;

	bpf_program__set_autoload(skel->progs.pf_stk_user, !perf);
	bpf_program__set_autoload(skel->progs.pf_stk_kernel, !perf);
	bpf_program__set_autoload(skel->progs.pf_stk_perf, perf);
	bpf_program__set_autoload(skel->progs.pf_stk_rss, plan->classes);
	bpf_program__set_autoattach(skel->progs.pf_stk_perf, false);
	bpf_program__set_autoattach(skel->progs.pf_stk_pass, false);
	bpf_program__set_autoattach(skel->progs.pf_stk_rss, false);
	bpf_map__set_autocreate(skel->maps.pf_cpu_rings, false);
}

static uint32_t page_shift(void)
{
	return (uint32_t)__builtin_ctzl((unsigned long)sysconf(_SC_PAGESIZE));
}

bool pf_capture_drawn(uint64_t address, uint32_t weight)
{
	return PF_STACK_DRAWN(pf_stack_lot(address >> page_shift()), weight);
}

static void set_options(struct pf_stacks_bpf *skel, const struct pf_capture_config *config,
			const struct plan *plan)
{
	uint32_t named = pf_bpf_named_max(config->n_pids);

	skel->rodata->pf_by_pid = config->n_pids > 0;
	skel->rodata->pf_by_uid = config->uid >= 0;
	skel->rodata->pf_uid = config->uid >= 0 ? (__u32)config->uid : 0;
	skel->rodata->pf_stack_classes = plan->classes;
	skel->rodata->pf_stack_chain = config->chain;
	skel->rodata->pf_stack_hz = config->hz;
	skel->rodata->pf_stack_every = config->every;
	skel->rodata->pf_stack_min_rate = config->min_rate;
	skel->rodata->pf_stack_by_page = config->by_page;
	skel->rodata->pf_stack_burst = config->by_page ? BURST_BY_PAGE : BURST;
	skel->rodata->pf_page_shift = page_shift();
	bpf_map__set_max_entries(skel->maps.pf_ring, (__u32)pf_ring_room(config->ring_bytes));
	bpf_map__set_max_entries(skel->maps.pf_named, named);
	bpf_map__set_max_entries(skel->maps.pf_tgids, named);
}

static void take_record(void *ctx, const void *record, size_t size);

/* ---- who is hot ------------------------------------------------------------ */

/* A number that samples have which are taken from now on; 0 is for "not at all". */
static void begin_watch(struct pf_capture *c)
{
	if (!++c->watches)
		c->watches = 1;
	__atomic_store_n(&c->skel->bss->pf_stack_watch, c->watches, __ATOMIC_RELEASE);
}

/*
 * To see memory counters move costs each fault of every process: that is done
 * while there are samples. What was drawn before has no class.
 */
static int watch(struct pf_capture *c)
{
	if (!c->plan->classes || c->rss_link)
		return 0;
	c->rss_link = bpf_program__attach(c->skel->progs.pf_stk_rss);
	if (!c->rss_link)
		return -errno;
	begin_watch(c);
	return 0;
}

static void unwatch(struct pf_capture *c)
{
	__atomic_store_n(&c->skel->bss->pf_stack_watch, 0, __ATOMIC_RELEASE);
	bpf_link__destroy(c->rss_link);
	c->rss_link = NULL;
}

/* Who is hot still is marked again at once. Faults that are over are settled before. */
static void forget_marks(struct pf_capture *c)
{
	if (c->rss_link) {
		pf_capture__settle(c, NULL);
		begin_watch(c);
	}
	memset(c->skel->bss->pf_stack_hot, 0, sizeof(c->skel->bss->pf_stack_hot));
}

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Marks of processes that were hot are in the way of others: they go every ten seconds. */
static void follow_heat(struct pf_capture *c)
{
	uint64_t looked_ns = __atomic_load_n(&c->skel->bss->pf_stack_hot_ns, __ATOMIC_RELAXED);
	uint64_t now = monotonic_ns();

	if (c->watched_always || (!c->hot && looked_ns <= c->cold_ns))
		return;
	if (now > looked_ns + PF_STACK_LINGER_NS) {
		forget_marks(c);
		unwatch(c);
		c->hot = false;
		c->cold_ns = looked_ns;
		return;
	}
	if (!c->hot)
		c->marks_ns = now;
	c->hot = true;
	watch(c);
	if (now - c->marks_ns > MARKS_NS) {
		forget_marks(c);
		c->marks_ns = now;
	}
}

/* The first pass tells the programs whose pids we see, and who is named: before they look on. */
static int attach(struct pf_capture *c, struct pf_error *err)
{
	int ret;

	c->ring = pf_ring__open(c->skel->maps.pf_ring, false, 0, take_record, c);
	if (!c->ring)
		return pf_bpf_fail_see(err, errno, "map the ring of samples", PF_CHECK_PFSTACK);
	c->pass_link = bpf_program__attach_iter(c->skel->progs.pf_stk_pass, NULL);
	if (!c->pass_link)
		return pf_bpf_fail_see(err, errno, "attach the task iterator", PF_CHECK_PFSTACK);
	ret = pf_capture__settle(c, err);
	if (ret)
		return ret;
	ret = pf_stacks_bpf__attach(c->skel);
	if (!ret)
		ret = watch(c); /* it must work when it is wanted */
	if (!ret && !c->watched_always)
		unwatch(c);
	if (ret)
		return pf_bpf_fail_see(err, ret, "attach the programs that sample faults",
				       PF_CHECK_PFSTACK);
	if (c->plan->backend != PF_BACKEND_PERF)
		return 0;
	c->cpus = pf_cpus__open(c->skel->progs.pf_stk_perf, err);
	return c->cpus ? 0 : -errno;
}

static int try_plan(struct pf_capture *c, const struct pf_capture_config *config,
		    struct pf_error *err)
{
	int ret;

	c->skel = pf_stacks_bpf__open();
	if (!c->skel)
		return pf_bpf_fail_see(err, errno, "open the programs that sample faults",
				       PF_CHECK_PFSTACK);
	choose_programs(c->skel, c->plan);
	set_options(c->skel, config, c->plan);
	c->watched_always = config->n_pids > 0;
	ret = pf_stacks_bpf__load(c->skel);
	if (ret)
		return pf_bpf_fail_see(err, ret, "load the programs that sample faults",
				       PF_CHECK_PFSTACK);
	ret = pf_bpf_name_pids(c->skel->maps.pf_named, config->pids, config->n_pids);
	if (ret)
		return pf_bpf_fail_see(err, ret, "tell the kernel the pids to watch",
				       PF_CHECK_PFSTACK);
	return attach(c, err);
}

static void drop_plan(struct pf_capture *c)
{
	pf_cpus__close(c->cpus);
	bpf_link__destroy(c->rss_link);
	bpf_link__destroy(c->pass_link);
	pf_ring__close(c->ring);
	pf_stacks_bpf__destroy(c->skel);
	c->cpus = NULL;
	c->rss_link = NULL;
	c->pass_link = NULL;
	c->ring = NULL;
	c->skel = NULL;
}

/* The first reason stays: but for one that explains all others. */
static void explain(struct pf_error *err, const struct pf_error *why)
{
	if (err && !err->code && pf_bpf_lacks_task_storage())
		pf_fail(err, EOPNOTSUPP,
			"this kernel has no task storage for programs that trace, which pfstack "
			"needs (Linux 5.12; see pfdiag --only pfstack)");
	pf_fail(err, why->code, "%s", why->text);
}

static int try_plans(struct pf_capture *c, const struct pf_capture_config *config,
		     struct pf_error *err)
{
	for (size_t i = 0; i < PF_ARRAY_SIZE(plans); i++) {
		const char *name = backend_name(plans[i].backend);
		struct pf_error why = { 0 };

		if (config->backend != PF_BACKEND_AUTO && config->backend != plans[i].backend)
			continue;
		c->plan = &plans[i];
		if (!try_plan(c, config, &why)) {
			if (*c->plan->lacks)
				pf_info("backend %s%s", name, c->plan->lacks);
			return 0;
		}
		drop_plan(c);
		pf_info("backend %s%s does not work: %s", name, plans[i].lacks, why.text);
		explain(err, &why);
	}
	return err && err->code ? -err->code : -EOPNOTSUPP;
}

struct pf_capture *pf_capture__open(const struct pf_capture_config *config,
				    const struct pf_capture_ops *ops, struct pf_error *err)
{
	struct pf_capture *c = calloc(1, sizeof(*c));
	int ret;

	if (!c) {
		pf_fail(err, ENOMEM, "out of memory");
		return NULL;
	}
	c->ops = *ops;
	pf_bpf_log_setup();
	ret = try_plans(c, config, err);
	if (!ret)
		return c;
	pf_capture__close(c);
	errno = -ret;
	return NULL;
}

void pf_capture__close(struct pf_capture *c)
{
	if (!c)
		return;
	drop_plan(c);
	free(c);
}

const char *pf_capture__backend(const struct pf_capture *c)
{
	return backend_name(c->plan->backend);
}

bool pf_capture__tells_class(const struct pf_capture *c)
{
	return c->plan->classes;
}

uint64_t pf_capture__caps(const struct pf_capture *c)
{
	return pf_bpf_command_caps() | (c->cpus ? pf_cpus_caps() : 0);
}

int pf_capture__fd(const struct pf_capture *c)
{
	return pf_ring__fd(c->ring);
}

void pf_capture__drain(struct pf_capture *c)
{
	if (c->cpus)
		pf_cpus__follow(c->cpus);
	follow_heat(c);
	pf_ring__drain(c->ring);
}

void pf_capture__deepen(struct pf_capture *c, uint32_t tgid)
{
	__u32 key = tgid;
	__u8 yes = 1;

	bpf_map__update_elem(c->skel->maps.pf_stk_deep, &key, sizeof(key), &yes, sizeof(yes),
			     BPF_ANY);
}

uint64_t pf_capture__samples(const struct pf_capture *c)
{
	return __atomic_load_n(&c->skel->bss->pf_stack_samples, __ATOMIC_RELAXED);
}

void pf_capture__losses(const struct pf_capture *c, struct pf_capture_losses *out)
{
	uint64_t missed, nested;

	out->samples = __atomic_load_n(&c->skel->bss->pf_stack_lost, __ATOMIC_RELAXED);
	out->events = __atomic_load_n(&c->skel->bss->pf_ring_lost, __ATOMIC_RELAXED);
	nested = __atomic_load_n(&c->skel->bss->pf_stack_nested, __ATOMIC_RELAXED);
	missed = pf_bpf_missed(c->skel->obj, "pf_stk_pass");
	out->faults = __atomic_load_n(&c->skel->bss->pf_stack_unseen, __ATOMIC_RELAXED) +
		      (missed > nested ? missed - nested : 0);
	if (c->cpus)
		out->faults += pf_cpus__gaps(c->cpus);
}

/* ---- records --------------------------------------------------------------- */

static void take_sample(struct pf_capture *c, const struct pf_stack_sample *r, size_t size)
{
	struct pf_capture_sample s;

	pf_capture_take_sample(r, size, &s);
	c->ops.sample(c->ops.ctx, &s);
}

static const char *const class_names[PF_EVENTS] = {
	[PF_EV_ANON] = "anon",	   [PF_EV_FILE] = "file", [PF_EV_SHMEM] = "shmem",
	[PF_EV_SWAPIN] = "swapin", [PF_EV_COW] = "cow",	  [PF_EV_OTHER] = "other",
};

/*
 * What came, by the counter of its kind: a copy takes the original's place in
 * the counters, or moves none where it was the parent's.
 */
static int64_t pages_of(const struct pf_stack_settled *r)
{
	switch (r->class) {
	case PF_EV_ANON:
	case PF_EV_SWAPIN:
		return r->pages[PF_MM_ANON];
	case PF_EV_COW:
		return r->pages[PF_MM_ANON] > 0 ? r->pages[PF_MM_ANON] : 1;
	case PF_EV_FILE:
		return r->pages[PF_MM_FILE];
	case PF_EV_SHMEM:
		return r->pages[PF_MM_SHMEM];
	default:
		return 0;
	}
}

static void take_settled(struct pf_capture *c, const struct pf_stack_settled *r)
{
	struct pf_capture_settled s = { .serial = r->serial };

	pf_capture_take_head(&r->head, &s.head);
	if (r->class >= 0 && r->class < PF_EVENTS)
		s.class = class_names[r->class];
	s.pages = pages_of(r) > 0 ? pages_of(r) : 0;
	c->ops.settled(c->ops.ctx, &s);
}

static void take_event(struct pf_capture *c, const struct pf_stack_event *r)
{
	struct pf_capture_news n;

	pf_capture_take_event(r, &n);
	c->ops.news(c->ops.ctx, &n);
}

static void take_record(void *ctx, const void *record, size_t size)
{
	const struct pf_stack_head *head = record;
	struct pf_capture *c = ctx;

	if (size < sizeof(*head))
		return;
	if (head->kind == PF_STACK_SAMPLE && size >= sizeof(struct pf_stack_sample))
		take_sample(c, record, size);
	else if (head->kind == PF_STACK_SETTLED && size >= sizeof(struct pf_stack_settled))
		take_settled(c, record);
	else if (head->kind >= PF_STACK_HOT && head->kind <= PF_STACK_SEEN &&
		 size >= sizeof(struct pf_stack_event))
		take_event(c, record);
}

static size_t size_of(const struct pf_stack_head *head)
{
	return head->kind == PF_STACK_SETTLED ? sizeof(struct pf_stack_settled)
					      : sizeof(struct pf_stack_event);
}

/* Whole records in buf[0..len); returns how many bytes were used. */
static size_t each_record(struct pf_capture *c, const char *buf, size_t len)
{
	size_t at = 0;

	while (len - at >= sizeof(struct pf_stack_head) &&
	       len - at >= size_of((const void *)(buf + at))) {
		take_record(c, buf + at, size_of((const void *)(buf + at)));
		at += size_of((const void *)(buf + at));
	}
	return at;
}

/* What waits in the ring is older than what the pass tells. */
int pf_capture__settle(struct pf_capture *c, struct pf_error *err)
{
	_cleanup_close_ int fd = bpf_iter_create(bpf_link__fd(c->pass_link));
	char buf[4096] __attribute__((aligned(8)));
	size_t have = 0, used;

	if (fd < 0)
		return pf_bpf_fail_see(err, errno, "start a pass over all threads",
				       PF_CHECK_PFSTACK);
	pf_ring__drain(c->ring);
	for (;;) {
		ssize_t n = read(fd, buf + have, sizeof(buf) - have);

		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return pf_bpf_fail_see(err, errno, "read the pass over all threads",
					       PF_CHECK_PFSTACK);
		if (n == 0)
			return 0;
		have += (size_t)n;
		used = each_record(c, buf, have);
		have -= used;
		memmove(buf, buf + used, have);
	}
}
