/* SPDX-License-Identifier: BSD-2-Clause */
/* Capabilities. Decides nothing about which are needed. */
#include "lib/base/caps.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#include "lib/base/cleanup.h"

static void free_caps(cap_t *caps)
{
	if (*caps)
		cap_free(*caps);
}

static uint64_t own(cap_flag_t set)
{
	_cleanup_(free_caps) cap_t caps = cap_get_proc();
	cap_flag_value_t is;
	uint64_t bits = 0;

	for (cap_value_t c = 0; caps && c < cap_max_bits(); c++) {
		if (!cap_get_flag(caps, c, set, &is) && is == CAP_SET)
			bits |= UINT64_C(1) << c;
	}
	return bits;
}

uint64_t pf_caps_effective(void)
{
	return own(CAP_EFFECTIVE);
}

uint64_t pf_caps_permitted(void)
{
	return own(CAP_PERMITTED);
}

static void put(cap_t caps, cap_flag_t set, uint64_t bits)
{
	cap_clear_flag(caps, set);
	for (cap_value_t c = 0; c < cap_max_bits(); c++) {
		if (bits >> c & 1)
			cap_set_flag(caps, set, 1, &c, CAP_SET);
	}
}

int pf_caps_use(uint64_t effective)
{
	_cleanup_(free_caps) cap_t caps = cap_get_proc();

	if (!caps)
		return -errno;
	put(caps, CAP_EFFECTIVE, effective & own(CAP_PERMITTED));
	return cap_set_proc(caps) ? -errno : 0;
}

/* Without CAP_SETPCAP the bound stays; no_new_privs does the same for us then. */
static void lower_bound(uint64_t keep)
{
	for (cap_value_t c = 0; c < cap_max_bits(); c++) {
		if (!(keep >> c & 1) && cap_get_bound(c) == 1)
			(void)cap_drop_bound(c);
	}
}

int pf_caps_keep(uint64_t keep)
{
	_cleanup_(free_caps) cap_t caps = cap_init();
	uint64_t kept = keep & own(CAP_PERMITTED);

	if (!caps)
		return -errno;
	lower_bound(keep);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	/* No ambient capability outlives its inheritable one. */
	put(caps, CAP_PERMITTED, kept);
	put(caps, CAP_EFFECTIVE, kept);
	return cap_set_proc(caps) ? -errno : 0;
}

uint64_t pf_caps_least(const uint64_t *sets, size_t n, bool (*works)(void *ctx), void *ctx)
{
	uint64_t before = own(CAP_EFFECTIVE);
	size_t i = 0;

	while (i + 1 < n && (pf_caps_use(sets[i]) || !works(ctx)))
		i++;
	(void)pf_caps_use(before);
	return sets[i];
}

static void add(char *dst, size_t size, const char *text)
{
	size_t len = strlen(dst);

	snprintf(dst + len, size - len, "%s", text);
}

/* libcap says "cap_bpf", or a bare number for what is newer than itself. */
static void add_name(char *dst, size_t size, cap_value_t c)
{
	size_t from = strlen(dst);
	char *name = cap_to_name(c);

	if (!name)
		return;
	add(dst, size, isdigit((unsigned char)*name) ? "cap_" : "");
	add(dst, size, name);
	for (char *p = dst + from; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	cap_free(name);
}

const char *pf_caps_words(uint64_t caps, char *dst, size_t size)
{
	uint64_t left = caps;

	snprintf(dst, size, "%s", caps ? "" : "none");
	for (cap_value_t c = 0; left; c++) {
		if (!(left >> c & 1))
			continue;
		left &= ~(UINT64_C(1) << c);
		if (*dst)
			add(dst, size, left ? ", " : " and ");
		add_name(dst, size, c);
	}
	return dst;
}

bool pf_caps_from_file(void)
{
	return getauxval(AT_SECURE) != 0;
}
