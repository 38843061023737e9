/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What kind of growth it is, or what goes on instead of growth. A name for
 * people: no alert depends on it.
 */
#ifndef PF_LIB_LEAK_CLASS_H
#define PF_LIB_LEAK_CLASS_H

#include <stdbool.h>

struct pf_finding;
struct pf_history;

enum pf_class {
	PF_CLASS_STARTUP, /* too young to tell */
	PF_CLASS_FLAT,
	PF_CLASS_PLATEAU,  /* grew, and grows less and less */
	PF_CLASS_STEP,	   /* a few jumps carry the growth */
	PF_CLASS_SAWTOOTH, /* rises and releases */
	PF_CLASS_LINEAR,
	PF_CLASS_ACCELERATING,
	PF_CLASS_FILE_CACHE,   /* what grows is mapped files: reclaimable */
	PF_CLASS_SHMEM,	       /* what grows is shared memory */
	PF_CLASS_CHURN,	       /* many faults, flat memory */
	PF_CLASS_INCONCLUSIVE, /* none of these, or too little seen */
};

/* "startup", "flat", ... "file-cache", ... "inconclusive" */
const char *pf_class_name(enum pf_class class);

/* Where a process stood: bytes, and faults since first sight. */
struct pf_mark {
	double s;
	float memory; /* anonymous, shmem, swap */
	float file;
	float shmem;
	double faults;
};

/* Compares now with 5 to 10 minutes ago, at pace 1. */
struct pf_traits {
	struct pf_mark old;
	struct pf_mark young;
	struct pf_mark now;
	bool any;
};

void pf_traits_add(struct pf_traits *t, const struct pf_mark *now, double pace);

/* `young`: younger than grace. h is NULL where the process is too small to have a history. */
enum pf_class pf_classify(const struct pf_traits *t, const struct pf_finding *f,
			  const struct pf_history *h, bool young);

#endif
