/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel is and was built with. Concludes nothing from its version but what was tested. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/caps.h"
#include "lib/base/cleanup.h"
#include "lib/base/units.h"
#include "lib/observe/probe.h"
#include "lib/proc/line.h"
#include "lib/proc/scan.h"
#include "tools/pfdiag/check.h"

/* ---- version ------------------------------------------------------------------ */

static bool parse_release(const char *release, uint64_t *major, uint64_t *minor)
{
	struct pf_span s = pf_span_of(release, strlen(release));

	return pf_span_u64(&s, major) && pf_span_skip(&s, ".") && pf_span_u64(&s, minor);
}

void pfdiag_kernel(struct pfdiag *d, struct pf_check *c)
{
	uint64_t major, minor, number;

	if (!parse_release(d->release, &major, &minor)) {
		pfdiag_found(c, PF_CHECK_SKIP, "the kernel's release '%s' is no version",
			     d->release);
		return;
	}
	number = major * 1000 + minor;
	pf_check_value(c, (double)major, "major");
	pf_check_value(c, (double)minor, "minor");
	if (number >= 6002) {
		pfdiag_found(c, PF_CHECK_OK, "Linux %s: full service is from 6.2 on", d->release);
		return;
	}
	pfdiag_found(c,
		     number >= 5010   ? PF_CHECK_OK
		     : number >= 4014 ? PF_CHECK_WARN
				      : PF_CHECK_FAIL,
		     "Linux %s", d->release);
	if (number >= 5010) {
		pfdiag_add(c, ": service with what it can tell, which the checks of ways show");
		return;
	}
	pfdiag_why(c, number >= 4014 ? "Nothing older than 5.10 was tried. What works is what the "
				       "checks below show, not more."
				     : "BPF programs at page faults need 4.14: what is left is "
				       "reading /proc.");
	pfdiag_try(c, "%s", pf_os_kernel_command(&d->os));
}

void pfdiag_arch(struct pfdiag *d, struct pf_check *c)
{
	bool known = !strcmp(d->machine, "x86_64") || !strcmp(d->machine, "aarch64");

	pfdiag_found(c, known ? PF_CHECK_OK : PF_CHECK_WARN, "%s, pages of %ld bytes", d->machine,
		     sysconf(_SC_PAGESIZE));
	if (!known)
		pfdiag_why(c, "Only x86_64 and aarch64 were tried.");
}

/* ---- configuration --------------------------------------------------------------- */

enum need { NEED_ALL, NEED_MUCH, NEED_SOME };

static const struct {
	const char *option;
	enum need need;
	const char *lost;
} options[] = {
	{ "BPF_SYSCALL", NEED_ALL, "no BPF at all: /proc is read" },
	{ "BPF_EVENTS", NEED_ALL, "BPF programs cannot trace: /proc is read" },
	{ "PERF_EVENTS", NEED_ALL, "BPF programs cannot trace: /proc is read" },
	{ "DEBUG_INFO_BTF", NEED_MUCH, "no task iterator and no classes of faults" },
	{ "BPF_JIT", NEED_MUCH, "programs are interpreted: several times the cost, no fentry" },
	{ "CGROUPS", NEED_SOME, "no names of cgroups and containers" },
	{ "TRACEPOINTS", NEED_ALL, "nothing to attach to" },
	{ "UPROBE_EVENTS", NEED_SOME, "functions of programs cannot be probed" },
	{ "PSI", NEED_SOME, "no memory pressure" },
};

static void say_option(struct pf_check *c, const char *option, const char *value)
{
	pfdiag_add(c, "%s%s=%s", strstr(c->found, "=") ? ", " : ": ", option, value);
}

void pfdiag_config(struct pfdiag *d, struct pf_check *c)
{
	enum pf_check_status worst = PF_CHECK_OK;
	char value[64];
	size_t len = 0;

	if (!pfdiag_kconfig(d)) {
		pfdiag_found(c, PF_CHECK_SKIP,
			     "unknown: neither %s/config.gz nor %s/config-%s can be read (%s)",
			     d->proc, d->boot, d->release, strerror(d->kconfig_code));
		pfdiag_why(c, "Nothing: the checks of ways try what this would tell.");
		return;
	}
	pfdiag_found(c, PF_CHECK_OK, "%s", pf_kconfig__path(d->kconfig));
	for (size_t i = 0; i < PF_ARRAY_SIZE(options); i++) {
		pf_kconfig__get(d->kconfig, options[i].option, value, sizeof(value));
		pf_check_value(c, *value == 'y', "%s", options[i].option);
		if (*value == 'y')
			continue;
		say_option(c, options[i].option, value);
		if (len < sizeof(c->why))
			len += (size_t)snprintf(c->why + len, sizeof(c->why) - len, "%s%s: %s.",
						len ? " " : "", options[i].option, options[i].lost);
		if (options[i].need == NEED_ALL)
			worst = PF_CHECK_FAIL;
		else if (options[i].need == NEED_MUCH && worst == PF_CHECK_OK)
			worst = PF_CHECK_WARN;
	}
	pf_check_judge(c, worst);
	if (worst == PF_CHECK_OK && !len)
		pfdiag_add(c, ": all that is needed");
	if (worst != PF_CHECK_OK)
		pfdiag_try(c, "%s", pf_os_kernel_command(&d->os));
}

/* ---- BPF -------------------------------------------------------------------------- */

void pfdiag_bpf(struct pfdiag *d, struct pf_check *c)
{
	int ret = pf_probe_bpf();
	uint64_t missing;

	(void)d;
	if (!ret) {
		pfdiag_found(c, PF_CHECK_OK, "bpf(2) answers");
		return;
	}
	pfdiag_why(c, "No program can be loaded: the tools read /proc, without fault events and "
		      "short-lived processes.");
	if (ret == -ENOSYS) {
		pfdiag_found(c, PF_CHECK_FAIL, "bpf(2): %s", strerror(ENOSYS));
		pfdiag_try(c, "a kernel with CONFIG_BPF_SYSCALL; in a container, a seccomp profile "
			      "that allows bpf(2)");
	} else if (!pfdiag_may_load(&missing)) {
		pfdiag_found(c, PF_CHECK_SKIP,
			     "bpf(2): %s, which says nothing without capabilities", strerror(-ret));
		pfdiag_try(c, "pfdiag --only cap-bpf,cap-perfmon");
	} else {
		pfdiag_found(c, PF_CHECK_FAIL, "bpf(2): %s", strerror(-ret));
		pfdiag_try(c, "pfdiag --only seccomp,namespaces,lockdown");
	}
}

/* The sysctl is root's; a program that was loaded tells everybody who may load one. */
void pfdiag_jit(struct pfdiag *d, struct pf_check *c)
{
	int64_t enabled = -1;
	int ret = pf_probe_jit();

	(void)pf_proc_number(d->proc, "sys/net/core/bpf_jit_enable", &enabled);
	pf_check_value(c, ret < 0 ? (double)enabled : ret, "compiled");
	if (ret == 1 || (ret < 0 && enabled > 0)) {
		pfdiag_found(c, PF_CHECK_OK, "programs are compiled");
	} else if (ret == 0 || enabled == 0) {
		pfdiag_found(c, PF_CHECK_WARN, "programs are interpreted");
		pfdiag_why(c, "A fault costs several times as much, and fentry does not work.");
		pfdiag_try(c, "sysctl -w net.core.bpf_jit_enable=1");
	} else {
		pfdiag_found(c, PF_CHECK_SKIP, "no program can be loaded to see: %s",
			     strerror(-ret));
		pfdiag_try(c, "pfdiag --only bpf,cap-bpf,cap-perfmon");
	}
}

#define BTF_MAGIC 0xeB9F

static bool is_btf(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	uint16_t magic = 0;

	return f && fread(&magic, sizeof(magic), 1, f) == 1 && magic == BTF_MAGIC;
}

static void without_btf(const struct pfdiag *d, struct pf_check *c)
{
	pfdiag_why(c, "Without it fault events are counted by process, without classes, and the "
		      "rest is read from /proc.");
	pfdiag_try(c, "%s", pf_os_kernel_command(&d->os));
}

void pfdiag_btf(struct pfdiag *d, struct pf_check *c)
{
	char path[PATH_MAX + 32], kernel[PATH_MAX + 32], size[16];
	struct stat st;

	snprintf(kernel, sizeof(kernel), "%s/kernel", d->sys);
	snprintf(path, sizeof(path), "%s/kernel/btf/vmlinux", d->sys);
	if (!stat(path, &st) && is_btf(path)) {
		pf_check_value(c, (double)st.st_size, "bytes");
		pfdiag_found(c, PF_CHECK_OK, "%s, %s", path,
			     pf_fmt_bytes(size, sizeof(size), st.st_size));
		return;
	}
	without_btf(d, c);
	if (access(kernel, F_OK)) {
		pfdiag_found(c, PF_CHECK_WARN, "%s is not mounted, where BTF is", d->sys);
		pfdiag_try(c, "mount -t sysfs sysfs /sys");
	} else if (access(path, F_OK)) {
		pfdiag_found(c, PF_CHECK_WARN, "the kernel has no BTF: there is no %s", path);
	} else {
		pfdiag_found(c, PF_CHECK_WARN, "%s cannot be read, or is no BTF", path);
	}
}

/* ---- lockdown ------------------------------------------------------------------------ */

/* securityfs is often not mounted; the command line tells what was asked for at boot. */
static bool read_lockdown(const struct pfdiag *d, char *dst, size_t size, const char **where)
{
	char line[4096];
	const char *at;

	*where = "securityfs";
	if (!pf_proc_choice(d->sys, "kernel/security/lockdown", dst, size))
		return true;
	*where = "the kernel's command line";
	if (pf_proc_line(d->proc, "cmdline", line, sizeof(line)))
		return false;
	at = strstr(line, "lockdown=");
	if (!at || (at != line && at[-1] != ' '))
		return false;
	snprintf(dst, size, "%.*s", (int)strcspn(at + 9, " "), at + 9);
	return true;
}

void pfdiag_lockdown(struct pfdiag *d, struct pf_check *c)
{
	char mode[32], built[16] = "";
	const char *where;

	if (read_lockdown(d, mode, sizeof(mode), &where)) {
		bool strict = !strcmp(mode, "confidentiality");

		pfdiag_found(c, strict ? PF_CHECK_WARN : PF_CHECK_OK, "%s, by %s", mode, where);
		if (strict) {
			pfdiag_why(c, "BPF may not read kernel memory: fault events are counted by "
				      "process, without classes, and the rest is read from /proc.");
			pfdiag_try(c, pf_os_boot_argument(&d->os), "lockdown=integrity");
		}
		return;
	}
	if (pfdiag_kconfig(d))
		pf_kconfig__get(d->kconfig, "SECURITY_LOCKDOWN_LSM", built, sizeof(built));
	if (*built == 'n')
		pfdiag_found(c, PF_CHECK_OK, "this kernel has none");
	else
		pfdiag_found(c, PF_CHECK_SKIP,
			     "unknown: securityfs is not mounted, and the command line names none");
}
