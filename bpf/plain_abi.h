/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What bpf/plain.bpf.c and its owner in user space say to each other. Compiles on both sides. */
#ifndef PF_BPF_PLAIN_ABI_H
#define PF_BPF_PLAIN_ABI_H

#include <linux/types.h>

/* Fault events of one process, all its threads, since its first one was seen. */
struct pf_plain_count {
	__u64 user;
	__u64 kernel;
};

/* Set before the programs run; there are no constants for them to read. */
struct pf_plain_options {
	__u32 only_named; /* count those that are in the table already, add nobody */
	__u32 zero;
};

_Static_assert(sizeof(struct pf_plain_count) == 16, "both sides agree");
_Static_assert(sizeof(struct pf_plain_options) == 8, "both sides agree");

#endif
