/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks for the tightest limit on a process's memory. Reads only; what cannot
 * be read is taken as no limit.
 */
#include "lib/proc/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/hash.h"
#include "lib/base/strbuf.h"
#include "lib/proc/ceiling.h"
#include "lib/proc/cgpath.h"
#include "lib/proc/machine.h"
#include "lib/proc/mounts.h"
#include "lib/proc/procfile.h"
#include "lib/proc/scan.h"

#define FILE_MAX      (1 << 20)
#define NO_LIMIT      (1LL << 62) /* v1 prints the largest multiple of a page for "none" */
#define FILE_NAME_MAX 64

struct pf_limits {
	int proc_fd;
	char *prefix;
	struct pf_readbuf buf;
	struct pf_cgroup_mounts mounts;
};

/* How a version of cgroups names its files. */
struct dialect {
	const char *limit;
	const char *high; /* NULL = has none */
	const char *usage;
	bool may_be_flat; /* v1: a parent may not count its children */
};

static const struct dialect unified = { "memory.max", "memory.high", "memory.current", false };
static const struct dialect legacy = { "memory.limit_in_bytes", NULL, "memory.usage_in_bytes",
				       true };

static const struct pf_limit nothing = { .limit_bytes = PF_UNKNOWN, .headroom_bytes = PF_UNKNOWN };

/* What is found on the way from a process to the root. */
struct found {
	struct pf_limit *best;
	int64_t container_bytes; /* the least of its cgroups' limits */
};

static struct pf_limits *fail(struct pf_limits *l, struct pf_error *err, const char *what, int code)
{
	pf_fail(err, code, "cannot read %s: %s (see pfdiag --only proc)", what, strerror(code));
	pf_limits__close(l);
	errno = code;
	return NULL;
}

struct pf_limits *pf_limits__open(const char *proc_root, const char *sys_prefix,
				  struct pf_error *err)
{
	struct pf_limits *l = calloc(1, sizeof(*l));

	if (!l)
		return fail(NULL, err, proc_root, ENOMEM);
	l->proc_fd = open(proc_root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (l->proc_fd < 0)
		return fail(l, err, proc_root, errno);
	l->prefix = strdup(sys_prefix ? sys_prefix : "");
	if (!l->prefix)
		return fail(l, err, proc_root, ENOMEM);
	/* Without mounts there are no cgroups to be limited by, as far as we can see. */
	pf_cgroup_mounts_read(l->proc_fd, &l->mounts);
	return l;
}

void pf_limits__close(struct pf_limits *l)
{
	if (!l)
		return;
	if (l->proc_fd >= 0)
		close(l->proc_fd);
	free(l->prefix);
	pf_readbuf__free(&l->buf);
	free(l);
}

/* ---- parsers -------------------------------------------------------------- */

static int64_t soft_limit(struct pf_span value)
{
	int64_t bytes;

	return pf_span_count(&value, &bytes) ? bytes : PF_UNKNOWN;
}

void pf_parse_rlimits(const char *buf, size_t len, struct pf_rlimits *out)
{
	struct pf_span rest = pf_span_of(buf, len);
	struct pf_span line;

	*out = (struct pf_rlimits){ PF_UNKNOWN, PF_UNKNOWN };
	while (pf_span_line(&rest, &line)) {
		if (pf_span_skip(&line, "Max address space "))
			out->as_bytes = soft_limit(line);
		else if (pf_span_skip(&line, "Max data size "))
			out->data_bytes = soft_limit(line);
	}
}

int64_t pf_parse_memory_limit(const char *buf, size_t len)
{
	struct pf_span s = pf_span_of(buf, len);
	int64_t bytes;

	return pf_span_count(&s, &bytes) && bytes < NO_LIMIT ? bytes : PF_UNKNOWN;
}

static void add_bytes(struct pf_span value, int64_t *sum)
{
	int64_t bytes;

	if (pf_span_count(&value, &bytes) && __builtin_add_overflow(*sum, bytes, sum))
		*sum = INT64_MAX;
}

int64_t pf_parse_memory_stat(const char *buf, size_t len)
{
	struct pf_span rest = pf_span_of(buf, len);
	struct pf_span line;
	int64_t own = 0;
	int64_t total = 0;
	bool has_total = false;

	while (pf_span_line(&rest, &line)) {
		if (pf_span_skip(&line, "inactive_file ") || pf_span_skip(&line, "active_file ")) {
			add_bytes(line, &own);
		} else if (pf_span_skip(&line, "total_inactive_file ") ||
			   pf_span_skip(&line, "total_active_file ")) {
			add_bytes(line, &total);
			has_total = true;
		}
	}
	return has_total ? total : own;
}

/* ---- candidates ----------------------------------------------------------- */

static int64_t left_below(int64_t limit, int64_t used, int64_t reclaimable)
{
	int64_t left;

	if (__builtin_sub_overflow(limit, used, &left) ||
	    __builtin_add_overflow(left, reclaimable, &left) || left > limit)
		left = limit;
	return left < 0 ? 0 : left;
}

static void tighten_budget(struct pf_budget *best, const char *source, int64_t limit, int64_t left)
{
	if (limit > 0 && (!best->bytes || left < best->left_bytes))
		*best = (struct pf_budget){ limit, left, source };
}

/* A limit tighter than the ones before? The source is filled by the caller then. */
static bool tighten(struct pf_limit *best, int64_t limit, int64_t left)
{
	if (best->headroom_bytes != PF_UNKNOWN && best->headroom_bytes <= left)
		return false;
	best->limit_bytes = limit;
	best->headroom_bytes = left;
	return true;
}

static void name_source(struct pf_limit *best, const char *name)
{
	snprintf(best->source, sizeof(best->source), "%s", name);
}

/* "cgroup PATH FILE"; of a long path both ends are kept. */
static void name_cgroup(struct pf_limit *best, const char *root, struct pf_span below,
			const char *file)
{
	char path[2 * PATH_MAX];
	const size_t room = sizeof(best->source) - strlen("cgroup  ") - strlen(file) - 1;
	const int half = (int)(room - strlen("...")) / 2;
	int n = snprintf(path, sizeof(path), "%s%.*s", strcmp(root, "/") != 0 ? root : "",
			 (int)pf_span_len(below), below.p);

	if (n < 0 || (size_t)n >= sizeof(path))
		n = (int)strlen(path);
	if ((size_t)n > room)
		snprintf(best->source, sizeof(best->source), "cgroup %.*s...%s %s", half, path,
			 path + n - half, file);
	else
		snprintf(best->source, sizeof(best->source), "cgroup %.*s %s", (int)room,
			 n ? path : "/", file);
}

/* dir[len] is the end of the directory's name; there is room for a file's after it. */
static ssize_t read_file(struct pf_limits *l, char *dir, size_t len, const char *file)
{
	ssize_t n;

	snprintf(dir + len, FILE_NAME_MAX, "/%s", file);
	n = pf_readbuf__record(&l->buf, AT_FDCWD, dir, FILE_MAX);
	dir[len] = '\0';
	return n;
}

static int64_t read_number(struct pf_limits *l, char *dir, size_t len, const char *file)
{
	ssize_t n = read_file(l, dir, len, file);

	return n < 0 ? PF_UNKNOWN : pf_parse_memory_limit(l->buf.data, (size_t)n);
}

static bool try_cgroup(struct pf_limits *l, const struct dialect *d, char *dir, size_t len,
		       struct found *f)
{
	int64_t limit = read_number(l, dir, len, d->limit);
	int64_t high = d->high ? read_number(l, dir, len, d->high) : PF_UNKNOWN;
	int64_t usage, cache, left;
	ssize_t n;

	if (limit == PF_UNKNOWN && high == PF_UNKNOWN)
		return false;
	usage = read_number(l, dir, len, d->usage);
	if (usage == PF_UNKNOWN)
		return false;
	n = read_file(l, dir, len, "memory.stat");
	cache = n < 0 ? 0 : pf_parse_memory_stat(l->buf.data, (size_t)n);
	if (high != PF_UNKNOWN)
		tighten_budget(&f->best->budget, d->high, high, left_below(high, usage, cache));
	if (limit == PF_UNKNOWN)
		return false;
	left = left_below(limit, usage, cache);
	tighten_budget(&f->best->budget, d->limit, limit, left);
	if (f->container_bytes == PF_UNKNOWN || limit < f->container_bytes)
		f->container_bytes = limit;
	return tighten(f->best, limit, left);
}

static size_t parent_of(const char *dir, size_t base, size_t len)
{
	while (len > base && dir[len] != '/')
		len--;
	while (len > base && dir[len - 1] == '/')
		len--;
	return len;
}

static void try_ancestors(struct pf_limits *l, const struct dialect *d,
			  const struct pf_cgroup_mount *m, struct pf_span path, struct found *f)
{
	char dir[PF_CGROUP_DIR_MAX + FILE_NAME_MAX];
	size_t base, len;
	int n = pf_cgroup_dir(m, l->prefix, path, dir, &base);

	if (n < 0)
		return;
	len = (size_t)n;
	for (int i = 0; i < PF_LIMITS_ANCESTORS; i++) {
		if (try_cgroup(l, d, dir, len, f))
			name_cgroup(f->best, m->root, pf_span_of(dir + base, len - base), d->limit);
		if (len == base)
			return;
		len = parent_of(dir, base, len);
		dir[len] = '\0';
		if (d->may_be_flat && read_number(l, dir, len, "memory.use_hierarchy") == 0)
			return;
	}
}

static ssize_t read_of(struct pf_limits *l, pid_t pid, const char *file)
{
	char path[FILE_NAME_MAX];

	snprintf(path, sizeof(path), "%d/%s", pid, file);
	return pf_readbuf__record(&l->buf, l->proc_fd, path, FILE_MAX);
}

static void try_cgroups(struct pf_limits *l, pid_t pid, struct found *f)
{
	ssize_t n = read_of(l, pid, "cgroup");
	struct pf_cgroup_lines lines;
	char *copy;

	if (n < 0)
		return;
	/* The lines point into the buffer that the next files are read to. */
	copy = strndup(l->buf.data, (size_t)n);
	if (!copy)
		return;
	pf_parse_cgroup_file(copy, strlen(copy), &lines);
	if (lines.unified.p)
		try_ancestors(l, &unified, &l->mounts.unified, lines.unified, f);
	if (lines.memory.p)
		try_ancestors(l, &legacy, &l->mounts.memory, lines.memory, f);
	free(copy);
}

static void read_rlimits(struct pf_limits *l, pid_t pid, struct pf_rlimits *limits)
{
	ssize_t n = read_of(l, pid, "limits");

	pf_parse_rlimits(n > 0 ? l->buf.data : "", n > 0 ? (size_t)n : 0, limits);
}

static void try_rlimit(struct pf_limit *best, const char *name, int64_t limit, int64_t used)
{
	int64_t left;

	if (limit == PF_UNKNOWN || used == PF_UNKNOWN)
		return;
	left = left_below(limit, used, 0);
	tighten_budget(&best->budget, name, limit, left);
	if (tighten(best, limit, left))
		name_source(best, name);
}

static void try_rlimits(struct pf_limits *l, pid_t pid, const struct pf_status_lines *status,
			struct pf_limit *best)
{
	struct pf_rlimits limits;

	read_rlimits(l, pid, &limits);
	try_rlimit(best, "RLIMIT_AS", limits.as_bytes, status->vsz_bytes);
	try_rlimit(best, "RLIMIT_DATA", limits.data_bytes, status->data_bytes);
}

static int64_t sum(int64_t a, int64_t b)
{
	int64_t s;

	return __builtin_add_overflow(a, b, &s) ? INT64_MAX : s;
}

static void try_machine(const struct pf_machine *m, struct pf_limit *best)
{
	bool swap = m->swap_total_bytes != PF_UNKNOWN && m->swap_free_bytes != PF_UNKNOWN;
	int64_t limit, left;

	if (m->mem_total_bytes == PF_UNKNOWN || m->mem_available_bytes == PF_UNKNOWN)
		return;
	limit = sum(m->mem_total_bytes, swap ? m->swap_total_bytes : 0);
	left = sum(m->mem_available_bytes, swap ? m->swap_free_bytes : 0);
	if (tighten(best, limit, left_below(limit, limit - left, 0)))
		name_source(best, swap ? "MemAvailable+SwapFree" : "MemAvailable");
}

/* What a runtime sees around it when it fits its heap in. */
static void read_around(struct pf_limits *l, pid_t pid, const struct pf_machine *machine,
			struct pf_around *around)
{
	struct pf_limit unused = nothing;
	struct found f = { &unused, PF_UNKNOWN };
	struct pf_rlimits rlimits;

	try_cgroups(l, pid, &f);
	read_rlimits(l, pid, &rlimits);
	around->machine_bytes = machine ? machine->mem_total_bytes : PF_UNKNOWN;
	around->as_bytes = rlimits.as_bytes;
	around->container_bytes = f.container_bytes;
	if (around->machine_bytes != PF_UNKNOWN && around->container_bytes >= around->machine_bytes)
		around->container_bytes = PF_UNKNOWN;
}

void pf_limits__ceiling(struct pf_limits *l, pid_t pid, const struct pf_machine *machine,
			struct pf_ceiling *out)
{
	_cleanup_(pf_strbuf_free) struct pf_strbuf line = PF_STRBUF_INIT;
	struct pf_around around;
	ssize_t n;

	read_around(l, pid, machine, &around);
	n = read_of(l, pid, "cmdline");
	if (n > 0)
		pf_strbuf_addmem(&line, l->buf.data, (size_t)n);
	n = read_of(l, pid, "environ");
	*out = (struct pf_ceiling){ PF_UNKNOWN, false, NULL };
	if (!line.failed && line.len)
		pf_parse_ceiling(line.data, line.len, n > 0 ? l->buf.data : "",
				 n > 0 ? (size_t)n : 0, &around, out);
}

/* The numbers of sessions, ids of containers: hexadecimal digits, one of them decimal at least. */
static uint64_t hash_unnumbered(uint64_t h, const char *s)
{
	while (*s) {
		size_t hex = strspn(s, "0123456789abcdef");
		size_t plain = strcspn(s, "0123456789");

		if (hex > plain) {
			h = pf_hash_mem(h, "#", 1);
			s += hex;
		} else {
			hex += !hex;
			h = pf_hash_mem(h, s, hex);
			s += hex;
		}
	}
	return h;
}

uint64_t pf_limits__kind(struct pf_limits *l, pid_t pid, const char *cgroup)
{
	char path[FILE_NAME_MAX], exe[PATH_MAX];
	uint64_t h = PF_HASH_INIT;
	ssize_t n;

	snprintf(path, sizeof(path), "%d/exe", pid);
	n = readlinkat(l->proc_fd, path, exe, sizeof(exe));
	if (n <= 0 || (size_t)n == sizeof(exe))
		return 0;
	h = pf_hash_mem(h, exe, (size_t)n);
	n = read_of(l, pid, "cmdline");
	if (n <= 0)
		return 0;
	h = pf_hash_mem(h, l->buf.data, (size_t)n);
	h = hash_unnumbered(h, cgroup ? cgroup : "");
	return h ? h : 1;
}

int pf_limits__read(struct pf_limits *l, pid_t pid, const struct pf_machine *machine,
		    struct pf_limit *out)
{
	struct found f = { out, PF_UNKNOWN };
	struct pf_status_lines status;
	ssize_t n = read_of(l, pid, "status");

	*out = nothing;
	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int)n;
	pf_parse_status(l->buf.data, (size_t)n, &status);
	try_cgroups(l, pid, &f);
	try_rlimits(l, pid, &status, out);
	if (machine)
		try_machine(machine, out);
	if (!machine || out->budget.bytes >= machine->mem_total_bytes / 2)
		out->budget = (struct pf_budget){ 0 };
	return out->headroom_bytes == PF_UNKNOWN ? -ENODATA : 0;
}
