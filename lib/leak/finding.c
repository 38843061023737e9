/* SPDX-License-Identifier: BSD-2-Clause */
/* Points and rates of a finding; see the header. Measures nothing. */
#include "lib/leak/finding.h"

#include <math.h>

#include "lib/leak/window.h"

#define POINTS_SEEN	60
#define POINTS_GATE	12
#define POINTS_LENGTH	10
#define POINTS_REPEATED 10
#define BONUS_LENGTH_S	5120

#define BIT(id) (1u << (id))

bool pf_finding_grows(const struct pf_finding *f)
{
	return f->window != PF_WINDOW_NONE && !(f->failed & ~BIT(PF_SIGNAL_LENGTH));
}

static bool was_asked(const struct pf_finding *f, enum pf_signal_id id)
{
	if (f->growth < PF_GROWTH_SEEN)
		return id == PF_SIGNAL_GROWTH;
	if (id == PF_SIGNAL_DRIFT)
		return !isnan(f->drift);
	if (id == PF_SIGNAL_TEETH)
		return f->teeth;
	if (id == PF_SIGNAL_OUTGROWS)
		return !f->teeth;
	if (id == PF_SIGNAL_REPEATED)
		return !(f->failed & ~(BIT(PF_SIGNAL_LENGTH) | BIT(PF_SIGNAL_REPEATED)));
	return true;
}

/* What a passed gate adds by how well it was passed: less while there is but a watch. */
static double bonus(const struct pf_finding *f, enum pf_signal_id id)
{
	bool sure = !f->failed;

	if (!pf_finding_grows(f))
		return 0;
	if (id == PF_SIGNAL_GROWTH)
		return (sure ? 10 : 5) * fmin(1, 2 * f->growth / fmax(f->base, 1));
	if (id == PF_SIGNAL_STEADY)
		return (sure ? 10 : 4) * fmin(1, f->ratio);
	if (id == PF_SIGNAL_LENGTH && sure)
		return 10 * fmin(1, f->length_s / (BONUS_LENGTH_S * f->pace));
	return 0;
}

static int points_of(const struct pf_finding *f, enum pf_signal_id id)
{
	bool failed = pf_finding_failed(f, id);
	int seen = id == PF_SIGNAL_GROWTH && f->growth >= PF_GROWTH_SEEN ? POINTS_SEEN : 0;

	if (!was_asked(f, id) || f->growth < PF_GROWTH_SEEN)
		return 0;
	if (failed)
		return seen - (id == PF_SIGNAL_LENGTH ? POINTS_LENGTH : POINTS_GATE);
	if (id == PF_SIGNAL_REPEATED)
		return f->failed ? 0 : POINTS_REPEATED;
	return seen + (int)bonus(f, id);
}

/* As above, cut so that the sum never falls below 0. */
static int add_points(const struct pf_finding *f, enum pf_signal_id id, int *sum)
{
	int points = points_of(f, id);

	if (points < -*sum)
		points = -*sum;
	*sum += points;
	return points;
}

void pf_finding_sum_up(struct pf_finding *f)
{
	int sum = 0;

	for (unsigned int id = 0; id <= PF_SIGNAL_REPEATED; id++)
		add_points(f, id, &sum);
	f->confidence = (uint8_t)sum;
}

static void measured(const struct pf_finding *f, struct pf_signal *s)
{
	const double value[][2] = {
		[PF_SIGNAL_GROWTH] = { f->growth, f->growth_needed },
		[PF_SIGNAL_SPREAD] = { f->spread, f->spread_needed },
		[PF_SIGNAL_DRIFT] = { f->drift, f->drift_needed },
		[PF_SIGNAL_STEADY] = { f->steady, f->steady_needed },
		[PF_SIGNAL_SETTLED] = { f->ratio, f->settled_needed },
		[PF_SIGNAL_NEW_GROUND] = { f->ground, f->ground_needed },
		[PF_SIGNAL_OUTGROWS] = { f->outgrows, 1 },
		[PF_SIGNAL_TEETH] = { f->teeth_share, f->teeth_needed },
		[PF_SIGNAL_LENGTH] = { f->length_s, f->length_needed_s },
		[PF_SIGNAL_REPEATED] = { pf_finding_failed(f, PF_SIGNAL_REPEATED) ? 1 : 2, 2 },
	};

	s->measured = value[s->id][0];
	s->needed = value[s->id][1];
}

size_t pf_finding_signals(const struct pf_finding *f, struct pf_signal *signals)
{
	size_t n = 0;
	int sum = 0;

	if (f->window == PF_WINDOW_NONE)
		return 0;
	for (unsigned int id = 0; id <= PF_SIGNAL_REPEATED; id++) {
		struct pf_signal *s = &signals[n];

		if (!was_asked(f, id))
			continue;
		s->id = id;
		s->name = pf_signal_name(id);
		s->passed = !pf_finding_failed(f, id);
		s->points = add_points(f, id, &sum);
		measured(f, s);
		n++;
	}
	return n;
}

double pf_finding_rate(const struct pf_finding *f)
{
	return f->window == PF_WINDOW_NONE || f->span_s <= 0 ? NAN : f->growth / f->span_s;
}

/*
 * Each end is the median of a quarter of the points, whose standard error is
 * sqrt(pi / 2 / n) sigma.
 */
double pf_finding_rate_error(const struct pf_finding *f)
{
	double quarter = f->points < 8 ? 1 : f->points / 4;

	if (f->window == PF_WINDOW_NONE || f->span_s <= 0)
		return NAN;
	return sqrt(2 * M_PI_2 / quarter) * f->noise / f->span_s;
}
