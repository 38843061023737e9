/* SPDX-License-Identifier: BSD-2-Clause */
/* pfleak's configuration. What its keys are is lib/config's. */
#include "tools/pfleak/settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "tools/pfleak/channels.h"
#include "tools/pfleak/rules.h"

#define COMPLAINTS_SAID 40

/* The caret stands below a character of the line as it is shown: controls are wider there. */
static void say_excerpt(const struct pf_complaint *complaint)
{
	pf_err("%5u | %s", complaint->place.line, complaint->excerpt);
	pf_err("      | %*s^", (int)complaint->caret, "");
}

/* ctx: struct pf_complaints; a file of nothing but mistakes is not read to its end by anybody. */
static void say(void *ctx, const struct pf_complaint *complaint)
{
	const struct pf_complaints *all = ctx;
	const struct pf_place *p = &complaint->place;

	if (all->n > COMPLAINTS_SAID)
		return;
	if (!p->file)
		pf_err("%s", complaint->text);
	else if (!p->line)
		pf_err("%s: %s", p->file, complaint->text);
	else
		pf_err("%s:%u:%u: %s", p->file, p->line, p->column, complaint->text);
	if (complaint->excerpt)
		say_excerpt(complaint);
}

static bool is_stdin(const struct pfleak_opts *opts)
{
	return opts->config_path && !strcmp(opts->config_path, "-");
}

/* The file to read; NULL = none. */
static const char *find_file(const struct pfleak_opts *opts)
{
	if (opts->no_config)
		return NULL;
	if (is_stdin(opts))
		return "standard input";
	if (opts->config_path)
		return opts->config_path;
	if (!access(PFLEAK_CONFIG, R_OK))
		return PFLEAK_CONFIG;
	if (errno == EACCES)
		pf_warn("%s may not be read: going by the defaults (--no-config says so too)",
			PFLEAK_CONFIG);
	return NULL;
}

/* With another machine's recording, its configuration may name what is not here. */
static bool uses_channels(const struct pfleak_opts *opts)
{
	return opts->check_config || (pfleak_tells(opts) && !opts->dry_run && !opts->print_config);
}

int pfleak_settings_load(struct pfleak_settings *s, const struct pfleak_opts *opts, bool again)
{
	const struct pf_config_source source = {
		.file = find_file(opts),
		.is_stdin = is_stdin(opts),
		.profile = opts->profile,
		.options = opts->set,
		.n_options = opts->n_set,
		.again = again,
	};
	struct pf_complaints complaints = { .tell = say, .ctx = &complaints };
	struct pfleak_settings new = { .config = pf_config__load(&source, &complaints) };
	const bool sound = !complaints.n;

	if (new.config)
		new.rules = pfleak_rules_make(pf_config__settings(new.config), &complaints);
	if (sound)
		pfleak_channels_check(pf_config__settings(new.config), uses_channels(opts),
				      &complaints);
	if (complaints.n > COMPLAINTS_SAID)
		pf_err("... and %zu more mistakes", complaints.n - COMPLAINTS_SAID);
	if (complaints.n) {
		pfleak_settings_free(&new);
		return -EINVAL;
	}
	if (source.file)
		pf_info("configuration: %s, profile %s", source.file,
			pf_config__settings(new.config)->profile);
	*s = new;
	return 0;
}

void pfleak_settings_free(struct pfleak_settings *s)
{
	pf_rules__free(s->rules);
	pf_config__free(s->config);
	*s = (struct pfleak_settings){ 0 };
}

void pfleak_settings_compare(const struct pfleak_settings *old, const struct pfleak_settings *new)
{
	static const char *const fixed[] = {
		"sampling.enabled",	"sampling.rate",	  "performance.ring_buffer_size_mb",
		"stack_traces.enabled", "stack_traces.max_depth", "stack_traces.directory",
	};

	for (size_t i = 0; i < PF_ARRAY_SIZE(fixed); i++) {
		if (!pf_config__same(old->config, new->config, fixed[i]))
			pf_warn("%s changed: that needs a new start", fixed[i]);
	}
	if (pfleak_settings_trace(new) && !pfleak_settings_trace(old))
		pf_warn("a new rule or model asks for anonymous faults: counting fault events by "
			"class needs a new start");
}

bool pfleak_settings_trace(const struct pfleak_settings *s)
{
	return pfleak_rules_trace(s->rules) ||
	       pf_model_traces((enum pf_model)pf_config__settings(s->config)->model);
}

void pfleak_settings_leak(const struct pf_settings *s, struct pf_leak_config *leak)
{
	*leak = pf_leak_default_config;
	leak->grace_s = s->grace_s;
	leak->min_bytes = s->thresholds.min_process_bytes;
	leak->watch_confidence = (int)s->alerting.watch_threshold;
	leak->alert_confidence = (int)s->alerting.confidence_threshold;
	leak->max_processes = (size_t)s->performance.max_processes;
	leak->forget_s = s->performance.cleanup_interval_s;
	leak->escalation_s = s->alerting.escalation_delay_s;
	leak->model = (struct pf_model_terms){
		.model = (enum pf_model)s->model,
		.fault_rate_warning = s->thresholds.fault_rate_warning,
		.fault_rate_critical = s->thresholds.fault_rate_critical,
		.rss_growth_percent = s->thresholds.rss_growth_percent,
		.window_s = s->thresholds.monitoring_window_s,
	};
}

void pfleak_settings_sample(const struct pf_settings *s, bool traced, struct pf_common *common)
{
	const bool counted = common->backend == PF_BACKEND_AUTO
				     ? traced
				     : common->backend != PF_BACKEND_COUNTERS;

	if (s->sampling.enabled && counted && !pf_common_sampling(common) && !common->replay_path)
		common->sample_every = (uint32_t)s->sampling.rate;
}

void pfleak_settings_log(const struct pf_settings *s)
{
	static const enum pf_log_level levels[] = {
		[PF_WORD_ERROR] = PF_LOG_ERROR,
		[PF_WORD_WARNING] = PF_LOG_WARN,
		[PF_WORD_INFO] = PF_LOG_INFO,
		[PF_WORD_DEBUG] = PF_LOG_DEBUG,
	};

	pf_log_set_level(levels[s->log_level]);
}

int pfleak_settings_print(const struct pf_config *config)
{
	_cleanup_(pf_strbuf_free) struct pf_strbuf text = PF_STRBUF_INIT;

	pf_config__print(config, &text);
	if (text.failed) {
		pf_err("out of memory");
		return -ENOMEM;
	}
	if (fwrite(text.data, 1, text.len, stdout) == text.len && !fflush(stdout))
		return 0;
	if (errno == EPIPE)
		return 0;
	pf_err("cannot write standard output: %s", strerror(errno));
	return -EIO;
}
