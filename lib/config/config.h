/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A configuration, put together from the strongest to the weakest:
 *
 *	the command line, the file, the profile, the defaults
 *
 * and what each value comes from. Loading says everything that is wrong, not
 * only the first; a configuration with a mistake is none.
 */
#ifndef PF_LIB_CONFIG_CONFIG_H
#define PF_LIB_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/strbuf.h"
#include "lib/config/complaint.h"
#include "lib/config/settings.h"

struct pf_config;
struct pf_error;

/* An option of the command line that sets a key. */
struct pf_config_option {
	const char *path;   /* "grace"; of a key that takes one value */
	const char *text;   /* as typed, already checked */
	const char *option; /* "--grace" */
};

struct pf_config_source {
	const char *file;    /* NULL = none */
	bool is_stdin;	     /* file is only what messages call it */
	const char *profile; /* --profile; NULL = what the file says */
	const struct pf_config_option *options;
	size_t n_options;
	bool again; /* do not wait: the file must be a regular one */
};

/*
 * NULL when it could not be read, after a complaint. After complaints about single values, which
 * are then those of the layer below, what is returned is good for looking for more to complain of.
 * Strings of *source must live as long as what is returned. May block on a FIFO, unless
 * source->again.
 */
struct pf_config *pf_config__load(const struct pf_config_source *source,
				  struct pf_complaints *complaints);
/* NULL-safe; overwrites secrets. */
void pf_config__free(struct pf_config *c);

const struct pf_settings *pf_config__settings(const struct pf_config *c);

/* Where the value of a key at the top ("alerting.rules") comes from. NULL: there is no such key. */
const struct pf_origin *pf_config__origin(const struct pf_config *c, const char *path);
/* "default", "profile NAME", "FILE:LINE", "--grace". Returns dst; not yet printable. */
char *pf_origin_text(char *dst, size_t size, const struct pf_origin *origin);

/* The whole as YAML, each value with its origin; no secret. Loading that gives the same again. */
void pf_config__print(const struct pf_config *c, struct pf_strbuf *out);

/* Do two configurations say the same under this key? */
bool pf_config__same(const struct pf_config *a, const struct pf_config *b, const char *path);

#endif
