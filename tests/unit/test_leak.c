/* SPDX-License-Identifier: BSD-2-Clause */
/* The table: identity, exec, exits, odd samples, who makes room, bounded memory. */
#include "tests/unit/test_leak.h"

#include <errno.h>

#include "lib/base/cleanup.h"

#define OLD_S 100000

static double leak_10m(struct sim *m, double t)
{
	(void)m;
	return 100 + t / 6;
}

/* Remembers the last verdict of a process that went without a word. */
struct lost {
	unsigned int n;
	struct pf_verdict v;
	char names[4][64];
};

static void copy(char *dst, size_t size, const char *src)
{
	snprintf(dst, size, "%s", src ? src : "(none)");
}

static void note_gone(void *ctx, const struct pf_verdict *v)
{
	struct lost *l = ctx;

	l->n++;
	l->v = *v;
	copy(l->names[0], sizeof(l->names[0]), v->comm);
	copy(l->names[1], sizeof(l->names[1]), v->exe);
	copy(l->names[2], sizeof(l->names[2]), v->cgroup);
	copy(l->names[3], sizeof(l->names[3]), v->container);
}

static void test_config_is_checked(void **state)
{
	struct pf_leak_config good = pf_leak_default_config;
	struct pf_leak_config bad[11];

	(void)state;
	good.min_bytes = 0;
	good.max_processes = 1;
	for (size_t i = 0; i < PF_ARRAY_SIZE(bad); i++)
		bad[i] = good;
	bad[0].grace_s = NAN;
	bad[1].grace_s = -1;
	bad[2].min_bytes = -1;
	bad[3].watch_confidence = 0;
	bad[4].alert_confidence = 40;
	bad[5].alert_confidence = 101;
	bad[6].max_processes = 0;
	bad[7].forget_s = 0;
	bad[8].escalation_s = NAN;
	bad[9].model.model = PF_N_MODELS;
	bad[10].model.window_s = 0;
	for (size_t i = 0; i < PF_ARRAY_SIZE(bad); i++) {
		errno = 0;
		assert_null(pf_leak__new(&bad[i], NULL));
		assert_int_equal(errno, EINVAL);
	}
	pf_leak__free(pf_leak__new(&good, NULL));
	pf_leak__free(NULL);
}

static void test_exit_resolves(void **state)
{
	struct sim m;

	(void)state;
	sim_open(&m, NULL, NULL, 10, OLD_S);
	sim_run(&m, 1000, leak_10m);
	assert_int_equal(m.v->state, PF_ALERT_FIRING);
	m.s.exited = true;
	m.s.rss_file_bytes = m.s.rss_shmem_bytes = m.s.swap_bytes = m.s.vsz_bytes = PF_UNKNOWN;
	m.s.rss_bytes = m.s.rss_anon_bytes = PF_UNKNOWN;
	m.s.mono_s += 10;
	m.s.faults = 7;
	m.v = pf_leak__feed(m.leak, &m.s);
	assert_true(m.v->transition);
	assert_int_equal(m.v->previous, PF_ALERT_FIRING);
	assert_int_equal(m.v->state, PF_ALERT_RESOLVED);
	assert_int_equal(m.v->end, PF_END_EXITED);
	assert_int_equal(m.v->faults_total, 7);
	assert_true(m.v->rss_bytes > 100 * MB); /* the last one known */
	assert_int_equal(pf_leak__stats(m.leak)->processes, 0);
	assert_int_equal(pf_leak__stats(m.leak)->histories, 0);
	assert_int_equal(pf_leak__stats(m.leak)->firing, 0);
	assert_int_equal(pf_leak__stats(m.leak)->exited, 1);
	sim_close(&m);
}

/* Born and dead between two snapshots: a verdict, nothing kept. */
static void test_short_life(void **state)
{
	struct sim m;

	(void)state;
	sim_open(&m, NULL, NULL, 10, 0);
	m.s.exited = true;
	for (int i = 0; i < 1000; i++) {
		m.s.pid = 1000 + i;
		sim_feed(&m, 50);
		assert_int_equal(m.v->pid, 1000 + i);
		assert_string_equal(m.v->comm, "sim");
		assert_false(m.v->transition);
	}
	assert_int_equal(pf_leak__stats(m.leak)->processes, 0);
	assert_int_equal(pf_leak__stats(m.leak)->seen, 1000);
	assert_int_equal(pf_leak__stats(m.leak)->exited, 1000);
	sim_close(&m);
}

static void test_exec_resets_history_not_counters(void **state)
{
	struct sim m;

	(void)state;
	sim_open(&m, NULL, NULL, 10, OLD_S);
	m.s.faults = 5;
	m.s.exec_id = 1;
	sim_run(&m, 1000, leak_10m);
	assert_int_equal(m.v->state, PF_ALERT_FIRING);
	m.s.exec_id = 2;
	sim_feed(&m, 300);
	assert_true(m.v->transition);
	assert_int_equal(m.v->state, PF_ALERT_RESOLVED);
	assert_int_equal(m.v->end, PF_END_EXEC);
	assert_int_equal(m.v->faults_total, 101 * 5);
	assert_int_equal(m.v->n_signals, 0);
	assert_true(m.v->followed_s == 0);
	assert_true(m.v->age_s > OLD_S);
	/* the first minute of a program is loading, whatever the process's age */
	for (int i = 1; i <= 10; i++)
		sim_feed(&m, 300 + 10 * i);
	assert_int_equal(m.v->state, PF_ALERT_RESOLVED);
	sim_close(&m);
}

static void test_exec_by_name(void **state)
{
	struct sim m;

	(void)state;
	sim_open(&m, NULL, NULL, 10, OLD_S);
	m.s.exe = "/bin/sh";
	sim_run(&m, 300, leak_10m);
	m.s.exe = NULL; /* unreadable is not another one */
	sim_feed(&m, 160);
	assert_true(m.v->followed_s == 300);
	m.s.exec_id = 9; /* known for the first time */
	sim_feed(&m, 160);
	m.s.exe = "/bin/sh";
	sim_feed(&m, 160);
	assert_true(m.v->followed_s == 320);
	m.s.exe = "/bin/other";
	sim_feed(&m, 160);
	assert_true(m.v->followed_s == 0);
	sim_close(&m);
}

static void test_pid_reuse(void **state)
{
	struct lost lost = { 0 };
	const struct pf_leak_hooks hooks = { .gone = note_gone, .ctx = &lost };
	double first;
	struct sim m;

	(void)state;
	sim_open(&m, NULL, &hooks, 10, OLD_S);
	first = m.s.start_ts;
	m.s.exe = "/bin/leaker";
	m.s.cgroup = "/a b/c";
	m.s.container = "0123";
	sim_run(&m, 1000, leak_10m);
	assert_int_equal(m.v->state, PF_ALERT_FIRING);
	m.s.exe = NULL; /* names of the alert are remembered */
	m.s.cgroup = m.s.container = NULL;
	m.s.start_ts += 1.9; /* clocks differ by that much */
	sim_feed(&m, 280);
	assert_int_equal(lost.n, 0);
	m.s.start_ts = first + 2.5;
	strcpy(m.s.comm, "new");
	sim_feed(&m, 290);
	assert_int_equal(lost.n, 1);
	assert_true(lost.v.start_ts == first);
	assert_int_equal(lost.v.state, PF_ALERT_RESOLVED);
	assert_int_equal(lost.v.end, PF_END_GONE);
	assert_true(lost.v.transition);
	assert_string_equal(lost.names[0], "sim");
	assert_string_equal(lost.names[1], "/bin/leaker");
	assert_string_equal(lost.names[2], "/a b/c");
	assert_string_equal(lost.names[3], "0123");
	assert_int_equal(m.v->state, PF_ALERT_NONE);
	assert_true(m.v->followed_s == 0);
	assert_int_equal(m.v->faults_total, 0);
	assert_int_equal(pf_leak__stats(m.leak)->seen, 2);
	assert_int_equal(pf_leak__stats(m.leak)->forgotten, 1);
	assert_int_equal(pf_leak__stats(m.leak)->firing, 0);
	sim_close(&m);
}

/* With the kernel's own start time a second is far apart. */
static void test_pid_reuse_by_kernel_time(void **state)
{
	struct sim m;

	(void)state;
	sim_open(&m, NULL, NULL, 10, 100);
	m.s.start_ns = 5000000000u;
	sim_feed(&m, 100);
	sim_feed(&m, 100);
	m.s.start_ns += 9000000; /* /proc tells hundredths of a second */
	sim_feed(&m, 100);
	assert_int_equal(pf_leak__stats(m.leak)->seen, 1);
	m.s.start_ns += 1000000000u;
	sim_feed(&m, 100);
	assert_int_equal(pf_leak__stats(m.leak)->seen, 2);
	m.s.start_ns = 0;
	sim_feed(&m, 100);
	assert_int_equal(pf_leak__stats(m.leak)->seen, 2);
	sim_close(&m);
}

static void test_time_that_does_not_go_on(void **state)
{
	struct sim m;

	(void)state;
	sim_open(&m, NULL, NULL, 10, OLD_S);
	sim_run(&m, 1000, leak_10m);
	assert_int_equal(m.fires, 1);
	for (int i = 0; i < 3; i++) { /* twice the same, and backwards */
		const struct pf_verdict *v = pf_leak__feed(m.leak, &m.s);

		assert_non_null(v);
		assert_false(v->transition);
		assert_int_equal(v->state, PF_ALERT_FIRING);
		m.s.mono_s -= 500;
	}
	assert_int_equal(pf_leak__stats(m.leak)->stale, 3);
	m.s.mono_s = NAN;
	assert_null(pf_leak__feed(m.leak, &m.s));
	assert_int_equal(errno, EINVAL);
	m.s.mono_s = INFINITY;
	assert_null(pf_leak__feed(m.leak, &m.s));
	m.s.mono_s = 1e6;
	m.s.pid = PF_UNKNOWN;
	assert_null(pf_leak__feed(m.leak, &m.s));
	assert_int_equal(errno, EINVAL);
	sim_close(&m);
}

static void test_unknown_memory(void **state)
{
	struct sim m;

	(void)state;
	/* only RSS and file are known: the rest is its own */
	sim_open(&m, NULL, NULL, 10, OLD_S);
	for (int i = 0; i < 150; i++) {
		m.s.mono_s += 10;
		m.s.rss_bytes = (100ll + 2 * i) * MB;
		m.s.rss_file_bytes = 20 * MB;
		m.s.rss_anon_bytes = m.s.rss_shmem_bytes = m.s.swap_bytes = PF_UNKNOWN;
		m.s.vsz_bytes = PF_UNKNOWN;
		m.s.faults = PF_UNKNOWN;
		m.s.start_ts = NAN;
		m.v = pf_leak__feed(m.leak, &m.s);
		sim_watch_over(&m, m.v);
	}
	assert_int_equal(m.fires, 1);
	assert_true(isnan(m.v->fault_rate));
	assert_true(m.v->vsz_bytes == PF_UNKNOWN);
	assert_true(m.v->age_s == 149 * 10); /* since first sight */
	sim_close(&m);

	/* nothing is known */
	sim_open(&m, NULL, NULL, 10, OLD_S);
	for (int i = 0; i < 150; i++) {
		m.s.mono_s += 10;
		m.s.rss_bytes = m.s.rss_anon_bytes = PF_UNKNOWN;
		m.s.rss_file_bytes = m.s.rss_shmem_bytes = m.s.swap_bytes = PF_UNKNOWN;
		m.v = pf_leak__feed(m.leak, &m.s);
		assert_int_equal(m.v->confidence, 0);
		assert_true(m.v->rss_bytes == PF_UNKNOWN);
	}
	sim_close(&m);
}

static void test_huge_values(void **state)
{
	static const int64_t values[] = { INT64_MAX, 0, INT64_MAX - 1, -5, INT64_MIN + 1, 1 };
	struct sim m;

	(void)state;
	sim_open(&m, NULL, NULL, 10, OLD_S);
	for (int i = 0; i < 600; i++) {
		int64_t value = values[i % PF_ARRAY_SIZE(values)];
		char text[400];

		m.s.mono_s += 10;
		m.s.rss_anon_bytes = m.s.rss_shmem_bytes = m.s.swap_bytes = value;
		m.s.rss_bytes = m.s.rss_file_bytes = m.s.vsz_bytes = m.s.faults = value;
		m.s.rss_error_bytes = value;
		m.v = pf_leak__feed(m.leak, &m.s);
		assert_in_range(m.v->confidence, 0, 100);
		for (size_t j = 0; j < m.v->n_signals; j++)
			pf_signal_text(text, sizeof(text), &m.v->signals[j]);
		pf_verdict_reason(text, sizeof(text), m.v);
	}
	sim_close(&m);

	sim_open(&m, NULL, NULL, 10, OLD_S);
	for (int64_t i = 0; i < 600; i++) { /* a leak of petabytes */
		char text[400];

		m.s.mono_s += 10;
		m.s.rss_bytes = m.s.rss_anon_bytes = i << 50;
		m.v = pf_leak__feed(m.leak, &m.s);
		pf_verdict_reason(text, sizeof(text), m.v);
	}
	assert_int_equal(m.v->state, PF_ALERT_FIRING);
	sim_close(&m);
}

static void test_comm_without_end(void **state)
{
	struct sim m;

	(void)state;
	sim_open(&m, NULL, NULL, 10, OLD_S);
	memset(m.s.comm, 'x', sizeof(m.s.comm));
	sim_feed(&m, 100);
	assert_int_equal(strlen(m.v->comm), sizeof(m.s.comm) - 1);
	sim_close(&m);
}

static void test_not_seen_any_more(void **state)
{
	struct lost lost = { 0 };
	const struct pf_leak_hooks hooks = { .gone = note_gone, .ctx = &lost };
	struct sim m;

	(void)state;
	sim_open(&m, NULL, &hooks, 10, OLD_S);
	for (int i = 0; i < 100; i++)
		sim_feed(&m, 100); /* no alert */
	for (int i = 1; i < 30; i++)
		pf_leak__moment_end(m.leak, m.s.mono_s + 10 * i);
	assert_int_equal(pf_leak__stats(m.leak)->processes, 1);
	for (int i = 30; i < 40; i++)
		pf_leak__moment_end(m.leak, m.s.mono_s + 10 * i);
	assert_int_equal(pf_leak__stats(m.leak)->processes, 0);
	assert_int_equal(pf_leak__stats(m.leak)->forgotten, 1);
	assert_int_equal(lost.n, 0);
	sim_close(&m);
}

/* At ticks longer than forget_s a process may still miss one moment. */
static void test_long_ticks_do_not_forget(void **state)
{
	struct sim m;

	(void)state;
	sim_open(&m, NULL, NULL, 600, OLD_S);
	for (int i = 0; i < 10; i++) {
		sim_feed(&m, 100);
		m.s.mono_s += 600;
		m.s.ts += 600;
		pf_leak__moment_end(m.leak, m.s.mono_s);
	}
	assert_int_equal(pf_leak__stats(m.leak)->seen, 1);
	sim_close(&m);
}

static bool count(void *ctx, const struct pf_verdict *v)
{
	size_t *n = ctx;

	assert_false(v->transition);
	++*n;
	return *n != 7;
}

static bool find_leaker(void *ctx, const struct pf_verdict *v)
{
	if (v->pid == 42)
		*(struct pf_verdict *)ctx = *v;
	return true;
}

static void test_each(void **state)
{
	struct pf_verdict leaker = { 0 };
	struct sim m;
	size_t n = 0;

	(void)state;
	sim_open(&m, NULL, NULL, 10, OLD_S);
	sim_run(&m, 1000, leak_10m);
	m.s.mono_s += 10;
	for (int i = 0; i < 20; i++) {
		m.s.pid = 100 + i;
		assert_non_null(pf_leak__feed(m.leak, &m.s));
	}
	pf_leak__each(m.leak, count, &n);
	assert_int_equal(n, 7); /* stops when told to */
	pf_leak__each(m.leak, find_leaker, &leaker);
	assert_int_equal(leaker.state, PF_ALERT_FIRING);
	assert_true(leaker.confidence >= 70);
	assert_true(leaker.growth_bytes_per_s > 0);
	assert_true(leaker.rss_bytes > 0);
	assert_int_equal(pf_leak__stats(m.leak)->processes, 21);
	sim_close(&m);
}

static void feed_crowd(struct sim *m, int first_pid, int n, double mb)
{
	for (int i = 0; i < n; i++) {
		m->s.pid = first_pid + i;
		m->s.rss_anon_bytes = m->s.rss_bytes = (int64_t)(mb * MB);
		pf_leak__feed(m->leak, &m->s);
	}
}

static bool is_followed(struct sim *m, int64_t pid)
{
	struct pf_verdict v = { 0 };

	(void)pid;
	pf_leak__each(m->leak, find_leaker, &v);
	return v.pid == 42;
}

static void test_who_makes_room(void **state)
{
	struct pf_leak_config config = pf_leak_default_config;
	const struct pf_leak_stats *st;
	struct sim m;

	(void)state;
	config.max_processes = 100;
	config.forget_s = 1e6;
	sim_open(&m, &config, NULL, 10, OLD_S);
	st = pf_leak__stats(m.leak);
	sim_run(&m, 1000, leak_10m); /* pid 42 has an alert */
	m.s.mono_s += 10;
	feed_crowd(&m, 1000, 99, 20);
	assert_int_equal(st->processes, 100);

	/* alive and as big: the newcomer is refused, and counted */
	feed_crowd(&m, 2000, 10, 20);
	assert_int_equal(st->processes, 100);
	assert_int_equal(st->refused, 10);
	assert_int_equal(st->evicted, 0);

	/* a bigger one is worth more, but nothing is worth more than an alert */
	feed_crowd(&m, 3000, 200, 100000);
	assert_int_equal(st->processes, 100);
	assert_int_equal(st->evicted, 99);
	assert_int_equal(st->refused, 10 + 101);
	assert_true(is_followed(&m, 42));

	/* those not seen any more go first, whatever their size */
	for (int i = 0; i < 3; i++) {
		pf_leak__moment_end(m.leak, m.s.mono_s);
		m.s.mono_s += 10;
		feed_crowd(&m, 42, 1, 300);
	}
	feed_crowd(&m, 5000, 99, 1);
	assert_int_equal(st->evicted, 99 + 99);
	assert_int_equal(st->refused, 10 + 101);
	assert_true(is_followed(&m, 42));
	sim_close(&m);
}

/* Every moment 100 processes that nobody will see again: 100,000 incarnations of them. */
static void test_memory_is_bounded(void **state)
{
	struct pf_leak_config config = pf_leak_default_config;
	size_t most = 0;
	struct sim m;

	(void)state;
	config.max_processes = 1000;
	sim_open(&m, &config, NULL, 10, OLD_S);
	for (int moment = 0; moment < 1000; moment++) {
		m.s.mono_s += 10;
		m.s.ts += 10;
		m.s.start_ts += 10;
		feed_crowd(&m, 1 + moment % 300 * 100, 100, 50);
		pf_leak__moment_end(m.leak, m.s.mono_s);
		if (pf_leak__stats(m.leak)->processes > most)
			most = pf_leak__stats(m.leak)->processes;
	}
	assert_int_equal(pf_leak__stats(m.leak)->seen, 100000);
	assert_true(most <= 1000);
	assert_int_equal(pf_leak__stats(m.leak)->seen, pf_leak__stats(m.leak)->processes +
							       pf_leak__stats(m.leak)->forgotten +
							       pf_leak__stats(m.leak)->evicted);
	sim_close(&m);
}

/* Most processes of a machine are small: they cost no history. */
static void test_small_ones_have_no_history(void **state)
{
	struct sim m;

	(void)state;
	sim_open(&m, NULL, NULL, 10, OLD_S);
	for (int i = 0; i < 200; i++) {
		sim_feed(&m, 2);
		assert_int_equal(pf_leak__stats(m.leak)->histories, 0);
	}
	assert_int_equal(m.v->class, PF_CLASS_FLAT);
	sim_feed(&m, 3);
	assert_int_equal(pf_leak__stats(m.leak)->histories, 1);
	sim_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config_is_checked),
		cmocka_unit_test(test_exit_resolves),
		cmocka_unit_test(test_short_life),
		cmocka_unit_test(test_exec_resets_history_not_counters),
		cmocka_unit_test(test_exec_by_name),
		cmocka_unit_test(test_pid_reuse),
		cmocka_unit_test(test_pid_reuse_by_kernel_time),
		cmocka_unit_test(test_time_that_does_not_go_on),
		cmocka_unit_test(test_unknown_memory),
		cmocka_unit_test(test_huge_values),
		cmocka_unit_test(test_comm_without_end),
		cmocka_unit_test(test_not_seen_any_more),
		cmocka_unit_test(test_long_ticks_do_not_forget),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_who_makes_room),
		cmocka_unit_test(test_memory_is_bounded),
		cmocka_unit_test(test_small_ones_have_no_history),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
