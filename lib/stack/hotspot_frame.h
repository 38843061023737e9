/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How far a compiled method of HotSpot's has made its frame, by the
 * instructions around a place in it. Knows bytes, no process.
 */
#ifndef PF_LIB_STACK_HOTSPOT_FRAME_H
#define PF_LIB_STACK_HOTSPOT_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pf_hotspot_frame {
	PF_HOTSPOT_FRAME_UNKNOWN,
	PF_HOTSPOT_FRAME_NONE,	 /* the stack pointer is at the return address */
	PF_HOTSPOT_FRAME_PUSHED, /* ... at the caller's frame pointer, below the return address */
	PF_HOTSPOT_FRAME_MADE,	 /* all of it, but the frame pointer is still the caller's own */
	PF_HOTSPOT_FRAME_WHOLE,	 /* and the caller's is below the return address */
};

#define PF_HOTSPOT_PROLOGUE 256 /* bytes from the beginning that are enough */
#define PF_HOTSPOT_BEFORE   32	/* bytes before a place that are enough, and from it on */
#define PF_HOTSPOT_AFTER    16

/* A place in code whose frame has so many words. Bytes that are not there are zero. */
struct pf_hotspot_place {
	uint64_t at;		/* from the beginning */
	int64_t frame_complete; /* where the frame is made, as the JVM says; negative = it does not */
	uint64_t frame_words;
	unsigned char begin[PF_HOTSPOT_PROLOGUE];
	unsigned char around[PF_HOTSPOT_BEFORE + PF_HOTSPOT_AFTER];
};

enum pf_hotspot_frame pf_hotspot_frame(const struct pf_hotspot_place *place);

/* push %rbp; mov %rsp, %rbp */
bool pf_hotspot_enters(const unsigned char *code);

#endif
