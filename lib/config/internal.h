/* SPDX-License-Identifier: BSD-2-Clause */
/* What a pf_config is made of: for config.c and print.c only. */
#ifndef PF_LIB_CONFIG_INTERNAL_H
#define PF_LIB_CONFIG_INTERNAL_H

#include "lib/config/settings.h"
#include "lib/record/arena.h"

#define PF_SETTINGS_KEYS_MAX 64

struct pf_config {
	struct pf_arena arena;
	struct pf_settings settings;
	const char *file;
	struct pf_origin profile;
	struct pf_origin origins[PF_SETTINGS_KEYS_MAX]; /* by key of pf_settings_table */
};

#endif
