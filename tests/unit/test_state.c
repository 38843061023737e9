/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state that outlives a run: going on from it gives what going on without
 * would have, byte for byte; nothing that is not whole is taken; another boot,
 * other rules, a clock that was set back.
 */
#include "tests/unit/test_leak.h"

#include <errno.h>
#include <zlib.h>

#include "lib/base/cleanup.h"
#include "lib/base/strbuf.h"
#include "lib/leak/rule.h"
#include "lib/leak/state.h"
#include "lib/leak/tell.h"

#define BEGIN_S 50000.0
#define SHAPES	9

static const struct pf_rule_names no_names;

/* A machine's processes as one pfleak follows them. What it says is in the log. */
struct world {
	struct pf_leak *leak;
	struct pf_tell *tell;
	struct pf_rules *rules;
	struct pf_strbuf log;
	struct pf_leak_config config;
	double now_s;
	double shift_s; /* of the clock, since it was last set */
};

static void say(struct world *w, const char *what, const struct pf_verdict *v)
{
	pf_strbuf_addf(&w->log, "%s %lld %s %s %s %d %s>%s%s %s %.9g %.9g %lld %.9g %d %lld %.9g",
		       what, (long long)v->pid, v->comm, v->exe ? v->exe : "-",
		       v->rule ? v->rule : "-", v->confidence, pf_alert_state_name(v->previous),
		       pf_alert_state_name(v->state), v->transition ? "!" : "",
		       pf_class_name(v->class), v->growth_bytes_per_s, v->growth_error,
		       (long long)v->growth_bytes, v->window_s, v->severity,
		       (long long)v->faults_total, v->age_s);
	for (size_t i = 0; i < v->n_signals; i++)
		pf_strbuf_addf(&w->log, " %s%+d", v->signals[i].name, v->signals[i].points);
	pf_strbuf_addf(&w->log, " %s\n", v->why ? v->why : "-");
}

static void hear(void *ctx, const struct pf_verdict *v)
{
	struct world *w = ctx;

	say(w, "event", v);
	pf_tell__event(w->tell, v, w->now_s);
}

static void told(void *ctx, const struct pf_telling *t)
{
	struct world *w = ctx;

	pf_strbuf_addf(&w->log, "since %.3f told %u %s ", t->since_ts, t->told,
		       t->again ? "again" : "new");
	say(w, "tell", t->v);
}

static bool current(void *ctx, int64_t pid, double start_ts, struct pf_verdict *v)
{
	return pf_leak__current(((struct world *)ctx)->leak, pid, start_ts, v);
}

static struct pf_rules *make_rules(void)
{
	static const struct pf_rule_config config[] = {
		{ "grows", "rss_growth_mb_per_min > 1 AND duration > 100s", PF_LEVEL_CRITICAL, 30,
		  "it grows" },
		{ "big", "rss_mb > 150", PF_LEVEL_WARNING, 300, NULL },
		{ "faults", "fault_rate > 100", PF_LEVEL_INFO, 0, NULL },
	};
	struct pf_rules *rules = pf_rules__new(60, &no_names);

	assert_non_null(rules);
	for (size_t i = 0; i < PF_ARRAY_SIZE(config); i++)
		assert_int_equal(pf_rules__add(rules, &config[i], NULL), 0);
	return rules;
}

static void open_leak(struct world *w)
{
	const struct pf_leak_hooks hooks = { .gone = hear, .rule = hear, .ctx = w };
	const struct pf_tell_hooks tell = { told, current, w };
	struct pf_tell_config config = pf_tell_default_config;

	config.keep_alive_s = 600;
	w->leak = pf_leak__new(&w->config, &hooks);
	w->tell = pf_tell__new(&config, &tell);
	assert_non_null(w->leak);
	assert_non_null(w->tell);
	pf_leak__set_rules(w->leak, w->rules);
}

static void close_leak(struct world *w)
{
	pf_tell__free(w->tell);
	pf_leak__free(w->leak);
}

static void open_world(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->config = pf_leak_default_config;
	w->rules = make_rules();
	open_leak(w);
}

static void close_world(struct world *w)
{
	close_leak(w);
	pf_rules__free(w->rules);
	pf_strbuf_free(&w->log);
}

static void save(struct world *w, struct pf_strbuf *out)
{
	const struct pf_state_head head = {
		.clock = PF_STATE_REPLAY, .boot = "boot", .scope = "scope", .ts = 1.7e9, .mono_s = 1
	};

	pf_strbuf_reset(out);
	assert_int_equal(pf_state_write(out, &head, w->leak, w->tell), 0);
}

/* End the run, begin another one with what it left. */
static void restart(struct world *w)
{
	_cleanup_(pf_strbuf_free) struct pf_strbuf bytes = PF_STRBUF_INIT;
	struct pf_leak_stats before = *pf_leak__stats(w->leak), after;
	struct pf_state_head head;
	const char *why;

	save(w, &bytes);
	close_leak(w);
	open_leak(w);
	assert_int_equal(pf_state_check(bytes.data, bytes.len, &head, &why), PF_STATE_FINE);
	assert_string_equal(head.boot, "boot");
	assert_string_equal(head.scope, "scope");
	assert_int_equal(head.processes, before.processes);
	assert_int_equal(pf_state_read(bytes.data, bytes.len, w->shift_s, w->leak, w->tell), 0);
	after = *pf_leak__stats(w->leak);
	assert_int_equal(after.processes, before.processes);
	assert_int_equal(after.histories, before.histories);
	assert_int_equal(after.watch, before.watch);
	assert_int_equal(after.pending, before.pending);
	assert_int_equal(after.firing, before.firing);
}

/* Megabytes of process i after t seconds; less than 0: it is not there. */
static double shape(int i, double t)
{
	switch (i) {
	case 0: /* leaks, and dies without a word */
		return t < 9000 ? 100 + t / 6 : -1;
	case 1: /* leaks 30 MB an hour */
		return 60 + t / 120;
	case 2: /* faults a lot */
		return 200;
	case 3: /* teeth whose floor rises */
		return 100 + t / 100 + fmod(t, 300) / 5;
	case 4: /* fills up */
		return 50 + 300 * (1 - exp(-t / 1500));
	case 5: /* jumps */
		return t < 4000 ? 80 : 240;
	case 6: /* another process of that number from 6000 s on, leaking again */
		return 100 + fmod(t, 6000) / 10;
	case 7: /* too small for a history, then not */
		return t < 5000 ? 1 : 1 + (t - 5000) / 20;
	default: /* leaks, then stops */
		return 100 + fmin(t, 3000) / 5;
	}
}

static void fill_sample(struct pf_sample *s, int i, double t, double tick_s, double clock_s)
{
	double mb = shape(i, t);
	bool second = i == 6 && t >= 6000;

	pf_sample_init(s);
	s->pid = 100 + i;
	s->ts = 1.7e9 + t;
	s->mono_s = BEGIN_S + clock_s + t;
	s->interval_s = tick_s;
	s->start_ts = second ? 1.7e9 + 5990 : 1.7e9 - 5000;
	s->start_ns = second ? 7 : 1000000000;
	s->exec_id = i == 5 && t > 7000 ? 2 : 1;
	snprintf(s->comm, sizeof(s->comm), "p%d", i);
	s->exe = i & 1 ? "/usr/bin/it" : NULL;
	s->cgroup = "/system.slice/it.service";
	s->faults = i == 2 ? 5000 : 10 * i + (int64_t)fmod(t, 50);
	s->rss_anon_bytes = (int64_t)(mb * MB);
	s->rss_file_bytes = 4 * MB;
	s->rss_shmem_bytes = s->swap_bytes = 0;
	s->rss_bytes = s->rss_anon_bytes + s->rss_file_bytes;
	s->vsz_bytes = 2 * s->rss_bytes;
}

static void moment(struct world *w, double t, double tick_s, double clock_s)
{
	const struct pf_verdict *v;
	struct pf_sample s;

	w->now_s = BEGIN_S + clock_s + t;
	for (int i = 0; i < SHAPES; i++) {
		if (shape(i, t) < 0)
			continue;
		fill_sample(&s, i, t, tick_s, clock_s);
		v = pf_leak__feed(w->leak, &s);
		assert_non_null(v);
		say(w, "sample", v);
		if (v->transition)
			pf_tell__event(w->tell, v, w->now_s);
	}
	pf_leak__moment_end(w->leak, w->now_s);
	pf_tell__moment(w->tell, w->now_s);
}

/* every: moments between two runs; 0 = all in one. */
static void run(struct world *w, double duration_s, double tick_s, int every)
{
	int n = 0;

	for (double t = 0; t < duration_s; t += tick_s) {
		if (every && n++ % every == 0)
			restart(w);
		moment(w, t, tick_s, 0);
	}
}

static void assert_same_log(const struct world *a, const struct world *b)
{
	const char *x = a->log.data, *y = b->log.data;

	if (!strcmp(x, y))
		return;
	while (*x == *y && *x)
		x++, y++;
	while (x > a->log.data && x[-1] != '\n')
		x--, y--;
	fail_msg("one run:\n%.300s\nmany runs:\n%.300s", x, y);
}

static void test_many_runs_are_one(void **state)
{
	static const int every[] = { 1, 7, 100 };
	struct world one, many;

	(void)state;
	open_world(&one);
	run(&one, 12000, 10, 0);
	assert_non_null(strstr(one.log.data, "firing"));
	assert_non_null(strstr(one.log.data, "event"));
	assert_non_null(strstr(one.log.data, "tell"));
	assert_non_null(strstr(one.log.data, "churn"));
	for (size_t i = 0; i < PF_ARRAY_SIZE(every); i++) {
		open_world(&many);
		run(&many, 12000, 10, every[i]);
		assert_same_log(&one, &many);
		close_world(&many);
	}
	close_world(&one);
}

static void test_every_model(void **state)
{
	struct world one, many;

	(void)state;
	for (int model = PF_MODEL_CLASSIC; model < PF_N_MODELS; model++) {
		open_world(&one);
		one.config.model.model = (enum pf_model)model;
		pf_leak__configure(one.leak, &one.config);
		run(&one, 4000, 10, 0);
		open_world(&many);
		many.config.model.model = (enum pf_model)model;
		run(&many, 4000, 10, 7);
		assert_same_log(&one, &many);
		close_world(&one);
		close_world(&many);
	}
}

/* An alert that another model fired has no window of its own: the trend ends it by one from then on. */
static void test_model_changes(void **state)
{
	struct world w;

	(void)state;
	open_world(&w);
	w.config.model.model = PF_MODEL_CLASSIC;
	w.config.alert_confidence = 51;
	w.config.model.fault_rate_critical = w.config.model.fault_rate_warning = 1;
	pf_leak__configure(w.leak, &w.config);
	run(&w, 2000, 10, 0);
	assert_true(pf_leak__stats(w.leak)->firing > 0);
	w.config = pf_leak_default_config;
	restart(&w);
	for (double t = 2000; t < 12000; t += 10)
		moment(&w, t, 10, 0);
	assert_non_null(strstr(w.log.data, "firing>resolved!"));
	close_world(&w);
}

/* One process, seen for a moment each five minutes; when its alert fired, or what it never did. */
static double hours_until_alert(double mb_per_hour, double hours)
{
	double fired_h = INFINITY;
	struct pf_sample s;
	struct world w;

	open_world(&w);
	pf_rules__free(w.rules);
	w.rules = NULL;
	w.config.lone_moments = true;
	for (double t = 0; t < 3600 * hours && isinf(fired_h); t += 300) {
		const struct pf_verdict *v;

		restart(&w);
		fill_sample(&s, 2, t, 10, 0);
		s.rss_anon_bytes = (int64_t)((200 + mb_per_hour * t / 3600) * MB);
		s.rss_bytes = s.rss_anon_bytes + s.rss_file_bytes;
		v = pf_leak__feed(w.leak, &s);
		assert_non_null(v);
		if (v->state == PF_ALERT_FIRING)
			fired_h = t / 3600;
		pf_leak__moment_end(w.leak, s.mono_s);
	}
	close_world(&w);
	return fired_h;
}

static void test_slow_leak_by_cron(void **state)
{
	(void)state;
	assert_true(hours_until_alert(1, 12) < 12);
	assert_true(hours_until_alert(12, 12) < 2);
	assert_true(isinf(hours_until_alert(0, 48)));
}

/* Days of one moment each five minutes: what cron does. */
static void test_lone_moments(void **state)
{
	struct world one, many;

	(void)state;
	open_world(&one);
	one.config.lone_moments = true;
	pf_leak__configure(one.leak, &one.config);
	run(&one, 2 * 86400, 300, 0);
	open_world(&many);
	many.config.lone_moments = true;
	run(&many, 2 * 86400, 300, 1);
	assert_same_log(&one, &many);
	close_world(&one);
	close_world(&many);
}

/* The recording's clock is set back by a day between two runs: nobody gets younger. */
static void test_clock_set_back(void **state)
{
	struct world one, back;
	double t = 0, clock_s = 0;

	(void)state;
	open_world(&one);
	run(&one, 8000, 10, 0);
	open_world(&back);
	for (; t < 8000; t += 10) {
		if (fmod(t, 2000) == 1000) {
			back.shift_s = -86400;
			clock_s += back.shift_s;
			restart(&back);
		}
		moment(&back, t, 10, clock_s);
	}
	assert_same_log(&one, &back);
	close_world(&one);
	close_world(&back);
}

/* ---- what is not whole ------------------------------------------------------ */

/* As state.c has it at the beginning. */
enum { AT_ORDER = 16, AT_VERSION = 20, AT_JUDGE = 24, AT_CRC = 28, AT_LEN = 32, FRAME = 40 };

static enum pf_state_fault fault_of(const char *data, size_t len)
{
	struct pf_state_head head;
	const char *why = NULL;
	enum pf_state_fault fault = pf_state_check(data, len, &head, &why);

	assert_non_null(why);
	assert_int_equal(fault == PF_STATE_FINE, !*why);
	return fault;
}

static void put_u32(char *data, size_t at, uint32_t v)
{
	memcpy(data + at, &v, sizeof(v));
}

/* The checksum that belongs to what there is now. */
static void seal(char *data, size_t len)
{
	put_u32(data, AT_CRC, 0);
	put_u32(data, AT_CRC, (uint32_t)crc32(0, (const Bytef *)data, (uInt)len));
}

static void some_state(struct world *w, struct pf_strbuf *bytes)
{
	open_world(w);
	run(w, 3000, 10, 0);
	save(w, bytes);
	assert_int_equal(fault_of(bytes->data, bytes->len), PF_STATE_FINE);
}

static void test_cut_off_anywhere(void **state)
{
	_cleanup_(pf_strbuf_free) struct pf_strbuf bytes = PF_STRBUF_INIT;
	struct world w;

	(void)state;
	some_state(&w, &bytes);
	for (size_t len = 0; len < bytes.len; len++)
		assert_int_equal(fault_of(bytes.data, len), PF_STATE_DAMAGED);
	close_world(&w);
}

static void test_damaged_anywhere(void **state)
{
	_cleanup_(pf_strbuf_free) struct pf_strbuf bytes = PF_STRBUF_INIT;
	struct world w;

	(void)state;
	some_state(&w, &bytes);
	/* a byte, anywhere; in all but the byte order it is damage and nothing else */
	for (size_t at = 0; at < bytes.len; at += at < 600 ? 1 : 37) {
		bytes.data[at] ^= 0x40;
		assert_int_equal(fault_of(bytes.data, bytes.len), PF_STATE_DAMAGED);
		bytes.data[at] ^= 0x40;
	}
	/* a block that was never written */
	for (size_t at = 0; at + 512 < bytes.len; at += 512) {
		char block[512];

		memcpy(block, bytes.data + at, sizeof(block));
		memset(bytes.data + at, 0, sizeof(block));
		assert_int_equal(fault_of(bytes.data, bytes.len), PF_STATE_DAMAGED);
		memcpy(bytes.data + at, block, sizeof(block));
	}
	assert_int_equal(fault_of(bytes.data, bytes.len), PF_STATE_FINE);
	close_world(&w);
}

static void test_not_ours(void **state)
{
	_cleanup_(pf_strbuf_free) struct pf_strbuf bytes = PF_STRBUF_INIT;
	static const char shadow[] = "root:*:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n";
	char zeros[100] = "";
	struct world w;

	(void)state;
	assert_int_equal(fault_of(shadow, sizeof(shadow)), PF_STATE_FOREIGN);
	assert_int_equal(fault_of("{", 1), PF_STATE_FOREIGN);
	assert_int_equal(fault_of(zeros, sizeof(zeros)), PF_STATE_DAMAGED);
	some_state(&w, &bytes);
	put_u32(bytes.data, AT_VERSION, PF_STATE_VERSION + 1);
	seal(bytes.data, bytes.len);
	assert_int_equal(fault_of(bytes.data, bytes.len), PF_STATE_NEWER);
	put_u32(bytes.data, AT_VERSION, PF_STATE_VERSION - 1);
	seal(bytes.data, bytes.len);
	assert_int_equal(fault_of(bytes.data, bytes.len), PF_STATE_OLDER);
	put_u32(bytes.data, AT_ORDER, 0x04030201);
	assert_int_equal(fault_of(bytes.data, bytes.len), PF_STATE_OLDER);
	close_world(&w);
}

/* Bytes that nobody wrote, under a checksum that is right: refused, and nothing is followed. */
static void test_whole_but_nonsense(void **state)
{
	_cleanup_(pf_strbuf_free) struct pf_strbuf bytes = PF_STRBUF_INIT, own = PF_STRBUF_INIT;
	unsigned int refused = 0, taken = 0;
	struct world w, other;

	(void)state;
	some_state(&w, &bytes);
	for (size_t at = FRAME; at < bytes.len; at += 3) {
		pf_strbuf_reset(&own);
		pf_strbuf_addmem(&own, bytes.data, bytes.len);
		own.data[at] = (char)(at * 7 % 256);
		seal(own.data, own.len);
		if (fault_of(own.data, own.len) != PF_STATE_FINE)
			continue;
		open_world(&other);
		if (pf_state_read(own.data, own.len, 0, other.leak, other.tell)) {
			assert_int_equal(pf_leak__stats(other.leak)->processes, 0);
			refused++;
		} else {
			moment(&other, 4000, 10, 0);
			taken++;
		}
		close_world(&other);
	}
	assert_true(refused > 100);
	assert_true(taken > 100); /* a byte of a number is as good as another */
	close_world(&w);
}

/* ---- another model, other rules, less room ---------------------------------- */

static bool find_leaks(void *ctx, const struct pf_verdict *v)
{
	struct world *w = ctx;

	if (v->pid == 100) {
		assert_int_equal(v->state, PF_ALERT_FIRING);
		assert_true(v->confidence >= 50);
		assert_true(v->n_signals > 0);
		w->shift_s = 1;
	}
	return true;
}

static void test_another_judge(void **state)
{
	_cleanup_(pf_strbuf_free) struct pf_strbuf bytes = PF_STRBUF_INIT;
	struct world w;

	(void)state;
	some_state(&w, &bytes);
	put_u32(bytes.data, AT_JUDGE, PF_STATE_JUDGE + 1);
	seal(bytes.data, bytes.len);
	close_leak(&w);
	open_leak(&w);
	assert_int_equal(pf_state_read(bytes.data, bytes.len, 0, w.leak, w.tell), 0);
	pf_leak__each(w.leak, find_leaks, &w);
	assert_true(w.shift_s == 1);
	close_world(&w);
}

static void test_rules_that_are_gone(void **state)
{
	_cleanup_(pf_strbuf_free) struct pf_strbuf bytes = PF_STRBUF_INIT;
	struct world w;
	size_t before;

	(void)state;
	some_state(&w, &bytes);
	assert_non_null(strstr(w.log.data, " grows "));
	before = pf_leak__stats(w.leak)->firing;
	close_leak(&w);
	pf_rules__free(w.rules);
	w.rules = NULL;
	open_leak(&w);
	pf_strbuf_reset(&w.log);
	assert_int_equal(pf_state_read(bytes.data, bytes.len, 0, w.leak, w.tell), 0);
	assert_non_null(strstr(w.log.data, "firing>resolved!"));
	assert_true(pf_leak__stats(w.leak)->firing < before);
	assert_int_equal(pf_leak__stats(w.leak)->pending, 0);
	close_world(&w);
}

static void test_less_room(void **state)
{
	_cleanup_(pf_strbuf_free) struct pf_strbuf bytes = PF_STRBUF_INIT;
	struct world w;

	(void)state;
	some_state(&w, &bytes);
	close_leak(&w);
	w.config.max_processes = 3;
	open_leak(&w);
	assert_int_equal(pf_state_read(bytes.data, bytes.len, 0, w.leak, w.tell), 0);
	assert_int_equal(pf_leak__stats(w.leak)->processes, 3);
	assert_int_equal(pf_leak__stats(w.leak)->evicted, SHAPES - 3);
	close_world(&w);
}

/* Those that are not there any more: of each alert somebody heard the end. */
static bool only_first(void *ctx, int64_t pid)
{
	(void)ctx;
	return pid == 101;
}

static void test_missing(void **state)
{
	_cleanup_(pf_strbuf_free) struct pf_strbuf bytes = PF_STRBUF_INIT;
	struct world w;

	(void)state;
	some_state(&w, &bytes);
	restart(&w);
	pf_strbuf_reset(&w.log);
	assert_int_equal(pf_leak__drop_missing(w.leak, only_first, NULL), SHAPES - 1);
	assert_int_equal(pf_leak__stats(w.leak)->processes, 1);
	assert_non_null(strstr(w.log.data, "event 100 p0"));
	assert_non_null(strstr(w.log.data, "firing>resolved!"));
	assert_null(strstr(w.log.data, "event 101"));
	restart(&w);
	assert_int_equal(pf_leak__drop_missing(w.leak, NULL, NULL), 1);
	assert_int_equal(pf_leak__stats(w.leak)->firing, 0);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_runs_are_one),
		cmocka_unit_test(test_every_model),
		cmocka_unit_test(test_model_changes),
		cmocka_unit_test(test_slow_leak_by_cron),
		cmocka_unit_test(test_lone_moments),
		cmocka_unit_test(test_clock_set_back),
		cmocka_unit_test(test_cut_off_anywhere),
		cmocka_unit_test(test_damaged_anywhere),
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_whole_but_nonsense),
		cmocka_unit_test(test_another_judge),
		cmocka_unit_test(test_rules_that_are_gone),
		cmocka_unit_test(test_less_room),
		cmocka_unit_test(test_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
