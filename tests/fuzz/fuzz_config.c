/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a configuration: it is taken or complained of, and what is taken
 * prints as one that is taken again and prints the same. And any text as a
 * rule's condition: it is refused within its bounds, or it can be evaluated and
 * is true, false or unknown. Refuses to look at the words of complaints.
 */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/strbuf.h"
#include "lib/config/config.h"
#include "lib/config/yaml.h"
#include "lib/leak/rule_error.h"
#include "lib/leak/rule_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
	if (!ok)
		abort();
}

static void hear(void *ctx, const struct pf_complaint *c)
{
	(void)ctx;
	must(c->text && *c->text && !strchr(c->text, '\n'));
	must(!c->place.line || c->place.file);
}

/* ---- conditions ------------------------------------------------------------- */

static void fuzz_condition(const char *text)
{
	static const struct pf_rule_names names;
	static const double values[] = { 0, 1, -1, 1e300, NAN, INFINITY };
	double fact[PF_FACTS], timer[PF_RULE_TIMERS_MAX] = { NAN, NAN, NAN, NAN };
	struct pf_rule_error err = { 0 };
	struct pf_rule_program program;
	struct pf_arena arena = { 0 };
	int ret = pf_rule_parse(text, &names, &arena, &program, &err);

	must(ret == 0 || ret == -EINVAL);
	if (ret) {
		must(*err.text && err.at <= strlen(text) && err.len <= strlen(text) - err.at);
	} else {
		must(program.n_timers <= PF_RULE_TIMERS_MAX);
		for (size_t round = 0; round < 6; round++) {
			double truth;

			for (size_t i = 0; i < PF_FACTS; i++)
				fact[i] = values[(i + round) % 6];
			truth = pf_rule_eval(&program, fact, timer, (double)round);
			must(truth == 0 || truth == 1 || isnan(truth));
		}
	}
	pf_arena_free(&arena);
}

static void fuzz_conditions_of(const struct pf_settings *s)
{
	const struct pf_rule_settings *rule = s->alerting.rules.entry;

	for (size_t i = 0; i < s->alerting.rules.n; i++) {
		const char *text = rule[i].condition.text;

		fuzz_condition(text);
		must(pf_yaml_place_in(rule[i].condition.node, strlen(text)).line > 0);
	}
}

/* ---- the file --------------------------------------------------------------- */

static struct pf_config *load(const void *data, size_t size)
{
	static char path[64]; /* as long as what is loaded */
	struct pf_complaints complaints = { .tell = hear };
	const struct pf_config_source source = { .file = path };
	int fd = memfd_create("config", MFD_CLOEXEC);
	struct pf_config *config;

	must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	config = pf_config__load(&source, &complaints);
	close(fd);
	must(config || complaints.n);
	if (!complaints.n)
		return config;
	pf_config__free(config);
	return NULL;
}

/* Origins differ, values do not. */
static void strip_origins(struct pf_strbuf *b)
{
	char *to = b->data;

	for (char *line = b->data, *end; *line; line = end) {
		char *origin = strstr(line, "  # ");
		size_t len;

		end = line + strcspn(line, "\n");
		len = (size_t)((origin && origin < end ? origin : end) - line);
		end += *end == '\n';
		memmove(to, line, len);
		to += len;
	}
	*to = '\0';
}

/* The print of a print; what hides a secret is no configuration any more. */
static void check_print(const struct pf_config *config)
{
	struct pf_strbuf first = PF_STRBUF_INIT, second = PF_STRBUF_INIT;
	struct pf_config *again;

	pf_config__print(config, &first);
	must(!first.failed);
	if (!strstr(first.data, "***")) {
		again = load(first.data, first.len);
		must(again != NULL);
		pf_config__print(again, &second);
		strip_origins(&first);
		strip_origins(&second);
		/* what is above that names the profile */
		must(!strcmp(strstr(first.data, "log_level"), strstr(second.data, "log_level")));
		pf_config__free(again);
	}
	pf_strbuf_free(&first);
	pf_strbuf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pf_config *config = load(data, size);
	char *text = malloc(size + 1);

	must(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	fuzz_condition(text);
	free(text);
	if (!config)
		return 0;
	fuzz_conditions_of(pf_config__settings(config));
	check_print(config);
	pf_config__free(config);
	return 0;
}
