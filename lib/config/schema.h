/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every key there is: type, range, default, what the profile `production` sets,
 * help. Reading, --print-config, defaults and the manual's list come from these
 * tables, so that they cannot disagree.
 *
 * A key more: a member in settings.h, a line in schema.c, an entry in
 * pfleak.conf(5), which tests/lint/config-keys asks for.
 */
#ifndef PF_LIB_CONFIG_SCHEMA_H
#define PF_LIB_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

enum pf_key_type {
	PF_KEY_BOOL,	/* bool: true, false, yes, no, on, off */
	PF_KEY_COUNT,	/* int64_t: a whole number */
	PF_KEY_NUMBER,	/* double */
	PF_KEY_SECONDS, /* double: a number, or like 300s, 5m, 2h */
	PF_KEY_BYTES,	/* int64_t: a number, or like 10M, 1.5G */
	PF_KEY_WORD,	/* int: index into words, any case */
	PF_KEY_SET,	/* unsigned int: a list of words, as bits */
	PF_KEY_TEXT,	/* const char *, not empty; NULL = not set */
	PF_KEY_PATH,	/* the same, absolute */
	PF_KEY_SECRET,	/* struct pf_secret; ${NAME} is replaced, KEY_file names a file with it */
	PF_KEY_URL,	/* struct pf_secret: http or https, shown without what looks secret */
	PF_KEY_CODE,	/* struct pf_code */
	PF_KEY_ARGV,	/* struct pf_words: a list of texts, the first an absolute path */
	PF_KEY_PAIRS,	/* struct pf_pairs: a map of names to secrets */
	PF_KEY_LIST,	/* struct pf_entries: a list of maps, see entry */
};

struct pf_key {
	const char *path; /* "thresholds.fault_rate_warning", from the top of its table */
	enum pf_key_type type;
	size_t offset; /* in pf_settings, or the list's entry */
	double min, max;
	double unit;		  /* what 1 stands for where no unit is written: 60 = minutes */
	const char *const *words; /* NULL-terminated */
	const char *fallback;	  /* the default, as one would write it; NULL = not set, and 0 */
	const char *production;	  /* the same in the profile production; NULL = the default */
	const struct pf_key_table *entry; /* of a list */
	unsigned int of;    /* entries with a type: which types have the key, as bits; 0 = all */
	unsigned int needs; /* ... and which must have it */
	const char *alias;  /* another word for the same; NULL = none */
	const char *help;   /* one line, for the manual */
};

struct pf_key_table {
	const struct pf_key *keys;
	size_t n;
	size_t size;	  /* bytes of the struct */
	const char *name; /* what an entry is, for complaints */
	size_t entries_max;
};

extern const struct pf_key_table pf_settings_table;
extern const struct pf_key_table pf_rule_table;
extern const struct pf_key_table pf_channel_table;

/* A word there is no key for, but something to say about; NULL = nothing. */
const char *pf_schema_hint(const char *path);

/* NULL when there is none. */
const struct pf_key *pf_schema_find(const struct pf_key_table *table, const char *path);

/* Do keys begin with this and a dot? */
bool pf_schema_is_group(const struct pf_key_table *table, const char *path);

/*
 * The key that may have been meant by `path`, which is wrong in its last part: a neighbour, or one
 * of that name elsewhere. Written to dst; false = none.
 */
bool pf_schema_suggest(const struct pf_key_table *table, const char *path, char *dst, size_t size);

#endif
