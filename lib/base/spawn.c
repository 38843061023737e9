/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fork and exec with nothing left over. Between the two only what is safe
 * there; posix_spawn cannot change users.
 */
#include "lib/base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/caps.h"
#include "lib/base/error.h"

#define FD_FIRST_OTHER 3
#define FD_MAX	       65536 /* kernels before 5.9 are asked for each */

int pf_user_find(struct pf_user *user, const char *name, struct pf_error *err)
{
	const struct passwd *pw;

	errno = 0;
	pw = getpwnam(name);
	if (!pw)
		return pf_fail(err, errno ? errno : ENOENT, "there is no user '%s'%s%s", name,
			       errno ? ": " : "", errno ? strerror(errno) : "");
	user->uid = pw->pw_uid;
	user->gid = pw->pw_gid;
	user->n_groups = PF_GROUPS_MAX;
	if (getgrouplist(name, pw->pw_gid, user->groups, &user->n_groups) < 0)
		return pf_fail(err, E2BIG, "user '%s' is in more than %d groups", name,
			       PF_GROUPS_MAX);
	return 0;
}

int pf_spawn_pipe(int fds[2], int ours)
{
	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	if (!fcntl(fds[ours], F_SETFL, O_NONBLOCK))
		return 0;
	close(fds[0]);
	close(fds[1]);
	return -EIO;
}

/* ---- in the child ---------------------------------------------------------- */

static void default_signals(void)
{
	sigset_t none;

	for (int signo = 1; signo < NSIG; signo++)
		signal(signo, SIG_DFL); /* some refuse: no harm */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Above the first three before any of those is replaced: they may be among them. */
static int lift(int fd)
{
	if (fd < 0)
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return fcntl(fd, F_DUPFD_CLOEXEC, FD_FIRST_OTHER);
}

void pf_close_from(int first)
{
#ifdef SYS_close_range
	if (!syscall(SYS_close_range, first, ~0u, 0))
		return;
#endif
	for (int fd = first; fd < FD_MAX; fd++)
		close(fd);
}

static int set_descriptors(const int fds[3])
{
	int lifted[3];

	for (int i = 0; i < 3; i++) {
		lifted[i] = lift(fds[i]);
		if (lifted[i] < 0)
			return -errno;
	}
	for (int i = 0; i < 3; i++) {
		if (dup2(lifted[i], i) < 0)
			return -errno;
	}
	pf_close_from(FD_FIRST_OTHER);
	return 0;
}

/* While we may: another user may not. Without CAP_SETPCAP it is not ours to drop. */
static void drop_bound(void)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

static int become(const struct pf_user *user)
{
	if (setgroups((size_t)user->n_groups, user->groups) ||
	    setresgid(user->gid, user->gid, user->gid) ||
	    setresuid(user->uid, user->uid, user->uid))
		return -errno;
	return 0;
}

static void say(const char *text)
{
	ssize_t n = write(STDERR_FILENO, text, strlen(text));

	(void)n;
}

static int prepare(const struct pf_spawn *s)
{
	const struct rlimit no_core = { 0, 0 };
	int ret;

	default_signals();
	setsid();
	umask(077);
	setrlimit(RLIMIT_CORE, &no_core);
	if (chdir("/"))
		return -errno;
	ret = set_descriptors(s->fds);
	if (!ret && s->confined)
		drop_bound();
	if (!ret && s->user) {
		ret = become(s->user);
		if (ret && s->confined) {
			say("cannot become the user that was asked for: without capabilities, "
			    "but as the same user\n");
			ret = 0;
		}
	}
	if (!ret && s->confined)
		ret = pf_caps_keep(0); /* asks for memory: we have one thread */
	return ret;
}

/* Becoming another user takes it back: after that. */
static void end_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(PF_SPAWN_FAILED);
}

static void run(const struct pf_spawn *s, pid_t parent)
{
	int ret = prepare(s);

	if (!ret && s->ends_with_us)
		end_with(parent);
	if (!ret) {
		execve(s->path, s->argv, s->envp);
		ret = -errno;
	}
	say("cannot run ");
	say(s->path);
	say(": ");
	say(strerror(-ret)); /* of a known error: no memory is asked for */
	say("\n");
	_exit(PF_SPAWN_FAILED);
}

pid_t pf_spawn(const struct pf_spawn *s)
{
	const pid_t parent = getpid();
	sigset_t all, before;
	pid_t pid;

	/* Not even a handler of ours runs in the child. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		run(s, parent);
	if (pid < 0)
		pid = -errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid;
}

void pf_spawn_kill(pid_t pid)
{
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
}
