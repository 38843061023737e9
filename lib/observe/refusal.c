/* SPDX-License-Identifier: BSD-2-Clause */
/* Refusals in words. Changes nothing, asks the kernel for nothing that it might log. */
#include "lib/observe/refusal.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/base/caps.h"
#include "lib/base/cleanup.h"
#include "lib/base/parse.h"
#include "lib/base/units.h"

#define BPF_NEEDS (PF_CAP(BPF) | PF_CAP(PERFMON))

/* The kernel gives the first user namespace this inode (include/linux/proc_ns.h). */
#define FIRST_USERNS "user:[4026531837]"

/* ---- looking around --------------------------------------------------------- */

static bool read_line(const char *root, const char *path, char *dst, size_t size)
{
	_cleanup_fclose_ FILE *f = NULL;
	char whole[4096];

	snprintf(whole, sizeof(whole), "%s/%s", root, path);
	f = fopen(whole, "re");
	if (!f || !fgets(dst, (int)size, f))
		return false;
	dst[strcspn(dst, "\n")] = '\0';
	return true;
}

static bool has_seccomp_filter(const char *proc_root)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[4096], line[256];
	int mode = 0;

	snprintf(path, sizeof(path), "%s/self/status", proc_root);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Seccomp: %d", &mode) == 1)
			break;
	}
	return mode == 2;
}

static bool in_inner_userns(const char *proc_root)
{
	char path[4096], target[64] = "";

	snprintf(path, sizeof(path), "%s/self/ns/user", proc_root);
	return readlink(path, target, sizeof(target) - 1) > 0 && strcmp(target, FIRST_USERNS);
}

static int64_t bound_of(__rlimit_resource_t resource)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return -1;
	return (int64_t)limit.rlim_cur;
}

void pf_refusal_look(struct pf_refusal *r, uint64_t needs, const char *proc_root,
		     const char *sys_root)
{
	uint64_t paranoid;
	char line[128];

	*r = (struct pf_refusal){
		.needs = needs,
		.caps = pf_caps_effective(),
		.known = (UINT64_C(1) << cap_max_bits()) - 1,
		.inner_userns = in_inner_userns(proc_root),
		.seccomp = has_seccomp_filter(proc_root),
		.perf_paranoid = -1,
		.open_files = bound_of(RLIMIT_NOFILE),
		.memlock_bytes = bound_of(RLIMIT_MEMLOCK),
	};
	snprintf(line, sizeof(line), "%s/kernel", sys_root);
	r->no_sys = access(line, F_OK) != 0;
	if (read_line(sys_root, "kernel/security/lockdown", line, sizeof(line)))
		r->confidential = strstr(line, "[confidentiality]");
	if (read_line(proc_root, "sys/kernel/perf_event_paranoid", line, sizeof(line)) &&
	    !pf_parse_u64(line, 0, INT_MAX, &paranoid))
		r->perf_paranoid = (int)paranoid;
}

/* ---- words ------------------------------------------------------------------ */

static void say(char *dst, size_t size, const char *text)
{
	size_t len = strlen(dst);

	snprintf(dst + len, size - len, "%s%s", len ? "; " : "", text);
}

/* CAP_SYS_ADMIN stands for both of its children, and for them before they were born. */
static uint64_t needs(const struct pf_refusal *r)
{
	return r->needs & ~r->known ? (r->needs & r->known) | PF_CAP(SYS_ADMIN) : r->needs;
}

static uint64_t missing(const struct pf_refusal *r)
{
	uint64_t has = r->caps;

	if (has & PF_CAP(SYS_ADMIN))
		has |= BPF_NEEDS;
	return needs(r) & ~has;
}

static void say_missing(const struct pf_refusal *r, char *dst, size_t size)
{
	uint64_t has = needs(r) & ~missing(r);
	char need_words[96], has_words[96];
	char text[256];

	pf_caps_words(needs(r), need_words, sizeof(need_words));
	pf_caps_words(has, has_words, sizeof(has_words));
	if (has)
		snprintf(text, sizeof(text), "needs %s, has %s only", need_words, has_words);
	else
		snprintf(text, sizeof(text), "needs %s%s", need_words,
			 needs(r) & BPF_NEEDS ? ", or root" : "");
	say(dst, size, text);
}

/* All capabilities are there: something else forbids. */
static void say_others(const struct pf_refusal *r, int code, char *dst, size_t size)
{
	char text[160], bytes[16];

	if (r->inner_userns) {
		say(dst, size, "capabilities of an inner user namespace do not count for this");
		return;
	}
	if (r->confidential)
		say(dst, size, "lockdown=confidentiality may forbid it");
	if (r->seccomp)
		say(dst, size, "a seccomp filter is in force and may forbid it");
	if (r->perf_paranoid > 2 && !(r->needs & PF_CAP(BPF))) {
		snprintf(text, sizeof(text),
			 "kernel.perf_event_paranoid is %d, which may ask for CAP_SYS_ADMIN",
			 r->perf_paranoid);
		say(dst, size, text);
	}
	if (r->memlock_bytes >= 0 && r->memlock_bytes < PF_MEMLOCK_ENOUGH && code == EPERM &&
	    r->needs & PF_CAP(BPF)) {
		snprintf(text, sizeof(text),
			 "RLIMIT_MEMLOCK is %s, which may be too little before Linux 5.11",
			 pf_fmt_bytes(bytes, sizeof(bytes), r->memlock_bytes));
		say(dst, size, text);
	}
}

/* libbpf tells it as another error where a probe of its own had no descriptor. */
static void say_files(const struct pf_refusal *r, char *dst, size_t size)
{
	char text[96];

	snprintf(text, sizeof(text),
		 "the limit of open files is %" PRId64 ": raise it with ulimit -n", r->open_files);
	say(dst, size, text);
}

const char *pf_refusal_words(const struct pf_refusal *r, int code, char *dst, size_t size)
{
	*dst = '\0';
	if (code == EPERM || code == EACCES) {
		if (missing(r))
			say_missing(r, dst, size);
		else
			say_others(r, code, dst, size);
	} else if (code == ENOSYS) {
		say(dst, size,
		    r->seccomp ? "not in this kernel, or hidden by the seccomp filter in force"
			       : "this kernel was built without it");
	} else if (code == EMFILE || (r->open_files >= 0 && r->open_files < PF_OPEN_FILES_ENOUGH)) {
		say_files(r, dst, size);
	} else if (code == ESRCH || code == ENOENT) {
		say(dst, size,
		    r->no_sys ? "BTF is read from /sys, which is not mounted"
			      : "this kernel lacks BTF or one of the things asked for");
	} else if (r->confidential) {
		say(dst, size, "lockdown=confidentiality may forbid it");
	}
	if (!*dst)
		say(dst, size, "-vv shows the kernel's own words");
	return dst;
}
