/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * usage: unwind PID SAMPLES [STACK-BYTES]   (root)
 *
 * Unwinds and names stacks of a process that runs, without BPF: perf copies
 * registers and stack at its page faults, and on a timer where it takes none.
 * Prints how many chains reached the root, why others did not, what a sample
 * costs, and the most frequent chain.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <dirent.h>

#include "lib/base/error.h"
#include "lib/stack/symbolizer.h"

#define PAGES 512

#if defined(__x86_64__)
/* perf's order is the kernel's asm/perf_regs.h. */
static const unsigned char dwarf_of[] = { 0,  3,    2,	  1,	4,    5,    6,	  7,
					  16, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					  8,  9,    10,	  11,	12,   13,   14,	  15 };
#define REGS_MASK 0xff01ffULL
#define REG_SP	  PF_X86_64_RSP
#else
static const unsigned char dwarf_of[] = { 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
					  11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
					  22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32 };
#define REGS_MASK 0x1ffffffffULL
#define REG_SP	  PF_ARM64_SP
#endif

struct bench {
	struct pf_symbolizer *s;
	int64_t pid;
	uint32_t process;
	unsigned long samples;
	double spent_s;
	struct pf_trace last, lastbad;
};

static double cpu_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static uint32_t module_of(struct bench *b, unsigned long start, unsigned long end, const char *name)
{
	char path[96];
	int64_t id;
	int fd;

	if (strcmp(name, "[vdso]") == 0)
		return pf_symbolizer__vdso(b->s);
	if (name[0] != '/')
		return PF_MODULE_NONE;
	snprintf(path, sizeof(path), "/proc/%lld/map_files/%lx-%lx", (long long)b->pid, start, end);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return PF_MODULE_NONE;
	id = pf_symbolizer__add_module(b->s, name, fd);
	return id < 0 ? PF_MODULE_NONE : (uint32_t)id;
}

static void read_maps(struct bench *b)
{
	static struct pf_map_range ranges[PF_RANGES_MAX];
	struct pf_map_owner owner = { .pid = b->pid, .nspid = b->pid, .abi = PF_ABI_NATIVE };
	char path[64], line[4096];
	struct stat st;
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%lld/maps", (long long)b->pid);
	f = fopen(path, "r");
	if (!f || fstat(fileno(f), &st)) {
		perror(path);
		exit(1);
	}
	owner.uid = st.st_uid;
	while (fgets(line, sizeof(line), f) && n < PF_RANGES_MAX) {
		unsigned long start, end, offset;
		char perms[5], name[4096] = "";

		if (sscanf(line, "%lx-%lx %4s %lx %*s %*s %4095[^\n]", &start, &end, perms, &offset,
			   name) >= 4 &&
		    perms[2] == 'x')
			ranges[n++] = (struct pf_map_range){ start, end, offset,
							     module_of(b, start, end, name), 0 };
	}
	fclose(f);
	b->process = (uint32_t)pf_symbolizer__set_maps(b->s, &owner, ranges, n);
}

static void unwound(void *ctx, uint64_t cookie, const struct pf_trace *t)
{
	struct bench *b = ctx;

	(void)cookie;
	b->last = *t;
	if (t->stop != PF_STOP_ROOT)
		b->lastbad = *t;
}

/* A record's words: abi, registers, size of the stack, its bytes, how many are good. */
static void take(struct bench *b, const uint64_t *w)
{
	struct pf_unwind_sample sample = { .process = b->process, .depth = PF_FRAMES_MAX };
	uint64_t n_regs = (uint64_t)__builtin_popcountll(REGS_MASK), size, good;
	unsigned int at = 1;
	double before = cpu_s();

	if (w[0] != PERF_SAMPLE_REGS_ABI_64)
		return;
	for (unsigned int bit = 0; bit < 64; bit++) {
		if (REGS_MASK >> bit & 1)
			sample.regs.r[dwarf_of[bit]] = w[at++];
	}
	size = w[1 + n_regs];
	if (!size)
		return;
	memcpy(&good, (const char *)&w[2 + n_regs] + size, sizeof(good));
	sample.n_parts = 1;
	sample.parts[0] =
		(struct pf_stack_part){ sample.regs.r[REG_SP], (uint32_t)good, &w[2 + n_regs] };
	pf_symbolizer__queue(b->s, &sample, 0, unwound, b);
	b->samples++;
	b->spent_s += cpu_s() - before;
}

static int open_events(int64_t tid, bool timer, unsigned int stack_bytes)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = timer ? PERF_COUNT_SW_CPU_CLOCK : PERF_COUNT_SW_PAGE_FAULTS,
		.sample_period = timer ? 1000000 : 3,
		.sample_type = PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER,
		.sample_regs_user = REGS_MASK,
		.sample_stack_user = stack_bytes,
		.exclude_kernel = timer,
		.wakeup_events = 1,
	};

	return (int)syscall(SYS_perf_event_open, &attr, (pid_t)tid, -1, -1, 0);
}

struct ring {
	int fd;
	struct perf_event_mmap_page *head;
};

static void drain(struct bench *b, struct ring *r, unsigned long wanted)
{
	static _Alignas(8) char record[65536];
	char *data = (char *)r->head + getpagesize();
	const uint64_t size = (uint64_t)PAGES * (uint64_t)getpagesize();
	uint64_t tail = r->head->data_tail,
		 head = __atomic_load_n(&r->head->data_head, __ATOMIC_ACQUIRE);

	while (tail < head && b->samples < wanted) {
		struct perf_event_header h;

		for (size_t i = 0; i < sizeof(h); i++)
			((char *)&h)[i] = data[(tail + i) % size];
		for (size_t i = 0; i < h.size; i++)
			record[i] = data[(tail + i) % size];
		if (h.type == PERF_RECORD_SAMPLE)
			take(b, (const uint64_t *)(record + sizeof(h)));
		tail += h.size;
	}
	__atomic_store_n(&r->head->data_tail, tail, __ATOMIC_RELEASE);
}

static void print_trace(struct bench *b, const struct pf_trace *t)
{
	struct pf_symbol names[PF_INLINED_MAX];

	pf_symbolizer__resolve(b->s, t->frames, t->n, true);
	for (uint32_t i = 0; i < t->n; i++) {
		size_t n = pf_symbolizer__symbols(b->s, &t->frames[i], names);

		for (size_t k = 0; k < n; k++)
			printf("    %s+0x%llx (%s)%s %s:%u\n", names[k].name ? names[k].name : "?",
			       (unsigned long long)names[k].offset,
			       names[k].module ? names[k].module : "?",
			       names[k].inlined ? " inlined" : "",
			       names[k].file ? names[k].file : "-", names[k].line);
	}
}

static void report(struct bench *b)
{
	const struct pf_symbolizer_stats *st = pf_symbolizer__stats(b->s);
	double before = cpu_s();

	printf("samples %lu root %.2f %% us_per_sample %.2f restarts %llu bad %llu", b->samples,
	       100.0 * (double)st->stops[PF_STOP_ROOT] / (double)(st->unwound ? st->unwound : 1),
	       1e6 * b->spent_s / (double)(b->samples ? b->samples : 1),
	       (unsigned long long)st->restarts, (unsigned long long)st->bad_modules);
	for (int i = 0; i < PF_TRACE_STOPS; i++)
		printf(" %s %llu", pf_trace_stop_name((enum pf_trace_stop)i),
		       (unsigned long long)st->stops[i]);
	printf("\n");
	print_trace(b, &b->last);
	if (b->lastbad.n) {
		printf("  one that did not (%s):\n",
		       pf_trace_stop_name((enum pf_trace_stop)b->lastbad.stop));
		print_trace(b, &b->lastbad);
	}
	printf("naming took %.1f ms\n", 1e3 * (cpu_s() - before));
}

static void say(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "note: %s\n", text);
}

int main(int argc, char **argv)
{
	static struct ring rings[128];
	struct pf_symbolizer_options options = { .debug_root = "/usr/lib/debug", .note = say };
	struct bench b = { 0 };
	struct pf_error err = { 0 };
	unsigned long wanted;
	unsigned int stack_bytes, n = 0;
	double until;
	struct dirent *e;
	char path[64];
	DIR *dir;

	if (argc < 3) {
		fputs("usage: unwind PID SAMPLES [STACK-BYTES]\n", stderr);
		return 2;
	}
	b.pid = strtoll(argv[1], NULL, 10);
	wanted = strtoul(argv[2], NULL, 10);
	stack_bytes = argc > 3 ? (unsigned int)strtoul(argv[3], NULL, 10) : 16384;
	options.program = getenv("PF_SYMBOLIZE");
	b.s = pf_symbolizer__new(&options, &err);
	if (!b.s) {
		fprintf(stderr, "unwind: %s\n", err.text);
		return 1;
	}
	read_maps(&b);
	snprintf(path, sizeof(path), "/proc/%s/task", argv[1]);
	dir = opendir(path);
	while (dir && (e = readdir(dir)) && n < 126) {
		for (int timer = 0; timer < 2 && strtoll(e->d_name, NULL, 10); timer++) {
			struct ring r = { .fd = open_events(strtoll(e->d_name, NULL, 10), timer,
							    stack_bytes) };

			if (r.fd < 0)
				continue;
			r.head = mmap(NULL, (size_t)(PAGES + 1) * (size_t)getpagesize(),
				      PROT_READ | PROT_WRITE, MAP_SHARED, r.fd, 0);
			if (r.head != MAP_FAILED)
				rings[n++] = r;
		}
	}
	until = cpu_s() + 15;
	while (b.samples < wanted && cpu_s() < until) {
		poll(NULL, 0, 20);
		for (unsigned int i = 0; i < n; i++)
			drain(&b, &rings[i], wanted);
	}
	pf_symbolizer__unwind(b.s);
	report(&b);
	pf_symbolizer__free(b.s);
	return 0;
}
