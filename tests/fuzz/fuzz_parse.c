/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any text as an argument or a name: ranges are kept, nothing is written on
 * failure, what is made safe is safe, cuts fall between characters. Refuses
 * to look at bytes behind a NUL, which no argument has.
 */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/parse.h"
#include "lib/base/strbuf.h"
#include "lib/base/text.h"
#include "lib/report/column.h"
#include "lib/report/metrics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
	if (!ok)
		abort();
}

static void fuzz_numbers(const char *s)
{
	uint64_t u = 7;
	double d = -7;
	int rc = pf_parse_u64(s, 10, 1000, &u);

	must(rc ? u == 7 && (rc == -EINVAL || rc == -ERANGE) : u >= 10 && u <= 1000);
	u = 7;
	rc = pf_parse_size(s, 10, 1ull << 62, &u);
	must(rc ? u == 7 && (rc == -EINVAL || rc == -ERANGE) : u >= 10 && u <= 1ull << 62);
	rc = pf_parse_double(s, 0, 1e9, &d);
	must(rc ? d == -7 && (rc == -EINVAL || rc == -ERANGE) : d >= 0 && d <= 1e9);
	d = -7;
	rc = pf_parse_duration(s, 0.5, INFINITY, &d);
	must(rc ? d == -7 && (rc == -EINVAL || rc == -ERANGE) : d >= 0.5 && isfinite(d));
}

static void must_be_safe(const char *s, const char *but)
{
	size_t size = strlen(s) * PF_TEXT_GROWTH + 1;
	char *again = malloc(size);

	must(again != NULL);
	must(strcmp(pf_text_utf8(again, size, s), s) == 0);
	for (; *s; s++)
		must(((unsigned char)*s >= 0x20 && *s != 0x7f) || strchr(but, *s));
	free(again);
}

static void fuzz_text(const char *s, size_t columns)
{
	size_t size = strlen(s) * PF_TEXT_GROWTH + 1;
	char *safe = malloc(size);
	char small[16];

	must(safe != NULL);
	must_be_safe(pf_text_label(safe, size, s), "\n");
	must_be_safe(pf_text_printable(safe, size, s), "");
	must_be_safe(pf_text_printable(small, sizeof(small), s), "");
	must(strncmp(small, safe, strlen(small)) == 0);
	must_be_safe(pf_text_fit(small, sizeof(small), safe, columns), "");
	must(pf_text_width(pf_text_fit(safe, size, safe, columns)) <= columns);
	free(safe);
}

static void fuzz_columns(const char *s)
{
	static const struct pf_column cols[] = {
		{ .field = { .key = "pid" }, .table = true },
		{ .field = { .key = "comm" }, .table = true },
		{ .field = { .key = "rss_bytes" } },
	};
	struct pf_column_set set;
	int rc;

	pf_columns_default(cols, 3, &set);
	rc = pf_columns_parse(s, cols, 3, &set, NULL);
	must(rc == 0 || rc == -EINVAL);
	must(set.n > 0 && set.n <= 3);
	for (size_t i = 0; i < set.n; i++)
		must(set.index[i] < 3);
}

static void fuzz_metric(const char *s)
{
	struct pf_label label = { .name = s, .value = s };
	struct pf_strbuf b = PF_STRBUF_INIT;

	pf_metric_sample(&b, s, PF_METRIC_COUNTER, &label, 1, 1);
	must(!b.failed && memchr(b.data, '\n', b.len) == b.data + b.len - 1);
	must(memcmp(b.data, "pftools_", 8) == 0);
	pf_strbuf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const words[] = { "pid", "comm", "rss_bytes", NULL };
	char *s;

	if (size == 0)
		return 0;
	s = malloc(size); /* exactly, so that a byte too far is seen */
	must(s != NULL);
	memcpy(s, data + 1, size - 1);
	s[size - 1] = '\0';
	fuzz_numbers(s);
	fuzz_text(s, data[0] % 40);
	fuzz_columns(s);
	fuzz_metric(s);
	(void)pf_nearest(s, words);
	free(s);
	return 0;
}
