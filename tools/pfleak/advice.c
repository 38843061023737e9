/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The next step. Says only what is true of every build it is said for; what
 * depends on the build or the program says so.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/installed.h"
#include "tools/pfleak/advice.h"

static void add(char *dst, size_t size, const char *text)
{
	size_t len = strlen(dst);

	snprintf(dst + len, size - len, "%s%s", len ? " " : "", text);
}

static void add_with_pid(char *dst, size_t size, const char *before, int64_t pid, const char *after)
{
	char text[PFLEAK_ADVICE_MAX];

	snprintf(text, sizeof(text), "%s%" PRId64 "%s", before, pid, after);
	add(dst, size, text);
}

static void of_language(char *dst, size_t size, enum pf_language language, int64_t pid)
{
	switch (language) {
	case PF_LANGUAGE_JVM:
		add_with_pid(dst, size, "jcmd ", pid, " GC.heap_info;");
		add_with_pid(dst, size, "jcmd ", pid,
			     " GC.class_histogram (as its user; the second stops it for a full "
			     "collection). If the heap is not what grows: restart with "
			     "-XX:NativeMemoryTracking=summary, then jcmd PID VM.native_memory.");
		return;
	case PF_LANGUAGE_V8:
		add_with_pid(dst, size, "kill -USR1 ", pid,
			     " (if it is node: opens its inspector on 127.0.0.1:9229, for heap "
			     "snapshots with chrome://inspect). Or restart it with "
			     "--heapsnapshot-signal=SIGUSR2 and send that.");
		return;
	case PF_LANGUAGE_GO:
		add(dst, size,
		    "go tool pprof http://HOST:PORT/debug/pprof/heap (if it serves "
		    "net/http/pprof). Or restart it with GODEBUG=gctrace=1.");
		return;
	case PF_LANGUAGE_CPYTHON:
		add(dst, size,
		    "Restart it with python3 -X tracemalloc=10 and compare "
		    "tracemalloc.take_snapshot(); what that does not show may be a C extension's.");
		return;
	case PF_LANGUAGE_UNKNOWN:
	case PF_LANGUAGES:
		return;
	}
}

static void of_jemalloc(char *dst, size_t size, bool linked_static)
{
	add(dst, size,
	    "Restart it with "
	    "MALLOC_CONF=prof:true,lg_prof_sample:19,prof_gdump:true,"
	    "prof_prefix:/var/tmp/jeprof and read what it dumps with jeprof (if this jemalloc "
	    "was built with --enable-prof).");
	if (linked_static)
		add(dst, size,
		    "The variable is JE_MALLOC_CONF or _RJEM_MALLOC_CONF where its functions "
		    "have such a prefix.");
}

static void of_tcmalloc(char *dst, size_t size, const struct pf_allocator_facts *f)
{
	if (!f->no_profiler)
		add(dst, size,
		    "Restart it with HEAPPROFILE=/var/tmp/heap and read what it dumps with pprof.");
	else if (f->linked_static)
		add(dst, size, "The tcmalloc in it has no heap profiler.");
	else
		add(dst, size,
		    "This tcmalloc has no heap profiler: restart it with "
		    "LD_PRELOAD=libtcmalloc.so.4 HEAPPROFILE=/var/tmp/heap and read what it dumps "
		    "with pprof.");
}

static void of_allocator(char *dst, size_t size, const struct pf_allocator_facts *f)
{
	if (f->allocator == PF_ALLOCATOR_JEMALLOC)
		of_jemalloc(dst, size, f->linked_static);
	else if (f->allocator == PF_ALLOCATOR_TCMALLOC)
		of_tcmalloc(dst, size, f);
}

/* Where malloc is what leaks, or may be. Go's own allocator has no function to trace. */
static void of_any(char *dst, size_t size, const struct pf_allocator_facts *f, int64_t pid)
{
	char path[PATH_MAX];
	bool missing = pf_installed_tool(path, sizeof(path), "pfstack") != 0;

	if (f->allocator == PF_ALLOCATOR_GO)
		return;
	if (*dst)
		add(dst, size, "Without a restart:");
	/* An allocator of its own has no functions that are known. */
	if (f->allocator == PF_ALLOCATOR_UNKNOWN)
		add_with_pid(dst, size, "pfstack --mode growth -p ", pid, " -d 60");
	else
		add_with_pid(dst, size, "pfstack --mode allocs -p ", pid, " -d 30");
	if (missing)
		add(dst, size, "(pfstack is not installed here)");
}

char *pfleak_advice(char *dst, size_t size, const struct pf_allocator_facts *f, int64_t pid)
{
	*dst = '\0';
	of_language(dst, size, f->language, pid);
	of_allocator(dst, size, f);
	/* A managed heap is not malloc's: its own tools come first, and are enough. */
	if (f->language == PF_LANGUAGE_UNKNOWN || f->language == PF_LANGUAGE_CPYTHON)
		of_any(dst, size, f, pid);
	return dst;
}
