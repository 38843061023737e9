/* SPDX-License-Identifier: BSD-2-Clause */
/* Privileges given up; see the header. Takes none. */
#include "lib/base/confine.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/caps.h"
#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/spawn.h"

#define FD_FIRST_OTHER 3

/* Lower the hard limit, never raise it. */
static int limit(__rlimit_resource_t resource, rlim_t most)
{
	struct rlimit now;

	if (getrlimit(resource, &now))
		return -errno;
	if (now.rlim_max != RLIM_INFINITY && now.rlim_max < most)
		most = now.rlim_max;
	now.rlim_cur = now.rlim_max = most;
	return setrlimit(resource, &now) ? -errno : 0;
}

static int limit_all(const struct pf_confine *most)
{
	const struct {
		__rlimit_resource_t resource;
		rlim_t most;
	} limits[] = {
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_FSIZE, 0 }, /* pipes and sockets are not asked */
		{ RLIMIT_NOFILE, most->files },
		{ RLIMIT_DATA, PF_CONFINE_WATCHED ? RLIM_INFINITY : most->memory_bytes },
	};
	int ret = 0;

	for (size_t i = 0; !ret && i < PF_ARRAY_SIZE(limits); i++)
		ret = limit(limits[i].resource, limits[i].most);
	return ret;
}

int pf_confine(const struct pf_confine *most, struct pf_error *err)
{
	int ret;

	pf_close_from(FD_FIRST_OTHER);
	umask(077);
	ret = pf_caps_keep(0);
	if (!ret && prctl(PR_SET_DUMPABLE, PF_CONFINE_WATCHED, 0, 0, 0))
		ret = -errno;
	if (!ret)
		ret = limit_all(most);
	if (ret)
		pf_fail(err, -ret, "cannot give up privileges: %s", strerror(-ret));
	return ret;
}
