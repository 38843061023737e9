/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks at section names and at the first bytes of functions. Where functions
 * begin is read from the table that the unwinder searches (.eh_frame_hdr), so
 * that stripped programs tell as much as others. Takes nothing apart further.
 */
#include "lib/proc/code.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OUR_ORDER ELFDATA2LSB
#else
#define OUR_ORDER ELFDATA2MSB
#endif

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#else
#define OUR_MACHINE EM_NONE
#endif

#define SECTIONS_MAX 65536
#define SEGMENTS_MAX 64
#define PROLOGUE     32 /* bytes of a function in which it sets up its frame, if it does */

struct image {
	const unsigned char *data;
	size_t len;
	Elf64_Ehdr head;
};

/* So many bytes at an offset; NULL where they are not all in the file. */
static const void *at(const struct image *im, uint64_t offset, uint64_t size)
{
	return offset <= im->len && size <= im->len - offset ? im->data + offset : NULL;
}

static bool copy(const struct image *im, uint64_t offset, void *dst, size_t size)
{
	const void *from = at(im, offset, size);

	if (from)
		memcpy(dst, from, size);
	return from != NULL;
}

static bool open_image(struct image *im, const void *elf, size_t len)
{
	im->data = elf;
	im->len = len;
	return copy(im, 0, &im->head, sizeof(im->head)) &&
	       !memcmp(im->head.e_ident, ELFMAG, SELFMAG) &&
	       im->head.e_ident[EI_CLASS] == ELFCLASS64 && im->head.e_ident[EI_DATA] == OUR_ORDER &&
	       im->head.e_machine == OUR_MACHINE;
}

/* ---- sections ----------------------------------------------------------------- */

static const struct {
	const char *name;
	const char *word;
	enum pf_code_part part;
} parts[] = {
	{ ".eh_frame", "eh_frame", PF_CODE_EH_FRAME },
	{ ".debug_frame", "debug_frame", PF_CODE_DEBUG_FRAME },
	{ ".debug_info", "debug_info", PF_CODE_DEBUG_INFO },
	{ ".symtab", "symtab", PF_CODE_SYMTAB },
	{ ".dynsym", "dynsym", PF_CODE_DYNSYM },
	{ ".gnu_debuglink", "debuglink", PF_CODE_DEBUG_LINK },
	{ ".gopclntab", "gopclntab", PF_CODE_GO },
};

/* The name starts at `name` in the table of names, if it ends there too. */
static bool is_named(const struct image *im, const Elf64_Shdr *names, uint32_t name,
		     const char *text)
{
	const char *found;
	size_t size = strlen(text) + 1;

	if (name > names->sh_size || size > names->sh_size - name)
		return false;
	found = at(im, names->sh_offset + name, size);
	return found && !memcmp(found, text, size);
}

static bool section(const struct image *im, uint32_t i, Elf64_Shdr *out)
{
	return im->head.e_shoff < im->len &&
	       copy(im, im->head.e_shoff + (uint64_t)i * sizeof(*out), out, sizeof(*out));
}

static void look_at_sections(const struct image *im, struct pf_code *out)
{
	Elf64_Shdr names, s;

	if (im->head.e_shentsize != sizeof(s) || !section(im, im->head.e_shstrndx, &names) ||
	    names.sh_offset > im->len)
		return;
	for (uint32_t i = 1; i < im->head.e_shnum && i < SECTIONS_MAX && section(im, i, &s); i++) {
		for (size_t k = 0; k < PF_ARRAY_SIZE(parts); k++) {
			if (s.sh_size && s.sh_type != SHT_NOBITS &&
			    is_named(im, &names, s.sh_name, parts[k].name))
				out->parts |= parts[k].part;
		}
	}
}

/* ---- segments ------------------------------------------------------------------ */

static bool segment(const struct image *im, uint32_t i, Elf64_Phdr *out)
{
	return i < im->head.e_phnum && i < SEGMENTS_MAX && im->head.e_phentsize == sizeof(*out) &&
	       im->head.e_phoff < im->len &&
	       copy(im, im->head.e_phoff + (uint64_t)i * sizeof(*out), out, sizeof(*out));
}

/* Bytes of code that are loaded at an address. */
static const unsigned char *code_at(const struct image *im, uint64_t address, size_t size)
{
	Elf64_Phdr p;

	for (uint32_t i = 0; segment(im, i, &p); i++) {
		if (p.p_type == PT_LOAD && p.p_flags & PF_X && address >= p.p_vaddr &&
		    address - p.p_vaddr < p.p_filesz && size <= p.p_filesz - (address - p.p_vaddr))
			return at(im, p.p_offset + (address - p.p_vaddr), size);
	}
	return NULL;
}

static void take_build_id(struct pf_code *out, const unsigned char *id, size_t len)
{
	for (size_t i = 0; i < len && 2 * i + 3 <= sizeof(out->build_id); i++)
		snprintf(out->build_id + 2 * i, 3, "%02x", id[i]);
}

/* Notes: name and description, each padded to four bytes. */
static void look_at_notes(const struct image *im, const Elf64_Phdr *p, struct pf_code *out)
{
	uint64_t offset = p->p_offset, end = p->p_offset + p->p_filesz;
	Elf64_Nhdr n;

	while (end <= im->len && offset < end && copy(im, offset, &n, sizeof(n))) {
		uint64_t name = offset + sizeof(n), id = name + ((n.n_namesz + 3ull) & ~3ull);
		const void *bytes = at(im, id, n.n_descsz), *owner = at(im, name, 4);

		if (n.n_type == NT_GNU_BUILD_ID && n.n_namesz == 4 && owner && bytes &&
		    !memcmp(owner, "GNU", 4))
			take_build_id(out, bytes, n.n_descsz);
		offset = id + ((n.n_descsz + 3ull) & ~3ull);
	}
}

/* ---- functions ------------------------------------------------------------------- */

#if defined(__aarch64__)
/* mov x29, sp, or add x29, sp, #N */
static bool sets_frame(const unsigned char *code)
{
	for (size_t i = 0; i + 4 <= PROLOGUE; i += 4) {
		uint32_t word;

		memcpy(&word, code + i, sizeof(word));
		if ((word & 0xffc003ff) == 0x910003fd)
			return true;
	}
	return false;
}
#else
/* push %rbp; mov %rsp,%rbp, in either encoding */
static bool sets_frame(const unsigned char *code)
{
	return memmem(code, PROLOGUE, "\x55\x48\x89\xe5", 4) ||
	       memmem(code, PROLOGUE, "\x55\x48\x8b\xec", 4);
}
#endif

/* The one form that linkers write: offsets of 32 bits from the table's own beginning. */
#define TABLE_FORM "\x01\x1b\x03\x3b"

static void look_at_functions(const struct image *im, const Elf64_Phdr *hdr, struct pf_code *out)
{
	const unsigned char *table = at(im, hdr->p_offset, 12);
	uint32_t count, step;

	if (!table || memcmp(table, TABLE_FORM, 4) != 0)
		return;
	out->parts |= PF_CODE_EH_FRAME;
	memcpy(&count, table + 8, sizeof(count));
	step = count / PF_CODE_FUNCTIONS + 1;
	for (uint64_t i = 0; i < count; i += step) {
		const unsigned char *code;
		int32_t start;

		if (!copy(im, hdr->p_offset + 12 + i * 8, &start, sizeof(start)))
			return;
		code = code_at(im, hdr->p_vaddr + (uint64_t)(int64_t)start, PROLOGUE);
		if (!code)
			continue;
		out->functions++;
		out->framed += sets_frame(code);
	}
}

void pf_code_look(struct pf_code *out, const void *elf, size_t len)
{
	struct image im;
	Elf64_Phdr p;

	memset(out, 0, sizeof(*out));
	if (!open_image(&im, elf, len))
		return;
	out->elf = true;
	look_at_sections(&im, out);
	for (uint32_t i = 0; segment(&im, i, &p); i++) {
		if (p.p_type == PT_NOTE && p.p_offset < len && p.p_filesz < len)
			look_at_notes(&im, &p, out);
		else if (p.p_type == PT_GNU_EH_FRAME)
			look_at_functions(&im, &p, out);
	}
}

/* ---- words -------------------------------------------------------------------------- */

const char *pf_code_parts(unsigned int bits, char *dst, size_t size)
{
	size_t len = 0;

	snprintf(dst, size, "-");
	for (size_t i = 0; i < PF_ARRAY_SIZE(parts); i++) {
		if (bits & parts[i].part && len < size)
			len += (size_t)snprintf(dst + len, size - len, "%s%s", len ? "," : "",
						parts[i].word);
	}
	return dst;
}

unsigned int pf_code_parts_of(const char *words)
{
	unsigned int bits = 0;

	for (size_t i = 0; i < PF_ARRAY_SIZE(parts); i++) {
		const char *found = strstr(words, parts[i].word);
		size_t len = strlen(parts[i].word);

		while (found &&
		       ((found != words && found[-1] != ',') || (found[len] && found[len] != ',')))
			found = strstr(found + 1, parts[i].word);
		if (found)
			bits |= parts[i].part;
	}
	return bits;
}
