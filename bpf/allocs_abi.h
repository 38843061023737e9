/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What bpf/allocs.bpf.c shares with its loader. Its records are those of
 * bpf/stacks_abi.h: a sample of PF_STACK_SAMPLE is an allocation, with
 * `address` what it returned, `seen` the bytes asked for, `weight` the mean gap
 * in bytes at which it was drawn, and `serial` its number in pf_alc_live.
 */
#ifndef PF_BPF_ALLOCS_ABI_H
#define PF_BPF_ALLOCS_ABI_H

#include "bpf/stacks_abi.h"

#define PF_ALLOC_LIVE_MAX 32768 /* sampled allocations that are not freed */
#define PF_ALLOC_MARKS	  65536 /* a power of two */
#define PF_ALLOC_CPUS	  256	/* CPUs beyond share */
#define PF_ALLOC_PLACES	  128
#define PF_ALLOC_LOG2	  256
#define PF_ALLOC_BURST	  128		/* samples before the gap is doubled */
#define PF_ALLOC_GAP_MAX  (1u << 30)	/* bytes */
#define PF_ALLOC_STALE_NS 1000000000ULL /* a call that takes longer has been left another way */

/* Where what a function was given is, at its probe: registers as the kernel orders them, plus one; 0 = not given. */
struct pf_alloc_place {
	__u8 size;
	__u8 times; /* the size is to be multiplied by this */
	__u8 old;   /* what is given back, if it succeeds; or by a function that frees */
	__u8 out;   /* where the address is stored; else it is returned */
	__u8 zero[4];
};

/* By CPU: nobody else writes it, but for what is interrupted in the middle. */
struct pf_alloc_cpu {
	__u64 calls;
	__u64 bytes;
	__u64 frees;
	__s64 left; /* bytes to the next sample */
	__u32 gap;  /* for which left was drawn */
	__u32 zero;
	__u64 pad[3];
};

/* A thread's call that is being waited for. */
struct pf_alloc_call {
	__u64 sp;
	__u64 ip;
	__u64 begin_ns;
	__u64 size;
	__u64 out;
	__u64 old; /* was sampled, and is freed if this succeeds */
	__u64 old_serial;
	__u32 gap; /* 0 = not sampled: for the old one only */
	__u32 active;
};

_Static_assert(sizeof(struct pf_alloc_place) == 8, "a cookie");
_Static_assert(sizeof(struct pf_alloc_cpu) == 64, "a cache line");
_Static_assert(sizeof(struct pf_alloc_call) == 64, "both sides agree");

#endif
