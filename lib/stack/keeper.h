/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of pf-symbolize: started without privileges, asked, given up on when
 * it dies or takes too long. What it was told is forgotten with it: whoever
 * tells compares `life`.
 */
#ifndef PF_LIB_STACK_KEEPER_H
#define PF_LIB_STACK_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/stack/ask.h"

struct pf_error;
struct pf_keeper;

/* program NULL = as it is installed. Starts it. NULL with *err filled. */
struct pf_keeper *pf_keeper__new(const char *program, struct pf_error *err);
void pf_keeper__free(struct pf_keeper *k); /* NULL-safe */

/*
 * Runs, or is started now. False: it cannot be started, or it has died
 * PF_KEEPER_DEATHS times within PF_KEEPER_SPELL_S seconds and rests until the
 * spell is over.
 */
#define PF_KEEPER_DEATHS  16
#define PF_KEEPER_SPELL_S 60.0
bool pf_keeper__runs(struct pf_keeper *k);

/* Counts its starts from 1 on. */
uint64_t pf_keeper__life(const struct pf_keeper *k);
uint64_t pf_keeper__deaths(const struct pf_keeper *k);

/* Shared with it; stays where it is over all its lives. */
struct pf_ask_memory *pf_keeper__memory(struct pf_keeper *k);

/*
 * Say something; hear an answer of at most `size` bytes. Both return -EPIPE
 * when it is dead, or was killed because nothing came for limit_s seconds or
 * what came was nonsense (pf_keeper__kill); hearing returns the length.
 */
int pf_keeper__say(struct pf_keeper *k, const struct pf_ask *head, const void *body, size_t len,
		   int fd);
ssize_t pf_keeper__hear(struct pf_keeper *k, void *dst, size_t size, double limit_s);
int pf_keeper__kill(struct pf_keeper *k); /* -EPIPE */

#endif
