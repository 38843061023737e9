/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks /proc and the helper pf-allocator about a process. Opens no file of the process itself. */
#include "tools/pfdiag/subject.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/child.h"
#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/installed.h"

#define HELPER	"pf-allocator"
#define LIMIT_S 6.0

void pfdiag_subject_open(struct pfdiag_subject *s, const char *proc, int64_t pid)
{
	struct pf_error err = { 0 };
	struct pf_procfs *p = pf_procfs__open(proc, &err);

	memset(s, 0, sizeof(*s));
	s->pid = pid;
	s->code = p ? pf_procfs__read(p, (pid_t)pid, &s->stat) : -err.code;
	pf_procfs__close(p);
}

void pfdiag_subject_close(struct pfdiag_subject *s)
{
	memset(s, 0, sizeof(*s));
}

/* One line of the helper's; false with words. */
static bool ask(const char *mode, int64_t pid, char *line, size_t size, char *why, size_t why_size)
{
	char path[PATH_MAX], number[24];
	const char *argv[4] = { HELPER };
	const struct pf_child_order order = {
		.path = path, .argv = argv, .out = -1, .limit_s = LIMIT_S
	};
	struct pf_error err = { 0 };
	struct pf_child *c = NULL;
	int ret = pf_installed_helper(path, sizeof(path), HELPER);
	bool answered;

	snprintf(number, sizeof(number), "%" PRId64, pid);
	argv[1] = mode ? mode : number;
	argv[2] = mode ? number : NULL;
	if (ret)
		pf_fail(&err, -ret, "%s: %s (see pfdiag --only install)", HELPER, strerror(-ret));
	else
		c = pf_child__start(&order, &err);
	snprintf(why, why_size, "%s", err.text);
	if (!c)
		return false;
	answered = pf_child__wait(c, LIMIT_S + 1) && pf_child__succeeded(c);
	snprintf(line, size, "%s", pf_child__output(c));
	if (!answered)
		snprintf(why, why_size, "its program and mappings cannot be read");
	pf_child__free(c);
	return answered;
}

const struct pf_allocator_facts *pfdiag_subject_allocator(struct pfdiag_subject *s, char *why,
							  size_t size)
{
	char line[256];

	if (!s->asked_allocator)
		s->allocator_code = ask(NULL, s->pid, line, sizeof(line), why, size) &&
						    !pf_allocator_read(line, &s->facts)
					    ? 0
					    : ENODATA;
	s->asked_allocator = true;
	return s->allocator_code ? NULL : &s->facts;
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

const struct pf_code *pfdiag_subject_code(struct pfdiag_subject *s, char *why, size_t size)
{
	char line[256];

	snprintf(why, size, "its program cannot be read, or is none of this machine");
	if (!s->asked_code)
		s->code_code = ask("--code", s->pid, line, sizeof(line), why, size) &&
					       read_code(line, &s->program)
				       ? 0
				       : ENODATA;
	s->asked_code = true;
	return s->code_code ? NULL : &s->program;
}
