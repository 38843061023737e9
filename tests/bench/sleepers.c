/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes that do nothing. usage: sleepers COUNT [CGROUP_DIR...]: forks COUNT
 * children, spread evenly over the cgroups, says "ready", and takes them down at
 * the end of standard input. They die with it whatever happens to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/parse.h"

#define MAX_CHILDREN 100000

/* 0 is whoever writes it. */
static int join(const char *cgroup_dir)
{
	char path[PATH_MAX];
	int fd, ok;

	if ((size_t)snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup_dir) >= sizeof(path))
		return -1;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ok = write(fd, "0", 1) == 1;
	close(fd);
	return ok ? 0 : -1;
}

static void __attribute__((noreturn)) child_main(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == parent)
		pause();
	_exit(0);
}

/* Children are born into the cgroup of their parent. */
static long spawn(pid_t *children, long count, char **dirs, long n_dirs)
{
	pid_t self = getpid();
	long here = -1;

	for (long i = 0; i < count; i++) {
		long dir = n_dirs ? i * n_dirs / count : -1;

		if (dir != here && join(dirs[dir])) {
			fprintf(stderr, "sleepers: cannot join %s: %s\n", dirs[dir],
				strerror(errno));
			return i;
		}
		here = dir;
		children[i] = fork();
		if (!children[i])
			child_main(self);
		if (children[i] < 0) {
			fprintf(stderr, "sleepers: fork %ld: %s\n", i, strerror(errno));
			return i;
		}
	}
	return count;
}

static void reap(const pid_t *children, long count)
{
	for (long i = 0; i < count; i++)
		kill(children[i], SIGKILL);
	for (long i = 0; i < count; i++)
		waitpid(children[i], NULL, 0);
}

int main(int argc, char **argv)
{
	uint64_t count;
	pid_t *children;
	long have;
	char byte;

	if (argc < 2 || pf_parse_u64(argv[1], 1, MAX_CHILDREN, &count)) {
		fprintf(stderr, "usage: sleepers COUNT [CGROUP_DIR...], COUNT up to %d\n",
			MAX_CHILDREN);
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	children = calloc(count, sizeof(*children));
	if (!children)
		return 1;
	have = spawn(children, (long)count, argv + 2, argc - 2);
	if (have == (long)count) {
		puts("ready");
		fflush(stdout);
		while (read(STDIN_FILENO, &byte, 1) == 1)
			;
	}
	reap(children, have);
	free(children);
	return have == (long)count ? 0 : 1;
}
