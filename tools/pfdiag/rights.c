/* SPDX-License-Identifier: BSD-2-Clause */
/* What this process may do: capabilities, sysctls, limits, filters, namespaces. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/base/caps.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/base/units.h"
#include "lib/observe/probe.h"
#include "lib/observe/refusal.h"
#include "lib/proc/cgpath.h"
#include "lib/proc/line.h"
#include "lib/proc/scan.h"
#include "tools/pfdiag/check.h"

/* ---- capabilities ------------------------------------------------------------------ */

/* Before them CAP_SYS_ADMIN had their part, and it still has. */
#define BPF_PARTS (PF_CAP(BPF) | PF_CAP(PERFMON))

static uint64_t in_force(void)
{
	uint64_t caps = pf_caps_effective();

	return caps & PF_CAP(SYS_ADMIN) ? caps | BPF_PARTS : caps;
}

bool pfdiag_may_load(uint64_t *missing)
{
	*missing = BPF_PARTS & ~in_force();
	return !*missing;
}

static const struct capability {
	enum pf_check_id check;
	uint64_t cap;
	enum pf_check_status without;
	const char *why;
} capabilities[] = {
	{ PF_CHECK_CAP_BPF, PF_CAP(BPF), PF_CHECK_WARN,
	  "No BPF: pfstat and pfleak read /proc, without fault events and short-lived processes." },
	{ PF_CHECK_CAP_PERFMON, PF_CAP(PERFMON), PF_CHECK_WARN,
	  "No BPF that traces: pfstat and pfleak read /proc, without fault events and short-lived "
	  "processes." },
	{ PF_CHECK_CAP_SYS_PTRACE, PF_CAP(SYS_PTRACE), PF_CHECK_WARN,
	  "File names of other users' programs are unknown, and with hidepid all that /proc has of "
	  "them." },
	{ PF_CHECK_CAP_SYS_ADMIN, PF_CAP(SYS_ADMIN), PF_CHECK_SKIP,
	  "--overhead does not show what the programs cost, and before Linux 5.8 nothing can be "
	  "loaded. Not needed otherwise." },
	{ PF_CHECK_CAP_SYS_RESOURCE, PF_CAP(SYS_RESOURCE), PF_CHECK_SKIP,
	  "RLIMIT_MEMLOCK cannot be raised, which matters before Linux 5.11. Not needed otherwise." },
	{ PF_CHECK_CAP_DAC_READ_SEARCH, PF_CAP(DAC_READ_SEARCH), PF_CHECK_SKIP,
	  "tracefs may be closed to us, and with it classic tracepoints. Not needed otherwise." },
	{ PF_CHECK_CAP_CHECKPOINT_RESTORE, PF_CAP(CHECKPOINT_RESTORE), PF_CHECK_SKIP,
	  "Files that others have mapped and deleted cannot be read (CAP_SYS_ADMIN does too). "
	  "pfstat and pfleak do not read them." },
};

static const struct capability *capability_of(enum pf_check_id id)
{
	for (size_t i = 0; i < PF_ARRAY_SIZE(capabilities); i++) {
		if (capabilities[i].check == id)
			return &capabilities[i];
	}
	return &capabilities[0];
}

void pfdiag_capability(struct pfdiag *d, struct pf_check *c)
{
	const struct capability *of = capability_of(c->check);
	bool own = pf_caps_effective() & of->cap, has = in_force() & of->cap;
	char word[64];

	(void)d;
	pf_caps_words(of->cap, word, sizeof(word));
	pf_check_value(c, has, "in_force");
	pfdiag_found(c, has ? PF_CHECK_OK : of->without, "%s is %s", word,
		     own   ? "in force"
		     : has ? "in force as part of CAP_SYS_ADMIN"
			   : "not in force");
	if (has)
		return;
	pfdiag_why(c, "%s", of->why);
	if (of->without == PF_CHECK_WARN)
		pfdiag_try(c, "run as root, or: setcap cap_bpf,cap_perfmon,cap_sys_ptrace+ep "
			      "\"$(command -v pfstat)\"");
}

/* ---- sysctls ---------------------------------------------------------------------------- */

static bool read_sysctl(const struct pfdiag *d, struct pf_check *c, const char *name,
			int64_t *value)
{
	char path[128], *dot;
	int ret;

	snprintf(path, sizeof(path), "sys/%s", name);
	for (dot = path; (dot = strchr(dot, '.'));)
		*dot = '/';
	ret = pf_proc_number(d->proc, path, value);
	if (!ret)
		pf_check_value(c, (double)*value, "value");
	else if (ret == -ENOENT && !pfdiag_has_proc(d))
		pfdiag_found(c, PF_CHECK_SKIP, "%s is unknown: %s is not mounted", name, d->proc);
	else if (ret == -ENOENT)
		pfdiag_found(c, PF_CHECK_SKIP, "there is no %s here", name);
	else
		pfdiag_found(c, PF_CHECK_SKIP, "%s cannot be read: %s", name, strerror(-ret));
	return !ret;
}

void pfdiag_unprivileged_bpf(struct pfdiag *d, struct pf_check *c)
{
	int64_t value;

	if (!read_sysctl(d, c, "kernel.unprivileged_bpf_disabled", &value))
		return;
	if (value) {
		pfdiag_found(c, PF_CHECK_OK,
			     "kernel.unprivileged_bpf_disabled is %" PRId64
			     ": only those with CAP_BPF",
			     value);
		return;
	}
	pfdiag_found(c, PF_CHECK_OK,
		     "kernel.unprivileged_bpf_disabled is 0: everybody may load "
		     "simple programs");
	pfdiag_why(c,
		   "The tools do not need it: what they load takes CAP_BPF and CAP_PERFMON in any "
		   "case.");
	pfdiag_try(c, "sysctl -w kernel.unprivileged_bpf_disabled=2");
}

void pfdiag_perf_paranoid(struct pfdiag *d, struct pf_check *c)
{
	int64_t value;

	if (!read_sysctl(d, c, "kernel.perf_event_paranoid", &value))
		return;
	pfdiag_found(c, PF_CHECK_OK, "kernel.perf_event_paranoid is %" PRId64, value);
	if (value <= 2)
		return;
	pfdiag_why(c, "Some distributions' kernels take CAP_SYS_ADMIN for perf events then: the "
		      "backends perf and tracepoint may be refused to those who have CAP_PERFMON "
		      "only.");
	if (d->live && !(in_force() & PF_CAP(SYS_ADMIN))) {
		pf_check_judge(c, PF_CHECK_WARN);
		pfdiag_try(c, "sysctl -w kernel.perf_event_paranoid=2");
	}
}

void pfdiag_kptr_restrict(struct pfdiag *d, struct pf_check *c)
{
	int64_t value;

	if (!read_sysctl(d, c, "kernel.kptr_restrict", &value))
		return;
	pfdiag_found(c, PF_CHECK_OK, "kernel.kptr_restrict is %" PRId64 "%s", value,
		     value == 0	  ? ""
		     : value == 1 ? ": addresses for those with CAP_SYSLOG"
				  : ": addresses for nobody");
	if (value > 1)
		pfdiag_why(c,
			   "The kernel's functions cannot be named from /proc/kallsyms. pfstat and "
			   "pfleak need no names.");
}

/* ---- limits ----------------------------------------------------------------------------- */

void pfdiag_memlock(struct pfdiag *d, struct pf_check *c)
{
	struct rlimit limit;
	char bytes[16];
	int ret;

	(void)d;
	if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur == RLIM_INFINITY) {
		pfdiag_found(c, PF_CHECK_OK, "RLIMIT_MEMLOCK is unlimited");
		return;
	}
	pf_check_value(c, (double)limit.rlim_cur, "bytes");
	pfdiag_found(c, PF_CHECK_OK, "RLIMIT_MEMLOCK is %s",
		     pf_fmt_bytes(bytes, sizeof(bytes), (int64_t)limit.rlim_cur));
	if (limit.rlim_cur >= PF_MEMLOCK_ENOUGH)
		return;
	ret = pf_probe_map(PF_MEMLOCK_ENOUGH);
	if (!ret) {
		pfdiag_add(c, ", and does not bound maps here (from Linux 5.11 on)");
		return;
	}
	pfdiag_add(c, ", and a map of 1.0M cannot be made: %s", strerror(-ret));
	pf_check_judge(c, PF_CHECK_SKIP);
	pfdiag_why(c,
		   "Before Linux 5.11 it bounds the memory of maps, and loading fails for want of "
		   "it.");
	pfdiag_try(c, "ulimit -l unlimited");
}

void pfdiag_open_files(struct pfdiag *d, struct pf_check *c)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	struct rlimit limit;
	rlim_t enough = PF_OPEN_FILES_ENOUGH + (rlim_t)(cpus > 0 ? cpus : 1);

	(void)d;
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == RLIM_INFINITY) {
		pfdiag_found(c, PF_CHECK_OK, "unlimited");
		return;
	}
	pf_check_value(c, (double)limit.rlim_cur, "files");
	pfdiag_found(c, limit.rlim_cur >= enough ? PF_CHECK_OK : PF_CHECK_WARN,
		     "RLIMIT_NOFILE is %llu; at most %llu are used",
		     (unsigned long long)limit.rlim_cur, (unsigned long long)enough);
	if (limit.rlim_cur >= enough)
		return;
	pfdiag_why(c, "Loading fails in ways that look like other errors.");
	pfdiag_try(c, "ulimit -n 1024");
}

/* ---- filters and namespaces --------------------------------------------------------------- */

/* The number of a line of self/status; -1 where there is none. */
static int64_t status_number(const struct pfdiag *d, const char *key)
{
	struct pf_readbuf buf = { 0 };
	ssize_t n = pf_readbuf__below(&buf, d->proc, "self/status", 1 << 16);
	struct pf_span rest = pf_span_of(buf.data, n > 0 ? (size_t)n : 0), line;
	int64_t value = -1;

	while (pf_span_line(&rest, &line)) {
		struct pf_span word;

		if (pf_span_skip(&line, key) && pf_span_skip(&line, ":") &&
		    pf_span_skip(&line, "\t"))
			(void)(pf_span_i64(&line, &value) || pf_span_word(&line, &word));
	}
	pf_readbuf__free(&buf);
	return value;
}

static const char filter_remedy[] = "docker run --security-opt seccomp=unconfined ...; for a "
				    "service: SystemCallFilter=bpf perf_event_open";

void pfdiag_seccomp(struct pfdiag *d, struct pf_check *c)
{
	int64_t mode = status_number(d, "Seccomp");

	if (mode < 0) {
		pfdiag_found(c, PF_CHECK_SKIP, "unknown: %s/self/status does not tell", d->proc);
		return;
	}
	pf_check_value(c, (double)mode, "mode");
	if (mode != 2) {
		pfdiag_found(c, PF_CHECK_OK, "no filter is in force");
		return;
	}
	if (d->live && !pf_probe_bpf()) {
		int perf = pf_probe_perf();

		pfdiag_found(c, PF_CHECK_OK, "a filter is in force, and lets bpf(2) through");
		if (perf != -EPERM && perf != -ENOSYS)
			return;
		pf_check_judge(c, PF_CHECK_WARN);
		pfdiag_add(c, ", but not perf_event_open(2)");
		pfdiag_why(c, "The backends perf and tracepoint, buffers of each CPU and probes of "
			      "programs are not to be had; the others are.");
		pfdiag_try(c, "%s", filter_remedy);
		return;
	}
	pfdiag_found(c, PF_CHECK_WARN, "a filter is in force");
	pfdiag_why(
		c,
		"Container runtimes and service managers forbid bpf(2) and perf_event_open(2) so: "
		"nothing can be loaded then.");
	pfdiag_try(c, "%s", filter_remedy);
}

/* The first namespace of each kind has a number of its own (include/linux/proc_ns.h). */
static const struct {
	const char *kind;
	const char *first;
} kinds[] = {
	{ "user", "user:[4026531837]" },
	{ "pid", "pid:[4026531836]" },
	{ "cgroup", "cgroup:[4026531835]" },
};

static size_t inner_namespaces(const struct pfdiag *d, struct pf_check *c, bool *user)
{
	size_t known = 0;

	for (size_t i = 0; i < PF_ARRAY_SIZE(kinds); i++) {
		char path[PATH_MAX + 32], target[64] = "";
		bool inner;

		snprintf(path, sizeof(path), "%s/self/ns/%s", d->proc, kinds[i].kind);
		if (readlink(path, target, sizeof(target) - 1) <= 0)
			continue;
		known++;
		inner = strcmp(target, kinds[i].first) != 0;
		pf_check_value(c, inner, "%s", kinds[i].kind);
		if (inner)
			pfdiag_add(c, "%s%s",
				   *c->found ? ", " : "inner namespaces: ", kinds[i].kind);
		*user |= inner && i == 0;
	}
	return known;
}

static void own_container(const struct pfdiag *d, struct pf_check *c)
{
	struct pf_readbuf buf = { 0 };
	ssize_t n = pf_readbuf__below(&buf, d->proc, "self/cgroup", 1 << 17);
	char name[PF_CGROUP_NAME_MAX * PF_TEXT_GROWTH];
	struct pf_cgroup_lines lines;
	struct pf_cgroup_parts parts;
	struct pf_span path;

	pf_parse_cgroup_file(buf.data, n > 0 ? (size_t)n : 0, &lines);
	path = pf_cgroup_choose(&lines);
	if (path.p) {
		pf_parse_cgroup_path(path.p, pf_span_len(path), &parts);
		if (*parts.container && strcmp(parts.runtime, "systemd") != 0)
			pfdiag_add(c, "%scontainer %.24s (%s)", *c->found ? "; " : "",
				   pf_text_printable(name, sizeof(name), parts.container),
				   *parts.runtime ? parts.runtime : "unknown runtime");
	}
	pf_readbuf__free(&buf);
}

void pfdiag_namespaces(struct pfdiag *d, struct pf_check *c)
{
	bool user = false;
	size_t known;

	pfdiag_found(c, PF_CHECK_OK, "%s", "");
	known = inner_namespaces(d, c, &user);
	own_container(d, c);
	if (!known && !*c->found) {
		pfdiag_found(c, PF_CHECK_SKIP, "unknown: %s/self/ns cannot be read", d->proc);
		return;
	}
	if (!*c->found)
		pfdiag_add(c, "the machine's own");
	if (user) {
		pf_check_judge(c, PF_CHECK_WARN);
		pfdiag_why(c,
			   "Capabilities of an inner user namespace do not count for BPF: /proc is "
			   "read.");
		pfdiag_try(c, "run outside of it; docker: without userns-remap, or --userns=host");
	} else if (pf_check_value_of(c, "pid") == 1) {
		pfdiag_why(c, "Only the processes of this pid namespace are seen.");
		pfdiag_try(c, "docker run --pid=host, or hostPID: true, to see all");
	}
}
