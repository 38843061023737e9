/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does this way work here? Opens what the tools open, with the same programs,
 * in a child process with a limit of time: a crash or a hang is an answer.
 */
#ifndef PF_LIB_OBSERVE_TRIAL_H
#define PF_LIB_OBSERVE_TRIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/observe/observe.h"

struct pf_isolated;

#define PF_TRIAL_NOTES 4

/* Plain memory: it comes from another process. */
struct pf_trial {
	bool works;	  /* loaded, attached, and a pass was read */
	bool late;	  /* it took too long */
	int code;	  /* positive errno where not; 0 = it crashed or took too long */
	char text[400];	  /* why not, in the words the tools would use */
	char kernel[480]; /* the kernel's own words, as libbpf has them; "" = none */
	char backend[16]; /* what was taken; as the calls of observe.h have it */
	char snapshot[16];
	char storage[16];
	char buffer[16];
	unsigned int tells;
	char notes[PF_TRIAL_NOTES][512];
	size_t n_notes;
	struct pf_tried tried;
	double took_s; /* to open */
};

/* Inside a child of one's own: fill *t from an open that just succeeded, or from its error. */
void pf_trial_took(struct pf_trial *t, const struct pf_observe *o);
void pf_trial_failed(struct pf_trial *t, const struct pf_error *err);

/* What ended the child, or the kernel's words out of what it said. */
void pf_trial_conclude(struct pf_trial *t, const struct pf_isolated *end, double limit_s);

/* config->tried is not looked at. */
void pf_trial_run(const struct pf_observe_config *config, double limit_s, struct pf_trial *out);

/* The most telling line of what libbpf said of a load that failed; "" where there is none. */
void pf_trial_kernel_words(const char *log, char *dst, size_t size);

#endif
