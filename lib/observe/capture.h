/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owner of bpf/stacks.bpf.c: samples of page faults with the registers and a
 * copy of the stack at that moment, and word of the processes they come from.
 * Unwinds nothing, names nothing, opens no process's files.
 */
#ifndef PF_LIB_OBSERVE_CAPTURE_H
#define PF_LIB_OBSERVE_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/observe/observe.h"
#include "lib/record/sample.h"

struct pf_error;
struct pf_capture;

#define PF_CAPTURE_REGS	 33
#define PF_CAPTURE_PARTS 8

/* Which process, and when. */
struct pf_capture_head {
	int64_t pid;	   /* in our pid namespace */
	uint32_t tid;	   /* of the thread, in the initial namespace */
	uint32_t tgid;	   /* of the process, there */
	uint64_t start_ns; /* of the process, boot time */
	uint64_t ts_ns;	   /* boot time */
};

struct pf_capture_part {
	uint64_t address;
	uint32_t len; /* bytes */
	const void *data;
};

enum pf_capture_abi {
	PF_CAPTURE_NO_REGS,
	PF_CAPTURE_X86_64,
	PF_CAPTURE_ARM64,
	PF_CAPTURE_32BIT, /* a 32-bit program's registers, which are not told */
};

/* Everything is valid during the call only. */
struct pf_capture_sample {
	struct pf_capture_head head;
	char comm[PF_COMM_LEN];
	uint32_t uid;
	uint32_t serial;  /* of the thread's samples, to know what settles it */
	uint32_t weight;  /* faults that this one stands for */
	uint64_t seen;	  /* faults of the process so far, since we look on */
	uint64_t address; /* of the fault */
	bool user;	  /* taken in user mode */
	enum pf_capture_abi abi;
	uint64_t regs[PF_CAPTURE_REGS]; /* by DWARF's numbers; arm64: 32 is pc */
	const uint64_t
		*kernel; /* innermost first, from where the fault was taken; kernel mode only */
	size_t n_kernel;
	const uint64_t *chain; /* by frame pointers, innermost first, in place of parts */
	size_t n_chain;
	struct pf_capture_part parts[PF_CAPTURE_PARTS]; /* of the stack, upwards */
	size_t n_parts;
};

/* What a sample's fault did. Its serial is the thread's last one, or the sample was lost. */
struct pf_capture_settled {
	struct pf_capture_head head;
	uint32_t serial;
	const char *class; /* "anon", ...: a constant; NULL = cannot be told */
	int64_t pages;	   /* made resident; a copy counts. If the class is known */
};

enum pf_capture_event {
	PF_CAPTURE_HOT,	  /* has come above the rate */
	PF_CAPTURE_COLD,  /* is below it again */
	PF_CAPTURE_EXEC,  /* runs another program from now on */
	PF_CAPTURE_EXIT,  /* has ended */
	PF_CAPTURE_SEEN,  /* told by settle, of each that is hot: its faults so far */
	PF_CAPTURE_NAMED, /* config.pids names it: told during open, before anything else */
};

struct pf_capture_news {
	struct pf_capture_head head;
	enum pf_capture_event event;
	char comm[PF_COMM_LEN];
	uint32_t uid;
	uint64_t seen;
	double rate_per_s; /* HOT, COLD: faults */
};

struct pf_capture_ops {
	void (*sample)(void *ctx, const struct pf_capture_sample *s);
	void (*settled)(void *ctx, const struct pf_capture_settled *s);
	void (*news)(void *ctx, const struct pf_capture_news *n);
	void *ctx;
};

struct pf_capture_config {
	enum pf_backend backend; /* AUTO, TP_BTF or PERF */
	const int64_t *pids;	 /* only these, from their first fault on; borrowed during open */
	size_t n_pids;		 /* 0 = all, each from when it is above min_rate */
	int64_t uid;		 /* only this user's; -1 = all */
	uint32_t hz;		 /* samples a second of each hot process, about */
	uint32_t every;		 /* instead: each thread's every so manyth fault; 0 = by hz */
	uint32_t min_rate;	 /* faults a second */
	bool by_page; /* a page is sampled at each of its faults, or at none: pf_capture_drawn */
	bool chain;   /* walk frame pointers in the kernel */
	size_t ring_bytes; /* made a power of two */
};

/* With by_page: is the page of this address among those sampled at this weight, and at all less? */
bool pf_capture_drawn(uint64_t address, uint32_t weight);

/* Load and attach. NULL with *err filled, errno set. */
struct pf_capture *pf_capture__open(const struct pf_capture_config *config,
				    const struct pf_capture_ops *ops, struct pf_error *err);
void pf_capture__close(struct pf_capture *c); /* NULL-safe; detaches everything */

const char *pf_capture__backend(const struct pf_capture *c);
/* Are class and pages told? */
bool pf_capture__tells_class(const struct pf_capture *c);

/* Capabilities (lib/base/caps.h) that the calls below take. */
uint64_t pf_capture__caps(const struct pf_capture *c);

/* Readable when a process becomes hot, or a quarter of the ring is taken. */
int pf_capture__fd(const struct pf_capture *c);
/* Hand out what waits. */
void pf_capture__drain(struct pf_capture *c);

/*
 * Also those samples whose threads have taken no fault since: settled, if
 * their own is over. 0 or -errno with *err filled.
 */
int pf_capture__settle(struct pf_capture *c, struct pf_error *err);

/* From now on the stacks of the process of this sample are copied deeper: 32 KiB, not 16. */
void pf_capture__deepen(struct pf_capture *c, uint32_t tgid);

struct pf_capture_losses {
	uint64_t samples; /* found no room in the ring */
	uint64_t events;  /* so did what settles them, or word of a process */
	uint64_t faults;  /* were not counted: no memory, or another program was at work */
};

uint64_t pf_capture__samples(const struct pf_capture *c); /* taken, lost ones included */
void pf_capture__losses(const struct pf_capture *c, struct pf_capture_losses *out);

#endif
