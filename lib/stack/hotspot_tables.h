/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a JVM says of itself in the tables that libjvm.so exports for debuggers
 * (gHotSpotVMStructs, gHotSpotVMTypes, gHotSpotVMIntConstants): where its code
 * is, and how the head of a piece of code is laid out. Read in its memory.
 */
#ifndef PF_LIB_STACK_HOTSPOT_TABLES_H
#define PF_LIB_STACK_HOTSPOT_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PF_HOTSPOT_HEAPS_MAX 8 /* it has three, or one */

/* Where code lies, in blocks of segments. The map has a byte for each segment. */
struct pf_hotspot_heap {
	uint64_t low;
	uint64_t high; /* of what is reserved; the first address beyond */
	uint64_t map;
	uint32_t log2_segment;
};

/* A number in its memory. */
struct pf_hotspot_field {
	uint64_t at;  /* bytes from the beginning of the struct, or the address of a static one */
	uint8_t size; /* 1, 2, 4, 8 */
	bool is_signed;
	bool is_known;
};

enum pf_hotspot_fields {
	PF_HOTSPOT_HEAPS, /* static */
	PF_HOTSPOT_ARRAY_LEN,
	PF_HOTSPOT_ARRAY_DATA,
	PF_HOTSPOT_SPACE_LOW,
	PF_HOTSPOT_SPACE_HIGH,
	PF_HOTSPOT_HEAP_MEMORY,
	PF_HOTSPOT_HEAP_MAP,
	PF_HOTSPOT_HEAP_LOG2,
	PF_HOTSPOT_BLOCK_LENGTH,
	PF_HOTSPOT_BLOCK_USED,
	PF_HOTSPOT_BLOB_NAME,
	PF_HOTSPOT_BLOB_FRAME_COMPLETE,
	PF_HOTSPOT_BLOB_FRAME_SIZE,
	PF_HOTSPOT_CALL_STUB_RETURN, /* static */
	PF_HOTSPOT_VERSION,	     /* static */
	PF_HOTSPOT_REQUIRED,
	/* Where code begins and ends: addresses in 17 ... */
	PF_HOTSPOT_BLOB_CODE_BEGIN = PF_HOTSPOT_REQUIRED,
	PF_HOTSPOT_BLOB_CODE_END,
	/* ... and distances from the head in 25, where data follow code. */
	PF_HOTSPOT_BLOB_CODE_OFFSET,
	PF_HOTSPOT_BLOB_DATA_OFFSET,
	/* Options, for versions that are not known. */
	PF_HOTSPOT_FLAGS,   /* static */
	PF_HOTSPOT_N_FLAGS, /* static */
	PF_HOTSPOT_FLAG_NAME,
	PF_HOTSPOT_FLAG_VALUE,
	PF_HOTSPOT_FIELDS,
};

struct pf_hotspot_tables {
	struct pf_hotspot_field fields[PF_HOTSPOT_FIELDS];
	uint64_t block_bytes; /* the head of a block; a piece of code follows */
	uint64_t flag_bytes;
	int64_t sender_sp; /* words from the frame pointer of an interpreted frame */
	struct pf_hotspot_heap heaps[PF_HOTSPOT_HEAPS_MAX];
	uint32_t n_heaps;
};

/* True if all of it could be read. */
bool pf_hotspot_peek(int memory, uint64_t address, void *dst, size_t size);
/* A NUL-terminated string, cut at size. */
bool pf_hotspot_peek_text(int memory, uint64_t address, char *dst, size_t size);
/* A field of a struct there; of a static one the struct is 0. */
bool pf_hotspot_number(int memory, const struct pf_hotspot_field *field, uint64_t of,
		       uint64_t *out);

/* The same in a copy: of a struct that begins `of` bytes into it. */
bool pf_hotspot_member(const struct pf_hotspot_field *field, const void *copy, size_t size,
		       uint64_t of, uint64_t *out);

/*
 * 0: everything is known, and the version is one whose frames we know. -ENOENT:
 * no HotSpot. -ENOTSUP: another version, or other frames. -EIO: cannot be read.
 */
int pf_hotspot_tables_read(struct pf_hotspot_tables *t, int memory,
			   uint64_t (*symbol)(void *ctx, const char *name), void *ctx);

/* The heaps of code, which are made one after the other when it starts. */
void pf_hotspot_tables_heaps(struct pf_hotspot_tables *t, int memory);

/* Was told to keep frame pointers (-XX:+PreserveFramePointer). False also where that is not known. */
bool pf_hotspot_tables_pointers(const struct pf_hotspot_tables *t, int memory);

#endif
