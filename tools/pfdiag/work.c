/* SPDX-License-Identifier: BSD-2-Clause */
/* The child that faults. Allocates nothing after its start: every page it touches is meant. */
#include "tools/pfdiag/work.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"

#define ANON_PAGES   64
#define SHMEM_PAGES  32
#define FILE_MAPS    24
#define COW_MAPS     24
#define KERNEL_PAGES 16

#define TIMED_BYTES (4 << 20)
#define BURSTS	    4

struct work {
	long page;
	int file; /* of a disk, to be mapped; -1 = none */
};

static char *map(long bytes, int flags)
{
	char *p = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, (size_t)bytes, MADV_NOHUGEPAGE);
	return p;
}

static void touch(const struct work *w, char *mem, long pages)
{
	for (long i = 0; i < pages; i++)
		((volatile char *)mem)[i * w->page] = 1;
}

/* A mapping of one page each, apart from the others: a fault cannot bring its neighbours. */
struct apart {
	char *at[FILE_MAPS > COW_MAPS ? FILE_MAPS : COW_MAPS];
};

/* The same page of the file again and again; neighbours of that kind are never merged. */
static bool map_apart(const struct work *w, struct apart *a, int n)
{
	for (int i = 0; i < n; i++) {
		a->at[i] = mmap(NULL, (size_t)w->page, PROT_READ | PROT_WRITE, MAP_PRIVATE, w->file,
				0);
		if (a->at[i] == MAP_FAILED)
			return false;
	}
	return true;
}

static void unmap_apart(const struct work *w, const struct apart *a, int n)
{
	for (int i = 0; i < n; i++)
		munmap(a->at[i], (size_t)w->page);
}

static int64_t faults(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return (int64_t)ru.ru_minflt + ru.ru_majflt;
}

/* The kernel writes into pages that nobody has touched. */
static int64_t touch_by_kernel(const struct work *w, char *mem)
{
	int64_t n = 0;

	for (int i = 0; i < KERNEL_PAGES; i++)
		n += getrandom(mem + i * w->page, 1, GRND_NONBLOCK) == 1;
	return n;
}

static void classes(const struct work *w, struct pfdiag_done *done)
{
	char *anon = map(ANON_PAGES * w->page, MAP_PRIVATE);
	char *shmem = map(SHMEM_PAGES * w->page, MAP_SHARED);
	char *kernel = map(KERNEL_PAGES * w->page, MAP_PRIVATE);
	struct apart read, copied;
	bool files =
		w->file >= 0 && map_apart(w, &read, FILE_MAPS) && map_apart(w, &copied, COW_MAPS);

	memset(done, 0, sizeof(*done));
	if (!anon || !shmem || !kernel)
		return;
	done->counted = -faults();
	touch(w, anon, ANON_PAGES);
	touch(w, shmem, SHMEM_PAGES);
	done->kernel = touch_by_kernel(w, kernel);
	for (int i = 0; files && i < FILE_MAPS; i++)
		(void)*(volatile char *)read.at[i];
	for (int i = 0; files && i < COW_MAPS; i++)
		*(volatile char *)copied.at[i] = 1;
	done->counted += faults();
	done->anon = ANON_PAGES + done->kernel;
	done->shmem = SHMEM_PAGES;
	done->file = files ? FILE_MAPS : 0;
	done->cow = files ? COW_MAPS : 0;
	munmap(anon, (size_t)(ANON_PAGES * w->page));
	munmap(shmem, (size_t)(SHMEM_PAGES * w->page));
	munmap(kernel, (size_t)(KERNEL_PAGES * w->page));
	if (files) {
		unmap_apart(w, &read, FILE_MAPS);
		unmap_apart(w, &copied, COW_MAPS);
	}
}

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void timed(const struct work *w, struct pfdiag_done *done)
{
	long pages = TIMED_BYTES / w->page;

	memset(done, 0, sizeof(*done));
	for (int i = 0; i < BURSTS; i++) {
		char *mem = map(TIMED_BYTES, MAP_PRIVATE);
		double ns;

		if (!mem)
			return;
		ns = cpu_ns();
		touch(w, mem, pages);
		ns = (cpu_ns() - ns) / (double)pages;
		munmap(mem, TIMED_BYTES);
		if (i == 0 || ns < done->ns_per_fault)
			done->ns_per_fault = ns;
	}
}

/* Our own program: it is there, in memory, and on a file system of some kind. */
static int open_file(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct statfs fs;

	if (fd < 0)
		fd = open((const char *)getauxval(AT_EXECFN), O_RDONLY | O_CLOEXEC);
	/* Pages of a tmpfs are shared memory. */
	if (fd >= 0 && (fstatfs(fd, &fs) || fs.f_type == TMPFS_MAGIC)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void __attribute__((noreturn))
be_worker(int in, int out, enum pfdiag_work_kind kind, pid_t parent)
{
	struct work w = { .page = sysconf(_SC_PAGESIZE), .file = open_file() };
	struct pfdiag_done done;
	char go;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	while (read(in, &go, 1) == 1) {
		if (kind == PFDIAG_WORK_CLASSES)
			classes(&w, &done);
		else
			timed(&w, &done);
		if (write(out, &done, sizeof(done)) != (ssize_t)sizeof(done))
			break;
	}
	_exit(0);
}

int pfdiag_work_start(struct pfdiag_worker *w, enum pfdiag_work_kind kind)
{
	pid_t parent = getpid();
	int to[2], from[2];

	*w = (struct pfdiag_worker){ .pid = -1, .to = -1, .from = -1 };
	if (pipe2(to, O_CLOEXEC))
		return -errno;
	if (pipe2(from, O_CLOEXEC)) {
		close(to[0]);
		close(to[1]);
		return -errno;
	}
	w->pid = fork();
	if (w->pid == 0) {
		close(to[1]);
		close(from[0]);
		be_worker(to[0], from[1], kind, parent);
	}
	close(to[0]);
	close(from[1]);
	w->to = to[1];
	w->from = from[0];
	return w->pid < 0 ? -errno : 0;
}

bool pfdiag_work_round(struct pfdiag_worker *w, struct pfdiag_done *done, double limit_s)
{
	struct pollfd fd = { .fd = w->from, .events = POLLIN };

	if (write(w->to, "", 1) != 1 || poll(&fd, 1, (int)(limit_s * 1000)) != 1)
		return false;
	return read(w->from, done, sizeof(*done)) == (ssize_t)sizeof(*done);
}

void pfdiag_work_end(struct pfdiag_worker *w)
{
	if (w->to >= 0)
		close(w->to);
	if (w->from >= 0)
		close(w->from);
	if (w->pid > 0) {
		kill(w->pid, SIGKILL);
		while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	*w = (struct pfdiag_worker){ .pid = -1, .to = -1, .from = -1 };
}
