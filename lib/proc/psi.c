/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads /proc/pressure/memory. Sets no triggers. */
#include "lib/proc/psi.h"

#include <errno.h>
#include <math.h>

#include "lib/proc/scan.h"
#include "lib/record/field.h"

#define FILE_MAX 4096

static const struct pf_psi unknown = { NAN, NAN, PF_UNKNOWN, PF_UNKNOWN };

/* "12.34", whatever the locale's decimal point. */
static bool take_percent(struct pf_span *s, double *out)
{
	double scale = 0.1;
	int64_t whole;

	if (!pf_span_count(s, &whole))
		return false;
	*out = (double)whole;
	if (!pf_span_skip(s, "."))
		return true;
	for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++, scale /= 10)
		*out += (*s->p - '0') * scale;
	return true;
}

/* "avg10=0.00 avg60=0.00 avg300=0.00 total=0" */
static bool take_averages(struct pf_span line, double *avg10, int64_t *total_us)
{
	struct pf_span word;
	bool average = false;
	bool total = false;

	while (pf_span_word(&line, &word)) {
		if (pf_span_skip(&word, "avg10="))
			average = take_percent(&word, avg10);
		else if (pf_span_skip(&word, "total="))
			total = pf_span_count(&word, total_us);
	}
	return average && total;
}

int pf_parse_psi(const char *buf, size_t len, struct pf_psi *out)
{
	struct pf_span rest = pf_span_of(buf, len);
	struct pf_span line;
	bool some = false;
	bool full = false;

	*out = unknown;
	while (pf_span_line(&rest, &line)) {
		if (pf_span_skip(&line, "some "))
			some = take_averages(line, &out->some_avg10, &out->some_total_us);
		else if (pf_span_skip(&line, "full "))
			full = take_averages(line, &out->full_avg10, &out->full_total_us);
	}
	if (some && full)
		return 0;
	*out = unknown;
	return -EBADMSG;
}

int pf_psi_read(const char *proc_root, struct pf_psi *out)
{
	struct pf_readbuf buf = { 0 };
	ssize_t n = pf_readbuf__below(&buf, proc_root, "pressure/memory", FILE_MAX);
	int err = (int)n;

	*out = unknown;
	if (n >= 0)
		err = pf_parse_psi(buf.data, (size_t)n, out);
	pf_readbuf__free(&buf);
	return err;
}
