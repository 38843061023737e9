/* SPDX-License-Identifier: BSD-2-Clause */
/* pfleak's configuration: found, loaded, complained of, and handed to those it is for. */
#ifndef PF_TOOLS_PFLEAK_SETTINGS_H
#define PF_TOOLS_PFLEAK_SETTINGS_H

#include "lib/config/config.h"
#include "lib/leak/leak.h"
#include "tools/pfleak/opts.h"

/* Read where neither --config nor --no-config says otherwise. */
#define PFLEAK_CONFIG "/etc/pftools/pfleak.yaml"

struct pf_rules;

/* What a run goes by. */
struct pfleak_settings {
	struct pf_config *config;
	struct pf_rules *rules;
};

/*
 * again: while running, so that nothing may block. 0, or -EINVAL after saying all that is wrong:
 * *s is untouched. *opts must outlive it.
 */
int pfleak_settings_load(struct pfleak_settings *s, const struct pfleak_opts *opts, bool again);
void pfleak_settings_free(struct pfleak_settings *s);

/* Say what the new ones change that only a new start can. */
void pfleak_settings_compare(const struct pfleak_settings *old, const struct pfleak_settings *new);

/* What the leak library judges by. */
void pfleak_settings_leak(const struct pf_settings *s, struct pf_leak_config *leak);

/* Do a rule or the model go by classes of fault events, so that a program must count them? */
bool pfleak_settings_trace(const struct pfleak_settings *s);

/* How fault events are counted, where the command line does not say. traced: as above. */
void pfleak_settings_sample(const struct pf_settings *s, bool traced, struct pf_common *common);

/* How much is said on stderr. */
void pfleak_settings_log(const struct pf_settings *s);

/* Print it on standard output: 0 or -errno, said. */
int pfleak_settings_print(const struct pf_config *config);

#endif
