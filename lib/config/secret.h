/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values that are never shown: from the environment (${NAME}), from a file, or
 * as they are written. No message has any part of one in it.
 */
#ifndef PF_LIB_CONFIG_SECRET_H
#define PF_LIB_CONFIG_SECRET_H

#include "lib/config/settings.h"
#include "lib/record/arena.h"

struct pf_error;

#define PF_SECRET_MAX	4096 /* bytes, once everything is in its place */
#define PF_SECRET_SHOWN "***"

/* 0 or -errno with *err. The members live in the arena. */
int pf_secret_set(struct pf_secret *secret, const char *text, struct pf_arena *arena,
		  struct pf_error *err);

/*
 * The same for an address. Tokens hide in users, paths and queries: what is shown are scheme, host
 * and port, what comes from the environment, and path and names of a query for as long as they are
 * short lower-case words. What begins with anything else is *** to its end.
 */
int pf_secret_set_url(struct pf_secret *secret, const char *text, struct pf_arena *arena,
		      struct pf_error *err);

/*
 * What a file holds, without the newline at its end. It must be a regular file of ours or root's
 * that others can neither read nor write.
 */
int pf_secret_read(struct pf_secret *secret, const char *path, bool url, struct pf_arena *arena,
		   struct pf_error *err);

#endif
