/* SPDX-License-Identifier: BSD-2-Clause */
/* pfleak's columns. What they mean is the leak library's; here is how they look. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/report/spark.h"
#include "tools/pfleak/columns.h"

/* clang-format off: a table reads better as one */
#define COL(member, type, unit, head, wide, how, shown, text)                                      \
	{                                                                                          \
		.field = PF_FIELD(struct pfleak_row, member, #member, type, unit, text),           \
		.header = head, .width = wide, .look = how, .table = shown                         \
	}

const struct pf_column pfleak_cols[] = {
	COL(ts, PF_TIME, "seconds", "TIME", 8, PF_LOOK_CLOCK, false, "Time of the sample."),
	COL(host, PF_STRING, "", "HOST", -12, PF_LOOK_PLAIN, false, "Name of the machine."),
	COL(boot_id, PF_STRING, "", "BOOT", -36, PF_LOOK_PLAIN, false,
	    "The kernel's id of this boot."),
	COL(pid, PF_INT, "", "PID", 7, PF_LOOK_PLAIN, true,
	    "Process id, in the tool's pid namespace."),
	COL(start_ts, PF_TIME, "seconds", "START", 8, PF_LOOK_CLOCK, false,
	    "Start of the process."),
	COL(comm, PF_STRING, "", "COMM", -11, PF_LOOK_PLAIN, true, "Name of the process."),
	COL(exe, PF_STRING, "", "EXE", -15, PF_LOOK_PLAIN, false, "File name of the executable."),
	COL(cgroup, PF_STRING, "", "CGROUP", -30, PF_LOOK_PLAIN, false, "Cgroup path."),
	COL(container, PF_STRING, "", "CONTAINER", -14, PF_LOOK_PLAIN, false,
	    "Container id or unit."),
	COL(rule, PF_STRING, "", "RULE", -12, PF_LOOK_PLAIN, false,
	    "Rule whose alert it is; null: the model's."),
	COL(model, PF_STRING, "", "MODEL", -8, PF_LOOK_PLAIN, false,
	    "Model that judged; null: a rule did."),
	COL(state, PF_STRING, "", "STATE", -8, PF_LOOK_PLAIN, true,
	    "State of its alert: none, watch, pending, firing or resolved."),
	COL(end, PF_STRING, "", "END", -12, PF_LOOK_PLAIN, false,
	    "How it was resolved: recovered, exited, exec, gone, rule_changed or rule_gone."),
	COL(reason, PF_CHARS, "", "REASON", -60, PF_LOOK_PLAIN, false, "Why, in a sentence."),
	COL(confidence, PF_INT, "percent", "CNF", 3, PF_LOOK_PLAIN, true, "0-100 that it leaks."),
	COL(class, PF_STRING, "", "CLASS", -12, PF_LOOK_PLAIN, true, "Kind of growth."),
	COL(level, PF_STRING, "", "LEVEL", -8, PF_LOOK_PLAIN, false,
	    "Level of its alert: info, warning or critical."),
	COL(severity, PF_INT, "", "SEV", 3, PF_LOOK_PLAIN, false, "1-10, by size and time left."),
	COL(severity_label, PF_STRING, "", "SEVERITY", -11, PF_LOOK_PLAIN, false,
	    "The same in a word."),
	COL(growth_bytes_per_s, PF_REAL, "bytes per second", "GROW/s", 6, PF_LOOK_BYTES, true,
	    "Growth of the memory's floor."),
	COL(growth_error, PF_REAL, "bytes per second", "+-/s", 6, PF_LOOK_BYTES, false,
	    "One standard error of the growth."),
	COL(time_left_s, PF_REAL, "seconds", "LEFT", 6, PF_LOOK_DURATION, true,
	    "Until the tightest limit is reached."),
	COL(limit_bytes, PF_INT, "bytes", "LIMIT", 6, PF_LOOK_BYTES, false, "The tightest limit."),
	COL(limit_source, PF_NAME, "", "LIMITED-BY", -24, PF_LOOK_PLAIN, false,
	    "Where that limit is set."),
	COL(rss_bytes, PF_INT, "bytes", "RSS", 6, PF_LOOK_BYTES, true, "Resident memory."),
	COL(swap_bytes, PF_INT, "bytes", "SWAP", 6, PF_LOOK_BYTES, false, "Swapped out."),
	COL(vsz_bytes, PF_INT, "bytes", "VSZ", 6, PF_LOOK_BYTES, true, "Virtual size."),
	COL(fault_rate, PF_REAL, "faults per second", "FLT/s", 6, PF_LOOK_RATE, true,
	    "Page faults a second in the last interval."),
	COL(allocator, PF_STRING, "", "ALLOCATOR", -9, PF_LOOK_PLAIN, false,
	    "Allocator: glibc, musl, jemalloc, tcmalloc, mimalloc or Go."),
	COL(linkage, PF_STRING, "", "LINKAGE", -7, PF_LOOK_PLAIN, false,
	    "Of the allocator: dynamic or static."),
	COL(language, PF_STRING, "", "LANGUAGE", -8, PF_LOOK_PLAIN, false,
	    "Language runtime: Go, JVM, V8 or CPython."),
	COL(next, PF_STRING, "", "NEXT", -60, PF_LOOK_PLAIN, false, "What to do next."),
	COL(stacks, PF_STRING, "", "STACKS", -12, PF_LOOK_PLAIN, false, "File with its stacks."),
	COL(site, PF_STRING, "", "SITE", -24, PF_LOOK_PLAIN, false, "Function that they point to."),
	/* of the list only */
	COL(faults_total, PF_INT, "faults", "FAULTS", 9, PF_LOOK_PLAIN, false, "Since first seen."),
	COL(age_s, PF_REAL, "seconds", "AGE", 6, PF_LOOK_DURATION, false, "Since it was started."),
	COL(followed_s, PF_REAL, "seconds", "SEEN", 6, PF_LOOK_DURATION, false,
	    "Since first seen, or its last exec."),
	COL(window_s, PF_REAL, "seconds", "WINDOW", 6, PF_LOOK_DURATION, false,
	    "Time the verdict rests on."),
	COL(growth_bytes, PF_INT, "bytes", "GROWN", 6, PF_LOOK_BYTES, false,
	    "Growth in that time."),
	COL(history, PF_STRING, "", "HISTORY", -PF_SPARK_COLUMNS, PF_LOOK_PLAIN, false,
	    "The floor of its memory since first seen, in even parts; only in tables."),
};
/* clang-format on */

const size_t pfleak_n_cols = PF_ARRAY_SIZE(pfleak_cols);
const size_t pfleak_n_alert_cols = PF_ARRAY_SIZE(pfleak_cols) - 6;
const size_t pfleak_n_verdict_cols = PF_ARRAY_SIZE(pfleak_cols) - 1;

static int level_rank(const struct pf_verdict *v)
{
	if (v->state != PF_ALERT_FIRING)
		return pf_alert_state_is_open(v->state);
	return v->level == PF_LEVEL_CRITICAL ? 2 : 1;
}

void pfleak_row_fill(struct pfleak_row *row, const struct pf_verdict *v,
		     const struct pf_header *header)
{
	*row = (struct pfleak_row){
		.ts = v->ts,
		.host = header->host[0] ? header->host : NULL,
		.boot_id = header->boot_id[0] ? header->boot_id : NULL,
		.pid = v->pid,
		.start_ts = v->start_ts,
		.comm = v->comm,
		.exe = v->exe,
		.cgroup = v->cgroup,
		.container = v->container,
		.rule = v->rule,
		.model = v->rule ? NULL : v->model,
		.state = pf_alert_state_name(v->state),
		.end = v->end == PF_END_NONE ? NULL : pf_alert_end_name(v->end),
		.confidence = v->confidence,
		.class = pf_class_name(v->class),
		.level = pf_alert_level_name(pf_verdict_level(v)),
		.severity = v->severity,
		.severity_label = v->severity_label,
		.growth_bytes_per_s = v->growth_bytes_per_s,
		.growth_error = v->growth_error,
		.time_left_s = v->time_left_s,
		.limit_bytes = v->limit.limit_bytes,
		.rss_bytes = v->rss_bytes,
		.swap_bytes = v->swap_bytes,
		.vsz_bytes = v->vsz_bytes,
		.fault_rate = v->fault_rate,
		.faults_total = v->faults_total,
		.age_s = v->age_s,
		.followed_s = v->followed_s,
		.window_s = v->window_s,
		.growth_bytes = v->growth_bytes,
		.level_rank = level_rank(v),
	};
	pf_verdict_reason(row->reason, sizeof(row->reason), v);
	snprintf(row->limit_source, sizeof(row->limit_source), "%s", v->limit.source);
}

static const char *const list_keys[] = { "pid",		"comm",	      "confidence",
					 "class",	"state",      "growth_bytes_per_s",
					 "time_left_s", "fault_rate", "rss_bytes",
					 "vsz_bytes",	NULL };
static const char *const watch_keys[] = { "pid",	 "comm",      "confidence",
					  "class",	 "state",     "growth_bytes_per_s",
					  "time_left_s", "rss_bytes", "history",
					  NULL };

bool pfleak_shows(const struct pfleak_columns *c, const char *key)
{
	for (size_t i = 0; i < c->list.n; i++) {
		if (!strcmp(pfleak_cols[c->list.index[i]].field.key, key))
			return true;
	}
	return false;
}

/* In place of what tells least: eighty columns, the time included. */
static void add_time(struct pfleak_columns *c)
{
	struct pf_column_set with = { .n = 1 };

	with.index[0] = (size_t)pf_columns_find(pfleak_cols, pfleak_n_cols, "ts");
	for (size_t i = 0; i < c->list.n && with.n < PF_ARRAY_SIZE(with.index); i++) {
		const char *key = pfleak_cols[c->list.index[i]].field.key;

		if (strcmp(key, "vsz_bytes") && strcmp(key, "fault_rate"))
			with.index[with.n++] = c->list.index[i];
	}
	c->list = with;
}

int pfleak_columns(struct pfleak_columns *c, const struct pfleak_opts *o, struct pf_error *err)
{
	const char *sort = o->common.sort ? o->common.sort : "confidence";
	struct pf_error why = { 0 };
	int index;

	memset(c, 0, sizeof(*c));
	for (const char *const *key = o->common.watch ? watch_keys : list_keys; *key; key++)
		c->list.index[c->list.n++] =
			(size_t)pf_columns_find(pfleak_cols, pfleak_n_cols, *key);
	if (o->common.format == PF_FORMAT_JSON || o->common.format == PF_FORMAT_CSV)
		pf_columns_all(pfleak_cols, pfleak_n_verdict_cols, &c->list);
	if (o->common.timestamps && o->common.format == PF_FORMAT_TABLE)
		add_time(c);
	if (o->common.columns && !o->common.columns_help &&
	    pf_columns_parse(o->common.columns, pfleak_cols, pfleak_n_cols, &c->list, &why))
		return pf_fail(err, EINVAL, "--columns: %s", why.text);
	index = pf_columns_parse_one(sort, pfleak_cols, pfleak_n_cols, &why);
	if (index < 0)
		return pf_fail(err, EINVAL, "--sort: %s", why.text);
	c->sort = (size_t)index;
	return 0;
}
