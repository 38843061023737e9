/* SPDX-License-Identifier: BSD-2-Clause */
/* Octaves of buckets and turning points; see the header. Judges nothing. */
#include "lib/leak/history.h"

#include <math.h>
#include <string.h>

/* A rise has ended when this much of it is given back ... */
#define RELEASE_SHARE 0.25
/* ... and at least this much of the peak, and so many bytes: noise is no release. */
#define RELEASE_PEAK_SHARE 0.01
#define RELEASE_BYTES	   (1 << 20)
/* What earlier rises reached fades with each rise that ends. */
#define RISE_DECAY 0.9f
/* More buckets than this in one gap say no more than these do. */
#define GAP_BUCKETS 65536
/* Ticks of 9.9 s still make one tick per bucket of 10 s. */
#define TICK_SLACK 0.05

void pf_history_init(struct pf_history *h)
{
	memset(h, 0, sizeof(*h));
}

static void bucket_join(struct pf_bucket *b, const struct pf_bucket *other)
{
	if (other->min < b->min)
		b->min = other->min;
	if (other->max > b->max)
		b->max = other->max;
}

/* The open bucket becomes bucket `closed` of octave 0, and by halves of those above. */
static void close_bucket(struct pf_history *h)
{
	struct pf_bucket b = h->open;

	for (unsigned int k = 0; k < PF_HISTORY_OCTAVES; k++) {
		struct pf_octave *o = &h->octave[k];
		uint32_t i = h->closed >> k;

		if (i >= PF_HISTORY_POINTS)
			o->ceiling = fmaxf(o->ceiling, o->ring[i % PF_HISTORY_POINTS].min);
		o->ring[i % PF_HISTORY_POINTS] = b;
		if (!(i & 1)) {
			o->half = b;
			break;
		}
		bucket_join(&b, &o->half);
	}
	h->closed++;
}

/* How much must be taken back of a movement over `way` bytes to end it. */
static float release_of(const struct pf_turns *t)
{
	float way = fabsf(t->extreme.value - t->from.value);
	float peak = fmaxf(t->extreme.value, t->from.value);

	return fmaxf(fmaxf(RELEASE_BYTES, RELEASE_PEAK_SHARE * peak), RELEASE_SHARE * way);
}

static void push_trough(struct pf_turns *t, struct pf_trough trough)
{
	struct pf_trough *slot = &t->ring[t->n % PF_HISTORY_TROUGHS];

	if (t->n >= PF_HISTORY_TROUGHS)
		t->ceiling = fmaxf(t->ceiling, slot->value);
	*slot = trough;
	t->n++;
}

static void turn(struct pf_turns *t, struct pf_trough now)
{
	if (t->falling) {
		push_trough(t, t->extreme);
	} else {
		t->high = fmaxf(t->high * RISE_DECAY, t->extreme.value - t->from.value);
		t->high_s = fmaxf(t->high_s * RISE_DECAY, t->extreme.t_s - t->from.t_s);
	}
	t->falling = !t->falling;
	t->from = t->extreme;
	t->extreme = now;
}

static void turns_add(struct pf_turns *t, struct pf_trough now)
{
	float back;

	if (!t->n) {
		push_trough(t, now);
		t->from = t->extreme = now;
		return;
	}
	back = t->falling ? now.value - t->extreme.value : t->extreme.value - now.value;
	if (back <= 0)
		t->extreme = now;
	else if (back >= release_of(t))
		turn(t, now);
}

static void settle_bucket(struct pf_history *h, double dt, double interval_s, double base_s)
{
	double tick = interval_s > 0 && interval_s < dt ? interval_s : dt;

	h->tick_s = (float)tick;
	h->bucket_s = (float)(tick * fmax(1, ceil(base_s / tick - TICK_SLACK)));
}

/* Close the buckets that end before t_s: the open one, and after a gap copies of the last value. */
static uint32_t close_until(struct pf_history *h, double t_s)
{
	double buckets = floor((t_s - h->start_s + 0.5 * h->tick_s) / h->bucket_s) - h->closed;
	uint32_t n = buckets < 1 ? 0 : buckets > GAP_BUCKETS ? GAP_BUCKETS : (uint32_t)buckets;

	if (buckets > n) /* keep the grid where not all of a gap is filled */
		h->start_s += (buckets - n) * h->bucket_s;
	for (uint32_t i = 0; i < n; i++) {
		close_bucket(h);
		h->open.min = h->open.max = (float)h->last;
	}
	return n;
}

uint32_t pf_history_add(struct pf_history *h, double t_s, double bytes, double interval_s,
			double base_s)
{
	struct pf_bucket b = { (float)bytes, (float)bytes };
	uint32_t n = 0;

	if (!h->any) {
		h->start_s = t_s;
		h->open = b;
		h->any = true;
	} else {
		if (!h->bucket_s)
			settle_bucket(h, t_s - h->start_s, interval_s, base_s);
		n = close_until(h, t_s);
		if (n)
			h->open = b;
		else
			bucket_join(&h->open, &b);
	}
	h->last_s = t_s;
	h->last = bytes;
	turns_add(&h->turns, (struct pf_trough){ (float)(t_s - h->start_s), b.min });
	return n;
}

double pf_history_peak_before(const struct pf_history *h, unsigned int k, uint32_t first)
{
	double peak = 0;

	for (; k < PF_HISTORY_OCTAVES; k++) {
		uint32_t count = pf_history_count(h, k);

		for (uint32_t i = count - pf_history_kept(h, k); i < count; i++) {
			if ((uint64_t)(i + 1) << k > first)
				break;
			peak = fmax(peak, pf_history_bucket(h, k, i)->max);
		}
	}
	return peak;
}

unsigned int pf_history_floors(const struct pf_history *h, float *floor, unsigned int most)
{
	unsigned int k = 0;
	uint32_t n;

	while (k + 1 < PF_HISTORY_OCTAVES && pf_history_count(h, k) > most)
		k++;
	n = pf_history_count(h, k) < most ? pf_history_count(h, k) : most;
	for (uint32_t i = 0; i < n; i++)
		floor[i] = pf_history_bucket(h, k, pf_history_count(h, k) - n + i)->min;
	return n;
}
