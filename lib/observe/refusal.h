/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why the kernel may have refused, in words: what was needed against what this
 * process has, and what else on this machine is known to forbid. States what
 * it knows as known and the rest as possible.
 */
#ifndef PF_LIB_OBSERVE_REFUSAL_H
#define PF_LIB_OBSERVE_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What our maps and programs may take together, and loading them, with room to
 * spare. The backend perf needs a file more for each CPU.
 */
#define PF_MEMLOCK_ENOUGH    (1 << 20)
#define PF_OPEN_FILES_ENOUGH 64

struct pf_refusal {
	uint64_t needs;	       /* capabilities that the step takes (lib/base/caps.h) */
	uint64_t caps;	       /* in force */
	uint64_t known;	       /* those this kernel has */
	bool no_sys;	       /* sysfs is not mounted, where the kernel's BTF is */
	bool inner_userns;     /* in a user namespace that is not the first */
	bool confidential;     /* lockdown=confidentiality */
	bool seccomp;	       /* a seccomp filter is in force */
	int perf_paranoid;     /* kernel.perf_event_paranoid; -1 too where it cannot be told */
	int64_t open_files;    /* RLIMIT_NOFILE; -1 = no bound */
	int64_t memlock_bytes; /* RLIMIT_MEMLOCK; -1 = no bound */
};

/* Look around; proc_root and sys_root are "/proc" and "/sys" but in tests. */
void pf_refusal_look(struct pf_refusal *r, uint64_t needs, const char *proc_root,
		     const char *sys_root);

/*
 * What to say in brackets after strerror(code), code > 0. Only reads *r. As
 * much as fits. Returns dst.
 */
const char *pf_refusal_words(const struct pf_refusal *r, int code, char *dst, size_t size);

#endif
