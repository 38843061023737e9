/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads processes from a /proc directory. Opens nothing else, keeps no
 * descriptor of any process.
 *
 * status is the dearest of the three files (12 us of 21), and for a process
 * that did nothing it says what it said before. So its answer is remembered,
 * and used while stat and statm stand still.
 */
#include "lib/proc/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HASH_NONFATAL_OOM 1 /* without memory an addition fails, not the program */
#include <uthash.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/proc/procfile.h"
#include "lib/proc/scan.h"

#define PF_KTHREAD_FLAG                                                                            \
	0x00200000		/* PF_KTHREAD of include/linux/sched.h; shown in stat since 2.6 */
#define FILE_MAX      (1 << 20) /* 65,536 groups make a status of 700 kB */
#define MEMORY_MAX    65536	/* processes remembered; others are read whole each time */
#define REFRESH_TURNS 16
#define THREADS_MAX   256 /* threads asked in place of a dead leader */
#define NAME_LEN      64

/* One process as it was read whole. */
struct known {
	int64_t pid;
	struct pf_stat_line stat;
	struct pf_status_lines status;
	uint64_t pass;
	UT_hash_handle hh;
};

struct pf_procfs {
	int fd;
	DIR *dir; /* owns fd */
	struct pf_readbuf buf;
	struct known *known;
	uint64_t pass;
	int64_t page_bytes;
	uint64_t tick_ns;
};

struct pf_procfs *pf_procfs__open(const char *root, struct pf_error *err)
{
	struct pf_procfs *p = calloc(1, sizeof(*p));
	long ticks = sysconf(_SC_CLK_TCK);

	if (!p) {
		pf_fail(err, ENOMEM, "cannot read %s: out of memory", root);
		errno = ENOMEM;
		return NULL;
	}
	p->dir = opendir(root);
	if (!p->dir) {
		int code = errno;

		pf_fail(err, code, "cannot read %s: %s (see pfdiag --only proc)", root,
			strerror(code));
		free(p);
		errno = code;
		return NULL;
	}
	p->fd = dirfd(p->dir);
	p->page_bytes = sysconf(_SC_PAGESIZE);
	p->tick_ns = 1000000000ULL / (uint64_t)(ticks > 0 ? ticks : 100);
	return p;
}

void pf_procfs__close(struct pf_procfs *p)
{
	struct known *k, *next;

	if (!p)
		return;
	k = p->known;
	HASH_CLEAR(hh, p->known);
	for (; k; k = next) {
		next = k->hh.next;
		free(k);
	}
	pf_readbuf__free(&p->buf);
	closedir(p->dir);
	free(p);
}

int pf_procfs__fd(const struct pf_procfs *p)
{
	return p->fd;
}

static ssize_t read_pid(struct pf_procfs *p, int64_t pid, const char *file)
{
	char path[NAME_LEN + 24];
	ssize_t n;

	snprintf(path, sizeof(path), "%lld/%s", (long long)pid, file);
	n = pf_readbuf__record(&p->buf, p->fd, path, FILE_MAX);
	return n == -ENOENT ? -ESRCH : n;
}

static int read_stat(struct pf_procfs *p, int64_t pid, struct pf_stat_line *out)
{
	ssize_t n = read_pid(p, pid, "stat");

	if (n < 0)
		return (int)n;
	return pf_parse_stat(p->buf.data, (size_t)n, out);
}

static int read_statm(struct pf_procfs *p, int64_t pid, struct pf_statm_line *out)
{
	ssize_t n = read_pid(p, pid, "statm");

	if (n < 0)
		return (int)n;
	return pf_parse_statm(p->buf.data, (size_t)n, out);
}

static int read_status(struct pf_procfs *p, int64_t pid, const char *file,
		       struct pf_status_lines *out)
{
	ssize_t n = read_pid(p, pid, file);

	if (n < 0)
		return (int)n;
	pf_parse_status(p->buf.data, (size_t)n, out);
	return 0;
}

/* A directory entry that is a process or thread id. */
static bool is_id(const char *name, pid_t *id)
{
	struct pf_span s = pf_span_of(name, strlen(name));
	uint64_t value;

	if (*name < '0' || *name > '9' || !pf_span_u64(&s, &value) || s.p != s.end ||
	    value > INT_MAX)
		return false;
	*id = (pid_t)value;
	return true;
}

static DIR *open_tasks(struct pf_procfs *p, int64_t pid)
{
	char path[NAME_LEN];
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "%lld/task", (long long)pid);
	fd = openat(p->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	dir = fdopendir(fd);
	if (!dir)
		close(fd);
	return dir;
}

/* A leader that exited has given its memory back, but its threads still live in it. */
static void memory_of_thread(struct pf_procfs *p, int64_t pid, struct pf_status_lines *status)
{
	_cleanup_closedir_ DIR *dir = open_tasks(p, pid);
	struct pf_status_lines s;
	const struct dirent *e;
	char file[NAME_LEN];
	int asked = 0;
	pid_t tid;

	while (dir && asked < THREADS_MAX && (e = readdir(dir))) {
		if (!is_id(e->d_name, &tid))
			continue;
		asked++;
		snprintf(file, sizeof(file), "task/%d/status", tid);
		if (read_status(p, pid, file, &s) || s.vsz_bytes == PF_UNKNOWN)
			continue;
		s.uid = status->uid;
		s.nspid = status->nspid;
		*status = s;
		return;
	}
}

/* Kernels before 4.5 do not split the resident set in status. */
static void split_by_statm(struct pf_procfs *p, int64_t pid, struct pf_status_lines *status)
{
	struct pf_statm_line m;

	if (read_statm(p, pid, &m))
		return;
	status->rss_anon_bytes = pf_scale_bytes(m.resident_pages - m.shared_pages, p->page_bytes);
	status->rss_file_bytes = pf_scale_bytes(m.shared_pages, p->page_bytes);
}

static int read_whole(struct pf_procfs *p, const struct pf_stat_line *stat,
		      struct pf_status_lines *status)
{
	int err = read_status(p, stat->pid, "status", status);

	if (err)
		return err;
	if (status->vsz_bytes == PF_UNKNOWN && stat->num_threads > 1)
		memory_of_thread(p, stat->pid, status);
	else if (status->vsz_bytes != PF_UNKNOWN && status->rss_anon_bytes == PF_UNKNOWN)
		split_by_statm(p, stat->pid, status);
	return 0;
}

static bool same_work(const struct pf_stat_line *a, const struct pf_stat_line *b)
{
	return a->start_ticks == b->start_ticks && a->minflt == b->minflt &&
	       a->majflt == b->majflt && a->cpu_ticks == b->cpu_ticks &&
	       a->num_threads == b->num_threads && a->vsz_bytes == b->vsz_bytes &&
	       a->state != 'Z' && b->state != 'Z' && !strcmp(a->comm, b->comm);
}

/* status and statm print the same counters, so equal sums mean that nothing moved. */
static bool same_memory(struct pf_procfs *p, int64_t pid, const struct pf_status_lines *s)
{
	struct pf_statm_line m;

	if (s->rss_shmem_bytes == PF_UNKNOWN || read_statm(p, pid, &m))
		return false;
	return pf_scale_bytes(m.shared_pages, p->page_bytes) ==
		       s->rss_file_bytes + s->rss_shmem_bytes &&
	       pf_scale_bytes(m.resident_pages - m.shared_pages, p->page_bytes) ==
		       s->rss_anon_bytes;
}

static struct known *remember(struct pf_procfs *p, struct known *k, int64_t pid)
{
	if (k || HASH_COUNT(p->known) >= MEMORY_MAX)
		return k;
	k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	k->pid = pid;
	HASH_ADD(hh, p->known, pid, sizeof(k->pid), k);
	if (k->hh.tbl)
		return k;
	free(k);
	return NULL;
}

static int recall_or_read(struct pf_procfs *p, const struct pf_stat_line *stat,
			  struct pf_status_lines *status)
{
	bool due = (uint64_t)stat->pid % REFRESH_TURNS == p->pass % REFRESH_TURNS;
	struct known *k;
	int err;

	HASH_FIND(hh, p->known, &stat->pid, sizeof(stat->pid), k);
	if (k && !due && same_work(&k->stat, stat) && same_memory(p, stat->pid, &k->status)) {
		*status = k->status;
		k->pass = p->pass;
		return 0;
	}
	err = read_whole(p, stat, status);
	if (err)
		return err;
	k = remember(p, k, stat->pid);
	if (k) {
		k->stat = *stat;
		k->status = *status;
		k->pass = p->pass;
	}
	return 0;
}

static int64_t known_or(int64_t value, int64_t otherwise)
{
	return value == PF_UNKNOWN ? otherwise : value;
}

static void fill(const struct pf_procfs *p, const struct pf_stat_line *stat,
		 const struct pf_status_lines *status, struct pf_proc_stat *out)
{
	bool has_mm = status->vsz_bytes != PF_UNKNOWN;

	*out = (struct pf_proc_stat){
		.pid = stat->pid,
		.nspid = known_or(status->nspid, stat->pid),
		.ppid = stat->ppid,
		.uid = status->uid,
		.start_ns = stat->start_ticks * p->tick_ns,
		.state = stat->state,
		.kthread = stat->flags & PF_KTHREAD_FLAG,
		.has_mm = has_mm,
		.num_threads = stat->num_threads,
		.minflt = stat->minflt,
		.majflt = stat->majflt,
		.vsz_bytes = has_mm ? status->vsz_bytes : 0,
		.rss_anon_bytes = has_mm ? status->rss_anon_bytes : 0,
		.rss_file_bytes = has_mm ? status->rss_file_bytes : 0,
		.rss_shmem_bytes = has_mm ? status->rss_shmem_bytes : 0,
		.swap_bytes = has_mm ? status->swap_bytes : 0,
	};
	memcpy(out->comm, stat->comm, sizeof(out->comm));
}

/* Kernel threads have no memory, run as root and live in the first pid namespace. */
static const struct pf_status_lines kthread_status = {
	.uid = 0,
	.nspid = PF_UNKNOWN,
	.vsz_bytes = PF_UNKNOWN,
};

int pf_procfs__read(struct pf_procfs *p, pid_t pid, struct pf_proc_stat *out)
{
	struct pf_status_lines status = kthread_status;
	struct pf_stat_line stat;
	int err = read_stat(p, pid, &stat);

	if (err)
		return err;
	if (stat.pid != pid)
		return -EBADMSG;
	if (!(stat.flags & PF_KTHREAD_FLAG)) {
		err = recall_or_read(p, &stat, &status);
		if (err)
			return err;
	}
	fill(p, &stat, &status, out);
	return 0;
}

static void count_failure(struct pf_procfs_pass *pass, int err)
{
	switch (err) {
	case -ESRCH:
		pass->vanished++;
		break;
	case -EACCES:
	case -EPERM:
		pass->denied++;
		break;
	default:
		pass->broken++;
	}
}

static void forget_the_gone(struct pf_procfs *p)
{
	struct known *k, *next;

	HASH_ITER (hh, p->known, k, next) {
		if (k->pass == p->pass)
			continue;
		HASH_DEL(p->known, k);
		free(k);
	}
}

static int each_entry(struct pf_procfs *p, pf_procfs_fn fn, void *ctx, struct pf_procfs_pass *pass)
{
	struct pf_proc_stat stat;
	const struct dirent *e;
	pid_t pid;
	int err;

	while (errno = 0, (e = readdir(p->dir))) {
		if (!is_id(e->d_name, &pid))
			continue;
		err = pf_procfs__read(p, pid, &stat);
		if (err == -ENOMEM || err == -EMFILE)
			return err; /* so will the others, and a list without them would look whole */
		if (err) {
			count_failure(pass, err);
			continue;
		}
		pass->seen++;
		err = fn(ctx, &stat);
		if (err)
			return err;
	}
	return -errno;
}

int pf_procfs__each(struct pf_procfs *p, pf_procfs_fn fn, void *ctx, struct pf_procfs_pass *pass)
{
	struct pf_procfs_pass ignored = { 0 };
	int err;

	pass = pass ? pass : &ignored;
	*pass = (struct pf_procfs_pass){ 0 };
	p->pass++;
	rewinddir(p->dir);
	err = each_entry(p, fn, ctx, pass);
	if (!err)
		forget_the_gone(p);
	return err;
}

double pf_boot_offset_s(void)
{
	uint64_t best_ns = UINT64_MAX;
	double offset = 0;

	/* We may be preempted between the two clocks: the tightest of three pairs is right. */
	for (int i = 0; i < 3; i++) {
		uint64_t before = pf_boottime_ns();
		double real = pf_realtime_s();
		uint64_t gap = pf_boottime_ns() - before;

		if (gap < best_ns) {
			best_ns = gap;
			offset = real - ((double)before + (double)gap / 2) / 1e9;
		}
	}
	return offset;
}
