/* SPDX-License-Identifier: BSD-2-Clause */
/* Which samples the user asked for. Looks at nothing but the sample. */
#include <string.h>

#include "lib/base/text.h"
#include "lib/cli/common.h"
#include "lib/cli/select.h"

static bool in_cgroup(const char *want, const struct pf_sample *s)
{
	size_t len = strlen(want);

	if (want[0] != '/')
		return s->container && !strncmp(s->container, want, len);
	while (len && want[len - 1] == '/')
		len--;
	return s->cgroup && !strncmp(s->cgroup, want, len) &&
	       (s->cgroup[len] == '\0' || s->cgroup[len] == '/');
}

static bool named(const struct pf_common *c, int64_t pid)
{
	for (size_t i = 0; i < c->n_pids; i++) {
		if (c->pids[i] == pid)
			return true;
	}
	return c->n_pids == 0;
}

bool pf_select(const struct pf_common *c, const struct pf_sample *s)
{
	return named(c, s->pid) && (c->uid < 0 || s->uid == c->uid) &&
	       (!c->comm || pf_text_glob(c->comm, s->comm)) &&
	       (!c->cgroup || in_cgroup(c->cgroup, s));
}
