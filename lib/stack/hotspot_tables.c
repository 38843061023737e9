/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables of tables: each says in symbols of its own how long an entry is and
 * where its members are (share/runtime/vmStructs.hpp in HotSpot's sources).
 * All numbers here are a stranger's, hence bounded before they are used.
 */
#include "lib/stack/hotspot_tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

#define ENTRIES_MAX   8192 /* of a table; the longest of 17 has 788 */
#define STRIDE_MAX    256  /* bytes of an entry */
#define PAGE	      4096 /* what is read at once, whatever a page is */
#define PAGES	      16
#define FLAGS_MAX     8192
#define TEXT_MAX      64	   /* longer names are none of those that we look for */
#define HEAP_MAX      (2ULL << 30) /* ReservedCodeCacheSize is 2 GiB at most */
#define LOG2_MIN      3
#define LOG2_MAX      16
#define STRUCT_MAX    65536 /* bytes into a struct */
#define SENDER_SP_X86 (-1)  /* frame_x86.hpp: interpreter_frame_sender_sp_offset */

static const struct {
	const char *type;
	const char *name;
} wanted[PF_HOTSPOT_FIELDS] = {
	[PF_HOTSPOT_HEAPS] = { "CodeCache", "_heaps" },
	[PF_HOTSPOT_ARRAY_LEN] = { "GrowableArrayBase", "_len" },
	[PF_HOTSPOT_ARRAY_DATA] = { "GrowableArray<int>", "_data" },
	[PF_HOTSPOT_SPACE_LOW] = { "VirtualSpace", "_low_boundary" },
	[PF_HOTSPOT_SPACE_HIGH] = { "VirtualSpace", "_high_boundary" },
	[PF_HOTSPOT_HEAP_MEMORY] = { "CodeHeap", "_memory" },
	[PF_HOTSPOT_HEAP_MAP] = { "CodeHeap", "_segmap" },
	[PF_HOTSPOT_HEAP_LOG2] = { "CodeHeap", "_log2_segment_size" },
	[PF_HOTSPOT_BLOCK_LENGTH] = { "HeapBlock::Header", "_length" },
	[PF_HOTSPOT_BLOCK_USED] = { "HeapBlock::Header", "_used" },
	[PF_HOTSPOT_BLOB_NAME] = { "CodeBlob", "_name" },
	[PF_HOTSPOT_BLOB_FRAME_COMPLETE] = { "CodeBlob", "_frame_complete_offset" },
	[PF_HOTSPOT_BLOB_FRAME_SIZE] = { "CodeBlob", "_frame_size" },
	[PF_HOTSPOT_CALL_STUB_RETURN] = { "StubRoutines", "_call_stub_return_address" },
	[PF_HOTSPOT_VERSION] = { "Abstract_VM_Version", "_vm_major_version" },
	[PF_HOTSPOT_BLOB_CODE_BEGIN] = { "CodeBlob", "_code_begin" },
	[PF_HOTSPOT_BLOB_CODE_END] = { "CodeBlob", "_code_end" },
	[PF_HOTSPOT_BLOB_CODE_OFFSET] = { "CodeBlob", "_code_offset" },
	[PF_HOTSPOT_BLOB_DATA_OFFSET] = { "CodeBlob", "_data_offset" },
	[PF_HOTSPOT_FLAGS] = { "JVMFlag", "flags" },
	[PF_HOTSPOT_N_FLAGS] = { "JVMFlag", "numFlags" },
	[PF_HOTSPOT_FLAG_NAME] = { "JVMFlag", "_name" },
	[PF_HOTSPOT_FLAG_VALUE] = { "JVMFlag", "_addr" },
};

/* ---- its memory ------------------------------------------------------------ */

bool pf_hotspot_peek(int memory, uint64_t address, void *dst, size_t size)
{
	return address <= INT64_MAX && pread(memory, dst, size, (off_t)address) == (ssize_t)size;
}

/* What follows a short text may not be mapped. */
bool pf_hotspot_peek_text(int memory, uint64_t address, char *dst, size_t size)
{
	const ssize_t got =
		address && address <= INT64_MAX ? pread(memory, dst, size - 1, (off_t)address) : -1;

	if (got <= 0)
		return false;
	dst[got] = '\0';
	return true;
}

static uint64_t widened(uint64_t value, uint8_t size, bool is_signed)
{
	const unsigned int spare = 64 - 8 * size;

	return is_signed ? (uint64_t)((int64_t)(value << spare) >> spare) : value;
}

bool pf_hotspot_number(int memory, const struct pf_hotspot_field *field, uint64_t of, uint64_t *out)
{
	uint64_t value = 0;

	if (!field->is_known || !pf_hotspot_peek(memory, of + field->at, &value, field->size))
		return false;
	*out = widened(value, field->size, field->is_signed);
	return true;
}

bool pf_hotspot_member(const struct pf_hotspot_field *field, const void *copy, size_t size,
		       uint64_t of, uint64_t *out)
{
	uint64_t value = 0;

	if (!field->is_known || of > size || field->at > size - of ||
	    field->size > size - of - field->at)
		return false;
	memcpy(&value, (const char *)copy + of + field->at, field->size);
	*out = widened(value, field->size, field->is_signed);
	return true;
}

/* ---- tables ---------------------------------------------------------------- */

/* Names of neighbours lie together: to read page by page saves most reads. */
struct page {
	uint64_t at;
	size_t len; /* 0 = nothing is there */
	unsigned char bytes[PAGE];
};

struct source {
	int memory;
	uint64_t (*symbol)(void *ctx, const char *name);
	void *ctx;
	struct page pages[PAGES];
};

static const struct page *page_of(struct source *s, uint64_t address)
{
	const uint64_t at = address - address % PAGE;
	struct page *page = &s->pages[address / PAGE % PAGES];
	ssize_t got;

	if (page->at == at && page->len)
		return page;
	got = at <= INT64_MAX ? pread(s->memory, page->bytes, PAGE, (off_t)at) : -1;
	page->at = at;
	page->len = got > 0 ? (size_t)got : 0;
	return page;
}

/* How many bytes of it there are. */
static size_t read_bytes(struct source *s, uint64_t address, void *dst, size_t size)
{
	size_t done = 0;

	while (done < size && address + done >= address) {
		const struct page *page = page_of(s, address + done);
		const size_t from = (address + done) % PAGE;
		const size_t left = page->len > from ? page->len - from : 0;
		const size_t n = left < size - done ? left : size - done;

		if (!n)
			break;
		memcpy((char *)dst + done, page->bytes + from, n);
		done += n;
	}
	return done;
}

static bool read_entry(struct source *s, uint64_t at, unsigned char *entry, uint64_t stride)
{
	return read_bytes(s, at, entry, stride) == stride;
}

/* Cut at TEXT_MAX; what follows it may not be there. */
static bool read_text(struct source *s, uint64_t address, char text[TEXT_MAX])
{
	const size_t n = address ? read_bytes(s, address, text, TEXT_MAX - 1) : 0;

	text[n] = '\0';
	return n > 0;
}

static bool word_of(struct source *s, const char *name, uint64_t *out)
{
	const uint64_t address = s->symbol(s->ctx, name);

	return address && pf_hotspot_peek(s->memory, address, out, sizeof(*out));
}

/* Where a member of an entry is, as a symbol says: within the entry. */
static bool offset_of(struct source *s, const char *name, uint64_t stride, uint64_t *out)
{
	return word_of(s, name, out) && *out <= stride - sizeof(uint64_t);
}

static bool begin(struct source *s, const char *table, const char *stride_name, uint64_t *address,
		  uint64_t *stride)
{
	return word_of(s, table, address) && word_of(s, stride_name, stride) &&
	       *stride >= sizeof(uint64_t) && *stride <= STRIDE_MAX;
}

static uint64_t member(const unsigned char *entry, uint64_t at)
{
	uint64_t value;

	memcpy(&value, entry + at, sizeof(value));
	return value;
}

/* By how HotSpot writes the type. */
static bool set_width(struct pf_hotspot_field *f, const char *type)
{
	static const struct {
		const char *type;
		uint8_t size;
		bool is_signed;
	} widths[] = { { "bool", 1, false },   { "int16_t", 2, true }, { "u2", 2, false },
		       { "int", 4, true },     { "jint", 4, true },    { "uint32_t", 4, false },
		       { "size_t", 8, false }, { "address", 8, false } };
	const size_t len = strlen(type);

	f->size = 0;
	for (size_t i = 0; i < PF_ARRAY_SIZE(widths); i++) {
		if (strcmp(widths[i].type, type) == 0) {
			f->size = widths[i].size;
			f->is_signed = widths[i].is_signed;
		}
	}
	if (!f->size && len && type[len - 1] == '*')
		f->size = 8;
	return f->size != 0;
}

struct struct_entry {
	uint64_t stride, type, name, type_string, is_static, offset, address;
};

static int find_wanted(const char *type, const char *name)
{
	for (int i = 0; i < PF_HOTSPOT_FIELDS; i++) {
		if (strcmp(wanted[i].type, type) == 0 && strcmp(wanted[i].name, name) == 0)
			return i;
	}
	return -1;
}

static bool is_wanted_type(const char *type)
{
	for (int i = 0; i < PF_HOTSPOT_FIELDS; i++) {
		if (strcmp(wanted[i].type, type) == 0)
			return true;
	}
	return false;
}

/* One whose type is not told is a struct, or of any type: its place is all that matters. */
static void take_field(struct pf_hotspot_tables *t, struct source *s, const struct struct_entry *e,
		       const unsigned char *entry)
{
	char type[TEXT_MAX], name[TEXT_MAX], of[TEXT_MAX] = "";
	struct pf_hotspot_field f = { 0 };
	int which;

	if (!read_text(s, member(entry, e->type), type) || !is_wanted_type(type) ||
	    !read_text(s, member(entry, e->name), name))
		return;
	which = find_wanted(type, name);
	if (which < 0)
		return;
	read_text(s, member(entry, e->type_string), of);
	if (!set_width(&f, of))
		f.size = sizeof(uint64_t);
	f.at = (uint32_t)member(entry, e->is_static) ? member(entry, e->address)
						     : member(entry, e->offset);
	f.is_known = (uint32_t)member(entry, e->is_static) || f.at <= STRUCT_MAX;
	t->fields[which] = f;
}

static int read_structs(struct pf_hotspot_tables *t, struct source *s)
{
	unsigned char entry[STRIDE_MAX];
	struct struct_entry e;
	uint64_t at;

	if (!begin(s, "gHotSpotVMStructs", "gHotSpotVMStructEntryArrayStride", &at, &e.stride) ||
	    !offset_of(s, "gHotSpotVMStructEntryTypeNameOffset", e.stride, &e.type) ||
	    !offset_of(s, "gHotSpotVMStructEntryFieldNameOffset", e.stride, &e.name) ||
	    !offset_of(s, "gHotSpotVMStructEntryTypeStringOffset", e.stride, &e.type_string) ||
	    !offset_of(s, "gHotSpotVMStructEntryIsStaticOffset", e.stride, &e.is_static) ||
	    !offset_of(s, "gHotSpotVMStructEntryOffsetOffset", e.stride, &e.offset) ||
	    !offset_of(s, "gHotSpotVMStructEntryAddressOffset", e.stride, &e.address))
		return -EIO;
	for (int i = 0; i < ENTRIES_MAX; i++, at += e.stride) {
		if (!read_entry(s, at, entry, e.stride))
			return -EIO;
		if (!member(entry, e.type))
			return 0;
		take_field(t, s, &e, entry);
	}
	return -EIO;
}

static int read_types(struct pf_hotspot_tables *t, struct source *s)
{
	unsigned char entry[STRIDE_MAX];
	uint64_t at, stride, name, size;
	char text[TEXT_MAX];

	if (!begin(s, "gHotSpotVMTypes", "gHotSpotVMTypeEntryArrayStride", &at, &stride) ||
	    !offset_of(s, "gHotSpotVMTypeEntryTypeNameOffset", stride, &name) ||
	    !offset_of(s, "gHotSpotVMTypeEntrySizeOffset", stride, &size))
		return -EIO;
	for (int i = 0; i < ENTRIES_MAX; i++, at += stride) {
		if (!read_entry(s, at, entry, stride))
			return -EIO;
		if (!member(entry, name))
			return 0;
		if (!read_text(s, member(entry, name), text))
			continue;
		if (strcmp(text, "HeapBlock") == 0)
			t->block_bytes = member(entry, size);
		if (strcmp(text, "JVMFlag") == 0)
			t->flag_bytes = member(entry, size);
	}
	return -EIO;
}

static int read_constants(struct pf_hotspot_tables *t, struct source *s)
{
	unsigned char entry[STRIDE_MAX];
	uint64_t at, stride, name, value;
	char text[TEXT_MAX];

	if (!begin(s, "gHotSpotVMIntConstants", "gHotSpotVMIntConstantEntryArrayStride", &at,
		   &stride) ||
	    !offset_of(s, "gHotSpotVMIntConstantEntryNameOffset", stride, &name) ||
	    !offset_of(s, "gHotSpotVMIntConstantEntryValueOffset", stride, &value))
		return -EIO;
	for (int i = 0; i < ENTRIES_MAX; i++, at += stride) {
		if (!read_entry(s, at, entry, stride))
			return -EIO;
		if (!member(entry, name))
			return 0;
		if (read_text(s, member(entry, name), text) &&
		    strcmp(text, "frame::interpreter_frame_sender_sp_offset") == 0)
			t->sender_sp = (int32_t)member(entry, value);
	}
	return -EIO;
}

/* ---- what they say --------------------------------------------------------- */

/* Versions whose frames were looked at: lib/stack/hotspot.c. */
static bool is_known_version(const struct pf_hotspot_tables *t, int memory)
{
	uint64_t version;

	return pf_hotspot_number(memory, &t->fields[PF_HOTSPOT_VERSION], 0, &version) &&
	       (version == 17 || version == 25);
}

static bool all_known(const struct pf_hotspot_tables *t)
{
	const struct pf_hotspot_field *f = t->fields;

	for (int i = 0; i < PF_HOTSPOT_REQUIRED; i++) {
		if (!f[i].is_known)
			return false;
	}
	return ((f[PF_HOTSPOT_BLOB_CODE_BEGIN].is_known && f[PF_HOTSPOT_BLOB_CODE_END].is_known) ||
		(f[PF_HOTSPOT_BLOB_CODE_OFFSET].is_known &&
		 f[PF_HOTSPOT_BLOB_DATA_OFFSET].is_known)) &&
	       t->block_bytes && t->block_bytes <= STRUCT_MAX && t->sender_sp == SENDER_SP_X86;
}

int pf_hotspot_tables_read(struct pf_hotspot_tables *t, int memory,
			   uint64_t (*symbol)(void *ctx, const char *name), void *ctx)
{
	_cleanup_free_ struct source *s = calloc(1, sizeof(*s));
	int ret;

	memset(t, 0, sizeof(*t));
	if (!s)
		return -EIO;
	s->memory = memory;
	s->symbol = symbol;
	s->ctx = ctx;
	if (!symbol(ctx, "gHotSpotVMStructs"))
		return -ENOENT;
	ret = read_structs(t, s);
	if (!ret)
		ret = read_types(t, s);
	if (!ret)
		ret = read_constants(t, s);
	if (ret)
		return ret;
	return is_known_version(t, memory) && all_known(t) ? 0 : -ENOTSUP;
}

static bool read_space(const struct pf_hotspot_tables *t, int memory, uint64_t space, uint64_t *low,
		       uint64_t *high)
{
	return pf_hotspot_number(memory, &t->fields[PF_HOTSPOT_SPACE_LOW], space, low) &&
	       pf_hotspot_number(memory, &t->fields[PF_HOTSPOT_SPACE_HIGH], space, high) && *low &&
	       *low < *high && *high - *low <= HEAP_MAX;
}

static bool read_heap(const struct pf_hotspot_tables *t, int memory, uint64_t of,
		      struct pf_hotspot_heap *heap)
{
	const struct pf_hotspot_field *f = t->fields;
	uint64_t log2, map_high;

	if (!read_space(t, memory, of + f[PF_HOTSPOT_HEAP_MEMORY].at, &heap->low, &heap->high) ||
	    !read_space(t, memory, of + f[PF_HOTSPOT_HEAP_MAP].at, &heap->map, &map_high) ||
	    !pf_hotspot_number(memory, &f[PF_HOTSPOT_HEAP_LOG2], of, &log2) || log2 < LOG2_MIN ||
	    log2 > LOG2_MAX)
		return false;
	heap->log2_segment = (uint32_t)log2;
	return (heap->high - heap->low) >> log2 <= map_high - heap->map;
}

void pf_hotspot_tables_heaps(struct pf_hotspot_tables *t, int memory)
{
	const struct pf_hotspot_field *f = t->fields;
	uint64_t array, len, data, heap;

	if (!pf_hotspot_number(memory, &f[PF_HOTSPOT_HEAPS], 0, &array) || !array ||
	    !pf_hotspot_number(memory, &f[PF_HOTSPOT_ARRAY_LEN], array, &len) ||
	    !pf_hotspot_number(memory, &f[PF_HOTSPOT_ARRAY_DATA], array, &data) ||
	    len > PF_HOTSPOT_HEAPS_MAX)
		return;
	t->n_heaps = 0;
	for (uint64_t i = 0; i < len; i++) {
		if (pf_hotspot_peek(memory, data + i * sizeof(heap), &heap, sizeof(heap)) &&
		    read_heap(t, memory, heap, &t->heaps[t->n_heaps]))
			t->n_heaps++;
	}
}

bool pf_hotspot_tables_pointers(const struct pf_hotspot_tables *t, int memory)
{
	const struct pf_hotspot_field *f = t->fields;
	uint64_t flags, n, name, value;
	char text[TEXT_MAX];
	unsigned char on;

	if (!pf_hotspot_number(memory, &f[PF_HOTSPOT_FLAGS], 0, &flags) ||
	    !pf_hotspot_number(memory, &f[PF_HOTSPOT_N_FLAGS], 0, &n) || n > FLAGS_MAX)
		return false;
	for (uint64_t i = 0; i < n; i++) {
		const uint64_t flag = flags + i * t->flag_bytes;

		if (pf_hotspot_number(memory, &f[PF_HOTSPOT_FLAG_NAME], flag, &name) &&
		    pf_hotspot_peek_text(memory, name, text, sizeof(text)) &&
		    strcmp(text, "PreserveFramePointer") == 0 &&
		    pf_hotspot_number(memory, &f[PF_HOTSPOT_FLAG_VALUE], flag, &value))
			return pf_hotspot_peek(memory, value, &on, sizeof(on)) && on;
	}
	return false;
}
