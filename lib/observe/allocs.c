/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads and attaches the programs that watch an allocator. By uprobe sessions
 * where the kernel has them (6.13): one link for all functions of a file, gone
 * at once, and returns are trapped of sampled calls only. Else by perf events,
 * one for each entry and return.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/allocs_abi.h" /* before the skeleton, which has its types */

#include "bpf/allocs.skel.h"
#include "lib/base/caps.h"
#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/observe/allocs.h"
#include "lib/observe/bpf_util.h"
#include "lib/observe/capture_record.h"
#include "lib/observe/ring.h"

/* libbpf's headers may be older than the kernel: its numbers (89ae89f53d20, d920179b3d48). */
#define TRACE_UPROBE_MULTI   48
#define TRACE_UPROBE_SESSION 57

#define LINKS_MAX (2 * PF_ALLOCS_PROBES_MAX)

struct pf_allocs {
	struct pf_allocs_bpf *skel;
	struct pf_ring *ring;
	struct bpf_link *links[LINKS_MAX]; /* and the pass, the tracepoints */
	size_t n_links;
	int multi[LINKS_MAX]; /* descriptors of links that libbpf does not know of */
	size_t n_multi;
	int64_t pid;
	bool session;
	bool named; /* the pass has seen the process */
	struct pf_capture_ops ops;
};

/* ---- loading --------------------------------------------------------------- */

static void choose_programs(struct pf_allocs_bpf *skel, bool session)
{
	struct bpf_program *const by_session[] = { skel->progs.pf_alc_malloc,
						   skel->progs.pf_alc_any };
	struct bpf_program *const by_event[] = { skel->progs.pf_alc_malloc_e,
						 skel->progs.pf_alc_any_e,
						 skel->progs.pf_alc_return };
	struct bpf_program *const both[] = { skel->progs.pf_alc_free, skel->progs.pf_alc_give };

	for (size_t i = 0; i < PF_ARRAY_SIZE(by_session); i++) {
		bpf_program__set_autoload(by_session[i], session);
		bpf_program__set_expected_attach_type(by_session[i], TRACE_UPROBE_SESSION);
	}
	for (size_t i = 0; i < PF_ARRAY_SIZE(by_event); i++)
		bpf_program__set_autoload(by_event[i], !session);
	for (size_t i = 0; session && i < PF_ARRAY_SIZE(both); i++)
		bpf_program__set_expected_attach_type(both[i], TRACE_UPROBE_MULTI);
	bpf_map__set_autocreate(skel->maps.pf_cpu_rings, false);
}

static void set_options(struct pf_allocs_bpf *skel, const struct pf_allocs_config *config,
			bool session)
{
	skel->rodata->pf_alc_cookies = session;
	skel->rodata->pf_alc_chain = config->chain;
	skel->rodata->pf_alc_pid = (__s32)config->pid;
	skel->rodata->pf_alc_least = config->least_bytes;
	skel->rodata->pf_alc_most = config->most_bytes;
	for (unsigned int i = 0; i <= PF_ALLOC_LOG2; i++)
		skel->rodata->pf_alc_log2[i] =
			(__u32)lround(65536 * log2(1 + (double)i / PF_ALLOC_LOG2));
	bpf_map__set_max_entries(skel->maps.pf_ring, (__u32)pf_ring_room(config->ring_bytes));
	bpf_map__set_max_entries(skel->maps.pf_named, 1);
}

/* ---- probes ---------------------------------------------------------------- */

#if defined(__x86_64__)
/* struct pt_regs: r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di */
static uint8_t slot_of(int8_t reg)
{
	static const uint8_t slots[16] = { 10, 11, 12, 5, 0, 4, 13, 14, 9, 8, 7, 6, 3, 2, 1, 0 };

	return reg < 0 ? 0 : slots[reg & 15] + 1;
}
#define FIRST_ARGUMENT 7
#else
static uint8_t slot_of(int8_t reg)
{
	return reg < 0 ? 0 : (uint8_t)(reg + 1);
}
#define FIRST_ARGUMENT 0
#endif

static struct pf_alloc_place place_of(const struct pf_allocs_probe *p)
{
	return (struct pf_alloc_place){ .size = slot_of(p->size),
					.times = slot_of(p->times),
					.old = slot_of(p->old),
					.out = slot_of(p->out) };
}

/* Its size, or what it frees, is where the first argument is, and nothing else matters. */
static bool is_plain(const struct pf_allocs_probe *p)
{
	if (p->frees)
		return p->old == FIRST_ARGUMENT;
	return p->size == FIRST_ARGUMENT && p->times < 0 && p->old < 0 && p->out < 0;
}

static const char *path_of(int fd, char path[32])
{
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return path;
}

/* The part of union bpf_attr that is meant, as it has been since 6.6. */
struct multi_attr {
	__u32 prog_fd;
	__u32 target_fd;
	__u32 attach_type;
	__u32 flags;
	__u64 path;
	__u64 offsets;
	__u64 ref_ctr_offsets;
	__u64 cookies;
	__u32 cnt;
	__u32 multi_flags;
	__u32 pid;
	__u32 zero;
};

static int link_multi(struct pf_allocs *a, const struct bpf_program *prog, __u32 type, int fd,
		      const __u64 *offsets, const __u64 *cookies, __u32 n, int64_t pid)
{
	char path[32];
	struct multi_attr attr = { .prog_fd = (__u32)bpf_program__fd(prog),
				   .attach_type = type,
				   .path = (uintptr_t)path_of(fd, path),
				   .offsets = (uintptr_t)offsets,
				   .cookies = (uintptr_t)cookies,
				   .cnt = n,
				   .pid = (__u32)pid };
	int link = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	if (link < 0)
		return -errno;
	a->multi[a->n_multi++] = link;
	return 0;
}

/* The program loads on any kernel; one that knows sessions gets as far as refusing a directory. */
static int try_session(const struct pf_allocs *a)
{
	const __u64 offset = 0;
	struct multi_attr attr = { .prog_fd = (__u32)bpf_program__fd(a->skel->progs.pf_alc_malloc),
				   .attach_type = TRACE_UPROBE_SESSION,
				   .path = (uintptr_t) "/",
				   .offsets = (uintptr_t)&offset,
				   .cnt = 1 };
	int link = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	if (link >= 0)
		close(link);
	return link < 0 && errno == EBADF ? 0 : -EOPNOTSUPP;
}

/* The functions of one file that this program is for: one link. */
static int attach_file(struct pf_allocs *a, const struct pf_allocs_probe *probes, size_t n_probes,
		       int fd, bool frees, bool plain)
{
	__u64 offsets[PF_ALLOCS_PROBES_MAX], cookies[PF_ALLOCS_PROBES_MAX];
	const struct bpf_program *prog =
		frees	? plain ? a->skel->progs.pf_alc_free : a->skel->progs.pf_alc_give
		: plain ? a->skel->progs.pf_alc_malloc
			: a->skel->progs.pf_alc_any;
	__u32 n = 0;

	for (size_t i = 0; i < n_probes; i++) {
		const struct pf_allocs_probe *p = &probes[i];
		const struct pf_alloc_place place = place_of(p);

		if (p->fd != fd || p->frees != frees || is_plain(p) != plain)
			continue;
		offsets[n] = p->offset;
		memcpy(&cookies[n++], &place, sizeof(place));
	}
	return n ? link_multi(a, prog, frees ? TRACE_UPROBE_MULTI : TRACE_UPROBE_SESSION, fd,
			      offsets, cookies, n, a->pid)
		 : 0;
}

/* Frees first: no one may miss the end of what another has seen begin. */
static int attach_session(struct pf_allocs *a, const struct pf_allocs_probe *probes,
			  size_t n_probes)
{
	int ret = 0;

	for (int frees = 1; frees >= 0; frees--) {
		for (size_t i = 0; !ret && i < n_probes; i++) {
			const int fd = probes[i].fd;

			if (i && probes[i - 1].fd == fd)
				continue;
			ret = attach_file(a, probes, n_probes, fd, frees, true);
			if (!ret)
				ret = attach_file(a, probes, n_probes, fd, frees, false);
		}
	}
	return ret;
}

static int attach_event(struct pf_allocs *a, const struct bpf_program *prog,
			const struct pf_allocs_probe *p, int64_t pid, bool at_return)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .retprobe = at_return);
	char path[32];
	struct bpf_link *link = bpf_program__attach_uprobe_opts(
		prog, (pid_t)pid, path_of(p->fd, path), p->offset, &opts);

	if (!link)
		return -errno;
	a->links[a->n_links++] = link;
	return 0;
}

static int attach_one(struct pf_allocs *a, const struct pf_allocs_probe *p, int64_t pid)
{
	const bool plain = is_plain(p);
	const struct pf_alloc_place place = place_of(p);
	int ret = 0;

	if (!plain)
		ret = bpf_map__update_elem(a->skel->maps.pf_alc_places, &p->address,
					   sizeof(p->address), &place, sizeof(place), BPF_ANY);
	if (ret)
		return ret;
	if (p->frees)
		return attach_event(a,
				    plain ? a->skel->progs.pf_alc_free : a->skel->progs.pf_alc_give,
				    p, pid, false);
	ret = attach_event(a, a->skel->progs.pf_alc_return, p, pid, true);
	return ret ? ret
		   : attach_event(a,
				  plain ? a->skel->progs.pf_alc_malloc_e
					: a->skel->progs.pf_alc_any_e,
				  p, pid, false);
}

static int attach_events(struct pf_allocs *a, const struct pf_allocs_probe *probes, size_t n_probes)
{
	int ret = 0;

	for (int frees = 1; frees >= 0; frees--) {
		for (size_t i = 0; !ret && i < n_probes; i++) {
			if (probes[i].frees == frees)
				ret = attach_one(a, &probes[i], a->pid);
		}
	}
	return ret;
}

/* ---- the process ----------------------------------------------------------- */

static void take_record(void *ctx, const void *record, size_t size)
{
	const struct pf_stack_head *head = record;
	struct pf_allocs *a = ctx;
	struct pf_capture_sample s;
	struct pf_capture_news n;

	if (size < sizeof(*head))
		return;
	if (head->kind == PF_STACK_SAMPLE && size >= sizeof(struct pf_stack_sample)) {
		pf_capture_take_sample(record, size, &s);
		a->ops.sample(a->ops.ctx, &s);
	} else if (head->kind >= PF_STACK_HOT && head->kind <= PF_STACK_NAMED &&
		   size >= sizeof(struct pf_stack_event)) {
		a->named |= head->kind == PF_STACK_NAMED;
		pf_capture_take_event(record, &n);
		a->ops.news(a->ops.ctx, &n);
	}
}

static int read_pass(struct pf_allocs *a, const struct bpf_link *link)
{
	_cleanup_close_ int fd = bpf_iter_create(bpf_link__fd(link));
	struct pf_stack_event e;
	ssize_t n;

	if (fd < 0)
		return -errno;
	do
		n = read(fd, &e, sizeof(e));
	while (n < 0 && (errno == EINTR || errno == EAGAIN));
	if (n < 0)
		return -errno;
	if (n == sizeof(e))
		take_record(a, &e, sizeof(e));
	return a->named ? 0 : -ESRCH;
}

static int find_process(struct pf_allocs *a)
{
	struct bpf_link *link = bpf_program__attach_iter(a->skel->progs.pf_alc_pass, NULL);
	int ret = link ? read_pass(a, link) : -errno;

	bpf_link__destroy(link);
	return ret;
}

static int follow_process(struct pf_allocs *a)
{
	const struct bpf_program *const progs[] = { a->skel->progs.pf_alc_exec,
						    a->skel->progs.pf_alc_exit };

	for (size_t i = 0; i < PF_ARRAY_SIZE(progs); i++) {
		struct bpf_link *link = bpf_program__attach(progs[i]);

		if (!link)
			return -errno;
		a->links[a->n_links++] = link;
	}
	return 0;
}

/* ---- its life -------------------------------------------------------------- */

static int fail(struct pf_error *err, int ret, const char *what)
{
	return pf_bpf_fail_see(err, ret, what, PF_CHECK_UPROBE);
}

static int try_open(struct pf_allocs *a, const struct pf_allocs_config *config,
		    struct pf_error *err)
{
	int ret;

	a->skel = pf_allocs_bpf__open();
	if (!a->skel)
		return fail(err, errno, "open the programs that watch allocations");
	choose_programs(a->skel, a->session);
	set_options(a->skel, config, a->session);
	ret = pf_allocs_bpf__load(a->skel);
	if (ret)
		return fail(err, ret, "load the programs that watch allocations");
	a->ring = pf_ring__open(a->skel->maps.pf_ring, false, 0, take_record, a);
	if (!a->ring)
		return fail(err, errno, "map the ring of samples");
	ret = a->session ? try_session(a) : 0;
	if (ret)
		return fail(err, ret, "put probes by sessions");
	ret = find_process(a);
	if (ret == -ESRCH)
		return pf_fail(err, ESRCH,
			       "process %lld cannot be watched: it has died, or it is a thread, "
			       "a kernel thread or hidden",
			       (long long)config->pid);
	if (ret)
		return fail(err, ret, "look for the process");
	ret = follow_process(a);
	return ret ? fail(err, ret, "attach to sched:sched_process_exec and _exit") : 0;
}

static void drop(struct pf_allocs *a)
{
	for (size_t i = a->n_multi; i-- > 0;)
		close(a->multi[i]);
	for (size_t i = a->n_links; i-- > 0;)
		bpf_link__destroy(a->links[i]);
	a->n_multi = a->n_links = 0;
	pf_ring__close(a->ring);
	pf_allocs_bpf__destroy(a->skel);
	a->ring = NULL;
	a->skel = NULL;
}

struct pf_allocs *pf_allocs__open(const struct pf_allocs_config *config,
				  const struct pf_capture_ops *ops, struct pf_error *err)
{
	struct pf_allocs *a = calloc(1, sizeof(*a));
	const char *force = getenv("PF_FORCE_UPROBE");
	struct pf_error why = { 0 };
	int ret = -EOPNOTSUPP;

	if (!a) {
		pf_fail(err, ENOMEM, "out of memory");
		return NULL;
	}
	a->ops = *ops;
	a->pid = config->pid;
	pf_bpf_log_setup();
	for (int session = 1; ret && ret != -ESRCH && session >= 0; session--) {
		a->session = session;
		if (force && strcmp(force, pf_allocs__backend(a)) != 0)
			continue;
		ret = try_open(a, config, &why);
		if (!ret)
			return a;
		drop(a);
		pf_info("backend %s does not work: %s", pf_allocs__backend(a), why.text);
	}
	pf_fail(err, -ret, "%s", why.text);
	pf_allocs__close(a);
	errno = -ret;
	return NULL;
}

int pf_allocs__attach(struct pf_allocs *a, const struct pf_allocs_probe *probes, size_t n,
		      struct pf_error *err)
{
	int ret = a->session ? attach_session(a, probes, n) : attach_events(a, probes, n);

	return ret ? fail(err, ret, "put probes at the allocator's functions") : 0;
}

void pf_allocs__close(struct pf_allocs *a)
{
	if (!a)
		return;
	drop(a);
	free(a);
}

const char *pf_allocs__backend(const struct pf_allocs *a)
{
	return a->session ? "session" : "uprobe";
}

uint64_t pf_allocs__caps(const struct pf_allocs *a)
{
	(void)a;
	return pf_bpf_command_caps();
}

void pf_allocs__set_gap(struct pf_allocs *a, uint32_t bytes, bool held)
{
	__atomic_store_n(&a->skel->bss->pf_alc_held, held, __ATOMIC_RELAXED);
	__atomic_store_n(&a->skel->bss->pf_alc_gap, bytes, __ATOMIC_RELAXED);
	__atomic_store_n(&a->skel->bss->pf_alc_burst, 0, __ATOMIC_RELAXED);
}

uint32_t pf_allocs__gap(const struct pf_allocs *a)
{
	return __atomic_load_n(&a->skel->bss->pf_alc_gap, __ATOMIC_RELAXED);
}

int pf_allocs__fd(const struct pf_allocs *a)
{
	return pf_ring__fd(a->ring);
}

void pf_allocs__drain(struct pf_allocs *a)
{
	pf_ring__drain(a->ring);
}

void pf_allocs__deepen(struct pf_allocs *a)
{
	__atomic_store_n(&a->skel->bss->pf_alc_deep, 1, __ATOMIC_RELAXED);
}

/* In one go: walking by keys begins anew where the last one was freed meanwhile. */
int pf_allocs__live(struct pf_allocs *a, void (*live)(void *ctx, uint32_t serial), void *ctx)
{
	_cleanup_free_ __u64 *keys = calloc(PF_ALLOC_LIVE_MAX, sizeof(*keys));
	_cleanup_free_ __u64 *serials = calloc(PF_ALLOC_LIVE_MAX, sizeof(*serials));
	const int fd = bpf_map__fd(a->skel->maps.pf_alc_live);
	__u32 n = PF_ALLOC_LIVE_MAX, at;

	if (!keys || !serials)
		return -ENOMEM;
	if (bpf_map_lookup_batch(fd, NULL, &at, keys, serials, &n, NULL) && errno != ENOENT)
		return -errno;
	for (__u32 i = 0; i < n; i++)
		live(ctx, (uint32_t)serials[i]);
	return 0;
}

void pf_allocs__counts(const struct pf_allocs *a, struct pf_allocs_counts *out)
{
	const struct pf_allocs_bpf__bss *bss = a->skel->bss;

	*out = (struct pf_allocs_counts){
		.samples = __atomic_load_n(&bss->pf_alc_samples, __ATOMIC_RELAXED),
		.lost = __atomic_load_n(&bss->pf_alc_lost, __ATOMIC_RELAXED),
		.full = __atomic_load_n(&bss->pf_alc_full, __ATOMIC_RELAXED),
		.failed = __atomic_load_n(&bss->pf_alc_failed, __ATOMIC_RELAXED),
		.events = __atomic_load_n(&bss->pf_ring_lost, __ATOMIC_RELAXED),
		.missed = pf_bpf_missed(a->skel->obj, "pf_alc_pass"),
	};
	for (size_t i = 0; i < PF_ALLOC_CPUS; i++) {
		out->calls += __atomic_load_n(&bss->pf_alc_cpus[i].calls, __ATOMIC_RELAXED);
		out->bytes += __atomic_load_n(&bss->pf_alc_cpus[i].bytes, __ATOMIC_RELAXED);
		out->frees += __atomic_load_n(&bss->pf_alc_cpus[i].frees, __ATOMIC_RELAXED);
	}
}
