/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known of all processes as one piece of bytes that outlives a run:
 * who they are, their histories, the state of their alerts, what channels were
 * told. Makes and reads bytes; files are the caller's.
 *
 *	magic, byte order, version of the layout, version of the judge, length
 *	and checksum of the rest; then the head (boot, scope, clock, time) and
 *	parts, each with its name and length. A part nobody knows is left out.
 *
 * Scores are not what it is about: PF_STATE_JUDGE says whose the judgements
 * beside the histories are, and another judge leaves them out and judges the
 * histories anew.
 */
#ifndef PF_LIB_LEAK_STATE_H
#define PF_LIB_LEAK_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pf_leak;
struct pf_strbuf;
struct pf_tell;

#define PF_STATE_VERSION 1 /* of the layout: another one is not read */
#define PF_STATE_JUDGE	 2 /* of what a model remembers: another one's is left out */

#define PF_STATE_BYTES_MAX ((size_t)2 << 30)

/* Which times a state has: they mean nothing to runs of the other kind. */
enum pf_state_clock {
	PF_STATE_LIVE,	 /* since boot */
	PF_STATE_REPLAY, /* those of recordings */
	PF_STATE_CLOCKS,
};

struct pf_state_head {
	enum pf_state_clock clock;
	char boot[64];	 /* id of the boot and the pid namespace: pids mean nothing in others */
	char scope[512]; /* which processes were asked for; "" = all */
	double ts;	 /* of the last moment */
	double mono_s;
	uint32_t processes; /* set by write, for words */
	uint32_t open;	    /* of which have a watch or an alert of the model */
};

/* What may be wrong with bytes that are no state to go on with. */
enum pf_state_fault {
	PF_STATE_FINE,
	PF_STATE_FOREIGN, /* nothing of ours: to be left alone */
	PF_STATE_DAMAGED,
	PF_STATE_OLDER, /* another layout */
	PF_STATE_NEWER,
};

/* Append it all to out; tell may be NULL. 0 or -ENOMEM. */
int pf_state_write(struct pf_strbuf *out, const struct pf_state_head *head, struct pf_leak *leak,
		   struct pf_tell *tell);

/*
 * Is this whole, and ours? Fills *head if it is fine; why: what is wrong, as part of a sentence,
 * valid for ever. Reads nothing else.
 */
enum pf_state_fault pf_state_check(const void *data, size_t len, struct pf_state_head *head,
				   const char **why);

/*
 * Take it into leak, which follows nobody yet, and tell (NULL = there is none). shift_s is added to
 * every time. More processes than leak may follow: those worth least are told to be gone. 0; -EBADMSG
 * for what no writer of ours made, or -ENOMEM: then leak follows nobody, and tell knows nothing.
 */
int pf_state_read(const void *data, size_t len, double shift_s, struct pf_leak *leak,
		  struct pf_tell *tell);

#endif
