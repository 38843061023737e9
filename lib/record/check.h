/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The check record: one question about the machine or a process, and its
 * answer. The names of all checks are here, so that an error can send the
 * reader to the check that explains it and both mean the same.
 */
#ifndef PF_LIB_RECORD_CHECK_H
#define PF_LIB_RECORD_CHECK_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/record/field.h"

/* X(symbol, name), in the order they are made */
#define PF_CHECKS(X)                                                                               \
	X(KERNEL, "kernel-version")                                                                \
	X(ARCH, "arch")                                                                            \
	X(CONFIG, "config")                                                                        \
	X(BPF, "bpf")                                                                              \
	X(JIT, "jit")                                                                              \
	X(BTF, "btf")                                                                              \
	X(LOCKDOWN, "lockdown")                                                                    \
	X(TRACEFS, "tracefs")                                                                      \
	X(TRACEPOINTS, "tracepoints")                                                              \
	X(CGROUP, "cgroup")                                                                        \
	X(PSI, "psi")                                                                              \
	X(THP, "thp")                                                                              \
	X(PROC, "proc")                                                                            \
	X(INSTALL, "install")                                                                      \
	X(TRACERS, "tracers")                                                                      \
	X(CAP_BPF, "cap-bpf")                                                                      \
	X(CAP_PERFMON, "cap-perfmon")                                                              \
	X(CAP_SYS_PTRACE, "cap-sys-ptrace")                                                        \
	X(CAP_SYS_ADMIN, "cap-sys-admin")                                                          \
	X(CAP_SYS_RESOURCE, "cap-sys-resource")                                                    \
	X(CAP_DAC_READ_SEARCH, "cap-dac-read-search")                                              \
	X(CAP_CHECKPOINT_RESTORE, "cap-checkpoint-restore")                                        \
	X(UNPRIVILEGED_BPF, "unprivileged-bpf")                                                    \
	X(PERF_PARANOID, "perf-paranoid")                                                          \
	X(KPTR_RESTRICT, "kptr-restrict")                                                          \
	X(MEMLOCK, "memlock")                                                                      \
	X(OPEN_FILES, "open-files")                                                                \
	X(SECCOMP, "seccomp")                                                                      \
	X(NAMESPACES, "namespaces")                                                                \
	X(ITER, "iter")                                                                            \
	X(TP_BTF, "tp-btf")                                                                        \
	X(FENTRY, "fentry")                                                                        \
	X(TRACEPOINT, "tracepoint")                                                                \
	X(PERF_EVENT, "perf-event")                                                                \
	X(TASK_STORAGE, "task-storage")                                                            \
	X(RING_BUFFER, "ring-buffer")                                                              \
	X(COUNTERS, "counters")                                                                    \
	X(PROC_PASS, "proc-pass")                                                                  \
	X(HASH, "hash")                                                                            \
	X(PERF_BUFFER, "perf-buffer")                                                              \
	X(PLAIN, "plain")                                                                          \
	X(RSS, "rss")                                                                              \
	X(UPROBE, "uprobe")                                                                        \
	X(KPROBE, "kprobe")                                                                        \
	X(PFSTAT, "pfstat")                                                                        \
	X(PFLEAK, "pfleak")                                                                        \
	X(PFSTACK, "pfstack")                                                                      \
	X(EXACT, "exact")                                                                          \
	X(COST, "cost")                                                                            \
	X(LOSS, "loss")                                                                            \
	X(SYSTEM, "system")                                                                        \
	X(TOP, "top")                                                                              \
	X(PROCESS, "process")                                                                      \
	X(CONTAINER, "container")                                                                  \
	X(LIMITS, "limits")                                                                        \
	X(SMAPS, "smaps")                                                                          \
	X(ALLOCATOR, "allocator")                                                                  \
	X(FRAME_POINTERS, "frame-pointers")                                                        \
	X(UNWIND_TABLES, "unwind-tables")                                                          \
	X(DEBUG_INFO, "debug-info")                                                                \
	X(PERF_MAP, "perf-map")                                                                    \
	X(STACKS, "stacks")

enum pf_check_id {
#define PF_CHECK_ENUM(symbol, name) PF_CHECK_##symbol,
	PF_CHECKS(PF_CHECK_ENUM)
#undef PF_CHECK_ENUM
		PF_CHECKS_N,
};

/* "fentry"; what `pfdiag --only` takes. */
const char *pf_check_name(enum pf_check_id id);
/* -1 for none of them. */
int pf_check_of(const char *name, size_t len);

enum pf_check_status {
	PF_CHECK_OK,
	PF_CHECK_WARN, /* less service */
	PF_CHECK_FAIL, /* a tool does not work, or its figures are wrong */
	PF_CHECK_SKIP, /* cannot be told here, or does not matter here */
	PF_CHECK_STATUSES,
};

/* "ok", "warn", "fail", "skip" */
const char *pf_check_status_name(enum pf_check_status status);

#define PF_CHECK_VALUES_MAX 64
#define PF_CHECK_TEXT	    1024

/* A figure that was found, in raw units that its key names. */
struct pf_check_value {
	char key[40];
	double value; /* NaN = cannot tell */
};

/* Texts may hold foreign bytes; "" = nothing to say. */
struct pf_check {
	double ts;
	const char *id;
	const char *status;
	int64_t pid; /* PF_UNKNOWN: it is about the machine */
	char found[PF_CHECK_TEXT];
	char why[PF_CHECK_TEXT];
	char remedy[PF_CHECK_TEXT];
	enum pf_check_id check;
	enum pf_check_status verdict;
	size_t n_values;
	struct pf_check_value values[PF_CHECK_VALUES_MAX];
};

/* Without the values. */
extern const struct pf_field pf_check_fields[];
extern const size_t pf_check_n_fields;

void pf_check_init(struct pf_check *c, enum pf_check_id id, int64_t pid);
void pf_check_judge(struct pf_check *c, enum pf_check_status status);

/* One more figure; beyond PF_CHECK_VALUES_MAX and longer keys are a bug of the caller: left out. */
void pf_check_value(struct pf_check *c, double value, const char *key, ...)
	__attribute__((format(printf, 3, 4)));
/* NaN where there is none of that key. */
double pf_check_value_of(const struct pf_check *c, const char *key);

/* The record with "values", an object; NULL without memory. */
json_t *pf_check_json(const struct pf_check *c);

#endif
