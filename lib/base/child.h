/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Another program, run for its output: started as lib/base/spawn.h does it,
 * without a shell, with nothing of our environment and no descriptor of ours;
 * looked after without waiting for it, and killed with all its group when its
 * time is over.
 */
#ifndef PF_LIB_BASE_CHILD_H
#define PF_LIB_BASE_CHILD_H

#include <stdbool.h>
#include <stddef.h>

struct pf_error;
struct pf_child;

struct pf_child_order {
	const char *path;  /* absolute */
	const char **argv; /* with the name, NULL at the end */
	int out;	   /* its standard output goes here; -1: to us, with standard error */
	double limit_s;	   /* killed after this */
	size_t file_max;   /* bytes in any file that it writes; 0 = no bound */
};

#define PF_CHILD_OUTPUT_MAX 4096 /* bytes of output that are kept; the rest is read and dropped */

/* NULL with *err filled. */
struct pf_child *pf_child__start(const struct pf_child_order *order, struct pf_error *err);

/*
 * Take its output, kill it if it is over its time. True when it has ended and
 * is reaped. Never waits.
 */
bool pf_child__poll(struct pf_child *c);

/* The same, but wait for up to this long. */
bool pf_child__wait(struct pf_child *c, double limit_s);

void pf_child__kill(struct pf_child *c);

/* What it said: NUL-terminated, raw bytes otherwise, and NUL bytes in it as spaces. */
const char *pf_child__output(const struct pf_child *c);

/* After its end: it exited with status 0; in words why not ("exit status 1", ...). */
bool pf_child__succeeded(const struct pf_child *c);
void pf_child__words(const struct pf_child *c, char *dst, size_t size);

/* Kills it; one that does not die at once is left behind as a zombie. NULL-safe. */
void pf_child__free(struct pf_child *c);

#endif
