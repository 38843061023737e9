/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A record described field by field: the one place from which JSON, its
 * reader, CSV, metrics and the manual's tables know what a record holds.
 */
#ifndef PF_LIB_RECORD_FIELD_H
#define PF_LIB_RECORD_FIELD_H

#include <stddef.h>
#include <stdint.h>

/* "Cannot tell": printed as '-', null in JSON. Never a guess, never 0. */
#define PF_UNKNOWN INT64_MIN

enum pf_type {
	PF_INT,	   /* int64_t, PF_UNKNOWN = null */
	PF_REAL,   /* double, NaN = null; written with at most 6 decimals */
	PF_TIME,   /* double, Unix seconds; written with 3 decimals */
	PF_BOOL,   /* bool */
	PF_CHARS,  /* char[size] inside the record, NUL-terminated */
	PF_NAME,   /* the same, but "" = null */
	PF_STRING, /* const char *, NULL = null */
};

struct pf_field {
	const char *key; /* JSON name */
	enum pf_type type;
	size_t offset;	  /* in the record */
	size_t size;	  /* of the member; only PF_CHARS and PF_NAME need it */
	const char *unit; /* "bytes", "seconds", "faults", "" */
	const char *help; /* one sentence, for the manual, the schema and HELP lines */
};

#define PF_FIELD(record, member, keyname, kind, unitname, text)                                    \
	{                                                                                          \
		.key = keyname, .type = kind, .offset = offsetof(record, member),                  \
		.size = sizeof(((record *)0)->member), .unit = unitname, .help = text              \
	}

/* Every field unknown: PF_UNKNOWN, NaN, NULL, "" and false. */
void pf_fields_init(const struct pf_field *fields, size_t n, void *record);

static inline int64_t pf_field_int(const struct pf_field *f, const void *record)
{
	return *(const int64_t *)((const char *)record + f->offset);
}

static inline double pf_field_real(const struct pf_field *f, const void *record)
{
	return *(const double *)((const char *)record + f->offset);
}

#endif
