/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The proof of the unwinder: a chain of our own, taken as pfstack takes them
 * (registers and a piece of the stack), must be found by pf-symbolize.
 */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/stack/symbolizer.h"
#include "tools/pfdiag/check.h"

#define COPIED 2048 /* bytes; those who called us need more */

struct place {
	struct pf_regs regs;
	uint64_t sp;
	uint64_t caller; /* where this returns to */
	char stack[COPIED];
};

#if defined(__x86_64__)
static void take_regs(struct place *p, const mcontext_t *m)
{
	static const int by_dwarf[] = { REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
					REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
					REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP };

	for (size_t i = 0; i < PF_ARRAY_SIZE(by_dwarf); i++)
		p->regs.r[i] = (uint64_t)m->gregs[by_dwarf[i]];
	p->sp = p->regs.r[PF_X86_64_RSP];
}
#else
static void take_regs(struct place *p, const mcontext_t *m)
{
	for (size_t i = 0; i < 31; i++)
		p->regs.r[i] = m->regs[i];
	p->regs.r[PF_ARM64_SP] = p->sp = m->sp;
	p->regs.r[PF_ARM64_PC] = m->pc;
}
#endif

/* Bytes of other functions' frames are read, which is what the sanitizer is there to forbid. */
#if defined(__SANITIZE_ADDRESS__)
__attribute__((no_sanitize_address))
#endif
static void __attribute__((noinline)) take(struct place *p)
{
	const volatile char *from;
	ucontext_t context;

	getcontext(&context);
	take_regs(p, &context.uc_mcontext);
	p->caller = (uintptr_t)__builtin_extract_return_addr(__builtin_return_address(0));
	from = (const volatile char *)(uintptr_t)p->sp;
	for (size_t i = 0; i < sizeof(p->stack); i++)
		p->stack[i] = from[i];
}

/* Of the program itself, which is the first. */
static int find_code(struct dl_phdr_info *info, size_t size, void *ctx)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE) - 1;
	struct pf_map_range *range = ctx;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];
		uint64_t start = (info->dlpi_addr + h->p_vaddr) & ~page;

		if (h->p_type != PT_LOAD || !(h->p_flags & PF_X))
			continue;
		range->start = start;
		range->end = (info->dlpi_addr + h->p_vaddr + h->p_memsz + page) & ~page;
		range->offset = h->p_offset & ~page;
	}
	return 1;
}

static int64_t make_known(struct pf_symbolizer *s)
{
	const struct pf_map_owner owner = {
		.pid = getpid(), .nspid = getpid(), .uid = geteuid(), .abi = PF_ABI_NATIVE
	};
	struct pf_map_range range = { 0 };
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int64_t module;

	if (fd < 0)
		return -errno;
	module = pf_symbolizer__add_module(s, "pfdiag", fd);
	if (module < 0)
		return module;
	dl_iterate_phdr(find_code, &range);
	range.module = (uint32_t)module;
	return pf_symbolizer__set_maps(s, &owner, &range, 1);
}

static void unwound(void *ctx, uint64_t cookie, const struct pf_trace *trace)
{
	(void)cookie;
	*(struct pf_trace *)ctx = *trace;
}

int pfdiag_unwind(struct pf_symbolizer *s, struct pf_error *err)
{
	static struct pf_trace trace;
	static struct place here;
	int64_t process = make_known(s);
	struct pf_unwind_sample sample = { .depth = PF_FRAMES_MAX, .n_parts = 1 };

	if (process < 0)
		return pf_fail(err, (int)-process, "it cannot be tried on pfdiag itself: %s",
			       strerror((int)-process));
	take(&here);
	sample.process = (uint32_t)process;
	sample.regs = here.regs;
	sample.parts[0] = (struct pf_stack_part){ here.sp, sizeof(here.stack), here.stack };
	pf_symbolizer__queue(s, &sample, 0, unwound, &trace);
	pf_symbolizer__unwind(s);
	if (trace.n >= 2 && trace.frames[1].ip == here.caller)
		return 0;
	return pf_fail(err, EPROTO, "pf-symbolize %s",
		       trace.stop == PF_STOP_LOST
			       ? "gives no answer"
			       : "does not find who called a function of pfdiag");
}
