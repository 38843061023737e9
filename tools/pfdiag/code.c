/* SPDX-License-Identifier: BSD-2-Clause */
/* The code of one process: whose allocator, and what there is to take stacks by. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/pfdiag/check.h"

static bool there(const struct pfdiag *d, struct pf_check *c)
{
	if (!d->subject.code && d->subject.stat.has_mm)
		return true;
	pfdiag_found(c, PF_CHECK_SKIP, "it has no program that could be looked at");
	return false;
}

void pfdiag_allocator(struct pfdiag *d, struct pf_check *c)
{
	const struct pf_allocator_facts *f;
	const char *why;

	if (!there(d, c))
		return;
	f = pfdiag_subject_allocator(&d->subject, &why);
	if (!f) {
		pfdiag_found(c, PF_CHECK_SKIP, "unknown: %s", why);
		return;
	}
	if (!f->allocator && !f->language) {
		pfdiag_found(c, PF_CHECK_OK, "none that is known");
		return;
	}
	pfdiag_found(c, PF_CHECK_OK, "%s%s%s%s",
		     f->allocator ? pf_allocator_name(f->allocator) : "unknown allocator",
		     !f->allocator	? ""
		     : f->linked_static ? ", part of the program"
					: ", a library",
		     f->language ? "; runtime " : "",
		     f->language ? pf_language_name(f->language) : "");
}

/* Functions that need no frame set up none, whatever the compiler was told. */
#define FRAMED_MOST 50 /* percent from which the program was built with frame pointers */
#define FRAMED_FEW  10 /* ... up to which it was built without */
#define FEWEST	    20 /* of so few functions nothing can be told: they start a library */

void pfdiag_frame_pointers(struct pfdiag *d, struct pf_check *c)
{
	const struct pf_code *code;
	const char *why;
	double share;

	if (!there(d, c))
		return;
	code = pfdiag_subject_code(&d->subject, &why);
	if (!code) {
		pfdiag_found(c, PF_CHECK_SKIP, "unknown: %s", why);
		return;
	}
	if (code->parts & PF_CODE_GO && !code->functions) {
		pfdiag_found(c, PF_CHECK_OK, "yes: Go's compiler keeps them on this machine");
		return;
	}
	if (!code->functions) {
		pfdiag_found(c, PF_CHECK_SKIP, "unknown: its program has no table of functions");
		return;
	}
	share = 100.0 * code->framed / code->functions;
	pf_check_value(c, code->functions, "functions");
	pf_check_value(c, code->framed, "framed");
	if (code->functions < FEWEST) {
		pfdiag_found(c, PF_CHECK_SKIP,
			     "unknown: its program has only %" PRIu32
			     " functions, its code is in libraries",
			     code->functions);
		pfdiag_why(c, "Unwind tables are what to go by, which libraries have.");
		return;
	}
	pfdiag_found(c, PF_CHECK_OK,
		     "%s: %.0f%% of %" PRIu32 " functions of its program set one up",
		     share >= FRAMED_MOST  ? "yes"
		     : share <= FRAMED_FEW ? "no"
					   : "in part",
		     share, code->functions);
	if (share < FRAMED_MOST)
		pfdiag_why(c,
			   "Stacks by frame pointers would be cut or wrong: unwind tables are what "
			   "to go by.");
}

void pfdiag_unwind_tables(struct pfdiag *d, struct pf_check *c)
{
	const struct pf_code *code;
	const char *why;

	if (!there(d, c))
		return;
	code = pfdiag_subject_code(&d->subject, &why);
	if (!code) {
		pfdiag_found(c, PF_CHECK_SKIP, "unknown: %s", why);
		return;
	}
	if (code->parts & (PF_CODE_EH_FRAME | PF_CODE_DEBUG_FRAME)) {
		pfdiag_found(c, PF_CHECK_OK, "%s%s%s",
			     code->parts & PF_CODE_EH_FRAME ? ".eh_frame" : "",
			     (code->parts & PF_CODE_EH_FRAME) && (code->parts & PF_CODE_DEBUG_FRAME)
				     ? " and "
				     : "",
			     code->parts & PF_CODE_DEBUG_FRAME ? ".debug_frame" : "");
		return;
	}
	if (code->parts & PF_CODE_GO) {
		pfdiag_found(c, PF_CHECK_OK, "none but Go's own, and it keeps frame pointers");
		return;
	}
	pfdiag_found(c, PF_CHECK_WARN, "none in its program");
	pfdiag_why(c, "Stacks of its own code end early unless it keeps frame pointers.");
	pfdiag_try(c, "build it with -fasynchronous-unwind-tables, and do not strip .eh_frame");
}

/* Where distributions put debug files that are named by build id. */
static bool has_debug_file(const char *build_id)
{
	char path[128];
	struct stat st;

	if (strlen(build_id) < 4)
		return false;
	snprintf(path, sizeof(path), "/usr/lib/debug/.build-id/%.2s/%s.debug", build_id,
		 build_id + 2);
	return !stat(path, &st);
}

void pfdiag_debug_info(struct pfdiag *d, struct pf_check *c)
{
	const struct pf_code *code;
	const char *why;
	bool lines, symbols;

	if (!there(d, c))
		return;
	code = pfdiag_subject_code(&d->subject, &why);
	if (!code) {
		pfdiag_found(c, PF_CHECK_SKIP, "unknown: %s", why);
		return;
	}
	lines = code->parts & PF_CODE_DEBUG_INFO || has_debug_file(code->build_id);
	symbols = code->parts & (PF_CODE_SYMTAB | PF_CODE_GO);
	pfdiag_found(c, lines || symbols ? PF_CHECK_OK : PF_CHECK_SKIP, "%s, %s, build id %s",
		     code->parts & PF_CODE_DEBUG_INFO ? "debug info"
		     : lines			      ? "debug info in a file apart"
						      : "no debug info",
		     symbols			    ? "symbols"
		     : code->parts & PF_CODE_DYNSYM ? "exported symbols only"
						    : "no symbols",
		     *code->build_id ? code->build_id : "none");
	if (lines || symbols)
		return;
	pfdiag_why(c, "Its functions can be told by address alone, but for those it exports.");
	pfdiag_try(c, "%s", pf_os_debug_command(&d->os));
}

static const char *perf_map_way(enum pf_language language)
{
	switch (language) {
	case PF_LANGUAGE_JVM:
		return "jcmd PID Compiler.perfmap (JDK 17 and later), as its user";
	case PF_LANGUAGE_V8:
		return "start it with node --perf-basic-prof";
	case PF_LANGUAGE_CPYTHON:
		return "start it with python3 -X perf (3.12 and later)";
	default:
		return NULL;
	}
}

/* Under the number it knows itself by, in its own /tmp. Only looked for: it is its file. */
static bool has_perf_map(const struct pfdiag *d)
{
	char path[PATH_MAX + 96];
	int64_t nspid = d->subject.stat.nspid;
	struct stat st;

	snprintf(path, sizeof(path), "%s/%" PRId64 "/root/tmp/perf-%" PRId64 ".map", d->proc,
		 d->subject.pid, nspid != PF_UNKNOWN ? nspid : d->subject.pid);
	return !lstat(path, &st) && S_ISREG(st.st_mode);
}

void pfdiag_perf_map(struct pfdiag *d, struct pf_check *c)
{
	const struct pf_allocator_facts *f;
	const char *way, *why;

	if (!there(d, c))
		return;
	if (has_perf_map(d)) {
		pfdiag_found(c, PF_CHECK_OK, "yes, in its /tmp");
		return;
	}
	f = pfdiag_subject_allocator(&d->subject, &why);
	way = f ? perf_map_way(f->language) : NULL;
	if (!way) {
		pfdiag_found(c, f ? PF_CHECK_OK : PF_CHECK_SKIP,
			     f ? "none, and it has no runtime that would write one"
			       : "none; whether it has a runtime is unknown");
		return;
	}
	if (f->language == PF_LANGUAGE_CPYTHON) {
		pfdiag_found(c, PF_CHECK_SKIP, "none: %s does not name its functions",
			     pf_language_name(f->language));
		pfdiag_why(c, "Stacks show the interpreter, and not what it interprets.");
	} else {
		pfdiag_found(c, PF_CHECK_SKIP, "none, and %s makes code as it runs",
			     pf_language_name(f->language));
		pfdiag_why(c, "That code has no names: its frames are addresses.");
	}
	pfdiag_try(c, "%s", way);
}
