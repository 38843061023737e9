/* SPDX-License-Identifier: BSD-2-Clause */
/* Robust figures of a few points; see the header. Decides nothing. */
#include "lib/leak/window.h"

#include <math.h>

/* Makes the median absolute deviation of normal noise its standard deviation. */
#define MAD_TO_SIGMA 1.4826
#define RATIO_MAX    10.0
#define DRIFT_MAX    100.0
/* Of so few steps it is not known better. */
#define CORRELATION_MAX 0.6

static float median(const float *values, unsigned int n)
{
	float sorted[PF_WINDOW_POINTS] = { 0 };

	for (unsigned int i = 0; i < n; i++) {
		unsigned int j = i;

		for (; j && sorted[j - 1] > values[i]; j--)
			sorted[j] = sorted[j - 1];
		sorted[j] = values[i];
	}
	return n & 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static void set_point(struct pf_window *w, unsigned int i, const struct pf_bucket *b)
{
	w->floor[i] = b->min;
	w->top[i] = b->max;
}

void pf_window_octave(struct pf_window *w, const struct pf_history *h, unsigned int k,
		      unsigned int n)
{
	uint32_t begin = pf_history_count(h, k) - n;

	w->n = n;
	w->from = k;
	w->first = begin << k;
	w->step_s = (double)h->bucket_s * (1u << k);
	w->length_s = n * w->step_s;
	for (unsigned int i = 0; i < n; i++)
		set_point(w, i, pf_history_bucket(h, k, begin + i));
}

void pf_window_troughs(struct pf_window *w, const struct pf_history *h, double since_s)
{
	const struct pf_turns *t = &h->turns;
	float begin_s = 0, end_s = 0;

	w->n = 0;
	w->from = PF_WINDOW_TROUGHS;
	w->first = 0;
	for (uint32_t i = t->n - pf_turns_kept(t); i < t->n; i++) {
		const struct pf_trough *p = &t->ring[i % PF_HISTORY_TROUGHS];

		if (p->t_s < since_s)
			continue;
		if (!w->n)
			begin_s = p->t_s;
		end_s = p->t_s;
		w->floor[w->n] = w->top[w->n] = p->value;
		w->n++;
	}
	w->length_s = (double)end_s - begin_s;
	w->step_s = w->n > 1 ? w->length_s / (w->n - 1) : 0;
}

void pf_window_newest(struct pf_window *w, const struct pf_history *h, unsigned int n)
{
	uint32_t begin = h->closed - (n - 1);

	w->n = n;
	w->from = PF_WINDOW_NEWEST;
	w->first = begin;
	w->step_s = h->bucket_s;
	w->length_s = n * w->step_s;
	for (unsigned int i = 0; i + 1 < n; i++)
		set_point(w, i, pf_history_bucket(h, 0, begin + i));
	set_point(w, n - 1, &h->open);
}

double pf_window_growth(const struct pf_window *w, double *base)
{
	unsigned int q = pf_window_quarter(w);

	*base = median(w->floor, q);
	return median(w->floor + w->n - q, q) - *base;
}

double pf_window_noise(const struct pf_window *w, double base, double growth)
{
	double slope = growth / pf_window_steps(w);
	double middle = (pf_window_quarter(w) - 1) / 2.0; /* of the first quarter */
	float off[PF_WINDOW_POINTS];
	float centre;

	for (unsigned int i = 0; i < w->n; i++)
		off[i] = (float)(w->floor[i] - base - slope * (i - middle));
	centre = median(off, w->n);
	for (unsigned int i = 0; i < w->n; i++)
		off[i] = fabsf(off[i] - centre);
	return MAD_TO_SIGMA * median(off, w->n);
}

double pf_window_spread(const struct pf_window *w, double growth, double part)
{
	double least = part * growth / pf_window_steps(w);
	unsigned int n = 0;

	for (unsigned int i = 1; i < w->n; i++)
		n += w->floor[i] - w->floor[i - 1] >= least;
	return n / (w->n - 1.0);
}

double pf_window_teeth(const struct pf_window *w)
{
	float high[PF_WINDOW_POINTS];

	for (unsigned int i = 0; i < w->n; i++)
		high[i] = w->top[i] - w->floor[i];
	return median(high, w->n);
}

/* Mean and variance of n values. */
static double mean_of(const float *v, unsigned int n, double *variance)
{
	double sum = 0, squares = 0, mean;

	for (unsigned int i = 0; i < n; i++)
		sum += v[i];
	mean = sum / n;
	for (unsigned int i = 0; i < n; i++)
		squares += (v[i] - mean) * (v[i] - mean);
	*variance = squares / (n - 1);
	return mean;
}

double pf_window_drift(const struct pf_window *w)
{
	unsigned int n = w->n - 1;
	float step[PF_WINDOW_POINTS] = { 0 };
	double mean, variance, together = 0, correlation;

	for (unsigned int i = 0; i < n; i++)
		step[i] = w->floor[i + 1] - w->floor[i];
	mean = mean_of(step, n, &variance);
	for (unsigned int i = 0; i + 1 < n; i++)
		together += (step[i] - mean) * (step[i + 1] - mean);
	correlation = variance > 0 ? together / (n - 1) / variance : 0;
	correlation = fmax(-CORRELATION_MAX, fmin(correlation, CORRELATION_MAX));
	/* one byte as below */
	return fmin(mean / sqrt(variance / n * (1 + correlation) / (1 - correlation) + 1),
		    DRIFT_MAX);
}

static double ratio_of(double first, double second)
{
	if (first > 0)
		return fmin(second / first, RATIO_MAX);
	return second > 0 ? RATIO_MAX : 1;
}

struct pf_halves pf_window_halves(const struct pf_window *w, double cap)
{
	unsigned int n = w->n - 1, half = n / 2;
	float step[PF_WINDOW_POINTS] = { 0 };
	double first, second, v1, v2;
	float most;

	for (unsigned int i = 0; i < n; i++)
		step[i] = w->floor[i + 1] - w->floor[i];
	most = (float)cap * median(step, n);
	if (most > 0) {
		for (unsigned int i = 0; i < n; i++)
			step[i] = fminf(step[i], most);
	}
	first = mean_of(step, half, &v1);
	second = mean_of(step + n - half, half, &v2);
	/* one byte keeps it finite where there is no noise at all */
	return (struct pf_halves){ .ratio = ratio_of(first, second),
				   .t = (first - second) / sqrt((v1 + v2) / half + 1) };
}
