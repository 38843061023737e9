/* SPDX-License-Identifier: BSD-2-Clause */
/* Metrics byte by byte: one line that the collector rejects costs the whole file. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/strbuf.h"
#include "lib/report/metrics.h"

#define FFFD "\xef\xbf\xbd"

static void test_family(void **state)
{
	struct pf_strbuf b = PF_STRBUF_INIT;

	(void)state;
	pf_metric_family(&b, "rss_bytes", PF_METRIC_GAUGE, "Resident memory.");
	pf_metric_family(&b, "faults", PF_METRIC_COUNTER, "Two\nlines, a \\ and \"quotes\".");
	pf_metric_family(&b, "seen_total", PF_METRIC_COUNTER, "Once is enough.");
	pf_metric_family(&b, "odd name-7", PF_METRIC_NONE, "");
	assert_string_equal(b.data,
			    "# HELP pftools_rss_bytes Resident memory.\n"
			    "# TYPE pftools_rss_bytes gauge\n"
			    "# HELP pftools_faults_total Two\\nlines, a \\\\ and \"quotes\".\n"
			    "# TYPE pftools_faults_total counter\n"
			    "# HELP pftools_seen_total Once is enough.\n"
			    "# TYPE pftools_seen_total counter\n"
			    "# HELP pftools_odd_name_7 \n"
			    "# TYPE pftools_odd_name_7 untyped\n");
	pf_strbuf_free(&b);
}

static void check_sample(const struct pf_label *labels, size_t n, double value, const char *line)
{
	struct pf_strbuf b = PF_STRBUF_INIT;

	pf_metric_sample(&b, "x", PF_METRIC_GAUGE, labels, n, value);
	assert_string_equal(b.data ? b.data : "", line);
	pf_strbuf_free(&b);
}

static void test_labels(void **state)
{
	static const struct pf_label labels[] = {
		{ "comm", "a\"b\\c\nd" },
		{ "cgroup", "/a b/\xc3\xa4" },
		{ "bad", "\xff\x1b[1m\r\xe2\x80\xae" },
		{ "0-9", NULL },
	};

	(void)state;
	check_sample(NULL, 0, 1, "pftools_x 1\n");
	check_sample(labels, 1, 1, "pftools_x{comm=\"a\\\"b\\\\c\\nd\"} 1\n");
	check_sample(labels, 2, 1,
		     "pftools_x{comm=\"a\\\"b\\\\c\\nd\",cgroup=\"/a b/\xc3\xa4\"} 1\n");
	check_sample(labels + 2, 2, 1,
		     "pftools_x{bad=\"" FFFD "\\\\x1b[1m\\\\r\\\\u202e\",__9=\"\"} 1\n");
}

static void test_values(void **state)
{
	(void)state;
	check_sample(NULL, 0, 0, "pftools_x 0\n");
	check_sample(NULL, 0, -3, "pftools_x -3\n");
	check_sample(NULL, 0, 9007199254740991.0, "pftools_x 9007199254740991\n");
	check_sample(NULL, 0, 0.1, "pftools_x 0.1\n");
	check_sample(NULL, 0, 1795364023.68, "pftools_x 1795364023.68\n");
	check_sample(NULL, 0, 1e300, "pftools_x 1e+300\n");
	check_sample(NULL, 0, 1.0 / 3, "pftools_x 0.3333333333333333\n");
	check_sample(NULL, 0, INFINITY, "pftools_x +Inf\n");
	check_sample(NULL, 0, -INFINITY, "pftools_x -Inf\n");
	check_sample(NULL, 0, NAN, "");
}

static void test_values_are_exact(void **state)
{
	unsigned int seed = 3;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct pf_strbuf b = PF_STRBUF_INIT;
		uint64_t bits = 0;
		double v;

		for (int k = 0; k < 4; k++)
			bits = bits << 16 | (uint64_t)(rand_r(&seed) & 0xffff);
		memcpy(&v, &bits, sizeof(v));
		if (!isfinite(v))
			continue;
		pf_metric_sample(&b, "x", PF_METRIC_GAUGE, NULL, 0, v);
		assert_true(strtod(b.data + strlen("pftools_x "), NULL) == v);
		pf_strbuf_free(&b);
	}
}

static void test_counter_sample(void **state)
{
	struct pf_strbuf b = PF_STRBUF_INIT;

	(void)state;
	pf_metric_sample(&b, "faults", PF_METRIC_COUNTER, NULL, 0, 5);
	pf_metric_sample(&b, "faults_total", PF_METRIC_COUNTER, NULL, 0, 5);
	assert_string_equal(b.data, "pftools_faults_total 5\npftools_faults_total 5\n");
	pf_strbuf_free(&b);
}

static void test_histogram(void **state)
{
	static const double bound[] = { 0, 0.49, 10 };
	static const uint64_t count[] = { 3, 0, 2, 1 };
	const struct pf_metric_histogram h = { bound, count, 3, 18.5 };
	struct pf_strbuf b = PF_STRBUF_INIT;

	(void)state;
	pf_metric_histogram(&b, "size", "How big.", &h);
	assert_string_equal(b.data, "# HELP pftools_size How big.\n"
				    "# TYPE pftools_size histogram\n"
				    "pftools_size_bucket{le=\"0\"} 3\n"
				    "pftools_size_bucket{le=\"0.49\"} 3\n"
				    "pftools_size_bucket{le=\"10\"} 5\n"
				    "pftools_size_bucket{le=\"+Inf\"} 6\n"
				    "pftools_size_sum 18.5\n"
				    "pftools_size_count 6\n");
	pf_strbuf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_family),	       cmocka_unit_test(test_labels),
		cmocka_unit_test(test_values),	       cmocka_unit_test(test_values_are_exact),
		cmocka_unit_test(test_counter_sample), cmocka_unit_test(test_histogram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
