/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing files among hostile neighbours: what is refused, and what survives a failure. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/base/file.h"
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
		cmocka_unit_test(test_first_error_wins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
