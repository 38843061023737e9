/* SPDX-License-Identifier: BSD-2-Clause */
/* Stack records, what they add up to, and the forms in which that is shown. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <zlib.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/strbuf.h"
#include "lib/record/stack.h"
#include "lib/stack/stacks.h"
#include "profile.pb-c.h"
#include "tests/unit/tempdir.h"

/* A name as a program might have it that does not like to be looked at. */
#define HOSTILE "a;b</svg><script>alert(1)</script>\n\x1b[31m\xef\xbf\xbf\"'&\xff"

static const struct pf_stack_frame frames[] = {
	{ .ip = 0x1000,
	  .symbol = "main",
	  .offset = 16,
	  .module = "/bin/prog",
	  .line = 7,
	  .file = "src/main.c",
	  .build_id = "abcd" },
	{ .ip = 0x1100,
	  .symbol = "outer",
	  .offset = 4,
	  .module = "/bin/prog",
	  .line = 20,
	  .file = "src/main.c" },
	{ .ip = 0x1100,
	  .symbol = "inner",
	  .offset = PF_UNKNOWN,
	  .module = "/bin/prog",
	  .line = PF_UNKNOWN,
	  .inlined = true },
	{ .ip = 0x7f0000001234,
	  .offset = 0x1234,
	  .module = "/usr/lib/libfoo.so.1",
	  .line = PF_UNKNOWN },
	{ .ip = 0xffffffff81000010,
	  .symbol = "clear_page",
	  .offset = 16,
	  .module = "[kernel]",
	  .line = PF_UNKNOWN,
	  .kernel = true },
};

static struct pf_stack stack_of(const char *comm, int64_t bytes, size_t n_frames)
{
	struct pf_stack s;

	pf_stack_init(&s);
	s.ts = 1700000000.5;
	s.pid = 42;
	s.start_ts = 1699999999;
	snprintf(s.comm, sizeof(s.comm), "%s", comm);
	s.mode = "faults";
	s.class = "anon";
	s.bytes = bytes;
	s.samples = 2;
	s.age_s = 1.5;
	s.frames = frames;
	s.n_frames = n_frames;
	return s;
}

static struct pf_stacks *two_stacks(void)
{
	struct pf_stacks *all = pf_stacks__new();
	struct pf_stack a = stack_of("prog", 3000, 5), b = stack_of("prog", 1000, 2);

	assert_non_null(all);
	assert_int_equal(pf_stacks__add(all, &b), 0);
	assert_int_equal(pf_stacks__add(all, &a), 0);
	return all;
}

/* ---- the record ------------------------------------------------------------ */

static void test_record_round_trip(void **state)
{
	static struct pf_stack_frame back[PF_STACK_FRAMES_MAX];
	struct pf_stack s = stack_of("pr\xff"
				     "og",
				     5, 5),
			out;
	char why[PF_DECODE_WHY] = "";
	json_t *obj = pf_stack_json(&s);

	(void)state;
	assert_non_null(obj);
	assert_int_equal(pf_decode_stack(obj, &out, back, why), 0);
	assert_string_equal(out.comm, "pr\xef\xbf\xbdog");
	assert_int_equal(out.bytes, 5);
	assert_int_equal(out.samples, 2);
	assert_int_equal(out.n_frames, 5);
	assert_true(back[4].ip == 0xffffffff81000010);
	assert_true(back[4].kernel && !back[3].kernel);
	assert_null(back[3].symbol);
	assert_int_equal(back[3].offset, 0x1234);
	assert_int_equal(back[0].line, 7);
	assert_int_equal(back[2].line, PF_UNKNOWN);
	assert_true(back[2].inlined);
	assert_string_equal(back[0].build_id, "abcd");
	json_decref(obj);
}

static void test_record_refuses(void **state)
{
	static struct pf_stack_frame back[PF_STACK_FRAMES_MAX];
	static const char *const bad[] = {
		"{\"pid\":1,\"start_ts\":1,\"comm\":\"a\",\"bytes\":1,\"frames\":[]}",
		"{\"ts\":1,\"pid\":1,\"start_ts\":1,\"comm\":\"a\",\"bytes\":1}",
		"{\"ts\":1,\"pid\":1,\"start_ts\":1,\"comm\":\"a\",\"bytes\":null,\"frames\":[]}",
		"{\"ts\":1,\"pid\":1,\"start_ts\":1,\"comm\":\"a\",\"bytes\":1,\"frames\":[1]}",
		"{\"ts\":1,\"pid\":1,\"start_ts\":1,\"comm\":\"a\",\"bytes\":1,\"frames\":[{\"ip\":7}]}",
		"{\"ts\":1,\"pid\":1,\"start_ts\":1,\"comm\":\"a\",\"bytes\":1,"
		"\"frames\":[{\"ip\":\"0x12345678123456781\"}]}",
		"{\"ts\":1,\"pid\":1,\"start_ts\":1,\"comm\":\"a\",\"bytes\":1,"
		"\"frames\":[{\"line\":\"x\"}]}",
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(bad); i++) {
		char why[PF_DECODE_WHY] = "";
		struct pf_stack s;
		json_t *obj = json_loads(bad[i], 0, NULL);

		assert_non_null(obj);
		assert_int_not_equal(pf_decode_stack(obj, &s, back, why), 0);
		assert_true(why[0]);
		json_decref(obj);
	}
}

struct heard {
	int stacks;
	int complaints;
	uint64_t line;
};

static int hear_stack(void *ctx, const struct pf_stack *s)
{
	struct heard *h = ctx;

	h->stacks++;
	assert_int_equal(s->bytes, 9);
	return 0;
}

static void hear_complaint(void *ctx, uint64_t line, const char *what)
{
	struct heard *h = ctx;

	h->complaints++;
	h->line = line;
	assert_non_null(what);
}

static void test_recording(void **state)
{
	const char *path = tempdir_file(*state, "stacks.jsonl");
	struct heard h = { 0 };
	struct pf_stack_reader r = { .stack = hear_stack, .complain = hear_complaint, .ctx = &h };
	struct pf_error err = { 0 };
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs("{\"v\":1,\"type\":\"header\",\"tool\":\"pfstack\"}\n\n"
	      "{\"v\":1,\"type\":\"stack\",\"ts\":1,\"pid\":1,\"start_ts\":1,\"comm\":\"a\","
	      "\"bytes\":9,\"frames\":[]}\n"
	      "{\"v\":1,\"type\":\"stack\",\"ts\":1}\n"
	      "{\"v\":1,\"type\":\"summary\"}\n",
	      f);
	fclose(f);
	assert_int_equal(pf_stack_read(path, &r, &err), 0);
	assert_int_equal(h.stacks, 1);
	assert_int_equal(r.n_stacks, 1);
	assert_int_equal(h.complaints, 1);
	assert_int_equal(h.line, 4);
	assert_int_not_equal(pf_stack_read("/nonexistent", &r, &err), 0);
	assert_true(err.text[0]);
}

/* ---- sums ------------------------------------------------------------------ */

static void test_adds_up(void **state)
{
	struct pf_stacks *all = two_stacks();
	struct pf_stack other = stack_of("prog", 500, 5);
	struct pf_stack_frame moved[5];
	const struct pf_stack *const *sorted;
	size_t n;

	(void)state;
	memcpy(moved, frames, sizeof(moved));
	moved[1].line = 21;
	moved[1].offset = 8;
	other.pid = 43;
	other.frames = moved;
	assert_int_equal(pf_stacks__add(all, &other), 0);
	sorted = pf_stacks__sorted(all, &n);
	assert_int_equal(n, 2);
	assert_int_equal(pf_stacks__bytes(all), 4500);
	assert_int_equal(pf_stacks__samples(all), 6);
	assert_int_equal(sorted[0]->bytes, 3500);
	assert_int_equal(sorted[0]->pid, PF_UNKNOWN);
	assert_int_equal(sorted[0]->frames[0].line, 7);
	assert_int_equal(sorted[0]->frames[1].line, PF_UNKNOWN);
	assert_int_equal(sorted[0]->frames[1].offset, PF_UNKNOWN);
	pf_stacks__free(all);
}

static void test_names_do_not_run_together(void **state)
{
	struct pf_stack_frame one[] = { { .symbol = "ab" }, { .symbol = "c" } };
	struct pf_stack_frame two[] = { { .symbol = "a" }, { .symbol = "bc" } };
	struct pf_stacks *all = pf_stacks__new();
	struct pf_stack s = stack_of("x", 1, 2);

	(void)state;
	s.frames = one;
	assert_int_equal(pf_stacks__add(all, &s), 0);
	s.frames = two;
	assert_int_equal(pf_stacks__add(all, &s), 0);
	assert_int_equal(pf_stacks__count(all), 2);
	pf_stacks__free(all);
}

static void test_bounded(void **state)
{
	struct pf_stacks *all = pf_stacks__new();
	struct pf_stack_frame f = { .module = "/m" };
	struct pf_stack s = stack_of("x", 1, 1);

	(void)state;
	s.frames = &f;
	for (int i = 0; i < PF_STACKS_MAX + 100; i++) {
		f.offset = i;
		assert_int_equal(pf_stacks__add(all, &s), 0);
	}
	assert_int_equal(pf_stacks__folded(all), 100);
	assert_int_equal(pf_stacks__bytes(all), PF_STACKS_MAX + 100);
	assert_true(pf_stacks__count(all) <= PF_STACKS_MAX + 1);
	pf_stacks__free(all);
}

static void test_diff(void **state)
{
	struct pf_stacks *a = two_stacks(), *b = pf_stacks__new(), *d;
	struct pf_stack grown = stack_of("prog", 3500, 5), same = stack_of("prog", 1000, 2),
			fresh = stack_of("new", 200, 1);
	const struct pf_stack *const *sorted;
	size_t n;

	(void)state;
	assert_int_equal(pf_stacks__add(b, &grown), 0);
	assert_int_equal(pf_stacks__add(b, &same), 0);
	assert_int_equal(pf_stacks__add(b, &fresh), 0);
	d = pf_stacks__diff(a, b);
	sorted = pf_stacks__sorted(d, &n);
	assert_int_equal(n, 2); /* what did not change is not in it */
	assert_int_equal(sorted[0]->bytes, 500);
	assert_string_equal(sorted[1]->comm, "new");
	pf_stacks__free(d);
	d = pf_stacks__diff(b, a);
	sorted = pf_stacks__sorted(d, &n);
	assert_int_equal(sorted[0]->bytes, -500);
	pf_stacks__free(a);
	pf_stacks__free(b);
	pf_stacks__free(d);
}

/* ---- forms ----------------------------------------------------------------- */

static void test_folded(void **state)
{
	struct pf_stacks *all = two_stacks();
	struct pf_stack hostile = stack_of(HOSTILE, 7, 1);
	_cleanup_(pf_strbuf_free) struct pf_strbuf out = PF_STRBUF_INIT;

	(void)state;
	hostile.truncated = true;
	assert_int_equal(pf_stacks__add(all, &hostile), 0);
	assert_int_equal(pf_stacks_folded(all, &out), 0);
	assert_non_null(strstr(out.data, "prog;main;outer;inner;[libfoo.so.1+0x1234];"
					 "clear_page_[k] 3000\nprog;main;outer 1000\n"));
	assert_non_null(strstr(out.data, "a:b</svg><script>alert(1)</script>\\n\\x1b"));
	assert_non_null(strstr(out.data, ";[truncated];main 7\n"));
	pf_stacks__free(all);
}

static void test_table(void **state)
{
	const struct pf_stacks_look look = { .top = 1, .columns = 80, .lines = true };
	struct pf_stacks *all = two_stacks();
	_cleanup_(pf_strbuf_free) struct pf_strbuf out = PF_STRBUF_INIT;
	char *line, *rest;

	(void)state;
	assert_int_equal(pf_stacks_table(all, &look, &out), 0);
	assert_non_null(strstr(out.data, "75.0%        2  prog (42)  anon\n"));
	assert_non_null(strstr(out.data, "main  main.c:7\n"));
	assert_non_null(strstr(out.data, "in 1 more\n"));
	/* Innermost first. */
	assert_true(strstr(out.data, "clear_page_[k]") < strstr(out.data, "main  main.c"));
	for (line = strtok_r(out.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		assert_true(strlen(line) <= 80);
	pf_stacks__free(all);
}

static void test_svg_is_safe(void **state)
{
	const struct pf_stacks_look look = { .title = HOSTILE, .note = HOSTILE };
	struct pf_stack_frame f = { .symbol = HOSTILE };
	struct pf_stack s = stack_of(HOSTILE, 5, 1);
	struct pf_stacks *all = two_stacks();
	_cleanup_(pf_strbuf_free) struct pf_strbuf out = PF_STRBUF_INIT;
	const char *at;
	int scripts = 0;

	(void)state;
	s.frames = &f;
	assert_int_equal(pf_stacks__add(all, &s), 0);
	assert_int_equal(pf_stacks_svg(all, &look, &out), 0);
	for (at = out.data; (at = strstr(at, "<script>")); at++)
		scripts++;
	assert_int_equal(scripts, 1);
	assert_non_null(strstr(out.data, "&lt;script&gt;"));
	assert_null(strstr(out.data, "\x1b"));
	assert_null(strstr(out.data, "\xef\xbf\xbf"));
	assert_non_null(strstr(out.data, "data-n=\"clear_page_[k]\" data-x=\"0\" data-w=\"3000\""));
	pf_stacks__free(all);
}

static Pf__Profile *unpack(const struct pf_strbuf *gz)
{
	static unsigned char plain[1 << 16];
	z_stream z = { .next_in = (unsigned char *)gz->data,
		       .avail_in = (uInt)gz->len,
		       .next_out = plain,
		       .avail_out = sizeof(plain) };

	assert_int_equal(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	inflateEnd(&z);
	return pf__profile__unpack(NULL, z.total_out, plain);
}

static void test_pprof(void **state)
{
	const struct pf_profile_times times = { .start_ts = 1700000000, .duration_s = 10 };
	struct pf_stacks *all = two_stacks();
	_cleanup_(pf_strbuf_free) struct pf_strbuf out = PF_STRBUF_INIT;
	Pf__Profile *p;
	Pf__Location *l;

	(void)state;
	assert_int_equal(pf_stacks_pprof(all, &times, &out), 0);
	p = unpack(&out);
	assert_non_null(p);
	assert_string_equal(p->string_table[0], "");
	assert_int_equal(p->n_sample, 2);
	assert_int_equal(p->sample[0]->value[1], 3000);
	/* main, outer with inner inlined into it, libfoo, the kernel. */
	assert_int_equal(p->sample[0]->n_location_id, 4);
	l = p->location[p->sample[0]->location_id[2] - 1];
	assert_int_equal(l->n_line, 2);
	assert_string_equal(p->string_table[p->function[l->line[0]->function_id - 1]->name],
			    "inner");
	assert_string_equal(p->string_table[p->function[l->line[1]->function_id - 1]->name],
			    "outer");
	/* Both begin in the same place. */
	assert_true(p->sample[0]->location_id[3] == p->sample[1]->location_id[1]);
	assert_true(p->duration_nanos == 10000000000);
	pf__profile__free_unpacked(p, NULL);
	pf_stacks__free(all);
}

static void test_empty(void **state)
{
	struct pf_stacks *all = pf_stacks__new();
	_cleanup_(pf_strbuf_free) struct pf_strbuf out = PF_STRBUF_INIT;
	const struct pf_stacks_look look = { .top = 20 };
	const struct pf_profile_times times = { 0 };

	(void)state;
	assert_int_equal(pf_stacks_folded(all, &out), 0);
	assert_int_equal(out.len, 0);
	assert_int_equal(pf_stacks_table(all, &look, &out), 0);
	assert_int_equal(pf_stacks_svg(all, &look, &out), 0);
	assert_int_equal(pf_stacks_pprof(all, &times, &out), 0);
	pf_stacks__free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record_round_trip),
		cmocka_unit_test(test_record_refuses),
		cmocka_unit_test_setup_teardown(test_recording, tempdir_setup, tempdir_teardown),
		cmocka_unit_test(test_adds_up),
		cmocka_unit_test(test_names_do_not_run_together),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_diff),
		cmocka_unit_test(test_folded),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_svg_is_safe),
		cmocka_unit_test(test_pprof),
		cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
