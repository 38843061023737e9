/* SPDX-License-Identifier: BSD-2-Clause */
/* Heights at which kinds of processes came to rest; see the header. Judges nobody. */
#include "lib/leak/kin.h"

#include <math.h>
#include <stdlib.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "lib/base/pack.h"
#include "lib/leak/history.h"
#include "lib/leak/window.h"

#define REST_S	   1800
#define REST_BYTES ((double)(2 << 20))
#define REST_SHARE 0.02
#define POINTS_MIN 8
/* So many octaves finer than the one that holds it all: its last 16 points are a quarter or more. */
#define FINER 2

#define STALE_S	  (30 * 86400.0)
#define VALUE_MAX 1e19

/* In the order in which they were heard of, as uthash keeps it: the first is to go first. */
struct kind {
	uint64_t kind;
	double bytes;
	double ts; /* when one last rested so high */
	UT_hash_handle hh;
};

struct pf_kin {
	struct kind *table;
};

struct pf_kin *pf_kin__new(void)
{
	return calloc(1, sizeof(struct pf_kin));
}

void pf_kin__clear(struct pf_kin *kin)
{
	struct kind *one, *next;

	HASH_ITER (hh, kin->table, one, next) {
		HASH_DEL(kin->table, one);
		free(one);
	}
}

void pf_kin__free(struct pf_kin *kin)
{
	if (!kin)
		return;
	pf_kin__clear(kin);
	free(kin);
}

double pf_kin_rest(const struct pf_history *h, double pace)
{
	unsigned int all = PF_HISTORY_OCTAVES, k;
	double base, growth, highest = 0;
	struct pf_window w;

	while (all > 0 && pf_history_kept(h, all - 1) < POINTS_MIN)
		all--;
	if (!all)
		return 0;
	k = all > FINER ? all - 1 - FINER : 0;
	do
		pf_window_octave(&w, h, k, pf_history_kept(h, k));
	while (w.length_s < REST_S * pace && ++k < all);
	if (w.length_s < REST_S * pace)
		return 0;
	growth = pf_window_growth(&w, &base);
	if (growth >= fmax(REST_BYTES, REST_SHARE * base))
		return 0;
	for (unsigned int i = 0; i < w.n; i++)
		highest = fmax(highest, w.floor[i]);
	return highest;
}

static struct kind *find(const struct pf_kin *kin, uint64_t kind)
{
	struct kind *one;

	HASH_FIND(hh, kin->table, &kind, sizeof(kind), one);
	return one;
}

/* Takes `one`, which is behind all others then; false without memory. */
static bool insert(struct pf_kin *kin, struct kind *one)
{
	size_t before = HASH_COUNT(kin->table);
	struct kind *oldest = kin->table;

	if (before >= PF_KIN_MAX) {
		HASH_DEL(kin->table, oldest);
		free(oldest);
		before--;
	}
	HASH_ADD(hh, kin->table, kind, sizeof(one->kind), one);
	return HASH_COUNT(kin->table) > before;
}

void pf_kin__note(struct pf_kin *kin, uint64_t kind, double bytes, double ts)
{
	struct kind *one = kind ? find(kin, kind) : NULL;

	if (!kind || !(bytes > 0))
		return;
	if (one) {
		HASH_DEL(kin->table, one);
	} else {
		one = calloc(1, sizeof(*one));
		if (!one)
			return;
		one->kind = kind;
	}
	if (bytes >= one->bytes || ts - one->ts > STALE_S) {
		one->bytes = bytes;
		one->ts = ts;
	}
	if (!insert(kin, one))
		free(one);
}

double pf_kin__height(const struct pf_kin *kin, uint64_t kind)
{
	const struct kind *one = kind ? find(kin, kind) : NULL;

	return one ? one->bytes : 0;
}

size_t pf_kin__count(const struct pf_kin *kin)
{
	return HASH_COUNT(kin->table);
}

static void pack_one(struct pf_pack *k, struct kind *one)
{
	pf_pack_u64(k, &one->kind);
	pf_pack_f64(k, &one->bytes);
	pf_pack_f64(k, &one->ts);
	k->failed |=
		!one->kind || !(one->bytes > 0 && one->bytes <= VALUE_MAX) || !isfinite(one->ts);
}

void pf_kin__pack(struct pf_kin *kin, struct pf_pack *k)
{
	uint32_t n = HASH_COUNT(kin->table);
	struct kind *one, *next, read;

	pf_pack_u32(k, &n);
	if (!pf_pack_reads(k)) {
		HASH_ITER (hh, kin->table, one, next)
			pack_one(k, one);
		return;
	}
	for (uint32_t i = 0; i < n && !k->failed; i++) {
		pack_one(k, &read);
		if (!k->failed)
			pf_kin__note(kin, read.kind, read.bytes, read.ts);
	}
}
