/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing files among hostile neighbours: what is refused, and what survives a failure. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/strbuf.h"
#include "tests/unit/tempdir.h"

static void put_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void assert_file(const char *path, const char *text)
{
	char buf[256];
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(buf, 1, sizeof(buf) - 1, f);
	fclose(f);
	buf[n] = '\0';
	assert_string_equal(buf, text);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void assert_says(const struct pf_error *err, int code, const char *part)
{
	assert_int_equal(err->code, code);
	if (!strstr(err->text, part))
		fail_msg("'%s' does not say '%s'", err->text, part);
}

static void append_text(const char *path, const char *text)
{
	struct pf_error err = { 0 };
	FILE *f = pf_file_append(path, 0600, &err);

	if (!f)
		fail_msg("%s", err.text);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void refuse_append(const char *path, int code, const char *part)
{
	struct pf_error err = { 0 };

	assert_null(pf_file_append(path, 0600, &err));
	assert_says(&err, code, part);
}

static void refuse_replace(const char *path, int code, const char *part)
{
	struct pf_error err = { 0 };

	assert_int_equal(pf_file_replace(path, "new", 3, 0644, &err), -code);
	assert_says(&err, code, part);
}

static void test_append(void **state)
{
	const char *path = tempdir_file(*state, "out");

	append_text(path, "one\n");
	assert_int_equal(mode_of(path), 0600);
	append_text(path, "two\n");
	assert_file(path, "one\ntwo\n");
}

static void test_append_devices(void **state)
{
	(void)state;
	append_text("/dev/null", "gone\n");
	refuse_append("/dev/stdout", ELOOP, "symbolic link");
}

/* The stream must block like any other: a full pipe waits, it does not fail. */
static void test_append_fifo(void **state)
{
	const char *path = tempdir_file(*state, "fifo");
	struct pf_error err = { 0 };
	char buf[8] = "";
	int reader;
	FILE *f;

	assert_int_equal(mkfifo(path, 0600), 0);
	refuse_append(path, ENXIO, "without a reader");
	reader = open(path, O_RDONLY | O_NONBLOCK);
	assert_true(reader >= 0);
	f = pf_file_append(path, 0600, &err);
	assert_non_null(f);
	assert_int_equal(fcntl(fileno(f), F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(fileno(f), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	fputs("hello", f);
	fclose(f);
	assert_int_equal(read(reader, buf, sizeof(buf)), 5);
	assert_string_equal(buf, "hello");
	close(reader);
}

static void test_append_refusals(void **state)
{
	struct tempdir *t = *state;

	put_file(tempdir_file(t, "target"), "old");
	assert_int_equal(symlink("target", tempdir_file(t, "link")), 0);
	refuse_append(t->name, ELOOP, "symbolic link");
	assert_file(tempdir_file(t, "target"), "old");
	assert_int_equal(symlink("nowhere", tempdir_file(t, "dangling")), 0);
	refuse_append(t->name, ELOOP, "symbolic link");
	assert_int_equal(access(tempdir_file(t, "nowhere"), F_OK), -1);
	refuse_append(t->path, EISDIR, "Is a directory");
	refuse_append(tempdir_file(t, "none/out"), ENOENT, "directory");
	refuse_append(tempdir_file(t, ""), EINVAL, "not the name of a file");
	refuse_append(tempdir_file(t, ".."), EINVAL, "not the name of a file");
	refuse_append("", EINVAL, "not the name of a file");
}

static void test_replace(void **state)
{
	struct tempdir *t = *state;
	const char *path = tempdir_file(t, "out.prom");
	mode_t before = umask(077);

	assert_int_equal(pf_file_replace(path, "one\n", 4, 0644, NULL), 0);
	umask(before);
	assert_file(path, "one\n");
	assert_int_equal(mode_of(path), 0644);
	assert_int_equal(pf_file_replace(path, "two", 3, 0600, NULL), 0);
	assert_file(path, "two");
	assert_int_equal(mode_of(path), 0600);
	assert_int_equal(pf_file_replace(path, NULL, 0, 0600, NULL), 0);
	assert_file(path, "");
	assert_int_equal(tempdir_count(t), 1);
}

/* A reader that has the old file open keeps the old bytes: the new ones are a new file. */
static void test_replace_is_one_step(void **state)
{
	const char *path = tempdir_file(*state, "out");
	char buf[8] = "";
	FILE *old;

	put_file(path, "old");
	old = fopen(path, "r");
	assert_non_null(old);
	assert_int_equal(pf_file_replace(path, "newer", 5, 0600, NULL), 0);
	assert_int_equal(fread(buf, 1, sizeof(buf), old), 3);
	assert_string_equal(buf, "old");
	fclose(old);
	assert_file(path, "newer");
}

static void test_replace_relative(void **state)
{
	struct tempdir *t = *state;
	char before[512];

	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(t->path), 0);
	assert_int_equal(pf_file_replace("bare", "x", 1, 0600, NULL), 0);
	assert_int_equal(chdir(before), 0);
	assert_file(tempdir_file(t, "bare"), "x");
}

static void test_replace_refusals(void **state)
{
	struct tempdir *t = *state;
	struct stat st;

	put_file(tempdir_file(t, "target"), "old");
	assert_int_equal(symlink("target", tempdir_file(t, "link")), 0);
	refuse_replace(t->name, ELOOP, "symbolic link");
	assert_int_equal(lstat(t->name, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_file(tempdir_file(t, "target"), "old");
	refuse_replace("/dev/null", EINVAL, "not a regular file");
	refuse_replace(t->path, EINVAL, "not a regular file");
	refuse_replace(tempdir_file(t, "none/out"), ENOENT, "directory");
	refuse_replace(tempdir_file(t, ""), EINVAL, "not the name of a file");
	assert_int_equal(tempdir_count(t), 2);
}

/* The disk is full, as far as this process can tell. */
static void test_replace_failing_write(void **state)
{
	struct tempdir *t = *state;
	const char *path = tempdir_file(t, "out");
	struct rlimit before, tiny;
	struct pf_error err = { 0 };
	char data[4096];
	int rc;

	memset(data, 'x', sizeof(data));
	put_file(path, "old");
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	tiny = (struct rlimit){ .rlim_cur = 1000, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tiny), 0);
	rc = pf_file_replace(path, data, sizeof(data), 0600, &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(rc, -EFBIG);
	assert_says(&err, EFBIG, "cannot write");
	assert_file(path, "old");
	assert_int_equal(tempdir_count(t), 1); /* no temporary file is left */
}

static void test_shared_directory(void **state)
{
	struct tempdir *t = *state;
	char first[160];

	assert_int_equal(chmod(t->path, 01777), 0);
	strcpy(first, tempdir_file(t, "mine"));
	append_text(first, "ours\n");
	assert_int_equal(pf_file_replace(first, "ours", 4, 0600, NULL), 0);
	assert_int_equal(link(first, tempdir_file(t, "second")), 0);
	refuse_append(first, EPERM, "second name");
	refuse_replace(first, EPERM, "second name");
	assert_file(first, "ours");
	/* In a directory of our own it is nobody else's doing. */
	assert_int_equal(chmod(t->path, 0700), 0);
	append_text(first, "!");
	assert_file(tempdir_file(t, "second"), "ours!");
}

/* ---- a file of our own, kept from run to run ------------------------------- */

static void test_read(void **state)
{
	struct tempdir *t = *state;
	struct pf_strbuf text = PF_STRBUF_INIT;
	struct pf_error err = { 0 };
	char path[160];

	strcpy(path, tempdir_file(t, "kept"));
	assert_int_equal(pf_file_read(path, 100, &text, &err), -ENOENT);
	assert_int_equal(err.code, 0);
	put_file(path, "whole");
	assert_int_equal(pf_file_read(path, 5, &text, &err), 0);
	assert_string_equal(text.data, "whole");
	assert_int_equal(pf_file_read(path, 4, &text, &err), -EFBIG);
	err = (struct pf_error){ 0 };
	assert_int_equal(symlink(path, tempdir_file(t, "link")), 0);
	assert_int_equal(pf_file_read(t->name, 100, &text, &err), -ELOOP);
	assert_says(&err, ELOOP, "symbolic link");
	err = (struct pf_error){ 0 };
	assert_int_equal(mkfifo(tempdir_file(t, "fifo"), 0600), 0);
	assert_int_equal(pf_file_read(t->name, 100, &text, &err), -EINVAL);
	assert_says(&err, EINVAL, "not a regular file");
	pf_strbuf_free(&text);
}

static void test_set_aside(void **state)
{
	struct tempdir *t = *state;
	struct pf_error err = { 0 };
	char path[160];

	strcpy(path, tempdir_file(t, "kept"));
	put_file(tempdir_file(t, "kept.damaged"), "one before");
	put_file(path, "what was there");
	assert_int_equal(pf_file_set_aside(path, ".damaged", &err), 0);
	assert_int_equal(tempdir_count(t), 1);
	assert_file(tempdir_file(t, "kept.damaged"), "what was there");
	assert_int_equal(pf_file_set_aside(path, ".damaged", &err), -ENOENT);
	assert_says(&err, ENOENT, "cannot rename");
}

/* In a child: 0 = it got the lock; else the errno. */
static int lock_elsewhere(const char *path, struct pf_error *err)
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(pf_file_lock(path, err) < 0 ? err->code : 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_lock(void **state)
{
	struct tempdir *t = *state;
	struct pf_error *err =
		mmap(NULL, sizeof(*err), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char path[160], who[64];
	int lock;

	assert_true(err != MAP_FAILED);
	strcpy(path, tempdir_file(t, "kept"));
	lock = pf_file_lock(path, err);
	assert_true(lock >= 0);
	assert_int_equal(mode_of(tempdir_file(t, "kept.lock")), 0600);
	assert_int_equal(lock_elsewhere(path, err), EBUSY);
	snprintf(who, sizeof(who), "in use by process %d", (int)getpid());
	assert_says(err, EBUSY, who);
	/* what it guards may come and go */
	assert_int_equal(pf_file_replace_locked(path, "new", 3, 0600, err), 0);
	assert_int_equal(lock_elsewhere(path, err), EBUSY);
	close(lock);
	assert_int_equal(lock_elsewhere(path, err), 0);
	munmap(err, sizeof(*err));
}

static void test_lock_refusals(void **state)
{
	struct tempdir *t = *state;
	struct pf_error err = { 0 };

	assert_int_equal(symlink("/dev/null", tempdir_file(t, "kept.lock")), 0);
	assert_int_equal(pf_file_lock(tempdir_file(t, "kept"), &err), -ELOOP);
	err = (struct pf_error){ 0 };
	assert_int_equal(pf_file_lock(tempdir_file(t, "none/kept"), &err), -ENOENT);
	assert_says(&err, ENOENT, "directory");
}

/* ---- the writer dies, or is refused, at every step ------------------------- */

#define CONTENT_BYTES 100000

static void fill_content(char *data, char c)
{
	memset(data, c, CONTENT_BYTES);
}

/* All old or all new, never anything else. Returns the letter. */
static char whole_content(const char *path)
{
	static char data[CONTENT_BYTES];
	struct pf_strbuf text = PF_STRBUF_INIT;
	char c;

	assert_int_equal(pf_file_read(path, CONTENT_BYTES, &text, NULL), 0);
	assert_int_equal(text.len, CONTENT_BYTES);
	c = text.data[0];
	fill_content(data, c);
	assert_memory_equal(text.data, data, CONTENT_BYTES);
	pf_strbuf_free(&text);
	return c;
}

static void replace_in_child(const char *path, char c)
{
	static char data[CONTENT_BYTES];

	fill_content(data, c);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(9);
	raise(SIGSTOP);
	pf_file_replace_locked(path, data, sizeof(data), 0600, NULL);
	_exit(0);
}

/* Killed when it has come to its n-th step: the begin or end of a system call. False: it ended. */
static bool kill_at(const char *path, char c, int n)
{
	pid_t child = fork();
	int status = 0;

	if (!child)
		replace_in_child(path, c);
	for (int i = 0; i < n && waitpid(child, &status, 0) == child && WIFSTOPPED(status); i++)
		ptrace(PTRACE_SYSCALL, child, NULL, NULL);
	if (WIFSTOPPED(status))
		waitpid(child, &status, 0);
	if (WIFEXITED(status)) {
		assert_int_equal(WEXITSTATUS(status), 0);
		return false;
	}
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	return true;
}

static bool can_trace(void)
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) ? 9 : 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

static void test_killed_at_every_step(void **state)
{
	struct tempdir *t = *state;
	char data[CONTENT_BYTES], path[160], was = 'a';
	int n = 1, kept = 0;

	if (!can_trace())
		skip();
	strcpy(path, tempdir_file(t, "kept"));
	fill_content(data, was);
	assert_int_equal(pf_file_replace_locked(path, data, sizeof(data), 0600, NULL), 0);
	for (;; n++) {
		char c = was == 'z' ? 'a' : (char)(was + 1);
		bool killed = kill_at(path, c, n);
		char now = whole_content(path);

		assert_true(now == was || now == c);
		assert_true(tempdir_count(t) <= 2); /* what is left of one is gone with the next */
		kept += now == was;
		was = now;
		if (!killed)
			break;
	}
	/* open, write, mode, sync, rename: begin and end of each, and old until the last of them */
	assert_true(n > 12);
	assert_true(kept > 10 && kept < n);
	assert_int_equal(tempdir_count(t), 1);
}

/* A system call that a filter lets fail; no privileges needed. */
static void refuse_call(int nr, int code)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)code),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(99);
}

static void test_refused_at_every_step(void **state)
{
	static const struct {
		int nr, code;
	} calls[] = {
		{ SYS_write, ENOSPC },	{ SYS_write, EIO },    { SYS_fchmod, EPERM },
		{ SYS_fsync, EIO },	{ SYS_fsync, ENOSPC }, { SYS_renameat, ENOSPC },
		{ SYS_openat, EMFILE },
	};
	struct tempdir *t = *state;
	char data[CONTENT_BYTES], path[160];
	int status;

	strcpy(path, tempdir_file(t, "kept"));
	fill_content(data, 'a');
	assert_int_equal(pf_file_replace_locked(path, data, sizeof(data), 0600, NULL), 0);
	fill_content(data, 'b');
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		pid_t child = fork();

		if (!child) {
			refuse_call(calls[i].nr, calls[i].code);
			_exit(-pf_file_replace_locked(path, data, sizeof(data), 0600, NULL));
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), calls[i].code);
		assert_int_equal(whole_content(path), 'a');
		assert_int_equal(tempdir_count(t), 1);
	}
}

/* Needs root to make a file that belongs to somebody else. */
static void test_first_error_wins(void **state)
{
	struct pf_error err = { 0 };

	(void)state;
	assert_int_equal(pf_fail(&err, EIO, "first %d", 1), -EIO);
	assert_int_equal(pf_fail(&err, EPERM, "second"), -EPERM);
	assert_int_equal(err.code, EIO);
	assert_string_equal(err.text, "first 1");
	assert_int_equal(pf_fail(NULL, EPERM, "nobody listens"), -EPERM);
}

#define IN_TEMPDIR(fn) cmocka_unit_test_setup_teardown(fn, tempdir_setup, tempdir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_TEMPDIR(test_append),
		IN_TEMPDIR(test_append_devices),
		IN_TEMPDIR(test_append_fifo),
		IN_TEMPDIR(test_append_refusals),
		IN_TEMPDIR(test_replace),
		IN_TEMPDIR(test_replace_is_one_step),
		IN_TEMPDIR(test_replace_relative),
		IN_TEMPDIR(test_replace_refusals),
		IN_TEMPDIR(test_replace_failing_write),
		IN_TEMPDIR(test_shared_directory),
		IN_TEMPDIR(test_read),
		IN_TEMPDIR(test_set_aside),
		IN_TEMPDIR(test_lock),
		IN_TEMPDIR(test_lock_refusals),
		IN_TEMPDIR(test_killed_at_every_step),
		IN_TEMPDIR(test_refused_at_every_step),
		cmocka_unit_test(test_first_error_wins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
