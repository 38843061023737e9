/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pf-notify as pfleak sees it: started, fed, listened to, started again when
 * it died or does not answer. Nothing here waits but pf_helper__finish.
 */
#ifndef PF_LIB_NOTIFY_HELPER_H
#define PF_LIB_NOTIFY_HELPER_H

#include <stdint.h>

#include "lib/notify/channel.h"
#include "lib/notify/notify.h"

struct pf_error;
struct pf_helper;

/*
 * channels and stats are the caller's lists of n; those that are not HTTP are
 * left alone. user as in struct pf_notify_config. NULL with *err filled.
 */
struct pf_helper *pf_helper__new(const struct pf_channel *channels, struct pf_notify_stats *stats,
				 size_t n, const char *user, struct pf_error *err);
void pf_helper__free(struct pf_helper *h); /* NULL-safe; kills it */

/*
 * Post body to channel i. A newer post of the same key replaces this one while
 * it waits (NULL: none does); worth sending for expires_s, 0 = always.
 */
void pf_helper__post(struct pf_helper *h, size_t i, const char *key, const char *body,
		     double expires_s);

void pf_helper__moment(struct pf_helper *h);
void pf_helper__finish(struct pf_helper *h, double drain_s);
uint64_t pf_helper__restarts(const struct pf_helper *h);

#endif
