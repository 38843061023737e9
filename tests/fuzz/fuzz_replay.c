/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a recording, plain or gzip: it must be read to an end without
 * a crash, every line must be accounted for, and what is handed out must be
 * what the headers promise. Refuses to judge the complaints' words beyond
 * their being safe to print.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/base/strbuf.h"
#include "lib/base/text.h"
#include "lib/record/json.h"
#include "lib/record/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
	if (!ok)
		abort();
}

static void hear(void *ctx, uint64_t line, const char *what)
{
	char utf8[4 * 1024];
	uint64_t *heard = ctx;

	must(line > 0 && *what);
	for (const char *p = what; *p; p++)
		must((unsigned char)*p >= 0x20 && *p != 0x7f);
	must(strcmp(pf_text_utf8(utf8, sizeof(utf8), what), what) == 0);
	(*heard)++;
}

static void check_sample(const struct pf_sample *s, struct pf_strbuf *out)
{
	json_t *obj = pf_json_new("sample");

	must(obj != NULL);
	must(isfinite(s->ts) && isfinite(s->mono_s) && isfinite(s->start_ts));
	must(s->pid > 0 && strlen(s->comm) < sizeof(s->comm));
	must(s->rss_bytes >= 0 || s->rss_bytes == PF_UNKNOWN);
	must(pf_json_add_fields(obj, pf_sample_fields, pf_sample_n_fields, s) == 0);
	must(pf_json_line(obj, out) == 0);
	must(memchr(out->data, '\n', out->len) == out->data + out->len - 1);
	pf_strbuf_reset(out);
}

static void read_all(struct pf_replay *r, uint64_t *heard)
{
	const struct pf_replay_stats *stats = pf_replay__stats(r);
	struct pf_strbuf out = PF_STRBUF_INIT;
	struct pf_interval interval;
	uint64_t samples = 0;
	double before = -INFINITY;
	struct pf_error err = { 0 };
	int rc;

	while ((rc = pf_replay__next(r, &interval, &err)) == 1) {
		must(interval.n > 0 && interval.mono_s >= before);
		before = interval.mono_s;
		for (size_t i = 0; i < interval.n; i++)
			check_sample(&interval.samples[i], &out);
		samples += interval.n;
	}
	must(rc == 0 || err.code == -rc);
	must(pf_replay__next(r, &interval, &err) == rc);
	must(stats->samples == samples);
	must(stats->bad_lines + stats->clock_steps == *heard);
	must(stats->samples + stats->bad_lines + stats->other <= stats->lines);
	pf_strbuf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz_replay", MFD_CLOEXEC);
	struct pf_error err = { 0 };
	uint64_t heard = 0;
	struct pf_replay *r;
	char path[32];

	must(fd >= 0);
	must(write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	r = pf_replay__open(path, hear, &heard, &err);
	must(r != NULL);
	read_all(r, &heard);
	pf_replay__close(r);
	close(fd);
	return 0;
}
