/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs, users and certificates that channels name; see the header. Runs none of them. */
#include "lib/notify/here.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/trust.h"
#include "lib/base/spawn.h"

#define CA_LINES_MAX 100000

static void refuse(struct pf_channel_faults *f, const char *key, const char *why)
{
	f->n++;
	f->tell(f->ctx, key, NULL, why);
}

/* A program that others may change is theirs, not ours. */
static void check_program(const char *path, uid_t owner, struct pf_channel_faults *f)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
	struct pf_error err = { 0 };
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		pf_fail(&err, errno, "cannot run %s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		pf_fail(&err, EACCES, "%s is not a program", path);
	else
		pf_trust_check(fd, path, owner, &err);
	if (err.code)
		refuse(f, "command", err.text);
}

static void check_user(const struct pf_channel *c, struct pf_channel_faults *f)
{
	struct pf_user user = { .uid = geteuid() };
	struct pf_error err = { 0 };

	if (c->user && pf_user_find(&user, c->user, &err))
		refuse(f, "user", err.text);
	else if (c->user && geteuid() && geteuid() != user.uid)
		refuse(f, "user", "only root can run a program as another user");
	check_program(c->argv[0], user.uid, f);
}

/* Is there a certificate in it? */
static int look_for_certificate(const char *path, struct pf_error *err)
{
	_cleanup_fclose_ FILE *file = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	char line[256];

	if (fd >= 0)
		file = fdopen(fd, "r");
	if (!file)
		return pf_fail(err, errno, "cannot open %s: %s", path, strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return pf_fail(err, EINVAL, "%s is not a regular file", path);
	for (int i = 0; i < CA_LINES_MAX && fgets(line, sizeof(line), file); i++) {
		if (!strncmp(line, "-----BEGIN ", 11) && strstr(line, "CERTIFICATE-----"))
			return 0;
	}
	return pf_fail(err, EINVAL, "there is no certificate in %s: PEM is wanted", path);
}

static void check_certificates(const char *path, struct pf_channel_faults *f)
{
	struct pf_error err = { 0 };

	if (look_for_certificate(path, &err))
		refuse(f, "ca_file", err.text);
}

int pf_channel_check_here(const struct pf_channel *c, struct pf_channel_faults *f)
{
	const unsigned int before = f->n;

	if (c->type == PF_CHANNEL_COMMAND)
		check_user(c, f);
	if (c->http.ca_file)
		check_certificates(c->http.ca_file, f);
	return f->n == before ? 0 : -EINVAL;
}
