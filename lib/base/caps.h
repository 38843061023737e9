/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this process may do beyond its user's rights (capabilities(7)), and
 * giving up for good what it will not need. Sets are bits by the kernel's
 * numbers: PF_CAP(BPF) | PF_CAP(PERFMON). For programs of one thread: the
 * kernel keeps capabilities by thread.
 */
#ifndef PF_LIB_BASE_CAPS_H
#define PF_LIB_BASE_CAPS_H

#include <linux/capability.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PF_CAP(name) (UINT64_C(1) << CAP_##name)

/* Older headers lack them; kernels before 5.8 and 5.9 have CAP_SYS_ADMIN for both. */
#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#define CAP_BPF	    39
#endif
#ifndef CAP_CHECKPOINT_RESTORE
#define CAP_CHECKPOINT_RESTORE 40
#endif

/* In force now, and what may be put in force; 0 where that cannot be told. */
uint64_t pf_caps_effective(void);
uint64_t pf_caps_permitted(void);

/* Which of the permitted ones are in force from now on. 0 or -errno. */
int pf_caps_use(uint64_t effective);

/*
 * Keep those in `keep`, give up all others, and let no program started from
 * here gain any: permitted, effective, inheritable, ambient and (with
 * CAP_SETPCAP) bounding set, and no_new_privs. There is no way back. 0 or
 * -errno.
 */
int pf_caps_keep(uint64_t keep);

/*
 * The first of n sets, given from small to large, with which works(ctx) is
 * true when no other capability is in force. The last is not tried: what does
 * not work even with it fails for another reason. Afterwards is in force what
 * was before.
 */
uint64_t pf_caps_least(const uint64_t *sets, size_t n, bool (*works)(void *ctx), void *ctx);

/* "CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE"; "none". As much as fits. Returns dst. */
const char *pf_caps_words(uint64_t caps, char *dst, size_t size);

/* This program file gave its user more than he has himself (set-user-ID, file capabilities). */
bool pf_caps_from_file(void);

#endif
