/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parent's side of naming code. When the child dies, what it was at is
 * left out from then on and the question is put again: each death takes a file
 * or a sample out of it, so this ends.
 */
#include "lib/stack/symbolizer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <elf.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/text.h"
#include "lib/stack/book.h"
#include "lib/stack/inventory.h"
#include "lib/stack/keeper.h"
#include "lib/stack/ksyms.h"
#include "lib/stack/ranges.h"

#define UNWIND_S       10.0 /* for a batch, with files that are read for the first time */
#define NAMES_S	       30.0 /* for an answer that may need a large file's debug information */
#define VDSO_BYTES_MAX (1u << 20)

struct queued {
	uint64_t cookie;
	pf_unwound_fn unwound;
	void *ctx;
	uint32_t process; /* in the memory is the slot */
	uint64_t ip;
	bool lost;
};

struct pf_symbolizer {
	struct pf_symbolizer_options options;
	struct pf_keeper *keeper;
	struct pf_inventory *inventory;
	struct pf_book *book;
	struct pf_ksyms *ksyms;
	struct pf_symbolizer_stats stats;
	uint32_t vdso;
	bool vdso_tried;
	struct queued queue[PF_UNWIND_BATCH];
	uint32_t n_queued;
	bool unwinding;
};

static void note(const struct pf_symbolizer *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void note(const struct pf_symbolizer *s, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	if (!s->options.note)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	s->options.note(s->options.ctx, text);
}

/* ---- its life -------------------------------------------------------------- */

/* Each file that is known keeps a descriptor open, and a process has 1,024 by default. */
static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max < 3 * PF_MODULES_MAX ? limit.rlim_max : 3 * PF_MODULES_MAX;
	setrlimit(RLIMIT_NOFILE, &limit); /* fewer will do for fewer files */
}

struct pf_symbolizer *pf_symbolizer__new(const struct pf_symbolizer_options *options,
					 struct pf_error *err)
{
	struct pf_symbolizer *s = calloc(1, sizeof(*s));

	if (s) {
		s->options = *options;
		if (!s->options.proc_root)
			s->options.proc_root = "/proc";
		s->inventory = pf_inventory__new(s->options.proc_root, s->options.debug_root);
		s->book = pf_book__new();
		s->ksyms = pf_ksyms__new(s->options.proc_root);
	}
	if (!s || !s->inventory || !s->book || !s->ksyms)
		pf_fail(err, ENOMEM, "out of memory");
	else
		s->keeper = pf_keeper__new(options->program, err);
	if (s && s->keeper) {
		allow_descriptors();
		return s;
	}
	pf_symbolizer__free(s);
	return NULL;
}

void pf_symbolizer__free(struct pf_symbolizer *s)
{
	if (!s)
		return;
	pf_keeper__free(s->keeper);
	pf_ksyms__free(s->ksyms);
	pf_book__free(s->book);
	pf_inventory__free(s->inventory);
	free(s);
}

const struct pf_symbolizer_stats *pf_symbolizer__stats(const struct pf_symbolizer *s)
{
	return &s->stats;
}

static bool child_runs(struct pf_symbolizer *s)
{
	const bool runs = pf_keeper__runs(s->keeper);

	if (!runs && !s->stats.dead)
		note(s,
		     "pf-symbolize ended %d times within a minute: it is left alone for a while,"
		     " and stacks are lost",
		     PF_KEEPER_DEATHS);
	s->stats.dead = !runs;
	return runs;
}

/* The child is dead: says so, and leaves out the file that it was at. False: it was at none. */
static bool blame_module(struct pf_symbolizer *s, uint32_t id)
{
	struct pf_known_module *m = pf_inventory__module(s->inventory, id);
	char name[256];

	s->stats.restarts = pf_keeper__deaths(s->keeper);
	if (!m || m->bad) {
		note(s, "pf-symbolize ended of a stack, which is lost; it is started again");
		return false;
	}
	m->bad = true;
	s->stats.bad_modules++;
	pf_text_printable(name, sizeof(name), m->name);
	note(s, "pf-symbolize ended of %s, which stays without names; it is started again", name);
	return true;
}

/* ---- what is mapped -------------------------------------------------------- */

uint32_t pf_symbolizer__find_module(struct pf_symbolizer *s, const struct pf_module_key *key)
{
	return pf_inventory__find_module(s->inventory, key);
}

int64_t pf_symbolizer__add_module(struct pf_symbolizer *s, const char *name, int fd)
{
	return pf_inventory__add_module(s->inventory, name, fd);
}

int64_t pf_symbolizer__set_maps(struct pf_symbolizer *s, const struct pf_map_owner *owner,
				const struct pf_map_range *ranges, size_t n)
{
	int64_t id = pf_inventory__set_maps(s->inventory, owner, ranges, n);

	/* Now, while it lives: code without a file is named by its map. */
	for (size_t i = 0; id > 0 && i < n; i++) {
		if (ranges[i].module == PF_MODULE_NONE) {
			pf_inventory__perfmap(s->inventory,
					      pf_inventory__maps(s->inventory, (uint32_t)id),
					      ranges[i].start);
			break;
		}
	}
	return id;
}

void pf_symbolizer__forget_maps(struct pf_symbolizer *s, uint32_t process)
{
	pf_inventory__forget_maps(s->inventory, process);
}

/* The image ends with its section headers. */
static size_t vdso_bytes(const Elf64_Ehdr *image)
{
	const size_t bytes = image->e_shoff + (size_t)image->e_shnum * image->e_shentsize;

	return memcmp(image->e_ident, ELFMAG, SELFMAG) || bytes > VDSO_BYTES_MAX ? 0 : bytes;
}

static uint32_t add_vdso(struct pf_symbolizer *s)
{
	const Elf64_Ehdr *image = (const void *)getauxval(AT_SYSINFO_EHDR);
	const size_t bytes = image ? vdso_bytes(image) : 0;
	int64_t id;
	int fd;

	if (!bytes)
		return PF_MODULE_NONE;
	fd = memfd_create("pf-vdso", MFD_CLOEXEC);
	if (fd < 0)
		return PF_MODULE_NONE;
	if (write(fd, image, bytes) != (ssize_t)bytes) {
		close(fd);
		return PF_MODULE_NONE;
	}
	id = pf_inventory__add_module(s->inventory, "[vdso]", fd);
	return id < 0 ? PF_MODULE_NONE : (uint32_t)id;
}

uint32_t pf_symbolizer__vdso(struct pf_symbolizer *s)
{
	if (!s->vdso_tried)
		s->vdso = add_vdso(s);
	s->vdso_tried = true;
	return s->vdso;
}

/* ---- unwinding ------------------------------------------------------------- */

static uint64_t first_ip(const struct pf_unwind_sample *sample, const struct pf_known_maps *maps)
{
	if (sample->ips)
		return sample->n_ips ? sample->ips[0] : 0;
	return sample->regs
		.r[maps && maps->owner.abi == PF_ABI_ARM64 ? PF_ARM64_PC : PF_X86_64_RIP];
}

static void copy_ips(struct pf_ask_sample *to, const struct pf_unwind_sample *from)
{
	to->n_ips = from->n_ips < PF_FRAMES_MAX ? from->n_ips : PF_FRAMES_MAX;
	memcpy(to->data, from->ips, to->n_ips * sizeof(*from->ips));
}

static void copy_parts(struct pf_ask_sample *to, const struct pf_unwind_sample *from)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < from->n_parts && i < PF_STACK_PARTS_MAX; i++) {
		const struct pf_stack_part *part = &from->parts[i];
		const uint32_t room = PF_STACK_BYTES_MAX - at;
		const uint32_t len = part->len < room ? part->len : room;

		to->parts[to->n_parts].address = part->address;
		to->parts[to->n_parts].len = len;
		to->parts[to->n_parts++].at = at;
		memcpy(to->data + at, part->data, len);
		at += len;
	}
}

void pf_symbolizer__queue(struct pf_symbolizer *s, const struct pf_unwind_sample *sample,
			  uint64_t cookie, pf_unwound_fn unwound, void *ctx)
{
	struct pf_ask_sample *to;

	if (s->n_queued == PF_UNWIND_BATCH)
		pf_symbolizer__unwind(s);
	to = &pf_keeper__memory(s->keeper)->in[s->n_queued];
	to->depth = sample->depth;
	to->regs = sample->regs;
	to->n_ips = to->n_parts = 0;
	if (sample->ips)
		copy_ips(to, sample);
	else
		copy_parts(to, sample);
	s->queue[s->n_queued++] = (struct queued){
		.cookie = cookie,
		.unwound = unwound,
		.ctx = ctx,
		.process = sample->process,
		.ip = first_ip(sample, pf_inventory__maps(s->inventory, sample->process)),
	};
	if (s->n_queued == PF_UNWIND_BATCH)
		pf_symbolizer__unwind(s);
}

/* Which sample is whose. A process that is not known has no ranges, not even those of another. */
static int prepare(struct pf_symbolizer *s)
{
	struct pf_ask_memory *memory = pf_keeper__memory(s->keeper);

	for (uint32_t i = 0; i < s->n_queued; i++) {
		int64_t slot =
			pf_inventory__tell_maps(s->inventory, s->keeper, s->queue[i].process);

		if (slot == -EPIPE)
			return -EPIPE;
		memory->in[i].process = slot < 0 ? PF_PROCESSES_MAX : (uint32_t)slot;
	}
	return 0;
}

static int ask_unwind(struct pf_symbolizer *s)
{
	const struct pf_ask ask = { .op = PF_ASK_UNWIND, .n = s->n_queued };
	struct pf_ask answer;
	ssize_t got;
	int ret = prepare(s);

	if (!ret)
		ret = pf_keeper__say(s->keeper, &ask, NULL, 0, -1);
	if (ret)
		return ret;
	got = pf_keeper__hear(s->keeper, &answer, sizeof(answer), UNWIND_S);
	if (got < 0)
		return (int)got;
	return got == sizeof(answer) && answer.op == ask.op ? 0 : pf_keeper__kill(s->keeper);
}

/* It may be what is in the memory of a process, or where that is: one that waits for its owner. */
static bool blame_memory(struct pf_symbolizer *s, uint32_t i)
{
	if (i >= s->n_queued || !pf_inventory__leave_memory(s->inventory, s->queue[i].process))
		return false;
	s->stats.restarts = pf_keeper__deaths(s->keeper);
	note(s, "pf-symbolize ended over a JVM, whose Java code is not followed any more;"
		" it is started again");
	return true;
}

/* Takes out the sample of which the child died. False: it was of none. */
static bool blame_sample(struct pf_symbolizer *s, uint32_t i)
{
	struct pf_ask_sample *in = pf_keeper__memory(s->keeper)->in;

	if (i >= s->n_queued || s->queue[i].lost)
		return false;
	s->queue[i].lost = true;
	in[i].n_parts = 0;
	in[i].n_ips = 0;
	in[i].depth = 0;
	return true;
}

/* All are in the memory's `out` then, or it has not worked. */
static bool unwind_all(struct pf_symbolizer *s)
{
	struct pf_ask_memory *memory = pf_keeper__memory(s->keeper);

	while (child_runs(s)) {
		if (!ask_unwind(s))
			return true;
		if (!blame_memory(s, memory->busy_sample) &&
		    !blame_module(s, memory->busy_module) && !blame_sample(s, memory->busy_sample))
			return false;
	}
	return false;
}

/* What the child has written is taken as far as it makes sense. */
static void take_trace(struct pf_symbolizer *s, const struct queued *q, const struct pf_trace *from,
		       struct pf_trace *to)
{
	struct pf_known_maps *maps = pf_inventory__maps(s->inventory, q->process);

	memcpy(to, from, sizeof(*to));
	if (to->n > PF_FRAMES_MAX)
		to->n = 0;
	if (to->stop >= PF_TRACE_STOPS)
		to->stop = PF_STOP_BROKEN;
	for (uint32_t i = 0; i < to->n; i++) {
		struct pf_frame *f = &to->frames[i];

		f->zero = 0;
		if (!pf_inventory__module(s->inventory, f->module))
			f->module = PF_MODULE_NONE;
		if (maps && f->module == PF_MODULE_NONE)
			f->module = pf_inventory__perfmap(s->inventory, maps, f->address);
	}
}

static void lose_trace(const struct queued *q, struct pf_trace *to)
{
	to->n = 1;
	to->stop = PF_STOP_LOST;
	to->frames[0] = (struct pf_frame){ .ip = q->ip, .address = q->ip };
}

void pf_symbolizer__unwind(struct pf_symbolizer *s)
{
	struct pf_trace trace;
	bool ok;

	if (!s->n_queued || s->unwinding)
		return;
	s->unwinding = true;
	ok = unwind_all(s);
	for (uint32_t i = 0; i < s->n_queued; i++) {
		const struct queued *q = &s->queue[i];

		if (ok && !q->lost)
			take_trace(s, q, &pf_keeper__memory(s->keeper)->out[i], &trace);
		else
			lose_trace(q, &trace);
		s->stats.unwound++;
		s->stats.stops[trace.stop]++;
		q->unwound(q->ctx, q->cookie, &trace);
	}
	s->n_queued = 0;
	s->unwinding = false;
}

/* ---- names ----------------------------------------------------------------- */

struct wanted {
	uint32_t module;
	uint64_t address;
};

static int by_module(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	if (x->module != y->module)
		return x->module < y->module ? -1 : 1;
	return x->address < y->address ? -1 : x->address > y->address;
}

/* A perf map grows, and its addresses get other code: what was found in an older state is not it. */
static uint64_t shelf_of(const struct pf_symbolizer *s, uint32_t module)
{
	const struct pf_known_module *m = pf_inventory__module(s->inventory, module);

	return m ? module | (uint64_t)m->state << 32 : module;
}

/* Those that are not known yet, sorted, each once. */
static size_t choose(const struct pf_symbolizer *s, const struct pf_frame *frames, size_t n,
		     bool lines, struct wanted *out)
{
	size_t chosen = 0, kept = 0;

	for (size_t i = 0; i < n; i++) {
		const struct pf_book_entry *e =
			pf_book__find(s->book, shelf_of(s, frames[i].module), frames[i].address);

		if (frames[i].module != PF_MODULE_NONE && (!e || (lines && !e->lines)))
			out[chosen++] = (struct wanted){ frames[i].module, frames[i].address };
	}
	if (chosen)
		qsort(out, chosen, sizeof(*out), by_module);
	for (size_t i = 0; i < chosen; i++) {
		if (!kept || by_module(&out[kept - 1], &out[i]))
			out[kept++] = out[i];
	}
	return kept;
}

static void enter(struct pf_symbolizer *s, const struct wanted *w, bool lines,
		  const struct pf_book_name *names, uint32_t n)
{
	if (pf_book__enter(s->book, shelf_of(s, w->module), w->address, lines, names, n))
		s->stats.unnamed++;
}

static void name_kernel(struct pf_symbolizer *s, const struct wanted *w, size_t n)
{
	_cleanup_free_ struct pf_ksym *found = calloc(n, sizeof(*found));

	if (!found)
		return;
	for (size_t i = 0; i < n; i++)
		found[i].address = w[i].address;
	pf_ksyms__find(s->ksyms, found, n);
	s->stats.kernel_hidden = pf_ksyms__hidden(s->ksyms);
	for (size_t i = 0; i < n; i++) {
		const struct pf_book_name name = { .name = found[i].name,
						   .start = found[i].start,
						   .module = found[i].module[0] ? found[i].module
										: NULL };

		enter(s, &w[i], true, &name, found[i].name[0] ? 1 : 0);
	}
}

/* One of the names in a packet, its texts copied out with a NUL. False: it is cut off. */
static bool take_name(const char **at, const char *end, struct pf_book_name *name,
		      char texts[2][PF_NAME_MAX + 1])
{
	struct pf_ask_name head;

	if (end - *at < (ptrdiff_t)sizeof(head))
		return false;
	memcpy(&head, *at, sizeof(head));
	*at += sizeof(head);
	if (head.name_len > PF_NAME_MAX || head.file_len > PF_NAME_MAX ||
	    end - *at < head.name_len + head.file_len)
		return false;
	snprintf(texts[0], PF_NAME_MAX + 1, "%.*s", head.name_len, *at);
	snprintf(texts[1], PF_NAME_MAX + 1, "%.*s", head.file_len, *at + head.name_len);
	*at += head.name_len + head.file_len;
	*name = (struct pf_book_name){ .name = head.name_len ? texts[0] : NULL,
				       .start = head.start,
				       .file = head.file_len ? texts[1] : NULL,
				       .line = head.line,
				       .inlined = head.inlined != 0 };
	return true;
}

/* The child's answer for one place. */
static int hear_names(struct pf_symbolizer *s, const struct wanted *w, bool lines)
{
	_Alignas(struct pf_ask) char packet[PF_ASK_BYTES_MAX];
	struct pf_book_name names[PF_INLINED_MAX];
	char texts[PF_INLINED_MAX][2][PF_NAME_MAX + 1];
	struct pf_ask head;
	const char *at = packet + sizeof(head);
	ssize_t got = pf_keeper__hear(s->keeper, packet, sizeof(packet), NAMES_S);

	if (got < 0)
		return (int)got;
	if (got < (ssize_t)sizeof(head))
		return pf_keeper__kill(s->keeper);
	memcpy(&head, packet, sizeof(head));
	if (head.op != PF_ASK_NAMES || head.n > PF_INLINED_MAX)
		return pf_keeper__kill(s->keeper);
	for (uint32_t i = 0; i < head.n; i++) {
		if (!take_name(&at, packet + got, &names[i], texts[i]))
			return pf_keeper__kill(s->keeper);
	}
	enter(s, w, lines, names, head.n);
	return 0;
}

/* Places of one module, as many as fit into a question. */
static int ask_names(struct pf_symbolizer *s, const struct wanted *w, size_t n, bool lines)
{
	const struct pf_ask ask = { .op = PF_ASK_NAMES,
				    .id = w->module,
				    .n = (uint32_t)n,
				    .flags = lines ? PF_ASK_LINES : 0 };
	uint64_t addresses[PF_ASK_ADDRESSES_MAX];
	int ret = pf_inventory__tell_module(s->inventory, s->keeper, w->module);

	for (size_t i = 0; i < n; i++)
		addresses[i] = w[i].address;
	if (!ret)
		ret = pf_inventory__look_for_debug(s->inventory, s->keeper, w->module, NAMES_S);
	if (!ret)
		ret = pf_keeper__say(s->keeper, &ask, addresses, n * sizeof(*addresses), -1);
	for (size_t i = 0; !ret && i < n; i++)
		ret = hear_names(s, &w[i], lines);
	return ret;
}

static void name_module(struct pf_symbolizer *s, const struct wanted *w, size_t n, bool lines)
{
	const struct pf_known_module *m = pf_inventory__module(s->inventory, w->module);
	size_t done = 0;

	while (m && !m->bad && done < n && !pf_book__full(s->book) && child_runs(s)) {
		const size_t left = n - done;
		const size_t part = left < PF_ASK_ADDRESSES_MAX ? left : PF_ASK_ADDRESSES_MAX;

		if (!ask_names(s, w + done, part, lines))
			done += part;
		else if (!blame_module(s, w->module))
			break;
	}
	/* What is left out stays unknown, also to the next report. */
	for (; m && m->bad && done < n; done++)
		enter(s, &w[done], true, NULL, 0);
	if (pf_book__full(s->book))
		s->stats.unnamed += n - done;
}

void pf_symbolizer__renew(struct pf_symbolizer *s)
{
	pf_inventory__renew(s->inventory);
	pf_book__trim(s->book);
	s->stats.unnamed = 0;
}

void pf_symbolizer__resolve(struct pf_symbolizer *s, const struct pf_frame *frames, size_t n,
			    bool lines)
{
	_cleanup_free_ struct wanted *w = calloc(n ? n : 1, sizeof(*w));
	size_t chosen, at = 0;

	chosen = w ? choose(s, frames, n, lines, w) : 0;
	while (at < chosen) {
		size_t end = at;

		while (end < chosen && w[end].module == w[at].module)
			end++;
		if (w[at].module == PF_MODULE_KERNEL)
			name_kernel(s, w + at, end - at);
		else
			name_module(s, w + at, end - at, lines);
		at = end;
	}
}

/* What is known without a name. */
static struct pf_symbol unnamed(struct pf_symbolizer *s, const struct pf_frame *frame)
{
	const struct pf_known_module *m = pf_inventory__module(s->inventory, frame->module);
	struct pf_symbol out = { .offset = frame->ip };

	if (frame->module == PF_MODULE_KERNEL)
		out.module = "[kernel]";
	if (!m)
		return out;
	out.module = m->name;
	out.build_id = m->build_id_hex[0] ? m->build_id_hex : NULL;
	if (!m->is_perfmap)
		out.offset = frame->address;
	return out;
}

/* Of ip, which is one behind the address for a caller. Files are loaded at whole pages, so that
 * shows in the last bits. */
static uint64_t offset_of(const struct pf_frame *frame, uint64_t start)
{
	return frame->address - start + ((frame->ip - frame->address) & 1);
}

size_t pf_symbolizer__symbols(struct pf_symbolizer *s, const struct pf_frame *frame,
			      struct pf_symbol out[PF_INLINED_MAX])
{
	const struct pf_book_entry *e =
		pf_book__find(s->book, shelf_of(s, frame->module), frame->address);

	out[0] = unnamed(s, frame);
	for (uint32_t i = 0; e && i < e->n; i++) {
		const struct pf_book_name *name = &e->names[i];

		out[i] = out[0];
		out[i].name = name->name;
		out[i].file = name->file;
		out[i].line = name->line;
		out[i].inlined = name->inlined;
		out[i].offset = name->inlined ? 0 : offset_of(frame, name->start);
		if (name->module)
			out[i].module = name->module;
	}
	return e && e->n ? e->n : 1;
}

/* ---- functions ------------------------------------------------------------- */

static size_t put_wanted(const struct pf_entry_wanted *wanted, size_t n, char *body, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		const struct pf_ask_entry e = { wanted[i].args, wanted[i].returns };
		const size_t name_len = strlen(wanted[i].name) + 1;

		if (sizeof(e) + name_len > size - len)
			return 0;
		memcpy(body + len, &e, sizeof(e));
		memcpy(body + len + sizeof(e), wanted[i].name, name_len);
		len += sizeof(e) + name_len;
	}
	return len;
}

static int hear_entries(struct pf_symbolizer *s, size_t n, struct pf_entry *out)
{
	struct {
		struct pf_ask head;
		struct pf_entry entries[PF_ENTRIES_MAX];
	} answer;
	const ssize_t got = pf_keeper__hear(s->keeper, &answer, sizeof(answer), NAMES_S);

	if (got < 0)
		return (int)got;
	if (got != (ssize_t)(sizeof(answer.head) + n * sizeof(*out)) ||
	    answer.head.op != PF_ASK_ENTRIES)
		return pf_keeper__kill(s->keeper);
	memcpy(out, answer.entries, n * sizeof(*out));
	return answer.head.flags & PF_ASK_HAS_SYMBOLS ? 0 : -ENODATA;
}

static int ask_entries(struct pf_symbolizer *s, uint32_t module,
		       const struct pf_entry_wanted *wanted, size_t n, struct pf_entry *out)
{
	const struct pf_ask ask = { .op = PF_ASK_ENTRIES, .id = module, .n = (uint32_t)n };
	char body[PF_ASK_BYTES_MAX / 2];
	const size_t len = put_wanted(wanted, n, body, sizeof(body));
	int ret = pf_inventory__tell_module(s->inventory, s->keeper, module);

	if (!ret)
		ret = pf_inventory__look_for_debug(s->inventory, s->keeper, module, NAMES_S);
	if (!ret)
		ret = pf_keeper__say(s->keeper, &ask, body, len, -1);
	return ret ? ret : hear_entries(s, n, out);
}

int pf_symbolizer__entries(struct pf_symbolizer *s, uint32_t module,
			   const struct pf_entry_wanted *wanted, size_t n, struct pf_entry *out)
{
	const struct pf_known_module *m = pf_inventory__module(s->inventory, module);

	if (!m || m->is_perfmap || n > PF_ENTRIES_MAX)
		return -EINVAL;
	while (!m->bad && child_runs(s)) {
		const int ret = ask_entries(s, module, wanted, n, out);

		if (!ret || ret == -ENODATA)
			return ret;
		if (!blame_module(s, module))
			break;
	}
	return -EIO;
}

int pf_symbolizer__file(struct pf_symbolizer *s, uint32_t module)
{
	const struct pf_known_module *m = pf_inventory__module(s->inventory, module);

	return m && !m->is_perfmap ? m->fd : -1;
}

const char *pf_symbolizer__name(struct pf_symbolizer *s, uint32_t module)
{
	const struct pf_known_module *m = pf_inventory__module(s->inventory, module);

	return m ? m->name : NULL;
}
