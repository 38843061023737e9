/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stack record: how much memory one chain of calls brought in, or keeps.
 * What pfstack records, and what its reports and --diff are made of.
 */
#ifndef PF_LIB_RECORD_STACK_H
#define PF_LIB_RECORD_STACK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/record/decode.h"
#include "lib/record/field.h"
#include "lib/record/sample.h"

struct pf_strbuf;

#define PF_STACK_FRAMES_MAX                                                                        \
	1024 /* user, kernel and inlined ones; of a longer record nothing is taken */

struct pf_stack_frame {
	uint64_t ip; /* 0 = not known. In JSON a string, "0x7f...": numbers there end at 2^53 */
	const char *symbol; /* NULL = not known; all strings raw bytes of the maker's */
	int64_t offset;	    /* from the symbol's start; without symbol: in the module; PF_UNKNOWN */
	const char *module; /* NULL = not known */
	const char *build_id;
	const char *file;
	int64_t line;
	bool inlined; /* into the frame before it */
	bool kernel;
};

struct pf_stack {
	double ts;	 /* when its last sample was taken, Unix seconds */
	int64_t pid;	 /* in the tool's own pid namespace */
	double start_ts; /* Unix seconds */
	char comm[PF_COMM_LEN];
	const char *mode;  /* "faults", "growth", "allocs" */
	const char *class; /* "anon", "file", ...; NULL = cannot tell */
	int64_t bytes; /* made resident, retained or outstanding, by mode; in a diff: more or less */
	int64_t kept_bytes; /* allocs: of bytes, what is older than half of the window; PF_UNKNOWN */
	int64_t samples;    /* that this was made of */
	double age_s;	    /* how long the oldest of it is there; NaN = not told */
	bool truncated;	    /* the outermost frames are not known */
	const struct pf_stack_frame *frames; /* root first: user, then kernel */
	size_t n_frames;
};

/* Everything unknown, no frames. */
void pf_stack_init(struct pf_stack *s);

/* The fields beside `frames`, and those of a frame beside `ip`, in their order. */
extern const struct pf_field pf_stack_fields[];
extern const size_t pf_stack_n_fields;
extern const struct pf_field pf_stack_frame_fields[];
extern const size_t pf_stack_frame_n_fields;

/* A new object of the record, NULL without memory; as a line appended to out, 0 or -ENOMEM. */
json_t *pf_stack_json(const struct pf_stack *s);
int pf_stack_line(const struct pf_stack *s, struct pf_strbuf *out);

/*
 * A parsed record. Must have ts, pid, start_ts, comm, bytes and frames. Strings
 * point into obj, s->frames to `frames`. 0, or -EINVAL with why filled.
 */
int pf_decode_stack(const json_t *obj, struct pf_stack *s,
		    struct pf_stack_frame frames[PF_STACK_FRAMES_MAX], char why[PF_DECODE_WHY]);

/*
 * Reads a recording of stacks: `stack` lines are handed out, header lines kept,
 * other records skipped, broken lines complained of and skipped. path "-" is
 * standard input; plain or gzip. The stack is borrowed for the call, whose
 * result other than 0 ends the reading and is returned. 0, or -errno with *err
 * filled.
 */
struct pf_error;

struct pf_stack_reader {
	int (*stack)(void *ctx, const struct pf_stack *s);
	void (*complain)(void *ctx, uint64_t line, const char *what); /* as pf_replay_complain_fn */
	void *ctx;
	uint64_t n_stacks; /* out */
	uint64_t n_bad;	   /* out: lines complained of */
};

int pf_stack_read(const char *path, struct pf_stack_reader *reader, struct pf_error *err);

#endif
