/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks the kernel by making things and closing them at once. */
#include "lib/observe/probe.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "lib/base/cleanup.h"
#include "lib/proc/line.h"

int pf_probe_bpf(void)
{
	__u64 key = 0, value;

	/* There is no such map: who is let in hears so. */
	if (!bpf_map_lookup_elem(-1, &key, &value) || errno == EBADF)
		return 0;
	return -errno;
}

int pf_probe_map(size_t bytes)
{
	_cleanup_close_ int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "pf_probe", sizeof(__u32),
						(__u32)bytes, 1, NULL);

	return fd < 0 ? -errno : 0;
}

int pf_probe_perf(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.disabled = 1,
		.exclude_kernel = 1,
	};
	_cleanup_close_ int fd =
		(int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : 0;
}

int pf_probe_jit(void)
{
	static const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	_cleanup_close_ int fd = bpf_prog_load(BPF_PROG_TYPE_TRACEPOINT, "pf_probe", "GPL", nothing,
					       PF_ARRAY_SIZE(nothing), NULL);
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	return info.jited_prog_len > 0;
}

static int open_probe(const char *sys_root, const char *kind, struct perf_event_attr *attr)
{
	_cleanup_close_ int fd = -1;
	char path[64];
	int64_t type;
	int ret;

	snprintf(path, sizeof(path), "bus/event_source/devices/%s/type", kind);
	ret = pf_proc_number(sys_root, path, &type);
	if (ret)
		return ret;
	attr->type = (__u32)type;
	attr->size = sizeof(*attr);
	attr->disabled = 1;
	fd = (int)syscall(SYS_perf_event_open, attr, getpid(), -1, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : 0;
}

int pf_probe_kprobe(const char *sys_root, const char *symbol)
{
	struct perf_event_attr attr = { .kprobe_func = (uintptr_t)symbol };

	return open_probe(sys_root, "kprobe", &attr);
}

static const char *tracing_type(__u32 type)
{
	switch (type) {
	case BPF_PROG_TYPE_KPROBE:
		return "kprobe";
	case BPF_PROG_TYPE_TRACEPOINT:
		return "tracepoint";
	case BPF_PROG_TYPE_PERF_EVENT:
		return "perf_event";
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE:
		return "raw_tracepoint";
	case BPF_PROG_TYPE_TRACING:
		return "tracing";
	default:
		return NULL;
	}
}

static const char *look_at(__u32 id, struct bpf_prog_info *info)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
	__u32 len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, info, &len))
		return NULL;
	return tracing_type(info->type);
}

int pf_probe_tracers(struct pf_tracer *out, size_t max, size_t *n)
{
	struct bpf_prog_info info;
	__u32 id = 0;

	*n = 0;
	while (!bpf_prog_get_next_id(id, &id)) {
		const char *type = look_at(id, &info);

		if (type && *n < max) {
			snprintf(out[*n].name, sizeof(out[*n].name), "%.15s", info.name);
			out[*n].type = type;
		}
		*n += type != NULL;
	}
	return errno == ENOENT ? 0 : -errno;
}
