/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --stacks: pfstack is run on a process whose alert fires, and its heaviest
 * stacks and the function they point to are reported when it is done. It watches
 * the allocator, where that is one it knows; where it cannot, it is run once more
 * and watches page faults. Two at once (others wait for their turn)
 * and twelve an hour, each for a bounded time and into a new file of its own;
 * sampling waits for none.
 */
#ifndef PF_TOOLS_PFLEAK_STACKS_H
#define PF_TOOLS_PFLEAK_STACKS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/leak/verdict.h"
#include "lib/stack/heaviest.h"

struct pf_error;
struct pfleak_stacks;

/* What became of one run. Valid during the call. */
struct pfleak_stacks_result {
	double ts; /* when it was over */
	int64_t pid;
	double start_ts;
	const char *comm;
	const char *file;   /* NULL: none was kept */
	const char *failed; /* why, foreign text; NULL = it did not fail */
	const char *mode;   /* pfstack's, that it ended with */
	const char
		*instead; /* why it was not allocs, foreign text; NULL = it was, or was not asked */
	const struct pf_heaviest *heaviest; /* NULL where it failed */
};

struct pfleak_stacks_hooks {
	void (*done)(void *ctx, const struct pfleak_stacks_result *result);
	void *ctx;
};

struct pfleak_stacks_stats {
	uint64_t taken; /* processes whose turn comes, or came */
	uint64_t failed;
	uint64_t refused; /* there were too many in an hour */
};

/*
 * Results go to files in this directory: ours or root's, and not one in which
 * everybody may rename files. NULL with *err filled. Where pfstack is not
 * installed it says so and does nothing from then on.
 */
struct pfleak_stacks *pfleak_stacks__new(const char *directory, unsigned int depth,
					 const struct pfleak_stacks_hooks *hooks,
					 struct pf_error *err);
void pfleak_stacks__free(struct pfleak_stacks *s); /* NULL-safe; kills what runs */

/* The run is over: what is not done is killed, and told as failed. */
void pfleak_stacks__finish(struct pfleak_stacks *s);

/*
 * Run it on this process, in its turn, if that is not on its way already; has_malloc: an
 * allocator that pfstack may know hands out its memory. Its file's path, valid until it is
 * done; NULL = not run.
 */
const char *pfleak_stacks__start(struct pfleak_stacks *s, const struct pf_verdict *v,
				 bool has_malloc);

/* The file of one that is on its way, or was done lately; NULL = there is none. */
const char *pfleak_stacks__file(const struct pfleak_stacks *s, const struct pf_verdict *v);

/* What one of these pointed to, "function (file:line)", printable; NULL = nothing yet. */
const char *pfleak_stacks__site(const struct pfleak_stacks *s, const struct pf_verdict *v);

/* Once a moment: tells of those that are done, and begins others. */
void pfleak_stacks__moment(struct pfleak_stacks *s);

void pfleak_stacks__stats(const struct pfleak_stacks *s, struct pfleak_stacks_stats *stats);

#endif
