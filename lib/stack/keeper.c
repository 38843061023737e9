/* SPDX-License-Identifier: BSD-2-Clause */
/* Starting, asking and burying pf-symbolize. Believes nothing that it answers, not even that it
 * will. */
#include "lib/stack/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/confine.h"
#include "lib/base/error.h"
#include "lib/base/installed.h"
#include "lib/base/spawn.h"

#define PROGRAM	   "pf-symbolize"
#define NOBODY	   65534
#define SAY_S	   5	     /* it does not even take what is said */
#define SOCK_BYTES (1 << 20) /* what may be on the way to it; less will do */
#define UNBURIED   16

struct pf_keeper {
	char path[PATH_MAX];
	struct pf_user user;
	bool has_user;
	pid_t pid; /* 0 = does not run */
	int sock;
	int memory_fd;
	struct pf_ask_memory *memory;
	uint64_t life;
	uint64_t deaths;
	double death_s[PF_KEEPER_DEATHS]; /* the last ones, a ring */
	pid_t unburied[UNBURIED];	  /* killed, but not dead: reads from a disk */
};

static double now_s(void)
{
	return (double)pf_boottime_ns() / 1e9;
}

/* ---- starting -------------------------------------------------------------- */

static int find_program(struct pf_keeper *k, const char *program, struct pf_error *err)
{
	int ret = 0;

	if (program)
		snprintf(k->path, sizeof(k->path), "%s", program);
	else
		ret = pf_installed_helper(k->path, sizeof(k->path), PROGRAM);
	return ret ? pf_fail(err, -ret,
			     "cannot run " PROGRAM
			     ": %s (stacks need it: is pftools installed whole? see pfdiag "
			     "--only install)",
			     strerror(-ret))
		   : 0;
}

/* Root does not read strangers' files as root. */
static void find_user(struct pf_keeper *k)
{
	k->has_user = geteuid() == 0;
	if (k->has_user && pf_user_find(&k->user, "nobody", NULL))
		k->user = (struct pf_user){ .uid = NOBODY, .gid = NOBODY };
}

/* Sealed: whoever has the other end cannot cut it off under us. */
static int make_memory(struct pf_keeper *k)
{
	void *map;

	k->memory_fd = memfd_create("pf-samples", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (k->memory_fd < 0 || ftruncate(k->memory_fd, sizeof(*k->memory)) ||
	    fcntl(k->memory_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return -errno;
	map = mmap(NULL, sizeof(*k->memory), PROT_READ | PROT_WRITE, MAP_SHARED, k->memory_fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	k->memory = map;
	return 0;
}

static int run(struct pf_keeper *k, int theirs)
{
	char *const argv[] = { k->path, NULL };
	char *const envp[] = { NULL };
	const struct pf_spawn s = { .path = k->path,
				    .argv = argv,
				    .envp = envp,
				    .fds = { theirs, -1, PF_CONFINE_WATCHED ? STDERR_FILENO : -1 },
				    .user = k->has_user ? &k->user : NULL,
				    .confined = true,
				    .ends_with_us = true };
	pid_t pid = pf_spawn(&s);

	if (pid < 0)
		return pid;
	k->pid = pid;
	return 0;
}

static int start(struct pf_keeper *k)
{
	static const struct timeval patience = { .tv_sec = SAY_S };
	static const int bytes = SOCK_BYTES;
	const struct pf_ask hello = { .op = PF_ASK_HELLO };
	int ends[2], ret;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	ret = run(k, ends[1]);
	close(ends[1]);
	if (ret) {
		close(ends[0]);
		return ret;
	}
	k->sock = ends[0];
	k->life++;
	k->memory->busy_module = PF_MODULE_NONE;
	return pf_keeper__say(k, &hello, NULL, 0, k->memory_fd);
}

struct pf_keeper *pf_keeper__new(const char *program, struct pf_error *err)
{
	struct pf_keeper *k = calloc(1, sizeof(*k));
	int ret;

	if (!k) {
		pf_fail(err, ENOMEM, "out of memory");
		return NULL;
	}
	k->sock = k->memory_fd = -1;
	find_user(k);
	ret = find_program(k, program, err);
	if (!ret) {
		ret = make_memory(k);
		if (!ret)
			ret = start(k);
		if (ret)
			pf_fail(err, -ret, "cannot start %s: %s (see pfdiag --only pfstack)",
				k->path, strerror(-ret));
	}
	if (!ret)
		return k;
	pf_keeper__free(k);
	return NULL;
}

/* ---- ending ---------------------------------------------------------------- */

/* Buries those of earlier lives; remembers one more. */
static void bury(struct pf_keeper *k, pid_t pid)
{
	for (size_t i = 0; i < UNBURIED; i++) {
		if (k->unburied[i] && waitpid(k->unburied[i], NULL, WNOHANG) != 0)
			k->unburied[i] = 0;
		if (!k->unburied[i]) {
			k->unburied[i] = pid;
			pid = 0;
		}
	}
}

/* Dead at once as a rule; one that waits for a disk must not keep us waiting. */
static void stop(struct pf_keeper *k)
{
	if (!k->pid)
		return;
	kill(k->pid, SIGKILL);
	for (int i = 0; i < 100; i++) {
		if (waitpid(k->pid, NULL, WNOHANG) != 0) {
			k->pid = 0;
			break;
		}
		poll(NULL, 0, 1);
	}
	bury(k, k->pid);
	k->pid = 0;
	close(k->sock);
	k->sock = -1;
}

void pf_keeper__free(struct pf_keeper *k)
{
	if (!k)
		return;
	stop(k);
	if (k->memory)
		munmap(k->memory, sizeof(*k->memory));
	if (k->memory_fd >= 0)
		close(k->memory_fd);
	free(k);
}

int pf_keeper__kill(struct pf_keeper *k)
{
	if (k->pid) {
		stop(k);
		k->death_s[k->deaths++ % PF_KEEPER_DEATHS] = now_s();
	}
	return -EPIPE;
}

/* ---- its life -------------------------------------------------------------- */

bool pf_keeper__runs(struct pf_keeper *k)
{
	if (k->pid)
		return true;
	/* The oldest of the last so many is where the next will be written. */
	if (k->deaths >= PF_KEEPER_DEATHS &&
	    now_s() - k->death_s[k->deaths % PF_KEEPER_DEATHS] < PF_KEEPER_SPELL_S)
		return false;
	return !start(k);
}

uint64_t pf_keeper__life(const struct pf_keeper *k)
{
	return k->life;
}

uint64_t pf_keeper__deaths(const struct pf_keeper *k)
{
	return k->deaths;
}

struct pf_ask_memory *pf_keeper__memory(struct pf_keeper *k)
{
	return k->memory;
}

int pf_keeper__say(struct pf_keeper *k, const struct pf_ask *head, const void *data, size_t len,
		   int fd)
{
	if (!k->pid)
		return -EPIPE;
	return pf_ask_send(k->sock, head, data, len, fd) ? pf_keeper__kill(k) : 0;
}

/* False: nothing came in time. */
static bool wait_for_answer(const struct pf_keeper *k, double limit_s)
{
	const double until = now_s() + limit_s;

	for (;;) {
		struct pollfd fd = { .fd = k->sock, .events = POLLIN };
		double left = until - now_s();

		if (left <= 0)
			return false;
		if (poll(&fd, 1, (int)(left * 1e3) + 1) > 0)
			return true;
	}
}

ssize_t pf_keeper__hear(struct pf_keeper *k, void *dst, size_t size, double limit_s)
{
	ssize_t got;
	int fd;

	if (!k->pid)
		return -EPIPE;
	if (!wait_for_answer(k, limit_s))
		return pf_keeper__kill(k);
	got = pf_ask_receive(k->sock, dst, size, &fd);
	if (fd >= 0)
		close(fd);
	return got > 0 ? got : pf_keeper__kill(k);
}
