/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers as text for people, JSON and metrics. Judges nothing but the sum of it all. */
#include "tools/pfdiag/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "version.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/record/header.h"
#include "lib/record/json.h"
#include "lib/report/metrics.h"
#include "lib/report/report.h"

#define WIDTH	 80
#define ID_WIDTH 16
#define INDENT	 (2 + 4 + 1 + ID_WIDTH + 1) /* "  warn tracepoints     " */

/* ---- text ------------------------------------------------------------------------- */

static const char *const status_words[PF_CHECK_STATUSES] = {
	[PF_CHECK_OK] = "ok",
	[PF_CHECK_WARN] = "warn",
	[PF_CHECK_FAIL] = "FAIL",
	[PF_CHECK_SKIP] = "skip",
};

static const char *const status_colors[PF_CHECK_STATUSES] = {
	[PF_CHECK_OK] = "\033[32m",
	[PF_CHECK_WARN] = "\033[33m",
	[PF_CHECK_FAIL] = "\033[1;31m",
	[PF_CHECK_SKIP] = "\033[2m",
};

/* A terminal that takes ASCII alone gets it. */
static void to_locale(char *text)
{
	if (MB_CUR_MAX > 1)
		return;
	for (; *text; text++) {
		if ((unsigned char)*text >= 0x80)
			*text = '?';
	}
}

/* How many bytes of text, a line without newline, go on a line of so many columns. */
static size_t fit(const char *text, size_t columns)
{
	size_t len = strlen(text), at;

	if (len <= columns)
		return len;
	for (at = columns; at > 0 && text[at] != ' '; at--)
		;
	for (at = at ? at : columns; at > 1 && ((unsigned char)text[at] & 0xc0) == 0x80; at--)
		;
	return at;
}

/* From column `indent` on, the first line goes on where the cursor is. */
static void wrap(struct pf_strbuf *b, const char *text, size_t indent)
{
	bool first = true;

	do {
		size_t n = fit(text, WIDTH - indent);

		pf_strbuf_addf(b, "%*s%.*s\n", first ? 0 : (int)indent, "", (int)n, text);
		text += n;
		text += strspn(text, " ");
		first = false;
	} while (*text);
}

/* Each line of a text by itself, made safe for the terminal. */
static void paragraph(struct pf_strbuf *b, const char *label, const char *text)
{
	_cleanup_free_ char *copy = strdup(text), *safe = malloc(strlen(text) * PF_TEXT_GROWTH + 1);
	char *save = NULL;
	bool first = true;

	if (!copy || !safe) {
		b->failed = true;
		return;
	}
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		pf_text_printable(safe, strlen(text) * PF_TEXT_GROWTH + 1, line);
		to_locale(safe);
		if (!first)
			pf_strbuf_addf(b, "%*s", INDENT, "");
		pf_strbuf_adds(b, first ? label : "");
		wrap(b, safe, INDENT + strlen(first ? label : ""));
		first = false;
	}
}

static void text_group(struct pfdiag_report *r, const struct pf_check *c)
{
	const char *group = pfdiag_checks[c->check].group;
	struct pf_strbuf *b = &r->out.buf;

	if (r->group && !strcmp(r->group, group) && r->pid == c->pid)
		return;
	r->group = group;
	r->pid = c->pid;
	if (c->pid == PF_UNKNOWN)
		pf_strbuf_addf(b, "\n%s\n", group);
	else
		pf_strbuf_addf(b, "\nprocess %lld\n", (long long)c->pid);
}

static void text_check(struct pfdiag_report *r, const struct pf_check *c)
{
	struct pf_strbuf *b = &r->out.buf;
	bool well = c->verdict == PF_CHECK_OK;

	text_group(r, c);
	pf_strbuf_addf(b, "  %s%-4s%s %-*s", r->out.color ? status_colors[c->verdict] : "",
		       status_words[c->verdict], r->out.color ? "\033[0m" : "", ID_WIDTH, c->id);
	if (strlen(c->id) > ID_WIDTH)
		pf_strbuf_addf(b, "\n%*s", INDENT, "");
	else
		pf_strbuf_addch(b, ' ');
	paragraph(b, "", *c->found ? c->found : "-");
	/* What is well needs no reason, unless one is asked for. */
	if (*c->why && (!well || pf_log_level() >= PF_LOG_INFO)) {
		pf_strbuf_addf(b, "%*s", INDENT, "");
		paragraph(b, "why: ", c->why);
	}
	if (*c->remedy && !well) {
		pf_strbuf_addf(b, "%*s", INDENT, "");
		paragraph(b, "try: ", c->remedy);
	}
}

static void text_begin(struct pfdiag_report *r)
{
	const struct pfdiag *d = r->diag;
	char line[512], safe[sizeof(line) * PF_TEXT_GROWTH];

	snprintf(line, sizeof(line), "pfdiag %s, Linux %s%s%s%s%s", PF_VERSION,
		 *d->release ? d->release : "(unknown)", *d->machine ? " " : "", d->machine,
		 *d->os.name ? ", " : "", d->os.name);
	pf_text_printable(safe, sizeof(safe), line);
	to_locale(safe);
	wrap(&r->out.buf, safe, 0);
}

static void text_end(struct pfdiag_report *r)
{
	pf_strbuf_addf(&r->out.buf,
		       "\n%zu checks in %.1f s: %zu ok, %zu warnings, %zu failures, "
		       "%zu skipped\n",
		       r->counts[0] + r->counts[1] + r->counts[2] + r->counts[3],
		       pf_realtime_s() - r->began_ts, r->counts[PF_CHECK_OK],
		       r->counts[PF_CHECK_WARN], r->counts[PF_CHECK_FAIL],
		       r->counts[PF_CHECK_SKIP]);
}

void pfdiag_report_list(struct pf_strbuf *out)
{
	const char *group = "";

	for (size_t i = 0; i < PF_CHECKS_N; i++) {
		const struct pfdiag_check *check = &pfdiag_checks[i];

		if (strcmp(group, check->group) != 0)
			pf_strbuf_addf(out, "%s%s\n", i ? "\n" : "", check->group);
		group = check->group;
		pf_strbuf_addf(out, "  %-22s ", pf_check_name(check->id));
		wrap(out, check->purpose, 25);
	}
}

/* ---- JSON --------------------------------------------------------------------------- */

static int json_begin(struct pfdiag_report *r)
{
	struct pf_header h;
	json_t *obj = pf_json_new("header");

	pf_fields_init(pf_header_fields, pf_header_n_fields, &h);
	h.tool = "pfdiag";
	h.version = PF_VERSION;
	h.ts = r->began_ts;
	h.options = r->diag->opts->common.options;
	if (r->diag->live) {
		pf_header_fill_host(&h, r->diag->proc);
	} else {
		snprintf(h.kernel, sizeof(h.kernel), "%s", r->diag->release);
		snprintf(h.arch, sizeof(h.arch), "%s", r->diag->machine);
	}
	if (!obj || pf_json_add_fields(obj, pf_header_fields, pf_header_n_fields, &h)) {
		json_decref(obj);
		return -ENOMEM;
	}
	return pf_json_line(obj, &r->out.buf);
}

static int json_samples(struct pfdiag_report *r)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < r->diag->n_top; i++) {
		json_t *obj = pf_json_new("sample");

		if (!obj || pf_json_add_fields(obj, pf_sample_fields, pf_sample_n_fields,
					       &r->diag->top[i])) {
			json_decref(obj);
			return -ENOMEM;
		}
		ret = pf_json_line(obj, &r->out.buf);
	}
	return ret;
}

static int json_end(struct pfdiag_report *r)
{
	json_t *obj = pf_json_new("summary"), *counts = pf_json_new(NULL);
	int ret = obj && counts ? 0 : -ENOMEM;

	for (int s = 0; !ret && s < PF_CHECK_STATUSES; s++)
		ret = pf_json_add_int(counts, pf_check_status_name((enum pf_check_status)s),
				      (int64_t)r->counts[s]);
	if (!ret && (pf_json_add_real(obj, "ts", pf_realtime_s(), 3) ||
		     pf_json_add_real(obj, "duration_s", pf_realtime_s() - r->began_ts, 6) ||
		     json_object_set(obj, "counts", counts)))
		ret = -ENOMEM;
	json_decref(counts);
	if (!ret)
		return pf_json_line(obj, &r->out.buf);
	json_decref(obj);
	return ret;
}

int pfdiag_report_schema(struct pf_strbuf *out)
{
	return pf_json_schema_text(out,
				   pf_json_schema("check", pf_check_fields, pf_check_n_fields));
}

/* ---- metrics --------------------------------------------------------------------------- */

static int keep(struct pfdiag_report *r, const struct pf_check *c)
{
	if (r->n == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : PF_CHECKS_N;
		struct pf_check *bigger = realloc(r->all, cap * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		r->all = bigger;
		r->cap = cap;
	}
	r->all[r->n++] = *c;
	return 0;
}

static void prom_labels(const struct pf_check *c, struct pf_label labels[2], char pid[24])
{
	*pid = '\0';
	if (c->pid != PF_UNKNOWN)
		snprintf(pid, 24, "%lld", (long long)c->pid);
	labels[0] = (struct pf_label){ "check", c->id };
	labels[1] = (struct pf_label){ "pid", pid };
}

static void prom_status(struct pfdiag_report *r)
{
	static const char name[] = "diag_check_status";

	pf_metric_family(&r->out.buf, name, PF_METRIC_GAUGE,
			 "Answer of a check: 0 ok, 1 warning, 2 failure, 3 skipped.");
	for (size_t i = 0; i < r->n; i++) {
		struct pf_label labels[2];
		char pid[24];

		prom_labels(&r->all[i], labels, pid);
		pf_metric_sample(&r->out.buf, name, PF_METRIC_GAUGE, labels, *pid ? 2 : 1,
				 r->all[i].verdict);
	}
}

static void prom_values(struct pfdiag_report *r)
{
	static const char name[] = "diag_check_value";

	pf_metric_family(&r->out.buf, name, PF_METRIC_GAUGE,
			 "Figure that a check found, in the unit that its key names.");
	for (size_t i = 0; i < r->n; i++) {
		struct pf_label labels[3];
		char pid[24];

		prom_labels(&r->all[i], labels, pid);
		for (size_t k = 0; k < r->all[i].n_values; k++) {
			labels[2] = labels[1];
			labels[1] = (struct pf_label){ "key", r->all[i].values[k].key };
			pf_metric_sample(&r->out.buf, name, PF_METRIC_GAUGE, labels, *pid ? 3 : 2,
					 r->all[i].values[k].value);
			labels[1] = labels[2];
		}
	}
}

static void prom_end(struct pfdiag_report *r)
{
	static const char checks[] = "diag_checks", time[] = "diag_last_run_timestamp_seconds";

	prom_status(r);
	prom_values(r);
	pf_metric_family(&r->out.buf, checks, PF_METRIC_GAUGE, "Checks by their answer.");
	for (int s = 0; s < PF_CHECK_STATUSES; s++) {
		struct pf_label label = { "status", pf_check_status_name((enum pf_check_status)s) };

		pf_metric_sample(&r->out.buf, checks, PF_METRIC_GAUGE, &label, 1,
				 (double)r->counts[s]);
	}
	pf_metric_family(&r->out.buf, time, PF_METRIC_GAUGE, "When the run began, Unix time.");
	pf_metric_sample(&r->out.buf, time, PF_METRIC_GAUGE, NULL, 0, r->began_ts);
}

/* ---- all ---------------------------------------------------------------------------------- */

int pfdiag_report_begin(struct pfdiag_report *r)
{
	r->began_ts = pf_realtime_s();
	if (r->out.common->format == PF_FORMAT_JSON)
		return json_begin(r);
	if (r->out.common->format == PF_FORMAT_TABLE)
		text_begin(r);
	return 0;
}

int pfdiag_report_check(struct pfdiag_report *r, const struct pf_check *c)
{
	int ret;

	r->counts[c->verdict]++;
	switch (r->out.common->format) {
	case PF_FORMAT_JSON:
		ret = pf_json_line(pf_check_json(c), &r->out.buf);
		return ret || c->check != PF_CHECK_TOP ? ret : json_samples(r);
	case PF_FORMAT_PROM:
		return keep(r, c);
	default:
		text_check(r, c);
		return 0;
	}
}

int pfdiag_report_end(struct pfdiag_report *r)
{
	if (r->out.common->format == PF_FORMAT_JSON)
		return json_end(r);
	if (r->out.common->format == PF_FORMAT_PROM)
		prom_end(r);
	else
		text_end(r);
	return 0;
}

void pfdiag_report_free(struct pfdiag_report *r)
{
	free(r->all);
}

int pfdiag_report_status(const struct pfdiag_report *r)
{
	if (r->counts[PF_CHECK_FAIL])
		return PFDIAG_FAIL;
	if (r->counts[PF_CHECK_WARN])
		return PFDIAG_WARN;
	return r->counts[PF_CHECK_OK] ? PFDIAG_OK : PFDIAG_UNKNOWN;
}
