/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --state FILE: where what is known of processes lies between runs, and who may
 * use it. What is in it is lib/leak/state.h's.
 */
#ifndef PF_TOOLS_PFLEAK_STATE_H
#define PF_TOOLS_PFLEAK_STATE_H

#include <stdbool.h>

#include "lib/cli/source.h"
#include "lib/leak/leak.h"
#include "lib/leak/state.h"
#include "lib/leak/tell.h"
#include "tools/pfleak/opts.h"

struct pf_error;
struct pfleak_state;

/*
 * Lock the file and read it. What is damaged or of another version is set aside, with a warning.
 * NULL with *err filled: somebody else uses it, it is no state, or one for other processes.
 */
struct pfleak_state *pfleak_state__open(const struct pfleak_opts *opts, struct pf_error *err);
void pfleak_state__free(struct pfleak_state *st); /* NULL-safe; unlocks, does not save */

/* What loading found. */
struct pfleak_state_found {
	bool any;	       /* there was something to go on from */
	bool past;	       /* ... of another boot: none of these processes is there any more */
	struct pf_header then; /* the header of that boot, where past */
};

/*
 * Before the first sample of the first moment: leak and tell (NULL = no channels) take what was
 * read. 0 or -ENOMEM.
 */
int pfleak_state__load(struct pfleak_state *st, const struct pf_header *header,
		       const struct pf_moment *m, struct pf_leak *leak, struct pf_tell *tell,
		       struct pfleak_state_found *found);

/* A moment is over: save if that is due. */
void pfleak_state__moment(struct pfleak_state *st, const struct pf_moment *m, struct pf_leak *leak,
			  struct pf_tell *tell);

/* Save as of the last moment; nothing before there was one. False, after a message: it failed. */
bool pfleak_state__save(struct pfleak_state *st, struct pf_leak *leak, struct pf_tell *tell);

#endif
