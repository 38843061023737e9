/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reading end of bpf/ring.bpf.h: one BPF ring buffer, or a perf buffer of
 * each CPU where the kernel has no ring buffers (before 5.8, 457f44363a88).
 * Counts no losses: the programs that write do.
 */
#ifndef PF_LIB_OBSERVE_RING_H
#define PF_LIB_OBSERVE_RING_H

#include <stdbool.h>
#include <stddef.h>

struct bpf_map;
struct pf_ring;

/* Memory for records that wait, where nobody says otherwise. */
#define PF_RING_BYTES (64 * 1024)

/* The power of two, of pages, that is not below `bytes`; 0 = PF_RING_BYTES. */
size_t pf_ring_room(size_t bytes);

/* Can there be a ring buffer? */
bool pf_ring_has(void);

/*
 * by_cpu: map is a perf event array, and all CPUs share `room`, but each gets a page at least. fn gets each record, aligned to 8 bytes
 * and valid during the call; size may be rounded up. NULL with errno set.
 */
struct pf_ring *pf_ring__open(const struct bpf_map *map, bool by_cpu, size_t room,
			      void (*fn)(void *ctx, const void *record, size_t size), void *ctx);
void pf_ring__close(struct pf_ring *r);

/* Readable when a quarter of the room is taken. */
int pf_ring__fd(const struct pf_ring *r);

/* All records that wait. */
void pf_ring__drain(struct pf_ring *r);

#endif
