/* SPDX-License-Identifier: BSD-2-Clause */
/* Which processes and samples the user asked for. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "lib/base/error.h"
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

int pf_select_check(const struct pf_common *c, struct pf_error *err)
{
	/* Not by /proc: that may be another namespace's, or hide whom BPF sees. */
	for (size_t i = 0; i < c->n_pids; i++) {
		if (kill((pid_t)c->pids[i], 0) && errno == ESRCH)
			return pf_fail(err, ESRCH, "--pid: there is no process %" PRId64,
				       c->pids[i]);
	}
	return 0;
}
