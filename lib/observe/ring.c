/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads records that BPF programs send. Knows nothing of what is in them. */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "lib/observe/ring.h"

#define RECORD_MAX 512

struct pf_ring {
	struct ring_buffer *ring;
	struct perf_buffer *by_cpu;
	void (*fn)(void *ctx, const void *record, size_t size);
	void *ctx;
	char record[RECORD_MAX] __attribute__((aligned(8)));
};

bool pf_ring_has(void)
{
	return libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL) == 1;
}

static int take_from_ring(void *ctx, void *data, size_t size)
{
	struct pf_ring *r = ctx;

	r->fn(r->ctx, data, size);
	return 0;
}

/* Behind its 12 bytes of header a sample is not aligned, hence the copy. */
static enum bpf_perf_event_ret take_from_cpu(void *ctx, int cpu, struct perf_event_header *event)
{
	struct {
		struct perf_event_header header;
		__u32 size;
		char data[];
	} *sample = (void *)event;
	struct pf_ring *r = ctx;

	(void)cpu;
	if (event->type == PERF_RECORD_SAMPLE && sample->size <= sizeof(r->record)) {
		memcpy(r->record, sample->data, sample->size);
		r->fn(r->ctx, r->record, sample->size);
	}
	return LIBBPF_PERF_EVENT_CONT;
}

size_t pf_ring_room(size_t bytes)
{
	size_t room = (size_t)getpagesize();

	while (room < (bytes ? bytes : PF_RING_BYTES) && room < SIZE_MAX / 2)
		room *= 2;
	return room;
}

/* A power of two for each CPU. */
static size_t pages_per_cpu(size_t room)
{
	size_t most = room / (size_t)getpagesize(), pages = 1;
	int cpus = libbpf_num_possible_cpus();

	while (cpus > 0 && pages * 2 * (size_t)cpus <= most)
		pages *= 2;
	return pages;
}

static struct perf_buffer *open_by_cpu(struct pf_ring *r, int map_fd, size_t room)
{
	size_t pages = pages_per_cpu(room);
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_BPF_OUTPUT,
		.sample_type = PERF_SAMPLE_RAW,
		.sample_period = 1,
		.watermark = 1,
		.wakeup_watermark = (__u32)(pages * (size_t)getpagesize() / 4),
	};

	return perf_buffer__new_raw(map_fd, pages, &attr, take_from_cpu, r, NULL);
}

struct pf_ring *pf_ring__open(const struct bpf_map *map, bool by_cpu, size_t room,
			      void (*fn)(void *ctx, const void *record, size_t size), void *ctx)
{
	struct pf_ring *r = calloc(1, sizeof(*r));
	int saved;

	if (!r)
		return NULL;
	r->fn = fn;
	r->ctx = ctx;
	if (by_cpu)
		r->by_cpu = open_by_cpu(r, bpf_map__fd(map), room);
	else
		r->ring = ring_buffer__new(bpf_map__fd(map), take_from_ring, r, NULL);
	if (r->by_cpu || r->ring)
		return r;
	saved = errno;
	free(r);
	errno = saved;
	return NULL;
}

void pf_ring__close(struct pf_ring *r)
{
	if (!r)
		return;
	ring_buffer__free(r->ring);
	perf_buffer__free(r->by_cpu);
	free(r);
}

int pf_ring__fd(const struct pf_ring *r)
{
	return r->by_cpu ? perf_buffer__epoll_fd(r->by_cpu) : ring_buffer__epoll_fd(r->ring);
}

void pf_ring__drain(struct pf_ring *r)
{
	if (r->by_cpu)
		perf_buffer__consume(r->by_cpu);
	else
		ring_buffer__consume(r->ring);
}
