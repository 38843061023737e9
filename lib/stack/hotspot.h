/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a frame of HotSpot's code to its caller. What the JVM makes at run time
 * has neither unwind tables nor, as a rule, frame pointers; but the JVM
 * describes to debuggers where its code is and how large the frames are, and
 * that is read in its memory. Of x86_64, versions 17 and 25.
 *
 * The process is a stranger's: each read is bounded, what makes no sense ends
 * the walk. Nothing is guessed: a place whose caller cannot be told has none.
 */
#ifndef PF_LIB_STACK_HOTSPOT_H
#define PF_LIB_STACK_HOTSPOT_H

#include <stdbool.h>
#include <stdint.h>

struct pf_eval_state;
struct pf_hotspot;

/*
 * The JVM in the process whose memory can be read from that descriptor, which
 * is taken; `symbol` gives the address there of a symbol that libjvm.so
 * exports, 0 = it has none, and is called before this returns. NULL without
 * memory.
 */
struct pf_hotspot *pf_hotspot__new(int memory, uint64_t (*symbol)(void *ctx, const char *name),
				   void *ctx);
void pf_hotspot__free(struct pf_hotspot *h); /* NULL-safe */

/* With another number than before: what was found is looked at again when it is needed, since code
 * comes and goes. Where the process has ended it is what it was. */
void pf_hotspot__renew(struct pf_hotspot *h, uint32_t round);

struct pf_hotspot_caller {
	uint64_t pc;
	uint64_t sp;
	uint64_t fp;
};

/*
 * The caller of the frame that m is in, at pc; `interrupted`: anywhere in its
 * code, else behind a call. 0; -ENOENT: that is no code of HotSpot's, or it
 * was told to keep frame pointers; -ERANGE beyond the copy of the stack;
 * -ENODATA cannot be told.
 */
int pf_hotspot__caller(struct pf_hotspot *h, const struct pf_eval_state *m, uint64_t pc,
		       bool interrupted, struct pf_hotspot_caller *out);

#endif
