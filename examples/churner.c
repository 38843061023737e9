/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A healthy program that faults all the time: it renders frames into buffers
 * that go back to the kernel when a frame is done. A high fault rate over flat
 * memory is churn, not a leak.
 */
#include <malloc.h>
#include <sys/mman.h>
#include "examples/demo.h"

enum {
	FRAME_BYTES = 2 * DEMO_MB,
	SCRATCH_BYTES = 2 * DEMO_MB,
};

struct renderer {
	struct demo demo;
	char *assets;  /* stays resident, as in any real program */
	char *scratch; /* given back with madvise, then used again */
	double touched_bytes;
	unsigned long frames;
	unsigned long checksum; /* or the compiler might drop the work */
};

static void load_assets(struct renderer *r)
{
	size_t bytes = r->demo.size_mb * DEMO_MB;

	r->assets = demo_alloc(&r->demo, bytes);
	memset(r->assets, 1, bytes);
	r->scratch = mmap(NULL, SCRATCH_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	if (r->scratch == MAP_FAILED) {
		perror("churner: mmap");
		exit(1);
	}
}

static void render_frame(struct renderer *r)
{
	char *frame = demo_alloc(&r->demo, FRAME_BYTES);

	memset(r->scratch, r->assets[r->frames % DEMO_MB], SCRATCH_BYTES);
	memcpy(frame, r->scratch, FRAME_BYTES);
	r->checksum += (unsigned char)frame[r->frames++ % FRAME_BYTES];
	r->touched_bytes += FRAME_BYTES + SCRATCH_BYTES;
	madvise(r->scratch, SCRATCH_BYTES, MADV_DONTNEED);
	free(frame);
}

int main(int argc, char **argv)
{
	struct renderer r = {
		.demo = { .name = "churner",
			  .purpose = "maps, fills and gives back big buffers; healthy",
			  .rate_help = "how much memory it touches, in MB per second",
			  .rate_mb_s = 60,
			  .size_mb = 24,
			  .tick_ms = 10,
			  .max_mb = 500 },
	};

	/* glibc would raise the threshold and keep freed frames for itself. */
	mallopt(M_MMAP_THRESHOLD, DEMO_MB);
	demo_begin(&r.demo, argc, argv);
	load_assets(&r);
	while (demo_tick(&r.demo)) {
		while (!demo_stop && r.touched_bytes < r.demo.due_bytes)
			render_frame(&r);
	}
	printf("churner: rendered %lu frames, touched %.0f MB\n", r.frames,
	       r.touched_bytes / DEMO_MB);
	munmap(r.scratch, SCRATCH_BYTES);
	free(r.assets);
	return demo_end(&r.demo);
}
