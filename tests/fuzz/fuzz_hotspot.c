/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes in the memory of a JVM, in place of its tables, the map of its
 * code, blobs and instructions, and any as a stack: following frames must come
 * to an end, and never goes down the stack.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/stack/eval.h"
#include "lib/stack/hotspot.h"
#include "tests/unit/hotspot_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STACK_AT 0x7ffd00000000
#define STEPS	 64

/* Bytes in place of others: where, and how many follow. */
struct change {
	uint16_t at;
	uint8_t where;
	uint8_t len;
};

struct head {
	uint16_t pc;
	uint16_t sp;
	uint16_t fp;
	int8_t frame_words[3];
	int8_t complete[3];
	uint64_t stack[32];
};

static void must(int ok)
{
	if (!ok)
		abort();
}

static void change_all(struct image *m, const uint8_t *data, size_t size)
{
	static const uint64_t places[] = { IMAGE_AT, STATIC_AT, HEAP_AT, MAP_AT };
	struct change c;

	while (size > sizeof(c)) {
		memcpy(&c, data, sizeof(c));
		data += sizeof(c);
		size -= sizeof(c);
		if (c.len > size)
			c.len = (uint8_t)size;
		image_put(m, places[c.where % PF_ARRAY_SIZE(places)] + c.at, data, c.len);
		data += c.len;
		size -= c.len;
	}
}

static void follow(struct pf_hotspot *h, const struct head *head)
{
	const struct pf_stack_part part = { STACK_AT, sizeof(head->stack), head->stack };
	struct pf_eval_state m = { .parts = &part, .n_parts = 1 };
	struct pf_hotspot_caller up;
	uint64_t pc = HEAP_AT + head->pc;

	m.regs.r[PF_X86_64_RSP] = STACK_AT + head->sp % sizeof(head->stack);
	m.regs.r[PF_X86_64_RBP] = STACK_AT + head->fp % sizeof(head->stack);
	for (int i = 0; i < STEPS && !pf_hotspot__caller(h, &m, pc, i == 0, &up); i++) {
		must(up.sp > m.regs.r[PF_X86_64_RSP]);
		m.regs.r[PF_X86_64_RSP] = up.sp;
		m.regs.r[PF_X86_64_RBP] = up.fp;
		/* Back into the code, or the first step is the last. */
		pc = HEAP_AT + (up.pc & 0xffff);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "nmethod", "Interpreter", "StubRoutines (1)" };
	struct pf_hotspot *h;
	struct image m;
	struct head head;

	if (size < sizeof(head))
		return 0;
	memcpy(&head, data, sizeof(head));
	image_make(&m, 17, 0);
	for (uint64_t i = 0; i < PF_ARRAY_SIZE(names); i++)
		image_blob(&m, 4 + i * 64, 60, names[i], head.frame_words[i], head.complete[i]);
	change_all(&m, data + sizeof(head), size - sizeof(head));
	h = pf_hotspot__new(m.fd, image_find, &m);
	must(h != NULL);
	pf_hotspot__renew(h, 1);
	follow(h, &head);
	pf_hotspot__free(h);
	return 0;
}
