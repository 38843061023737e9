/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What pf-notify reads and what pfleak reads of it, and alert records in the
 * words of receivers: a message that is taken is written and read the same
 * again; payloads are JSON, keys keep their bound, what is printed is fit to be.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/strbuf.h"
#include "lib/notify/payload.h"
#include "lib/notify/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
	if (!ok)
		abort();
}

static void fuzz_wire(const char *line, size_t len)
{
	struct pf_strbuf once = PF_STRBUF_INIT, twice = PF_STRBUF_INIT;
	struct pf_wire m, again;

	if (pf_wire_read(&m, line, len, NULL))
		return;
	must(!pf_wire_write(&m, &once));
	must(!pf_wire_read(&again, once.data, once.len - 1, NULL));
	must(!pf_wire_write(&again, &twice));
	must(!strcmp(once.data, twice.data));
	must(!memchr(once.data, '\n', once.len - 1));
	pf_wire_free(&m);
	pf_wire_free(&again);
	pf_strbuf_free(&once);
	pf_strbuf_free(&twice);
}

/* Takes the object. */
static void must_be_json(json_t *obj)
{
	char *text;

	must(obj != NULL);
	text = json_dumps(obj, JSON_COMPACT);
	must(text != NULL);
	free(text);
	json_decref(obj);
}

static void must_be_printable(const char *s)
{
	for (; *s; s++)
		must((unsigned char)*s >= ' ' && *s != 0x7f);
}

static void fuzz_payloads(const json_t *alert)
{
	const struct pf_notice notice = { .alert = alert, .since_ts = 1e9 };
	char key[PF_ALERT_KEY_MAX + 1], line[200];
	struct pf_channel c;
	char **env;

	pf_channel_init(&c, PF_CHANNEL_PAGERDUTY);
	c.http.secret = strdup("k");
	must_be_json(pf_payload_webhook(alert));
	must_be_json(pf_payload_pagerduty(alert, &c));
	must_be_json(pf_payload_alertmanager(&notice, PF_LEVEL_WARNING, 2e9));
	must(strlen(pf_payload_key(key, alert)) <= PF_ALERT_KEY_MAX);
	must_be_printable(pf_payload_line(line, sizeof(line), alert));
	env = pf_payload_environment(alert);
	must(env != NULL);
	for (char **e = env; *e; e++)
		must(strchr(*e, '=') != NULL);
	free(env);
	pf_channel_free(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *alert = json_loadb((const char *)data, size, 0, NULL);

	fuzz_wire((const char *)data, size);
	if (json_is_object(alert))
		fuzz_payloads(alert);
	json_decref(alert);
	return 0;
}
