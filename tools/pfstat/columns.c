/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pfstat's columns. What a field is comes from the record; here is only how it
 * looks and which are shown unasked.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/record/sample.h"
#include "tools/pfstat/columns.h"
#include "tools/pfstat/group.h"

struct look {
	const char *key;
	const char *header;
	int width;
	enum pf_look look;
	bool table;
};

static const struct look looks[] = {
	{ "ts", "TIME", 8, PF_LOOK_CLOCK, false },
	{ "interval_s", "SECS", 6, PF_LOOK_PLAIN, false },
	{ "pid", "PID", 7, PF_LOOK_PLAIN, true },
	{ "nspid", "NSPID", 7, PF_LOOK_PLAIN, false },
	{ "ppid", "PPID", 7, PF_LOOK_PLAIN, false },
	{ "start_ts", "START", 8, PF_LOOK_CLOCK, false },
	{ "comm", "COMM", -15, PF_LOOK_PLAIN, true },
	{ "exe", "EXE", -15, PF_LOOK_PLAIN, false },
	{ "uid", "UID", 6, PF_LOOK_PLAIN, false },
	{ "cgroup", "CGROUP", -30, PF_LOOK_PLAIN, false },
	{ "container", "CONTAINER", -14, PF_LOOK_PLAIN, false },
	{ "runtime", "RUNTIME", -10, PF_LOOK_PLAIN, false },
	{ "pod", "POD", -36, PF_LOOK_PLAIN, false },
	{ "faults", "FAULT/s", 7, PF_LOOK_RATE, true },
	{ "minor", "MINOR/s", 7, PF_LOOK_RATE, false },
	{ "major", "MAJ/s", 6, PF_LOOK_RATE, true },
	{ "user", "USER/s", 7, PF_LOOK_RATE, false },
	{ "kernel", "KERN/s", 7, PF_LOOK_RATE, false },
	{ "anon", "ANON/s", 7, PF_LOOK_RATE, true },
	{ "file", "FILE/s", 7, PF_LOOK_RATE, true },
	{ "shmem", "SHMEM/s", 7, PF_LOOK_RATE, false },
	{ "swapin", "SWIN/s", 7, PF_LOOK_RATE, false },
	{ "cow", "COW/s", 7, PF_LOOK_RATE, false },
	{ "other", "OTHER/s", 7, PF_LOOK_RATE, false },
	{ "read", "READ/s", 7, PF_LOOK_RATE, false },
	{ "write", "WRITE/s", 7, PF_LOOK_RATE, false },
	{ "exec", "EXEC/s", 7, PF_LOOK_RATE, false },
	{ "sampled", "1-IN", 5, PF_LOOK_PLAIN, false },
	{ "rss_bytes", "RSS", 6, PF_LOOK_BYTES, true },
	{ "rss_anon_bytes", "ANON", 6, PF_LOOK_BYTES, false },
	{ "rss_file_bytes", "FILE", 6, PF_LOOK_BYTES, false },
	{ "rss_shmem_bytes", "SHMEM", 6, PF_LOOK_BYTES, false },
	{ "rss_error_bytes", "RSSERR", 6, PF_LOOK_BYTES, false },
	{ "swap_bytes", "SWAP", 6, PF_LOOK_BYTES, false },
	{ "vsz_bytes", "VSZ", 6, PF_LOOK_BYTES, true },
	{ "exited", "EXITED", 6, PF_LOOK_PLAIN, false },
};

static const struct pf_column own[] = {
	{ .field =
		  PF_FIELD(struct pfstat_row, s.rss_delta_bytes, "rss_delta_bytes", PF_INT, "bytes",
			   "Change of RSS in the interval; what a dead process had is given back."),
	  .header = "RSS+-",
	  .width = 7,
	  .look = PF_LOOK_DELTA,
	  .table = true },
	{ .field = PF_FIELD(struct pfstat_row, processes, "processes", PF_INT, "processes",
			    "Living processes in this line."),
	  .header = "PROCS",
	  .width = 6 },
	{ .field = PF_FIELD(struct pfstat_row, user, "user_name", PF_STRING, "",
			    "Name of the user."),
	  .header = "USER",
	  .width = -10 },
	{ .field = PF_FIELD(struct pfstat_row, by, "by", PF_STRING, "",
			    "What the lines are grouped by."),
	  .header = "BY",
	  .width = -9 },
	{ .field = PF_FIELD(struct pfstat_row, name, "name", PF_STRING, "", "Name of the group."),
	  .header = "NAME",
	  .width = -20 },
	{ .field = PF_FIELD(struct pfstat_row, warn, "warn", PF_BOOL, "",
			    "More faults a second than --warn allows."),
	  .header = "WARN",
	  .width = 4 },
};

static const struct look *find_look(const char *key)
{
	for (size_t i = 0; i < PF_ARRAY_SIZE(looks); i++) {
		if (!strcmp(looks[i].key, key))
			return &looks[i];
	}
	return NULL;
}

/* What --sample counts in part. */
static bool is_scaled(const char *key)
{
	static const char *const keys[] = { "user", "kernel", "anon", "file",  "shmem", "swapin",
					    "cow",  "other",  "read", "write", "exec" };

	for (size_t i = 0; i < PF_ARRAY_SIZE(keys); i++) {
		if (!strcmp(keys[i], key))
			return true;
	}
	return false;
}

static void build(struct pfstat_columns *c)
{
	for (size_t i = 0; i < pf_sample_n_fields; i++) {
		const struct look *look = find_look(pf_sample_fields[i].key);

		c->col[c->n++] = (struct pf_column){
			.field = pf_sample_fields[i],
			.header = look ? look->header : pf_sample_fields[i].key,
			.width = look ? look->width : 8,
			.look = look ? look->look : PF_LOOK_PLAIN,
			.table = look && look->table,
			.estimate = is_scaled(pf_sample_fields[i].key),
		};
	}
	for (size_t i = 0; i < PF_ARRAY_SIZE(own); i++)
		c->col[c->n++] = own[i];
}

static void add(const struct pfstat_columns *c, struct pf_column_set *set, const char *key)
{
	int i = pf_columns_find(c->col, c->n, key);

	if (i >= 0 && set->n < PF_ARRAY_SIZE(set->index))
		set->index[set->n++] = (size_t)i;
}

static void add_keys(const struct pfstat_columns *c, struct pf_column_set *set,
		     const char *const *keys)
{
	for (; *keys; keys++)
		add(c, set, *keys);
}

/* A sum has no identity, only a name. */
static const char *const group_table[] = { "name",	"processes", "faults",	  "anon",
					   "file",	"major",     "rss_bytes", "rss_delta_bytes",
					   "vsz_bytes", NULL };
static const char *const process_table[] = { "pid",	  "comm",  "faults",	"anon",
					     "file",	  "major", "rss_bytes", "rss_delta_bytes",
					     "vsz_bytes", NULL };
static const char *const sum_fields[] = { "ts",
					  "interval_s",
					  "by",
					  "name",
					  "processes",
					  "faults",
					  "minor",
					  "major",
					  "user",
					  "kernel",
					  "anon",
					  "file",
					  "shmem",
					  "swapin",
					  "cow",
					  "other",
					  "read",
					  "write",
					  "exec",
					  "sampled",
					  "rss_bytes",
					  "rss_anon_bytes",
					  "rss_file_bytes",
					  "rss_shmem_bytes",
					  "rss_error_bytes",
					  "swap_bytes",
					  "vsz_bytes",
					  "rss_delta_bytes",
					  NULL };

static void choose_default(struct pfstat_columns *c, const struct pfstat_opts *o)
{
	bool table = o->common.format == PF_FORMAT_TABLE;

	if (table)
		add_keys(c, &c->set, o->by == BY_PID ? process_table : group_table);
	else if (o->by != BY_PID)
		add_keys(c, &c->set, sum_fields);
	else
		for (size_t i = 0; i < pf_sample_n_fields; i++)
			c->set.index[c->set.n++] = i;
	if (o->warn_per_s > 0 && !table)
		add(c, &c->set, "warn");
}

static void add_time(struct pfstat_columns *c)
{
	struct pf_column_set with = { 0 };
	size_t ts = (size_t)pf_columns_find(c->col, c->n, "ts");

	/* Eighty columns, the time included. */
	c->col[pf_columns_find(c->col, c->n, "comm")].width = -10;
	c->col[pf_columns_find(c->col, c->n, "name")].width = -11;
	with.index[with.n++] = ts;
	for (size_t i = 0; i < c->set.n && with.n < PF_ARRAY_SIZE(with.index); i++) {
		if (c->set.index[i] != ts)
			with.index[with.n++] = c->set.index[i];
	}
	c->set = with;
}

static bool shows(const struct pfstat_columns *c, const char *key)
{
	for (size_t i = 0; i < c->set.n; i++) {
		if (!strcmp(c->col[c->set.index[i]].field.key, key))
			return true;
	}
	return !strcmp(c->col[c->sort].field.key, key);
}

int pfstat_columns(struct pfstat_columns *c, const struct pfstat_opts *o, struct pf_error *err)
{
	struct pf_error why = { 0 };
	int sort;

	memset(c, 0, sizeof(*c));
	build(c);
	choose_default(c, o);
	add_keys(c, &c->whole, sum_fields);
	if (o->common.columns && !o->common.columns_help &&
	    pf_columns_parse(o->common.columns, c->col, c->n, &c->set, &why))
		return pf_fail(err, EINVAL, "--columns: %s", why.text);
	if (o->common.timestamps && o->common.format == PF_FORMAT_TABLE)
		add_time(c);
	sort = pf_columns_parse_one(o->common.sort ? o->common.sort : "faults", c->col, c->n, &why);
	if (sort < 0)
		return pf_fail(err, EINVAL, "--sort: %s", why.text);
	c->sort = (size_t)sort;
	c->users = shows(c, "user_name");
	c->programs = shows(c, "exe") && o->common.format != PF_FORMAT_PROM;
	return 0;
}
