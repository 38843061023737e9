/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where processes of one kind came to rest: earlier incarnations of a program
 * and siblings that live. Whose floor grows below that height does what the
 * others did before they stopped. Kinds are numbers of the caller's; 0 is none.
 * Bounded: the kind not heard of for longest makes room.
 *
 * It outlives processes, and boots where it is saved.
 */
#ifndef PF_LIB_LEAK_KIN_H
#define PF_LIB_LEAK_KIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PF_KIN_MAX 4096

struct pf_history;
struct pf_kin;
struct pf_pack;

struct pf_kin *pf_kin__new(void);      /* NULL without memory */
void pf_kin__free(struct pf_kin *kin); /* NULL-safe */

/*
 * Has this history come to rest? Then the height: the highest floor of its last part, a quarter of
 * all of it or more and 30 minutes at least at pace 1, in which the floor rose by less than 2 MB or
 * 2 %. 0 = it has not. Tops are not asked: in a heap that is collected a leak lies below them.
 */
double pf_kin_rest(const struct pf_history *h, double pace);

/*
 * One of that kind rests at that height, as of ts. The highest is remembered until none has rested
 * so high for 30 days. Without memory it is not remembered.
 */
void pf_kin__note(struct pf_kin *kin, uint64_t kind, double bytes, double ts);

/* That height; 0 = none known. */
double pf_kin__height(const struct pf_kin *kin, uint64_t kind);

size_t pf_kin__count(const struct pf_kin *kin);

/* Write them all, or read them into an object that knows none; forget them all. */
void pf_kin__pack(struct pf_kin *kin, struct pf_pack *k);
void pf_kin__clear(struct pf_kin *kin);

#endif
