/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One process's memory over time in bounded space. Base buckets hold the
 * lowest and highest value of `bucket_s` seconds; two closed buckets of one
 * octave make one of the next, and each octave keeps the last few: the nearer
 * the past, the finer. Besides, the turning points: where rises ended. Judges
 * nothing.
 *
 * Buckets lie on a fixed grid from the first value on. Where no value came for
 * some buckets they repeat the last one, so a jump over a gap stays a jump.
 */
#ifndef PF_LIB_LEAK_HISTORY_H
#define PF_LIB_LEAK_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PF_HISTORY_OCTAVES 12 /* 10 s buckets: the last 16 of octave 11 reach back 91 hours */
#define PF_HISTORY_POINTS  16
#define PF_HISTORY_TROUGHS 16

struct pf_bucket {
	float min; /* bytes */
	float max;
};

struct pf_octave {
	struct pf_bucket ring[PF_HISTORY_POINTS]; /* bucket i of all is ring[i % POINTS] */
	struct pf_bucket half; /* the first of two, where the count below is odd */
	float ceiling;	       /* highest min of the buckets that are kept no more */
};

struct pf_trough {
	float t_s; /* since the history began */
	float value;
};

/*
 * Rises and falls in turn. A movement ends when a good part of it is taken back; what it reached
 * then is a turning point.
 */
struct pf_turns {
	struct pf_trough ring[PF_HISTORY_TROUGHS]; /* trough i of all is ring[i % TROUGHS] */
	uint32_t n;    /* troughs so far, that of the present rise included */
	float ceiling; /* highest of the troughs that are kept no more */
	bool falling;
	struct pf_trough from;	  /* where the present movement began */
	struct pf_trough extreme; /* the farthest it went */
	float high;		  /* decayed maxima over the rises that ended: bytes */
	float high_s;		  /* ... and seconds from trough to peak */
};

struct pf_history {
	double start_s; /* begin of bucket 0 */
	double last_s;	/* of the last value */
	double last;
	float bucket_s; /* length of a base bucket; 0 = not known before the second value */
	float tick_s;
	uint32_t closed; /* base buckets closed so far */
	bool any;
	struct pf_bucket open;
	struct pf_turns turns;
	struct pf_octave octave[PF_HISTORY_OCTAVES];
};

/* Empty, for values on the clock of `t_s` below. */
void pf_history_init(struct pf_history *h);

/*
 * Add a value: bytes >= 0 at t_s, which must be after the last one; interval_s is the distance at
 * which values come (NaN: the first two tell). The bucket length is the first multiple of it that
 * is not below base_s. Returns the number of base buckets this closed.
 */
uint32_t pf_history_add(struct pf_history *h, double t_s, double bytes, double interval_s,
			double base_s);

/* Buckets of octave k closed so far, of which the last POINTS are kept. */
static inline uint32_t pf_history_count(const struct pf_history *h, unsigned int k)
{
	return h->closed >> k;
}

static inline uint32_t pf_history_kept(const struct pf_history *h, unsigned int k)
{
	uint32_t n = pf_history_count(h, k);

	return n < PF_HISTORY_POINTS ? n : PF_HISTORY_POINTS;
}

/* Bucket i of octave k, counted from its first; must be one of those kept. */
static inline const struct pf_bucket *pf_history_bucket(const struct pf_history *h, unsigned int k,
							uint32_t i)
{
	return &h->octave[k].ring[i % PF_HISTORY_POINTS];
}

/*
 * The whole of the history in at most `most` even parts (1 to POINTS), more than half as many once
 * there are so many buckets: the lowest value of each, oldest first. Returns how many.
 */
unsigned int pf_history_floors(const struct pf_history *h, float *floor, unsigned int most);

/* Highest value kept of the buckets before base bucket `first`, from octave k up; 0 = none. */
double pf_history_peak_before(const struct pf_history *h, unsigned int k, uint32_t first);

static inline uint32_t pf_turns_kept(const struct pf_turns *t)
{
	return t->n < PF_HISTORY_TROUGHS ? t->n : PF_HISTORY_TROUGHS;
}

#endif
