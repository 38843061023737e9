/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owner of bpf/allocs.bpf.c: sampled allocations of one process with their
 * stacks, which of them are not freed yet, and how much is asked for in all.
 * Is told where the allocator's functions are; looks into no file. Everything
 * it attaches is gone with its descriptors, hence with its process.
 */
#ifndef PF_LIB_OBSERVE_ALLOCS_H
#define PF_LIB_OBSERVE_ALLOCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/observe/capture.h"

struct pf_allocs;
struct pf_error;

#define PF_ALLOCS_PROBES_MAX 128
#define PF_ALLOCS_GAP_MAX    (1u << 30)

/*
 * One function. Registers are by their numbers in the machine's code (x86_64:
 * 0 rax, 1 rcx, 2 rdx, 3 rbx, 4 rsp, 5 rbp, 6 rsi, 7 rdi, 8...15; arm64: x0...)
 * as they are at the probe; -1 = there is none.
 */
struct pf_allocs_probe {
	int fd;		  /* of its file */
	uint64_t offset;  /* in the file, of the instruction */
	uint64_t address; /* in the process */
	bool frees;
	int8_t size;  /* bytes asked for ... */
	int8_t times; /* ... by this */
	int8_t old;   /* what it gives back: at once if it frees, else if it succeeds */
	int8_t out;   /* where the address goes; else it is returned */
};

struct pf_allocs_config {
	int64_t pid;
	uint64_t least_bytes; /* only allocations of that size */
	uint64_t most_bytes;
	bool chain; /* walk frame pointers in the kernel */
	size_t ring_bytes;
};

/*
 * Load, and find the process. Samples come with `address` of the memory, `seen` the bytes
 * asked for, `weight` the mean gap in bytes with which it was drawn. None come
 * before pf_allocs__set_gap. News are NAMED during open, EXEC and EXIT: then it
 * is over, and what was not freed stays as it was. NULL with *err filled, errno
 * set; -ESRCH: there is no such process.
 */
struct pf_allocs *pf_allocs__open(const struct pf_allocs_config *config,
				  const struct pf_capture_ops *ops, struct pf_error *err);
/* Put probes at the functions; they are borrowed. 0 or -errno with *err filled. */
int pf_allocs__attach(struct pf_allocs *a, const struct pf_allocs_probe *probes, size_t n,
		      struct pf_error *err);
void pf_allocs__close(struct pf_allocs *a); /* NULL-safe; detaches everything */

const char *pf_allocs__backend(const struct pf_allocs *a); /* "session", "uprobe" */
uint64_t pf_allocs__caps(const struct pf_allocs *a);

/*
 * Mean bytes from one sample to the next; 1 = every allocation, 0 = none. held:
 * that stays; else the programs double it when far more come than are taken.
 */
void pf_allocs__set_gap(struct pf_allocs *a, uint32_t bytes, bool held);
uint32_t pf_allocs__gap(const struct pf_allocs *a);

int pf_allocs__fd(const struct pf_allocs *a);
void pf_allocs__drain(struct pf_allocs *a);
void pf_allocs__deepen(struct pf_allocs *a);

/* Each sampled allocation that is not freed, by its serial. 0 or -errno. */
int pf_allocs__live(struct pf_allocs *a, void (*live)(void *ctx, uint32_t serial), void *ctx);

/* Since it was opened. */
struct pf_allocs_counts {
	uint64_t calls; /* an allocator that calls its own functions counts more than its callers */
	uint64_t bytes;
	uint64_t frees;
	uint64_t samples;
	uint64_t lost;	 /* samples: no room in the ring, no memory */
	uint64_t full;	 /* samples: too many were alive */
	uint64_t failed; /* samples that came to no memory */
	uint64_t missed; /* calls at which a program could not run */
	uint64_t events; /* word of the process: the ring was full */
};
void pf_allocs__counts(const struct pf_allocs *a, struct pf_allocs_counts *out);

#endif
