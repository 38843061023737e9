/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unwinds and names places in code. What other users wrote (ELF, unwind
 * tables, DWARF, perf maps) is read by pf-symbolize, a child without
 * privileges that is handed open files; this is the parent's side. The child
 * may die of what it reads: then it is started again, told what it has to
 * know, and what it died of is left out from then on and counted. Kernel
 * symbols are read here, from /proc/kallsyms. Nothing goes to the network.
 *
 * One thread. Memory is bounded by the maxima below. What needs privileges is
 * opened by __new (kallsyms), or by the caller; perf maps and debug files are
 * opened later, in other mount namespaces by CAP_SYS_PTRACE (for /proc/PID/root)
 * and CAP_DAC_READ_SEARCH.
 */
#ifndef PF_LIB_STACK_SYMBOLIZER_H
#define PF_LIB_STACK_SYMBOLIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/stack/trace.h"

struct pf_error;
struct pf_symbolizer;

#define PF_MODULES_MAX	  4096	     /* files known at a time; each keeps a descriptor open here */
#define PF_PROCESSES_MAX  4096	     /* map tables known at a time */
#define PF_RANGES_MAX	  8192	     /* in one map table; what is more is not known */
#define PF_RANGES_ALL_MAX (1u << 20) /* in all map tables; then those not used for longest go */
#define PF_UNWIND_BATCH	  32	     /* samples that are queued before they are unwound */
#define PF_SYMBOLS_MAX	  65536 /* places whose names are kept; all are forgotten by __renew then */

struct pf_symbolizer_options {
	const char *program;	/* NULL = pf-symbolize as it is installed */
	const char *proc_root;	/* "/proc" */
	const char *debug_root; /* "/usr/lib/debug"; NULL = no separate debug files */
	/* A note for the user, one sentence, safe to print; NULL = none. */
	void (*note)(void *ctx, const char *text);
	void *ctx;
};

/* Starts the child. NULL with *err filled. Options are copied, their strings borrowed. */
struct pf_symbolizer *pf_symbolizer__new(const struct pf_symbolizer_options *options,
					 struct pf_error *err);
void pf_symbolizer__free(struct pf_symbolizer *s); /* NULL-safe; ends the child */

/* ---- what is mapped -------------------------------------------------------- */

/* What tells one file from another, from stat(2): also a file that was replaced in place. */
struct pf_module_key {
	uint64_t dev;
	uint64_t ino;
	uint64_t size_bytes;
	int64_t mtime_ns;
};

/* The id of a file that is known, or PF_MODULE_NONE. Saves opening it again. */
uint32_t pf_symbolizer__find_module(struct pf_symbolizer *s, const struct pf_module_key *key);

/*
 * Makes a file known. Takes fd, open for reading, in any case; only regular
 * files. name is what is shown: the path in the process, as in its maps (raw
 * bytes; " (deleted)" is left out). Returns the id (> 0), the old one if the
 * file is known already; or -errno: -ENFILE there are PF_MODULES_MAX,
 * -EINVAL no regular file, -ENOMEM.
 */
int64_t pf_symbolizer__add_module(struct pf_symbolizer *s, const char *name, int fd);

/* The vdso, which is the same in every process: copied from our own. PF_MODULE_NONE without one. */
uint32_t pf_symbolizer__vdso(struct pf_symbolizer *s);

struct pf_map_range {
	uint64_t start; /* addresses; end is the first one beyond */
	uint64_t end;
	uint64_t offset; /* in the module's file, of start; bytes */
	uint32_t module; /* PF_MODULE_NONE = code that is in no file we have: JIT */
	uint32_t zero;
};

/* A process as far as this needs to know it. */
struct pf_map_owner {
	int64_t pid;   /* below proc_root */
	int64_t nspid; /* its own idea of it, which is in the name of its perf map */
	uint64_t start_ns;
	uid_t uid; /* its perf map must be this user's, or root's */
	enum pf_abi abi;
};

/*
 * Gives a process (pid and start_ns) its table of executable ranges, or a new
 * one in place of the old. Ranges are copied; in any order, overlaps are cut.
 * Returns its id (> 0), the same each time; or -errno: -ENOMEM, -E2BIG beyond
 * PF_RANGES_MAX (nothing is changed). When PF_PROCESSES_MAX are known, or
 * PF_RANGES_ALL_MAX would be, those not used for longest are forgotten: their
 * ids give traces of PF_STOP_MAP.
 *
 * A perf map (/tmp/perf-PID.map in its own root) is opened here if there is
 * code without a file and the map can be trusted: a regular file, no link, its
 * own user's. It is read again when it has grown.
 */
int64_t pf_symbolizer__set_maps(struct pf_symbolizer *s, const struct pf_map_owner *owner,
				const struct pf_map_range *ranges, size_t n);
void pf_symbolizer__forget_maps(struct pf_symbolizer *s, uint32_t process);

/* ---- unwinding ------------------------------------------------------------- */

struct pf_unwind_sample {
	uint32_t process;    /* id of its map table */
	uint32_t depth;	     /* frames at most, 1...PF_FRAMES_MAX */
	struct pf_regs regs; /* of the abi of its map table */
	const uint64_t *ips; /* instead of a stack: a chain that is known, innermost first, */
	uint32_t n_ips;	     /* which is only put into its modules (--unwind fp) */
	uint32_t n_parts;    /* of the copy of the stack */
	struct pf_stack_part parts[PF_STACK_PARTS_MAX];
};

/* Called from __queue and __unwind, in the order of queueing. The trace is borrowed. */
typedef void (*pf_unwound_fn)(void *ctx, uint64_t cookie, const struct pf_trace *trace);

/*
 * Takes a copy of a sample (all of it: the caller's memory is free again), to
 * be unwound with others: when PF_UNWIND_BATCH are together, or by __unwind.
 * Never fails: what cannot be unwound comes out as a trace that says so.
 */
void pf_symbolizer__queue(struct pf_symbolizer *s, const struct pf_unwind_sample *sample,
			  uint64_t cookie, pf_unwound_fn unwound, void *ctx);

/* Unwinds what is queued: everything has been handed out when it returns. Waits for the child:
 * well under a millisecond as a rule, seconds where it meets a file that is slow to read. */
void pf_symbolizer__unwind(struct pf_symbolizer *s);

/* ---- names ----------------------------------------------------------------- */

#define PF_NAME_MAX 511 /* bytes of a symbol or a file name; longer ones are cut, with "..." */

/* One name of a place. Strings are raw bytes, never NULL where not said so. */
struct pf_symbol {
	const char *name;     /* demangled, without parameters; NULL = not known */
	uint64_t offset;      /* of ip from the start of it; without a name: ip's in the module, as
			   * its symbols count */
	const char *module;   /* path, "[vdso]", "[kernel]", "[nf_tables]", "[jit]"; NULL */
	const char *build_id; /* hex; NULL */
	const char *file;     /* NULL = not known */
	uint32_t line;	      /* 0 = not known */
	bool inlined;	      /* into the next one */
};

/*
 * Finds the names of these places and keeps them: those that are known already
 * cost nothing. With `lines`, file and line and inlined functions too, which
 * reads debug information and may take seconds: for reports.
 */
void pf_symbolizer__resolve(struct pf_symbolizer *s, const struct pf_frame *frames, size_t n,
			    bool lines);

/*
 * A report begins: code that is made at run time may have other names than in
 * the last one. What __symbols gave is valid no more.
 */
void pf_symbolizer__renew(struct pf_symbolizer *s);

/*
 * The names of a place, innermost first: one, and those it is inlined into.
 * At least one, without a name where none was found or __resolve was not
 * asked. Valid until the next __renew. Fills in the offset for this ip.
 */
#define PF_INLINED_MAX 32
size_t pf_symbolizer__symbols(struct pf_symbolizer *s, const struct pf_frame *frame,
			      struct pf_symbol out[PF_INLINED_MAX]);

/* ---- functions ------------------------------------------------------------- */

/* A function that is looked for by its name, and where a probe would be put (lib/stack/entry.h). */
struct pf_entry_wanted {
	const char *name; /* as symbols have it, mangled */
	uint8_t args;	  /* bit i: its argument i is needed */
	bool returns;	  /* its return is trapped, too */
};

struct pf_entry {
	uint64_t address; /* as the module's symbols count; 0 = there is none */
	uint64_t size;	  /* bytes; 0 = not told */
	uint64_t offset;  /* in the file, of the instruction for the probe */
	uint32_t at;	  /* that one's distance from the beginning */
	uint8_t cheap;
	int8_t args
		[4]; /* the machine's numbers of the registers that have the arguments there; -1 */
	uint8_t zero[3];
};

/*
 * Looks for functions of a module that others may call; wanted are sorted by
 * name, at most PF_ENTRIES_MAX. 0; -ENODATA where its file has no symbols at
 * all, or another -errno where nothing can be told.
 */
#define PF_ENTRIES_MAX 256
int pf_symbolizer__entries(struct pf_symbolizer *s, uint32_t module,
			   const struct pf_entry_wanted *wanted, size_t n, struct pf_entry *out);

/* A module's file, which stays the symbolizer's, and its name; -1, NULL = not known. */
int pf_symbolizer__file(struct pf_symbolizer *s, uint32_t module);
const char *pf_symbolizer__name(struct pf_symbolizer *s, uint32_t module);

/* ---- what went wrong ------------------------------------------------------- */

struct pf_symbolizer_stats {
	uint64_t unwound; /* samples, with what became of them: */
	uint64_t stops[PF_TRACE_STOPS];
	uint64_t restarts;    /* the child died or hung */
	uint64_t bad_modules; /* files that it died of, and that are left out since */
	uint64_t unnamed;     /* places for whose names there was no room, since __renew */
	bool kernel_hidden;   /* kptr_restrict shows kernel addresses as zero */
	bool dead;	      /* it dies too often: no more samples are given to it */
};

const struct pf_symbolizer_stats *pf_symbolizer__stats(const struct pf_symbolizer *s);

#endif
