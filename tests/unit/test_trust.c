/* SPDX-License-Identifier: BSD-2-Clause */
/* Who may change a file: by its mode, by the directories and by the links on the way. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/base/trust.h"

static char base[] = "/tmp/pf-trust-XXXXXX";

static const char *at(const char *name)
{
	static char path[2][PATH_MAX];
	static unsigned int n;

	n = !n;
	snprintf(path[n], sizeof(path[n]), "%s/%s", base, name);
	return path[n];
}

static void make_file(const char *name)
{
	int fd = open(at(name), O_CREAT | O_WRONLY, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static void make_dir(const char *name, mode_t mode)
{
	assert_int_equal(mkdir(at(name), 0700), 0);
	assert_int_equal(chmod(at(name), mode), 0);
}

static void make_link(const char *name, const char *to)
{
	assert_int_equal(symlink(to, at(name)), 0);
}

/* sound/, open/ (0777), sticky/ (01777), each with a file; links are made by the tests. */
static int set_up(void **state)
{
	(void)state;
	strcpy(base, "/tmp/pf-trust-XXXXXX");
	assert_non_null(mkdtemp(base));
	make_dir("sound", 0755);
	make_dir("open", 0777);
	make_dir("sticky", 01777);
	make_file("sound/file");
	make_file("open/file");
	make_file("sticky/file");
	return 0;
}

static int take_away(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int tear_down(void **state)
{
	(void)state;
	return nftw(base, take_away, 8, FTW_DEPTH | FTW_PHYS);
}

static int check(const char *path, struct pf_error *err)
{
	int fd = open(path, O_RDONLY), ret;

	assert_true(fd >= 0);
	*err = (struct pf_error){ 0 };
	ret = pf_trust_check(fd, path, geteuid(), err);
	close(fd);
	assert_int_equal(ret, -err->code);
	return ret;
}

static void trusted(const char *name)
{
	struct pf_error err;

	if (check(at(name), &err))
		fail_msg("%s: %s", name, err.text);
}

static void refused(const char *name, const char *words)
{
	struct pf_error err;

	assert_int_equal(check(at(name), &err), -EPERM);
	if (!strstr(err.text, words))
		fail_msg("%s: %s", name, err.text);
}

static void test_place(void **state)
{
	(void)state;
	trusted("sound/file");
	trusted("sticky/file");
	refused("open/file", "/open may be written by others (mode 0777)");
	assert_int_equal(chmod(at("sound/file"), 0620), 0);
	refused("sound/file", "/sound/file may be written by others (mode 0620)");
}

/* What a link leads to may be sound: who replaces the link leads the path elsewhere. */
static void test_links(void **state)
{
	(void)state;
	make_link("sound/link", "file");
	make_link("open/link", "../sound/file");
	make_link("sticky/link", "../sound/file");
	make_link("sound/to-open", "../open/link");
	make_link("sound/dir", at("open"));
	make_link("open/dir", at("sound"));
	trusted("sound/link");
	trusted("sticky/link");
	refused("open/link", "/open may be written by others");
	refused("sound/to-open", "/open may be written by others");
	refused("sound/dir/file", "/open may be written by others");
	refused("open/dir/file", "/open may be written by others");
	refused("open/dir/../sound/file", "/open may be written by others");
}

/* Relative paths are as good as their working directory. */
static void test_relative(void **state)
{
	char before[PATH_MAX];
	struct pf_error err;

	(void)state;
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(at("open")), 0);
	make_dir("open/in", 0755);
	make_file("open/in/file");
	assert_int_equal(chdir("in"), 0);
	assert_int_equal(check("file", &err), -EPERM);
	assert_non_null(strstr(err.text, "/open may be written"));
	assert_int_equal(chdir(at("sound")), 0);
	assert_int_equal(check("./file", &err), 0);
	assert_int_equal(chdir(before), 0);
}

/* Another file is in its place: what was checked is not what is open. */
static void test_replaced(void **state)
{
	int fd = open(at("sound/file"), O_RDONLY);
	struct pf_error err = { 0 };

	(void)state;
	make_file("sound/other");
	assert_int_equal(rename(at("sound/other"), at("sound/file")), 0);
	assert_int_equal(pf_trust_check(fd, at("sound/file"), geteuid(), &err), -EPERM);
	assert_non_null(strstr(err.text, "somewhere else"));
	close(fd);
}

static void test_no_place(void **state)
{
	int fd = open(at("open/file"), O_RDONLY);
	struct pf_error err = { 0 };

	(void)state;
	assert_int_equal(pf_trust_check(fd, NULL, geteuid(), &err), 0);
	assert_int_equal(fchmod(fd, 0666), 0);
	assert_int_equal(pf_trust_check(fd, NULL, geteuid(), &err), -EPERM);
	close(fd);
}

static void test_endless(void **state)
{
	int fd = open(at("sound/file"), O_RDONLY);
	struct pf_error err = { 0 };

	(void)state;
	make_link("sound/round", "round");
	assert_int_equal(pf_trust_check(fd, at("sound/round"), geteuid(), &err), -ELOOP);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_links, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_relative, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_replaced, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_endless, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
