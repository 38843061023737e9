/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A parsed JSON object into a record, by the record's field table. Nothing is
 * taken on trust: types and ranges are checked, and the first thing wrong is
 * put in words that name the field and never quote the input.
 */
#ifndef PF_LIB_RECORD_DECODE_H
#define PF_LIB_RECORD_DECODE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/record/header.h"
#include "lib/record/sample.h"

#define PF_DECODE_WHY	 160
#define PF_DECODE_STRING 4096 /* longest string taken, bytes */

/*
 * These set every field (missing or null = unknown), skip keys they do not
 * know, and leave strings pointing into obj. Return 0, or -EINVAL with why
 * filled.
 *
 * A sample must have ts, pid, start_ts, comm, and the key rss_bytes or
 * rss_anon_bytes, whose value may be null: that is how a process whose memory
 * the kernel no longer knows is written. rss_bytes that is not there is made
 * up from its parts when the anonymous part is known.
 */
int pf_decode_sample(const json_t *obj, struct pf_sample *s, char why[PF_DECODE_WHY]);
int pf_decode_header(const json_t *obj, struct pf_header *h, char why[PF_DECODE_WHY]);

/*
 * A line of a recording. 0 and an object in *obj, the caller's, whose version
 * is known, or NULL for a blank line; -EINVAL with why filled; -ENOMEM. whole:
 * its end was there.
 */
int pf_decode_line(const char *line, size_t len, bool whole, json_t **obj, char why[PF_DECODE_WHY]);

/* The same for any record with a field table; nothing is required. */
int pf_decode_fields(const json_t *obj, const struct pf_field *fields, size_t n, void *record,
		     char why[PF_DECODE_WHY]);

#endif
