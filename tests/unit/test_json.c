/* SPDX-License-Identifier: BSD-2-Clause */
/* Records as JSON Lines, byte by byte, and their way back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/strbuf.h"
#include "lib/record/decode.h"
#include "lib/record/header.h"
#include "lib/record/json.h"
#include "lib/record/sample.h"

/* A line with one value, as it is written. */
static void assert_real(double value, int decimals, const char *text)
{
	struct pf_strbuf b = PF_STRBUF_INIT;
	json_t *obj = pf_json_new(NULL);
	char line[128];

	assert_int_equal(pf_json_add_real(obj, "x", value, decimals), 0);
	assert_int_equal(pf_json_line(obj, &b), 0);
	snprintf(line, sizeof(line), "{\"x\":%s}\n", text);
	assert_string_equal(b.data, line);
	pf_strbuf_free(&b);
}

static void test_reals(void **state)
{
	(void)state;
	assert_real(1795364023.68, 3, "1795364023.68");
	assert_real(1795364023.6800001, 3, "1795364023.68");
	assert_real(1795364023.9999, 3, "1795364024.0");
	assert_real(1772991109, 3, "1772991109.0");
	assert_real(0.1 + 0.2, 6, "0.3");
	assert_real(1.0 / 3, 6, "0.333333");
	assert_real(123456789.123456, 6, "123456789.123456");
	assert_real(0.0000004, 6, "0.0");
	assert_real(-0.0000004, 6, "0.0"); /* no -0.0 */
	assert_real(-2.5, 6, "-2.5");
	assert_real(NAN, 6, "null");
	assert_real(INFINITY, 6, "null");
	assert_real(-INFINITY, 6, "null");
	assert_real(1e300, 6, "1e300");
}

/* What is written is read as the same number, and written as the same bytes. */
static void test_times_are_stable(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		double ts = 1795364023 + i * 7.919;
		struct pf_strbuf a = PF_STRBUF_INIT, b = PF_STRBUF_INIT;
		json_t *obj = pf_json_new(NULL);

		assert_int_equal(pf_json_add_real(obj, "ts", ts, 3), 0);
		assert_int_equal(pf_json_line(obj, &a), 0);
		assert_true(a.len <= strlen("{\"ts\":1795364023.123}\n"));
		obj = json_loadb(a.data, a.len, 0, NULL);
		assert_non_null(obj);
		ts = json_real_value(json_object_get(obj, "ts"));
		json_decref(obj);
		obj = pf_json_new(NULL);
		assert_int_equal(pf_json_add_real(obj, "ts", ts, 3), 0);
		assert_int_equal(pf_json_line(obj, &b), 0);
		assert_string_equal(a.data, b.data);
		pf_strbuf_free(&a);
		pf_strbuf_free(&b);
	}
}

static void test_single_values(void **state)
{
	struct pf_strbuf b = PF_STRBUF_INIT;
	json_t *obj = pf_json_new("alert");

	(void)state;
	assert_int_equal(pf_json_add_int(obj, "unknown", PF_UNKNOWN), 0);
	assert_int_equal(pf_json_add_int(obj, "most", INT64_MAX), 0);
	assert_int_equal(pf_json_add_int(obj, "least", -INT64_MAX), 0);
	assert_int_equal(pf_json_add_string(obj, "none", NULL), 0);
	assert_int_equal(pf_json_add_string(obj, "text", "a\"\n\x1b\\\xc3\xa4"), 0);
	assert_int_equal(pf_json_add_string(obj, "bad", "a\xff\xc3z"), 0);
	assert_int_equal(pf_json_line(obj, &b), 0);
	assert_string_equal(b.data, "{\"v\":1,\"type\":\"alert\",\"unknown\":null,"
				    "\"most\":9223372036854775807,\"least\":-9223372036854775807,"
				    "\"none\":null,\"text\":\"a\\\"\\n\\u001B\\\\\xc3\xa4\","
				    "\"bad\":\"a\xef\xbf\xbd\xef\xbf\xbdz\"}\n");
	pf_strbuf_free(&b);
}

static void add_sample(struct pf_strbuf *b, const struct pf_sample *s)
{
	json_t *obj = pf_json_new("sample");

	assert_int_equal(pf_json_add_fields(obj, pf_sample_fields, pf_sample_n_fields, s), 0);
	assert_int_equal(pf_json_line(obj, b), 0);
}

static void test_unknown_sample(void **state)
{
	struct pf_strbuf b = PF_STRBUF_INIT;
	struct pf_sample s;

	(void)state;
	pf_sample_init(&s);
	add_sample(&b, &s);
	assert_string_equal(
		b.data,
		"{\"v\":1,\"type\":\"sample\",\"ts\":null,\"interval_s\":null,\"pid\":null,"
		"\"nspid\":null,\"ppid\":null,\"start_ts\":null,\"comm\":\"\",\"exe\":null,"
		"\"uid\":null,\"cgroup\":null,\"container\":null,\"runtime\":null,\"pod\":null,"
		"\"faults\":null,\"minor\":null,\"major\":null,\"user\":null,\"kernel\":null,"
		"\"anon\":null,\"file\":null,\"shmem\":null,\"swapin\":null,\"cow\":null,"
		"\"other\":null,\"read\":null,\"write\":null,\"exec\":null,"
		"\"sampled\":null,\"rss_bytes\":null,\"rss_anon_bytes\":null,"
		"\"rss_file_bytes\":null,\"rss_shmem_bytes\":null,\"rss_error_bytes\":null,"
		"\"swap_bytes\":null,\"vsz_bytes\":null,\"exited\":false}\n");
	pf_strbuf_free(&b);
}

/* A different value in every field, so that none can be taken for another. */
static struct pf_sample full_sample(void)
{
	struct pf_sample s;
	int64_t n = 100;

	pf_sample_init(&s);
	for (size_t i = 0; i < pf_sample_n_fields; i++) {
		const struct pf_field *f = &pf_sample_fields[i];
		void *member = (char *)&s + f->offset;

		if (f->type == PF_INT)
			*(int64_t *)member = n++;
		else if (f->type == PF_STRING)
			*(const char **)member = f->key;
		else if (f->type != PF_CHARS && f->type != PF_BOOL)
			*(double *)member = (double)n++ + 0.25;
	}
	strcpy(s.comm, "b\xc3\xa4\n");
	s.exited = true;
	return s;
}

static void test_round_trip(void **state)
{
	struct pf_strbuf a = PF_STRBUF_INIT, b = PF_STRBUF_INIT;
	struct pf_sample s = full_sample();
	char why[PF_DECODE_WHY] = "";
	struct pf_sample back;
	json_t *obj;

	(void)state;
	add_sample(&a, &s);
	obj = json_loadb(a.data, a.len, 0, NULL);
	assert_non_null(obj);
	assert_int_equal(pf_decode_sample(obj, &back, why), 0);
	assert_string_equal(back.comm, s.comm);
	assert_string_equal(back.pod, "pod");
	assert_int_equal(back.vsz_bytes, s.vsz_bytes);
	assert_true(back.exited);
	add_sample(&b, &back);
	assert_string_equal(a.data, b.data);
	json_decref(obj);
	pf_strbuf_free(&a);
	pf_strbuf_free(&b);
}

static void test_header_round_trip(void **state)
{
	struct pf_strbuf b = PF_STRBUF_INIT;
	struct pf_header h = { .tool = "pfstat",
			       .version = "0.1",
			       .ts = 1795364023.5,
			       .backend = "tp_btf",
			       .memory_bytes = 1 << 30,
			       .interval_s = 0.5,
			       .sample = PF_UNKNOWN,
			       .options = "pfstat -C 'a b'" };
	char why[PF_DECODE_WHY] = "";
	struct pf_header back;
	json_t *obj = pf_json_new("header");

	(void)state;
	strcpy(h.host, "machine");
	assert_int_equal(pf_json_add_fields(obj, pf_header_fields, pf_header_n_fields, &h), 0);
	assert_int_equal(pf_json_line(obj, &b), 0);
	assert_string_equal(
		b.data,
		"{\"v\":1,\"type\":\"header\",\"tool\":\"pfstat\",\"version\":\"0.1\","
		"\"ts\":1795364023.5,\"host\":\"machine\",\"boot_id\":null,"
		"\"kernel\":null,\"arch\":null,\"backend\":\"tp_btf\","
		"\"snapshot\":null,\"memory_bytes\":1073741824,\"interval_s\":0.5,\"sample\":null,"
		"\"options\":\"pfstat -C 'a b'\"}\n");
	obj = json_loadb(b.data, b.len, 0, NULL);
	assert_int_equal(pf_decode_header(obj, &back, why), 0);
	assert_string_equal(back.tool, "pfstat");
	assert_string_equal(back.host, "machine");
	assert_null(back.snapshot);
	assert_true(back.sample == PF_UNKNOWN);
	assert_int_equal(back.memory_bytes, 1 << 30);
	assert_true(back.interval_s == 0.5);
	json_decref(obj);
	pf_strbuf_free(&b);
}

static void test_fill_host(void **state)
{
	struct pf_header h = { 0 };

	(void)state;
	pf_header_fill_host(&h, "/proc");
	assert_true(strlen(h.kernel) > 0);
	assert_true(strlen(h.arch) > 0);
	assert_int_equal(strlen(h.boot_id), 36);
	pf_header_fill_host(&h, "/nonexistent");
	assert_string_equal(h.boot_id, "");
	assert_true(strlen(h.kernel) > 0);
}

static void test_no_object(void **state)
{
	struct pf_strbuf b = PF_STRBUF_INIT;

	(void)state;
	pf_strbuf_adds(&b, "before\n");
	assert_int_equal(pf_json_line(NULL, &b), -ENOMEM);
	assert_string_equal(b.data, "before\n"); /* no half line */
	assert_int_equal(b.len, strlen("before\n"));
	b.failed = true;
	assert_int_equal(pf_json_line(pf_json_new("x"), &b), -ENOMEM);
	assert_string_equal(b.data, "before\n");
	pf_strbuf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reals),	      cmocka_unit_test(test_times_are_stable),
		cmocka_unit_test(test_single_values), cmocka_unit_test(test_unknown_sample),
		cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_header_round_trip),
		cmocka_unit_test(test_fill_host),     cmocka_unit_test(test_no_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
