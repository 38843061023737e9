/* SPDX-License-Identifier: BSD-2-Clause */
/* What /proc shows. Does not ask whether the group of the option gid= is ours. */
#include "lib/proc/view.h"

#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

/* /proc/self is a link to our number in the namespace of the mount, if we have one there. */
enum pf_proc_view pf_proc_view(const char *root)
{
	char path[PATH_MAX], target[16] = "", own[16];

	snprintf(own, sizeof(own), "%d", getpid());
	snprintf(path, sizeof(path), "%s/self", root);
	if (readlink(path, target, sizeof(target) - 1) > 0 && !strcmp(target, own))
		return PF_PROC_OURS;
	snprintf(path, sizeof(path), "%s/stat", root);
	return access(path, F_OK) ? PF_PROC_NONE : PF_PROC_OTHERS;
}

/* By number until 5.7, by name since; "ptraceable" is 4. */
static bool hides(const struct mntent *m)
{
	const char *option = hasmntopt(m, "hidepid");
	const char *value = option ? strchr(option, '=') : NULL;

	return value && value[1] != '0' && strncmp(value + 1, "off", 3) != 0;
}

bool pf_proc_hides(const char *root)
{
	_cleanup_fclose_ FILE *f = NULL;
	struct mntent m;
	char path[PATH_MAX], line[PATH_MAX];
	bool hidden = false;

	snprintf(path, sizeof(path), "%s/self/mounts", root);
	f = fopen(path, "re");
	while (f && getmntent_r(f, &m, line, sizeof(line))) {
		if (!strcmp(m.mnt_type, "proc") && !strcmp(m.mnt_dir, root))
			hidden = hides(&m); /* the last one covers those before */
	}
	return hidden;
}
