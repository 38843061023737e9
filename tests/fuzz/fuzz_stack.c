/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a recording of stacks, as a perf map, and as names: what is read
 * must come out of every report without a crash, whole and well formed.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/base/strbuf.h"
#include "lib/record/stack.h"
#include "lib/stack/demangle.h"
#include "lib/stack/perfmap.h"
#include "lib/stack/stacks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
	if (!ok)
		abort();
}

static int add(void *ctx, const struct pf_stack *s)
{
	return pf_stacks__add(ctx, s);
}

/* A stack whose every name is the input. */
static void add_named(struct pf_stacks *all, const char *name)
{
	const struct pf_stack_frame f = { .symbol = name, .module = name, .file = name };
	struct pf_stack s;

	pf_stack_init(&s);
	snprintf(s.comm, sizeof(s.comm), "%s", name);
	s.bytes = 4096;
	s.samples = 1;
	s.frames = &f;
	s.n_frames = 1;
	must(pf_stacks__add(all, &s) == 0);
}

static void must_be_clean(const struct pf_strbuf *out)
{
	for (size_t i = 0; i < out->len; i++) {
		unsigned char c = (unsigned char)out->data[i];

		must(c == '\n' || (c >= 0x20 && c != 0x7f) || c == '\t');
	}
}

static void write_all(struct pf_stacks *all)
{
	const struct pf_stacks_look look = { .top = 5, .columns = 80, .lines = true };
	const struct pf_profile_times times = { 1, 1 };
	struct pf_strbuf out = PF_STRBUF_INIT;

	must(pf_stacks_folded(all, &out) == 0);
	must(pf_stacks_table(all, &look, &out) == 0);
	must(pf_stacks_svg(all, &look, &out) == 0);
	must_be_clean(&out);
	must(pf_stacks_pprof(all, &times, &out) == 0);
	pf_strbuf_free(&out);
}

static void try_perfmap(int fd, const uint8_t *data, size_t size)
{
	struct pf_perfmap *p = pf_perfmap__new(fd);
	uint64_t address = 0, start = 0;

	must(p != NULL);
	pf_perfmap__refresh(p);
	memcpy(&address, data, size < sizeof(address) ? size : sizeof(address));
	for (int shift = 0; shift < 64; shift += 8) {
		const char *found = pf_perfmap__find(p, address >> shift, &start);

		must(!found || (*found && start <= address >> shift));
	}
	pf_perfmap__free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pf_stacks *all = pf_stacks__new();
	struct pf_stack_reader reader = { .stack = add, .ctx = all };
	struct pf_error err = { 0 };
	char path[32], text[300], *name = malloc(size + 1);
	int fd = memfd_create("fuzz_stack", MFD_CLOEXEC);

	must(all && name && fd >= 0);
	must(write(fd, data, size) == (ssize_t)size);
	memcpy(name, data, size);
	name[size] = '\0';
	snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	(void)pf_stack_read(path, &reader, &err);
	add_named(all, name);
	write_all(all);
	try_perfmap(fd, data, size);
	must(strlen(pf_demangle(text, sizeof(text), name)) < sizeof(text));
	pf_stacks__free(all);
	free(name);
	close(fd);
	return 0;
}
