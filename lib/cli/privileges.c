/* SPDX-License-Identifier: BSD-2-Clause */
/* When capabilities are in force, and giving them up. Knows no tool and no kernel feature. */
#include "lib/cli/privileges.h"

#include <string.h>
#include <sys/prctl.h>

#include "lib/base/caps.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/log.h"

void pf_privileges_begin(void)
{
	if (!pf_caps_from_file())
		return;
	/* Our descriptors outlive our capabilities: they are not for the user's debugger. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	pf_privileges_lower();
}

void pf_privileges_raise(void)
{
	if (pf_caps_from_file())
		(void)pf_caps_use(pf_caps_permitted());
}

void pf_privileges_lower(void)
{
	if (pf_caps_from_file())
		(void)pf_caps_use(0);
}

static bool can_replace(void *path)
{
	return pf_file_can_replace(path);
}

uint64_t pf_privileges_to_replace(const char *path)
{
	static const uint64_t sets[] = { 0, PF_CAP(DAC_OVERRIDE) };

	if (pf_caps_from_file())
		return 0;
	return pf_caps_least(sets, PF_ARRAY_SIZE(sets), can_replace, (void *)path);
}

void pf_privileges_keep(uint64_t caps)
{
	char words[256];
	int ret = pf_caps_keep(caps);

	if (ret)
		pf_warn("cannot give up capabilities: %s; going on with them (see pfdiag --only "
			"seccomp)",
			strerror(-ret));
	else
		pf_debug("capabilities kept: %s",
			 pf_caps_words(pf_caps_permitted(), words, sizeof(words)));
}
