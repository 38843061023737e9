/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes as a saved state: as they are, behind a frame whose checksum is right,
 * and as changes to a state that was saved for true. Whatever is taken can be
 * gone on from, and is written and read the same again; what is refused leaves
 * nobody followed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "lib/base/strbuf.h"
#include "lib/leak/leak.h"
#include "lib/leak/rule.h"
#include "lib/leak/state.h"
#include "lib/leak/tell.h"
#include "lib/record/sample.h"

/* As lib/leak/state.c has it at the beginning. */
enum { AT_CRC = 28, AT_LEN = 32, FRAME = 40 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	struct pf_leak *leak;
	struct pf_tell *tell;
	struct pf_rules *rules;
};

static void must(int ok)
{
	if (!ok)
		abort();
}

static void hear(void *ctx, const struct pf_verdict *v)
{
	must(v->transition);
	pf_tell__event(((struct run *)ctx)->tell, v, 5000);
}

static void told(void *ctx, const struct pf_telling *t)
{
	(void)ctx;
	must(strlen(t->v->comm) < PF_COMM_LEN);
}

static bool current(void *ctx, int64_t pid, double start_ts, struct pf_verdict *v)
{
	return pf_leak__current(((struct run *)ctx)->leak, pid, start_ts, v);
}

static void open_run(struct run *r)
{
	static const struct pf_rule_names no_names;
	const struct pf_rule_config rule = { "big", "rss_mb > 1 AND duration > 5", PF_LEVEL_INFO, 0,
					     "it is" };
	const struct pf_leak_hooks hooks = { .gone = hear, .rule = hear, .ctx = r };
	const struct pf_tell_hooks tell = { told, current, r };

	r->rules = pf_rules__new(60, &no_names);
	r->leak = pf_leak__new(&pf_leak_default_config, &hooks);
	r->tell = pf_tell__new(&pf_tell_default_config, &tell);
	must(r->rules && r->leak && r->tell && !pf_rules__add(r->rules, &rule, NULL));
	pf_leak__set_rules(r->leak, r->rules);
}

static void close_run(struct run *r)
{
	pf_tell__free(r->tell);
	pf_leak__free(r->leak);
	pf_rules__free(r->rules);
}

/* Two processes, one of which leaks. */
static void moment(struct run *r, double t)
{
	struct pf_sample s;

	for (int64_t pid = 1; pid < 3; pid++) {
		const struct pf_verdict *v;

		pf_sample_init(&s);
		s.pid = pid;
		s.ts = 1.7e9 + t;
		s.mono_s = t;
		s.interval_s = 10;
		s.start_ts = 1.6e9;
		s.exe = "/bin/it";
		s.rss_bytes = s.rss_anon_bytes = (100 << 20) + pid % 2 * (int64_t)(t * 200000);
		s.faults = 10;
		v = pf_leak__feed(r->leak, &s);
		if (v && v->transition)
			pf_tell__event(r->tell, v, t);
	}
	pf_leak__moment_end(r->leak, t);
	pf_tell__moment(r->tell, t);
}

static void write_state(struct run *r, struct pf_strbuf *out)
{
	const struct pf_state_head head = { .boot = "b", .ts = 1.7e9, .mono_s = 5000 };

	pf_strbuf_reset(out);
	must(!pf_state_write(out, &head, r->leak, r->tell));
}

static void seal(char *data, size_t len)
{
	uint64_t rest = len - FRAME;
	uint32_t crc = 0;

	memcpy(data + AT_LEN, &rest, sizeof(rest));
	memcpy(data + AT_CRC, &crc, sizeof(crc));
	crc = (uint32_t)crc32(0, (const Bytef *)data, (uInt)len);
	memcpy(data + AT_CRC, &crc, sizeof(crc));
}

static void fuzz(const char *data, size_t len)
{
	struct pf_strbuf once = PF_STRBUF_INIT, twice = PF_STRBUF_INIT;
	struct pf_state_head head;
	struct run r, again;
	const char *why;

	if (pf_state_check(data, len, &head, &why) != PF_STATE_FINE)
		return;
	open_run(&r);
	open_run(&again);
	if (pf_state_read(data, len, 0, r.leak, r.tell)) {
		must(!pf_leak__stats(r.leak)->processes && !pf_tell__stats(r.tell)->open);
	} else {
		write_state(&r, &once);
		must(!pf_state_read(once.data, once.len, 0, again.leak, again.tell));
		write_state(&again, &twice);
		must(once.len == twice.len && !memcmp(once.data, twice.data, once.len));
		moment(&r, 5010);
		pf_leak__drop_missing(r.leak, NULL, NULL);
	}
	close_run(&r);
	close_run(&again);
	pf_strbuf_free(&once);
	pf_strbuf_free(&twice);
}

/* Made at the first call: nothing here depends on what is fed. */
static const struct pf_strbuf *saved(void)
{
	static struct pf_strbuf state;
	struct run r;

	if (state.len)
		return &state;
	open_run(&r);
	for (double t = 0; t <= 2000; t += 10)
		moment(&r, t);
	write_state(&r, &state);
	must(pf_leak__stats(r.leak)->firing > 0);
	close_run(&r);
	return &state;
}

/* Each three bytes change one: where it is in two of them, and what it becomes. */
static void change(char *state, size_t len, const uint8_t *data, size_t size)
{
	for (; size >= 3; data += 3, size -= 3)
		state[FRAME + (data[0] << 8 | data[1]) % (len - FRAME)] = (char)data[2];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pf_strbuf own = PF_STRBUF_INIT;
	const struct pf_strbuf *state = saved();

	fuzz((const char *)data, size);
	pf_strbuf_addmem(&own, state->data, FRAME);
	pf_strbuf_addmem(&own, data, size);
	seal(own.data, own.len);
	fuzz(own.data, own.len);
	pf_strbuf_reset(&own);
	pf_strbuf_addmem(&own, state->data, state->len);
	change(own.data, own.len, data, size);
	seal(own.data, own.len);
	fuzz(own.data, own.len);
	pf_strbuf_free(&own);
	return 0;
}
