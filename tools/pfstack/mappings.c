/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps and the files behind them. Looks into no file: that is for the child. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/caps.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/proc/maps.h"
#include "lib/proc/procfile.h"
#include "lib/stack/foreign.h"
#include "tools/pfstack/mappings.h"

#define AGAIN_NS    UINT64_C(100000000) /* not sooner than this after the last time ... */
#define AGAIN_TIMES 100			/* ... nor than so many times what that took */

#if defined(__x86_64__)
#define OUR_ABI PF_ABI_X86_64
#else
#define OUR_ABI PF_ABI_ARM64
#endif

/* ---- privileges ------------------------------------------------------------ */

/* The first mapping of our own that is of a file: may its link be followed? */
static bool may_follow(void *ctx)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/maps", "re");
	uint64_t start, end, inode;
	char line[PATH_MAX], path[96];
	struct stat st;

	(void)ctx;
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %*s %*s %" SCNu64, &start, &end,
			   &inode) != 3 ||
		    !inode)
			continue;
		snprintf(path, sizeof(path), "/proc/self/map_files/%" PRIx64 "-%" PRIx64, start,
			 end);
		return !stat(path, &st);
	}
	return false;
}

uint64_t pfstack_mappings_caps(void)
{
	static const uint64_t sets[] = { 0, PF_CAP(CHECKPOINT_RESTORE), PF_CAP(SYS_ADMIN) };

	return PF_CAP(SYS_PTRACE) | PF_CAP(DAC_READ_SEARCH) |
	       pf_caps_least(sets, PF_ARRAY_SIZE(sets), may_follow, NULL);
}

/* ---- one mapping ----------------------------------------------------------- */

static struct pf_module_key key_of(const struct stat *st)
{
	return (struct pf_module_key){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size_bytes = (uint64_t)st->st_size,
		.mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
	};
}

/* Regular, or opening it might wait for somebody. */
static int64_t add_file(struct pfstack_mappings *m, const char *path, const char *name)
{
	struct pf_module_key key;
	struct stat st;
	uint32_t known;
	int fd;

	if (stat(path, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return PF_MODULE_NONE;
	key = key_of(&st);
	known = pf_symbolizer__find_module(m->symbolizer, &key);
	if (known != PF_MODULE_NONE)
		return known;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	return pf_symbolizer__add_module(m->symbolizer, name, fd);
}

/* Where map_files is not to be had: by the name, if that is still the file that is mapped. */
static int64_t add_by_name(struct pfstack_mappings *m, int64_t pid, const struct pf_maps_line *line,
			   const char *name)
{
	int fd = pf_foreign_file("/proc", pid, name);
	struct stat st;

	if (fd < 0)
		return fd;
	if (!fstat(fd, &st) && st.st_ino == line->inode)
		return pf_symbolizer__add_module(m->symbolizer, name, fd);
	close(fd);
	return -ESTALE;
}

static uint32_t module_of(struct pfstack_mappings *m, int64_t pid, const struct pf_maps_line *line)
{
	char name[PATH_MAX], path[96];
	int64_t module;

	if (pf_span_is(line->name, "[vdso]"))
		return pf_symbolizer__vdso(m->symbolizer);
	if (!line->inode || pf_span_len(line->name) >= sizeof(name))
		return PF_MODULE_NONE;
	memcpy(name, line->name.p, pf_span_len(line->name));
	name[pf_span_len(line->name)] = '\0';
	snprintf(path, sizeof(path), "/proc/%" PRId64 "/map_files/%" PRIx64 "-%" PRIx64, pid,
		 line->start, line->end);
	module = add_file(m, path, name);
	if (module == -EPERM || module == -EACCES)
		module = add_by_name(m, pid, line, name);
	if (module >= 0)
		return (uint32_t)module;
	m->unopened++;
	m->why = (int)module;
	return PF_MODULE_NONE;
}

/* ---- all of a process ------------------------------------------------------ */

static size_t take_ranges(struct pfstack_mappings *m, int64_t pid, size_t len)
{
	struct pf_span rest = pf_span_of(m->text.data, len), line;
	struct pf_maps_line l;
	size_t n = 0;

	while (n < PF_RANGES_MAX && pf_span_line(&rest, &line)) {
		if (!pf_maps_line(line, &l) || !l.exec || pf_span_is(l.name, "[vsyscall]"))
			continue;
		m->ranges[n++] = (struct pf_map_range){ .start = l.start,
							.end = l.end,
							.offset = l.offset,
							.module = module_of(m, pid, &l) };
	}
	return n;
}

static int64_t inner_pid(struct pfstack_mappings *m, int64_t pid)
{
	struct pf_status_lines status;
	char path[64];
	ssize_t len;

	snprintf(path, sizeof(path), "%" PRId64 "/status", pid);
	len = pf_readbuf__below(&m->text, "/proc", path, 65536);
	if (len <= 0)
		return pid;
	pf_parse_status(m->text.data, (size_t)len, &status);
	return status.nspid > 0 ? status.nspid : pid;
}

static int read_now(struct pfstack_mappings *m, struct pfstack_proc *proc)
{
	struct pf_map_owner owner = { .pid = proc->key.pid,
				      .start_ns = proc->key.start_ns,
				      .uid = proc->uid,
				      .abi = OUR_ABI };
	char path[64];
	int64_t maps;
	ssize_t len;

	if (!m->ranges)
		m->ranges = calloc(PF_RANGES_MAX, sizeof(*m->ranges));
	if (!m->ranges)
		return -ENOMEM;
	owner.nspid = inner_pid(m, proc->key.pid);
	snprintf(path, sizeof(path), "/proc/%" PRId64 "/maps", proc->key.pid);
	len = pf_readbuf__file(&m->text, AT_FDCWD, path, PFSTACK_MAPS_BYTES_MAX);
	if (len <= 0)
		return len ? (int)len : -ESRCH;
	m->n_ranges = take_ranges(m, proc->key.pid, (size_t)len);
	maps = pf_symbolizer__set_maps(m->symbolizer, &owner, m->ranges, m->n_ranges);
	if (maps < 0)
		return (int)maps;
	proc->maps = (uint32_t)maps;
	return 0;
}

int pfstack_mappings_read(struct pfstack_mappings *m, struct pfstack_proc *proc)
{
	uint64_t begin = pf_boottime_ns();
	int ret = read_now(m, proc);

	proc->maps_ns = pf_boottime_ns();
	proc->maps_took_ns = proc->maps_ns - begin;
	return ret;
}

int pfstack_mappings_again(struct pfstack_mappings *m, struct pfstack_proc *proc)
{
	uint64_t since = pf_boottime_ns() - proc->maps_ns;

	if (since < AGAIN_NS || since < proc->maps_took_ns * AGAIN_TIMES)
		return -EAGAIN;
	return pfstack_mappings_read(m, proc);
}

uint32_t pfstack_mappings_program(struct pfstack_mappings *m, int64_t pid)
{
	struct pf_module_key key;
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/exe", pid);
	if (stat(path, &st))
		return PF_MODULE_NONE;
	key = key_of(&st);
	return pf_symbolizer__find_module(m->symbolizer, &key);
}

void pfstack_mappings_free(struct pfstack_mappings *m)
{
	pf_readbuf__free(&m->text);
	free(m->ranges);
}
