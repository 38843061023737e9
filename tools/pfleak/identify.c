/* SPDX-License-Identifier: BSD-2-Clause */
/* Asking pf-allocator. Looks at no process itself. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/installed.h"
#include "lib/base/log.h"
#include "tools/pfleak/identify.h"

#define HELPER	    "pf-allocator"
#define ALERT_MAX_S 1.0
#define LIMIT_S	    5.0

void pfleak_identify_moment(struct pfleak_identify *i)
{
	i->spent_s = 0;
	for (size_t k = 0; k < PF_ARRAY_SIZE(i->slow); k++) {
		if (!i->slow[k] || !pf_child__poll(i->slow[k]))
			continue;
		pf_child__free(i->slow[k]);
		i->slow[k] = NULL;
	}
}

void pfleak_identify_free(struct pfleak_identify *i)
{
	for (size_t k = 0; k < PF_ARRAY_SIZE(i->slow); k++)
		pf_child__free(i->slow[k]);
}

static struct pf_child **free_slot(struct pfleak_identify *i)
{
	for (size_t k = 0; k < PF_ARRAY_SIZE(i->slow); k++) {
		if (!i->slow[k])
			return &i->slow[k];
	}
	return NULL;
}

static struct pf_child *start(struct pfleak_identify *i, int64_t pid)
{
	char path[PATH_MAX], number[24];
	const char *argv[] = { HELPER, number, NULL };
	const struct pf_child_order order = {
		.path = path, .argv = argv, .out = -1, .limit_s = LIMIT_S
	};
	struct pf_error err = { 0 };
	struct pf_child *c = NULL;
	int ret = pf_installed_helper(path, sizeof(path), HELPER);

	snprintf(number, sizeof(number), "%" PRId64, pid);
	if (ret)
		pf_fail(&err, -ret, "cannot find %s: %s", HELPER, strerror(-ret));
	else
		c = pf_child__start(&order, &err);
	if (!c && !i->told) {
		pf_warn("%s; alerts do not name the allocator", err.text);
		i->told = true;
	}
	return c;
}

/* Words are known by their names; anything else is unknown. */
static void read_answer(const char *line, struct pf_allocator_facts *f)
{
	char allocator[16] = "", linkage[16] = "", language[16] = "", profiler[16] = "";

	if (sscanf(line, "%15s %15s %15s %15s", allocator, linkage, language, profiler) != 4)
		return;
	for (int a = 1; a < PF_ALLOCATORS; a++) {
		if (!strcmp(allocator, pf_allocator_name((enum pf_allocator)a)))
			f->allocator = (enum pf_allocator)a;
	}
	for (int l = 1; l < PF_LANGUAGES; l++) {
		if (!strcmp(language, pf_language_name((enum pf_language)l)))
			f->language = (enum pf_language)l;
	}
	f->linked_static = !strcmp(linkage, "static");
	f->no_profiler = !strcmp(profiler, "no-profiler");
}

static double patience_s(const struct pfleak_identify *i)
{
	double left = i->interval_s / 2 - i->spent_s;

	return left < ALERT_MAX_S ? left : ALERT_MAX_S;
}

struct pf_allocator_facts pfleak_identify(struct pfleak_identify *i, int64_t pid)
{
	struct pf_allocator_facts f = { 0 };
	struct pf_child **slot = free_slot(i);
	uint64_t began = pf_boottime_ns();
	double patience = patience_s(i);

	if (!slot || patience <= 0)
		return f;
	*slot = start(i, pid);
	if (!*slot)
		return f;
	if (pf_child__wait(*slot, patience)) {
		if (pf_child__succeeded(*slot))
			read_answer(pf_child__output(*slot), &f);
		pf_child__free(*slot);
		*slot = NULL;
	}
	i->spent_s += (double)(pf_boottime_ns() - began) / 1e9;
	return f;
}
