/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the owners of BPF objects share. Decides nothing about what to load.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "lib/base/caps.h"
#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/observe/bpf_util.h"
#include "lib/observe/refusal.h"

/* For people who mend us: at -vv. What the rest need of it we say ourselves. */
static int __attribute__((format(printf, 2, 0)))
print_libbpf(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	_cleanup_free_ char *text = NULL;
	char *line, *save = NULL;

	(void)level;
	if (pf_log_level() < PF_LOG_DEBUG || vasprintf(&text, fmt, ap) < 0)
		return 0;
	/* The verifier's log comes as one long text. */
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		pf_debug("%s", line);
	return 0;
}

void pf_bpf_log_setup(void)
{
	libbpf_set_print(print_libbpf);
}

int pf_bpf_fail_needs(struct pf_error *err, int code, const char *what, uint64_t needs,
		      enum pf_check_id check)
{
	struct pf_refusal refusal;
	char words[256];

	if (code < 0)
		code = -code;
	pf_refusal_look(&refusal, needs, "/proc", "/sys");
	return pf_fail(err, code, "cannot %s: %s (%s; see pfdiag --only %s)", what, strerror(code),
		       pf_refusal_words(&refusal, code, words, sizeof(words)),
		       pf_check_name(check));
}

int pf_bpf_fail_see(struct pf_error *err, int code, const char *what, enum pf_check_id check)
{
	return pf_bpf_fail_needs(err, code, what, PF_CAP(BPF) | PF_CAP(PERFMON), check);
}

int pf_bpf_fail(struct pf_error *err, int code, const char *what)
{
	return pf_bpf_fail_see(err, code, what, PF_CHECK_BPF);
}

int pf_step_fail(struct pf_error *err, int code, const char *what)
{
	if (code < 0)
		code = -code;
	if (code == EMFILE)
		return pf_bpf_fail_needs(err, code, what, 0, PF_CHECK_OPEN_FILES);
	return pf_fail(err, code, "cannot %s: %s", what, strerror(code));
}

/* Is it tracefs that keeps us out? libbpf reads there which tracepoint is which. */
static uint64_t tracepoint_needs(void)
{
	const char *events = "/sys/kernel/tracing/events/exceptions";

	if (faccessat(AT_FDCWD, events, X_OK, AT_EACCESS) && errno == EACCES)
		return PF_CAP(PERFMON) | PF_CAP(DAC_READ_SEARCH);
	return PF_CAP(PERFMON);
}

int pf_bpf_fail_tracepoints(struct pf_error *err, int code)
{
	if (code == ENOENT || code == -ENOENT)
		return pf_fail(err, ENOENT,
			       "there is no tracepoint exceptions:page_fault_user (needs x86 and "
			       "tracefs: mount -t tracefs tracefs /sys/kernel/tracing; see pfdiag "
			       "--only %s)",
			       pf_check_name(PF_CHECK_TRACEFS));
	return pf_bpf_fail_needs(err, code, "attach to exceptions:page_fault_user and _kernel",
				 tracepoint_needs(), PF_CHECK_TRACEPOINT);
}

/* No map: a kernel that lets us in says EBADF. */
static bool command_allowed(void *ctx)
{
	__u64 key = 0, value;

	(void)ctx;
	return bpf_map_lookup_elem(-1, &key, &value) && errno != EPERM;
}

uint64_t pf_bpf_command_caps(void)
{
	static const uint64_t sets[] = { 0, PF_CAP(BPF), PF_CAP(SYS_ADMIN) };

	return pf_caps_least(sets, PF_ARRAY_SIZE(sets), command_allowed, NULL);
}

uint32_t pf_bpf_named_max(size_t n_pids)
{
	return n_pids ? (uint32_t)n_pids : 1;
}

int pf_bpf_name_pids(const struct bpf_map *map, const int64_t *pids, size_t n)
{
	__u8 yes = 1;

	for (size_t i = 0; i < n; i++) {
		__u32 pid = (__u32)pids[i];
		int ret = bpf_map__update_elem(map, &pid, sizeof(pid), &yes, sizeof(yes), BPF_ANY);

		if (ret)
			return ret;
	}
	return 0;
}

/* Unknown to a process that may not be dumped, before 5.14 (7bc3fa0172a4). */
static int64_t map_memory(int fd)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[64], line[128];
	int64_t bytes = PF_UNKNOWN;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "memlock: %" SCNd64, &bytes) == 1)
			break;
	}
	return bytes;
}

/* A sum with an unknown part is unknown. */
static void add_known(int64_t *sum, int64_t bytes)
{
	*sum = *sum == PF_UNKNOWN || bytes == PF_UNKNOWN ? PF_UNKNOWN : *sum + bytes;
}

static void add_program(struct pf_bpf_cost *cost, const struct bpf_program *prog)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);
	int fd = bpf_program__fd(prog);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		return;
	cost->run_ns += (int64_t)info.run_time_ns;
	cost->runs += (int64_t)info.run_cnt;
}

/* Is it the first time that we come by this one? */
static bool is_new_map(struct pf_bpf_cost *cost, int fd)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len) || cost->n_maps == PF_COST_MAPS)
		return true;
	for (size_t i = 0; i < cost->n_maps; i++) {
		if (cost->maps[i] == info.id)
			return false;
	}
	cost->maps[cost->n_maps++] = info.id;
	return true;
}

void pf_bpf_cost_add(struct pf_bpf_cost *cost, const struct bpf_object *obj, const char *skip)
{
	const struct bpf_program *prog = NULL;
	const struct bpf_map *map = NULL;

	while ((prog = bpf_object__next_program(obj, (struct bpf_program *)prog))) {
		if (!skip || strcmp(bpf_program__name(prog), skip))
			add_program(cost, prog);
	}
	while ((map = bpf_object__next_map(obj, map))) {
		if (bpf_map__fd(map) >= 0 && is_new_map(cost, bpf_map__fd(map)))
			add_known(&cost->map_bytes, map_memory(bpf_map__fd(map)));
	}
}

uint64_t pf_bpf_missed(const struct bpf_object *obj, const char *skip)
{
	const struct bpf_program *prog = NULL;
	uint64_t missed = 0;

	while ((prog = bpf_object__next_program(obj, (struct bpf_program *)prog))) {
		struct bpf_prog_info info = { 0 };
		__u32 len = sizeof(info);

		if (bpf_program__fd(prog) >= 0 && strcmp(bpf_program__name(prog), skip) &&
		    !bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
			missed += info.recursion_misses;
	}
	return missed;
}

int pf_bpf_time_programs(void)
{
	int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);

	return fd < 0 ? -errno : fd;
}

/* The same programs have the helper at a tracepoint, where it can be asked for. */
bool pf_bpf_lacks_task_storage(void)
{
	return libbpf_probe_bpf_helper(BPF_PROG_TYPE_TRACEPOINT, BPF_FUNC_task_storage_get, NULL) ==
	       0;
}

bool pf_bpf_has_loop(void)
{
	return libbpf_probe_bpf_helper(BPF_PROG_TYPE_RAW_TRACEPOINT, BPF_FUNC_loop, NULL) == 1;
}
