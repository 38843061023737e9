/* SPDX-License-Identifier: BSD-2-Clause */
/* Functions in a child of their own. Gives up no privileges: they are often what is tried. */
#include "lib/base/isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/spawn.h"

void *pf_isolate_shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void pf_isolate_unshare(void *shared, size_t size)
{
	if (shared)
		munmap(shared, size);
}

static void __attribute__((noreturn))
be_child(void (*fn)(void *ctx), void *ctx, int to, pid_t parent)
{
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	dup2(to, STDERR_FILENO);
	fn(ctx);
	_exit(0);
}

/* The last part is what tells why: the first half is dropped when there is no room. */
static void keep(struct pf_isolated *out, size_t *len, const char *data, size_t n)
{
	const size_t half = sizeof(out->log) / 2;

	for (size_t i = 0; i < n; i++) {
		if (*len == sizeof(out->log) - 1) {
			memmove(out->log, out->log + half, *len - half);
			*len -= half;
		}
		out->log[(*len)++] = data[i] ? data[i] : ' ';
	}
}

/* Begin with a whole line. */
static void trim(struct pf_isolated *out, size_t len, bool cut)
{
	char *newline = cut ? memchr(out->log, '\n', len) : NULL;

	out->log[len] = '\0';
	if (newline)
		memmove(out->log, newline + 1, strlen(newline + 1) + 1);
}

/* Until the child and all its children have closed the pipe, or it is time. */
static void listen(struct pf_isolated *out, const struct pf_isolating *i, double limit_s)
{
	const uint64_t until = i->began_ns + (uint64_t)(limit_s * 1e9);
	size_t len = 0, total = 0;
	char buf[4096];

	for (;;) {
		uint64_t now = pf_boottime_ns();
		struct pollfd fd = { .fd = i->from, .events = POLLIN };
		int left_ms = now < until ? (int)((until - now) / 1000000) + 1 : 0;
		int ready = poll(&fd, 1, left_ms);
		ssize_t n;

		/* A signal that does not end us: whoever sent it does not want to wait. */
		if (ready <= 0) {
			out->late = ready == 0;
			out->interrupted = ready < 0;
			pf_spawn_kill(i->pid);
			break;
		}
		n = read(i->from, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		keep(out, &len, buf, (size_t)n);
		total += (size_t)n;
	}
	trim(out, len, total > len);
}

void pf_isolate_start(struct pf_isolating *i, void (*fn)(void *ctx), void *ctx)
{
	pid_t parent = getpid();
	int ends[2];

	*i = (struct pf_isolating){ .from = -1, .began_ns = pf_boottime_ns() };
	if (pipe2(ends, O_CLOEXEC)) {
		i->error = errno;
		return;
	}
	fflush(NULL);
	i->pid = fork();
	if (i->pid == 0) {
		close(ends[0]);
		be_child(fn, ctx, ends[1], parent);
	}
	i->error = i->pid < 0 ? errno : 0;
	i->from = ends[0];
	close(ends[1]);
	if (i->pid > 0)
		setpgid(i->pid, i->pid); /* whoever is first */
}

bool pf_isolate_finish(struct pf_isolating *i, double limit_s, struct pf_isolated *out)
{
	int status = 0;

	memset(out, 0, sizeof(*out));
	out->error = i->error;
	if (i->pid > 0) {
		listen(out, i, limit_s);
		while (waitpid(i->pid, &status, 0) < 0 && errno == EINTR)
			;
		kill(-i->pid, SIGKILL);
		out->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
		out->took_s = (double)(pf_boottime_ns() - i->began_ns) / 1e9;
	}
	if (i->from >= 0)
		close(i->from);
	*i = (struct pf_isolating){ .from = -1 };
	return !out->error && !out->late && !out->interrupted && !out->signal;
}

bool pf_isolate(void (*fn)(void *ctx), void *ctx, double limit_s, struct pf_isolated *out)
{
	struct pf_isolating i;

	pf_isolate_start(&i, fn, ctx);
	return pf_isolate_finish(&i, limit_s, out);
}
