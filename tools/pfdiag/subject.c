/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks /proc and the helper pf-allocator about a process. Opens no file of the process itself. */
#include "tools/pfdiag/subject.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/child.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/installed.h"

#define HELPER	"pf-allocator"
#define LIMIT_S 6.0

void pfdiag_subject_open(struct pfdiag_subject *s, const char *proc, int64_t pid, uint64_t until_ns)
{
	struct pf_error err = { 0 };
	struct pf_procfs *p = pf_procfs__open(proc, &err);

	memset(s, 0, sizeof(*s));
	s->pid = pid;
	s->until_ns = until_ns;
	s->code = p ? pf_procfs__read(p, (pid_t)pid, &s->stat) : -err.code;
	pf_procfs__close(p);
}

void pfdiag_subject_close(struct pfdiag_subject *s)
{
	memset(s, 0, sizeof(*s));
}

static double limit_s(const struct pfdiag_subject *s)
{
	const uint64_t now = pf_boottime_ns();
	double left_s = now < s->until_ns ? (double)(s->until_ns - now) / 1e9 : 0;

	return left_s < LIMIT_S ? left_s : LIMIT_S;
}

/* One line of the helper's; false with words. */
static bool ask(const struct pfdiag_subject *s, const char *mode, char *line, size_t size,
		struct pfdiag_question *q)
{
	char path[PATH_MAX], number[24];
	const char *argv[4] = { HELPER };
	const struct pf_child_order order = {
		.path = path, .argv = argv, .out = -1, .limit_s = limit_s(s)
	};
	struct pf_error err = { 0 };
	struct pf_child *c = NULL;
	int ret = pf_installed_helper(path, sizeof(path), HELPER);
	bool answered;

	snprintf(number, sizeof(number), "%" PRId64, s->pid);
	argv[1] = mode ? mode : number;
	argv[2] = mode ? number : NULL;
	if (ret)
		pf_fail(&err, -ret, "%s: %s (see pfdiag --only install)", HELPER, strerror(-ret));
	else
		c = pf_child__start(&order, &err);
	snprintf(q->why, sizeof(q->why), "%s", err.text);
	if (!c)
		return false;
	answered = pf_child__wait(c, LIMIT_S + 1) && pf_child__succeeded(c);
	snprintf(line, size, "%s", pf_child__output(c));
	if (!answered)
		snprintf(q->why, sizeof(q->why), "its program and mappings cannot be read");
	pf_child__free(c);
	return answered;
}

const struct pf_allocator_facts *pfdiag_subject_allocator(struct pfdiag_subject *s,
							  const char **why)
{
	struct pfdiag_question *q = &s->of_allocator;
	char line[256];

	if (!q->asked)
		q->answered =
			ask(s, NULL, line, sizeof(line), q) && !pf_allocator_read(line, &s->facts);
	q->asked = true;
	*why = q->why;
	return q->answered ? &s->facts : NULL;
}

static bool read_code(const char *line, struct pf_code *code)
{
	char parts[96] = "", id[PF_CODE_BUILD_ID] = "";

	if (sscanf(line, "%" SCNu32 " %" SCNu32 " %95s %40s", &code->functions, &code->framed,
		   parts, id) != 4)
		return false;
	code->elf = true;
	code->parts = pf_code_parts_of(parts);
	if (strcmp(id, "-") != 0)
		snprintf(code->build_id, sizeof(code->build_id), "%s", id);
	return true;
}

const struct pf_code *pfdiag_subject_code(struct pfdiag_subject *s, const char **why)
{
	struct pfdiag_question *q = &s->of_code;
	char line[256];
	bool told;

	*why = q->why;
	if (q->asked)
		return q->answered ? &s->program : NULL;
	told = ask(s, "--code", line, sizeof(line), q);
	q->asked = true;
	q->answered = told && read_code(line, &s->program);
	if (told && !q->answered)
		snprintf(q->why, sizeof(q->why), "its program is none of this machine");
	return q->answered ? &s->program : NULL;
}
