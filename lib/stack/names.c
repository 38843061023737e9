/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Symbols are gathered once into a sorted array; elfutils looks through all of
 * them each time. Debug information is read where it is needed only: the
 * ranges of all compilation units once, then the unit that has the address.
 */
#include "lib/stack/names.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/stack/module.h"

#define SYMBOLS_MAX (4u << 20)
#define UNITS_MAX   (4u << 20) /* ranges of compilation units */
#define LOOK_BACK   64	       /* symbols that may lie inside of the one that is looked for */

struct symbol {
	uint64_t start;
	uint64_t size; /* 0 = to the next symbol */
	const char *name;
	uint32_t rank; /* the better name for the same place is the higher one */
};

struct unit {
	uint64_t start;
	uint64_t end;
	Dwarf_Off die;
};

struct pf_names {
	int fd;
	int debug;  /* to be found by find_debug; -1 */
	int shared; /* -1 */
	Dwfl *dwfl;
	Dwfl_Module *module;
	Dwarf *dwarf;
	Dwarf *shared_dwarf;
	bool has_symbols; /* or was found to have none */
	struct symbol *symbols;
	size_t n_symbols;
	bool has_units;
	struct unit *units;
	size_t n_units;
};

/* ---- opening --------------------------------------------------------------- */

/* Only what was handed over. */
static int find_debug(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
		      const char *file, const char *link, GElf_Word crc, char **path)
{
	struct pf_names *n = *userdata;
	int fd = n ? n->debug : -1;

	(void)module, (void)name, (void)base, (void)file, (void)link, (void)crc, (void)path;
	if (n)
		n->debug = -1; /* it is libdwfl's now */
	return fd;
}

static int find_nothing(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
			char **path, Elf **elf)
{
	(void)module, (void)userdata, (void)name, (void)base, (void)path, (void)elf;
	return -1;
}

static const Dwfl_Callbacks callbacks = {
	.find_elf = find_nothing,
	.find_debuginfo = find_debug,
	.section_address = dwfl_offline_section_address,
};

/* At its own addresses: what is asked for is in the file's count. */
static Dwfl_Module *report(Dwfl *dwfl, int fd)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	Dwfl_Module *m;

	if (own < 0)
		return NULL;
	dwfl_report_begin(dwfl);
	m = dwfl_report_elf(dwfl, "module", "module", own, 0, true);
	if (!m)
		close(own);
	dwfl_report_end(dwfl, NULL, NULL);
	return m;
}

static void begin(struct pf_names *n)
{
	void **userdata;

	n->dwfl = dwfl_begin(&callbacks);
	n->module = n->dwfl ? report(n->dwfl, n->fd) : NULL;
	if (n->module) {
		dwfl_module_info(n->module, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
		*userdata = n;
	}
}

/* All that was read, and the files; the descriptor of the file itself stays. */
static void end(struct pf_names *n)
{
	free(n->symbols);
	free(n->units);
	if (n->dwfl)
		dwfl_end(n->dwfl);
	dwarf_end(n->shared_dwarf);
	if (n->debug >= 0)
		close(n->debug);
	if (n->shared >= 0)
		close(n->shared);
	*n = (struct pf_names){ .fd = n->fd, .debug = -1, .shared = -1 };
}

struct pf_names *pf_names__new(int fd)
{
	struct pf_names *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->fd = fd;
	n->debug = n->shared = -1;
	begin(n);
	return n;
}

void pf_names__free(struct pf_names *n)
{
	if (!n)
		return;
	end(n);
	free(n);
}

void pf_names__set_debug(struct pf_names *n, int fd)
{
	/* Its own names may have been looked at without: libdwfl would not look again. */
	end(n);
	n->debug = fd;
	begin(n);
}

static Dwarf *dwarf_of(struct pf_names *n)
{
	Dwarf_Addr bias;

	if (!n->dwarf && n->module)
		n->dwarf = dwfl_module_getdwarf(n->module, &bias);
	return n->dwarf;
}

void pf_names__set_shared(struct pf_names *n, int fd)
{
	Dwarf *dwarf = dwarf_of(n);

	if (!dwarf || n->shared >= 0) {
		close(fd);
		return;
	}
	n->shared = fd;
	n->shared_dwarf = dwarf_begin(fd, DWARF_C_READ);
	if (n->shared_dwarf)
		dwarf_setalt(dwarf, n->shared_dwarf);
}

void pf_names__shared_id(struct pf_names *n, struct pf_build_id *id)
{
	const char *name;
	const void *bytes;
	Dwarf *dwarf = dwarf_of(n);
	ssize_t len = dwarf ? dwelf_dwarf_gnu_debugaltlink(dwarf, &name, &bytes) : 0;

	id->len = 0;
	if (len <= 0 || len > PF_BUILD_ID_MAX)
		return;
	id->len = (uint8_t)len;
	memcpy(id->bytes, bytes, (size_t)len);
}

/* ---- symbols --------------------------------------------------------------- */

static bool is_code(const GElf_Sym *sym, GElf_Word shndx, const char *name)
{
	const unsigned char type = GELF_ST_TYPE(sym->st_info);

	if (!name || !*name || shndx == SHN_UNDEF || shndx == SHN_ABS)
		return false;
	if (type == STT_FUNC || type == STT_GNU_IFUNC)
		return true;
	/* Labels of assembler code; "$x" and the like mark what is code and what data. */
	return type == STT_NOTYPE && name[0] != '$' && name[0] != '.';
}

static uint32_t rank_of(const GElf_Sym *sym)
{
	static const uint32_t by_binding[] = { [STB_LOCAL] = 0, [STB_GLOBAL] = 2, [STB_WEAK] = 1 };
	const unsigned char binding = GELF_ST_BIND(sym->st_info);
	const uint32_t rank = binding < PF_ARRAY_SIZE(by_binding) ? by_binding[binding] : 0;

	return rank + (GELF_ST_TYPE(sym->st_info) != STT_NOTYPE ? 4 : 0) + (sym->st_size ? 8 : 0);
}

static int by_place(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return strcmp(y->name, x->name);
}

static void read_symbols(struct pf_names *n)
{
	int count;

	n->has_symbols = true;
	dwarf_of(n); /* the separate file has the larger table */
	count = n->module ? dwfl_module_getsymtab(n->module) : 0;
	if (count <= 0 || (size_t)count > SYMBOLS_MAX)
		return;
	n->symbols = calloc((size_t)count, sizeof(*n->symbols));
	if (!n->symbols)
		return;
	for (int i = 0; i < count; i++) {
		GElf_Sym sym;
		GElf_Addr address;
		GElf_Word shndx;
		const char *name =
			dwfl_module_getsym_info(n->module, i, &sym, &address, &shndx, NULL, NULL);

		if (is_code(&sym, shndx, name))
			n->symbols[n->n_symbols++] =
				(struct symbol){ address, sym.st_size, name, rank_of(&sym) };
	}
	qsort(n->symbols, n->n_symbols, sizeof(*n->symbols), by_place);
}

/* How many symbols start at or before the address. */
static size_t symbols_before(const struct pf_names *n, uint64_t address)
{
	size_t low = 0, high = n->n_symbols;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (n->symbols[mid].start <= address)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* The last one that starts before it and reaches it. One without a size reaches to the next. */
static const struct symbol *symbol_at(struct pf_names *n, uint64_t address)
{
	size_t from;

	if (!n->has_symbols)
		read_symbols(n);
	from = symbols_before(n, address);
	for (size_t i = from; i-- > 0 && from - i <= LOOK_BACK;) {
		const struct symbol *s = &n->symbols[i];

		if (s->size ? address - s->start < s->size : s->start == n->symbols[from - 1].start)
			return s;
	}
	return NULL;
}

/* ---- debug information ----------------------------------------------------- */

static bool add_unit(struct pf_names *n, size_t *cap, const struct unit *unit)
{
	struct unit *more;

	if (n->n_units == *cap) {
		if (*cap >= UNITS_MAX)
			return false;
		*cap = *cap ? *cap * 2 : 256;
		more = reallocarray(n->units, *cap, sizeof(*more));
		if (!more)
			return false;
		n->units = more;
	}
	n->units[n->n_units++] = *unit;
	return true;
}

static bool add_ranges(struct pf_names *n, size_t *cap, Dwarf_Die *die)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t at = 0;

	while ((at = dwarf_ranges(die, at, &base, &start, &end)) > 0) {
		const struct unit unit = { start, end, dwarf_dieoffset(die) };

		if (start < end && !add_unit(n, cap, &unit))
			return false;
	}
	return true;
}

static int unit_by_start(const void *a, const void *b)
{
	const struct unit *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void read_units(struct pf_names *n)
{
	Dwarf *dwarf = dwarf_of(n);
	Dwarf_CU *cu = NULL;
	size_t cap = 0;
	Dwarf_Die die, sub;
	uint8_t type;

	n->has_units = true;
	if (!dwarf)
		return;
	while (dwarf_get_units(dwarf, cu, &cu, NULL, &type, &die, &sub) == 0) {
		if ((type == DW_UT_compile || type == DW_UT_skeleton) && !add_ranges(n, &cap, &die))
			break;
	}
	if (n->n_units)
		qsort(n->units, n->n_units, sizeof(*n->units), unit_by_start);
}

static bool unit_at(struct pf_names *n, uint64_t address, Dwarf_Die *die)
{
	size_t low = 0, high;

	if (!n->has_units)
		read_units(n);
	high = n->n_units;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (n->units[mid].start <= address)
			low = mid + 1;
		else
			high = mid;
	}
	return low && address < n->units[low - 1].end &&
	       dwarf_offdie(n->dwarf, n->units[low - 1].die, die);
}

static const char *text_of(Dwarf_Die *die, unsigned int attribute)
{
	Dwarf_Attribute attr;

	return dwarf_formstring(dwarf_attr_integrate(die, attribute, &attr));
}

static const char *function_name(Dwarf_Die *die)
{
	const char *name = text_of(die, DW_AT_linkage_name);

	if (!name)
		name = text_of(die, DW_AT_MIPS_linkage_name);
	return name ? name : text_of(die, DW_AT_name);
}

static uint32_t number_of(Dwarf_Die *die, unsigned int attribute)
{
	Dwarf_Attribute attr;
	Dwarf_Word value;

	if (dwarf_formudata(dwarf_attr(die, attribute, &attr), &value) || value > UINT32_MAX)
		return 0;
	return (uint32_t)value;
}

/* Where a function was inlined. */
static void call_of(Dwarf_Die *unit, Dwarf_Die *die, const char **file, uint32_t *line)
{
	const uint32_t index = number_of(die, DW_AT_call_file);
	Dwarf_Files *files;
	size_t n;

	*file = NULL;
	*line = number_of(die, DW_AT_call_line);
	if (!dwarf_getsrcfiles(unit, &files, &n) && index < n)
		*file = dwarf_filesrc(files, index, NULL, NULL);
	if (!*file)
		*line = 0;
}

static void line_of(Dwarf_Die *unit, uint64_t address, const char **file, uint32_t *line)
{
	Dwarf_Line *found = dwarf_getsrc_die(unit, address);
	int number;

	*file = found ? dwarf_linesrc(found, NULL, NULL) : NULL;
	*line = *file && !dwarf_lineno(found, &number) && number > 0 ? (uint32_t)number : 0;
}

/*
 * The scopes that an address is in, innermost first. dwarf_getscopes goes on from an inlined
 * function to where its source is; what is wanted is where it was inlined.
 */
static int scopes_at(Dwarf_Die *unit, uint64_t address, Dwarf_Die **scopes)
{
	_cleanup_free_ Dwarf_Die *nearest = NULL;

	if (dwarf_getscopes(unit, address, &nearest) <= 0)
		return 0;
	return dwarf_getscopes_die(&nearest[0], scopes);
}

/* Functions from the innermost inlined one to the one that has the code; how many there are. */
static size_t find_inlined(struct pf_names *n, uint64_t address, struct pf_name *out, size_t max)
{
	_cleanup_free_ Dwarf_Die *scopes = NULL;
	Dwarf_Die unit;
	const char *file;
	uint32_t line;
	size_t found = 0;
	int n_scopes;

	if (!unit_at(n, address, &unit))
		return 0;
	line_of(&unit, address, &file, &line);
	n_scopes = scopes_at(&unit, address, &scopes);
	for (int i = 0; i < n_scopes && found < max; i++) {
		const int tag = dwarf_tag(&scopes[i]);

		if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram)
			continue;
		out[found++] = (struct pf_name){ .name = function_name(&scopes[i]),
						 .file = file,
						 .line = line,
						 .inlined = tag == DW_TAG_inlined_subroutine };
		if (tag == DW_TAG_subprogram) {
			dwarf_lowpc(&scopes[i], &out[found - 1].start);
			break;
		}
		call_of(&unit, &scopes[i], &file, &line);
	}
	/* The table of lines may know more than the scopes. */
	if (found < max && (!found || out[found - 1].inlined))
		out[found++] = (struct pf_name){ .file = file, .line = line };
	return found;
}

size_t pf_names__find(struct pf_names *n, uint64_t address, bool lines, struct pf_name *out,
		      size_t max)
{
	const struct symbol *s = symbol_at(n, address);
	size_t found = lines ? find_inlined(n, address, out, max) : 0;

	if (!found)
		out[found++] = (struct pf_name){ 0 };
	if (s) {
		out[found - 1].name = s->name;
		out[found - 1].start = s->start;
	}
	return out[found - 1].name ? found : 0;
}

/* ---- functions by name ----------------------------------------------------- */

/* A version may follow the name. */
static int compare_name(const void *key, const void *element)
{
	const char *name = key, *const *wanted = element;
	const size_t len = strcspn(name, "@");
	const int order = strncmp(name, *wanted, len);

	return order ? order : -(*wanted)[len];
}

size_t pf_names__each(struct pf_names *n, const char *const *names, size_t count,
		      void (*seen)(void *ctx, size_t which, uint64_t address, uint64_t size),
		      void *ctx)
{
	int symbols;

	dwarf_of(n);
	symbols = n->module ? dwfl_module_getsymtab(n->module) : 0;
	for (int i = 0; i < symbols; i++) {
		GElf_Sym sym;
		GElf_Addr address;
		GElf_Word shndx;
		const char *name =
			dwfl_module_getsym_info(n->module, i, &sym, &address, &shndx, NULL, NULL);
		const char *const *found;

		if (!name || shndx == SHN_UNDEF || GELF_ST_TYPE(sym.st_info) != STT_FUNC ||
		    GELF_ST_BIND(sym.st_info) == STB_LOCAL)
			continue;
		found = bsearch(name, names, count, sizeof(*names), compare_name);
		if (found)
			seen(ctx, (size_t)(found - names), address, sym.st_size);
	}
	return symbols > 0 ? (size_t)symbols : 0;
}
