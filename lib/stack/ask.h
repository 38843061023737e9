/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is said between the symbolizer and pf-symbolize, its child: packets over
 * a Unix socket, with open files beside them, and one piece of memory for
 * samples and what comes of them. The child believes what it is told; nothing
 * that it answers is believed.
 */
#ifndef PF_LIB_STACK_ASK_H
#define PF_LIB_STACK_ASK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/stack/module.h"
#include "lib/stack/symbolizer.h"
#include "lib/stack/trace.h"

enum pf_ask_op {
	PF_ASK_HELLO = 1, /* file: the shared memory */
	PF_ASK_MODULE,	  /* id, file: an ELF file */
	PF_ASK_DEBUG,	  /* id, file: its separate debug file */
	PF_ASK_SHARED,	  /* id, file: what that shares with others */
	PF_ASK_PERFMAP,	  /* id, file: a perf map, as a module of its own */
	PF_ASK_JVM,	  /* id of a process, n: its libjvm.so, a module; file: its memory. After
			   * its map table */
	PF_ASK_MAPS,	  /* id of a process, n ranges that follow the head */
	/* These are answered: */
	PF_ASK_UNWIND,	/* n samples in the shared memory; the head comes back */
	PF_ASK_INFO,	/* id of a module; struct pf_ask_info */
	PF_ASK_NAMES,	/* id of a module, n addresses follow: one packet of names for each */
	PF_ASK_ENTRIES, /* id of a module, n pf_ask_entry follow, each with its name and a NUL:
			 * the head and n struct pf_entry come back */
};

enum pf_ask_flags {
	PF_ASK_FIRST = 1,	/* of a map table: forget what was said before */
	PF_ASK_LINES = 2,	/* names with lines and inlined functions */
	PF_ASK_HAS_SYMBOLS = 4, /* answer to ENTRIES: the file has symbols, these or others */
};

struct pf_ask {
	uint32_t op;
	uint32_t id;
	uint32_t n;
	uint32_t flags;
	uint32_t abi; /* of a map table */
	uint32_t zero;
};

#define PF_ASK_BYTES_MAX     (64u << 10) /* of a packet */
#define PF_ASK_RANGES_MAX    1024	 /* in one packet */
#define PF_ASK_ADDRESSES_MAX 256

struct pf_ask_info {
	struct pf_ask head;
	uint32_t readable; /* an ELF file that we know */
	struct pf_build_id build_id;
	struct pf_build_id shared_id;
};

/* One name in a packet of them; its two texts follow, without NUL. */
struct pf_ask_name {
	uint64_t start;
	uint32_t line;
	uint16_t name_len; /* 0 = not known */
	uint16_t file_len;
	uint32_t inlined;
	uint32_t zero;
};

#define PF_ASK_ENTRIES_MAX 256

/* A function to be looked for; sorted by name. */
struct pf_ask_entry {
	uint8_t args;
	uint8_t returns;
};

struct pf_ask_sample {
	uint32_t process;
	uint32_t depth;
	uint32_t n_ips; /* > 0: they are in data */
	uint32_t n_parts;
	struct pf_regs regs;
	struct {
		uint64_t address;
		uint32_t len;
		uint32_t at; /* in data */
	} parts[PF_STACK_PARTS_MAX];
	unsigned char data[PF_STACK_BYTES_MAX];
};

struct pf_ask_memory {
	/* What the child is at, for whoever finds it dead: */
	volatile uint32_t busy_module;
	volatile uint32_t busy_sample;
	struct pf_trace out[PF_UNWIND_BATCH];
	struct pf_ask_sample in[PF_UNWIND_BATCH];
};

/*
 * One packet: a head and what follows it, and a file (-1 = none; stays the
 * caller's). Returns 0 or -errno. Receiving: the length, 0 when the other side
 * is gone, -errno (-EAGAIN after the socket's time limit); *fd is -1 or a file
 * that is the caller's now.
 */
int pf_ask_send(int sock, const struct pf_ask *head, const void *body, size_t len, int fd);
ssize_t pf_ask_receive(int sock, void *dst, size_t size, int *fd);

#endif
