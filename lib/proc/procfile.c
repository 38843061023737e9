/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The formats of /proc/PID/stat, statm and status, as proc(5) gives them. What
 * deviates is refused (stat, statm) or unknown (status); nothing is repaired.
 */
#include "lib/proc/procfile.h"

#include <errno.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/proc/scan.h"

/* Numbers of the fields after the name, counted from 1 as proc(5) does. */
enum stat_field {
	F_STATE = 3,
	F_PPID = 4,
	F_FLAGS = 9,
	F_MINFLT = 10,
	F_MAJFLT = 12,
	F_UTIME = 14,
	F_STIME = 15,
	F_THREADS = 20,
	F_START = 22,
	F_VSIZE = 23,
};

static const enum stat_field used_fields[] = {
	F_PPID, F_FLAGS, F_MINFLT, F_MAJFLT, F_UTIME, F_STIME, F_THREADS, F_START, F_VSIZE,
};

static const char *last_paren(struct pf_span s)
{
	return pf_span_len(s) ? memrchr(s.p, ')', pf_span_len(s)) : NULL;
}

/* "PID (NAME" up to the last ')'; leaves the rest in *s. */
static int take_name(struct pf_span *s, struct pf_stat_line *out)
{
	const char *close = last_paren(*s);
	size_t len;

	if (!close || !pf_span_i64(s, &out->pid) || !pf_span_skip(s, " (") || s->p > close)
		return -EBADMSG;
	len = (size_t)(close - s->p);
	if (len >= sizeof(out->comm))
		len = sizeof(out->comm) - 1;
	memcpy(out->comm, s->p, len);
	out->comm[len] = '\0';
	s->p = close + 1;
	return 0;
}

static int take_state(struct pf_span *s, struct pf_stat_line *out)
{
	struct pf_span word;

	if (!pf_span_word(s, &word) || pf_span_len(word) != 1)
		return -EBADMSG;
	out->state = *word.p;
	return 0;
}

/* The fields used are never negative; others are, and some fill 64 bits. */
static int take_fields(struct pf_span *s, int64_t *field)
{
	for (int i = F_PPID; i <= F_VSIZE; i++) {
		if (!pf_span_i64(s, &field[i]) && !pf_span_count(s, &field[i]))
			return -EBADMSG;
	}
	for (size_t i = 0; i < PF_ARRAY_SIZE(used_fields); i++) {
		if (field[used_fields[i]] < 0)
			return -EBADMSG;
	}
	return 0;
}

int pf_parse_stat(const char *buf, size_t len, struct pf_stat_line *out)
{
	struct pf_span s = pf_span_of(buf, len);
	int64_t field[F_VSIZE + 1] = { 0 };

	*out = (struct pf_stat_line){ 0 };
	if (take_name(&s, out) || take_state(&s, out) || take_fields(&s, field))
		return -EBADMSG;
	out->ppid = field[F_PPID];
	out->flags = (uint64_t)field[F_FLAGS];
	out->minflt = field[F_MINFLT];
	out->majflt = field[F_MAJFLT];
	if (__builtin_add_overflow(field[F_UTIME], field[F_STIME], &out->cpu_ticks))
		out->cpu_ticks = INT64_MAX;
	out->num_threads = field[F_THREADS];
	out->start_ticks = (uint64_t)field[F_START];
	out->vsz_bytes = field[F_VSIZE];
	return 0;
}

int pf_parse_statm(const char *buf, size_t len, struct pf_statm_line *out)
{
	struct pf_span s = pf_span_of(buf, len);

	*out = (struct pf_statm_line){ 0 };
	if (!pf_span_count(&s, &out->size_pages) || !pf_span_count(&s, &out->resident_pages) ||
	    !pf_span_count(&s, &out->shared_pages))
		return -EBADMSG;
	return 0;
}

static void take_kb(struct pf_span value, int64_t *out)
{
	int64_t kb;

	if (pf_span_count(&value, &kb))
		*out = pf_scale_bytes(kb, 1024);
}

static void take_first(struct pf_span value, int64_t *out)
{
	pf_span_count(&value, out);
}

static void take_last(struct pf_span value, int64_t *out)
{
	while (pf_span_count(&value, out))
		;
}

static const struct {
	const char *key;
	void (*take)(struct pf_span value, int64_t *out);
	size_t offset;
} status_keys[] = {
#define STATUS(key, take, member)                                                                  \
	{                                                                                          \
		key ":", take, offsetof(struct pf_status_lines, member)                            \
	}
	STATUS("Uid", take_first, uid),
	STATUS("NSpid", take_last, nspid),
	STATUS("VmSize", take_kb, vsz_bytes),
	STATUS("VmRSS", take_kb, rss_bytes),
	STATUS("RssAnon", take_kb, rss_anon_bytes),
	STATUS("RssFile", take_kb, rss_file_bytes),
	STATUS("RssShmem", take_kb, rss_shmem_bytes),
	STATUS("VmData", take_kb, data_bytes),
	STATUS("VmSwap", take_kb, swap_bytes),
#undef STATUS
};

static int64_t *status_member(struct pf_status_lines *s, size_t key)
{
	return (int64_t *)((char *)s + status_keys[key].offset);
}

static bool take_status_line(struct pf_span line, struct pf_status_lines *out)
{
	for (size_t i = 0; i < PF_ARRAY_SIZE(status_keys); i++) {
		if (pf_span_skip(&line, status_keys[i].key)) {
			status_keys[i].take(line, status_member(out, i));
			return true;
		}
	}
	return false;
}

void pf_parse_status(const char *buf, size_t len, struct pf_status_lines *out)
{
	struct pf_span rest = pf_span_of(buf, len);
	struct pf_span line;
	size_t missing = PF_ARRAY_SIZE(status_keys);

	for (size_t i = 0; i < PF_ARRAY_SIZE(status_keys); i++)
		*status_member(out, i) = PF_UNKNOWN;
	/* Half of the file comes after the last line we want. */
	while (missing && pf_span_line(&rest, &line)) {
		if (take_status_line(line, out))
			missing--;
	}
}
