/* SPDX-License-Identifier: BSD-2-Clause */
/* pfleak's configuration: found, loaded, complained of, and handed to those it is for. */
#ifndef PF_TOOLS_PFLEAK_SETTINGS_H
#define PF_TOOLS_PFLEAK_SETTINGS_H

#include "lib/config/config.h"
#include "lib/leak/leak.h"
#include "tools/pfleak/opts.h"

/* Read where neither --config nor --no-config says otherwise. */
#define PFLEAK_CONFIG "/etc/pftools/pfleak.yaml"

/* NULL after saying all that is wrong. *opts must outlive it. */
struct pf_config *pfleak_settings_load(const struct pfleak_opts *opts);

/* What the leak library judges by. */
void pfleak_settings_leak(const struct pf_settings *s, struct pf_leak_config *leak);

/* How much is said on stderr. */
void pfleak_settings_log(const struct pf_settings *s);

/* Print it on standard output: 0 or -errno, said. */
int pfleak_settings_print(const struct pf_config *config);

#endif
