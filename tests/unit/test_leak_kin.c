/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known beside one process's memory and makes a watch of an alert:
 * where others of its kind came to rest, and how long memory lasts.
 */
#include "tests/unit/test_leak.h"

#include "lib/base/pack.h"
#include "lib/base/strbuf.h"
#include "lib/leak/history.h"
#include "lib/leak/kin.h"
#include "lib/leak/state.h"

#define OLD_S 100000

/* What the hooks answer. */
struct known {
	uint64_t kind;
	int64_t limit_bytes;
	int64_t headroom_bytes;
	unsigned int kinds_asked;
};

static uint64_t kind_of(void *ctx, const struct pf_sample *s)
{
	struct known *known = ctx;

	(void)s;
	known->kinds_asked++;
	return known->kind;
}

static void limit_of(void *ctx, const struct pf_sample *s, struct pf_limit *limit)
{
	const struct known *known = ctx;

	(void)s;
	limit->limit_bytes = known->limit_bytes;
	limit->headroom_bytes = known->headroom_bytes;
}

static void open_known(struct sim *m, struct known *known)
{
	const struct pf_leak_hooks hooks = { .kind = kind_of, .limit = limit_of, .ctx = known };

	sim_open(m, NULL, &hooks, 10, OLD_S);
}

/* Another process from now on, with what was seen so far forgotten. */
static void next_process(struct sim *m)
{
	m->s.pid++;
	m->s.start_ts += 5000;
	m->begin_s = m->s.mono_s + m->tick_s;
	m->fires = m->watches = m->resolves = 0;
}

static double at_rest(struct sim *m, double t)
{
	(void)m;
	(void)t;
	return 400;
}

static double leak_10m(struct sim *m, double t)
{
	(void)m;
	return 100 + t / 6;
}

static double leak_2m(struct sim *m, double t)
{
	(void)m;
	return 100 + t / 30;
}

/* A heap whose floor does not move, under tops of 600 MB. */
static double collected(struct sim *m, double t)
{
	(void)m;
	return 100 + 500 * fmod(t, 150) / 150;
}

static void test_kin_at_rest_higher_up_make_a_watch(void **state)
{
	struct known known = { 7, PF_UNKNOWN, PF_UNKNOWN, 0 };
	char text[256];
	struct sim m;

	(void)state;
	open_known(&m, &known);
	sim_run(&m, 3600, at_rest);
	assert_int_equal(known.kinds_asked, 1);
	next_process(&m);
	sim_run(&m, 1200, leak_10m); /* 300 MB in the end */
	assert_int_equal(m.fires, 0);
	assert_int_equal(m.watches, 1);
	assert_int_equal(m.v->confidence, 69);
	assert_non_null(strstr(pf_verdict_reason(text, sizeof(text), m.v),
			       "others of its kind came to rest higher up"));
	sim_run(&m, 1200, leak_10m); /* that is higher than the other ever was */
	assert_int_equal(m.fires, 1);
	assert_true(m.fire_s >= 1800);
	sim_close(&m);
}

static void run_after(struct known *known, double (*before)(struct sim *, double), uint64_t kind,
		      unsigned int fires)
{
	struct sim m;

	open_known(&m, known);
	sim_run(&m, 3600, before);
	assert_int_equal(m.fires, 0);
	known->kind = kind;
	next_process(&m);
	sim_run(&m, 1200, leak_10m);
	assert_int_equal(m.fires, fires);
	sim_close(&m);
}

static void test_what_kin_do_not_excuse(void **state)
{
	struct known other = { 7, PF_UNKNOWN, PF_UNKNOWN, 0 };
	struct known unknown = { 0, PF_UNKNOWN, PF_UNKNOWN, 0 };
	struct known no_room = { 7, PF_UNKNOWN, 64 * MB, 0 };
	struct known teeth = { 7, PF_UNKNOWN, PF_UNKNOWN, 0 };

	(void)state;
	run_after(&other, at_rest, 8, 1);
	run_after(&unknown, at_rest, 0, 1);
	run_after(&no_room, at_rest, 7, 1); /* memory ends before that height */
	run_after(&teeth, collected, 7, 1); /* tops are no rest */
}

static void save(struct sim *m, const char *boot, struct pf_strbuf *bytes)
{
	struct pf_state_head head = { .mono_s = m->s.mono_s, .ts = m->s.ts };

	strcpy(head.boot, boot);
	assert_int_equal(pf_state_write(bytes, &head, m->leak, NULL), 0);
}

/* Nobody of that boot is there any more, but what they were like is known. */
static void test_kin_outlive_a_reboot(void **state)
{
	struct known known = { 7, PF_UNKNOWN, PF_UNKNOWN, 0 };
	struct pf_strbuf bytes = PF_STRBUF_INIT;
	struct sim before, after;

	(void)state;
	open_known(&before, &known);
	sim_run(&before, 3600, at_rest);
	save(&before, "one", &bytes);
	sim_close(&before);
	open_known(&after, &known);
	assert_int_equal(pf_state_read(bytes.data, bytes.len, 0, after.leak, NULL), 0);
	pf_leak__drop_missing(after.leak, NULL, NULL);
	assert_int_equal(pf_leak__stats(after.leak)->processes, 0);
	sim_run(&after, 1200, leak_10m);
	assert_int_equal(after.fires, 0);
	assert_int_equal(after.watches, 1);
	sim_close(&after);
	pf_strbuf_free(&bytes);
}

static void test_a_leak_is_no_rest(void **state)
{
	struct known known = { 7, PF_UNKNOWN, PF_UNKNOWN, 0 };
	struct sim m;

	(void)state;
	open_known(&m, &known);
	sim_run(&m, 3600, leak_10m);
	assert_int_equal(m.fires, 1);
	next_process(&m);
	sim_run(&m, 1200, leak_10m);
	assert_int_equal(m.fires, 1);
	sim_close(&m);
}

/* The machine's own size, or what is left of it: growth by which it lasts for days may wait. */
static void test_slow_growth_waits_where_memory_lasts(void **state)
{
	struct known left = { 0, 64ll << 30, 32ll << 30, 0 };
	struct known whole = { 0, 32ll << 30, PF_UNKNOWN, 0 };
	struct known *both[] = { &left, &whole };
	char text[256];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct sim m;

		open_known(&m, both[i]);
		sim_run(&m, 4500, leak_2m);
		assert_int_equal(m.fires, 0);
		assert_int_equal(m.watches, 1);
		assert_non_null(strstr(pf_verdict_reason(text, sizeof(text), m.v),
				       "but slowly, and memory lasts for days"));
		sim_run(&m, 1500, leak_2m);
		assert_int_equal(m.fires, 1);
		sim_close(&m);
	}
}

static void test_what_does_not_wait(void **state)
{
	struct known tight = { 0, 2ll << 30, 1ll << 30, 0 }; /* nine hours */
	struct known large = { 0, 64ll << 40, 32ll << 40, 0 };
	struct known unknown = { 0, PF_UNKNOWN, PF_UNKNOWN, 0 };
	struct sim m;

	(void)state;
	open_known(&m, &tight);
	sim_run(&m, 1500, leak_2m);
	assert_int_equal(m.fires, 1);
	sim_close(&m);
	open_known(&m, &large); /* it is fast */
	sim_run(&m, 1500, leak_10m);
	assert_int_equal(m.fires, 1);
	assert_true(m.fire_s <= 700);
	sim_close(&m);
	open_known(&m, &unknown);
	sim_run(&m, 1500, leak_2m);
	assert_int_equal(m.fires, 1);
	sim_close(&m);
}

static void fill(struct pf_history *h, double seconds, double bytes)
{
	double begin = h->any ? h->last_s : 0;

	for (double t = 10; t <= seconds; t += 10)
		pf_history_add(h, begin + t, bytes, 10, 10);
}

static void test_rest_is_the_floor_of_the_last_part(void **state)
{
	struct pf_history h;

	(void)state;
	pf_history_init(&h);
	fill(&h, 1200, 100.0 * MB);
	assert_true(pf_kin_rest(&h, 1) == 0); /* not for long enough */
	fill(&h, 2400, 100.0 * MB);
	assert_true(pf_kin_rest(&h, 1) == 100.0 * MB);
	for (int i = 0; i < 360; i++)
		pf_history_add(&h, h.last_s + 10, (100.0 + i) * MB, 10, 10);
	assert_true(pf_kin_rest(&h, 1) == 0);
	fill(&h, 4 * 3600, 459.0 * MB);
	assert_true(pf_kin_rest(&h, 1) == 459.0 * MB);
}

static void test_kinds_are_bounded_and_the_stalest_goes(void **state)
{
	struct pf_kin *kin = pf_kin__new();

	(void)state;
	assert_non_null(kin);
	for (uint64_t i = 1; i <= PF_KIN_MAX; i++)
		pf_kin__note(kin, i, (double)i, 1e9);
	pf_kin__note(kin, 1, 0.5, 1e9 + 1); /* lower: the highest is kept, and it is heard of */
	pf_kin__note(kin, PF_KIN_MAX + 1, 5, 1e9);
	assert_int_equal(pf_kin__count(kin), PF_KIN_MAX);
	assert_true(pf_kin__height(kin, 1) == 1);
	assert_true(pf_kin__height(kin, 2) == 0);
	assert_true(pf_kin__height(kin, PF_KIN_MAX + 1) == 5);
	pf_kin__note(kin, 3, 2, 1e9 + 31 * 86400.0); /* nobody was higher for a month */
	assert_true(pf_kin__height(kin, 3) == 2);
	pf_kin__note(kin, 0, 9, 1e9);
	assert_true(pf_kin__height(kin, 0) == 0);
	pf_kin__free(kin);
}

static void test_kinds_are_written_and_read(void **state)
{
	struct pf_strbuf bytes = PF_STRBUF_INIT;
	struct pf_pack out = { .out = &bytes }, in, cut;
	struct pf_kin *kin = pf_kin__new(), *again = pf_kin__new();

	(void)state;
	pf_kin__note(kin, 7, 400.0 * MB, 1e9);
	pf_kin__note(kin, 8, 100.0 * MB, 1e9);
	pf_kin__pack(kin, &out);
	assert_false(out.failed);
	in = cut = (struct pf_pack){ .at = (unsigned char *)bytes.data,
				     .end = (unsigned char *)bytes.data + bytes.len };
	pf_kin__pack(again, &in);
	assert_false(in.failed);
	assert_int_equal(pf_kin__count(again), 2);
	assert_true(pf_kin__height(again, 7) == 400.0 * MB);
	pf_kin__clear(again);
	cut.end--;
	pf_kin__pack(again, &cut);
	assert_true(cut.failed);
	pf_kin__free(kin);
	pf_kin__free(again);
	pf_strbuf_free(&bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kin_at_rest_higher_up_make_a_watch),
		cmocka_unit_test(test_what_kin_do_not_excuse),
		cmocka_unit_test(test_kin_outlive_a_reboot),
		cmocka_unit_test(test_a_leak_is_no_rest),
		cmocka_unit_test(test_slow_growth_waits_where_memory_lasts),
		cmocka_unit_test(test_what_does_not_wait),
		cmocka_unit_test(test_rest_is_the_floor_of_the_last_part),
		cmocka_unit_test(test_kinds_are_bounded_and_the_stalest_goes),
		cmocka_unit_test(test_kinds_are_written_and_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
