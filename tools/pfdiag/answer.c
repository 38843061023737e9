/* SPDX-License-Identifier: BSD-2-Clause */
/* What the checks share: where things are, and putting an answer in words. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/proc/line.h"
#include "tools/pfdiag/check.h"

static void name_roots(struct pfdiag *d, const char *root)
{
	snprintf(d->proc, sizeof(d->proc), "%s/proc", root);
	snprintf(d->sys, sizeof(d->sys), "%s/sys", root);
	snprintf(d->boot, sizeof(d->boot), "%s/boot", root);
	snprintf(d->modules, sizeof(d->modules), "%s/lib/modules", root);
}

/* Of another machine is known what its files say. */
static void name_kernel(struct pfdiag *d)
{
	struct utsname u;

	if (d->live && !uname(&u)) {
		snprintf(d->release, sizeof(d->release), "%s", u.release);
		snprintf(d->machine, sizeof(d->machine), "%s", u.machine);
		return;
	}
	(void)pf_proc_line(d->proc, "sys/kernel/osrelease", d->release, sizeof(d->release));
}

int pfdiag_begin(struct pfdiag *d, const struct pfdiag_opts *opts)
{
	const char *root = opts->root ? opts->root : "";

	memset(d, 0, sizeof(*d));
	d->opts = opts;
	d->live = !opts->root;
	if (strlen(root) > PATH_MAX - 64)
		return -ENAMETOOLONG;
	name_roots(d, root);
	name_kernel(d);
	(void)pf_os_read(*root ? root : "/", &d->os);
	return 0;
}

const struct pf_kconfig *pfdiag_kconfig(struct pfdiag *d)
{
	if (!d->kconfig && !d->kconfig_code) {
		d->kconfig = pf_kconfig__open(d->proc, d->boot, d->modules, d->release);
		d->kconfig_code = d->kconfig ? 0 : errno;
	}
	return d->kconfig;
}

void pfdiag_end(struct pfdiag *d)
{
	for (size_t i = 0; i < PF_CHECKS_N; i++)
		free(d->tried[i]);
	pfdiag_top_end(d);
	pf_kconfig__close(d->kconfig);
}

static bool has(const char *root, const char *name)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return !access(path, F_OK);
}

bool pfdiag_has_proc(const struct pfdiag *d)
{
	return has(d->proc, "self") || has(d->proc, "sys") || has(d->proc, "meminfo");
}

bool pfdiag_has_sys(const struct pfdiag *d)
{
	return has(d->sys, "kernel");
}

double pfdiag_limit_s(const struct pfdiag *d, double limit_s)
{
	const uint64_t now = pf_boottime_ns();
	double left_s = now < d->until_ns ? (double)(d->until_ns - now) / 1e9 : 0;

	return left_s < limit_s ? left_s : limit_s;
}

bool pfdiag_time_is_over(const struct pfdiag *d)
{
	return pf_boottime_ns() >= d->until_ns;
}

void pfdiag_no_time(struct pf_check *c)
{
	c->n_values = 0;
	pfdiag_found(c, PF_CHECK_SKIP, "unknown: no time was left for it (--within)");
	pfdiag_why(c, "%s", "");
	pfdiag_try(c, "pfdiag --only %s", pf_check_name(c->check));
}

void pfdiag_found(struct pf_check *c, enum pf_check_status status, const char *fmt, ...)
{
	va_list ap;

	pf_check_judge(c, status);
	va_start(ap, fmt);
	vsnprintf(c->found, sizeof(c->found), fmt, ap);
	va_end(ap);
}

void pfdiag_why(struct pf_check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
}

void pfdiag_try(struct pf_check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->remedy, sizeof(c->remedy), fmt, ap);
	va_end(ap);
}

void pfdiag_add(struct pf_check *c, const char *fmt, ...)
{
	size_t len = strlen(c->found);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->found + len, sizeof(c->found) - len, fmt, ap);
	va_end(ap);
}
