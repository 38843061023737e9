/* SPDX-License-Identifier: BSD-2-Clause */
/* What is mounted, switched on and installed around the kernel, and how the machine is. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/cleanup.h"
#include "lib/base/installed.h"
#include "lib/base/text.h"
#include "lib/base/units.h"
#include "lib/observe/probe.h"
#include "lib/proc/line.h"
#include "lib/proc/machine.h"
#include "lib/proc/mounts.h"
#include "lib/proc/psi.h"
#include "lib/proc/scan.h"
#include "lib/proc/view.h"
#include "tools/pfdiag/check.h"

/* ---- tracefs -------------------------------------------------------------------- */

static const char *const tracefs_places[] = { "kernel/tracing", "kernel/debug/tracing" };

/* The directory of events; false with the last error. */
static bool find_events(const struct pfdiag *d, char *dst, size_t size)
{
	for (size_t i = 0; i < PF_ARRAY_SIZE(tracefs_places); i++) {
		snprintf(dst, size, "%s/%s/events", d->sys, tracefs_places[i]);
		if (!access(dst, X_OK))
			return true;
		if (errno == EACCES)
			return false;
	}
	return false;
}

void pfdiag_tracefs(struct pfdiag *d, struct pf_check *c)
{
	char path[PATH_MAX + 64];

	if (find_events(d, path, sizeof(path))) {
		pfdiag_found(c, PF_CHECK_OK, "%s", path);
		return;
	}
	pfdiag_why(c, "Classic tracepoints (--backend tracepoint, and the way for kernels without "
		      "BTF) are found through it. All other ways do without.");
	if (errno == EACCES) {
		pfdiag_found(c, PF_CHECK_SKIP, "%s: %s", path, strerror(EACCES));
		pfdiag_try(c, "run as root, or add CAP_DAC_READ_SEARCH");
	} else {
		pfdiag_found(c, PF_CHECK_SKIP, "tracefs is not mounted");
		pfdiag_try(c, "mount -t tracefs tracefs /sys/kernel/tracing");
	}
}

/* BTF has a type for each tracepoint. */
static bool btf_says(const struct pfdiag *d, const char *text)
{
	struct pf_readbuf buf = { 0 };
	char path[PATH_MAX + 32];
	ssize_t n;
	bool has;

	snprintf(path, sizeof(path), "%s/kernel/btf/vmlinux", d->sys);
	n = pf_readbuf__file(&buf, AT_FDCWD, path, 64u << 20);
	has = n > 0 && memmem(buf.data, (size_t)n, text, strlen(text) + 1);
	pf_readbuf__free(&buf);
	return has;
}

void pfdiag_tracepoints(struct pfdiag *d, struct pf_check *c)
{
	char path[PATH_MAX + 64], user[PATH_MAX + 128];
	bool events = find_events(d, path, sizeof(path));

	snprintf(user, sizeof(user), "%s/exceptions/page_fault_user", path);
	if (events ? !access(user, F_OK) : btf_says(d, "btf_trace_page_fault_user")) {
		pfdiag_found(c, PF_CHECK_OK, "exceptions:page_fault_user and _kernel, by %s",
			     events ? "tracefs" : "BTF");
		return;
	}
	pfdiag_found(c, PF_CHECK_SKIP, "no exceptions:page_fault_user, by %s",
		     events ? "tracefs" : "BTF, or BTF cannot be read");
	pfdiag_why(c, "x86 has them always, others not. The backends fexit and perf do without.");
}

/* ---- cgroups ---------------------------------------------------------------------- */

void pfdiag_cgroup(struct pfdiag *d, struct pf_check *c)
{
	_cleanup_close_ int proc = open(d->proc, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct pf_cgroup_mounts m;
	int ret = proc < 0 ? -errno : pf_cgroup_mounts_read(proc, &m);
	bool v2 = !ret && *m.unified.point, v1 = !ret && *m.memory.point;

	if (ret) {
		pfdiag_found(c, PF_CHECK_SKIP, "unknown: %s/self/mountinfo: %s", d->proc,
			     strerror(-ret));
		return;
	}
	pf_check_value(c, v2, "v2");
	pf_check_value(c, v1, "v1");
	if (v1 && v2)
		pfdiag_found(c, PF_CHECK_OK, "hybrid: memory is v1's, at %s", m.memory.point);
	else if (v2)
		pfdiag_found(c, PF_CHECK_OK, "v2, at %s", m.unified.point);
	else if (v1)
		pfdiag_found(c, PF_CHECK_OK, "v1, memory at %s", m.memory.point);
	else
		pfdiag_found(c, PF_CHECK_WARN, "none is mounted");
	if (v1 || v2)
		return;
	pfdiag_why(c, "Paths of cgroups are shown as /proc has them, but limits are not known: the "
		      "time left is that of the machine.");
	pfdiag_try(c, "mount -t cgroup2 cgroup2 /sys/fs/cgroup");
}

/* ---- memory ------------------------------------------------------------------------ */

void pfdiag_psi(struct pfdiag *d, struct pf_check *c)
{
	struct pf_psi psi;
	int ret = pf_psi_read(d->proc, &psi);

	if (!ret) {
		pf_check_value(c, psi.some_avg10, "some_avg10");
		pf_check_value(c, psi.full_avg10, "full_avg10");
		pfdiag_found(c, PF_CHECK_OK, "some %.2f%%, full %.2f%% of the last 10 s",
			     psi.some_avg10, psi.full_avg10);
		return;
	}
	pfdiag_found(c, PF_CHECK_SKIP, "no memory pressure: %s",
		     ret == -EOPNOTSUPP	  ? "it is switched off"
		     : ret != -ENOENT	  ? strerror(-ret)
		     : pfdiag_has_proc(d) ? "this kernel has none"
					  : "/proc is not mounted");
	pfdiag_why(c, "pfstat --total and pfdiag cannot show it. Nothing else needs it.");
	if (ret == -EOPNOTSUPP)
		pfdiag_try(c, pf_os_boot_argument(&d->os), "psi=1");
}

void pfdiag_thp(struct pfdiag *d, struct pf_check *c)
{
	char mode[32];
	int ret = pf_proc_choice(d->sys, "kernel/mm/transparent_hugepage/enabled", mode,
				 sizeof(mode));

	if (ret) {
		pfdiag_found(c, PF_CHECK_OK, "no transparent huge pages");
		return;
	}
	pfdiag_found(c, PF_CHECK_OK, "transparent huge pages: %s", mode);
	if (strcmp(mode, "never"))
		pfdiag_why(c, "One fault can bring 2 MB: faults are not pages. Growth is told by "
			      "memory, not by faults.");
}

void pfdiag_proc(struct pfdiag *d, struct pf_check *c)
{
	switch (pf_proc_view(d->proc)) {
	case PF_PROC_NONE:
		pfdiag_found(c, PF_CHECK_WARN, "%s is not mounted", d->proc);
		pfdiag_why(c,
			   "Names of programs and cgroups are unknown, limits too, and there is no "
			   "way without BPF.");
		pfdiag_try(c, "mount -t proc proc /proc");
		return;
	case PF_PROC_OTHERS:
		pfdiag_found(c, PF_CHECK_WARN, "%s is of another pid namespace", d->proc);
		pfdiag_why(c,
			   "Names of programs and cgroups are unknown: its numbers are not ours.");
		pfdiag_try(c, "mount -t proc proc /proc, in this mount namespace");
		return;
	case PF_PROC_OURS:
		break;
	}
	if (!pf_proc_hides(d->proc)) {
		pfdiag_found(c, PF_CHECK_OK, "%s is this pid namespace's and hides nobody",
			     d->proc);
		return;
	}
	pfdiag_found(c, PF_CHECK_OK, "%s is mounted with hidepid", d->proc);
	pfdiag_why(c, "Other users' processes are shown to those with CAP_SYS_PTRACE.");
}

/* ---- programs ------------------------------------------------------------------------ */

static const struct {
	const char *name;
	int (*find)(char *dst, size_t size, const char *name);
	const char *lost;
} helpers[] = {
	{ "pf-notify", pf_installed_helper, "alerts are not sent over HTTP" },
	{ "pf-allocator", pf_installed_helper, "alerts do not name the allocator" },
	{ "pf-symbolize", pf_installed_helper, "pfstack does not start" },
	{ "pfstack", pf_installed_tool, "alerts come without stacks" },
};

void pfdiag_install(struct pfdiag *d, struct pf_check *c)
{
	char path[PATH_MAX];
	size_t len = 0;

	pfdiag_found(c, PF_CHECK_OK, "%s", "");
	for (size_t i = 0; i < PF_ARRAY_SIZE(helpers); i++) {
		int ret = helpers[i].find(path, sizeof(path), helpers[i].name);

		pfdiag_add(c, "%s%s", i ? ", " : "", helpers[i].name);
		if (!ret)
			continue;
		pf_check_judge(c, PF_CHECK_WARN);
		pfdiag_add(c, " (%s)", strerror(-ret));
		if (len < sizeof(c->why))
			len += (size_t)snprintf(c->why + len, sizeof(c->why) - len,
						"%sWithout %s %s.", len ? " " : "", helpers[i].name,
						helpers[i].lost);
	}
	/* They are found beside our own file, which it names. */
	if (c->verdict == PF_CHECK_WARN && !pfdiag_has_proc(d))
		pfdiag_try(c, "pfdiag --only proc");
	else if (c->verdict == PF_CHECK_WARN)
		pfdiag_try(c, "make install, or install the whole package again");
}

#define TRACERS_MAX   64
#define TRACERS_SHOWN 6
#define OUR_NAMES     "pf_" /* of all our programs */

static bool is_ours(const struct pf_tracer *t)
{
	return !strncmp(t->name, OUR_NAMES, strlen(OUR_NAMES));
}

static void name_tracers(struct pf_check *c, const struct pf_tracer *tracer, size_t n)
{
	char name[sizeof(tracer->name) * PF_TEXT_GROWTH];
	size_t shown = 0;

	for (size_t i = 0; i < n && shown < TRACERS_SHOWN; i++) {
		if (is_ours(&tracer[i]))
			continue;
		pfdiag_add(c, "%s %s (%s)", shown++ ? "," : ":",
			   pf_text_printable(name, sizeof(name), tracer[i].name), tracer[i].type);
	}
}

void pfdiag_tracers(struct pfdiag *d, struct pf_check *c)
{
	struct pf_tracer tracer[TRACERS_MAX];
	size_t n, ours = 0, listed;
	int ret = pf_probe_tracers(tracer, TRACERS_MAX, &n);

	(void)d;
	if (ret) {
		pfdiag_found(c, PF_CHECK_SKIP, "unknown: %s", strerror(-ret));
		pfdiag_why(c, "Listing the programs of others takes CAP_SYS_ADMIN.");
		return;
	}
	listed = n < TRACERS_MAX ? n : TRACERS_MAX;
	for (size_t i = 0; i < listed; i++)
		ours += is_ours(&tracer[i]);
	pf_check_value(c, (double)(n - ours), "others");
	pf_check_value(c, (double)ours, "ours");
	pfdiag_found(c, PF_CHECK_OK, "%zu BPF programs of others trace, %zu of running pftools",
		     n - ours, ours);
	name_tracers(c, tracer, listed);
	if (n > ours)
		pfdiag_why(c,
			   "Each adds its own cost where it is attached; the tools and they do not "
			   "disturb each other.");
}

/* ---- status ----------------------------------------------------------------------------- */

void pfdiag_system(struct pfdiag *d, struct pf_check *c)
{
	char total[16], available[16], swap[16], up[16] = "?", line[128];
	struct pf_machine m;
	double uptime_s = NAN;

	if (pf_machine_read(d->proc, &m) || m.mem_total_bytes == PF_UNKNOWN) {
		pfdiag_found(c, PF_CHECK_SKIP, "unknown: %s/meminfo cannot be read", d->proc);
		return;
	}
	if (!pf_proc_line(d->proc, "uptime", line, sizeof(line)) &&
	    sscanf(line, "%lf", &uptime_s) == 1)
		pf_fmt_duration(up, sizeof(up), uptime_s);
	pf_check_value(c, (double)m.cpus_online, "cpus");
	pf_check_value(c, (double)m.mem_total_bytes, "mem_total_bytes");
	pf_check_value(c, (double)m.mem_available_bytes, "mem_available_bytes");
	pf_check_value(c, (double)m.swap_free_bytes, "swap_free_bytes");
	pf_check_value(c, uptime_s, "uptime_s");
	pfdiag_found(
		c, PF_CHECK_OK, "%" PRId64 " CPUs, %s of %s memory available, %s swap free, up %s",
		m.cpus_online, pf_fmt_bytes(available, sizeof(available), m.mem_available_bytes),
		pf_fmt_bytes(total, sizeof(total), m.mem_total_bytes),
		pf_fmt_bytes(swap, sizeof(swap), m.swap_free_bytes), up);
	if (m.mem_available_bytes != PF_UNKNOWN && m.mem_available_bytes < m.mem_total_bytes / 20) {
		pf_check_judge(c, PF_CHECK_WARN);
		pfdiag_why(c, "Less than 5%% is left: the kernel reclaims, and faults are slow.");
		pfdiag_try(c, "pfleak --once 60");
	}
}
