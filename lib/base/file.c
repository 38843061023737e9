/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files we write, often as root, sometimes below /tmp. The directory is opened
 * first and everything else happens inside it, so no one can swap it between
 * check and use.
 *
 * Refuses: a symbolic link as the last part of the path; in a directory that
 * everyone may write to, a file that belongs to neither us nor root, or that
 * has a second name; for replacing, anything but a regular file; for
 * appending, anything but a regular file, a character device (/dev/null, a
 * terminal) and a FIFO that somebody reads.
 */
#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/strbuf.h"

struct place {
	int dir;	  /* open directory, -1 = none */
	bool shared;	  /* everyone may write to it */
	bool can_sync;	  /* opened for reading, so fsync works */
	const char *name; /* last part of the path; points into the caller's path */
};

static void place_release(struct place *p)
{
	if (p->dir >= 0)
		close(p->dir);
}

static int open_directory(struct place *p, const char *name)
{
	p->can_sync = true;
	p->dir = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->dir < 0 && errno == EACCES) {
		p->can_sync = false;
		p->dir = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	return p->dir < 0 ? -errno : 0;
}

static int place_open(struct place *p, const char *path, struct pf_error *err)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *parent = NULL;
	struct stat st;
	int rc;

	p->name = slash ? slash + 1 : path;
	if (!*p->name || !strcmp(p->name, ".") || !strcmp(p->name, ".."))
		return pf_fail(err, EINVAL, "cannot write '%s': not the name of a file", path);
	if (!slash)
		parent = strdup(".");
	else
		parent = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (!parent)
		return pf_fail(err, ENOMEM, "cannot write '%s': out of memory", path);
	rc = open_directory(p, parent);
	if (rc)
		return pf_fail(err, -rc, "cannot open the directory of '%s': %s", path,
			       strerror(-rc));
	if (fstat(p->dir, &st))
		return pf_fail(err, errno, "cannot look at the directory of '%s': %s", path,
			       strerror(errno));
	p->shared = st.st_mode & S_IWOTH;
	return 0;
}

/* May we write to this existing file, as far as its directory's neighbours go? */
static int check_owner(const struct place *p, const struct stat *st, const char *path,
		       struct pf_error *err)
{
	if (!p->shared)
		return 0;
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return pf_fail(err, EPERM,
			       "will not write '%s': it belongs to another user (uid %u) in a "
			       "directory that everyone may write to",
			       path, (unsigned int)st->st_uid);
	if (S_ISREG(st->st_mode) && st->st_nlink > 1)
		return pf_fail(err, EPERM,
			       "will not write '%s': it has a second name (hard link) and is in a "
			       "directory that everyone may write to",
			       path);
	return 0;
}

static int open_failed(const char *path, int code, struct pf_error *err)
{
	switch (code) {
	case ELOOP:
		return pf_fail(err, code,
			       "will not write '%s': it is a symbolic link; name the file itself",
			       path);
	case ENXIO:
		return pf_fail(err, code, "cannot write '%s': a FIFO or socket without a reader",
			       path);
	default:
		return pf_fail(err, code, "cannot open '%s': %s", path, strerror(code));
	}
}

/* O_NONBLOCK was for opening only: it keeps a FIFO without reader from hanging us. */
static int make_blocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

static int check_appendable(const struct place *p, int fd, const char *path, struct pf_error *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return pf_fail(err, errno, "cannot look at '%s': %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode) && !S_ISFIFO(st.st_mode))
		return pf_fail(err, EINVAL,
			       "will not write '%s': not a regular file, FIFO or character device",
			       path);
	return check_owner(p, &st, path, err);
}

FILE *pf_file_append(const char *path, mode_t mode, struct pf_error *err)
{
	_cleanup_(place_release) struct place p = { .dir = -1 };
	_cleanup_close_ int fd = -1;
	FILE *f;

	if (place_open(&p, path, err))
		return NULL;
	fd = openat(p.dir, p.name,
		    O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		    mode);
	if (fd < 0) {
		open_failed(path, errno, err);
		return NULL;
	}
	if (check_appendable(&p, fd, path, err))
		return NULL;
	if (make_blocking(fd) || !(f = fdopen(fd, "a"))) {
		pf_fail(err, errno, "cannot open '%s': %s", path, strerror(errno));
		return NULL;
	}
	fd = -1;
	return f;
}

/* What stands in the way of replacing the file, if it exists. */
static int check_replaceable(const struct place *p, const char *path, struct pf_error *err)
{
	struct stat st;

	if (fstatat(p->dir, p->name, &st, AT_SYMLINK_NOFOLLOW)) {
		if (errno == ENOENT)
			return 0;
		return pf_fail(err, errno, "cannot look at '%s': %s", path, strerror(errno));
	}
	if (S_ISLNK(st.st_mode))
		return open_failed(path, ELOOP, err);
	if (!S_ISREG(st.st_mode))
		return pf_fail(err, EINVAL, "will not replace '%s': not a regular file", path);
	return check_owner(p, &st, path, err);
}

/* A new file with a name no one can guess; node_exporter skips it: it lacks the suffix. */
static int create_temporary(const struct place *p, char name[32])
{
	for (int attempt = 0; attempt < 16; attempt++) {
		uint64_t random;
		int fd;

		if (getrandom(&random, sizeof(random), 0) != sizeof(random))
			return -EIO;
		snprintf(name, 32, ".pf-%016llx", (unsigned long long)random);
		fd = openat(p->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			    0600);
		if (fd >= 0 || errno != EEXIST)
			return fd < 0 ? -errno : fd;
	}
	return -EEXIST;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int fill(int fd, const void *data, size_t len, mode_t mode)
{
	int rc = write_all(fd, data, len);

	if (rc)
		return rc;
	/* Not by open(): the umask would take bits away that a collector needs. */
	if (fchmod(fd, mode) || fsync(fd))
		return -errno;
	return 0;
}

/* fd is the temporary file's, or -errno. */
static int finish_replacing(const struct place *p, const char *path, const char *temporary, int fd,
			    const void *data, size_t len, mode_t mode, struct pf_error *err)
{
	int rc;

	if (fd < 0)
		return pf_fail(err, -fd, "cannot create a temporary file beside '%s': %s", path,
			       strerror(-fd));
	rc = fill(fd, data, len, mode);
	if (!rc && renameat(p->dir, temporary, p->dir, p->name))
		rc = -errno;
	if (rc) {
		unlinkat(p->dir, temporary, 0);
		return pf_fail(err, -rc, "cannot write '%s': %s", path, strerror(-rc));
	}
	/* The new file is in place; a directory that cannot be flushed does not undo that. */
	if (p->can_sync)
		(void)fsync(p->dir);
	return 0;
}

int pf_file_replace(const char *path, const void *data, size_t len, mode_t mode,
		    struct pf_error *err)
{
	_cleanup_(place_release) struct place p = { .dir = -1 };
	_cleanup_close_ int fd = -1;
	char temporary[32];
	int rc = place_open(&p, path, err);

	if (!rc)
		rc = check_replaceable(&p, path, err);
	if (rc)
		return rc;
	fd = create_temporary(&p, temporary);
	return finish_replacing(&p, path, temporary, fd, data, len, mode, err);
}

/* The name with something behind it. 0, or -ENAMETOOLONG with *err filled. */
static int beside(char name[NAME_MAX + 1], const struct place *p, const char *suffix,
		  const char *path, struct pf_error *err)
{
	int len = snprintf(name, NAME_MAX + 1, "%s%s", p->name, suffix);

	if (len >= 0 && len <= NAME_MAX)
		return 0;
	return pf_fail(err, ENAMETOOLONG, "cannot write '%s': no room for '%s' behind its name",
		       path, suffix);
}

static int create_beside(const struct place *p, const char *name)
{
	int fd;

	if (unlinkat(p->dir, name, 0) && errno != ENOENT)
		return -errno;
	fd = openat(p->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

int pf_file_replace_locked(const char *path, const void *data, size_t len, mode_t mode,
			   struct pf_error *err)
{
	_cleanup_(place_release) struct place p = { .dir = -1 };
	_cleanup_close_ int fd = -1;
	char temporary[NAME_MAX + 1];
	int rc = place_open(&p, path, err);

	if (!rc)
		rc = check_replaceable(&p, path, err);
	if (!rc)
		rc = beside(temporary, &p, ".new", path, err);
	if (rc)
		return rc;
	fd = create_beside(&p, temporary);
	return finish_replacing(&p, path, temporary, fd, data, len, mode, err);
}

/* ---- a file of our own, kept from run to run ------------------------------- */

static int read_all(int fd, size_t max, struct pf_strbuf *out)
{
	char block[65536];
	size_t total = 0;
	struct stat st;
	ssize_t n;

	if (!fstat(fd, &st) && (uint64_t)st.st_size <= max)
		pf_strbuf_reserve(out, (size_t)st.st_size);

	while ((n = read(fd, block, sizeof(block))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		total += (size_t)n;
		if (total > max)
			return -EFBIG;
		pf_strbuf_addmem(out, block, (size_t)n);
		if (out->failed)
			return -ENOMEM;
	}
	return 0;
}

int pf_file_read(const char *path, size_t max, struct pf_strbuf *out, struct pf_error *err)
{
	_cleanup_(place_release) struct place p = { .dir = -1 };
	_cleanup_close_ int fd = -1;
	int rc = place_open(&p, path, err);

	if (!rc)
		rc = check_replaceable(&p, path, err);
	if (rc)
		return rc;
	fd = openat(p.dir, p.name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0)
		return pf_fail(err, errno, "cannot open '%s': %s", path, strerror(errno));
	rc = read_all(fd, max, out);
	return rc ? pf_fail(err, -rc, "cannot read '%s': %s", path, strerror(-rc)) : 0;
}

/* Who has the lock? 0 = nobody any more, or somebody in another pid namespace. */
static pid_t holder(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_GETLK, &lock) || lock.l_type == F_UNLCK ? 0 : lock.l_pid;
}

static int take_lock(int fd, const char *path, struct pf_error *err)
{
	/* Of the process, not of the descriptor: no child keeps it. */
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	pid_t who;

	if (!fcntl(fd, F_SETLK, &lock))
		return 0;
	if (errno != EAGAIN && errno != EACCES)
		return pf_fail(err, errno, "cannot lock '%s': %s", path, strerror(errno));
	who = holder(fd);
	if (who > 0)
		return pf_fail(err, EBUSY, "'%s' is in use by process %d", path, (int)who);
	return pf_fail(err, EBUSY, "'%s' is in use by another process", path);
}

int pf_file_lock(const char *path, struct pf_error *err)
{
	_cleanup_(place_release) struct place p = { .dir = -1 };
	_cleanup_close_ int fd = -1;
	char name[NAME_MAX + 1];
	struct stat st;
	int rc = place_open(&p, path, err);

	if (!rc)
		rc = beside(name, &p, ".lock", path, err);
	if (rc)
		return rc;
	fd = openat(p.dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		    0600);
	if (fd < 0)
		return pf_fail(err, errno, "cannot open '%s.lock': %s", path, strerror(errno));
	if (fstat(fd, &st))
		return pf_fail(err, errno, "cannot look at '%s.lock': %s", path, strerror(errno));
	rc = check_owner(&p, &st, path, err);
	if (!rc)
		rc = take_lock(fd, path, err);
	if (rc)
		return rc;
	rc = fd;
	fd = -1;
	return rc;
}

int pf_file_set_aside(const char *path, const char *suffix, struct pf_error *err)
{
	_cleanup_(place_release) struct place p = { .dir = -1 };
	char name[NAME_MAX + 1];
	int rc = place_open(&p, path, err);

	if (!rc)
		rc = beside(name, &p, suffix, path, err);
	if (rc)
		return rc;
	if (renameat(p.dir, p.name, p.dir, name))
		return pf_fail(err, errno, "cannot rename '%s' to '%s%s': %s", path, path, suffix,
			       strerror(errno));
	return 0;
}

bool pf_file_can_replace(const char *path)
{
	_cleanup_(place_release) struct place p = { .dir = -1 };
	_cleanup_close_ int fd = -1;
	char temporary[32];

	if (place_open(&p, path, NULL))
		return false;
	fd = create_temporary(&p, temporary);
	return fd >= 0 && !unlinkat(p.dir, temporary, 0);
}

bool pf_file_same(const char *a, const char *b)
{
	struct stat sa, sb;

	return !stat(a, &sa) && S_ISREG(sa.st_mode) && !stat(b, &sb) && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}
