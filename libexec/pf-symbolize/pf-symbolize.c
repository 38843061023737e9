/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pf-symbolize: unwinds stacks and names places in code for pfstack, so that
 * pfstack need not read what strangers wrote. Is handed open files and asked
 * over a socket on descriptor 0 (lib/stack/ask.h); opens nothing, talks to no
 * one else, and may die of what it reads.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/confine.h"
#include "lib/base/error.h"
#include "lib/stack/ask.h"
#include "lib/stack/demangle.h"
#include "lib/stack/entry.h"
#include "lib/stack/hotspot.h"
#include "lib/stack/names.h"
#include "lib/stack/perfmap.h"
#include "lib/stack/ranges.h"
#include "lib/stack/unwind.h"
#include "libexec/pf-symbolize/filter.h"
#include "libexec/pf-symbolize/tables.h"

#define SOCKET 0

static const struct pf_confine bounds = { .memory_bytes = 512u << 20, .files = 16384 };

struct symbolize {
	struct tables tables;
	struct pf_ask_memory *memory;
	union {
		struct pf_ask head;
		_Alignas(uint64_t) char bytes[PF_ASK_BYTES_MAX];
	} packet;
	size_t body_len;
	uint32_t batch; /* of samples */
	_Alignas(uint64_t) char reply[PF_ASK_BYTES_MAX];
};

static const void *body(const struct symbolize *s)
{
	return s->packet.bytes + sizeof(struct pf_ask);
}

/* ---- what we are told ------------------------------------------------------ */

static int take_memory(struct symbolize *s, int fd)
{
	void *map = mmap(NULL, sizeof(*s->memory), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	close(fd);
	if (map == MAP_FAILED)
		return -errno;
	s->memory = map;
	s->tables.busy = &s->memory->busy_module;
	return 0;
}

static void keep(int *slot, int fd)
{
	if (*slot >= 0)
		close(*slot);
	*slot = fd;
}

static int take_file(struct symbolize *s, const struct pf_ask *head, int fd)
{
	struct known_module *m = tables_module(&s->tables, head->id);

	if (!m) {
		close(fd);
		return -ENOMEM;
	}
	switch (head->op) {
	case PF_ASK_DEBUG:
		keep(&m->debug, fd);
		break;
	case PF_ASK_SHARED:
		keep(&m->shared, fd);
		break;
	default:
		m->is_perfmap = head->op == PF_ASK_PERFMAP;
		keep(&m->fd, fd);
	}
	return 0;
}

static int take_jvm(struct symbolize *s, const struct pf_ask *head, int fd)
{
	struct known_process *p = tables_process(&s->tables, head->id);

	if (!p || p->has_jvm) {
		close(fd);
		return -EINVAL;
	}
	p->has_jvm = true;
	p->jvm = head->n;
	p->memory = fd;
	return 0;
}

static int take_maps(struct symbolize *s, const struct pf_ask *head)
{
	struct known_process *p = tables_process(&s->tables, head->id);

	if (!p || s->body_len < head->n * sizeof(struct pf_map_range))
		return -EINVAL;
	if (head->flags & PF_ASK_FIRST)
		known_process_forget(p);
	p->abi = head->abi;
	return known_process_add(p, body(s), head->n) ? 0 : -ENOMEM;
}

/* ---- unwinding ------------------------------------------------------------- */

static struct pf_module *open_module(void *ctx, uint32_t id)
{
	return tables_open(ctx, id);
}

static void unwind_one(struct symbolize *s, uint32_t i)
{
	const struct pf_ask_sample *in = &s->memory->in[i];
	struct known_process *p = tables_process(&s->tables, in->process);
	struct pf_unwind_sample sample = { .depth = in->depth,
					   .regs = in->regs,
					   .ips = in->n_ips ? (const void *)in->data : NULL,
					   .n_ips = in->n_ips,
					   .n_parts = in->n_parts };
	struct pf_code code = { .abi = PF_ABI_NATIVE, .module = open_module, .ctx = &s->tables };

	s->memory->busy_sample = i;
	if (p && !p->sorted) {
		p->n = pf_ranges_sort(p->ranges, p->n);
		p->sorted = true;
	}
	if (p && p->n) {
		code.abi = p->abi;
		code.ranges = p->ranges;
		code.n = p->n;
		code.hotspot = tables_hotspot(&s->tables, p);
	}
	if (code.hotspot)
		pf_hotspot__renew(code.hotspot, s->batch);
	for (uint32_t k = 0; k < in->n_parts; k++)
		sample.parts[k] = (struct pf_stack_part){ in->parts[k].address, in->parts[k].len,
							  in->data + in->parts[k].at };
	pf_unwind(&code, &sample, &s->memory->out[i]);
}

static int unwind(struct symbolize *s, const struct pf_ask *head)
{
	if (!s->memory || head->n > PF_UNWIND_BATCH)
		return -EINVAL;
	s->batch++;
	for (uint32_t i = 0; i < head->n; i++)
		unwind_one(s, i);
	s->memory->busy_module = PF_MODULE_NONE;
	return pf_ask_send(SOCKET, head, NULL, 0, -1);
}

/* ---- names ----------------------------------------------------------------- */

static int tell_info(struct symbolize *s, const struct pf_ask *head)
{
	struct pf_module *m = tables_open(&s->tables, head->id);
	struct pf_names *names = m ? pf_module__names(m) : NULL;
	struct pf_ask_info info = { .readable = m ? 1 : 0 };

	if (m)
		info.build_id = *pf_module__build_id(m);
	if (names && (head->flags & PF_ASK_LINES))
		pf_names__shared_id(names, &info.shared_id);
	s->memory->busy_module = PF_MODULE_NONE;
	return pf_ask_send(SOCKET, head, (const char *)&info + sizeof(info.head),
			   sizeof(info) - sizeof(info.head), -1);
}

/* Where the next text may be written; each has its room in the packet. */
static size_t put_name(char *at, const struct pf_name *n)
{
	char *text = at + sizeof(struct pf_ask_name);
	struct pf_ask_name head = { .start = n->start, .line = n->line, .inlined = n->inlined };

	if (n->name)
		head.name_len = (uint16_t)strlen(pf_demangle(text, PF_NAME_MAX + 1, n->name));
	text += head.name_len;
	if (n->file) {
		size_t len = strlen(n->file);

		/* Of a long path the end says more. */
		head.file_len = (uint16_t)(len < PF_NAME_MAX ? len : PF_NAME_MAX);
		memcpy(text, n->file + len - head.file_len, head.file_len);
	}
	memcpy(at, &head, sizeof(head));
	return sizeof(head) + head.name_len + head.file_len;
}

static int tell_names(struct symbolize *s, const struct pf_ask *head, const struct pf_name *names,
		      size_t n)
{
	const struct pf_ask answer = { .op = head->op, .id = head->id, .n = (uint32_t)n };
	size_t len = 0;

	_Static_assert(PF_INLINED_MAX * (sizeof(struct pf_ask_name) + 2 * (PF_NAME_MAX + 1)) <=
			       PF_ASK_BYTES_MAX - sizeof(struct pf_ask),
		       "all names of a place fit into a packet");
	for (size_t i = 0; i < n; i++)
		len += put_name(s->reply + len, &names[i]);
	return pf_ask_send(SOCKET, &answer, s->reply, len, -1);
}

static size_t find_names(struct symbolize *s, const struct pf_ask *head, uint64_t address,
			 struct pf_name names[PF_INLINED_MAX])
{
	struct pf_module *m = tables_open(&s->tables, head->id);
	struct pf_perfmap *map = m ? NULL : tables_perfmap(&s->tables, head->id);
	struct pf_names *of = m ? pf_module__names(m) : NULL;

	if (of)
		return pf_names__find(of, address, head->flags & PF_ASK_LINES, names,
				      PF_INLINED_MAX);
	names[0] = (struct pf_name){ 0 };
	if (map)
		names[0].name = pf_perfmap__find(map, address, &names[0].start);
	return names[0].name ? 1 : 0;
}

static int name_all(struct symbolize *s, const struct pf_ask *head)
{
	struct pf_name names[PF_INLINED_MAX];
	int ret = 0;

	if (head->n > PF_ASK_ADDRESSES_MAX || s->body_len < head->n * sizeof(uint64_t))
		return -EINVAL;
	tables_refresh(&s->tables, head->id);
	for (uint32_t i = 0; !ret && i < head->n; i++) {
		uint64_t address;

		memcpy(&address, (const char *)body(s) + i * sizeof(address), sizeof(address));
		ret = tell_names(s, head, names, find_names(s, head, address, names));
	}
	s->memory->busy_module = PF_MODULE_NONE;
	return ret;
}

/* ---- functions ------------------------------------------------------------- */

struct looking {
	struct pf_module *module;
	struct pf_ask_entry wanted[PF_ASK_ENTRIES_MAX];
	const char *names[PF_ASK_ENTRIES_MAX];
	struct pf_entry *out;
	unsigned char code[PF_ENTRY_CODE];
};

static void take_entry(void *ctx, size_t which, uint64_t address, uint64_t size)
{
	struct looking *l = ctx;
	struct pf_entry *e = &l->out[which];
	struct pf_entry_choice choice;
	uint64_t offset, left;
	size_t len;

	if (e->address || !pf_module__offset(l->module, address, &offset, &left))
		return;
	if (size && size < left)
		left = size;
	len = pf_module__read(l->module, offset, l->code,
			      left < sizeof(l->code) ? left : sizeof(l->code));
	pf_entry_choose(pf_module__abi(l->module), l->code, len, l->wanted[which].args,
			l->wanted[which].returns, &choice);
	*e = (struct pf_entry){ .address = address,
				.size = size,
				.offset = offset + choice.at,
				.at = choice.at,
				.cheap = choice.cheap };
	memcpy(e->args, choice.args, sizeof(e->args));
}

/* False: it is cut off. */
static bool read_wanted(const struct symbolize *s, uint32_t n, struct looking *l)
{
	const char *at = body(s), *end = at + s->body_len, *nul;

	for (uint32_t i = 0; i < n; i++) {
		if (end - at < (ptrdiff_t)sizeof(l->wanted[i]))
			return false;
		memcpy(&l->wanted[i], at, sizeof(l->wanted[i]));
		at += sizeof(l->wanted[i]);
		nul = memchr(at, '\0', (size_t)(end - at));
		if (!nul)
			return false;
		l->names[i] = at;
		at = nul + 1;
	}
	return true;
}

static int find_entries(struct symbolize *s, const struct pf_ask *head)
{
	_cleanup_free_ struct looking *l = calloc(1, sizeof(*l));
	struct pf_ask answer = *head;
	struct pf_names *names;

	_Static_assert(PF_ASK_ENTRIES_MAX * sizeof(struct pf_entry) <= sizeof(s->reply), "fits");
	if (!l || head->n > PF_ASK_ENTRIES_MAX || !read_wanted(s, head->n, l))
		return -EINVAL;
	l->module = tables_open(&s->tables, head->id);
	l->out = (void *)s->reply;
	memset(l->out, 0, head->n * sizeof(*l->out));
	names = l->module ? pf_module__names(l->module) : NULL;
	if (names)
		answer.flags = pf_names__each(names, l->names, head->n, take_entry, l)
				       ? PF_ASK_HAS_SYMBOLS
				       : 0;
	s->memory->busy_module = PF_MODULE_NONE;
	return pf_ask_send(SOCKET, &answer, s->reply, head->n * sizeof(*l->out), -1);
}

/* ---- its life -------------------------------------------------------------- */

/* Takes fd. */
static int take_open(struct symbolize *s, const struct pf_ask *head, int fd)
{
	switch (head->op) {
	case PF_ASK_HELLO:
		return take_memory(s, fd);
	case PF_ASK_JVM:
		return take_jvm(s, head, fd);
	default:
		return take_file(s, head, fd);
	}
}

static int answer(struct symbolize *s, int fd)
{
	const struct pf_ask head = s->packet.head;

	if (head.op >= PF_ASK_HELLO && head.op <= PF_ASK_JVM) {
		if (fd < 0)
			return -EINVAL;
		return take_open(s, &head, fd);
	}
	if (fd >= 0)
		close(fd);
	if (!s->memory)
		return -EINVAL;
	switch (head.op) {
	case PF_ASK_MAPS:
		return take_maps(s, &head);
	case PF_ASK_UNWIND:
		return unwind(s, &head);
	case PF_ASK_INFO:
		return tell_info(s, &head);
	case PF_ASK_NAMES:
		return name_all(s, &head);
	case PF_ASK_ENTRIES:
		return find_entries(s, &head);
	default:
		return -EINVAL;
	}
}

static int serve(struct symbolize *s)
{
	ssize_t got;
	int fd, ret = 0;

	while (!ret &&
	       (got = pf_ask_receive(SOCKET, s->packet.bytes, sizeof(s->packet.bytes), &fd)) > 0) {
		if ((size_t)got < sizeof(s->packet.head))
			return -EINVAL;
		s->body_len = (size_t)got - sizeof(s->packet.head);
		ret = answer(s, fd);
	}
	return ret;
}

static bool is_socket(int fd)
{
	int type;
	socklen_t len = sizeof(type);

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) && type == SOCK_SEQPACKET;
}

int main(int argc, char **argv)
{
	struct symbolize *s = calloc(1, sizeof(*s));
	struct pf_error err = { 0 };

	(void)argv;
	if (argc != 1 || !is_socket(SOCKET)) {
		fputs("pf-symbolize is run by pfstack, which hands it open files\n", stderr);
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!s || pf_confine(&bounds, &err) || (!PF_CONFINE_WATCHED && filter_calls())) {
		fprintf(stderr, "pf-symbolize: %s\n",
			err.code ? err.text : "cannot filter its system calls");
		return 1;
	}
	pf_module_init();
	return serve(s) ? 1 : 0;
}
