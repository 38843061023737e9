/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of a process with a JVM in it, made up: the tables that libjvm.so
 * exports, one heap of code. A file whose offsets are addresses, as in
 * /proc/PID/mem.
 */
#ifndef PF_TESTS_UNIT_HOTSPOT_IMAGE_H
#define PF_TESTS_UNIT_HOTSPOT_IMAGE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

#define IMAGE_AT    0x7f0000000000 /* where tables and texts are */
#define HEAP_AT	    0x7f1000000000
#define HEAP_BYTES  0x100000
#define MAP_AT	    0x7f2000000000
#define STATIC_AT   0x7f3000000000 /* static fields: one word each */
#define LOG2_SEG    7
#define BLOCK_BYTES 16

/* Members of a blob, from its beginning; those that 17 has. */
enum { BLOB_COMPLETE = 20, BLOB_FRAME = 28, BLOB_BEGIN = 32, BLOB_END = 40, BLOB_NAME = 96 };

struct image_symbol {
	const char *name;
	uint64_t value; /* the word that is there */
};

struct image {
	int fd;
	uint64_t next; /* free from here on */
	struct image_symbol symbols[32];
	size_t n_symbols;
};

static inline void image_put(struct image *m, uint64_t at, const void *bytes, size_t n)
{
	if (pwrite(m->fd, bytes, n, (off_t)at) != (ssize_t)n)
		abort();
}

static inline void image_word(struct image *m, uint64_t at, uint64_t value)
{
	image_put(m, at, &value, sizeof(value));
}

static inline uint64_t image_text(struct image *m, const char *text)
{
	const uint64_t at = m->next;

	image_put(m, at, text, strlen(text) + 1);
	m->next += (strlen(text) + 8) & ~7ULL;
	return at;
}

static inline void image_symbol(struct image *m, const char *name, uint64_t value)
{
	for (size_t i = 0; i < m->n_symbols; i++) {
		if (strcmp(m->symbols[i].name, name) == 0) {
			m->symbols[i].value = value;
			return;
		}
	}
	m->symbols[m->n_symbols++] = (struct image_symbol){ name, value };
}

/* As pf_hotspot__new asks for it: symbols are words one after the other, written when asked for. */
static inline uint64_t image_find(void *ctx, const char *name)
{
	struct image *m = ctx;

	for (size_t i = 0; i < m->n_symbols; i++) {
		if (strcmp(m->symbols[i].name, name) == 0) {
			image_word(m, IMAGE_AT + 8 * i, m->symbols[i].value);
			return IMAGE_AT + 8 * i;
		}
	}
	return 0;
}

struct image_field {
	const char *type, *name, *of;
	uint64_t at; /* below STATIC_AT: not static */
};

#define IMAGE_HEAPS   STATIC_AT
#define IMAGE_RETURN  (STATIC_AT + 8)
#define IMAGE_VERSION (STATIC_AT + 16)
#define IMAGE_FLAGS   (STATIC_AT + 24)
#define IMAGE_N_FLAGS (STATIC_AT + 32)
#define IMAGE_ARRAY   (STATIC_AT + 64) /* of heaps: len, data, then the pointers */
#define IMAGE_HEAP    (STATIC_AT + 128)

static const struct image_field image_fields[] = {
	{ "CodeCache", "_heaps", "GrowableArray<CodeHeap*>*", IMAGE_HEAPS },
	{ "GrowableArrayBase", "_len", "int", 0 },
	{ "GrowableArray<int>", "_data", "int*", 8 },
	{ "VirtualSpace", "_low_boundary", "char*", 0 },
	{ "VirtualSpace", "_high_boundary", "char*", 8 },
	{ "CodeHeap", "_memory", "VirtualSpace", 8 },
	{ "CodeHeap", "_segmap", "VirtualSpace", 32 },
	{ "CodeHeap", "_log2_segment_size", "int", 64 },
	{ "HeapBlock::Header", "_length", "size_t", 0 },
	{ "HeapBlock::Header", "_used", "bool", 8 },
	{ "CodeBlob", "_name", "const char*", BLOB_NAME },
	{ "CodeBlob", "_frame_complete_offset", "int", BLOB_COMPLETE },
	{ "CodeBlob", "_frame_size", "int", BLOB_FRAME },
	{ "CodeBlob", "_code_begin", "address", BLOB_BEGIN },
	{ "CodeBlob", "_code_end", "address", BLOB_END },
	{ "StubRoutines", "_call_stub_return_address", "address", IMAGE_RETURN },
	{ "Abstract_VM_Version", "_vm_major_version", "int", IMAGE_VERSION },
	{ "JVMFlag", "flags", "JVMFlag*", IMAGE_FLAGS },
	{ "JVMFlag", "numFlags", "size_t", IMAGE_N_FLAGS },
	{ "JVMFlag", "_name", "const char*", 8 },
	{ "JVMFlag", "_addr", "", 0 },
};

static inline void image_structs(struct image *m)
{
	const uint64_t at = m->next;

	m->next += (PF_ARRAY_SIZE(image_fields) + 1) * 48;
	for (size_t i = 0; i < PF_ARRAY_SIZE(image_fields); i++) {
		const struct image_field *f = &image_fields[i];
		const uint64_t is_static = f->at >= STATIC_AT;
		const uint64_t entry[6] = { image_text(m, f->type),
					    image_text(m, f->name),
					    *f->of ? image_text(m, f->of) : 0,
					    is_static,
					    is_static ? 0 : f->at,
					    is_static ? f->at : 0 };

		image_put(m, at + i * sizeof(entry), entry, sizeof(entry));
	}
	image_symbol(m, "gHotSpotVMStructs", at);
	image_symbol(m, "gHotSpotVMStructEntryArrayStride", 48);
	image_symbol(m, "gHotSpotVMStructEntryTypeNameOffset", 0);
	image_symbol(m, "gHotSpotVMStructEntryFieldNameOffset", 8);
	image_symbol(m, "gHotSpotVMStructEntryTypeStringOffset", 16);
	image_symbol(m, "gHotSpotVMStructEntryIsStaticOffset", 24);
	image_symbol(m, "gHotSpotVMStructEntryOffsetOffset", 32);
	image_symbol(m, "gHotSpotVMStructEntryAddressOffset", 40);
}

static inline void image_types(struct image *m)
{
	const uint64_t heap_block = image_text(m, "HeapBlock"), flag = image_text(m, "JVMFlag");
	const uint64_t types[] = { heap_block, BLOCK_BYTES, flag, 24, 0, 0 };

	image_symbol(m, "gHotSpotVMTypes", m->next);
	image_symbol(m, "gHotSpotVMTypeEntryArrayStride", 16);
	image_symbol(m, "gHotSpotVMTypeEntryTypeNameOffset", 0);
	image_symbol(m, "gHotSpotVMTypeEntrySizeOffset", 8);
	image_put(m, m->next, types, sizeof(types));
	m->next += sizeof(types);
}

static inline void image_constants(struct image *m)
{
	const uint64_t name = image_text(m, "frame::interpreter_frame_sender_sp_offset");
	const uint64_t constants[] = { name, (uint32_t)-1, 0, 0 };

	image_symbol(m, "gHotSpotVMIntConstants", m->next);
	image_symbol(m, "gHotSpotVMIntConstantEntryArrayStride", 16);
	image_symbol(m, "gHotSpotVMIntConstantEntryNameOffset", 0);
	image_symbol(m, "gHotSpotVMIntConstantEntryValueOffset", 8);
	image_put(m, m->next, constants, sizeof(constants));
	m->next += sizeof(constants);
}

/* A heap without a block in it; `flag`: a process that keeps frame pointers. */
static inline void image_make(struct image *m, uint64_t version, unsigned char flag)
{
	unsigned char free_map[HEAP_BYTES >> LOG2_SEG];

	*m = (struct image){ .fd = memfd_create("hotspot", MFD_CLOEXEC), .next = IMAGE_AT + 4096 };
	if (m->fd < 0)
		abort();
	image_structs(m);
	image_types(m);
	image_constants(m);
	image_word(m, IMAGE_HEAPS, IMAGE_ARRAY);
	image_word(m, IMAGE_ARRAY, 1);
	image_word(m, IMAGE_ARRAY + 8, IMAGE_ARRAY + 16);
	image_word(m, IMAGE_ARRAY + 16, IMAGE_HEAP);
	image_word(m, IMAGE_HEAP + 8, HEAP_AT);
	image_word(m, IMAGE_HEAP + 16, HEAP_AT + HEAP_BYTES);
	image_word(m, IMAGE_HEAP + 32, MAP_AT);
	image_word(m, IMAGE_HEAP + 40, MAP_AT + sizeof(free_map));
	image_word(m, IMAGE_HEAP + 64, LOG2_SEG);
	image_word(m, IMAGE_RETURN, 0);
	image_word(m, IMAGE_VERSION, version);
	image_word(m, IMAGE_FLAGS, m->next);
	image_word(m, IMAGE_N_FLAGS, 1);
	image_put(m, STATIC_AT + 512, &flag, 1);
	image_word(m, m->next, STATIC_AT + 512);
	image_word(m, m->next + 8, m->next + 24);
	m->next += 24;
	image_text(m, "PreserveFramePointer");
	memset(free_map, 255, sizeof(free_map));
	image_put(m, MAP_AT, free_map, sizeof(free_map));
}

/* A block of so many segments with a blob; returns where its instructions begin. */
static inline uint64_t image_blob(struct image *m, uint64_t segment, uint64_t segments,
				  const char *name, int32_t frame_words, int32_t complete)
{
	const uint64_t block = HEAP_AT + (segment << LOG2_SEG), blob = block + BLOCK_BYTES;
	const uint64_t begin = block + (2 << LOG2_SEG);

	for (uint64_t i = 0; i < segments; i++) {
		const unsigned char back = i <= 254 ? (unsigned char)i : 254;

		image_put(m, MAP_AT + segment + i, &back, 1);
	}
	image_word(m, block, segments);
	image_word(m, block + 8, 1);
	image_put(m, blob + BLOB_FRAME, &frame_words, sizeof(frame_words));
	image_put(m, blob + BLOB_COMPLETE, &complete, sizeof(complete));
	image_word(m, blob + BLOB_BEGIN, begin);
	image_word(m, blob + BLOB_END, HEAP_AT + ((segment + segments) << LOG2_SEG));
	image_word(m, blob + BLOB_NAME, image_text(m, name));
	return begin;
}

#endif
