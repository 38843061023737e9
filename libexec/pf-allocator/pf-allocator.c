/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * usage: pf-allocator [--code] PID
 *
 * Names the allocator and the language runtime of a process in one line:
 *
 *	ALLOCATOR LINKAGE LANGUAGE PROFILER
 *
 * each a word, "-" where it cannot be told: jemalloc static V8 profiler. The
 * names are those of lib/proc/allocator.h; LINKAGE is static or dynamic;
 * PROFILER is no-profiler where this build of the allocator has none.
 *
 * With --code it tells what the program offers to those who take stacks of it:
 *
 *	FUNCTIONS FRAMED PARTS BUILD-ID
 *
 * how many functions were looked at and how many of them set up a frame
 * pointer, the parts of the file by the names of lib/proc/code.h, and "-" for
 * what is not there: 4096 12 eh_frame,dynsym 0a1b2c. No line for what is no
 * program of this machine.
 *
 * Another user wrote the program that is looked at. So its files are opened
 * first, and everything else happens in a process that can only read what is
 * open, write its answer and end (seccomp's strict mode). Without that
 * nothing is looked at. Exit status: 0, or 1 and no line.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/parse.h"
#include "lib/proc/allocator.h"
#include "lib/proc/code.h"

#define TIME_LIMIT_S 5
#define MAPS_MAX     (64u << 20) /* bytes of text; a process may have 65,530 mappings and more */

/* What the process wrote may be on a disk of its own making, which never answers. */
static void limit_time(void)
{
	alarm(TIME_LIMIT_S);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

struct subject {
	int maps;
	const void *program; /* NULL: not readable */
	size_t program_len;
};

static int open_subject(struct subject *s, uint64_t pid)
{
	char path[32];
	struct stat st;
	void *map;
	int dir, exe;

	snprintf(path, sizeof(path), "/proc/%llu", (unsigned long long)pid);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	s->maps = openat(dir, "maps", O_RDONLY | O_CLOEXEC);
	if (s->maps < 0)
		return -errno;
	exe = openat(dir, "exe", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (exe < 0 || fstat(exe, &st) || !S_ISREG(st.st_mode) || st.st_size <= 0)
		return 0;
	s->program_len = st.st_size < PF_ALLOCATOR_PROGRAM_MAX ? (size_t)st.st_size
							       : PF_ALLOCATOR_PROGRAM_MAX;
	map = mmap(NULL, s->program_len, PROT_READ, MAP_PRIVATE, exe, 0);
	s->program = map == MAP_FAILED ? NULL : map;
	return 0;
}

/* Not exit(): strict mode has no other way out than the plain system call. */
static void __attribute__((noreturn)) end(int status)
{
	for (;;)
		syscall(SYS_exit, status);
}

static void see_maps(struct pf_allocator_marks *marks, int fd)
{
	static char buf[64 << 10];
	size_t held = 0, total = 0;
	ssize_t n;

	while (total < MAPS_MAX && (n = read(fd, buf + held, sizeof(buf) - held)) > 0) {
		struct pf_span rest = pf_span_of(buf, held + (size_t)n), line;

		total += (size_t)n;
		while (pf_span_until(&rest, '\n', &line))
			pf_allocator_see_mapping(marks, line);
		held = pf_span_len(rest);
		if (held == sizeof(buf))
			held = 0; /* longer than any path: not the kernel's */
		memmove(buf, rest.p, held);
	}
}

static void __attribute__((noreturn)) say(const char *line, int n)
{
	end(write(STDOUT_FILENO, line, (size_t)n) == n ? 0 : 1);
}

static void answer(const struct pf_allocator_facts *f)
{
	const char *allocator = pf_allocator_name(f->allocator);
	const char *language = pf_language_name(f->language);
	char line[128];
	int n = snprintf(line, sizeof(line), "%s %s %s %s\n", allocator ? allocator : "-",
			 !allocator	    ? "-"
			 : f->linked_static ? "static"
					    : "dynamic",
			 language ? language : "-", f->no_profiler ? "no-profiler" : "-");

	say(line, n);
}

static void answer_code(const struct subject *s)
{
	static struct pf_code code;
	char parts[96], line[192];
	int n;

	pf_code_look(&code, s->program, s->program ? s->program_len : 0);
	if (!code.elf)
		end(1);
	n = snprintf(line, sizeof(line), "%u %u %s %s\n", code.functions, code.framed,
		     pf_code_parts(code.parts, parts, sizeof(parts)),
		     *code.build_id ? code.build_id : "-");
	say(line, n);
}

int main(int argc, char **argv)
{
	struct subject s = { .maps = -1 };
	struct pf_allocator_marks marks = { 0 };
	struct pf_allocator_facts facts;
	bool code = argc > 1 && !strcmp(argv[1], "--code");
	uint64_t pid;

	if (argc != 2 + code || pf_parse_u64(argv[1 + code], 1, INT32_MAX, &pid)) {
		fputs("usage: pf-allocator [--code] PID\n", stderr);
		return 1;
	}
	limit_time();
	if (open_subject(&s, pid) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		return 1;
	if (code)
		answer_code(&s);
	see_maps(&marks, s.maps);
	if (s.program)
		pf_allocator_see_program(&marks, s.program, s.program_len);
	facts = pf_allocator_conclude(&marks);
	answer(&facts);
}
