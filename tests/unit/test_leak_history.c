/* SPDX-License-Identifier: BSD-2-Clause */
/* Octaves of buckets against a plain array of all values; gaps, odd ticks, turning points, size. */
#include "tests/unit/test_leak.h"

#include "lib/base/cleanup.h"
#include "lib/leak/history.h"
#include "lib/leak/process.h"
#include "lib/leak/window.h"

#define N 5000

static double lowest(const double *v, size_t begin, size_t end)
{
	double low = v[begin];

	for (size_t i = begin; i < end; i++)
		low = fmin(low, v[i]);
	return low;
}

static double highest(const double *v, size_t begin, size_t end)
{
	double high = v[begin];

	for (size_t i = begin; i < end; i++)
		high = fmax(high, v[i]);
	return high;
}

/* Every bucket kept holds the lowest and the highest of its values, 10 a base bucket. */
static void check_octave(const struct pf_history *h, const double *v, unsigned int k)
{
	uint32_t count = pf_history_count(h, k);
	size_t each = (size_t)10 << k;
	double ceiling = 0;

	for (uint32_t i = count - pf_history_kept(h, k); i < count; i++) {
		const struct pf_bucket *b = pf_history_bucket(h, k, i);

		assert_true(b->min == (float)lowest(v, i * each, (i + 1) * each));
		assert_true(b->max == (float)highest(v, i * each, (i + 1) * each));
	}
	for (uint32_t i = 0; i + pf_history_kept(h, k) < count; i++)
		ceiling = fmax(ceiling, lowest(v, i * each, (i + 1) * each));
	assert_true(h->octave[k].ceiling == (float)ceiling);
}

static void test_octaves(void **state)
{
	static double v[N];
	struct pf_history h;
	uint32_t closed = 0;

	(void)state;
	srand(7);
	pf_history_init(&h);
	for (size_t i = 0; i < N; i++) {
		v[i] = 1e6 + rand() % 1000000;
		closed += pf_history_add(&h, 50 + (double)i, v[i], 1, 10);
	}
	assert_int_equal(h.closed, (N - 1) / 10);
	assert_int_equal(closed, h.closed);
	for (unsigned int k = 0; k < PF_HISTORY_OCTAVES; k++)
		check_octave(&h, v, k);
	assert_int_equal(pf_history_kept(&h, 0), 16);
	assert_int_equal(pf_history_kept(&h, 6), 7);
	assert_int_equal(pf_history_kept(&h, 11), 0);
}

static void test_peak_before(void **state)
{
	struct pf_history h;

	(void)state;
	pf_history_init(&h);
	for (int i = 0; i < 400; i++)
		pf_history_add(&h, i * 10, i == 7 ? 900 : 100 + i, 10, 10);
	assert_true(pf_history_peak_before(&h, 0, 380) == 900);
	assert_true(pf_history_peak_before(&h, 5, 380) == 900);
	assert_true(pf_history_peak_before(&h, 0, 0) == 0);
	assert_true(pf_history_peak_before(&h, 2, 7) == 0); /* its bucket ends later */
}

static void test_bucket_is_whole_ticks(void **state)
{
	static const struct {
		double tick_s, interval_s, base_s, bucket_s;
	} cases
		[] = {
			{ 1, 1, 10, 10 },      { 10, 10, 10, 10 }, { 9.998, 10, 10, 9.998 },
			{ 3, 3, 10, 12 },      { 7, 7, 10, 14 },   { 60, 60, 10, 60 },
			{ 300, 300, 10, 300 }, { 1, 1, 1, 1 },	   { 0.1, 0.1, 1, 1 },
			{ 5, NAN, 10, 10 },    { 30, 10, 10, 10 }, /* the first tick was missed */
			{ 5, 0, 10, 10 },      { 5, -3, 10, 10 },
		};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		struct pf_history h;

		pf_history_init(&h);
		pf_history_add(&h, 5, 1, cases[i].interval_s, cases[i].base_s);
		pf_history_add(&h, 5 + cases[i].tick_s, 1, cases[i].interval_s, cases[i].base_s);
		assert_true(fabs(h.bucket_s - cases[i].bucket_s) < 0.001 * cases[i].bucket_s);
	}
}

/* Timers are never exact: still one value per bucket, none empty, none of two. */
static void test_jitter(void **state)
{
	struct pf_history h;

	(void)state;
	srand(3);
	pf_history_init(&h);
	for (int i = 0; i < 1000; i++) {
		double late = (rand() % 1000 - 500) / 1000.0;
		uint32_t closed = pf_history_add(&h, 60.0 * i + late, i, 60, 10);

		if (i > 1)
			assert_int_equal(closed, 1);
	}
	for (uint32_t i = 983; i < 999; i++)
		assert_true(pf_history_bucket(&h, 0, i)->min == (float)i);
}

static void test_gap_repeats_the_last_value(void **state)
{
	struct pf_history h;

	(void)state;
	pf_history_init(&h);
	for (int i = 0; i < 20; i++)
		pf_history_add(&h, 10 * i, 100, 10, 10);
	assert_int_equal(pf_history_add(&h, 10 * 25, 900, 10, 10), 6);
	pf_history_add(&h, 10 * 26, 950, 10, 10);
	assert_int_equal(h.closed, 26);
	for (uint32_t i = 10; i < 25; i++)
		assert_true(pf_history_bucket(&h, 0, i)->max == 100);
	assert_true(pf_history_bucket(&h, 0, 25)->min == 900);
}

/* A century without a value costs no century of work, and the grid goes on behind it. */
static void test_gap_is_bounded(void **state)
{
	struct pf_history h;
	uint32_t closed;

	(void)state;
	pf_history_init(&h);
	pf_history_add(&h, 0, 100, 10, 10);
	pf_history_add(&h, 10, 100, 10, 10);
	closed = pf_history_add(&h, 3e9, 200, 10, 10);
	assert_in_range(closed, 1000, 100000);
	assert_int_equal(pf_history_add(&h, 3e9 + 10, 300, 10, 10), 1);
	assert_int_equal(pf_history_add(&h, 3e9 + 20, 400, 10, 10), 1);
	assert_true(pf_history_bucket(&h, 0, h.closed - 1)->min == 300);
}

/* Teeth of 100 MB: a trough at the foot of each, and how high and how long they were. */
static void test_turning_points(void **state)
{
	struct pf_history h;
	const struct pf_turns *t = &h.turns;

	(void)state;
	pf_history_init(&h);
	for (int i = 0; i < 400; i++)
		pf_history_add(&h, i, (double)MB * (200 + 5 * (i % 20) + i / 20), 1, 10);
	assert_int_equal(t->n, 20);
	assert_int_equal(pf_turns_kept(t), 16);
	for (uint32_t i = 4; i < 20; i++) {
		assert_true(t->ring[i % 16].value == (float)MB * (200 + (float)i));
		assert_true(t->ring[i % 16].t_s == 20 * (float)i);
	}
	assert_true(t->ceiling == (float)MB * 203);
	assert_true(t->high == (float)MB * 95);
	assert_true(t->high_s == 19);
	assert_false(t->falling);
}

/* Less than 1 MB, 1 % and a quarter of the rise given back is no release. */
static void test_noise_is_no_turning_point(void **state)
{
	struct pf_history h;

	(void)state;
	pf_history_init(&h);
	for (int i = 0; i < 400; i++)
		pf_history_add(&h, i, (double)MB * (50 + i / 10.0 + (i % 2 ? 0 : 0.9)), 1, 10);
	assert_int_equal(h.turns.n, 1);
}

static void fill(struct pf_window *w, const double *v, unsigned int n)
{
	memset(w, 0, sizeof(*w));
	w->n = n;
	w->step_s = 10;
	for (unsigned int i = 0; i < n; i++)
		w->floor[i] = w->top[i] = (float)v[i];
}

static void test_figures_of_a_line(void **state)
{
	double v[16], base;
	struct pf_window w;
	struct pf_halves halves;

	(void)state;
	for (int i = 0; i < 16; i++)
		v[i] = 1000 + 100 * i;
	fill(&w, v, 16);
	assert_true(pf_window_growth(&w, &base) == 1200); /* 12 steps between the quarters */
	assert_true(base == 1150);
	assert_true(pf_window_noise(&w, base, 1200) == 0);
	assert_true(pf_window_spread(&w, 1200, 0.2) == 1);
	assert_true(pf_window_teeth(&w) == 0);
	halves = pf_window_halves(&w, 3);
	assert_true(halves.ratio == 1 && halves.t == 0);
}

static void test_figures_of_a_bend_and_a_jump(void **state)
{
	double bend[16], jump[16], flat[16], late[16], base, growth;
	struct pf_window w;

	(void)state;
	for (int i = 0; i < 16; i++) {
		bend[i] = 1e6 * (1 - exp(-i / 5.0));
		jump[i] = i < 9 ? 1e6 : 2e6;
		flat[i] = 1e6;
		late[i] = i < 9 ? 1e6 : 1e6 + 1e5 * (i - 8);
	}
	fill(&w, bend, 16);
	assert_true(pf_window_halves(&w, 3).ratio < 0.3);
	assert_true(pf_window_halves(&w, 3).t > 2);
	fill(&w, jump, 16);
	growth = pf_window_growth(&w, &base);
	assert_true(growth == 1e6);
	assert_true(pf_window_spread(&w, growth, 0.2) < 0.1);
	fill(&w, flat, 16);
	assert_true(pf_window_halves(&w, 3).ratio == 1);
	fill(&w, late, 16);
	assert_true(pf_window_halves(&w, 3).ratio == 10);
}

static void test_what_drifts_and_what_wanders(void **state)
{
	/* both rise by 15 in 15 steps; the second's noise is about its line, the third's adds up */
	static const double noise[16] = { 0, 3, -3, 2, -2, 3, -3, 2, -2, 3, -3, 2, -2, 3, -3, 0 };
	double line[16], noisy[16], walk[16], jumps = 0;
	struct pf_window w;

	(void)state;
	for (int i = 0; i < 16; i++) {
		line[i] = 1e6 * i;
		noisy[i] = 1e6 * (i + noise[i]);
		jumps += i ? 1 + (i / 3 % 2 ? 3 : -3) : 0;
		walk[i] = 1e6 * jumps;
	}
	fill(&w, line, 16);
	assert_true(pf_window_drift(&w) == 100);
	fill(&w, noisy, 16);
	assert_true(pf_window_drift(&w) > 1.2);
	fill(&w, walk, 16);
	assert_true(pf_window_drift(&w) < 1);
	for (int i = 0; i < 16; i++)
		walk[i] = 1e6;
	fill(&w, walk, 16);
	assert_true(pf_window_drift(&w) == 0);
}

/* One outlier at either end moves neither the growth nor the noise much. */
static void test_figures_are_robust(void **state)
{
	double v[16], base;
	struct pf_window w;

	(void)state;
	for (int i = 0; i < 16; i++)
		v[i] = 1000 + 100 * i;
	v[1] = 90000;
	v[15] = 0;
	fill(&w, v, 16);
	assert_true(fabs(pf_window_growth(&w, &base) - 1200) <= 200);
	assert_true(pf_window_noise(&w, base, 1200) < 200);
}

static void test_memory_of_a_process(void **state)
{
	(void)state;
	assert_true(sizeof(struct pf_process) + sizeof(struct pf_history) <= 2560);
	/* 48 hours of 10 s buckets */
	assert_true(10.0 * PF_HISTORY_POINTS * (1 << (PF_HISTORY_OCTAVES - 1)) >= 48 * 3600);
}

/* The parts are even, and all of the history is in them but what has only just begun. */
static void test_floors(void **state)
{
	struct pf_history h;
	float floor[13];

	(void)state;
	pf_history_init(&h);
	assert_int_equal(pf_history_floors(&h, floor, 13), 0);
	for (unsigned int i = 0; i < 3000; i++) {
		unsigned int n = pf_history_floors(&h, floor, 13), each = 1;

		while (h.closed / each > 13)
			each *= 2;
		assert_int_equal(n, h.closed / each);
		assert_true(n > 6 || n == h.closed);
		for (unsigned int j = 0; j < n; j++)
			assert_true(floor[j] == (float)(1000 + j * each));
		pf_history_add(&h, 10.0 * i, 1000 + i, 10, 10);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_octaves),
		cmocka_unit_test(test_peak_before),
		cmocka_unit_test(test_bucket_is_whole_ticks),
		cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_gap_repeats_the_last_value),
		cmocka_unit_test(test_gap_is_bounded),
		cmocka_unit_test(test_turning_points),
		cmocka_unit_test(test_noise_is_no_turning_point),
		cmocka_unit_test(test_figures_of_a_line),
		cmocka_unit_test(test_figures_of_a_bend_and_a_jump),
		cmocka_unit_test(test_figures_are_robust),
		cmocka_unit_test(test_what_drifts_and_what_wanders),
		cmocka_unit_test(test_memory_of_a_process),
		cmocka_unit_test(test_floors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
