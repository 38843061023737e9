/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as an ELF file with code, and any as a stack: opening, unwinding
 * and naming must come to an end without a crash, within the frames that were
 * asked for. elfutils is in this as it is in pf-symbolize; a finding of the
 * fuzzer there costs a file's names, not pfstack.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/stack/demangle.h"
#include "lib/stack/module.h"
#include "lib/stack/names.h"
#include "lib/stack/ranges.h"
#include "lib/stack/unwind.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STACK_AT 0x7ffd00000000
#define CODE_AT	 0x10000

/* What of the input is no file: registers, a little stack. */
struct head {
	uint16_t pc;
	uint16_t sp;
	uint16_t fp;
	uint16_t address;
	uint64_t stack[32];
};

static void must(int ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	pf_module_init();
	return 0;
}

static struct pf_module *give(void *ctx, uint32_t id)
{
	must(id == 1);
	return ctx;
}

static void unwind(struct pf_module *m, const struct head *h, size_t size)
{
	struct pf_map_range ranges[] = { { CODE_AT, CODE_AT + size, 0, 1, 0 },
					 { CODE_AT + size / 2, CODE_AT + 2 * size, 4096, 0, 0 } };
	struct pf_code code = { .abi = m ? pf_module__abi(m) : PF_ABI_NATIVE,
				.ranges = ranges,
				.n = pf_ranges_sort(ranges, 2),
				.module = give,
				.ctx = m };
	struct pf_unwind_sample s = { .depth = PF_FRAMES_MAX, .n_parts = 1 };
	struct pf_trace t;

	for (int i = 0; i < PF_REGS_MAX; i++)
		s.regs.r[i] = STACK_AT + h->fp % sizeof(h->stack);
	s.regs.r[PF_X86_64_RIP] = s.regs.r[PF_ARM64_PC] = CODE_AT + h->pc;
	s.regs.r[PF_X86_64_RSP] = s.regs.r[PF_ARM64_SP] = STACK_AT + h->sp % sizeof(h->stack);
	s.parts[0] = (struct pf_stack_part){ STACK_AT, sizeof(h->stack), h->stack };
	pf_unwind(&code, &s, &t);
	must(t.n >= 1 && t.n <= PF_FRAMES_MAX && t.stop < PF_TRACE_STOPS);
}

static void name(struct pf_module *m, uint64_t address)
{
	struct pf_names *names = pf_module__names(m);
	struct pf_name out[PF_INLINED_MAX];
	char text[64];
	size_t n = names ? pf_names__find(names, address, true, out, PF_INLINED_MAX) : 0;

	must(n <= PF_INLINED_MAX);
	for (size_t i = 0; i < n; i++)
		must(!out[i].name ||
		     strlen(pf_demangle(text, sizeof(text), out[i].name)) < sizeof(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct head h;
	struct pf_module *m;
	int fd;

	if (size < sizeof(h))
		return 0;
	memcpy(&h, data, sizeof(h));
	fd = memfd_create("fuzz_unwind", MFD_CLOEXEC);
	must(fd >= 0);
	must(write(fd, data + sizeof(h), size - sizeof(h)) == (ssize_t)(size - sizeof(h)));
	m = pf_module__open(fd);
	unwind(m, &h, size - sizeof(h) + 1);
	if (m)
		name(m, h.address);
	pf_module__close(m);
	return 0;
}
