/* SPDX-License-Identifier: BSD-2-Clause */
/* One process: what it is, where it lives, what it may use and uses. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/text.h"
#include "lib/base/units.h"
#include "lib/proc/cgpath.h"
#include "lib/proc/exe.h"
#include "lib/proc/limits.h"
#include "lib/proc/machine.h"
#include "lib/proc/smaps.h"
#include "tools/pfdiag/check.h"

#define EXE_MAX	  256
#define SHOWN_MAX 512

/* False with the answer given: it is gone, or hidden. */
static bool there(const struct pfdiag *d, struct pf_check *c)
{
	int code = d->subject.code;

	if (!code)
		return true;
	pfdiag_found(c, PF_CHECK_SKIP, "process %" PRId64 " cannot be looked at: %s",
		     d->subject.pid, code == -ESRCH ? "there is none" : strerror(-code));
	if (code == -EACCES || code == -EPERM)
		pfdiag_try(c, "pfdiag --only proc,cap-sys-ptrace");
	return false;
}

static bool has_memory(const struct pfdiag *d, struct pf_check *c)
{
	if (!there(d, c))
		return false;
	if (!d->subject.stat.has_mm)
		pfdiag_found(c, PF_CHECK_SKIP, "it has no memory of its own");
	return d->subject.stat.has_mm;
}

void pfdiag_process(struct pfdiag *d, struct pf_check *c)
{
	const struct pf_proc_stat *s = &d->subject.stat;
	_cleanup_close_ int root = open(d->proc, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char comm[SHOWN_MAX], exe[EXE_MAX], shown[EXE_MAX * PF_TEXT_GROWTH], age[16];
	double age_s;

	if (!there(d, c))
		return;
	age_s = (double)(pf_boottime_ns() - s->start_ns) / 1e9;
	pf_check_value(c, age_s, "age_s");
	pf_check_value(c, (double)s->num_threads, "threads");
	pf_check_value(c, (double)s->uid, "uid");
	pfdiag_found(c, PF_CHECK_OK, "%s, up %s, %" PRId64 " thread%s, user %" PRId64,
		     pf_text_printable(comm, sizeof(comm), s->comm),
		     pf_fmt_duration(age, sizeof(age), age_s), s->num_threads,
		     s->num_threads == 1 ? "" : "s", s->uid);
	if (root >= 0 && pf_proc_exe(root, (pid_t)d->subject.pid, exe, sizeof(exe)) > 0)
		pfdiag_add(c, ", runs %s", pf_text_printable(shown, sizeof(shown), exe));
	if (!s->has_mm) {
		pf_check_judge(c, PF_CHECK_SKIP);
		pfdiag_why(c, "%s",
			   s->kthread ? "It is a thread of the kernel: it has no memory."
				      : "It is dead, and waits for its parent: it has no "
					"memory.");
	}
	if (age_s < 600)
		pfdiag_why(
			c,
			"pfleak gives it grace for the first 10 minutes: no alert before, unless "
			"memory runs out within them (--grace).");
}

/* ---- where it lives --------------------------------------------------------------- */

static void say_namespaces(const struct pfdiag *d, struct pf_check *c)
{
	static const char *const kinds[] = { "user", "pid", "mnt", "cgroup", "net" };
	size_t n = 0;

	for (size_t i = 0; i < PF_ARRAY_SIZE(kinds); i++) {
		char path[PATH_MAX + 64], ours[64] = "", its[64] = "";

		snprintf(path, sizeof(path), "%s/self/ns/%s", d->proc, kinds[i]);
		if (readlink(path, ours, sizeof(ours) - 1) <= 0)
			continue;
		snprintf(path, sizeof(path), "%s/%" PRId64 "/ns/%s", d->proc, d->subject.pid,
			 kinds[i]);
		if (readlink(path, its, sizeof(its) - 1) <= 0)
			continue;
		if (strcmp(ours, its) != 0)
			pfdiag_add(c, "%s%s", n++ ? ", " : "\nnamespaces of its own: ", kinds[i]);
	}
}

void pfdiag_container(struct pfdiag *d, struct pf_check *c)
{
	struct pf_readbuf buf = { 0 };
	char path[32], shown[SHOWN_MAX], whole[SHOWN_MAX], name[PF_CGROUP_NAME_MAX * 2];
	struct pf_cgroup_lines lines;
	struct pf_cgroup_parts parts;
	struct pf_span cgroup;
	ssize_t n;

	if (!there(d, c))
		return;
	snprintf(path, sizeof(path), "%" PRId64 "/cgroup", d->subject.pid);
	n = pf_readbuf__below(&buf, d->proc, path, 1 << 17);
	pf_parse_cgroup_file(buf.data, n > 0 ? (size_t)n : 0, &lines);
	cgroup = pf_cgroup_choose(&lines);
	if (!cgroup.p) {
		pfdiag_found(c, PF_CHECK_SKIP, "its cgroup cannot be read");
	} else {
		pf_parse_cgroup_path(cgroup.p, pf_span_len(cgroup), &parts);
		snprintf(whole, sizeof(whole), "%.*s", (int)pf_span_len(cgroup), cgroup.p);
		pfdiag_found(c, PF_CHECK_OK, "cgroup %s",
			     pf_text_printable(shown, sizeof(shown), whole));
		if (*parts.container)
			pfdiag_add(c, "\n%s: %s", *parts.runtime ? parts.runtime : "container",
				   pf_text_printable(name, sizeof(name), parts.container));
	}
	pf_readbuf__free(&buf);
	say_namespaces(d, c);
	if (d->subject.stat.nspid != PF_UNKNOWN && d->subject.stat.nspid != d->subject.pid)
		pfdiag_add(c, "\npid %" PRId64 " in its own pid namespace", d->subject.stat.nspid);
}

/* ---- memory -------------------------------------------------------------------------- */

void pfdiag_limits(struct pfdiag *d, struct pf_check *c)
{
	char left[16], source[PF_LIMIT_SOURCE_LEN * PF_TEXT_GROWTH];
	struct pf_error err = { 0 };
	struct pf_machine m;
	struct pf_limit limit;
	struct pf_limits *l;
	int ret;

	if (!has_memory(d, c))
		return;
	pf_machine_read(d->proc, &m);
	l = pf_limits__open(d->proc, "", &err);
	ret = l ? pf_limits__read(l, (pid_t)d->subject.pid, &m, &limit) : -err.code;
	pf_limits__close(l);
	if (ret) {
		pfdiag_found(c, PF_CHECK_SKIP, "unknown: %s", strerror(-ret));
		return;
	}
	pf_check_value(c, (double)limit.headroom_bytes, "left_bytes");
	pfdiag_found(c, PF_CHECK_OK, "%s left until %s",
		     pf_fmt_bytes(left, sizeof(left), limit.headroom_bytes),
		     pf_text_printable(source, sizeof(source), limit.source));
	if (limit.headroom_bytes < 64 << 20) {
		pf_check_judge(c, PF_CHECK_WARN);
		pfdiag_why(c, "It may be killed, or fail to allocate, at any moment.");
		pfdiag_try(c, "pfleak -p %" PRId64 " --list", d->subject.pid);
	}
}

void pfdiag_smaps(struct pfdiag *d, struct pf_check *c)
{
	char rss[16], size[16];
	struct pf_smaps s;
	int ret;

	if (!has_memory(d, c))
		return;
	ret = pf_smaps_read(d->proc, (pid_t)d->subject.pid, &s);
	if (ret) {
		pfdiag_found(c, PF_CHECK_SKIP, "its smaps cannot be read: %s",
			     ret == -ESRCH ? "nothing is in it" : strerror(-ret));
		pfdiag_try(c, "pfdiag --only cap-sys-ptrace");
		return;
	}
	pfdiag_found(c, PF_CHECK_OK, "%" PRId64 " mappings; resident of mapped:", s.mappings);
	for (int k = 0; k < PF_MAP_KINDS; k++) {
		const char *name = pf_map_kind_name((enum pf_map_kind)k);

		pf_check_value(c, (double)s.rss_bytes[k], "%s_rss_bytes", name);
		pfdiag_add(c, "%s %s %s of %s", k ? "," : "", name,
			   pf_fmt_bytes(rss, sizeof(rss), s.rss_bytes[k]),
			   pf_fmt_bytes(size, sizeof(size), s.size_bytes[k]));
	}
	pf_check_value(c, (double)s.swap_bytes, "swap_bytes");
	pf_check_value(c, (double)s.huge_bytes, "huge_bytes");
	pf_check_value(c, (double)s.mappings, "mappings");
	pfdiag_add(c, "; %s swapped out, %s in huge pages",
		   pf_fmt_bytes(rss, sizeof(rss), s.swap_bytes),
		   pf_fmt_bytes(size, sizeof(size), s.huge_bytes));
}
