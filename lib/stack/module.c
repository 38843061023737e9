/* SPDX-License-Identifier: BSD-2-Clause */
/* An ELF file by its program headers: sections may be missing, or lie. */
#include "lib/stack/module.h"

#include <elfutils/libdwelf.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/stack/cfi.h"
#include "lib/stack/names.h"

#define LOADS_MAX   64
#define ENTRY_BYTES 64

struct load {
	uint64_t offset;
	uint64_t address;
	uint64_t size; /* in the file */
};

struct pf_module {
	int fd;
	Elf *elf;
	enum pf_abi abi;
	uint64_t entry;
	struct load loads[LOADS_MAX]; /* those that may be run */
	size_t n_loads;
	struct pf_build_id build_id;
	struct pf_cfi *cfi;
	struct pf_names *names;
};

void pf_module_init(void)
{
	elf_version(EV_CURRENT);
}

static enum pf_abi abi_of(const Elf64_Ehdr *header)
{
	switch (header->e_machine) {
	case EM_X86_64:
		return PF_ABI_X86_64;
	case EM_AARCH64:
		return PF_ABI_ARM64;
	default:
		return 0;
	}
}

static bool read_header(struct pf_module *m)
{
	static const uint16_t order = 1;
	const unsigned char ours = *(const char *)&order ? ELFDATA2LSB : ELFDATA2MSB;
	const char *ident = elf_getident(m->elf, NULL);
	const Elf64_Ehdr *header = ident ? elf64_getehdr(m->elf) : NULL;

	if (!header || (unsigned char)ident[EI_DATA] != ours ||
	    (header->e_type != ET_EXEC && header->e_type != ET_DYN))
		return false;
	m->abi = abi_of(header);
	m->entry = header->e_entry;
	return m->abi != 0;
}

static bool read_loads(struct pf_module *m)
{
	size_t n;
	GElf_Phdr p; /* a copy: in the file it may lie anywhere */

	if (elf_getphdrnum(m->elf, &n))
		return false;
	for (size_t i = 0; i < n && m->n_loads < LOADS_MAX && gelf_getphdr(m->elf, (int)i, &p);
	     i++) {
		if (p.p_type == PT_LOAD && (p.p_flags & PF_X) && p.p_filesz)
			m->loads[m->n_loads++] = (struct load){ p.p_offset, p.p_vaddr, p.p_filesz };
	}
	return m->n_loads > 0;
}

static void read_build_id(struct pf_module *m)
{
	const void *bytes;
	ssize_t len = dwelf_elf_gnu_build_id(m->elf, &bytes);

	if (len <= 0 || len > PF_BUILD_ID_MAX)
		return;
	m->build_id.len = (uint8_t)len;
	memcpy(m->build_id.bytes, bytes, (size_t)len);
}

struct pf_module *pf_module__open(int fd)
{
	struct pf_module *m = calloc(1, sizeof(*m));

	if (!m) {
		close(fd);
		return NULL;
	}
	m->fd = fd;
	m->elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!m->elf || elf_kind(m->elf) != ELF_K_ELF || !read_header(m) || !read_loads(m)) {
		pf_module__close(m);
		return NULL;
	}
	read_build_id(m);
	return m;
}

void pf_module__close(struct pf_module *m)
{
	if (!m)
		return;
	pf_names__free(m->names);
	pf_cfi__free(m->cfi);
	elf_end(m->elf);
	close(m->fd);
	free(m);
}

enum pf_abi pf_module__abi(const struct pf_module *m)
{
	return m->abi;
}

const struct pf_build_id *pf_module__build_id(const struct pf_module *m)
{
	return &m->build_id;
}

bool pf_module__address(const struct pf_module *m, uint64_t offset, uint64_t *address)
{
	for (size_t i = 0; i < m->n_loads; i++) {
		const struct load *l = &m->loads[i];

		if (offset >= l->offset && offset - l->offset < l->size) {
			*address = l->address + (offset - l->offset);
			return true;
		}
	}
	return false;
}

bool pf_module__offset(const struct pf_module *m, uint64_t address, uint64_t *offset,
		       uint64_t *left)
{
	for (size_t i = 0; i < m->n_loads; i++) {
		const struct load *l = &m->loads[i];

		if (address >= l->address && address - l->address < l->size) {
			*offset = l->offset + (address - l->address);
			*left = l->size - (address - l->address);
			return true;
		}
	}
	return false;
}

size_t pf_module__read(const struct pf_module *m, uint64_t offset, void *dst, size_t size)
{
	const ssize_t got = pread(m->fd, dst, size, (off_t)offset);

	return got > 0 ? (size_t)got : 0;
}

/* The table for the dynamic linker, which is never stripped. */
static Elf_Scn *dynamic_symbols(Elf *elf, GElf_Shdr *header)
{
	Elf_Scn *scn = NULL;

	while ((scn = elf_nextscn(elf, scn))) {
		if (gelf_getshdr(scn, header) && header->sh_type == SHT_DYNSYM)
			return scn;
	}
	return NULL;
}

bool pf_module__symbol(const struct pf_module *m, const char *name, uint64_t *address)
{
	GElf_Shdr header;
	Elf_Scn *scn = dynamic_symbols(m->elf, &header);
	Elf_Data *data = scn ? elf_getdata(scn, NULL) : NULL;
	GElf_Sym sym;

	for (int i = 0; data && gelf_getsym(data, i, &sym); i++) {
		const char *its = elf_strptr(m->elf, header.sh_link, sym.st_name);

		if (its && sym.st_shndx != SHN_UNDEF && strcmp(its, name) == 0) {
			*address = sym.st_value;
			return true;
		}
	}
	return false;
}

struct pf_cfi *pf_module__cfi(struct pf_module *m)
{
	if (!m->cfi)
		m->cfi = pf_cfi__new(m->elf, m->abi);
	return m->cfi;
}

bool pf_module__is_entry(const struct pf_module *m, uint64_t address)
{
	return m->entry && address >= m->entry && address - m->entry < ENTRY_BYTES;
}

struct pf_names *pf_module__names(struct pf_module *m)
{
	if (!m->names)
		m->names = pf_names__new(m->fd);
	return m->names;
}
