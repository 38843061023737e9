/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the oracle's sub-commands share: checked arguments, memory and files to
 * fault on, and what the kernel says of pages afterwards. Touching a page here
 * faults on nothing but that page.
 */
#ifndef PF_TESTS_WORKLOADS_ORACLE_PAGES_H
#define PF_TESTS_WORKLOADS_ORACLE_PAGES_H

#include <linux/magic.h>
#include <sys/vfs.h>

#include "tests/workloads/oracle.h"

enum {
	ORACLE_MAX_PAGES = 1 << 18, /* 1 GiB of 4 KiB pages, in all */
	ORACLE_MAX_MAPS = 10000,    /* mappings; the kernel's own limit is 65530 */
};

struct oracle_command {
	const char *name;
	const char *args;
	int min_args;
	int max_args;
	void (*run)(struct oracle *o, char **argv);
};

/* Those of oracle_class.c, up to one without a name. */
extern const struct oracle_command oracle_class_commands[];
extern const struct oracle_command oracle_stack_commands[];

/* ---- arguments ------------------------------------------------------------- */

static inline void __attribute__((noreturn)) oracle_refuse(const char *arg, const char *why)
{
	dprintf(STDERR_FILENO, "oracle: '%s' is not %s\n", arg, why);
	_exit(ORACLE_USAGE);
}

static inline long oracle_number(const char *what, const char *s, long min, long max)
{
	char *end, why[80];
	long n;

	errno = 0;
	n = strtol(s, &end, 10);
	if (errno || end == s || *end || n < min || n > max) {
		snprintf(why, sizeof(why), "a number of %s from %ld to %ld", what, min, max);
		oracle_refuse(s, why);
	}
	return n;
}

static inline long oracle_pages_arg(const char *s)
{
	return oracle_number("pages", s, 0, ORACLE_MAX_PAGES);
}

/* ---- memory ---------------------------------------------------------------- */

static inline char *oracle_map(long pages, int flags)
{
	char *mem = mmap(NULL, (pages ? pages : 1) * oracle_page_bytes(), PROT_READ | PROT_WRITE,
			 MAP_ANONYMOUS | flags, -1, 0);

	if (mem == MAP_FAILED)
		oracle_die("mmap of %ld pages: %s", pages, strerror(errno));
	return mem;
}

/*
 * Each page of a file in a mapping of its own, last page first, so that the
 * kernel can neither merge two of them nor map more than one page at a fault
 * ("fault-around", 16 pages as a rule). In memory they are side by side.
 */
static inline char *oracle_map_apart(int fd, long pages, int prot, int flags)
{
	long page = oracle_page_bytes();
	char *mem = mmap(NULL, (pages ? pages : 1) * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);

	if (mem == MAP_FAILED)
		oracle_die("mmap of %ld pages: %s", pages, strerror(errno));
	for (long i = 0; i < pages; i++) {
		if (mmap(mem + i * page, page, prot, flags | MAP_FIXED, fd,
			 (pages - 1 - i) * page) == MAP_FAILED)
			oracle_die("mmap of page %ld of a file: %s", i, strerror(errno));
	}
	return mem;
}

static inline long oracle_thread_faults(void)
{
	struct oracle_faults now = oracle_count(RUSAGE_THREAD);

	return now.minor + now.major;
}

/* Write to each page; the number of faults that took this thread. */
static inline long oracle_write(char *mem, long pages)
{
	long page = oracle_page_bytes(), before = oracle_thread_faults();

	for (long i = 0; i < pages; i++)
		((volatile char *)mem)[i * page] = 1;
	return oracle_thread_faults() - before;
}

static inline long oracle_read(const char *mem, long pages)
{
	long page = oracle_page_bytes(), before = oracle_thread_faults();

	for (long i = 0; i < pages; i++)
		(void)((const volatile char *)mem)[i * page];
	return oracle_thread_faults() - before;
}

/* ---- files ----------------------------------------------------------------- */

/* A file without a name; not every file system has O_TMPFILE. */
static inline int oracle_nameless(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char path[4096];

	if (fd < 0 && errno == EOPNOTSUPP) {
		snprintf(path, sizeof(path), "%s/oracle.XXXXXX", dir);
		fd = mkstemp(path);
		if (fd >= 0)
			unlink(path);
	}
	if (fd < 0)
		oracle_die("%s: %s", dir, strerror(errno));
	return fd;
}

/* Its pages are shared memory, not files. */
static inline bool oracle_on_tmpfs(const char *dir)
{
	struct statfs fs;

	return !statfs(dir, &fs) && fs.f_type == TMPFS_MAGIC;
}

/* Of PAGES pages, BLOCK over and over, all on the disk. */
static inline int oracle_file(const char *dir, long pages, const char *block, size_t block_bytes)
{
	int fd = oracle_nameless(dir);

	for (long left = pages * oracle_page_bytes(); left > 0; left -= block_bytes) {
		if (write(fd, block, block_bytes) != (ssize_t)block_bytes)
			oracle_die("%s: cannot fill a file", dir);
	}
	if (fsync(fd))
		oracle_die("%s: fsync: %s", dir, strerror(errno));
	return fd;
}

/* ---- what the kernel says of pages ------------------------------------------ */

/* In /proc/self/pagemap. */
#define ORACLE_PRESENT (1ULL << 63)
#define ORACLE_SWAPPED (1ULL << 62)
#define ORACLE_FILE    (1ULL << 61) /* of a file, or shared memory */

/* How many of the pages have exactly the bits WANT among those of MASK. */
static inline long oracle_pages_with(const char *mem, long pages, uint64_t mask, uint64_t want)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	off_t at = (uintptr_t)mem / oracle_page_bytes() * sizeof(uint64_t);
	uint64_t entry[64];
	long n = 0;

	if (fd < 0)
		oracle_die("/proc/self/pagemap: %s", strerror(errno));
	while (pages > 0) {
		long k = pages < 64 ? pages : 64;

		if (pread(fd, entry, k * sizeof(entry[0]), at) != (ssize_t)(k * sizeof(entry[0])))
			oracle_die("/proc/self/pagemap: %s", strerror(errno));
		for (long i = 0; i < k; i++)
			n += (entry[i] & mask) == want;
		pages -= k;
		at += k * sizeof(entry[0]);
	}
	close(fd);
	return n;
}

/* A line of smaps_rollup in bytes, for example "\nAnonHugePages:". */
static inline long oracle_rollup_bytes(struct oracle *o, const char *key)
{
	return oracle_kb_line(oracle_slurp(o, "/proc/thread-self/smaps_rollup"), key);
}

#endif
