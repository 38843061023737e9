/* SPDX-License-Identifier: BSD-2-Clause */
/* A table of names, and the order in which files are asked for them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "tools/pfstack/functions.h"
#include "tools/pfstack/mappings.h"

/* What is given to a function, by the number of the argument. */
struct kind {
	bool frees;
	int8_t size, times, old, out;
};

#define NO (-1)
#define NOTHING                                                                                    \
	{                                                                                          \
		false, NO, NO, NO, NO                                                              \
	}
#define SIZE(n)                                                                                    \
	{                                                                                          \
		false, n, NO, NO, NO                                                               \
	}
#define ARRAY(n, m)                                                                                \
	{                                                                                          \
		false, n, m, NO, NO                                                                \
	}
#define RESIZE(o, n)                                                                               \
	{                                                                                          \
		false, n, NO, o, NO                                                                \
	}
#define RESIZES(o, n, m)                                                                           \
	{                                                                                          \
		false, n, m, o, NO                                                                 \
	}
#define STORES(n, p)                                                                               \
	{                                                                                          \
		false, n, NO, NO, p                                                                \
	}
#define FREES(n)                                                                                   \
	{                                                                                          \
		true, NO, NO, n, NO                                                                \
	}

struct function {
	const char *name;
	struct kind kind;
	bool own; /* by no other name than its allocator's: wherever it is, it is meant */
};

/*
 * By name, as the search wants it. Not here is what goes on to one of these by
 * a jump, which would count twice: a C library's reallocarray, mi_heap_realloc.
 */
static const struct function functions[] = {
	{ "_ZdaPv", FREES(0), false },
	{ "_ZdaPvRKSt9nothrow_t", FREES(0), false },
	{ "_ZdaPvSt11align_val_t", FREES(0), false },
	{ "_ZdaPvSt11align_val_tRKSt9nothrow_t", FREES(0), false },
	{ "_ZdaPvm", FREES(0), false },
	{ "_ZdaPvmSt11align_val_t", FREES(0), false },
	{ "_ZdlPv", FREES(0), false },
	{ "_ZdlPvRKSt9nothrow_t", FREES(0), false },
	{ "_ZdlPvSt11align_val_t", FREES(0), false },
	{ "_ZdlPvSt11align_val_tRKSt9nothrow_t", FREES(0), false },
	{ "_ZdlPvm", FREES(0), false },
	{ "_ZdlPvmSt11align_val_t", FREES(0), false },
	{ "_Znam", SIZE(0), false },
	{ "_ZnamRKSt9nothrow_t", SIZE(0), false },
	{ "_ZnamSt11align_val_t", SIZE(0), false },
	{ "_ZnamSt11align_val_tRKSt9nothrow_t", SIZE(0), false },
	{ "_Znwm", SIZE(0), false },
	{ "_ZnwmRKSt9nothrow_t", SIZE(0), false },
	{ "_ZnwmSt11align_val_t", SIZE(0), false },
	{ "_ZnwmSt11align_val_tRKSt9nothrow_t", SIZE(0), false },
	{ "__libc_start_main", NOTHING, false },
	{ "__tls_get_addr", NOTHING, false },
	{ "_rjem_calloc", ARRAY(0, 1), true },
	{ "_rjem_free", FREES(0), true },
	{ "_rjem_malloc", SIZE(0), true },
	{ "_rjem_mallocx", SIZE(0), true },
	{ "_rjem_rallocx", RESIZE(0, 1), true },
	{ "_rjem_realloc", RESIZE(0, 1), true },
	{ "_rjem_sdallocx", FREES(0), true },
	{ "aligned_alloc", SIZE(1), false },
	{ "calloc", ARRAY(0, 1), false },
	{ "cfree", FREES(0), false },
	{ "dallocx", FREES(0), false },
	{ "free", FREES(0), false },
	{ "free_aligned_sized", FREES(0), false },
	{ "free_sized", FREES(0), false },
	{ "je_aligned_alloc", SIZE(1), true },
	{ "je_calloc", ARRAY(0, 1), true },
	{ "je_dallocx", FREES(0), true },
	{ "je_free", FREES(0), true },
	{ "je_malloc", SIZE(0), true },
	{ "je_mallocx", SIZE(0), true },
	{ "je_memalign", SIZE(1), true },
	{ "je_posix_memalign", STORES(2, 0), true },
	{ "je_rallocx", RESIZE(0, 1), true },
	{ "je_realloc", RESIZE(0, 1), true },
	{ "je_sdallocx", FREES(0), true },
	{ "malloc", SIZE(0), false },
	{ "mallocx", SIZE(0), false },
	{ "memalign", SIZE(1), false },
	{ "mi_aligned_alloc", SIZE(1), true },
	{ "mi_calloc", ARRAY(0, 1), true },
	{ "mi_calloc_aligned", ARRAY(0, 1), true },
	{ "mi_cfree", FREES(0), true },
	{ "mi_free", FREES(0), true },
	{ "mi_free_aligned", FREES(0), true },
	{ "mi_free_size", FREES(0), true },
	{ "mi_free_size_aligned", FREES(0), true },
	{ "mi_malloc", SIZE(0), true },
	{ "mi_malloc_aligned", SIZE(0), true },
	{ "mi_malloc_aligned_at", SIZE(0), true },
	{ "mi_malloc_small", SIZE(0), true },
	{ "mi_mallocn", ARRAY(0, 1), true },
	{ "mi_memalign", SIZE(1), true },
	{ "mi_new", SIZE(0), true },
	{ "mi_new_aligned", SIZE(0), true },
	{ "mi_new_aligned_nothrow", SIZE(0), true },
	{ "mi_new_n", ARRAY(0, 1), true },
	{ "mi_new_nothrow", SIZE(0), true },
	{ "mi_posix_memalign", STORES(2, 0), true },
	{ "mi_pvalloc", SIZE(0), true },
	{ "mi_realloc", RESIZE(0, 1), true },
	{ "mi_realloc_aligned", RESIZE(0, 1), true },
	{ "mi_reallocarray", RESIZES(0, 1, 2), true },
	{ "mi_reallocf", RESIZE(0, 1), true },
	{ "mi_reallocn", RESIZES(0, 1, 2), true },
	{ "mi_rezalloc", RESIZE(0, 1), true },
	{ "mi_valloc", SIZE(0), true },
	{ "mi_zalloc", SIZE(0), true },
	{ "mi_zalloc_aligned", SIZE(0), true },
	{ "mi_zalloc_small", SIZE(0), true },
	{ "posix_memalign", STORES(2, 0), false },
	{ "pvalloc", SIZE(0), false },
	{ "rallocx", RESIZE(0, 1), false },
	{ "realloc", RESIZE(0, 1), false },
	{ "sdallocx", FREES(0), false },
	{ "tc_calloc", ARRAY(0, 1), true },
	{ "tc_cfree", FREES(0), true },
	{ "tc_delete", FREES(0), true },
	{ "tc_deletearray", FREES(0), true },
	{ "tc_free", FREES(0), true },
	{ "tc_free_sized", FREES(0), true },
	{ "tc_malloc", SIZE(0), true },
	{ "tc_memalign", SIZE(1), true },
	{ "tc_new", SIZE(0), true },
	{ "tc_newarray", SIZE(0), true },
	{ "tc_posix_memalign", STORES(2, 0), true },
	{ "tc_realloc", RESIZE(0, 1), true },
	{ "valloc", SIZE(0), false },
};

#define FUNCTIONS PF_ARRAY_SIZE(functions)
#define JUMP_MAX  8 /* bytes: a jump, and what marks where one may go to */

/* A file of the process, with its functions. */
struct file {
	uint32_t module;
	uint64_t start; /* where its code is, the first part of it */
	bool program;
	struct pf_entry entries[FUNCTIONS];
};

static size_t index_of(const char *name)
{
	size_t i = 0;

	while (strcmp(functions[i].name, name) != 0)
		i++;
	return i;
}

static bool has(const struct file *f, const char *name)
{
	return f->entries[index_of(name)].address != 0;
}

/* ---- asking ---------------------------------------------------------------- */

static unsigned int needs_of(const struct kind *k)
{
	const int8_t args[] = { k->size, k->times, k->old, k->out };
	unsigned int needs = 0;

	for (size_t i = 0; i < PF_ARRAY_SIZE(args); i++)
		needs |= args[i] >= 0 ? 1u << args[i] : 0;
	return needs;
}

static int ask(struct pf_symbolizer *s, struct file *f)
{
	struct pf_entry_wanted wanted[FUNCTIONS];

	for (size_t i = 0; i < FUNCTIONS; i++)
		wanted[i] = (struct pf_entry_wanted){ .name = functions[i].name,
						      .args = (uint8_t)needs_of(&functions[i].kind),
						      .returns = !functions[i].kind.frees };
	return pf_symbolizer__entries(s, f->module, wanted, FUNCTIONS, f->entries);
}

/* Before any other: the program; then what is neither a C library nor its linker, the one that
 * was mapped first, highest, before others. */
static int rank_of(const struct file *f)
{
	if (!has(f, "malloc"))
		return 0;
	/* The linker of glibc has one for itself, until the C library is there. */
	if (has(f, "__tls_get_addr") && !has(f, "__libc_start_main"))
		return 0;
	if (f->program)
		return 3;
	return has(f, "__libc_start_main") ? 1 : 2;
}

static bool before(const struct file *a, const struct file *b)
{
	const int x = rank_of(a), y = b ? rank_of(b) : 0;

	return x > y || (x == y && x && b && a->start > b->start);
}

/* ---- taking ---------------------------------------------------------------- */

static int8_t reg_of(const struct pf_entry *e, int8_t arg)
{
	return (int8_t)(arg < 0 ? -1 : e->args[arg]);
}

static bool has_args(const struct pf_entry *e, const struct kind *k)
{
	const unsigned int needs = needs_of(k);

	for (int8_t a = 0; a < 4; a++) {
		if ((needs & 1u << a) && e->args[a] < 0)
			return false;
	}
	return true;
}

static bool is_taken(const struct pfstack_functions *f, int fd, uint64_t offset)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->probes[i].fd == fd && f->probes[i].offset == offset)
			return true;
	}
	return false;
}

static uint64_t address_of(const struct pfstack_mappings *m, uint32_t module, uint64_t offset)
{
	for (size_t i = 0; i < m->n_ranges; i++) {
		const struct pf_map_range *r = &m->ranges[i];

		if (r->module == module && offset >= r->offset &&
		    offset - r->offset < r->end - r->start)
			return r->start + (offset - r->offset);
	}
	return 0;
}

/* A mere jump to another one of these: what comes of it is seen there. */
static bool goes_on(const struct file *file, size_t i)
{
	const struct pf_entry *e = &file->entries[i];
	char own[64];

	if (!e->size || e->size > JUMP_MAX || functions[i].kind.frees)
		return false;
	if (!strcmp(functions[i].name, "memalign") && has(file, "aligned_alloc") &&
	    file->entries[index_of("aligned_alloc")].address != e->address)
		return true;
	snprintf(own, sizeof(own), "mi_%s", functions[i].name);
	for (size_t k = 0; k < FUNCTIONS; k++) {
		if (!strcmp(functions[k].name, own) && file->entries[k].address &&
		    file->entries[k].address != e->address)
			return true;
	}
	return false;
}

static void take_one(struct pfstack_functions *f, struct pfstack_mappings *m,
		     const struct file *file, size_t i)
{
	const struct pf_entry *e = &file->entries[i];
	const struct kind *k = &functions[i].kind;
	const int fd = pf_symbolizer__file(m->symbolizer, file->module);
	const uint64_t address = address_of(m, file->module, e->offset);

	if (!address || f->n == PF_ALLOCS_PROBES_MAX || !has_args(e, k) ||
	    is_taken(f, fd, e->offset) || goes_on(file, i))
		return;
	f->probes[f->n++] = (struct pf_allocs_probe){ .fd = fd,
						      .offset = e->offset,
						      .address = address,
						      .frees = k->frees,
						      .size = reg_of(e, k->size),
						      .times = reg_of(e, k->times),
						      .old = reg_of(e, k->old),
						      .out = reg_of(e, k->out) };
	if (!k->frees)
		f->code[f->n_code++] =
			(struct pfstack_function){ file->module, e->address,
						   e->address + (e->size ? e->size : 1) };
	f->dear += !e->cheap;
	pf_info("probe at %s+%u%s", functions[i].name, e->at,
		e->cheap ? "" : ": dear, the kernel has to step over it");
}

static void take_file(struct pfstack_functions *f, struct pfstack_mappings *m,
		      const struct file *file, bool all)
{
	for (size_t i = 0; i < FUNCTIONS; i++) {
		if (file->entries[i].address && needs_of(&functions[i].kind) &&
		    (all || functions[i].own))
			take_one(f, m, file, i);
	}
}

/* ---- all of a process ------------------------------------------------------ */

static size_t list_files(const struct pfstack_mappings *m, struct file *files, uint32_t program)
{
	size_t n = 0, k;

	for (size_t i = 0; i < m->n_ranges; i++) {
		const struct pf_map_range *r = &m->ranges[i];

		for (k = 0; k < n && files[k].module != r->module; k++)
			;
		if (k < n || r->module == PF_MODULE_NONE)
			continue;
		files[n].module = r->module;
		files[n].start = r->start;
		files[n++].program = r->module == program;
	}
	return n;
}

int pfstack_functions_find(struct pfstack_functions *f, struct pfstack_mappings *m,
			   const struct pfstack_proc *proc, struct pf_error *err)
{
	_cleanup_free_ struct file *files = calloc(m->n_ranges + 1, sizeof(*files));
	const struct file *first = NULL;
	char name[256];
	size_t n;

	memset(f, 0, sizeof(*f));
	if (!files)
		return pf_fail(err, ENOMEM, "out of memory");
	n = list_files(m, files, pfstack_mappings_program(m, proc->key.pid));
	for (size_t i = 0; i < n; i++) {
		int ret = ask(m->symbolizer, &files[i]);

		/* What has code has symbols, as a rule. */
		if (ret == -ENODATA)
			ret = ask(m->symbolizer, &files[i]);
		if (ret == -ENODATA)
			pf_info("no symbols in %s",
				pf_text_printable(
					name, sizeof(name),
					pf_symbolizer__name(m->symbolizer, files[i].module)));
		else if (ret)
			pf_warn("cannot look for functions in %s: %s",
				pf_text_printable(
					name, sizeof(name),
					pf_symbolizer__name(m->symbolizer, files[i].module)),
				strerror(-ret));
		else if (before(&files[i], first))
			first = &files[i];
	}
	for (size_t i = 0; i < n; i++)
		take_file(f, m, &files[i], &files[i] == first);
	if (!f->n_code)
		return pf_fail(err, ENOENT,
			       "pid %" PRId64 " has no allocator that is known: no malloc in the "
			       "symbols of what it has mapped (a program stripped of all symbols, "
			       "or one with an allocator of its own)",
			       proc->key.pid);
	f->module = first ? first->module : f->code[0].module;
	pf_info("allocator: %s, %zu functions",
		pf_text_printable(name, sizeof(name),
				  pf_symbolizer__name(m->symbolizer, f->module)),
		f->n);
	return 0;
}

bool pfstack_functions_has(const struct pfstack_functions *f, const struct pf_frame *frame)
{
	for (size_t i = 0; i < f->n_code; i++) {
		if (f->code[i].module == frame->module && frame->address >= f->code[i].start &&
		    frame->address < f->code[i].end)
			return true;
	}
	return false;
}
